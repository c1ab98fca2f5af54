"""Ways from one part of the window to another by keys: to the canvas, the rows, the problems, the log, and what a line stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from tisserand.ui.canvas.wire import Key

if TYPE_CHECKING:
    from tisserand.ui.window import Window


class Going(QObject):
    """Where the keyboard goes in one window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        for id, call in {"canvas": self.canvas, "data": self.rows, "problems": self.problems, "log": self.log}.items():
            window.actions_.bind(id, call)
        window.outline.chosen.connect(self.lines)

    def canvas(self) -> None:
        """To the flow; where that is a text only, to the text."""
        w = self.window_
        (w.canvas if w.middle.currentWidget() is w.canvas else w.source.text).setFocus()

    def rows(self) -> None:
        w = self.window_
        w.desk.show_data()
        if w.data.grid.isVisible():
            w.data.grid.setFocus()

    def problems(self) -> None:
        w = self.window_
        w.show_side("bottom", w.problems)
        if w.problems.list.isVisible():
            w.problems.list.setFocus()

    def log(self) -> None:
        w = self.window_
        w.show_side("bottom", w.log)
        w.log.setFocus()

    def lines(self, ids: tuple[str, ...], wire: Key | None, marks: tuple[str, ...]) -> None:
        """What was chosen in the outline is chosen on the canvas: several nodes, a wire, notes and frames."""
        scene, canvas = self.window_.scene, self.window_.canvas
        scene.select(ids, wire, marks)
        items = [*(scene.cards[id] for id in ids), *(scene.notes.get(id) or scene.frames[id] for id in marks)]
        if len(items) == 1:
            canvas.reveal(items[0].frame())
        elif wire is not None:
            canvas.reveal(scene.wires[wire].boundingRect())
