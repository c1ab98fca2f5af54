"""A whole flow by keyboard alone: built, configured, run and looked at, while any mouse event is an error; and what screen readers see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAccessible, QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tisserand import texts
from tisserand.files import shipped
from tisserand.sdk.registry import registry
from tisserand.ui.theme import theme, tokens
from tisserand.ui.window import Window

LONG = 60_000
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


MOUSE = {
    getattr(QEvent.Type, name)
    for name in [
        "MouseButtonPress",
        "MouseButtonRelease",
        "MouseButtonDblClick",
        "MouseMove",
        "NonClientAreaMouseButtonPress",
        "Wheel",
        "TabletPress",
        "TabletMove",
        "TouchBegin",
        "TouchUpdate",
        "TouchEnd",
        "NativeGesture",
        "HoverMove",
        "DragEnter",
        "DragMove",
        "Drop",
    ]
}


class NoMouse(QObject):
    """Notes every event of a mouse, pen or finger: there must be none."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in MOUSE or isinstance(event, QMouseEvent):
            self.seen.append(f"{event.type().name} on {watched}")
        return False


class Keyboard:
    """All that a person has here: keys, which go to whatever has the focus, and eyes. A mouse event ends the test at once."""

    def __init__(self, window: Window, watcher: NoMouse) -> None:
        self._window = window
        self._watcher = watcher

    @property
    def at(self) -> QWidget:
        """Where keys go now."""
        return QApplication.activePopupWidget() or QApplication.focusWidget() or self._window

    def press(self, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, times: int = 1) -> None:
        for _time in range(times):
            QTest.keyClick(self.at, key, keys)
            QApplication.processEvents()
            assert self._watcher.seen == []

    def write(self, text: str) -> None:
        for letter in text:
            if letter.isascii():
                QTest.keyClicks(self.at, letter)
            else:  # QTest knows none of them
                for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                    key = QKeyEvent(kind, ord(letter.upper()), Qt.KeyboardModifier.NoModifier, letter)
                    QApplication.sendEvent(self.at, key)
        QApplication.processEvents()
        assert self._watcher.seen == []

    def tab_to(self, name: str, most: int = 60) -> None:
        """Tab on until what has the focus is called so, by its name or by the text that is seen on it."""
        for _step in range(most):
            text = self.at.text() if isinstance(self.at, QAbstractButton) else ""
            if name in (self.at.accessibleName(), text):
                return
            self.press(Qt.Key.Key_Tab)
        raise AssertionError(f"no way to “{name}” by Tab; last: {self.at} “{self.at.accessibleName()}”")

    def add(self, words: str) -> None:
        """From the canvas: a node behind the selected one, found by typing."""
        self.press(Qt.Key.Key_Slash)
        self.write(words)
        self.press(Qt.Key.Key_Return)

    def to_step(self, name: str) -> None:
        """Choose a step by its name: in the outline, by typing."""
        self.press(Qt.Key.Key_O, CTRL | SHIFT)
        self.press(Qt.Key.Key_Home)
        # Letters typed at once go on with the word before; a person is never that quick.
        QTest.qWait(QApplication.keyboardInputInterval() + 50)
        self.write(name)
        self.press(Qt.Key.Key_5, CTRL)

    def save_as(self, path: Path) -> None:
        """Ctrl+S on a flow without a file: the dialog has a loop of its own, so its keys are pressed from a timer."""
        timer = QTimer()

        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is not None and isinstance(QApplication.focusWidget(), QLineEdit):
                timer.stop()
                self.press(Qt.Key.Key_A, CTRL)
                self.write(str(path))
                self.press(Qt.Key.Key_Return)

        timer.timeout.connect(answer)
        timer.start(20)
        self.press(Qt.Key.Key_S, CTRL)
        timer.stop()
        # As a window manager does when a dialog is gone; off screen there is none.
        self._window.activateWindow()
        QTest.qWaitForWindowActive(self._window, 2000)


@pytest.fixture
def no_mouse(qapp: QApplication) -> Iterator[NoMouse]:
    watcher = NoMouse()
    qapp.installEventFilter(watcher)
    yield watcher
    qapp.removeEventFilter(watcher)
    assert watcher.seen == []


@pytest.fixture
def keys(window: Window, demo: Path, no_mouse: NoMouse) -> Keyboard:
    """A new window in a workspace, as when the program has just been started there."""
    window.runner.root = window.inspector.context.workspace = demo.parent.parent
    return Keyboard(window, no_mouse)


def test_a_mouse_event_is_noticed_at_once(window: Window, qapp: QApplication) -> None:
    watcher = NoMouse()
    qapp.installEventFilter(watcher)
    keys = Keyboard(window, watcher)
    keys.press(Qt.Key.Key_F1, Qt.KeyboardModifier.AltModifier)
    QTest.mouseMove(window.canvas.viewport(), window.canvas.viewport().rect().center())
    QTest.mouseClick(window.canvas.viewport(), Qt.MouseButton.LeftButton)
    with pytest.raises(AssertionError):
        keys.press(Qt.Key.Key_F1, Qt.KeyboardModifier.AltModifier)
    qapp.removeEventFilter(watcher)


def test_a_flow_by_keyboard_alone(window: Window, demo: Path, keys: Keyboard, qtbot: QtBot) -> None:
    root = demo.parent.parent
    # The first table, and what is kept of it.
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("read csv")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Path")
    keys.write("data/orders.csv")
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("filter rows")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Keep rows where")
    keys.write("amount > 890")
    keys.press(Qt.Key.Key_Escape)
    keys.press(Qt.Key.Key_5, CTRL)
    # Joined with another table: the second wire is drawn by name.
    keys.add("join")
    keys.press(Qt.Key.Key_Return)
    keys.press(Qt.Key.Key_5, CTRL)
    keys.press(Qt.Key.Key_Escape)
    keys.add("read csv")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Path")
    keys.write("data/customers.csv")
    keys.press(Qt.Key.Key_5, CTRL)
    keys.press(Qt.Key.Key_C)
    keys.write("join right rows")
    keys.press(Qt.Key.Key_Return)
    nodes = window.document.flow.nodes
    assert {port: [str(ref) for ref in refs] for port, refs in nodes["join"].inputs.items()} == {
        "left": ["filter"],
        "right": ["read_csv_2"],
    }
    # A name, found again by it; what the tables are joined on; the writer behind.
    keys.to_step("Join")
    assert list(window.scene.selection) == ["join"]
    keys.press(Qt.Key.Key_F2)
    keys.write("With country")
    keys.tab_to("Add")
    keys.press(Qt.Key.Key_Space)
    keys.write("customer")
    keys.to_step("With")
    keys.add("write excel")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Path")
    keys.write("out/keys.xlsx")
    nodes = window.document.flow.nodes
    assert nodes["read_csv"].config == {"path": "data/orders.csv"} and nodes["filter"].config == {"where": "amount > 890"}
    assert nodes["join"].title == "With country" and nodes["join"].config["on"] == ["customer"]
    assert nodes["write_excel"].config == {"path": "out/keys.xlsx"}
    # Save and run.
    keys.save_as(root / "flows" / "keys.yaml")
    assert window.document.path == root / "flows" / "keys.yaml" and window.document.is_saved
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        keys.press(Qt.Key.Key_F5)
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}, window.desk.problems
    orders = [line.split(",") for line in (root / "data" / "orders.csv").read_text().splitlines()[1:]]
    customers = {line.split(",")[0] for line in (root / "data" / "customers.csv").read_text().splitlines()[1:]}
    dear = [line for line in orders if line[2] and float(line[2]) > 890]
    wanted = sorted(int(line[0]) for line in dear if line[1] in customers)
    sheet = openpyxl.load_workbook(root / "out" / "keys.xlsx").active
    assert sheet is not None and sorted(row[0].value for row in sheet.iter_rows(min_row=2)) == wanted and wanted
    # Look at the data: Space on a card, then into the grid and from cell to cell.
    keys.press(Qt.Key.Key_5, CTRL)
    keys.to_step("Filter")
    assert list(window.scene.selection) == ["filter"]
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.data.grid.total == len(dear), timeout=LONG)
    keys.press(Qt.Key.Key_D, CTRL)
    assert keys.at is window.data.grid
    keys.press(Qt.Key.Key_Down)
    keys.press(Qt.Key.Key_Right)
    # The log, the problems and the canvas are a key away each.
    keys.press(Qt.Key.Key_6, CTRL)
    assert keys.at is window.log
    keys.press(Qt.Key.Key_5, CTRL)
    assert keys.at is window.canvas


def test_a_problem_is_gone_to_by_keys(window: Window, keys: Keyboard, qtbot: QtBot) -> None:
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("read csv")
    qtbot.waitUntil(lambda: bool(window.desk.problems), timeout=LONG)
    keys.press(Qt.Key.Key_F8)
    assert keys.at is window.problems.list
    keys.press(Qt.Key.Key_Down)
    keys.press(Qt.Key.Key_Return)
    assert keys.at.accessibleName() == "Path"


def test_a_smaller_flow_in_french(demo: Path, keys_in_french: tuple[Window, Keyboard], qtbot: QtBot) -> None:
    window, keys = keys_in_french
    root = demo.parent.parent
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("lire du csv")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Chemin")
    keys.write("data/orders.csv")
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("trier")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Ajouter")
    keys.press(Qt.Key.Key_Space)
    keys.write("amount")
    keys.press(Qt.Key.Key_5, CTRL)
    keys.add("écrire du csv")
    keys.press(Qt.Key.Key_Return)
    keys.tab_to("Chemin")
    keys.write("out/clavier.csv")
    keys.save_as(root / "flows" / "clavier.yaml")
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        keys.press(Qt.Key.Key_F5)
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}, window.desk.problems
    got = [line.split(",")[2] for line in (root / "out" / "clavier.csv").read_text().splitlines()[1:]]
    amounts = [float(cell) for cell in got if cell]
    assert amounts == sorted(amounts) and len(got) == 12_480


@pytest.fixture
def keys_in_french(qapp: QApplication, demo: Path, no_mouse: NoMouse) -> Iterator[tuple[Window, Keyboard]]:
    """The same window when French was chosen before it was made."""
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language("fr")
    made = Window()
    try:
        made.kinds.catalog = registry()
        made.palette_panel.fill()
        made.document.new()
        made.show()
        made.activateWindow()
        QTest.qWaitForWindowActive(made, 2000)
        made.runner.root = made.inspector.context.workspace = demo.parent.parent
        yield made, Keyboard(made, no_mouse)
    finally:
        texts.set_language("en")
        made.desk.sheets.abandon()
        made.close()
        made.deleteLater()


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
