"""From whatever went wrong in a run to a problem: a sentence, where it happened, what to do, whether trying again helps."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tisserand.engine.control import TimedOut
from tisserand.engine.resolve import problem_of
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.blame import Blame

SHOWN = 6
"""Columns of a row that a sentence shows."""

_CSV = re.compile(r"CSV Error on Line: (\d+)")
_CSV_ROW = re.compile(r"Original Line: (.*)")
_CSV_CAST = re.compile(r"Error when converting column \"(.*)\". Could not convert string \"(.*)\" to '(.*)'")
_CAST = re.compile(r"Could not convert string ['\"](.*?)['\"] to (\w+)", re.DOTALL)
_FILE = re.compile(r"file \"([^\"]+)\"|File: ([^\n]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    problem: Problem
    retry: bool = False
    retry_after: float | None = None
    memory: bool = False


def explain(error: BaseException, flow: str, node: str) -> Failure:
    """Tell a failure of `node`."""
    if isinstance(error, NodeError):
        return Failure(problem_of(error).at(flow=flow, node=node, line=error.line), error.retry, error.retry_after)
    place = Place(flow=flow, node=node)
    if isinstance(error, TimedOut):
        message = msg("The time limit of {seconds} seconds has passed.", seconds=_number(error.seconds))
        return Failure(Problem("run.timeout", message, msg("Raise the limit, or give the node less to do."), place))
    if isinstance(error, OSError):
        return _system(error, place)
    name = type(error).__name__
    text = str(error).strip()
    if name == "OutOfMemoryException":
        message = msg("The memory limit is too small for this step.")
        return Failure(Problem("run.memory", message, msg("Raise the memory of the flow (limits: memory)."), place), memory=True)
    if "No space left on device" in text or "File too large" in text or "could not write all bytes" in text.lower():
        return Failure(Problem("disk.full", _FULL, _FREE, place))
    if name == "ArrowInvalid" or type(error).__module__.startswith(("duckdb", "_duckdb")):
        message, fix = _data(text)
        return Failure(Problem("data.error", message, fix, place))
    message = msg("Unexpected: {error}", error=f"{name}: {text.partition(chr(10))[0]}")
    return Failure(Problem("run.unexpected", message, msg("The run's log holds the details."), place))


def blamed(blame: Blame | None, flow: str) -> Failure | None:
    """Tell a failure of the node that is blamed for it, with its row."""
    if blame is None:
        return None
    failure = explain(blame.error, flow, blame.node)
    problem = failure.problem
    if blame.row is not None:
        shown = ", ".join(f"{name} = {_value(value)}" for name, value in list(blame.values.items())[:SHOWN])
        message = msg("{reason} In row {row}: {values}.", reason=problem.message, row=blame.row, values=shown)
        problem = replace(problem, message=message if shown else problem.message)
    return replace(failure, problem=problem.at(field=blame.field) if blame.field else problem)


def _value(value: Any) -> str:
    text = f"“{value}”" if isinstance(value, str) else str(value) if value is not None else "∅"
    return text if len(text) <= 60 else text[:57] + "…"


_FULL = msg("The disk is full, or a file may not grow any larger.")
_FREE = msg("Make room, then resume the run.")


def _system(error: OSError, place: Place) -> Failure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Failure(Problem("disk.full", _FULL, _FREE, place))
    path = str(error.filename) if error.filename else ""
    if isinstance(error, PermissionError):
        return Failure(
            Problem(
                "file.refused",
                msg("“{path}” may not be opened: permission denied.", path=path),
                msg("Change its permissions, or choose another place."),
                place,
            )
        )
    if isinstance(error, FileNotFoundError):
        return Failure(
            Problem(
                "file.missing",
                msg("There is no file “{path}”.", path=path),
                msg("Look whether it was moved or removed meanwhile, then resume the run."),
                place,
            )
        )
    reason = error.strerror or str(error)
    message = msg("The system refused: {reason} {path}", reason=reason, path=path)
    return Failure(
        Problem("system.error", message, msg("Remove the cause, then resume the run."), place),
        retry=isinstance(error, ConnectionError | TimeoutError),
    )


def sentence_of(text: str) -> NodeError:
    """What DuckDB says of data (the text of its error), as the error of a node."""
    message, fix = _data(text)
    return NodeError(message, fix=fix)


def _data(text: str) -> tuple[Message, Message | None]:
    """A sentence for what DuckDB says of data."""
    line = _CSV.search(text)
    if line is not None:
        row = _CSV_ROW.search(text)
        cast = _CSV_CAST.search(text)
        shown = _short(row[1]) if row else ""
        fix = msg("Correct the file, give the column another type, or send bad rows to the rejects port (bad_rows: reject).")
        if cast is not None:
            column, value, wanted = cast.groups()
            message = msg(
                "Line {line}: “{value}” in column “{column}” cannot be read as {type}.",
                line=int(line[1]), value=_short(value), column=column, type=wanted.lower(),
            )  # fmt: skip
            return message, fix
        reason = _reason(text)
        return msg("Line {line} cannot be read ({reason}): {row}", line=int(line[1]), reason=reason, row=shown), fix
    cast = _CAST.search(text)
    if cast is not None:
        type = _TYPES.get(cast[2].lower(), cast[2].lower())
        message = msg("“{value}” cannot be read as {type}.", value=_short(cast[1]), type=type)
        return message, msg(
            "Correct the value, filter such rows out before, or write TRY_CAST(… AS {type}) to get nothing instead.",
            type=cast[2].lower(),
        )
    for said, message in _NO_RESULT.items():
        if said in text:
            return message, msg("Filter such rows out before, or ask with case when … then … end first.")
    if "out of range" in text.lower() or "overflow" in text.lower():
        return _overflow(text)
    return msg("The data could not be processed: {reason}", reason=_short(_reason(text))), None


_NO_RESULT = {
    "cannot take square root of a negative number": msg("There is no square root of a number below zero."),
    "cannot take logarithm of zero": msg("There is no logarithm of zero."),
    "cannot take logarithm of a negative number": msg("There is no logarithm of a number below zero."),
    "zero raised to a negative power": msg("There is no power of zero by a number below zero."),
}
"""What DuckDB says of numbers for which a function has none."""

_TYPES = {"int64": "integer", "int32": "integer", "bigint": "integer", "double": "number", "varchar": "text"}


def _overflow(text: str) -> tuple[Message, Message]:
    numbers = re.search(r"\((-?[\d.]+ [-+*/%] -?[\d.]+)\)", text)
    fix = msg("Compute it with floating point: write to_number(…) around one of the numbers.")
    if numbers is not None:
        return msg("A number became too large for its type: {calculation}.", calculation=numbers[1]), fix
    reason = _reason(text).partition("Error: ")[2] or _reason(text)
    return msg("A value became too large for its type: {reason}", reason=_short(reason)), fix


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(("Expected Number", "Value with unterminated", "Maximum line size", "Invalid unicode", "Error when")):
            return line
    return lines[0] if lines else text


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= 200 else shown[:197] + "…"


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
