"""Edits of what is selected: delete, copy and paste, switch off, line up, take loose, frames and notes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtWidgets import QApplication

from tisserand.model.command import Command, Several, unique_id
from tisserand.model.edit import (
    AddFrame,
    AddNote,
    Paste,
    RemoveFrame,
    RemoveNodes,
    RemoveNote,
    SetFrame,
    SetNode,
    SetNote,
    copy_text,
)
from tisserand.model.flow import Frame, Note
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui import rewiring
from tisserand.ui.canvas.arrange import Places, align, distribute
from tisserand.ui.canvas.markedit import MarkEdit
from tisserand.ui.canvas.tidy import tidy
from tisserand.ui.document import Wire

if TYPE_CHECKING:
    from tisserand.ui.window import Window

SIDES = ("left", "right", "centre", "top", "bottom", "middle")


class Editing(QObject):
    """What the edit actions of one window do."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        actions = window.actions_
        for id, call in {
            "copy": self.copy,
            "cut": self.cut,
            "paste": self.paste,
            "duplicate": self.duplicate,
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
        canvas.regrouped.connect(lambda places, frames: rewiring.regroup(document, places, frames))
        canvas.mark_asked.connect(self.edit_mark)

    # -- what is there, gone, twice ------------------------------------------------------------------------------------
    def delete(self) -> None:
        """Delete never asks: it can be taken back."""
        scene, d = self.window_.scene, self.window_.document
        if scene.wire_selection is not None:
            if rewiring.cut(d, [scene.wire_selection]):
                self._removed()
            return
        flow = d.flow
        marks: list[Command] = [RemoveFrame(id) if id in flow.frames else RemoveNote(id) for id in scene.marks]
        ids = tuple(scene.selection)
        frames = [flow.frames[id] for id in scene.marks if id in flow.frames]
        name = scene.cards[ids[0]].shown.title if len(ids) == 1 and not marks else ""
        if frames and set(ids) == {held for frame in frames for held in frame.holds}:
            ids = ()  # a frame was taken by its title: what it holds stays
        commands = [*([RemoveNodes(ids)] if ids else []), *marks]
        if commands and d.do(commands[0] if len(commands) == 1 else Several(tuple(commands), commands[0].name)):
            self._removed(name)

    def _removed(self, title: str = "") -> None:
        """Say what went, by the name on its card where it is one."""
        name = self.window_.document.undo_name
        if name is not None:
            told = _("“{node}” was removed.").format(node=title) if title else name.text()
            self.window_.toast.tell(told, _("Undo"), self.window_.document.undo)

    def copy(self) -> bool:
        scene = self.window_.scene
        if scene.selection:
            QApplication.clipboard().setText(copy_text(self.window_.document.flow, scene.selection))
        return bool(scene.selection)

    def cut(self) -> None:
        if self.copy():
            self.delete()

    def paste(self) -> None:
        """What the clipboard holds, where the pointer is; else a step beside the originals."""
        w = self.window_
        at = None
        if w.canvas.viewport().underMouse():
            point = w.canvas.pointer_or_middle()
            at = (round(point.x() / 8) * 8, round(point.y() / 8) * 8)
        self._paste(QApplication.clipboard().text(), at)

    def _paste(self, text: str, at: tuple[float, float] | None) -> None:
        w = self.window_
        before = set(w.document.flow.nodes)
        if w.document.do(Paste(text, at)):
            new = [id for id in w.document.flow.nodes if id not in before]
            w.scene.select(new)
            box = QRectF()
            for id in new:
                box = box.united(w.scene.cards[id].frame())
            w.canvas.reveal(box)

    def duplicate(self) -> None:
        scene = self.window_.scene
        if scene.selection:
            self._paste(copy_text(self.window_.document.flow, scene.selection), None)

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

    def tidy(self) -> None:
        """One step for the whole layout, then everything in sight."""
        w = self.window_
        if w.document.flow.nodes:
            w.document.move(self._with_notes(tidy(w.document.flow)))
            w.canvas.fit()

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
