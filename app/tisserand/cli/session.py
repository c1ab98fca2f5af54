"""What commands share: the workspace and its executor, and the two ways to print: for people, or one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tisserand.sdk.errors import NodeError
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.protocol import Executor


def workspace(given: str | None, near: str | None = None) -> Workspace:
    """The workspace given, else the one around the flow file `near`, else the one around the current folder."""
    if given is not None:
        if not Path(given).is_dir():
            raise NodeError("There is no folder “{path}”.", path=given)
        return Workspace.find(Path(given))
    if near is not None and near.endswith((".yaml", ".yml")) and Path(near).is_file():
        return Workspace.find(Path(near).resolve().parent)
    return Workspace.find(Path.cwd())


def flow_file(place: Workspace, flow: str) -> str:
    """The path of a flow relative to its workspace, by id, file name or path."""
    path = place.find_flow(flow)
    return path.relative_to(place.root).as_posix() if path.is_relative_to(place.root) else str(path)


@contextmanager
def executor(place: Workspace) -> Iterator[Executor]:
    """The live executor of a workspace, or one in this process."""
    from tisserand.service.serve import connect

    found = connect(place.root)
    try:
        yield found
    finally:
        found.close()


def run_id(executor: Executor, run: str) -> str:
    """The run that a command names; `last` is the latest of the workspace."""
    if run != "last":
        return run
    latest = executor.runs(limit=1)
    if not latest:
        from tisserand.engine.launch import refusal

        raise refusal("run.none", msg("Nothing ran yet in this workspace."), missing=True)
    return latest[0].id


def user() -> str:
    """Who asks."""
    from tisserand.service.person import person

    return person()


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=1 if sys.stdout.isatty() else None, default=plain))


def problem_json(problem: Problem) -> dict[str, Any]:
    return problem.to_json() | {"text": problem.line()}


def print_problems(problems: Iterable[Problem]) -> None:
    """One line each, on standard error."""
    for problem in problems:
        colour = "red" if problem.severity == "error" else "yellow"
        click.echo(click.style(problem.line(), fg=colour) if sys.stderr.isatty() else problem.line(), err=True)


def plain(value: Any) -> Any:
    """A value of a table as JSON knows it; what JSON lacks becomes text."""
    if isinstance(value, date | datetime | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def print_table(titles: list[str], rows: list[list[str]], right: Iterable[int] = ()) -> None:
    """Aligned columns without lines: readable, and easy to cut with other tools."""
    numbers = set(right)
    widths = [max(len(row[n]) for row in [titles, *rows]) for n in range(len(titles))]
    for row in [titles, *rows]:
        cells = [cell.rjust(widths[n]) if n in numbers else cell.ljust(widths[n]) for n, cell in enumerate(row)]
        click.echo("  ".join(cells).rstrip())
