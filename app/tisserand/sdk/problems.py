"""From pydantic's findings to problems: a sentence, the dotted field, and what to do."""

from __future__ import annotations

import difflib
import re
import reprlib
from typing import TYPE_CHECKING, Any

from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_UNDEFINED = re.compile(r"'([^']*)' is undefined")
"""The reason that Jinja2 gives most often; its others, about syntax, stay as they are."""

_LACKING = {"missing", "missing_when"}


def config_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each finding; `place.field` is `config.<path>`."""
    found: list[Problem] = []
    for finding in error.errors(include_url=False):
        path = [part for part in finding["loc"] if not _is_branch(part)]
        extra = finding.get("ctx") or {}
        if finding["type"] == "missing_when":
            path.append(extra["field"])
        field = ".".join(str(part) for part in ["config", *path])
        found.append(_problem(finding, extra, field, path, model))
    return found


def _is_branch(part: Any) -> bool:
    """Pydantic names the branch of a union in the path; a person does not write it."""
    return isinstance(part, str) and (
        part.startswith(("function-", "tagged-union", "branch-", "literal[", "list[", "tuple[", "dict["))
        or part in {"str", "int", "float", "bool"}
    )


def _problem(finding: Any, extra: dict[str, Any], field: str, path: list[Any], model: type[BaseModel]) -> Problem:
    place = Place(field=field)
    name = str(path[-1]) if path else "config"
    kind: str = finding["type"]
    if kind in _LACKING:
        return Problem("config.missing", msg("“{field}” is missing.", field=name), msg("Give it a value."), place)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, _names(model), 1)
        fix = msg("Did you mean “{near}”?", near=near[0]) if near else msg("Known here: {known}.", known=sorted(_names(model)))
        return Problem("config.unknown", msg("“{field}” is not a setting of this node.", field=name), fix, place)
    if kind == "literal_error":
        message = msg("“{value}” is not one of {expected}.", value=str(finding["input"]), expected=extra.get("expected", ""))
        return Problem("config.choice", message, None, place)
    if isinstance(extra.get("message"), dict):
        return Problem(f"config.{kind}", Message.from_json(extra["message"]), None, place)
    return Problem(f"config.{kind}", sentence(finding), None, place)


def sentence(finding: Any) -> Message:
    """What one finding of pydantic says, in a sentence of ours where there is one."""
    extra = finding.get("ctx") or {}
    name = str(finding["loc"][-1]) if finding["loc"] else ""
    if finding["type"] in _LACKING:
        return msg("“{field}” is missing.", field=name)
    template = _SENTENCES.get(finding["type"])
    if template is None:
        return Message(finding["msg"])
    args = {**template.args, **extra, "value": _short(finding["input"]), "field": name}
    unknown = _UNDEFINED.fullmatch(str(extra.get("reason", "")))
    if unknown:
        args["reason"] = msg("“{name}” is not a name that is known here", name=unknown[1])
    return Message(template.id, args)


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


_BOUNDED = reprlib.Repr()
"""Aliases of YAML make a value as large as one likes in a few lines."""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else _BOUNDED.repr(value) if isinstance(value, list | dict) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


_TEXT = msg("“{value}” is not a text.")
_NUMBER = msg("“{value}” is not a number.")
_WHOLE = msg("“{value}” is not a whole number.")
_MOMENT = msg("“{value}” is not a moment: write it as 2026-01-31T13:45:00.")
_DAY = msg("“{value}” is not a date: write it as 2026-01-31.")
_SWITCH = msg("“{value}” is neither true nor false.")
_LIST = msg("A list is expected here.")
_SENTENCES: dict[str, Message] = {
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": msg("“{value}” is not a finite number."),
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": msg("A mapping of names to values is expected here."),
    "model_type": msg("A mapping of names to values is expected here."),
    "invalid_key": msg("Names must be texts."),
    "greater_than": msg("“{value}” is too small: it must be greater than {gt}."),
    "greater_than_equal": msg("“{value}” is too small: the least is {ge}."),
    "less_than": msg("“{value}” is too large: it must be less than {lt}."),
    "less_than_equal": msg("“{value}” is too large: the most is {le}."),
    "too_short": msg("At least {min_length} entries are needed."),
    "string_pattern_mismatch": msg("“{value}” does not have the form that “{field}” needs; its help says which."),
    "string_too_short": msg("The text is too short: at least {min_length} characters."),
    "template": msg("The text “{text}” cannot be filled in: {reason}. Known names: {known}."),
    "formula_template": msg("A formula takes no double braces: write $name for a parameter."),
    "formula_empty": msg("The formula is empty."),
    "url_template": msg("A URL takes double braces with a name only."),
    "sql_template": msg("SQL takes no double braces: write $name for a parameter."),
}
