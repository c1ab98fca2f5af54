"""`tisserand logs`: what happened in a run, and what its process wrote."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import TYPE_CHECKING

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg

if TYPE_CHECKING:
    from tisserand.service.protocol import Event, Executor


@click.command(cls=Command, help=N_("Show what happened in RUN (“last” is the latest), and then what its process wrote."))
@click.argument("run", metavar="RUN")
@option("-f", "--follow", is_flag=True, help=N_("Go on until the run is over."))
@workspace_option
@json_option
def logs(run: str, follow: bool, workspace: str | None, as_json: bool) -> int:
    """With --json: one document; while following, one event a line, and the log's text at the end."""
    with session.executor(session.workspace(workspace)) as executor:
        run = session.run_id(executor, run)
        events = (event for event in executor.events(run, follow=follow) if event.seq is not None)
        if as_json:
            found = [_json(event) for event in events]
            session.print_json({"run": run, "events": found, "log": _log(executor, run)})
            return 0
        for event in events:
            line = _line(event)
            if line is not None:
                click.echo(line)
        text = _log(executor, run)
    if text.strip():
        click.echo()
        click.echo(msg("What its process wrote:").text())
        click.echo("".join(_shown(sign) for sign in text).rstrip("\n"))
    return 0


def _line(event: Event) -> str | None:
    from tisserand.service.sentences import sentence

    said = sentence(event)
    if said is None:
        return None
    moment = datetime.fromtimestamp(event.time).strftime("%Y-%m-%d %H:%M:%S")
    text = "".join(sign if sign.isprintable() else " " for sign in said.text())
    return f"{moment}  {text}"


def _json(event: Event) -> dict[str, object]:
    from tisserand.service.sentences import sentence

    said = sentence(event)
    return event.to_json() | ({"text": said.text()} if said is not None else {})


def _log(executor: Executor, run: str) -> str:
    parts: list[str] = []
    offset = 0
    for _ in itertools.count():
        text, after = executor.queue.log(run, offset)
        parts.append(text)
        if after == offset:
            break
        offset = after
    return "".join(parts)


def _shown(sign: str) -> str:
    """Nothing that a terminal would obey."""
    return sign if sign.isprintable() or sign in "\n\t" else "·"
