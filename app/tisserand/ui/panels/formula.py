"""The formula editor: colours, completion over the columns that really arrive, the signature of a function, a live result."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QFont,
    QKeyEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.model.formula.editing import Candidate, complete, quoted, tokens
from tisserand.model.formula.functions import FUNCTIONS
from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import Editor, FormContext
from tisserand.ui.panels.grid import COLUMN_MIME
from tisserand.ui.panels.inputs import LeavesUndo
from tisserand.ui.theme import mono, theme

PAUSE = 350
MOST_OFFERED = 200
_COLOURS = {
    "keyword": "code_keyword",
    "function": "code_function",
    "parameter": "code_parameter",
    "text": "code_text",
    "number": "code_number",
    "operator": "muted",
    "comment": "faint",
    "error": "failed",
}
_SIGNS = {"column": "columns-3", "function": "square-function", "parameter": "variable", "keyword": "code"}


@dataclass(frozen=True)
class Tried:
    """What a formula gives on some rows: its type and the first values as texts, or what is wrong with it."""

    type: str = ""
    values: tuple[str, ...] = ()
    error: str = ""


class Colours(QSyntaxHighlighter):
    """Colours of a formula; names that do not arrive are underlined."""

    def __init__(self, document: QTextDocument, names: Callable[[], set[str]]) -> None:
        super().__init__(document)
        self._names = names
        self._formats: dict[str, QTextCharFormat] = {}
        self._recolour()
        theme().changed.connect(self._recolour)

    def _recolour(self) -> None:
        self._formats = {}
        for kind, token in _COLOURS.items():
            made = QTextCharFormat()
            made.setForeground(theme().colour(token))
            if kind in ("keyword", "function"):
                made.setFontWeight(QFont.Weight.DemiBold)
            self._formats[kind] = made
        wrong = QTextCharFormat()
        wrong.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        wrong.setUnderlineColor(theme().colour("failed"))
        self._formats["unknown"] = wrong
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        known = self._names()
        for start, end, kind in tokens(text):
            piece = text[start:end]
            if kind == "column":
                name = piece[1:-1].replace('""', '"') if piece.startswith('"') else piece
                if known and name not in known:
                    self.setFormat(start, end - start, self._formats["unknown"])
            elif kind == "function" and piece.lower() not in FUNCTIONS:
                self.setFormat(start, end - start, self._formats["unknown"])
            elif kind in self._formats:
                self.setFormat(start, end - start, self._formats[kind])


class Offers(QListWidget):
    """The list of what may stand here; it never takes the keyboard away from the text."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("offers")
        self.setWindowFlags(Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(_("What may stand here"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIconSize(QSize(14, 14))

    def offer(self, found: Sequence[Candidate], types: Mapping[str, str], place: QPoint) -> None:
        self.clear()
        for each in found[:MOST_OFFERED]:
            name = each.text.rstrip("(")
            about = types.get(each.text.strip('"').replace('""', '"'), "") if each.kind == "column" else ""
            function = FUNCTIONS.get(name) if each.kind == "function" else None
            label = function.signature if function is not None else f"{each.text}   {_(about)}".rstrip()
            sign = icon(_SIGNS.get(each.kind, "code"), "muted")
            item = QListWidgetItem(sign, label)
            item.setData(Qt.ItemDataRole.UserRole, each)
            if each.help:
                item.setToolTip(_(each.help))
            self.addItem(item)
        self.setCurrentRow(0)
        height = min(9, self.count()) * max(22, self.sizeHintForRow(0)) + 6
        self.setGeometry(QRect(place, QSize(300, height)))
        self.show()

    def step(self, by: int) -> None:
        self.setCurrentRow(max(0, min(self.currentRow() + by, self.count() - 1)))

    def chosen(self) -> Candidate | None:
        item = self.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, Candidate) else None


class FormulaText(QPlainTextEdit):
    """The text itself: typing, completing, and columns dropped on it."""

    def __init__(self, context: FormContext, port: str, *, one_line: bool) -> None:
        super().__init__()
        self._context = context
        self._port = port
        self._one_line = one_line
        self.setFont(mono())
        self.setTabChangesFocus(True)
        self.setAcceptDrops(True)
        if context.follows:
            self.setUndoRedoEnabled(False)
            LeavesUndo(self)
        wrap = QTextOption.WrapMode.NoWrap if one_line else QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
        self.setWordWrapMode(wrap)
        if one_line:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.colours = Colours(self.document(), lambda: {name for name, _type in self.columns()})
        self.offers = Offers(self)
        self.offers.itemClicked.connect(lambda _item: self.take())
        self.signature = QLabel(self)
        self.signature.setObjectName("signature")
        self.signature.setWindowFlags(Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self.signature.hide()
        self.cursorPositionChanged.connect(self._hint)

    def columns(self) -> Sequence[tuple[str, str]]:
        return self._context.columns(self._port)

    # -- completing ----------------------------------------------------------------------------------------------------
    def offer(self, *, asked: bool = False) -> None:
        """Offer what may stand at the cursor; unasked only behind the beginning of a word."""
        position = self.textCursor().position()
        text = self.toPlainText()
        columns = self.columns()
        found = complete(text, position, [name for name, _type in columns], self._context.parameters())
        typed = text[found[0].start : position] if found else ""
        whole = len(found) == 1 and found[0].text == typed
        if not found or whole or (not typed and not asked):
            self.offers.hide()
            return
        place = self.mapToGlobal(self.cursorRect().bottomLeft() + QPoint(self.viewport().x(), self.viewport().y() + 4))
        self.offers.offer(found, dict(columns), place)

    def take(self) -> None:
        """Write what is chosen in the list."""
        chosen = self.offers.chosen()
        self.offers.hide()
        if chosen is None:
            return
        cursor = self.textCursor()
        end = cursor.position()
        cursor.setPosition(chosen.start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(chosen.text)
        self.setTextCursor(cursor)

    def _hint(self) -> None:
        """The signature of the function whose brackets the cursor stands in."""
        name = function_around(self.toPlainText()[: self.textCursor().position()])
        found = FUNCTIONS.get(name)
        if found is None or not self.hasFocus():
            self.signature.hide()
            return
        self.signature.setText(f"{found.signature}\n{_(found.help)}")
        self.signature.adjustSize()
        place = self.mapToGlobal(self.cursorRect().topLeft())
        self.signature.move(place.x(), place.y() - self.signature.height() - 6)
        self.signature.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self.offers.isVisible():
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.offers.step(1 if key == Qt.Key.Key_Down else -1)
                return
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
                self.take()
                return
            if key == Qt.Key.Key_Escape:
                self.offers.hide()
                return
        if key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.offer(asked=True)
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._one_line:
            event.ignore()
            return
        super().keyPressEvent(event)
        if event.text().strip() or key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.offer()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab takes what is offered before it goes on to the next field."""
        if self.offers.isVisible():
            self.take()
            return True
        return bool(super().focusNextPrevChild(forward))

    def event(self, event: QEvent) -> bool:
        # Ctrl+Space adds a node elsewhere; here it completes.
        control = Qt.KeyboardModifier.ControlModifier
        asked = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space and bool(event.modifiers() & control)
        if event.type() == QEvent.Type.ShortcutOverride and asked:
            event.accept()
            return True
        return bool(super().event(event))

    def focusOutEvent(self, event: Any) -> None:
        self.offers.hide()
        self.signature.hide()
        super().focusOutEvent(event)

    def hideEvent(self, event: Any) -> None:
        self.offers.hide()
        self.signature.hide()
        super().hideEvent(event)

    # -- columns dropped -----------------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(COLUMN_MIME):
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: Any) -> None:
        if event.mimeData().hasFormat(COLUMN_MIME):
            event.acceptProposedAction()
        else:
            super().dragMoveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        data = event.mimeData()
        if not data.hasFormat(COLUMN_MIME):
            super().dropEvent(event)
            return
        name = bytes(data.data(COLUMN_MIME).data()).decode()
        cursor = self.cursorForPosition(event.position().toPoint())
        cursor.insertText(quoted(name))
        self.setTextCursor(cursor)
        self.setFocus()
        event.acceptProposedAction()


def function_around(before: str) -> str:
    """The function whose brackets are open at the end of a text, small letters; empty where there is none."""
    depth = 0
    for index in range(len(before) - 1, -1, -1):
        if before[index] == ")":
            depth += 1
        elif before[index] == "(":
            if not depth:
                match = re.search(r"(\w+)\s*$", before[:index])
                return match[1].lower() if match else ""
            depth -= 1
    return ""


class FormulaEditor(Editor):
    """A formula with its live result under it; `inside` a list or mapping it takes one line."""

    def __init__(self, asked: FormField, context: FormContext, *, inside: bool = False) -> None:
        super().__init__(asked)
        self._context = context
        self._port = asked.picks.port if asked.picks else ""
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(3)
        self.text = FormulaText(context, self._port, one_line=inside)
        lines = 1 if inside else 3
        self.text.setFixedHeight(self.text.fontMetrics().lineSpacing() * lines + (14 if inside else 18))
        self._box.addWidget(self.text)
        self.result = QLabel()
        self.result.setProperty("role", "result")
        self.result.setWordWrap(True)
        self.result.setTextFormat(Qt.TextFormat.PlainText)
        self.result.setFont(mono(11))
        self.result.hide()
        self._box.addWidget(self.result)
        self.setFocusProxy(self.text)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.try_now)
        self._asked_for = ""
        self._known = ""
        """The text as it was told last: colouring it anew makes Qt say that it changed."""
        self.text.textChanged.connect(self._typed)
        self.text.installEventFilter(self)

    def _show(self, value: Any) -> None:
        text = "" if value is None else str(value)
        self._known = text
        if text != self.text.toPlainText():
            self.text.setPlainText(text)

    def _typed(self) -> None:
        text = self.text.toPlainText()
        if text == self._known:
            return
        self._known = text
        self._tell(text if text or self.asked.required else None)
        if self.text.hasFocus():
            self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            self.text.colours.rehighlight()  # the columns that arrive may be others by now
            self._timer.start()
        return super().eventFilter(watched, event)

    def try_now(self) -> None:
        """Ask what the formula gives on the first rows that arrive."""
        text = self.text.toPlainText().strip()
        if not text or not self._context.columns(self._port):
            self.result.hide()
            return
        self._asked_for = text
        self._context.try_formula(self._context.node(), self._port, text, lambda tried: self._tried(text, tried))

    def _tried(self, text: str, tried: Tried) -> None:
        if not isValid(self) or text != self._asked_for or text != self.text.toPlainText().strip():
            return
        if tried.error:
            self.result.setText(tried.error)
        else:
            shown = ", ".join(value if len(value) <= 24 else value[:23] + "…" for value in tried.values)
            self.result.setText(f"→ {_(tried.type)}: {shown}" if shown else f"→ {_(tried.type)}")
        self.result.setProperty("role", "error" if tried.error else "result")
        self.result.style().unpolish(self.result)
        self.result.style().polish(self.result)
        self.result.show()
