"""Frames around cards and notes beside them: drawn, moved and selected, never changed here."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QStaticText, QTextOption
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tisserand.model.flow import Frame, Note
from tisserand.texts import translate
from tisserand.ui.canvas.look import TEXT_FROM, Look, look

NOTE_WIDTH = 200.0
NOTE_PAD = 10.0
TALLEST = 2000.0
STRIP = 28.0
"""Height of a frame's title."""
AROUND = 20.0
EMPTY = (240.0, 120.0)


class NoteItem(QGraphicsItem):
    """Words on the canvas; with `near`, a dotted line leads to the card that they are about."""

    def __init__(self, note: Note, place: tuple[float, float], target: Callable[[str], QRectF | None]) -> None:
        super().__init__()
        self.id = note.id
        self.near = note.near
        self.text = note.text
        self.place = place
        self.selected = False
        self._target = target
        self._static: QStaticText | None = None
        self._drawn_for: Look | None = None
        self.setZValue(-0.5)
        self.setPos(*place)
        # Kept, not asked of the card: the scene's index must find an item where it was put in, also when the card is elsewhere
        # by then or gone. Without that it keeps pointers to items that are gone, and the program dies.
        self._line = self._leader()
        self._bounds = self._around()

    def show_note(self, note: Note) -> None:
        if (note.text, note.near) != (self.text, self.near):
            self.text, self.near, self._static = note.text, note.near, None
            self.refresh()

    def put(self, x: float, y: float) -> None:
        if (x, y) != self.place:
            self.place = (x, y)
            self.setPos(x, y)
        self.refresh()

    def refresh(self) -> None:
        """The note, or the card that it is about, was moved or has another size."""
        self._line = self._leader()
        bounds = self._around()
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self.update()

    def _words(self) -> QStaticText:
        style = look()
        if self._static is None or self._drawn_for is not style:
            made = QStaticText(self.text or translate("Empty note"))
            made.setTextFormat(Qt.TextFormat.PlainText)
            option = QTextOption()
            option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
            made.setTextOption(option)
            made.setTextWidth(NOTE_WIDTH - 2 * NOTE_PAD)
            made.prepare(font=style.note_font)
            self._static, self._drawn_for = made, style
        return self._static

    def box(self) -> QRectF:
        """The note itself, in its own coordinates."""
        height = min(max(self._words().size().height(), 16.0) + 2 * NOTE_PAD, TALLEST)
        return QRectF(0, 0, NOTE_WIDTH, height)

    def frame(self) -> QRectF:
        """The note itself, in scene coordinates."""
        return self.box().translated(*self.place)

    def _leader(self) -> tuple[QPointF, QPointF] | None:
        card = self._target(self.near) if self.near is not None else None
        if card is None or card.intersects(self.frame()):
            return None
        box, there = self.box(), card.translated(-self.place[0], -self.place[1])
        start = QPointF(
            min(max(there.center().x(), box.left()), box.right()), min(max(there.center().y(), box.top()), box.bottom())
        )
        end = QPointF(min(max(start.x(), there.left()), there.right()), min(max(start.y(), there.top()), there.bottom()))
        return start, end

    def boundingRect(self) -> QRectF:
        return self._bounds

    def _around(self) -> QRectF:
        box = self.box()
        if self._line is not None:
            box = box.united(QRectF(*self._line).normalized())
        return box.adjusted(-5, -5, 5, 5)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        style = look()
        if self._line is not None:
            painter.setPen(style.note_leader)
            painter.drawLine(*self._line)
        if self.selected:
            painter.setPen(style.halo)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.box(), 8, 8)
        painter.setPen(style.selected if self.selected else style.note_border)
        painter.setBrush(style.brush["note"])
        painter.drawRoundedRect(self.box(), 8, 8)
        scene = self.scene()
        if getattr(scene, "zoom", 1.0) >= TEXT_FROM:
            painter.save()
            painter.setClipRect(self.box())
            painter.setFont(style.note_font)
            painter.setPen(style.text if self.text else style.muted)
            painter.drawStaticText(QPointF(NOTE_PAD, NOTE_PAD), self._words())
            painter.restore()


class FrameItem(QGraphicsItem):
    """A titled rectangle around the cards that it holds; it is as large as they need."""

    def __init__(self, frame: Frame, place: tuple[float, float] | None, card: Callable[[str], QRectF | None]) -> None:
        super().__init__()
        self.id = frame.id
        self.title = frame.title
        self.holds = frame.holds
        self.selected = False
        self.place = place or (0.0, 0.0)
        self._card = card
        self._held: QRectF | None = None
        self._box: QRectF | None = None
        self.setZValue(-3)

    def show_frame(self, frame: Frame, place: tuple[float, float] | None) -> None:
        self.title, self.holds, self.place = frame.title, frame.holds, place or (0.0, 0.0)
        self.refresh()

    def put(self, x: float, y: float) -> None:
        self.place = (x, y)
        self.refresh()

    def refresh(self) -> None:
        """A card that it holds was moved."""
        self.prepareGeometryChange()
        self._box = None
        self.update()

    def hold(self) -> QRectF:
        """Keep the shape of this moment until `let_go`."""
        self._held = self.frame()
        return self._held

    def let_go(self) -> None:
        self.prepareGeometryChange()  # before: the index looks for it where it is held
        self._held = self._box = None
        self.update()

    def frame(self) -> QRectF:
        """The whole rectangle, in scene coordinates."""
        if self._held is not None:
            return self._held
        if self._box is None:
            box = QRectF()
            for id in self.holds:
                card = self._card(id)
                if card is not None:
                    box = box.united(card)
            if box.isNull():
                box = QRectF(*self.place, *EMPTY).adjusted(AROUND, AROUND + STRIP, -AROUND, -AROUND)
            self._box = box.adjusted(-AROUND, -AROUND - STRIP, AROUND, AROUND)
        return self._box

    def strip(self) -> QRectF:
        """The title, by which it is taken."""
        box = self.frame()
        return QRectF(box.left(), box.top(), box.width(), STRIP)

    def boundingRect(self) -> QRectF:
        return self.frame().adjusted(-4, -4, 4, 4)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        style = look()
        box = self.frame()
        if self.selected:
            painter.setPen(style.halo)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 12, 12)
        painter.setPen(style.selected if self.selected else style.frame_border)
        painter.setBrush(style.frame_fill)
        painter.drawRoundedRect(box, 12, 12)
        if getattr(self.scene(), "zoom", 1.0) >= TEXT_FROM:
            painter.setFont(style.title)
            painter.setPen(style.muted)
            room = box.width() - 2 * AROUND
            title = self.title or translate("Frame")
            text = style.title_metrics.elidedText(title.replace("\n", " "), Qt.TextElideMode.ElideRight, room)
            strip = self.strip().adjusted(14, 4, -14, 0)
            painter.drawText(strip, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


Mark = NoteItem | FrameItem
