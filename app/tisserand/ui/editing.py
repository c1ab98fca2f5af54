"""Edits of what is selected: delete, switch off, line up, take loose, frames and notes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF

from tisserand.model.command import Command, Several, unique_id
from tisserand.model.edit import (
    AddFrame,
    AddNote,
    MoveNodes,
    RemoveFrame,
    RemoveNodes,
    RemoveNote,
    SetFrame,
    SetNode,
    SetNote,
)
from tisserand.model.flow import Flow, Frame, Note
from tisserand.model.problem import Problem
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui import rewiring
from tisserand.ui.canvas.arrange import Places, align, distribute
from tisserand.ui.canvas.markedit import MarkEdit
from tisserand.ui.canvas.tidy import tidy
from tisserand.ui.clipping import MANY
from tisserand.ui.document import Wire

if TYPE_CHECKING:
    from tisserand.ui.window import Window

SIDES = ("left", "right", "centre", "top", "bottom", "middle")


class Editing(QObject):
    """What the edit actions of one window do."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self._told: object = None
        """The step that the bar over the canvas offers to take back."""
        self._tidying: Flow | None = None
        """The flow whose layout is being made elsewhere."""
        actions = window.actions_
        for id, call in {
            "delete": self.delete,
            "disable": self.switch,
            "loosen": self.loosen,
            "note": self.add_note,
            "frame": self.add_frame,
            "rename": self.rename,
            "tidy": self.tidy,
            "tidy_selection": self.tidy_selection,
            "distribute_across": lambda: self._arrange(distribute(self._boxes(), True)),
            "distribute_down": lambda: self._arrange(distribute(self._boxes(), False)),
        }.items():
            actions.bind(id, call)
        for side in SIDES:
            actions.bind(f"align_{side}", partial(self._align, side))
        canvas, document = window.canvas, window.document
        canvas.landed.connect(lambda node, wire, place: rewiring.splice(document, node, wire, place))
        canvas.shaken.connect(self._shaken)
        canvas.cut_asked.connect(self._cut)
        canvas.regrouped.connect(lambda places, frames, joins: rewiring.regroup(document, places, frames, joins=joins))
        canvas.mark_asked.connect(self.edit_mark)
        canvas.nudged.connect(self.nudge)
        document.changed.connect(self._changed)

    # -- what is there, gone, twice ------------------------------------------------------------------------------------
    def delete(self) -> None:
        """Delete never asks: it can be taken back."""
        scene, d = self.window_.scene, self.window_.document
        if scene.wire_selection is not None:
            if rewiring.cut(d, [scene.wire_selection]):
                self._removed()
            return
        # A frame was taken by its title: what it holds stays.
        self.remove(() if scene.by_title else tuple(scene.selection), tuple(scene.marks))

    def remove(self, ids: tuple[str, ...], marks: tuple[str, ...]) -> None:
        """These nodes, notes and frames, as one step."""
        d = self.window_.document
        commands: list[Command] = [RemoveNodes(ids)] if ids else []
        commands += [RemoveFrame(id) if id in d.flow.frames else RemoveNote(id) for id in marks]
        name = self.window_.scene.cards[ids[0]].shown.title if len(ids) == 1 and not marks else ""
        if commands and d.do(commands[0] if len(commands) == 1 else Several(tuple(commands), commands[0].name)):
            self._removed(name)

    def _removed(self, title: str = "") -> None:
        """Say what went, by the name on its card where it is one."""
        name = self.window_.document.undo_name
        if name is not None:
            self._told = self.window_.document.last_step
            told = _("“{node}” was removed.").format(node=title) if title else name.text()
            self.window_.toast.tell(told, _("Undo"), self.window_.document.undo)

    def _changed(self) -> None:
        """Something else was done: what the bar offers to take back is no longer the last step."""
        if self.window_.document.last_step is not self._told:
            self.window_.toast.hide()

    def switch(self) -> None:
        flow = self.window_.document.flow
        ids = [id for id in self.window_.scene.selection if id in flow.nodes]
        if ids:
            off = not all(flow.nodes[id].disabled for id in ids)
            commands = tuple(SetNode(node=id, changes={"disabled": off}) for id in ids)
            self.window_.document.do(Several(commands, msg("Switching off") if off else msg("Switching on")))

    # -- places --------------------------------------------------------------------------------------------------------
    def _boxes(self) -> dict[str, QRectF]:
        scene = self.window_.scene
        return {id: scene.cards[id].frame() for id in scene.selection if id in scene.cards}

    def _arrange(self, places: Places) -> None:
        if len(places) < 2:
            self.window_.desk.say(_("Select two nodes or more first."))
            return
        rounded: Places = {id: (float(round(x)), float(round(y))) for id, (x, y) in places.items()}
        self.window_.document.move(self._with_notes(rounded))

    def _with_notes(self, places: Places) -> Places:
        """Notes go along with the card that they are about."""
        scene = self.window_.scene
        notes = {}
        for id, note in scene.notes.items():
            if note.near in places and note.near in scene.cards:
                card = scene.cards[note.near]
                x, y = places[note.near]
                notes[id] = (note.place[0] + x - card.x0, note.place[1] + y - card.y0)
        return {**places, **notes}

    def nudge(self, dx: float, dy: float, on: bool) -> None:
        """Move what is selected a little by keys; `on`: it goes on from the key before, as one step with it."""
        scene = self.window_.scene
        ids = [*scene.selection, *(id for id in scene.marks if id in scene.notes or not scene.frames[id].holds)]
        places = {id: (scene.place_of(id)[0] + dx, scene.place_of(id)[1] + dy) for id in ids}
        if places:
            self.window_.document.do(MoveNodes(self._with_notes(places)), joins=on)

    def tidy(self) -> None:
        """One step for the whole layout, then everything in sight. A large flow is laid out elsewhere meanwhile."""
        w = self.window_
        flow = w.document.flow
        if len(flow.nodes) <= MANY:
            self._tidied(flow, tidy(flow))
        elif self._tidying is not flow:
            self._tidying = flow
            w.desk.say(_("The layout is being tidied…"))
            w.background.do(partial(tidy, flow), partial(self._tidied, flow), self._not_tidied)

    def _tidied(self, flow: Flow, places: Places) -> None:
        w = self.window_
        self._tidying = None
        if flow is not w.document.flow:
            w.desk.say(_("The flow was changed meanwhile: its layout stays as it is."))
        elif places:
            w.document.move(self._with_notes(places))
            w.canvas.fit()
            w.statusBar().clearMessage()

    def _not_tidied(self, problems: list[Problem]) -> None:
        self._tidying = None
        self.window_.desk.say(problems[0].message.text())

    def tidy_selection(self) -> None:
        """The selected nodes in columns and rows, where they are."""
        boxes = self._boxes()
        if len(boxes) < 2:
            self._arrange({})
            return
        places = tidy(self.window_.document.flow, boxes)
        dx = min(box.left() for box in boxes.values()) - min(x for x, _y in places.values())
        dy = min(box.top() for box in boxes.values()) - min(y for _x, y in places.values())
        self._arrange({id: (x + dx, y + dy) for id, (x, y) in places.items()})

    def _align(self, side: str) -> None:
        self._arrange(align(self._boxes(), side))

    # -- wires ---------------------------------------------------------------------------------------------------------
    def _shaken(self, ids: tuple[str, ...]) -> None:
        if rewiring.loosen(self.window_.document, ids):
            self._removed()

    def _cut(self, wires: list[Wire]) -> None:
        if rewiring.cut(self.window_.document, wires):
            self._removed()

    def loosen(self) -> None:
        ids = [id for id in self.window_.scene.selection if id in self.window_.document.flow.nodes]
        if ids and not rewiring.loosen(self.window_.document, ids):
            self.window_.desk.say(_("There is no wire to take the selection out of."))

    # -- frames and notes ----------------------------------------------------------------------------------------------
    def add_note(self) -> None:
        """A note beside the selected node, else where the pointer is, ready to write in."""
        w = self.window_
        flow = w.document.flow
        near = next(iter(w.scene.selection), None) if len(w.scene.selection) == 1 else None
        if near is not None:
            frame = w.scene.cards[near].frame()
            point = QPointF(frame.left(), frame.bottom() + 24)
        else:
            point = w.canvas.pointer_or_middle()
        id = unique_id(flow, "note")
        if w.document.do(AddNote(Note(id, "", near), (round(point.x()), round(point.y())))):
            w.scene.select((), marks=[id])
            w.canvas.reveal(w.scene.notes[id].frame())
            self.edit_mark(id)

    def add_frame(self) -> None:
        """A frame around the selected nodes, ready to be titled."""
        w = self.window_
        ids = tuple(w.scene.selection)
        if not ids:
            w.desk.say(_("Select the nodes that the frame shall hold first."))
            return
        id = unique_id(w.document.flow, "frame")
        if w.document.do(AddFrame(Frame(id, "", ids))):
            w.scene.select((), marks=[id])
            self.edit_mark(id)

    def edit_mark(self, id: str) -> None:
        """Write in a note, or give a frame its title."""
        w = self.window_
        note, frame = w.document.flow.notes.get(id), w.document.flow.frames.get(id)
        if note is not None:
            MarkEdit(w.canvas, w.scene.notes[id], note.text, lambda text: self._written(SetNote(id=id, changes={"text": text})))
        elif frame is not None:
            done = MarkEdit(
                w.canvas, w.scene.frames[id], frame.title, lambda text: self._written(SetFrame(id=id, changes={"title": text}))
            )
            done.selectAll()

    def finish(self) -> None:
        """What is being written on the canvas becomes part of the flow, before it is saved, run or left."""
        for edit in self.window_.canvas.viewport().findChildren(MarkEdit):
            edit.finish()

    def _written(self, command: SetNote | SetFrame) -> None:
        flow = self.window_.document.flow
        if command.id in flow.notes or command.id in flow.frames:
            self.window_.document.do(command)

    def rename(self) -> None:
        """The name of what is selected: in place for notes and frames, in the settings for a node."""
        w = self.window_
        mark = next(iter(w.scene.marks), None)
        if mark is not None:
            self.edit_mark(mark)
        elif len(w.scene.selection) == 1:
            w.show_side("inspector")
            w.inspector.focus_name()
