"""The base of every node's config: closed, frozen, its help texts taken from the strings under the fields.

From one declaration follow the form (`form`), validation, the JSON Schema of the flow file and the reference page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError


class Verbatim(str):
    """A text in which `{{ name }}` is never replaced (formulas, SQL, code)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Field metadata: the unit shown behind a number (`Annotated[int, Unit("rows")]`)."""

    name: str


class When:
    """Field metadata: the field counts only while other fields have certain values: `When(mode="upsert")`,
    `When(mode=("upsert", "update"), required=True)`. Forms hide it otherwise; `required` demands it when it counts."""

    __slots__ = ("conditions", "required")

    def __init__(self, *, required: bool = False, **conditions: Any) -> None:
        self.required = required
        self.conditions = {name: value if isinstance(value, tuple) else (value,) for name, value in conditions.items()}

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(values.get(name) in allowed for name, allowed in self.conditions.items())


class Words:
    """Field metadata: what a form says for the values of a choice, where the value itself is a code word:
    `Words(inner="Only rows with a partner", left="All left rows")`. Files, documents and the command line keep the value."""

    __slots__ = ("words",)

    def __init__(self, **words: str) -> None:
        self.words = tuple(words.items())


@dataclass(frozen=True, slots=True)
class Picks:
    """Field metadata: what a form offers for a text: `column` of an input `port`, `type` of a column, `flow`, `table`, `sheet` …"""

    what: str
    port: str = "table"


@dataclass(frozen=True, slots=True)
class PerColumn:
    """Field metadata of a list of columns: a form asks for it as a table with a row for each column that arrives at `port`.

    An entry of the list is a column's name or a config with a field `column` and, as the table offers them, `name` (its new name)
    and `type` (its new type). `drop` names the field with the columns to leave out, `others` the choice between `keep` and `drop`
    for columns in neither; where nothing is chosen they are kept only if the list is empty. Without these two fields, what the
    list does not name is left out.
    """

    port: str = "table"
    drop: str | None = None
    others: str | None = None


class Config(BaseModel):
    """Base class of node and connection configs. Texts may hold `{{ name }}`; the engine passes, in the validation
    context, `render` (text → text) and `parameters` (name → value, for formulas)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _render_texts(cls, data: Any, info: ValidationInfo) -> Any:
        render = (info.context or {}).get("render")
        if render is None or not isinstance(data, Mapping):
            return data
        plain = _plain_fields(cls)
        return {name: _rendered(value, render) if name in plain else value for name, value in data.items()}

    @model_validator(mode="after")
    def _demand_conditional(self) -> Config:
        for name, info in type(self).model_fields.items():
            for extra in info.metadata:
                if not isinstance(extra, When) or not extra.required or getattr(self, name) not in (None, "", (), []):
                    continue
                if extra.holds({other: getattr(self, other) for other in extra.conditions}):
                    raise PydanticCustomError("missing_when", "“{field}” is required here.", {"field": name})
        return self


_PLAIN: dict[type[Config], frozenset[str]] = {}


def _plain_fields(cls: type[Config]) -> frozenset[str]:
    """The fields whose texts are rendered here: neither verbatim nor nested configs, which render their own."""
    known = _PLAIN.get(cls)
    if known is None:
        known = frozenset(name for name, info in cls.model_fields.items() if not mentions(info.annotation, (Verbatim, Config)))
        _PLAIN[cls] = known
    return known


def mentions(annotation: Any, bases: tuple[type, ...]) -> bool:
    """Whether a type annotation contains a subclass of one of `bases`, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, bases):
        return True
    return any(mentions(part, bases) for part in get_args(annotation))


def _rendered(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return render(value) if "{{" in value or "{%" in value else value
    if isinstance(value, list | tuple):
        return [_rendered(item, render) for item in value]
    if isinstance(value, Mapping):
        return {name: _rendered(item, render) for name, item in value.items()}
    return value
