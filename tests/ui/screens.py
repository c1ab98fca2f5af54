"""More screens for the pictures: the sheets that open by typing, a run under way, the far view, odd nodes, every small dialog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QMessageBox, QToolTip, QWidget

from tisserand.model.flow import Flow, Node, Ref
from tisserand.ui import dialogs
from tisserand.ui.chooser import Chooser
from tisserand.ui.panels.cellview import show_cell
from tisserand.ui.theme import Mode, theme
from tisserand.ui.window import Window

Until = Callable[..., bool]
MODES: tuple[Mode, Mode] = ("light", "dark")

NESTED = {"order": 10004, "customer": {"name": "Durand SA", "country": "FR"}, "lines": [{"item": "A-17", "count": 3}]}


def sheets(window: Window, shooter: Any, until: Until) -> None:
    """What opens by typing: add a node behind another, wire it, find an action."""
    window.scene.select(["customers"])
    for action, screen in (("quick_add", "quick-add"), ("connect", "wire-to"), ("commands", "commands")):
        window.actions_[action].trigger()
        sheet = window.findChildren(Chooser)[-1]
        if action == "commands":
            QTest.keyClicks(sheet.search, "align")
        until(lambda: False, 0.1)
        shooter.take(window, screen)
        sheet.leave()
        until(lambda: False, 0.1)


def under_way(window: Window, shooter: Any, until: Until) -> None:
    """In the middle of a run, and what a wire tells after it."""
    window.scene.select([])
    for mode in MODES:
        theme().apply(shooter.application, mode)
        window.resize(1280, 800)
        window.canvas.first_sight()
        window.actions_["run"].trigger()
        until(lambda: any(card.standing.state == "running" for card in window.scene.cards.values()), 20)
        shooter.snap(window, "running", mode, (1280, 800))
        until(lambda: not window.runner.running, 60)
    wire = next(iter(window.scene.wires))
    window.desk.peek.show(wire, window.canvas.viewport().mapToGlobal(QPoint(120, 40)))
    until(lambda: QToolTip.isVisible() and "12" in QToolTip.text(), 10)
    label = next((each for each in QApplication.topLevelWidgets() if each.objectName() == "qtooltip_label"), None)
    if label is not None:
        shooter.take(window, "wire-at-a-glance", label)
    QToolTip.hideText()


def panels(window: Window, shooter: Any, until: Until) -> None:
    """The outline, columns and types, JSON, and a formula that is being written."""
    window.show_side("bottom", window.outline)
    window.scene.select(["named"])
    shooter.take(window, "outline")
    window.show_side("bottom", window.data)
    for view in ("schema", "json"):
        window.data.show_view(view)
        until(lambda: len(window.data.text.toPlainText()) > 20, 10)
        shooter.take(window, f"data-as-{view}")
    window.data.show_view("table")
    window.scene.select(["paid"])
    editor = window.inspector._fields["where"][0].formula
    editor.text.setFocus()
    editor.text.setPlainText("amount > 100 and ro")
    QTest.keyClick(editor.text, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    editor.text.offer(asked=True)
    until(lambda: False, 0.6)
    shooter.take(window, "formula")
    shooter.take(window, "formula-offers", editor.text.offers)
    editor.text.offers.hide()
    window.document.undo()


def forms(window: Window, shooter: Any, until: Until) -> None:
    """The flow's own form, how a node runs, a table of columns, the connections of the workspace."""
    window.scene.select([])
    shooter.take(window, "flow-form")
    window.scene.select(["orders"])
    how = window.inspector.how
    assert how is not None
    how.head.setChecked(True)
    until(lambda: False, 0.1)
    window.inspector.area.ensureWidgetVisible(how.head, 0, 10_000)
    bar = window.inspector.area.verticalScrollBar()
    for mode in MODES:
        theme().apply(shooter.application, mode)
        bar.setValue(bar.maximum())
        until(lambda: False, 0.1)
        shooter.snap(window, "how-it-runs", mode, (window.width(), window.height()))
    window.document.put("table.select", (264.0, 264.0), source=("orders", "rows"))
    until(lambda: bool(window.desk.findings.schemas.get("select")), 10)
    window.scene.select(["select"])
    shooter.take(window, "columns-table")
    window.document.undo()
    window.actions_["connections"].trigger()
    dialog = window.findChild(QDialog, "connections")
    if dialog is not None:
        until(lambda: False, 0.2)
        shooter.take(window, "connections", dialog)
        dialog.close()


def odd(window: Window, shooter: Any, until: Until) -> None:
    """Nodes of kinds that are not installed, long names, a form with everything in it; and two thousand nodes from far away."""
    nodes = {
        "strange": Node("strange", "acme.teleport", config={"to": "the moon", "fast": True}),
        "long": Node("long", "table.filter", title="A name that somebody wrote without thinking of the card " * 9),
        "hebrew": Node("hebrew", "table.sort", title="מיון לפי לקוח וסכום", inputs={"table": (Ref("strange"),)}),
        "emoji": Node("emoji", "table.union", title="🚚 Deliveries & <returns>"),
        "service": Node("service", "http.request", config={"connection": "crm", "path": "/orders"}),
    }
    layout = {"strange": (0.0, 0.0), "long": (264.0, 0.0), "hebrew": (528.0, 0.0), "emoji": (0.0, 96.0), "service": (264.0, 96.0)}
    window.document.show(Flow("odd", title="Odd nodes", nodes=nodes, layout=layout))
    window.scene.select(["service"])
    shooter.take(window, "odd-nodes")
    many = {
        f"n{i}": Node(f"n{i}", ("file.read_csv", "table.filter", "table.join", "file.write_csv")[i % 4],
                      inputs={("left" if i % 4 == 2 else "table"): (Ref(f"n{i - 1}"),)} if i % 4 else {})
        for i in range(2000)
    }  # fmt: skip
    places = {f"n{i}": (float(i % 40) * 264 + (i // 400) * 40, float(i // 40) * 104) for i in range(2000)}
    window.document.show(Flow("far", title="Two thousand nodes", nodes=many, layout=places))
    window.canvas.fit()
    shooter.take(window, "far-away", fit=True)
    window.desk.sheets.abandon()
    window.document.new()


def small_dialogs(window: Window, shooter: Any, until: Until, flow: Path) -> None:
    """Questions and small windows."""

    def shot(screen: str, kind: type[QWidget]) -> None:
        box = next((each for each in window.findChildren(kind) if each.isVisible()), None)
        if box is not None:
            shooter.take(window, screen, box)
            box.close()

    lines = ("Ask Ann before changing this.", "the old one")
    for screen, ask in (
        ("save-question", lambda: dialogs.ask_to_save(window, "Orders by customer")),
        ("run-question", lambda: dialogs.ask_about_run(window, "Orders by customer")),
        ("comments-question", lambda: dialogs.ask_about_comments(window, "late-orders.yaml", lines)),
        ("overwrite-question", lambda: dialogs.ask_to_overwrite(window, "late-orders.yaml")),
    ):
        QTimer.singleShot(300, window, lambda screen=screen: shot(screen, QMessageBox))  # type: ignore[misc]
        ask()
    cell = show_cell(window, "order", "struct", 4, NESTED)
    until(lambda: False, 0.1)
    shooter.take(window, "cell", cell)
    cell.reject()
    problems = dialogs.tell_broken(window, "orders.bin", window.document.open(flow.parent / "missing.yaml"))
    until(lambda: False, 0.1)
    shooter.take(window, "cannot-be-opened", problems)
    problems.accept()
    window.desk.load(flow)
    until(lambda: not window.desk.disk.loading and bool(window.scene.cards))
    window.scene.select(["paid", "named"])
    window.actions_["group"].trigger()
    until(lambda: False, 0.1)
    shot("sub-flow", QInputDialog)
    until(lambda: False, 0.1)
