"""Cards, notes and frames under the hand: move them, drop one on a wire, shake it loose, take it into a frame or out of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF

from tisserand.ui.canvas.gesture import Gesture
from tisserand.ui.canvas.wire import Wire

if TYPE_CHECKING:
    from tisserand.ui.canvas.gestures import Canvas

GRID = 4
SWING = 24
"""Pixels that the pointer must go one way before turning counts as shaking."""
TURNS = 4
SHAKEN_WITHIN = 1.2
"""Seconds."""


class Shake:
    """Tells shaking from dragging: several turns, left and right, in a short time."""

    def __init__(self) -> None:
        self._edge: int | None = None
        self._way = 0
        self._turns: list[float] = []

    def goes_on(self, x: int) -> bool:
        """The pointer came to `x`; whether that was the last turn of a shake."""
        if self._edge is None:
            self._edge = x
            return False
        away = x - self._edge
        way = (away > 0) - (away < 0)
        if way == self._way or not self._way:
            # Farther the same way: the edge to turn back from goes along.
            if abs(away) >= SWING or (self._way and way == self._way):
                self._edge, self._way = x, way
            return False
        if abs(away) < SWING:
            return False
        self._edge, self._way = x, way
        now = time.monotonic()
        self._turns = [turn for turn in self._turns if now - turn < SHAKEN_WITHIN] + [now]
        if len(self._turns) < TURNS:
            return False
        self._turns = []
        return True


class CardDrag(Gesture):
    """Moves the selected cards and notes. `alone` is what a click without a move selects."""

    def __init__(self, canvas: Canvas, start: QPoint, alone: Iterable[str], marks: Iterable[str] = ()) -> None:
        super().__init__(canvas, start)
        scene = self.scene
        self._alone = tuple(alone)
        self._alone_marks = tuple(marks)
        self.places = {id: (scene.cards[id].x0, scene.cards[id].y0) for id in scene.selection}
        self.places |= {id: scene.notes[id].place for id in scene.marks if id in scene.notes}
        self.places |= {id: scene.frames[id].place for id in scene.marks if id in scene.frames and not scene.frames[id].holds}
        for id, note in scene.notes.items():
            if note.near in self.places:
                self.places.setdefault(id, note.place)
        self._cards = [id for id in self.places if id in scene.cards]
        self._frames: dict[str, QRectF] = {}
        self._shake = Shake()
        self._shaken = False
        self._landing: Wire | None = None

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        scene = self.scene
        if first:
            # Frames keep the shape that they had: else none could ever be left.
            whole = set(self._cards)
            self._frames = {id: frame.frame() for id, frame in scene.frames.items()}
            for frame in scene.frames.values():
                if not whole.issuperset(frame.holds):
                    frame.hold()
        loose = self._shake.goes_on(at.x()) and any(scene.cards[id].wires for id in self._cards)
        if loose:
            self.shaking = self._shaken = True
            self.canvas.shaken.emit(tuple(self._cards))
            self.shaking = False
        shift = point - self.origin
        # The first one snaps to the grid, the others keep their distance to it.
        x0, y0 = next(iter(self.places.values()), (0.0, 0.0))
        dx = round((x0 + shift.x()) / GRID) * GRID - x0
        dy = round((y0 + shift.y()) / GRID) * GRID - y0
        for id, (x, y) in self.places.items():
            scene.put(id, x + dx, y + dy)
        scene.touch()
        if not loose:
            self._land(self._wire_below(point))

    def _wire_below(self, point: QPointF) -> Wire | None:
        """The wire that a single loose card would be put on if it were dropped now."""
        if len(self._cards) != 1 or self.scene.cards[self._cards[0]].wires:
            return None
        card = self.scene.cards[self._cards[0]]
        if not card.shown.inputs or not card.shown.outputs:
            return None
        reach = 10 / self.canvas.zoom()
        found = self.scene.wire_at(card.frame().center(), reach) or self.scene.wire_at(point, reach)
        return found if found is not None and not found.after else None

    def _land(self, wire: Wire | None) -> None:
        if wire is not self._landing:
            for each, on in ((self._landing, False), (wire, True)):
                if each is not None and each.key in self.scene.wires:
                    each.show_landing(on)
            self._landing = wire

    def click(self) -> bool:
        if self._alone or self._alone_marks:
            self.scene.select(self._alone, marks=self._alone_marks)
        return False

    def finish(self, point: QPointF) -> None:
        scene = self.scene
        wire = self._landing
        self._land(None)
        places = {id: scene.place_of(id) for id in self.places if scene.has(id)}
        held = self._held()
        self._free_frames()
        if wire is not None and wire.key in scene.wires:
            self.canvas.landed.emit(self._cards[0], wire.key, places[self._cards[0]])
        elif held:
            self.canvas.regrouped.emit(places, held, self._shaken)
        elif places != self.places:
            self.canvas.moved.emit(places, self._shaken)

    def _held(self) -> dict[str, tuple[str, ...]]:
        """Frame → the nodes it holds now, for frames that cards were taken into or out of."""
        changed: dict[str, tuple[str, ...]] = {}
        # What was moved with its frame stays in it, and in no other.
        staying = {held for id in self.scene.marks if id in self.scene.frames for held in self.scene.frames[id].holds}
        for id, box in self._frames.items():
            holds = self.scene.frames[id].holds
            if id in self.scene.marks or (holds and all(held in self._cards for held in holds)):
                continue
            now = [held for held in holds if held not in self._cards or box.contains(self.scene.cards[held].frame().center())]
            now += [
                card
                for card in self._cards
                if card not in holds
                and card not in staying
                and self._frame_of(card) is None
                and box.contains(self.scene.cards[card].frame().center())
            ]
            if tuple(now) != holds:
                changed[id] = tuple(now)
        return changed

    def _frame_of(self, card: str) -> str | None:
        """The frame that a card stays in although it was moved."""
        centre = self.scene.cards[card].frame().center()
        held = (id for id, frame in self.scene.frames.items() if card in frame.holds)
        return next((id for id in held if self._frames[id].contains(centre)), None)

    def _free_frames(self) -> None:
        for frame in self.scene.frames.values():
            frame.let_go()

    def cancel(self) -> None:
        self._land(None)
        for id, (x, y) in self.places.items():
            if self.scene.has(id):
                self.scene.put(id, x, y)
        self._free_frames()
        self.scene.touch()
