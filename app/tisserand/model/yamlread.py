"""From the plain data of a flow file to the flow, with every problem of its form at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from tisserand.model import units
from tisserand.model.flow import (
    After,
    Flow,
    Frame,
    Limits,
    Node,
    Note,
    OnError,
    Overlap,
    Parameter,
    ParameterType,
    Priority,
    Ref,
    Retry,
)
from tisserand.model.problem import Problem
from tisserand.model.yamltext import Path, place_of
from tisserand.texts import Message, msg

NODE_ID = re.compile(r"[a-z][a-z0-9_]*")
FLOW_ID = re.compile(r"[a-z][a-z0-9_-]*")
KIND = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9][a-z0-9_]*)+")
REF = re.compile(r"[a-z][a-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?")

TOP_KEYS = (
    "tisserand", "id", "title", "summary", "owner", "tags", "keys", "limits", "parameters", "nodes", "frames", "notes", "layout",
)  # fmt: skip
NODE_KEYS = (
    "kind", "version", "title", "inputs", "after", "config", "retry", "on_error", "timeout", "pinned", "disabled", "breakpoint",
)  # fmt: skip
PARAMETER_KEYS = ("type", "default", "required", "title", "help", "unit", "choices", "minimum", "maximum")

ID_FIX = msg("Use small letters, digits and underscores, beginning with a letter.")


def flow_from_data(data: Mapping[str, Any]) -> tuple[Flow, list[Problem]]:
    """As much of the flow as can be read, and what is wrong. The format version is the caller's business."""
    reader = _Reader()
    return reader.flow(data), reader.problems


def nodes_from_data(data: Mapping[str, Any]) -> tuple[dict[str, Node], list[Problem]]:
    """The nodes of a `nodes:` section alone (what the clipboard carries)."""
    reader = _Reader()
    return reader.nodes(data), reader.problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def flow(self, data: Mapping[str, Any]) -> Flow:
        self.known_keys(data, TOP_KEYS, ())
        id = self.text(data, "id", ())
        if id is None:
            if "id" not in data:
                self.wrong((), "flow.id.missing", msg("The flow has no id."), msg("Write id: and a name that stays for ever."))
        elif not FLOW_ID.fullmatch(id):
            fix = msg("Use small letters, digits, dashes and underscores, beginning with a letter.")
            self.wrong(("id",), "flow.id", msg("“{id}” cannot be the id of a flow.", id=id), fix)
        return Flow(
            id=id or "",
            title=self.text(data, "title", ()) or "",
            summary=self.text(data, "summary", ()) or "",
            owner=self.text(data, "owner", ()),
            tags=self.texts(data, "tags", ()),
            keys=self.keys(data),
            limits=self.limits(data),
            parameters={name: self.parameter(name, value) for name, value in self.section(data, "parameters")},
            nodes=self.nodes(self.mapping(data, "nodes", ())),
            frames={id: self.frame(id, value) for id, value in self.section(data, "frames")},
            notes={id: self.note(id, value) for id, value in self.section(data, "notes")},
            layout=self.layout(data),
        )

    # Parts of a flow

    def keys(self, data: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in self.mapping(data, "keys", ()).items():
            if not isinstance(value, str) or "." not in value.strip("."):
                message = msg("The business key “{name}” does not name a node and a column.", name=name)
                self.wrong(("keys", name), "flow.keys", message, msg("Write node.column."))
            else:
                found[name] = value
        return found

    def limits(self, data: Mapping[str, Any]) -> Limits:
        limits = self.mapping(data, "limits", ())
        self.known_keys(limits, ("memory", "timeout", "overlap", "priority"), ("limits",))
        return Limits(
            memory=self.unit(limits, "memory", ("limits",), units.size),
            timeout=self.unit(limits, "timeout", ("limits",), units.seconds),
            overlap=self.choice(limits, "overlap", ("limits",), get_args(Overlap)),
            priority=self.choice(limits, "priority", ("limits",), get_args(Priority)),
        )

    def parameter(self, name: str, value: Any) -> Parameter:
        path = ("parameters", name)
        self.id(name, path, msg("“{id}” cannot be the name of a parameter.", id=name))
        data = self.as_mapping(value, path)
        self.known_keys(data, PARAMETER_KEYS, path)
        choices = data.get("choices")
        if choices is not None and not isinstance(choices, list):
            self.wrong((*path, "choices"), "flow.type", msg("A list is expected here."), msg("Write [first, second]."))
            choices = None
        default = data.get("default")
        if isinstance(default, dict | list):
            self.wrong((*path, "default"), "flow.type", msg("A single value is expected here."), msg("Write one text or number."))
            default = None
        return Parameter(
            name=name,
            type=self.choice(data, "type", path, get_args(ParameterType)) or "text",
            default=default,
            required=self.flag(data, "required", path),
            title=self.text(data, "title", path),
            help=self.text(data, "help", path),
            unit=self.text(data, "unit", path),
            choices=tuple(choices or ()),
            minimum=self.number(data, "minimum", path),
            maximum=self.number(data, "maximum", path),
        )

    def nodes(self, data: Mapping[str, Any]) -> dict[str, Node]:
        return {id: self.node(id, value) for id, value in data.items()}

    def node(self, id: str, value: Any) -> Node:
        path = ("nodes", id)
        if not NODE_ID.fullmatch(id):
            self.id(id, path, msg("“{id}” cannot be the id of a node.", id=id))
        data = self.as_mapping(value, path)
        self.known_keys(data, NODE_KEYS, path)
        inputs, many = self.inputs(data, path) if "inputs" in data else ({}, frozenset())
        return Node(
            id=id,
            kind=self.kind(data, path),
            version=self.whole(data, "version", path, 1),
            title=self.text(data, "title", path),
            inputs=inputs,
            many=many,
            after=self.after(data, path) if "after" in data else {},
            config=self.mapping(data, "config", path),
            retry=self.retry(data, path) if data.get("retry") is not None else None,
            on_error=self.choice(data, "on_error", path, get_args(OnError)),
            timeout=self.unit(data, "timeout", path, units.seconds),
            disabled=self.flag(data, "disabled", path),
            pinned=self.text(data, "pinned", path),
            breakpoint=self.flag(data, "breakpoint", path),
        )

    def kind(self, data: Mapping[str, Any], path: Path) -> str:
        kind = self.text(data, "kind", path)
        if kind is None:
            if "kind" not in data:
                message = msg("The node “{node}” has no kind.", node=path[1])
                self.wrong(
                    path, "node.kind.missing", message, msg("Write kind: and one of the kinds that “tisserand nodes” lists.")
                )
            return ""
        if not KIND.fullmatch(kind):
            self.wrong((*path, "kind"), "node.kind", msg("“{kind}” is not a kind of node.", kind=kind), msg("Write family.name."))
        return kind

    def inputs(self, data: Mapping[str, Any], path: Path) -> tuple[dict[str, tuple[Ref, ...]], frozenset[str]]:
        found: dict[str, tuple[Ref, ...]] = {}
        many: set[str] = set()
        for port, value in self.mapping(data, "inputs", path).items():
            here = (*path, "inputs", port)
            if isinstance(value, list):
                many.add(port)
                refs = [self.ref(item, (*here, str(index))) for index, item in enumerate(value)]
            else:
                refs = [self.ref(value, here)]
            found[port] = tuple(ref for ref in refs if ref is not None)
        return found, frozenset(many)

    def ref(self, value: Any, path: Path) -> Ref | None:
        if isinstance(value, str) and REF.fullmatch(value):
            return Ref.parse(value)
        shown = value if isinstance(value, str | int | float) else type(value).__name__
        message = msg("“{value}” does not name a node or a port of one.", value=shown)
        self.wrong(path, "node.ref", message, msg("Write node or node.port."))
        return None

    def after(self, data: Mapping[str, Any], path: Path) -> dict[str, After]:
        found: dict[str, After] = {}
        after = self.mapping(data, "after", path)
        for id in after:
            state = self.choice(after, id, (*path, "after"), get_args(After))
            if state is not None:
                found[id] = state
        return found

    def retry(self, data: Mapping[str, Any], path: Path) -> Retry:
        retry = self.mapping(data, "retry", path)
        here = (*path, "retry")
        self.known_keys(retry, ("attempts", "wait", "factor"), here)
        factor = self.number(retry, "factor", here)
        return Retry(
            attempts=self.whole(retry, "attempts", here, 1),
            wait=self.unit(retry, "wait", here, units.seconds) or "10s",
            factor=2.0 if factor is None else factor,
        )

    def frame(self, id: str, value: Any) -> Frame:
        path = ("frames", id)
        self.id(id, path, msg("“{id}” cannot be the id of a frame.", id=id))
        data = self.as_mapping(value, path)
        self.known_keys(data, ("title", "holds"), path)
        return Frame(id, self.text(data, "title", path) or "", self.texts(data, "holds", path))

    def note(self, id: str, value: Any) -> Note:
        path = ("notes", id)
        self.id(id, path, msg("“{id}” cannot be the id of a note.", id=id))
        data = self.as_mapping(value, path)
        self.known_keys(data, ("text", "near"), path)
        return Note(id, self.text(data, "text", path) or "", self.text(data, "near", path))

    def layout(self, data: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = {}
        for id, value in self.mapping(data, "layout", ()).items():
            if isinstance(value, list) and len(value) == 2 and all(_is_finite(number) for number in value):
                found[id] = (value[0], value[1])
            else:
                message = msg("The place of “{id}” is not a pair of numbers.", id=id)
                self.wrong(("layout", id), "flow.layout", message, msg("Write [x, y]."))
        return found

    # Values

    def section(self, data: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
        return self.mapping(data, name, ()).items()

    def mapping(self, data: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
        return self.as_mapping(data.get(name), (*path, name))

    def as_mapping(self, value: Any, path: Path) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self.wrong(path, "flow.type", msg("A mapping of names to values is expected here."), msg("Write name: value."))
        return {}

    def text(self, data: Mapping[str, Any], name: str, path: Path) -> str | None:
        value = data.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            self.wrong((*path, name), "flow.type", msg("A text is expected here."), msg("Put it between quotes."))
        else:
            message = msg("“{value}” is read as a number or a switch, but a text is expected here.", value=_shown(value))
            self.wrong((*path, name), "flow.type", message, msg("Put it between quotes."))
        return None

    def texts(self, data: Mapping[str, Any], name: str, path: Path) -> tuple[str, ...]:
        value = data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong((*path, name), "flow.type", msg("A list is expected here."), msg("Write [first, second]."))
            return ()
        here = {str(index): item for index, item in enumerate(value)}
        read = [self.text(here, index, (*path, name)) for index in here]
        return tuple(text for text in read if text is not None)

    def flag(self, data: Mapping[str, Any], name: str, path: Path) -> bool:
        value = data.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        message = msg("“{value}” is neither true nor false.", value=_shown(value))
        self.wrong((*path, name), "flow.type", message, msg("Write true or false."))
        return False

    def number(self, data: Mapping[str, Any], name: str, path: Path) -> float | None:
        value = data.get(name)
        if value is None or _is_finite(value):
            return value
        self.wrong((*path, name), "flow.type", msg("“{value}” is not a number.", value=_shown(value)), msg("Write a number."))
        return None

    def whole(self, data: Mapping[str, Any], name: str, path: Path, default: int) -> int:
        value = data.get(name)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        message = msg("“{value}” is not a whole number of at least 1.", value=_shown(value))
        self.wrong((*path, name), "flow.type", message, msg("Write 1 or more."))
        return default

    def choice(self, data: Mapping[str, Any], name: str, path: Path, allowed: tuple[str, ...]) -> Any:
        value = data.get(name)
        if value is None or value in allowed:
            return value
        message = msg("“{value}” is not one of {allowed}.", value=_shown(value), allowed=list(allowed))
        self.wrong((*path, name), "flow.choice", message, near(str(value), allowed))
        return None

    def unit(self, data: Mapping[str, Any], name: str, path: Path, read: Callable[[str], Any]) -> str | None:
        value = data.get(name)
        if value is None:
            return None
        text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        if not isinstance(text, str):
            self.wrong((*path, name), "flow.type", msg("A text is expected here."), msg("Write a number and a unit."))
            return None
        try:
            read(text)
        except units.UnitError as error:
            self.wrong((*path, name), "flow.unit", error.message, None)
            return None
        return text

    def id(self, id: str, path: Path, message: Message) -> None:
        if not NODE_ID.fullmatch(id):
            self.wrong(path, "flow.id", message, ID_FIX)

    def known_keys(self, data: Mapping[str, Any], known: tuple[str, ...], path: Path) -> None:
        for key in data:
            if key not in known:
                self.wrong((*path, key), "flow.key", msg("“{key}” is not known here.", key=key), near(key, known))

    def wrong(self, path: Path, code: str, message: Message, fix: Message | None) -> None:
        self.problems.append(Problem(code, message, fix, place_of(path)))


def near(name: str, known: Iterable[str]) -> Message:
    """“Did you mean …?”, or all there is where nothing comes near."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1, 0.6)
    if close:
        return msg("Did you mean “{near}”?", near=close[0])
    shown = names[:20]
    return msg("Known here: {known}.", known=shown) if shown else msg("Remove it.")


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:60]
