"""A whole flow by keyboard alone: built, configured, run and looked at, while any mouse event is an error; and what screen readers see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tisserand.ui.theme import theme, tokens
from tisserand.ui.window import Window

LONG = 60_000
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class NoMouse(QObject):
    """Collects every mouse event: there must be none."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kinds = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick, QEvent.Type.Wheel)
        if event.type() in kinds or isinstance(event, QMouseEvent):
            self.seen.append(f"{event.type()} on {watched}")
        return False


@pytest.fixture
def no_mouse(qapp: QApplication) -> Iterator[NoMouse]:
    watcher = NoMouse()
    qapp.installEventFilter(watcher)
    yield watcher
    qapp.removeEventFilter(watcher)
    assert watcher.seen == []


def focused() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


def press(key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """To whatever has the focus, as a keyboard does."""
    QTest.keyClick(focused(), key, keys)
    QApplication.processEvents()


def type_in(text: str) -> None:
    QTest.keyClicks(focused(), text)
    QApplication.processEvents()


def add(words: str) -> None:
    press(Qt.Key.Key_Slash)
    type_in(words)
    press(Qt.Key.Key_Return)


def to_field(name: str, most: int = 40) -> None:
    """Tab on until a field of that name has the focus."""
    for _step in range(most):
        if focused().accessibleName() == name:
            return
        press(Qt.Key.Key_Tab)
    raise AssertionError(f"no way to “{name}” by Tab; last: {focused()} “{focused().accessibleName()}”")


def test_a_flow_by_keyboard_alone(
    window: Window, demo: Path, tmp_path: Path, qtbot: QtBot, no_mouse: NoMouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.runner.root = window.inspector.context.workspace = demo.parent.parent
    window.activateWindow()
    window.canvas.setFocus()
    QApplication.processEvents()
    # Build: each node lands behind the selected one, wired.
    add("read csv")
    add("filter rows")
    add("sort")
    add("write excel")
    nodes = window.document.flow.nodes
    assert list(nodes) == ["read_csv", "filter", "sort", "write_excel"]
    # Configure: to the node by arrows, to its settings by Enter, from field to field by Tab.
    press(Qt.Key.Key_Return)
    to_field("Path")
    type_in("out/keys.xlsx")
    window.actions_["outline"].trigger()
    press(Qt.Key.Key_Home)
    press(Qt.Key.Key_Return)
    to_field("Path")
    type_in("data/orders.csv")
    window.canvas.setFocus()
    assert list(window.scene.selection) == ["read_csv"]
    press(Qt.Key.Key_Right)
    assert list(window.scene.selection) == ["filter"]
    press(Qt.Key.Key_Return)
    to_field("Keep rows where")
    type_in("amount > 890")
    press(Qt.Key.Key_Escape)
    window.canvas.setFocus()
    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Return)
    for _step in range(40):
        if isinstance(focused(), QAbstractButton) and focused().isVisible() and "Add" in focused().text():
            break
        press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_Space)
    type_in("order_id")
    nodes = window.document.flow.nodes
    assert nodes["read_csv"].config == {"path": "data/orders.csv"} and nodes["filter"].config == {"where": "amount > 890"}
    assert "order_id" in str(nodes["sort"].config) and nodes["write_excel"].config == {"path": "out/keys.xlsx"}
    # Save and run.
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_named: (str(demo.parent / "keys.yaml"), ""))
    press(Qt.Key.Key_S, CTRL)
    assert (demo.parent / "keys.yaml").exists()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        press(Qt.Key.Key_F5)
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}, window.desk.problems
    sheet = openpyxl.load_workbook(demo.parent.parent / "out" / "keys.xlsx").active
    assert sheet is not None
    got = [row[0].value for row in sheet.iter_rows(min_row=2)]
    lines = [line.split(",") for line in (demo.parent.parent / "data" / "orders.csv").read_text().splitlines()[1:]]
    assert got == sorted(int(line[0]) for line in lines if line[2] and float(line[2]) > 890)
    # Look at the data of the filter: Space on its card, then keys in the grid.
    window.canvas.setFocus()
    window.scene.select(["filter"])
    press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.data.grid.total == len(got), timeout=LONG)
    # And a wire more, by name.
    window.canvas.setFocus()
    window.scene.select(["filter"])
    press(Qt.Key.Key_C)
    type_in("excel")
    press(Qt.Key.Key_Return)
    assert str(window.document.flow.nodes["write_excel"].inputs["table"][0]).startswith("filter")


def tree(widget: QWidget) -> list[tuple[str, str]]:
    """(name, value) of everything below a widget in the accessibility tree, as a screen reader walks it."""
    found: list[tuple[str, str]] = []

    def walk(interface: object, depth: int = 0) -> None:
        name = interface.text(QAccessible.Text.Name)  # type: ignore[attr-defined]
        found.append((name, interface.text(QAccessible.Text.Description)))  # type: ignore[attr-defined]
        for index in range(interface.childCount() if depth < 12 else 0):  # type: ignore[attr-defined]
            child = interface.child(index)  # type: ignore[attr-defined]
            if child is not None and child.isValid():
                walk(child, depth + 1)

    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    walk(interface)
    return found


def test_screen_readers_find_every_node_and_its_state(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.actions_["outline"].trigger()
    QApplication.processEvents()
    names = [name for name, _about in tree(window.outline)]
    for card in window.scene.cards.values():
        assert any(card.shown.title in name and "Ready" in name for name in names), (card.shown.title, names)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    window.actions_["outline"].trigger()
    QApplication.processEvents()
    names = [name for name, _about in tree(window.outline)]
    for card in window.scene.cards.values():
        assert any(card.shown.title in name and "Done" in name for name in names), card.shown.title


def nameless(root: QWidget) -> list[str]:
    """The fields and buttons that a screen reader could not name."""
    wrong = []
    for widget in root.findChildren(QWidget):
        asked = isinstance(widget, QLineEdit | QComboBox | QPlainTextEdit | QAbstractButton)
        if not asked or not widget.isVisibleTo(root) or widget.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        inner = isinstance(widget.parent(), QComboBox) or widget.objectName().startswith("qt_")
        interface = QAccessible.queryAccessibleInterface(widget)
        if not inner and (interface is None or not interface.text(QAccessible.Text.Name).strip()):
            wrong.append(f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}")
    return wrong


def test_everything_that_takes_the_focus_has_a_name(window: Window, demo: Path, qtbot: QtBot) -> None:
    assert nameless(window) == []
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    for id in ("paid", "named", "by_country", "lake"):
        window.scene.select([id])
        QApplication.processEvents()
        assert nameless(window) == [], id
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    window.data.ask_filter()
    assert nameless(window) == []
    for action, dialog in (("about", "about"), ("shortcuts", "shortcuts"), ("enlarge", "nodeview")):
        window.scene.select(["paid"])
        window.actions_[action].trigger()
        found = window.findChild(QDialog, dialog)
        assert found is not None and nameless(found) == [], dialog
        found.close()
    window.desk.sheets.add()
    window.desk.ask_scenario(window.welcome.cards[0].scenario)
    form = window.findChild(QDialog, "scenario")
    assert form is not None and nameless(form) == []
    form.close()


def luminance(text: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(text[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_texts_can_be_read_on_their_ground(mode: str) -> None:
    colours = tokens()[mode]
    pairs = [(text, ground) for text in ("text", "muted") for ground in ("chrome", "canvas", "surface", "raised", "note")]
    pairs += [("on_accent", "accent"), ("failed", "raised"), ("warning", "raised"), ("done", "raised"), ("running", "raised")]
    pairs += [("faint", "surface"), ("text", "selection"), ("text", "accent_soft")]
    for text, ground in pairs:
        one, two = luminance(colours[text]), luminance(colours[ground])
        ratio = (max(one, two) + 0.05) / (min(one, two) + 0.05)
        assert ratio >= 4.5, (mode, text, ground, round(ratio, 2))
    assert theme() is not None
