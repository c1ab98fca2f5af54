"""The scene: cards and wires kept in step with a flow value; it never changes the flow itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QLineF, QPointF, QRectF, Signal
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsScene

from tisserand.model.flow import Flow, Node
from tisserand.ui.canvas.card import Card
from tisserand.ui.canvas.look import WIDTH
from tisserand.ui.canvas.marks import FrameItem, Mark, NoteItem
from tisserand.ui.canvas.state import READY, Standing
from tisserand.ui.canvas.tidy import tidy
from tisserand.ui.canvas.wire import AFTER, Key, Wire, count_rows
from tisserand.ui.kinds import Face

MARGIN = 3000.0
MANY = 100
"""Above this many cards moved, added or gone at once, the index of the scene is made anew."""


class FlowScene(QGraphicsScene):
    """Cards by node id, wires by key, and what is selected."""

    selected = Signal()
    turning = Signal()
    """It is about to show another flow, or the same one changed."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: dict[str, Card] = {}
        self.wires: dict[Key, Wire] = {}
        self.frames: dict[str, FrameItem] = {}
        self.notes: dict[str, NoteItem] = {}
        self.zoom = 1.0
        self.ratio = 1.0
        self.drafting = False
        self.hot_port: tuple[str, str, str] | None = None
        self.selection: dict[str, None] = {}
        self.wire_selection: Key | None = None
        self.marks: dict[str, None] = {}
        """The notes and frames that are selected."""
        self.by_title = False
        """The selection is a frame that was taken by its title, with what it holds."""
        self._flow: Flow | None = None
        self._overview: tuple[list[QLineF], dict[str, list[QRectF]]] | None = None
        self._face: Callable[[Node, Flow], Face] = _no_face
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)

    def show_flow(self, flow: Flow, face: Callable[[Node, Flow], Face]) -> None:
        """Show a flow from nothing."""
        self.turning.emit()
        self.selection.clear()
        self.wire_selection = None
        self.by_title = False
        self.hot_port = None
        self.marks.clear()
        self.cards.clear()
        self.wires.clear()
        self.frames.clear()
        self.notes.clear()
        self.clear()
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self._face = face
        self._flow = flow
        places = self._places(flow)
        for id, node in flow.nodes.items():
            self._add_card(node, places[id], flow)
        for key in _keys(flow):
            self._add_wire(key)
        self._follow_marks(flow)
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)
        self._grow()
        self._overview = None
        self.selected.emit()

    @property
    def flow(self) -> Flow | None:
        """The flow that is shown."""
        return self._flow

    def sync(self, flow: Flow) -> None:
        """Follow a change: only what differs is touched."""
        old = self._flow
        if old is None:
            self.show_flow(flow, self._face)
            return
        self.turning.emit()
        self._flow = flow
        places = self._places(flow)
        many = _changes(old, flow) > MANY
        if many:
            # Qt would look for each of them in its index, one by one: where thousands lie in a heap, that takes minutes.
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        wanted = dict.fromkeys(_keys(flow))
        for key in [key for key in self.wires if key not in wanted]:
            self._drop_wire(key)
        for id in [id for id in self.cards if id not in flow.nodes]:
            self.removeItem(self.cards.pop(id))
            self.selection.pop(id, None)
        for id, node in flow.nodes.items():
            card = self.cards.get(id)
            if card is None:
                self._add_card(node, places[id], flow)
                continue
            if node is not old.nodes.get(id) or not card.shown.known:
                card.disabled, card.breakpoint = node.disabled, node.breakpoint
                card.show_face(self._face(node, flow))
                for wire in card.wires:
                    wire.reroute()
                count_rows(card)
            card.place(*places[id])
        for key in wanted:
            if key not in self.wires:
                self._add_wire(key)
        self._follow_marks(flow)
        if many:
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)
        self._grow()
        self._overview = None
        self.update()
        self.selected.emit()

    # -- frames and notes ----------------------------------------------------------------------------------------------
    def _follow_marks(self, flow: Flow) -> None:
        for id in [id for id in self.frames if id not in flow.frames]:
            self.removeItem(self.frames.pop(id))
            self.marks.pop(id, None)
        for id in [id for id in self.notes if id not in flow.notes]:
            self.removeItem(self.notes.pop(id))
            self.marks.pop(id, None)
        for id, frame in flow.frames.items():
            known = self.frames.get(id)
            if known is None:
                made = self.frames[id] = FrameItem(frame, flow.layout.get(id), self._frame_of)
                self.addItem(made)
            else:
                known.show_frame(frame, flow.layout.get(id))
        free = 0.0
        for id, note in flow.notes.items():
            place = flow.layout.get(id)
            if place is None:  # a file written by hand may not say where: below its node, else below everything
                near = self.cards.get(note.near or "")
                bottom = self.bounds().bottom() + 32 + free
                place = (near.x0, near.y0 + near.height + 24) if near is not None else (0.0, bottom)
                free += 80 if near is None else 0
            shown = self.notes.get(id)
            if shown is None:
                shown = self.notes[id] = NoteItem(note, place, self._frame_of)
                self.addItem(shown)
            else:
                shown.show_note(note)
                shown.put(*place)

    def _frame_of(self, id: str) -> QRectF | None:
        card = self.cards.get(id)
        return card.frame() if card is not None else None

    def has(self, id: str) -> bool:
        """Whether there is a card, note or frame of that id."""
        return id in self.cards or id in self.notes or id in self.frames

    def place_of(self, id: str) -> tuple[float, float]:
        card = self.cards.get(id)
        return (card.x0, card.y0) if card is not None else (self.notes.get(id) or self.frames[id]).place

    def put(self, id: str, x: float, y: float) -> None:
        """Move a card or note by hand, with all that hangs on it (of frames only those that hold nothing)."""
        card = self.cards.get(id)
        if card is None:
            (self.notes.get(id) or self.frames[id]).put(x, y)
            return
        card.place(x, y)
        for frame in self.frames.values():
            if id in frame.holds:
                frame.refresh()
        for note in self.notes.values():
            if note.near == id:
                note.refresh()

    def mark_at(self, point: QPointF) -> Mark | None:
        """The note under a scene point, else the frame whose title is there."""
        for note in self.notes.values():
            if note.frame().contains(point):
                return note
        return next((frame for frame in self.frames.values() if frame.strip().contains(point)), None)

    def box_of(self, id: str) -> QRectF:
        """The rectangle of a card, note or frame, in scene coordinates."""
        return (self.cards.get(id) or self.notes.get(id) or self.frames[id]).frame()

    def marks_inside(self, box: QRectF) -> list[str]:
        """The notes that a rubber band touches, and the frames that it holds whole."""
        frames = [id for id, frame in self.frames.items() if box.contains(frame.frame())]
        return [*frames, *(id for id, note in self.notes.items() if note.frame().intersects(box))]

    def wires_across(self, line: QPainterPath) -> list[Key]:
        """The wires that a line crosses."""
        box = line.boundingRect().adjusted(-1, -1, 1, 1)
        found = (item for item in self.items(box) if isinstance(item, Wire))
        return [wire.key for wire in found if wire.crosses(line)]

    def light(self, port: tuple[str, str, str] | None) -> None:
        """Show one port as the one that the pointer means."""
        if port != self.hot_port:
            for end in (port, self.hot_port):
                if end is not None and end[0] in self.cards:
                    self.cards[end[0]].update()
            self.hot_port = port

    # -- cards and wires -----------------------------------------------------------------------------------------------
    def _places(self, flow: Flow) -> Mapping[str, tuple[float, float]]:
        """Where every node stands; those without a place in the file get one that is not written until they are moved."""
        if all(id in flow.layout for id in flow.nodes):
            return flow.layout
        return {**tidy(flow), **flow.layout}

    def _add_card(self, node: Node, place: tuple[float, float], flow: Flow) -> None:
        card = Card(node.id, self._face(node, flow), place[0], place[1])
        card.disabled, card.breakpoint = node.disabled, node.breakpoint
        self.cards[node.id] = card
        self.addItem(card)

    def _add_wire(self, key: Key) -> None:
        source, target = self.cards.get(key[0]), self.cards.get(key[2])
        if source is None or target is None:
            return
        wire = Wire(key, source, target)
        wire.rejects = any(port.name == key[1] and port.kind == "rejects" for port in source.shown.outputs)
        self.wires[key] = wire
        self.addItem(wire)
        if source.standing is not READY:
            count_rows(source)

    def _drop_wire(self, key: Key) -> None:
        wire = self.wires.pop(key)
        wire.detach()
        self.removeItem(wire)
        count_rows(wire.source)
        if self.wire_selection == key:
            self.wire_selection = None

    def bounds(self) -> QRectF:
        """The rectangle around all cards, frames and notes."""
        cards = self.cards.values()
        if not cards:
            return QRectF()
        left = min(card.x0 for card in cards)
        top = min(card.y0 for card in cards)
        right = max(card.x0 for card in cards) + WIDTH
        bottom = max(card.y0 + card.height for card in cards)
        box = QRectF(left, top, right - left, bottom - top)
        for frame in self.frames.values():
            box = box.united(frame.frame())
        for note in self.notes.values():
            box = box.united(note.frame())
        return box

    def _grow(self) -> None:
        """Only now the scene's size: set earlier, Qt would build its index again with every card."""
        wanted = self.bounds().adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        if not self.sceneRect().contains(wanted.adjusted(MARGIN / 2, MARGIN / 2, -MARGIN / 2, -MARGIN / 2)):
            self.setSceneRect(wanted)

    def touch(self) -> None:
        """A card was moved by hand: the overview is stale."""
        self._overview = None

    def overview(self) -> tuple[list[QLineF], dict[str, list[QRectF]]]:
        """Straight lines for wires, and rectangles by colour for cards: what a glance from far away needs."""
        if self._overview is None:
            lines = [QLineF(*wire.ends()) for wire in self.wires.values() if not wire.after]
            boxes: dict[str, list[QRectF]] = {}
            for card in self.cards.values():
                state = card.standing.state
                colour = state if state in {"failed", "running"} else card.shown.group
                boxes.setdefault(colour, []).append(card.frame())
            self._overview = (lines, boxes)
        return self._overview

    def show_standings(self, standings: Mapping[str, Standing]) -> None:
        """Show how the nodes stand, and on the wires the rows that passed."""
        for id, card in self.cards.items():
            new = standings.get(id, READY)
            if new == card.standing:
                continue
            card.show_standing(new)
            count_rows(card)
            for wire in card.wires:
                wire.update()
        self._overview = None

    def select(self, ids: Iterable[str], wire: Key | None = None, marks: Iterable[str] = (), *, by_title: bool = False) -> None:
        """Make this the selection. The last of its nodes is where the keyboard goes on from."""
        wanted = {id: None for id in ids if id in self.cards}
        marked = {id: None for id in marks if id in self.frames or id in self.notes}
        self.by_title = by_title
        if list(wanted) == list(self.selection) and wire == self.wire_selection and marked == self.marks:
            return
        for id in self.marks.keys() ^ marked.keys():
            mark = self.frames.get(id) or self.notes.get(id)
            if mark is not None:
                mark.selected = id in marked
                mark.update()
        for id in self.selection.keys() ^ wanted.keys():
            card = self.cards.get(id)
            if card is not None:
                card.selected = id in wanted
                card.setZValue(1 if card.selected else 0)
                card.update()
        for key in {self.wire_selection, wire}:
            if key is not None and key in self.wires:
                self.wires[key].selected = key == wire
                self.wires[key].update()
        self.selection = wanted
        self.wire_selection = wire
        self.marks = marked
        self.selected.emit()

    def card_at(self, point: QPointF) -> Card | None:
        """The card under a scene point, the selected one first."""
        found = [item for item in self.items(QRectF(point.x() - 1, point.y() - 1, 2, 2)) if isinstance(item, Card)]
        return next((card for card in found if card.frame().contains(point)), None)

    def port_at(self, point: QPointF, reach: float) -> tuple[str, str, str] | None:
        """(node, `in` or `out`, port) near a scene point."""
        around = QRectF(point.x() - reach, point.y() - reach, 2 * reach, 2 * reach)
        for item in self.items(around):
            if isinstance(item, Card):
                port = item.port_at(point, reach)
                if port:
                    return (item.id, *port)
        return None

    def wire_at(self, point: QPointF, reach: float) -> Wire | None:
        around = QRectF(point.x() - reach, point.y() - reach, 2 * reach, 2 * reach)
        return next((item for item in self.items(around) if isinstance(item, Wire) and item.hit(point, reach)), None)

    def inside(self, box: QRectF) -> list[str]:
        """The nodes whose cards a rubber band touches."""
        return [item.id for item in self.items(box) if isinstance(item, Card) and item.frame().intersects(box)]


def _no_face(node: Node, flow: Flow) -> Face:
    return Face(node.title or node.kind, "puzzle", "unknown", (), ())


def _changes(old: Flow, new: Flow) -> int:
    """How many things were moved, added or removed."""
    if new.layout is old.layout and new.nodes is old.nodes:
        return 0
    moved = sum(old.layout.get(id) != place for id, place in new.layout.items()) if new.layout is not old.layout else 0
    return moved + len(old.nodes.keys() ^ new.nodes.keys())


def _keys(flow: Flow) -> Iterable[Key]:
    for id, node in flow.nodes.items():
        for port, refs in node.inputs.items():
            for ref in refs:
                yield (ref.node, ref.port or "", id, port)
        for other, when in node.after.items():
            yield (other, when, id, AFTER)
