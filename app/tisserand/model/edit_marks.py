"""Edit commands on frames, notes, parameters and the flow's own attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from tisserand.model import units
from tisserand.model.command import Changes, Command, EditError, coordinates, demand_new, refuse_secret, refuse_unwritable
from tisserand.model.flow import Flow, Frame, Limits, Note, Overlap, Parameter, ParameterType, Priority
from tisserand.model.yamlread import FLOW_ID, NODE_ID
from tisserand.texts import Message, msg


@dataclass(frozen=True)
class AddFrame(Command):
    frame: Frame
    at: tuple[float, float] | None = None

    @property
    def name(self) -> Message:
        return msg("Adding of a frame")

    def apply(self, flow: Flow) -> Flow:
        demand_new(flow, self.frame.id)
        _demand_nodes(flow, self.frame.holds)
        return replace(flow, frames={**flow.frames, self.frame.id: self.frame}, layout=_with_place(flow, self.frame.id, self.at))


@dataclass(frozen=True)
class RemoveFrame(Command):
    id: str

    @property
    def name(self) -> Message:
        return msg("Removal of a frame")

    def apply(self, flow: Flow) -> Flow:
        _frame(flow, self.id)
        return replace(flow, frames=_less(flow.frames, self.id), layout=_less(flow.layout, self.id))


@dataclass(frozen=True)
class SetFrame(Changes):
    """Sets `title` or `holds` of a frame."""

    id: str
    changes: Mapping[str, Any]

    @property
    def target(self) -> Any:
        return self.id

    @property
    def name(self) -> Message:
        return msg("Change of a frame")

    def apply(self, flow: Flow) -> Flow:
        frame = _frame(flow, self.id)
        _demand_names(self.changes, ("title", "holds"))
        holds = tuple(self.changes.get("holds", frame.holds))
        _demand_nodes(flow, holds)
        changed = replace(frame, title=_text("title", self.changes.get("title", frame.title)), holds=holds)
        return replace(flow, frames={**flow.frames, self.id: changed})


@dataclass(frozen=True)
class AddNote(Command):
    note: Note
    at: tuple[float, float] | None = None

    @property
    def name(self) -> Message:
        return msg("Adding of a note")

    def apply(self, flow: Flow) -> Flow:
        demand_new(flow, self.note.id)
        _demand_nodes(flow, (self.note.near,) if self.note.near else ())
        refuse_secret(("text",), self.note.text)
        return replace(flow, notes={**flow.notes, self.note.id: self.note}, layout=_with_place(flow, self.note.id, self.at))


@dataclass(frozen=True)
class RemoveNote(Command):
    id: str

    @property
    def name(self) -> Message:
        return msg("Removal of a note")

    def apply(self, flow: Flow) -> Flow:
        _note(flow, self.id)
        return replace(flow, notes=_less(flow.notes, self.id), layout=_less(flow.layout, self.id))


@dataclass(frozen=True)
class SetNote(Changes):
    """Sets `text` or `near` of a note."""

    id: str
    changes: Mapping[str, Any]

    @property
    def target(self) -> Any:
        return self.id

    @property
    def name(self) -> Message:
        return msg("Change of a note")

    def apply(self, flow: Flow) -> Flow:
        note = _note(flow, self.id)
        _demand_names(self.changes, ("text", "near"))
        near = self.changes.get("near", note.near)
        _demand_nodes(flow, (near,) if near else ())
        text = _text("text", self.changes.get("text", note.text))
        refuse_secret(("text",), text)
        return replace(flow, notes={**flow.notes, self.id: replace(note, text=text, near=near)})


@dataclass(frozen=True)
class SetParameter(Command):
    """Adds a parameter or replaces the one of that name; `was` is its former name where it gets another."""

    parameter: Parameter
    was: str | None = None

    @property
    def name(self) -> Message:
        return msg("Change of the parameter “{parameter}”", parameter=self.parameter.name)

    def apply(self, flow: Flow) -> Flow:
        new, old = self.parameter.name, self.was or self.parameter.name
        if not NODE_ID.fullmatch(new):
            raise EditError(
                msg("“{id}” cannot be a name here: use small letters, digits and underscores, beginning with a letter.", id=new)
            )
        if self.was is not None and self.was not in flow.parameters:
            raise EditError(msg("There is no parameter “{parameter}”.", parameter=self.was))
        if new != old and new in flow.parameters:
            raise EditError(msg("“{id}” is taken already.", id=new))
        if self.parameter.type not in get_args(ParameterType):
            raise EditError(msg("“{value}” does not fit “{field}”.", value=str(self.parameter.type), field="type"))
        refuse_unwritable([self.parameter.default, *self.parameter.choices])
        refuse_secret(("parameters", new, "default"), self.parameter.default)
        changed = {(new if name == old else name): (self.parameter if name == old else p) for name, p in flow.parameters.items()}
        return replace(flow, parameters={**changed, new: self.parameter})

    def merged(self, later: Command) -> Command | None:
        same = isinstance(later, SetParameter) and later.was in (None, self.parameter.name)
        if isinstance(later, SetParameter) and same and later.parameter.name == self.parameter.name:
            return replace(later, was=self.was)
        return None


@dataclass(frozen=True)
class RemoveParameter(Command):
    parameter: str

    @property
    def name(self) -> Message:
        return msg("Removal of the parameter “{parameter}”", parameter=self.parameter)

    def apply(self, flow: Flow) -> Flow:
        if self.parameter not in flow.parameters:
            raise EditError(msg("There is no parameter “{parameter}”.", parameter=self.parameter))
        return replace(flow, parameters=_less(flow.parameters, self.parameter))


@dataclass(frozen=True)
class SetFlow(Changes):
    """Sets `id`, `title`, `summary`, `owner`, `tags`, `keys` or `limits` of the flow."""

    changes: Mapping[str, Any]

    @property
    def name(self) -> Message:
        if len(self.changes) == 1:
            return msg("Change of “{field}” of the flow", field=next(iter(self.changes)))
        return msg("Change of the flow's properties")

    def apply(self, flow: Flow) -> Flow:
        _demand_names(self.changes, ("id", "title", "summary", "owner", "tags", "keys", "limits"))
        values: dict[str, Any] = {}
        for name, value in self.changes.items():
            if name == "limits":
                values[name] = _limits(value)
            elif name == "tags":
                values[name] = tuple(_text(name, tag) for tag in value)
            elif name == "keys":
                values[name] = {_text(name, key): _text(name, place) for key, place in value.items()}
                for place in values[name].values():
                    _demand_nodes(flow, (place.partition(".")[0],))
            elif name == "owner":
                values[name] = _text(name, value) if value else None
            else:
                values[name] = _text(name, value)
                refuse_secret((name,), values[name])
        if "id" in values and not FLOW_ID.fullmatch(values["id"]):
            raise EditError(msg("“{id}” cannot be the id of a flow.", id=values["id"]))
        return replace(flow, **values)


def _limits(value: Any) -> Limits:
    if not isinstance(value, Limits):
        raise EditError(msg("“{value}” does not fit “{field}”.", value=str(value), field="limits"))
    try:
        if value.memory is not None:
            units.size(value.memory)
        if value.timeout is not None:
            units.seconds(value.timeout)
    except units.UnitError as error:
        raise EditError(error.message) from error
    if value.overlap is not None and value.overlap not in get_args(Overlap):
        raise EditError(msg("“{value}” does not fit “{field}”.", value=str(value.overlap), field="overlap"))
    if value.priority is not None and value.priority not in get_args(Priority):
        raise EditError(msg("“{value}” does not fit “{field}”.", value=str(value.priority), field="priority"))
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise EditError(msg("“{value}” does not fit “{field}”.", value=str(value), field=name))
    return value


def _demand_names(changes: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in changes:
        if name not in known:
            raise EditError(msg("There is no “{field}” to set here.", field=name))


def _demand_nodes(flow: Flow, ids: tuple[str, ...]) -> None:
    for id in ids:
        if id not in flow.nodes:
            raise EditError(msg("There is no node “{node}”.", node=id))


def _frame(flow: Flow, id: str) -> Frame:
    if id not in flow.frames:
        raise EditError(msg("There is no frame “{id}”.", id=id))
    return flow.frames[id]


def _note(flow: Flow, id: str) -> Note:
    if id not in flow.notes:
        raise EditError(msg("There is no note “{id}”.", id=id))
    return flow.notes[id]


def _less(mapping: Mapping[str, Any], id: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != id}


def _with_place(flow: Flow, id: str, at: tuple[float, float] | None) -> Mapping[str, tuple[float, float]]:
    return flow.layout if at is None else {**flow.layout, id: coordinates(*at)}
