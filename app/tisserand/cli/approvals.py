"""`tisserand approvals`, `tisserand approve` and `tisserand signal`: what runs wait for, and the answer to it."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg, translate

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor
    from tisserand.service.waits.calls import Decision, OpenWait

SHOWN = 10
"""Rows shown below a question."""


@click.command(cls=Command, help=N_("List what runs ask people to decide, with the rows that it is about."))
@option("--all", "everything", is_flag=True, help=N_("Also what waits for a signal or for a moment."))
@workspace_option
@json_option
def approvals(everything: bool, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        found = executor.waits.open(None if everything else "decision")
        if as_json:
            session.print_json({"waits": [wait.to_json() for wait in found]})
            return 0
        if not found:
            text = msg("No run waits for anything.") if everything else msg("No run asks for a decision.")
            click.echo(text.text())
        for wait in found:
            _show(executor, wait)
    return 0


def _show(executor: Executor, wait: OpenWait) -> None:
    since = datetime.fromtimestamp(wait.since).strftime("%Y-%m-%d %H:%M:%S")
    click.echo(f"{wait.root}  {wait.node}  {wait.flow}  {since}")
    click.echo(f"  {wait.question or wait.reason.text()}")
    if wait.question:
        click.echo(f"  {wait.reason.text()}")
    if wait.until is not None and wait.kind != "time":
        until = datetime.fromtimestamp(wait.until).strftime("%Y-%m-%d %H:%M:%S")
        click.echo("  " + msg("Until {moment}.", moment=until).text())
    for line in _rows(executor, wait):
        click.echo(f"  | {line}")


def _rows(executor: Executor, wait: OpenWait) -> list[str]:
    """The rows that are decided about, as a table; none where they are not kept any more."""
    from tisserand.engine.launch import Refused

    if wait.shown is None or "." not in wait.shown:
        return []
    import pyarrow as pa

    node, _dot, port = wait.shown.partition(".")
    try:
        page = executor.page(wait.run, node, port, 0, SHOWN)
    except Refused:
        return []
    table = pa.ipc.open_stream(io.BytesIO(page.data)).read_all()
    names = table.column_names
    cells = [["" if row[name] is None else str(session.plain(row[name])) for name in names] for row in table.to_pylist()]
    lines = ["  ".join(names), *("  ".join(row) for row in cells)]
    return [*lines, f"… {page.total}"] if page.total > len(cells) else lines


@click.command(
    cls=Command,
    help=N_("Approve what RUN asks (“last” is the latest), at NODE where it asks several things; --reject refuses it."),
)
@click.argument("run", metavar="RUN")
@click.argument("node", metavar="[NODE]", required=False)
@option("--reject", is_flag=True, help=N_("Reject it instead."))
@option("--comment", metavar="TEXT", default="", help=N_("Why; some questions demand it."))
@workspace_option
@json_option
def approve(run: str, node: str | None, reject: bool, comment: str, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        run = session.run_id(executor, run)
        decision: Decision = "rejected" if reject else "approved"
        done = executor.waits.answer(run, node, decision, comment, session.user())
        if as_json:
            session.print_json({"wait": done.to_json(), "decision": decision})
            return 0
        text = msg("“{node}” of the run {run} is rejected.", node=done.node, run=done.root)
        if not reject:
            text = msg("“{node}” of the run {run} is approved.", node=done.node, run=done.root)
        click.echo(text.text())
        goes_on(place.root, done.root)
    return 0


@click.command(cls=Command, help=N_("Send the signal NAME to the run that waits for it, or to the next one that will."))
@click.argument("name", metavar="NAME")
@option("--key", metavar="KEY", help=N_("Only for the run that waits with this key."))
@option(
    "--data", metavar="JSON", default="{}", help=N_("What the signal carries: a JSON object; - reads it from standard input.")
)
@workspace_option
@json_option
def signal(name: str, key: str | None, data: str, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    carried = _object(sys.stdin.read() if data == "-" else data)
    with session.executor(place) as executor:
        sent = executor.waits.signal(name, key, carried, session.user())
        if as_json:
            session.print_json({"sent": sent.to_json()})
            return 0
        if sent.run is None:
            click.echo(msg("No run waits for “{name}”: the signal is kept until one does.", name=name).text())
            return 0
        click.echo(msg("The run {run} takes the signal at “{node}”.", run=sent.run, node=sent.node).text())
        goes_on(place.root, sent.run)
    return 0


def goes_on(root: Any, run: str) -> None:
    """Says how a run goes on where no executor is there to do it."""
    from tisserand.service.serve import running

    if running(root) is None:
        click.echo(
            msg("No executor is running: “tisserand serve” goes on with it, or: tisserand resume {run}", run=run).text(), err=True
        )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(translate(N_("The data of a signal is a JSON object with names and values.")))
    return found
