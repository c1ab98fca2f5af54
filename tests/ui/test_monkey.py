"""Anybody may press anything: random gestures, keys and actions raise nothing, and undo leads back to the very same file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMenu, QWidget
from pytestqt.qtbot import QtBot

from tisserand.model.yamlfile import read_flow
from tisserand.ui import dialogs
from tisserand.ui.chooser import Chooser
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
NEVER = {
    "quit",
    "language",
    "new",
    "open",
    "save",
    "save_as",
    "close",
    "next_sheet",
    "previous_sheet",
    "theme",
    "watch",
    "undo",
    "redo",
}
"""What leaves the flow, asks the system, or is tried on its own."""
KEYS = (
    Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return,
    Qt.Key.Key_Escape, Qt.Key.Key_Delete, Qt.Key.Key_Space, Qt.Key.Key_Slash, Qt.Key.Key_C, Qt.Key.Key_X, Qt.Key.Key_N, Qt.Key.Key_D,
    Qt.Key.Key_L, Qt.Key.Key_F2, Qt.Key.Key_F9, Qt.Key.Key_A, Qt.Key.Key_1,
)  # fmt: skip
MODIFIERS = (Qt.KeyboardModifier.NoModifier,) * 4 + (Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier)
FORBIDDEN = {
    (key, Qt.KeyboardModifier.ControlModifier) for key in (Qt.Key.Key_Tab, Qt.Key.Key_N, Qt.Key.Key_Backtab, Qt.Key.Key_Q)
}


class Monkey:
    """Does things at random, from a seed."""

    def __init__(self, window: Window, seed: int) -> None:
        self.window = window
        self.chance = random.Random(seed)
        self.done: list[str] = []

    def step(self) -> None:
        todo = self.chance.choices((self.act, self.press, self.drag, self.click, self.type, self.take_back), (4, 6, 6, 3, 2, 2))[
            0
        ]
        self.done.append(todo.__name__)
        todo()
        if self.chance.random() < 0.3:
            QApplication.processEvents()
        self.tidy_up()

    def act(self) -> None:
        entries = [entry.id for entry, action in self.window.actions_ if action.isEnabled() and entry.id not in NEVER]
        chosen = self.chance.choice([id for id in entries if id not in {"run", "step", "go_on", "run_to", "relock"}])
        self.done[-1] = chosen
        self.window.actions_[chosen].trigger()

    def press(self) -> None:
        key, modifier = self.chance.choice(KEYS), self.chance.choice(MODIFIERS)
        if (key, modifier) not in FORBIDDEN:
            QTest.keyClick(self._target(), key, modifier)

    def _target(self) -> QWidget:
        return QApplication.focusWidget() or self.window

    def type(self) -> None:
        QTest.keyClicks(self._target(), self.chance.choice(("a", "1", "amount > 1", "{", "\\", " ", "filter")))

    def _somewhere(self) -> QPoint:
        canvas = self.window.canvas
        cards = list(self.window.scene.cards.values())
        if cards and self.chance.random() < 0.7:
            box = canvas.mapFromScene(self.chance.choice(cards).frame()).boundingRect()
            at = QPoint(self.chance.randint(box.left() - 4, box.right() + 4), self.chance.randint(box.top(), box.bottom()))
            if canvas.viewport().rect().contains(at):
                return at
        size = canvas.viewport().size()
        return QPoint(self.chance.randrange(max(1, size.width())), self.chance.randrange(max(1, size.height())))

    def click(self) -> None:
        click = self.chance.choice((QTest.mouseClick, QTest.mouseDClick))
        click(self.window.canvas.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, self._somewhere())

    def drag(self) -> None:
        port = self.window.canvas.viewport()
        button = self.chance.choice((LEFT, LEFT, LEFT, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton))
        QTest.mousePress(port, button, Qt.KeyboardModifier.NoModifier, self._somewhere())
        for _move in range(self.chance.randint(1, 5)):
            QTest.mouseMove(port, self._somewhere())
            # In the middle of it, something else may happen.
            if self.chance.random() < 0.06:
                self.chance.choice((self.take_back, self.act, lambda: QTest.keyClick(port, Qt.Key.Key_Escape)))()
        QTest.mouseRelease(port, button, Qt.KeyboardModifier.NoModifier, self._somewhere())

    def take_back(self) -> None:
        self.window.actions_[self.chance.choice(("undo", "undo", "redo"))].trigger()

    def tidy_up(self) -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog | QMenu) and widget.isVisible():
                widget.close()
        if self.chance.random() < 0.5:
            for sheet in self.window.findChildren(Chooser):
                sheet.leave()


def play(window: Window, demo: Path, seed: int, steps: int, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_args, **_named: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args, **_named: "")
    monkeypatch.setattr(dialogs, "_asked", lambda *args, **_named: args[3][-1][0])
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=20_000)
    document = window.document
    start = document.text()
    monkey = Monkey(window, seed)
    for _step in range(steps):
        monkey.step()
        if document.path != demo and len(window.desk.sheets.sheets) > 1:
            window.desk.sheets.show(window.desk.sheets.place_of(demo) or 0)
    window.canvas.cancel()
    window.desk.editing.finish()
    end = document.text()
    reading = read_flow(end, None)
    assert reading.flow is not None and not reading.problems, monkey.done[-20:]
    taken_back = 0
    while document.undo_name is not None:
        document.undo()
        taken_back += 1
    assert document.text() == start, monkey.done[-20:]
    for _step in range(taken_back):
        document.redo()
    assert document.text() == end, monkey.done[-20:]
    # What is on the screen is what is in the flow.
    assert set(window.scene.cards) == set(document.flow.nodes) and set(window.scene.notes) == set(document.flow.notes)
    for id, card in window.scene.cards.items():
        if id in document.flow.layout:
            assert (card.x0, card.y0) == tuple(document.flow.layout[id]), id


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_hands(window: Window, demo: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    play(window, demo, seed, 250, qtbot, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 22))
def test_random_hands_for_long(window: Window, demo: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    play(window, demo, seed, 2500, qtbot, monkeypatch)
