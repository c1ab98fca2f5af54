"""Writing on the canvas itself: the text of a note, the title of a frame."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFrame, QPlainTextEdit

from tisserand.texts import translate as _
from tisserand.ui.canvas.marks import FrameItem, Mark
from tisserand.ui.canvas.view import CanvasView


class MarkEdit(QPlainTextEdit):
    """Lies over a note or a frame's title until Enter (Ctrl+Enter in a note), Escape, or a click elsewhere."""

    def __init__(self, canvas: CanvasView, mark: Mark, text: str, then: Callable[[str], object]) -> None:
        """The keyboard goes back to where it was: the canvas, or the outline."""
        before = QApplication.focusWidget()
        super().__init__(canvas.viewport())
        self.setObjectName("markedit")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._canvas = canvas
        self._back = before if isinstance(before, QAbstractItemView) else canvas
        self._mark = mark
        self._then: Callable[[str], object] | None = then
        self._one_line = isinstance(mark, FrameItem)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setPlainText(text)
        self.selectAll()
        self.setAccessibleName(_("Title of the frame") if self._one_line else _("Text of the note"))
        self._follow()
        canvas.shifted.connect(self._follow)
        self.show()
        self.setFocus()

    def _follow(self) -> None:
        box = self._mark.strip() if isinstance(self._mark, FrameItem) else self._mark.frame()
        shown = self._canvas.mapFromScene(box).boundingRect()
        height = 30 if self._one_line else max(shown.height(), 90)
        self.setGeometry(shown.left(), shown.top(), max(shown.width(), 160), height)

    def finish(self) -> None:
        """Take what was written so far: the flow is about to be saved, run or left."""
        self._end(True)

    def _end(self, keep: bool) -> None:
        then, self._then = self._then, None
        if then is None:
            return
        if self.hasFocus():
            # Before it goes: Qt would pass the focus on as the Tab key does, to the next node.
            self._back.setFocus()
        if keep:
            then(self.toPlainText().strip())
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self._end(False)
        elif enter and (self._one_line or event.modifiers() & Qt.KeyboardModifier.ControlModifier):
            self._end(True)
        else:
            super().keyPressEvent(event)

    @staticmethod
    def _edits(event: QKeyEvent) -> bool:
        """Whether a key with Ctrl belongs to the text itself."""
        keys = QKeySequence.StandardKey
        own = (keys.Copy, keys.Cut, keys.Paste, keys.SelectAll, keys.Undo, keys.Redo)
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        return enter or any(event.matches(key) for key in own)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._end(True)

    def event(self, event: QEvent) -> bool:
        # The window's one-letter shortcuts wait while a person writes; Ctrl+S saves all the same.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.text():
            with_control = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
            if not with_control or self._edits(event):
                event.accept()
                return True
        return bool(super().event(event))
