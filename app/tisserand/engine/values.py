"""The values that texts and formulas of a flow may name: the workspace's, the environment's, and the flow's parameters."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from tisserand.model.flow import Flow, Parameter
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Column, Schema
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

_TRUE = {"true", "yes", "1", "on"}
_FALSE = {"false", "no", "0", "off"}


def parameter_values(flow: Flow, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The typed value of every parameter from what was given (texts from a command line, or typed values) and the defaults."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in given:
        if name not in flow.parameters:
            known = ", ".join(flow.parameters) or "–"
            message = msg("The flow has no parameter “{name}”.", name=name)
            problems.append(
                Problem("parameter.unknown", message, msg("Its parameters: {known}.", known=known), Place(flow=flow.id))
            )
    for name, parameter in flow.parameters.items():
        value = given.get(name, parameter.default)
        place = Place(flow=flow.id, field=f"parameters.{name}")
        if value is None:
            if parameter.required and name not in given:
                message = msg("The parameter “{name}” needs a value.", name=name)
                problems.append(
                    Problem("parameter.missing", message, msg("Give it when you start the flow: -p {name}=…", name=name), place)
                )
            values[name] = None
            continue
        try:
            values[name] = _typed(parameter, value)
        except ValueError:
            message = msg("“{value}” is no {type} for the parameter “{name}”.", value=str(value), type=parameter.type, name=name)
            problems.append(Problem("parameter.type", message, None, place))
            continue
        problem = _outside(parameter, values[name])
        if problem is not None:
            problems.append(problem.at(flow=flow.id, field=f"parameters.{name}"))
    return values, problems


def typical_values(flow: Flow) -> dict[str, Any]:
    """A value of the right type for every parameter, for checks before any run."""
    samples: dict[str, Any] = {
        "integer": 1, "number": 1.0, "boolean": True, "date": date(2026, 1, 1), "timestamp": datetime(2026, 1, 1),
    }  # fmt: skip
    values: dict[str, Any] = {}
    for name, parameter in flow.parameters.items():
        value = parameter.default
        if value is not None:
            try:
                value = _typed(parameter, value)
            except ValueError:
                value = None
        if value is None:
            value = parameter.choices[0] if parameter.choices else samples.get(parameter.type, "text")
        values[name] = value
    return values


def typed(rows: Iterable[Mapping[str, Any]], schema: Schema) -> list[dict[str, Any]]:
    """The rows of an event, which arrive as plain JSON values, in the types of the trigger's columns. Moments are ISO 8601 texts;
    those with an offset become UTC. Raises `NodeError` naming the column whose value does not fit."""
    return [{column.name: _fitting(row.get(column.name), column) for column in schema} for row in rows]


def _fitting(value: Any, column: Column) -> Any:
    kind = column.type.partition("(")[0].partition("<")[0]
    if value is None:
        return None
    try:
        match kind:
            case "timestamp":
                moment = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
                return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
            case "date":
                return date.fromisoformat(value)
            case "time":
                return time.fromisoformat(value)
            case "decimal":
                return Decimal(str(value))
            case "int8" | "int16" | "int32" | "int64":
                return _within(_whole(value), int(kind.removeprefix("int")))
            case "float64" | "float32":
                return float(value)
            case "boolean":
                if not isinstance(value, bool):
                    raise ValueError(value)
                return value
            case "binary":
                return b64decode(value, validate=True)
            case "string" | "json":
                return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            case _:
                return value
    except (ValueError, TypeError, ArithmeticError, OverflowError):
        shown = str(value) if len(str(value)) <= 80 else f"{str(value)[:79]}…"
        raise NodeError(
            "The value “{value}” of the event does not fit the column “{name}” ({type}).",
            value=shown,
            name=column.name,
            type=column.type,
        ) from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _within(value: int, bits: int) -> int:
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise ValueError(value)
    return value


def _typed(parameter: Parameter, value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else value
    match parameter.type:
        case "integer":
            if isinstance(text, bool) or (isinstance(text, float) and not text.is_integer()):
                raise ValueError(text)
            return int(text)
        case "number":
            if isinstance(text, bool):
                raise ValueError(text)
            return float(text)
        case "boolean":
            if isinstance(text, bool):
                return text
            word = str(text).lower()
            if word not in _TRUE | _FALSE:
                raise ValueError(text)
            return word in _TRUE
        case "date":
            return text if isinstance(text, date) and not isinstance(text, datetime) else date.fromisoformat(str(text))
        case "timestamp":
            return text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
        case "choice":
            return next((choice for choice in parameter.choices if str(choice) == str(value)), value)
        case _:
            return str(value)


def _outside(parameter: Parameter, value: Any) -> Problem | None:
    if parameter.choices and value not in parameter.choices:
        message = msg(
            "“{value}” is not one of the choices: {choices}.", value=str(value), choices=[str(c) for c in parameter.choices]
        )
        return Problem("parameter.choice", message)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if parameter.minimum is not None and value < parameter.minimum:
            return Problem(
                "parameter.small", msg("“{value}” is too small: the least is {least}.", value=value, least=parameter.minimum)
            )
        if parameter.maximum is not None and value > parameter.maximum:
            return Problem(
                "parameter.large", msg("“{value}” is too large: the most is {most}.", value=value, most=parameter.maximum)
            )
    return None
