"""A flow file: text to flow with all problems and positions, and flow to text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tisserand.model import migrate
from tisserand.model.flow import FORMAT_VERSION, Flow
from tisserand.model.growth import growing
from tisserand.model.problem import Problem
from tisserand.model.secrets import secret_problems
from tisserand.model.yamlread import flow_from_data
from tisserand.model.yamltext import Construction, Positions, compose, place_of
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import Message, msg

__all__ = ["Positions", "Reading", "read_data", "read_flow", "write_flow"]


@dataclass(frozen=True)
class Reading:
    """What a flow file says: the flow as far as it can be read, every problem of its form, and where things stand."""

    flow: Flow | None
    problems: list[Problem]
    positions: Positions


@growing()
def read_flow(text: str, file: str | None = None) -> Reading:
    """Read the text of a flow file. Bad input never raises: it becomes problems with lines."""
    data, problems, positions = read_data(text)
    flow: Flow | None = None
    if data is not None:
        problems.extend(secret_problems(text, data))
        lifted = _current(data, problems)
        if lifted is not None:
            flow, found = flow_from_data(lifted)
            problems.extend(found)
    return Reading(flow, [_placed(problem, positions, file, flow) for problem in problems], positions)


def read_data(text: str) -> tuple[dict[str, Any] | None, list[Problem], Positions]:
    """The plain data of any YAML text whose root is a mapping, by the same safe rules."""
    root, malformed = compose(text.removeprefix("\ufeff"))
    if malformed is not None:
        return None, [malformed], Positions()
    if root is None:
        return None, [_no_flow(msg("The file is empty."))], Positions()
    construction = Construction()
    data = construction.value(root)
    problems = construction.problems
    if not isinstance(data, dict):
        problems.append(_no_flow(msg("The file holds no mapping of names to values.")))
        return None, problems, Positions(root)
    return data, problems, Positions(root)


def _no_flow(message: Message) -> Problem:
    return Problem("flow.empty", message, msg("A flow file begins with tisserand: 1, then id: and nodes:."))


def _current(data: dict[str, Any], problems: list[Problem]) -> dict[str, Any] | None:
    """The data in the current format, or None where its version is not for us."""
    version = data.get("tisserand")
    place = place_of(("tisserand",))
    if "tisserand" not in data:
        message = msg("The format version is missing.")
        problems.append(Problem("flow.version", message, msg("Write tisserand: 1 as the first line."), place_of(())))
        return data
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        message = msg("The format version is not a whole number.")
        problems.append(Problem("flow.version", message, msg("Write tisserand: 1 as the first line."), place))
        return data
    if version > FORMAT_VERSION:
        message = msg(
            "The file has format version {version}; this Tisserand reads up to {ours}.", version=version, ours=FORMAT_VERSION
        )
        problems.append(Problem("flow.version", message, msg("Open it with a newer Tisserand."), place))
        return None
    lifted = migrate.lift(data, version)
    if lifted is None:
        message = msg("There is no format version {version}.", version=version)
        problems.append(Problem("flow.version", message, msg("Write tisserand: 1 as the first line."), place))
        return data
    return lifted


def _placed(problem: Problem, positions: Positions, file: str | None, flow: Flow | None) -> Problem:
    line, column = problem.place.line, problem.place.column
    if line is None and positions.root is not None:
        line, column = positions.of(problem.place.node, problem.place.field)
    return problem.at(file=file, line=line, column=column, flow=flow.id if flow is not None and flow.id else None)
