"""Copy, cut, paste and duplicate: what is selected as YAML text on the clipboard, and back, between windows and people."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF
from PySide6.QtWidgets import QApplication

from tisserand.model.edit import Paste, copy_text
from tisserand.model.problem import Problem
from tisserand.texts import translate as _

if TYPE_CHECKING:
    from tisserand.ui.window import Window

MANY = 500
"""Above this many, the text is written elsewhere: the window must not wait for it."""


class Clipping(QObject):
    """The clipboard of one window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self._writing = 0
        """The number of the copy whose text is being written; 0: none."""
        self._last = 0
        self._then_paste: tuple[float, float] | bool | None = False
        """Where to paste as soon as it is written; False: nowhere."""
        for id, call in {"copy": self.copy, "cut": self.cut, "paste": self.paste, "duplicate": self.duplicate}.items():
            window.actions_.bind(id, call)
        QApplication.clipboard().dataChanged.connect(self._taken)

    def _chosen(self) -> list[str]:
        """What is selected; a frame of which no node is selected means all that it holds."""
        scene = self.window_.scene
        held = [scene.frames[id].holds for id in scene.marks if id in scene.frames]
        whole = [id for holds in held if not scene.selection.keys() & set(holds) for id in holds]
        return list(dict.fromkeys([*scene.selection, *whole, *scene.marks]))

    def copy(self) -> bool:
        w, ids = self.window_, self._chosen()
        if not ids:
            return False
        self._writing, self._then_paste = 0, False
        if len(ids) <= MANY:
            QApplication.clipboard().setText(copy_text(w.document.flow, ids))
            return True
        self._last += 1
        self._writing = self._last
        # A flow is a value: what is done to it meanwhile is not in the copy.
        w.background.do(partial(copy_text, w.document.flow, ids), partial(self._written, self._last), self._failed)
        w.desk.say(_("Copying {count} elements…").format(count=len(ids)))
        return True

    def _written(self, number: int, text: str) -> None:
        if number != self._writing:
            return  # something else was copied meanwhile, here or elsewhere
        at, self._writing, self._then_paste = self._then_paste, 0, False
        QApplication.clipboard().setText(text)
        self.window_.desk.say(_("Copied."))
        if not isinstance(at, bool):
            self._paste(text, at)

    def _failed(self, problems: list[Problem]) -> None:
        self._writing, self._then_paste = 0, False
        self.window_.desk.say(problems[0].message.text())

    def _taken(self) -> None:
        """The clipboard holds something newer."""
        self._writing, self._then_paste = 0, False

    def cut(self) -> None:
        w, ids = self.window_, self._chosen()
        if self.copy():
            nodes = tuple(id for id in ids if id in w.document.flow.nodes)
            w.desk.editing.remove(nodes, tuple(id for id in ids if id not in nodes))

    def paste(self) -> None:
        """What the clipboard holds, where the pointer is; else a step beside the originals."""
        w = self.window_
        at = None
        if w.canvas.viewport().underMouse():
            point = w.canvas.pointer_or_middle()
            at = (float(round(point.x() / 8) * 8), float(round(point.y() / 8) * 8))
        if self._writing:
            self._then_paste = at
            return
        self._paste(QApplication.clipboard().text(), at)

    def _paste(self, text: str, at: tuple[float, float] | None) -> None:
        w = self.window_
        before = w.document.flow
        if w.document.do(Paste(text, at)):
            flow = w.document.flow
            marks = [id for id in (*flow.frames, *flow.notes) if id not in before.frames and id not in before.notes]
            w.scene.select([id for id in flow.nodes if id not in before.nodes], marks=marks)
            box = QRectF()
            for id in self._chosen():
                box = box.united(w.scene.box_of(id))
            w.canvas.reveal(box)

    def duplicate(self) -> None:
        ids = self._chosen()
        if ids:
            self._paste(copy_text(self.window_.document.flow, ids), None)
