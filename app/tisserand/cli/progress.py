"""A run as it goes: bars on a terminal, plain lines in a log, nothing for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tisserand.service.protocol import Event, NodeInfo, RunInfo
from tisserand.service.states import fold
from tisserand.texts import Message, msg, ngettext, number

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class View:
    """Plain lines on standard error; `quiet` says nothing at all."""

    def __init__(self, run: str, quiet: bool = False) -> None:
        self._run = run
        self._quiet = quiet
        self.nodes: Mapping[str, NodeInfo] = {}

    def event(self, event: Event) -> None:
        self.nodes = fold(self.nodes, event)
        if self._quiet:
            return
        if event.kind == "log":
            self.say(msg("{node}: {message}", node=event.node or self._run, message=_message(event.data.get("message"))))
        elif event.node is not None:
            self.node(event.node, event.kind)

    def node(self, name: str, kind: str) -> None:
        found = self.nodes.get(name)
        if found is not None and kind.startswith(("node.", "sink.uncertain")):
            line = _node_line(name, kind, found)
            if line is not None:
                self.say(line)

    def say(self, message: Message) -> None:
        click.echo(message.text(), err=True)

    def summary(self, run: RunInfo, told: bool = False) -> None:
        """The last words, on standard output where all is well. `told`: the problems were printed already."""
        seconds = (run.finished or 0) - (run.started or run.created)
        if run.state == "done":
            click.echo(msg("Run {run} is done in {seconds} s.", run=run.id, seconds=_short(seconds)).text())
            return
        if run.state == "waiting":
            reasons = [node.reason for node in run.nodes.values() if node.state == "suspended" and node.reason is not None]
            click.echo(msg("Run {run} waits. {reasons}", run=run.id, reasons=reasons).text())
            return
        if run.error is not None and not told:
            click.echo(click.style(run.error.line(), fg="red") if sys.stderr.isatty() else run.error.line(), err=True)
        ended = {
            "failed": msg("Run {run} failed after {seconds} s.", run=run.id, seconds=_short(seconds)),
            "cancelled": msg("Run {run} was cancelled.", run=run.id),
            "interrupted": msg("Run {run} was interrupted. Go on with: tisserand resume {run}", run=run.id),
        }
        click.echo(ended.get(run.state, msg("Run {run}: {state}.", run=run.id, state=run.state)).text(), err=True)
        if run.uncertain:
            nodes = list(run.uncertain)
            click.echo(msg("Nobody knows whether these wrote: {nodes}. Look before you resume.", nodes=nodes).text(), err=True)


class Bars(View):
    """One line per node that moves, on a terminal."""

    def __init__(self, run: str, progress: Progress) -> None:
        super().__init__(run)
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def node(self, name: str, kind: str) -> None:
        found = self.nodes.get(name)
        if found is None:
            return
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = self._progress.add_task(name, total=None, rows="")
        rows = sum(found.rows.values())
        shown = ngettext("{count} row", "{count} rows", rows).format(count=number(rows)) if rows else ""
        over = found.state in ("done", "failed", "skipped")
        known = over or found.share is not None
        self._progress.update(task, total=1 if known else None, completed=1 if over else found.share or 0, rows=shown)
        if kind == "node.failed":
            super().node(name, kind)

    def say(self, message: Message) -> None:
        from rich.text import Text

        self._progress.console.print(Text(message.text()))


@contextmanager
def view(run: str, quiet: bool = False) -> Iterator[View]:
    """Bars where a person looks on, else lines."""
    if quiet or not sys.stderr.isatty():
        yield View(run, quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn(), TextColumn("{task.fields[rows]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bars(run, progress)


def _node_line(name: str, kind: str, node: NodeInfo) -> Message | None:
    match kind:
        case "node.started":
            return msg("{node}: started", node=name)
        case "node.done":
            rows = ", ".join(f"{port} {number(count)}" for port, count in node.rows.items())
            if not rows:
                return msg("{node}: done in {seconds} s", node=name, seconds=_short(node.seconds))
            return msg("{node}: done in {seconds} s; rows: {rows}", node=name, seconds=_short(node.seconds), rows=rows)
        case "node.retry":
            return msg("{node}: tried again, attempt {attempt}", node=name, attempt=node.attempt)
        case "node.failed":
            if node.error is None:
                return msg("{node}: failed", node=name)
            return msg("{node}: failed. {error}", node=name, error=node.error.message)
        case "node.waiting":
            return msg("{node}: {reason}", node=name, reason=node.reason or "")
        case "node.skipped":
            if node.reason is None:
                return msg("{node}: skipped", node=name)
            return msg("{node}: skipped. {reason}", node=name, reason=node.reason)
        case "sink.uncertain":
            return msg("{node}: nobody knows whether it wrote", node=name)
    return None


def _message(value: Any) -> Any:
    return Message.from_json(value) if isinstance(value, Mapping) else value


def _short(seconds: float | None) -> str:
    return number(seconds or 0, 1)
