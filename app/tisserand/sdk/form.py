"""A form derived from a config class: plain data that any interface can draw, with everything a field needs to be asked for."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tisserand.sdk.config import Config, PerColumn, Picks, Unit, When, Words
from tisserand.sdk.fields import Condition, _Marked
from tisserand.texts import translate

Widget = Literal[
    "text", "integer", "number", "boolean", "choice", "list", "map", "group", "union", "any",
    "formula", "sql", "python", "file", "folder", "target", "secret", "connection", "duration-text", "size-text",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form. `title` and `help` are gettext ids."""

    name: str
    title: str
    help: str = ""
    widget: Widget = "text"
    required: bool = False
    nullable: bool = False
    default: Any = None
    """The plain value that counts where the config says nothing."""
    choices: tuple[Any, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    """(choice, what a person reads for it), for those whose value is a code word."""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    when: When | None = None
    picks: Picks | None = None
    """What to offer: columns of an input port, flows, tables …"""
    condition: bool = False
    """A formula that is true or false."""
    per_column: PerColumn | None = None
    """A list to be asked for as a table of the columns that arrive."""
    connection_types: tuple[str, ...] = ()
    key: FormField | None = None
    """The names of a `map`."""
    item: FormField | None = None
    """The entries of a `list`, the values of a `map`."""
    least: int = 0
    """Entries that a `list` or `map` needs."""
    fields: tuple[FormField, ...] = ()
    """The fields of a `group`."""
    branches: tuple[FormField, ...] = ()
    """The forms that a `union` may take."""

    def shown(self, values: Mapping[str, Any]) -> bool:
        """Whether the field counts, given the values of its neighbours."""
        return self.when is None or self.when.holds(values)


@lru_cache(maxsize=512)
def form_of(config: type[Config]) -> tuple[FormField, ...]:
    """The fields of one config class, in the order they are declared."""
    return tuple(_field(name, info) for name, info in config.model_fields.items())


def effective(fields: Sequence[FormField], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a form with the defaults filled in: what conditions are decided by."""
    return {f.name: raw.get(f.name, f.default) for f in fields}


def starting_value(asked: FormField) -> Any:
    """A first value for a new entry of a list or for a branch that was just chosen."""
    if asked.default is not None:
        return asked.default
    if asked.widget == "group":
        return {f.name: starting_value(f) for f in asked.fields if f.required}
    if asked.widget == "list":
        return []
    if asked.widget == "map":
        return {}
    if asked.widget == "choice":
        return asked.choices[0] if asked.choices else ""
    if asked.widget in {"integer", "number"}:
        return asked.minimum or 0
    if asked.widget == "boolean":
        return False
    if asked.widget == "union":
        return starting_value(asked.branches[0])
    return ""


def branch_for(asked: FormField, value: Any) -> int:
    """Which branch of a `union` a value belongs to; the first where none fits."""
    found = [index for index, branch in enumerate(asked.branches) if fits(branch, value)]
    return found[0] if found else 0


def fits(branch: FormField, value: Any) -> bool:
    """Whether a value has the shape that a branch of a `union` asks for."""
    if branch.widget == "group":
        if not isinstance(value, Mapping):
            return False
        known = {f.name: f for f in branch.fields}
        if not value.keys() <= known.keys():
            return False
        return all(value[name] in f.choices for name, f in known.items() if f.widget == "choice" and name in value)
    if branch.widget == "map":
        return isinstance(value, Mapping)
    if branch.widget == "list":
        return isinstance(value, list | tuple)
    if branch.widget == "boolean":
        return isinstance(value, bool)
    if branch.widget == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if branch.widget == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if branch.widget == "choice":
        return value in branch.choices
    return isinstance(value, str)


def inside(asked: FormField, path: Sequence[str]) -> str:
    """Where in a field a problem is, in a person's words: `0.where` in a list of rules → `1 · Condition`."""
    words: list[str] = []
    for part in path:
        if part.isdecimal() and asked.item is not None:
            words.append(str(int(part) + 1))
            asked = asked.item
            continue
        found = next((each for each in _parts(asked) if each.name == part), None)
        words.append(translate(found.title) if found is not None else part)
        asked = found or asked.item or asked
    return " · ".join(words)


def _parts(asked: FormField) -> Iterator[FormField]:
    yield from asked.fields
    for branch in asked.branches:
        yield from _parts(branch)


def human(name: str) -> str:
    """`bad_rows` → `Bad rows`."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _field(name: str, info: FieldInfo) -> FormField:
    default: Any = None
    if info.default_factory is not None:
        default = info.default_factory()  # type: ignore[call-arg]
    elif info.default is not PydanticUndefined:
        default = info.default
    asked = _typed(name, info.annotation, tuple(info.metadata))
    return replace(
        asked,
        title=info.title or human(name),
        help=info.description or "",
        required=info.is_required(),
        default=_plain(default),
    )


def _typed(name: str, annotation: Any, metadata: tuple[Any, ...] = ()) -> FormField:
    """The form of one type, with what its annotations say."""
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return _typed(name, inner, (*extra, *metadata))
    return _marked(_bare(name, annotation), metadata)


def _bare(name: str, annotation: Any) -> FormField:
    title = human(name)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _union(name, args)
    if origin is Literal:
        if set(args) == {True, False}:
            return FormField(name, title, widget="boolean")
        return FormField(name, title, widget="choice", choices=args)
    if origin in (list, tuple, set, frozenset, Sequence) or annotation in (list, tuple):
        return FormField(name, title, widget="list", item=_typed(name, args[0] if args else str))
    if origin in (dict, Mapping) or annotation is dict:
        key, value = args or (str, str)
        return FormField(name, title, widget="map", key=_typed("name", key), item=_typed("value", value))
    if isinstance(annotation, type):
        return _plain_type(name, title, annotation)
    return FormField(name, title, widget="any")


def _plain_type(name: str, title: str, annotation: type) -> FormField:
    if issubclass(annotation, Config):
        return FormField(name, title, widget="group", fields=form_of(annotation))
    if issubclass(annotation, _Marked):
        kinds = tuple(getattr(annotation, "types", ()))
        widget: Any = annotation.form
        return FormField(name, title, widget=widget, connection_types=kinds, condition=issubclass(annotation, Condition))
    if issubclass(annotation, bool):
        return FormField(name, title, widget="boolean")
    if issubclass(annotation, int):
        return FormField(name, title, widget="integer")
    if issubclass(annotation, float):
        return FormField(name, title, widget="number")
    if issubclass(annotation, str):
        return FormField(name, title)
    return FormField(name, title, widget="any")


def _union(name: str, args: tuple[Any, ...]) -> FormField:
    kept = [arg for arg in args if arg is not type(None)]
    nullable = len(kept) < len(args)
    if len(kept) == 1:
        return replace(_typed(name, kept[0]), nullable=nullable)
    branches = tuple(_typed(name, arg) for arg in kept)
    # A union of single values (`str | int | None`) is one line to a person: what is typed tells its type.
    if all(branch.widget in {"text", "integer", "number", "boolean", "any"} and not branch.choices for branch in branches):
        return FormField(name, human(name), widget="any", nullable=nullable)
    return FormField(name, human(name), widget="union", branches=branches, nullable=nullable)


def _marked(asked: FormField, metadata: tuple[Any, ...]) -> FormField:
    changes: dict[str, Any] = {}
    for extra in metadata:
        if isinstance(extra, FieldInfo):
            asked = _marked(asked, tuple(extra.metadata))
            changes |= {"title": extra.title} if extra.title else {}
        elif isinstance(extra, Unit):
            changes["unit"] = extra.name
        elif isinstance(extra, When):
            changes["when"] = extra
        elif isinstance(extra, Words):
            changes["words"] = extra.words
        elif isinstance(extra, Picks):
            changes["picks"] = extra
        elif isinstance(extra, PerColumn):
            changes["per_column"] = extra
        elif isinstance(extra, Ge | Gt):
            changes["minimum"] = extra.ge if isinstance(extra, Ge) else extra.gt
        elif isinstance(extra, Le | Lt):
            changes["maximum"] = extra.le if isinstance(extra, Le) else extra.lt
        elif isinstance(extra, MinLen):
            changes["least"] = extra.min_length
    return replace(asked, **changes) if changes else asked


def _plain(value: Any) -> Any:
    """A default as a flow file would hold it."""
    if isinstance(value, Config):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    return value
