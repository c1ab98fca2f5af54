"""The flow being edited: its file, its history, whether it is saved. Every change goes through an edit command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from tisserand.files import write_text
from tisserand.model.command import Command, EditError, Restore, Several
from tisserand.model.edit_nodes import (
    AddNode,
    Connect,
    Disconnect,
    MoveNodes,
    RemoveNodes,
    RenameNode,
    SetConfig,
    SetNode,
)
from tisserand.model.flow import Flow, Node, Ref
from tisserand.model.history import History
from tisserand.model.problem import Place, Problem
from tisserand.model.yamlfile import Positions, Reading, read_flow
from tisserand.model.yamltext import comments
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import Message, msg
from tisserand.ui.kinds import Kinds, unused_id
from tisserand.ui.naming import UNTITLED, first_id

Wire = tuple[str, str, str, str]


@dataclass(frozen=True)
class Opened:
    """What came of reading a flow file; `flow` is None where it could not be read."""

    path: Path
    flow: Flow | None
    raw: bytes | None = None
    positions: Positions = field(default_factory=Positions)
    problems: list[Problem] = field(default_factory=list)
    comments: tuple[str, ...] = ()
    """What stands behind `#` in the file: a flow has no place for it."""


def read(path: Path) -> Opened:
    """Read a flow file. Touches no window, so that any thread may do it."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except FileNotFoundError:
        return _unreadable(path, msg("There is no file “{file}”.", file=str(path)), msg("Open another flow."))
    except OSError as error:
        return _unreadable(path, msg("“{file}” cannot be read: {reason}.", file=str(path), reason=error.strerror or ""), None)
    except UnicodeDecodeError:
        return _unreadable(path, msg("“{file}” is not a text in UTF-8.", file=path.name), msg("Save it as UTF-8 text."))
    reading = read_flow(text, str(path))
    return Opened(path, reading.flow, raw, reading.positions, list(reading.problems), _said(text))


def _said(text: str) -> tuple[str, ...]:
    """The words of a file's comments."""
    return tuple(words for _line, words in comments(text) if words)


def _unreadable(path: Path, message: Message, fix: Message | None) -> Opened:
    return Opened(path, None, problems=[Problem("flow.unreadable", message, fix, Place(file=str(path)))])


@dataclass(frozen=True)
class Parked:
    """A document as it was left while the window shows another one."""

    history: History
    path: Path | None
    positions: Positions
    broken: list[Problem]
    raw: bytes | None
    source: str | None
    title: str
    is_saved: bool
    comments: tuple[str, ...]


class Document(QObject):
    """One open flow."""

    opened = Signal()
    resumed = Signal()
    """Another flow, as it was left before."""
    source_changed = Signal()
    changed = Signal(object, object)
    """(the flow before, the flow now)."""
    state_changed = Signal()
    """Saved or not, what can be undone, the file's name."""
    refused = Signal(object)
    """A message: an edit that cannot be done."""

    def __init__(self, kinds: Kinds) -> None:
        super().__init__()
        self.kinds = kinds
        self.path: Path | None = None
        self.positions = Positions()
        self.broken: list[Problem] = []
        """Why the file could not be read; the document is empty then and is not written over it."""
        self.comments: tuple[str, ...] = ()
        """Comments of the file, as long as nobody has decided what becomes of them."""
        self.raw: bytes | None = None
        """What the file held when it was last read or written here."""
        self.source: str | None = None
        """The text of a file that is no flow yet: it is edited as such."""
        self._history = History(_empty())
        self._history.listen(self._became)

    @property
    def flow(self) -> Flow:
        return self._history.flow

    @property
    def is_saved(self) -> bool:
        if self.source is not None:
            return self.raw is not None and self.source.encode() == self.raw
        return self._history.is_saved

    @property
    def title(self) -> str:
        if self.source is not None and self.path is not None:
            return self.path.name
        return self.flow.title or (self.path.stem if self.path else msg("Untitled flow").text())

    def new(self) -> None:
        self.raw = None
        self._start(_empty(), None, Positions(), [])

    def open(self, path: Path) -> list[Problem]:
        """Open a file here and now. What cannot be read leaves an empty document and its problems."""
        opened = read(path)
        self.take(opened)
        return opened.problems

    def take(self, opened: Opened) -> None:
        """Become what was read. A file that cannot be read in full is edited as text: on the canvas, what was not understood
        would be lost. The same file anew, changed by another program, is a step that can be undone."""
        partly = any(problem.severity == "error" for problem in opened.problems)
        if opened.flow is not None and not partly:
            again = self.path == opened.path and self.raw is not None and self.source is None
            self.raw = opened.raw
            if again:
                self.comments = opened.comments
                self.positions, self.broken = opened.positions, []
                self.do(Restore.between(self.flow, opened.flow, msg("Loading “{file}” again", file=opened.path.name)))
                self._history.mark_saved()
                self.state_changed.emit()
                return
            self._start(opened.flow, opened.path, opened.positions, [])
            self.comments = opened.comments
        elif opened.raw is None:
            self.raw = None
            self._start(_empty(), None, opened.positions, opened.problems)
        else:
            self.raw = opened.raw
            self._start(_empty(), opened.path, opened.positions, opened.problems, opened.raw.decode("utf-8"))

    def recover(self, flow: Flow | None, path: Path | None, text: str) -> None:
        """Become what was kept of unsaved changes; the file itself may have become something else since."""
        try:
            self.raw = path.read_bytes() if path is not None else None
        except OSError:
            self.raw = None
        if flow is None:
            self._start(_empty(), path, Positions(), [], text)
            self.judge(text, read_flow(text, str(path or "")))
            return
        self._start(flow, path, Positions(), [])
        self.comments = _said((self.raw or b"").decode("utf-8", "replace"))
        self._history.mark_unsaved()
        self.state_changed.emit()

    def edit_source(self, text: str) -> None:
        """The text of a file that is no flow yet was changed; `judge` tells later what is wrong with it."""
        self.source = text
        self.state_changed.emit()

    def judge(self, text: str, reading: Reading) -> None:
        """A text was read; of no interest where another one stands there by now."""
        if text == self.source:
            self.broken, self.positions = list(reading.problems), reading.positions
            self.source_changed.emit()

    def park(self) -> Parked:
        """What `unpark` needs to go on from here."""
        return Parked(
            self._history, self.path, self.positions, self.broken, self.raw, self.source, self.title, self.is_saved, self.comments
        )

    def unpark(self, parked: Parked) -> None:
        """Go on where `park` left off, perhaps in another window."""
        self._history.ignore(self._became)
        self._history = parked.history
        self._history.listen(self._became)
        self.path, self.positions, self.broken = parked.path, parked.positions, parked.broken
        self.raw, self.source, self.comments = parked.raw, parked.source, parked.comments
        self.resumed.emit()
        self.state_changed.emit()

    def differs_on_disk(self) -> bool:
        """Whether the file holds something else than what was read from it or written to it last."""
        if self.path is None or self.raw is None:
            return False
        try:
            return self.path.read_bytes() != self.raw
        except OSError:
            return True

    def mark_unsaved(self) -> None:
        """The file is gone: what there is here is all there is."""
        self.raw = None
        self._history.mark_unsaved()
        self.state_changed.emit()

    def show(self, flow: Flow) -> None:
        """Show a flow that has no file yet (an example, a benchmark)."""
        self.raw = None
        self._start(flow, None, Positions(), [])

    def _start(
        self, flow: Flow, path: Path | None, positions: Positions, broken: list[Problem], source: str | None = None
    ) -> None:
        self._history.ignore(self._became)
        self.source, self.comments = source, ()
        self._history = History(flow)
        self._history.listen(self._became)
        self.path, self.positions, self.broken = path, positions, broken
        self.opened.emit()
        self.state_changed.emit()

    def text(self) -> str:
        """The flow as its file would hold it."""
        return self.source if self.source is not None else write_flow(self.flow)

    def save(self, path: Path) -> Message | None:
        """Write the file at once; gives the sentence why it could not be."""
        try:
            id = first_id(path, self.flow.title) if self._is_nameless() else self.flow.id
            text = self.source if self.source is not None else write_flow(replace(self.flow, id=id))
            write_text(path, text)
        except (OSError, ValueError) as error:
            # ValueError: a name or a text that no file can have (a NUL, half a character).
            reason = getattr(error, "strerror", None) or str(error)
            return msg("“{file}” cannot be written: {reason}.", file=str(path), reason=reason)
        if id != self.flow.id:
            self._call_it(id)
        self.path, self.raw = path, text.encode()
        self.comments = ()
        self._history.mark_saved()
        self.state_changed.emit()
        return None

    def _is_nameless(self) -> bool:
        return self.path is None and self.source is None and self.flow.id == UNTITLED

    def _call_it(self, id: str) -> None:
        """A first save gives the flow its id, as if it always had it: undo never leads back to a flow without one."""
        before = self.flow
        self._history.rewrite(lambda flow: replace(flow, id=id) if flow.id == UNTITLED else flow)
        self.changed.emit(before, self.flow)

    # -- edits ---------------------------------------------------------------------------------------------------------
    def do(self, command: Command, *, joins: bool = False) -> bool:
        """Do one edit. `joins`: typing on in the same field is one step."""
        if not joins:
            self._history.seal()
        try:
            self._history.do(command)
        except EditError as error:
            self.refused.emit(error.message)
            return False
        return True

    def seal(self) -> None:
        self._history.seal()

    def undo(self) -> None:
        self._history.undo()

    def redo(self) -> None:
        self._history.redo()

    @property
    def undo_name(self) -> Message | None:
        return self._history.undo_name

    @property
    def last_step(self) -> object | None:
        """What `undo` would take back, by identity."""
        return self._history.last_step

    @property
    def redo_name(self) -> Message | None:
        return self._history.redo_name

    def _became(self, before: Flow, after: Flow, command: Command) -> None:
        self.changed.emit(before, after)
        self.state_changed.emit()

    def add(self, kind: str, at: tuple[float, float], source: str | None = None) -> str | None:
        """Add a node, wired behind `source` where its first input is free for it; gives its id."""
        outputs = self.kinds.face(self.flow.nodes[source], self.flow).outputs if source is not None else ()
        rows = next((port.name for port in outputs if port.kind == "rows"), None)
        return self.put(kind, at, source=(source, rows) if source is not None and rows is not None else None)

    def put(
        self,
        kind: str,
        at: tuple[float, float],
        *,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
        wire: Wire | None = None,
        moves: Mapping[str, tuple[float, float]] | None = None,
    ) -> str | None:
        """Add a node as one step: its first input fed by `source`, its first output wired to `target`, or between the ends of
        `wire`; `moves` makes room for it. Gives its id."""
        flow = self.flow
        found = self.kinds.get(kind)
        id = unused_id(kind, {**flow.nodes, **flow.frames, **flow.notes})
        version = found.version if found else 1
        commands: list[Command] = [AddNode(Node(id, kind, version=version), at)]
        if wire is not None:
            source, target = (wire[0], wire[1]), (wire[2], wire[3])
            commands.append(Disconnect(wire[2], wire[3], Ref(wire[0], wire[1] or None)))
        if source is not None and found is not None and found.inputs:
            port = found.inputs[0]
            commands.append(Connect(self.ref(*source), id, port.name, port.many))
        if target is not None and found is not None and found.outputs:
            commands.append(Connect(Ref(id), target[0], target[1], self.takes_many(*target)))
        if moves:
            commands.append(MoveNodes(dict(moves)))
        label = msg("Adding of “{node}”", node=id)
        done = self.do(commands[0] if len(commands) == 1 else Several(tuple(commands), label))
        return id if done else None

    def ref(self, node: str, port: str) -> Ref:
        """The reference as a person would write it: the default output goes without its name."""
        default = self.kinds.default_output(self.flow.nodes[node], self.flow)
        return Ref(node, None if port in ("", default) else port)

    def takes_many(self, node: str, port: str) -> bool:
        """Whether an input takes several wires."""
        inputs = self.kinds.face(self.flow.nodes[node], self.flow).inputs
        return any(each.name == port and each.many for each in inputs)

    def connect_ports(self, source: tuple[str, str], target: tuple[str, str]) -> bool:
        return self.do(Connect(self.ref(*source), target[0], target[1], self.takes_many(*target)))

    def rewire(self, wire: Wire, target: tuple[str, str] | None) -> bool:
        """Put a wire's end elsewhere, or take the wire away."""
        ref = Ref(wire[0], wire[1] or None)
        cut = Disconnect(wire[2], wire[3], ref)
        if target is None:
            return self.do(cut)
        join = Connect(ref, target[0], target[1], self.takes_many(*target))
        return self.do(Several((cut, join), msg("Rewiring to “{node}”", node=target[0])))

    def move(self, places: Mapping[str, tuple[float, float]], *, joins: bool = False) -> bool:
        return self.do(MoveNodes(dict(places)), joins=joins)

    def remove(self, ids: tuple[str, ...]) -> bool:
        return bool(ids) and self.do(RemoveNodes(ids))

    def set_config(self, node: str, field: str, value: Any, *, unset: bool = False) -> bool:
        command = SetConfig(node, remove=(field,)) if unset else SetConfig(node, {field: value})
        return self.do(command, joins=True)

    def set_node(self, node: str, **changes: Any) -> bool:
        return self.do(SetNode(node=node, changes=changes), joins=True)

    def rename(self, old: str, new: str) -> bool:
        return self.do(RenameNode(old, new))


def _empty() -> Flow:
    return Flow(id=UNTITLED)
