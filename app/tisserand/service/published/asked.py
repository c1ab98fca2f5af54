"""From a request to the rows of its event: every parameter and the body checked against what is declared, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tisserand.service.published.operations import Operation
from tisserand.service.published.twice import twice, unique
from tisserand.service.published.typed import Misfit, Take, from_json, from_text
from tisserand.texts import Message, msg

Row = tuple[Any, ...]

MOST_FAULTS = 100
"""So many are told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value: at `pointer` (RFC 6901) in the body, or of a `parameter`."""

    message: Message
    pointer: str | None = None
    parameter: str | None = None

    def to_json(self, language: str) -> dict[str, str]:
        where = {"pointer": self.pointer} if self.pointer is not None else {"parameter": self.parameter or ""}
        return {**where, "detail": self.message.text(language)}


class Faulty(Exception):  # noqa: N818 - an answer
    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults[:MOST_FAULTS])
        super().__init__(f"{len(faults)}")


_MISSING = msg("It is missing.")
_TWICE = msg("It comes twice.")
_EMPTY = object()


class Asking:
    """Reads the requests of one operation. Everything that the settings tell is settled beforehand."""

    def __init__(self, operation: Operation) -> None:
        request = operation.request
        self._parameters = [_parameter(each) for each in request.parameters]
        self._queries = any(each.place == "query" for each in request.parameters)
        self._body = [
            (each.steps, "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in each.steps), each.required, take)
            for each in request.body
            for take in (from_json(operation.event.type_of(each.column) or "string"),)
        ]
        self._array = request.array
        self.reads_body = bool(self._body)

    def rows(
        self, path: Mapping[str, str], query: bytes, headers: Mapping[bytes, bytes], body: bytes, moment: datetime, consumer: str
    ) -> list[Row]:
        """The rows in the order of the event's columns. Raises `Faulty`."""
        faults: list[Fault] = []
        head: list[Any] = [moment, consumer or None]
        if self._parameters:
            asked = self._asked(query) if self._queries else {}
            for name, place, key, required, default, take in self._parameters:
                text: Any
                if place == "path":
                    text = path.get(name)
                elif place == "query":
                    text = asked.get(name)
                else:
                    raw = headers.get(key)
                    text = None if raw is None else raw.decode("latin-1")
                if text is None:
                    if required:
                        faults.append(Fault(_MISSING, parameter=name))
                    head.append(default)
                elif text is _EMPTY:
                    faults.append(Fault(_TWICE, parameter=name))
                else:
                    try:
                        head.append(take(text))
                    except Misfit as misfit:
                        faults.append(Fault(misfit.message, parameter=name))
        rows = self._rows(head, body, faults) if self._body else [tuple(head)]
        if faults:
            raise Faulty(faults)
        return rows

    def _asked(self, query: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            for name, value in parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000):
                found[name] = _EMPTY if name in found else value
        except ValueError:
            raise Faulty([Fault(msg("The query cannot be read."), parameter="")]) from None
        return found

    def _rows(self, head: list[Any], body: bytes, faults: list[Fault]) -> list[Row]:
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            faults.append(Fault(msg("The body is not JSON.") if body else msg("The body is missing."), ""))
            return []
        if not unique(body, found):
            faults.extend(Fault(_TWICE, pointer) for pointer in islice(twice(body), MOST_FAULTS))
        if not self._array:
            return [self._row(head, found, "", faults)]
        if type(found) is not list:
            faults.append(Fault(msg("It is no list."), ""))
            return []
        rows = []
        for index, each in enumerate(found):
            rows.append(self._row(head, each, f"/{index}", faults))
            if len(faults) >= MOST_FAULTS:
                break
        return rows

    def _row(self, head: list[Any], found: Any, at: str, faults: list[Fault]) -> Row:
        if type(found) is not dict:
            faults.append(Fault(msg("It is no object."), at))
            return ()
        values = head[:]
        for steps, pointer, required, take in self._body:
            value = found.get(steps[0]) if len(steps) == 1 else _at(found, steps)
            if value is None:
                if required:
                    faults.append(Fault(_MISSING, at + pointer))
                values.append(None)
                continue
            try:
                values.append(take(value))
            except Misfit as misfit:
                faults.append(Fault(misfit.message, at + pointer))
        return tuple(values)


def _parameter(each: Any) -> tuple[str, str, bytes, bool, Any, Take]:
    import ibis

    from tisserand.sdk.columns import type_named

    kind = str(type_named(each.type))
    take = from_text(kind)
    default = each.default
    if default is not None:
        # Written in YAML: as JSON has it, or as the text of an address has it.
        plain = default if isinstance(default, str | int | float | bool) else str(default)
        reads: Callable[[Any], Any] = take if isinstance(plain, str) else from_json(kind)
        default = reads(str(plain) if ibis.dtype(kind).is_string() else plain)
    required = each.required or each.place == "path"
    return each.name, each.place, each.name.lower().encode("latin-1"), required, default, take


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if type(value) is dict:
            value = value.get(step)
        elif type(value) is list and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
