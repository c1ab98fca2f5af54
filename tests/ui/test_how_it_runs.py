"""How one node runs: id, retries, errors, time, a pinned file, and what it waits for, in the form and with the key C."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QMenu, QToolButton

from tisserand.model.flow import Flow, Frame, Node, Ref, Retry
from tisserand.ui.chooser import Chooser
from tisserand.ui.nodeview import NodeView
from tisserand.ui.panels.editors import LineEditor
from tisserand.ui.panels.nodesettings import HowForm, NodeSettings
from tisserand.ui.panels.orders import OrdersEditor
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton


def three(window: Window) -> None:
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "file.write_csv"),
        "t": Node("t", "trigger.manual"),
    }
    layout = {"a": (0, 0), "b": (300, 0), "c": (300, 120), "t": (0, 120)}
    window.document.show(Flow("f", nodes=nodes, frames={"box": Frame("box", "Box", ("b",))}, layout=layout))
    window.canvas.fit()
    QApplication.processEvents()


def section(window: Window) -> NodeSettings:
    found = window.inspector.how
    assert found is not None
    return found


def opened(window: Window, id: str) -> HowForm:
    window.scene.select([id])
    QApplication.processEvents()
    how = section(window)
    if not how.head.isChecked():
        window.inspector.area.ensureWidgetVisible(how.head)
        QTest.mouseClick(how.head, LEFT)
    QApplication.processEvents()
    assert how.form is not None and how.form.isVisible()
    return how.form


def line(form: HowForm, name: str) -> QLineEdit:
    editor = form.parts[name].editor
    assert isinstance(editor, LineEditor)
    return editor.line


def write(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def node(window: Window, id: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(window.document.text())["nodes"][id]
    return found


def sheet(window: Window) -> Chooser:
    found = [each for each in window.findChildren(Chooser) if each.isVisible()]
    assert len(found) == 1
    return found[0]


def offered(found: Chooser) -> list[tuple[str, str]]:
    choices = [found.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(found.list.count())]
    return [(choice.title, choice.detail) for choice in choices]


def test_the_section_waits_closed_and_says_what_is_set(window: Window) -> None:
    three(window)
    window.scene.select(["b"])
    assert section(window).form is None and section(window).head.text() == "How it runs"
    form = opened(window, "b")
    write(line(form, "timeout"), "30s")
    assert section(window).head.text() == "How it runs (1)"
    # Once opened, it stands open for the next node, too.
    window.scene.select(["a"])
    assert section(window).head.isChecked() and section(window).form is not None


def test_retries(window: Window) -> None:
    three(window)
    form = opened(window, "b")
    assert form.parts["wait"].holder.isHidden()
    write(line(form, "attempts"), "3")
    assert window.document.flow.nodes["b"].retry == Retry(3) and not form.parts["wait"].holder.isHidden()
    write(line(form, "wait"), "5")
    wrong = form.parts["wait"].wrong
    assert window.document.flow.nodes["b"].retry == Retry(3, "10s") and "min" in wrong.text()
    QTest.keyClicks(line(form, "wait"), "s")
    assert wrong.isHidden()
    write(line(form, "factor"), "0")
    assert not form.parts["factor"].wrong.isHidden()
    write(line(form, "factor"), "3")
    assert node(window, "b")["retry"] == {"attempts": 3, "wait": "5s", "factor": 3}
    write(line(form, "attempts"), "1")
    assert "retry" not in node(window, "b")
    window.actions_["undo"].trigger()
    assert node(window, "b")["retry"] == {"attempts": 3, "wait": "5s", "factor": 3}


def test_errors_and_time_in_words(window: Window) -> None:
    three(window)
    form = opened(window, "b")
    combo = form.parts["on_error"].editor.findChild(QComboBox)
    assert combo is not None and combo.currentText() == "Stop the run"
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert node(window, "b")["on_error"] == "continue" and "on_error" in window.actions_["undo"].text()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert node(window, "b")["on_error"] == "route"
    QTest.keyClick(combo, Qt.Key.Key_Home)
    assert "on_error" not in node(window, "b")
    write(line(form, "timeout"), "2 weeks")
    assert "timeout" not in node(window, "b") or node(window, "b")["timeout"] != "2 weeks"
    assert not form.parts["timeout"].wrong.isHidden()
    write(line(form, "timeout"), "2h")
    assert node(window, "b")["timeout"] == "2h" and form.parts["timeout"].wrong.isHidden()
    box = form.parts["disabled"].editor.focusProxy()
    assert box is not None
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert node(window, "b")["disabled"] is True and window.scene.cards["b"].disabled


def test_a_pinned_file_is_picked(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three(window)
    window.inspector.context.workspace = tmp_path
    form = opened(window, "b")
    write(line(form, "pinned"), "data/x.csv")
    assert "Parquet" in form.parts["pinned"].wrong.text() and "pinned" not in node(window, "b")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(tmp_path / "data" / "x.parquet"), ""))
    button = form.parts["pinned"].holder.findChild(QToolButton)
    assert button is not None
    QTest.mouseClick(button, LEFT)
    assert node(window, "b")["pinned"] == "data/x.parquet" and form.parts["pinned"].wrong.isHidden()
    # What gives no rows cannot be pinned.
    assert "pinned" not in opened(window, "c").parts and "pinned" not in opened(window, "t").parts


def test_a_node_gets_another_id_and_everything_follows(window: Window) -> None:
    three(window)
    form = opened(window, "a")
    for text, words in (("B 2", "small letters"), ("b", "taken"), ("box", "taken")):
        write(line(form, "id"), text)
        QTest.keyClick(line(form, "id"), Qt.Key.Key_Return)
        assert words in form.parts["id"].wrong.text() and list(window.document.flow.nodes) == ["a", "b", "c", "t"]
    write(line(form, "id"), "flights")
    assert list(window.document.flow.nodes) == ["a", "b", "c", "t"]
    QTest.keyClick(line(form, "id"), Qt.Key.Key_Return)
    assert list(window.document.flow.nodes) == ["flights", "b", "c", "t"]
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("flights"),)}
    assert window.document.flow.layout["flights"] == (0, 0)
    # The node stays selected and the keyboard where it was.
    assert list(window.scene.selection) == ["flights"] and window.inspector.node == "flights"
    QApplication.processEvents()
    assert QApplication.focusWidget() is line(opened(window, "flights"), "id")
    window.actions_["undo"].trigger()
    assert list(window.document.flow.nodes) == ["a", "b", "c", "t"] and list(window.scene.selection) == ["a"]
    window.actions_["redo"].trigger()
    assert list(window.scene.selection) == ["flights"]


def test_an_id_half_typed_is_dropped_with_its_form(window: Window) -> None:
    three(window)
    write(line(opened(window, "a"), "id"), "half")
    window.scene.select(["b"])
    QApplication.processEvents()
    assert list(window.document.flow.nodes) == ["a", "b", "c", "t"]


def test_the_node_at_large_goes_along(window: Window) -> None:
    three(window)
    window.scene.select(["a"])
    window.actions_["enlarge"].trigger()
    view = window.findChild(NodeView)
    assert view is not None
    QApplication.processEvents()
    assert view.inspector.how is not None
    view.inspector.focus_field("id")
    QApplication.processEvents()
    assert view.inspector.how.form is not None
    write(line(view.inspector.how.form, "id"), "flights")
    QTest.keyClick(line(view.inspector.how.form, "id"), Qt.Key.Key_Return)
    assert view.isVisible() and view.node == "flights" and view.inspector.node == "flights"
    view.close()


def test_a_problem_leads_to_the_setting(window: Window) -> None:
    three(window)
    window.scene.select(["b"])
    window.inspector.focus_field("retry.wait")
    found = section(window).form
    assert found is not None and QApplication.focusWidget() is line(found, "attempts")
    window.inspector.focus_field("config.where")
    assert window.inspector._fields["where"][0].isAncestorOf(QApplication.focusWidget())


def test_the_section_follows_the_colours(window: Window) -> None:
    three(window)
    opened(window, "b")
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    before = section(window).head.icon().pixmap(16).toImage()
    try:
        theme().apply(made, "dark")
        assert section(window).head.isChecked()
        assert section(window).head.icon().pixmap(16).toImage() != before
    finally:
        theme().apply(made, "light")


# -- after ---------------------------------------------------------------------------------------------------------------


def orders(form: HowForm) -> OrdersEditor:
    editor = form.parts["after"].editor
    assert isinstance(editor, OrdersEditor)
    return editor


def test_orders_are_added_changed_and_removed_in_the_form(window: Window) -> None:
    three(window)
    editor = orders(opened(window, "c"))
    window.inspector.area.ensureWidgetVisible(editor.add)
    editor.add.setFocus()
    QTest.keyClick(editor.add, Qt.Key.Key_Space)
    found = sheet(window)
    QTest.keyClicks(found.search, "filter")
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert node(window, "c")["after"] == {"b": "done"}
    combo = editor.rows[0].findChild(QComboBox)
    assert combo is not None
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_End)
    assert node(window, "c")["after"] == {"b": "undo"}
    QTest.keyClick(combo, Qt.Key.Key_Up)
    assert combo.currentText() == "in any case" and node(window, "c")["after"] == {"b": "always"}
    assert ("b", "always", "c", "@after") in window.scene.wires
    remove = editor.rows[0].findChild(QToolButton)
    assert remove is not None
    QTest.mouseClick(remove, LEFT)
    assert "after" not in node(window, "c") and not editor.rows
    window.actions_["undo"].trigger()
    assert node(window, "c")["after"] == {"b": "always"} and len(editor.rows) == 1


def test_a_wheel_over_an_order_changes_nothing(window: Window) -> None:
    three(window)
    window.document.set_node("c", after={"b": "done"})
    editor = orders(opened(window, "c"))
    combo = editor.rows[0].findChild(QComboBox)
    assert combo is not None
    window.inspector.area.ensureWidgetVisible(combo)
    middle = QPointF(combo.rect().center())
    turn = QWheelEvent(
        middle,
        QPointF(combo.mapToGlobal(combo.rect().center())),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, turn)
    assert node(window, "c")["after"] == {"b": "done"}


def test_no_order_in_a_circle_is_offered(window: Window) -> None:
    three(window)
    editor = orders(opened(window, "a"))
    QTest.mouseClick(editor.add, LEFT)
    found = sheet(window)
    # `b` needs `a`; `a` itself never.
    assert sorted(choice for _title, choice in offered(found)) == ["c", "t"]
    QTest.keyClick(found.search, Qt.Key.Key_Escape)
    assert "after" not in opened(window, "t").parts


def test_an_order_by_the_key_c(window: Window) -> None:
    three(window)
    # “Read CSV” has no input that could be wired, but it may wait; the trigger never does.
    window.scene.select(["c"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_C)
    found = sheet(window)
    assert {title for title, _detail in offered(found)} == {window.scene.cards[id].shown.title for id in ("a", "b")}
    QTest.keyClicks(found.search, "read csv after failed")
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert node(window, "a")["after"] == {"c": "failed"}
    assert "after" in window.actions_["undo"].text()
    # Now `c` could not run after `a`, or after `b`, which needs it.
    window.scene.select(["a"])
    QTest.keyClick(window.canvas, Qt.Key.Key_C)
    found = sheet(window)
    assert not [detail for title, detail in offered(found) if title == window.scene.cards["c"].shown.title]
    QTest.keyClick(found.search, Qt.Key.Key_Escape)
    window.actions_["undo"].trigger()
    assert "after" not in node(window, "a")


def test_inputs_stand_before_orders(window: Window) -> None:
    three(window)
    window.scene.select(["a"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_C)
    found = sheet(window)
    details = [detail for _title, detail in offered(found)]
    first = next(place for place, detail in enumerate(details) if "run after" in detail)
    assert first > 0 and all("run after" in detail for detail in details[first:])
    QTest.keyClick(found.search, Qt.Key.Key_Escape)


def test_the_menu_of_a_node_has_groups_and_the_debugger(window: Window) -> None:
    three(window)
    window.scene.select(["b"])
    window.desk._menu(window.mapToGlobal(window.rect().center()))
    menu = next(each for each in window.findChildren(QMenu) if each.isVisible())
    shown = {action.objectName() for action in menu.actions()}
    assert {"group", "breakpoint", "run_to"} <= shown and "enter" not in shown
    menu.close()
    nodes = {"s": Node("s", "flow.call")}
    window.document.show(Flow("f", nodes=nodes, layout={"s": (0, 0)}))
    window.scene.select(["s"])
    window.desk._menu(window.mapToGlobal(window.rect().center()))
    menu = next(each for each in window.findChildren(QMenu) if each.isVisible())
    assert {"enter", "ungroup"} <= {action.objectName() for action in menu.actions()}
    menu.close()
