"""`tisserand find` and `tisserand erase`: where a business value went, and taking it out of everything that is kept."""

from __future__ import annotations

from datetime import datetime

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg, number, translate

_RELATIONS = {
    "holds": N_("holds it"),
    "caller": N_("called such a run"),
    "called": N_("called by such a run"),
    "cause": N_("led to such a run"),
}


@click.command(cls=Command, help=N_("Find the runs and events that had VALUE as a business key, in the order of time."))
@click.argument("value", metavar="VALUE")
@option("--key", "name", metavar="NAME", help=N_("Only this business key."))
@option("--prefix", is_flag=True, help=N_("Also values that only begin with VALUE."))
@option("--limit", type=click.IntRange(1, 1000), default=200, show_default=True, help=N_("At most so many."))
@workspace_option
@json_option
def find(value: str, name: str | None, prefix: bool, limit: int, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        trail = executor.keys.search(value, prefix, name, limit)
    if as_json:
        session.print_json(trail.to_json())
        return 0
    if not trail.steps:
        click.echo(msg("“{value}” is found nowhere.", value=value).text())
        return 0
    titles = [translate(title) for title in (N_("time"), N_("flow"), N_("run"), N_("state"), N_("keys"), N_("why"))]
    rows = []
    for step in trail.steps:
        moment = datetime.fromtimestamp(step.time).strftime("%Y-%m-%d %H:%M:%S")
        keys = ", ".join(f"{held.name}={held.value} ({held.node})" + (" …" if held.cut else "") for held in step.keys)
        id = step.id if step.kind == "run" else msg("event {id}", id=step.id).text()
        why = translate(_RELATIONS[step.relation]) if step.kind == "run" else step.node or ""
        rows.append([moment, step.flow, id, step.state, keys, why])
    session.print_table(titles, rows)
    if trail.cut:
        click.echo(msg("There are more; these are the latest.").text(), err=True)
    return 0


@click.command(
    cls=Command,
    help=N_("Erase a value from all that the executor keeps. First shows what it would touch; with --yes, does it."),
)
@click.argument("name", metavar="KEY")
@option("--reason", required=True, help=N_("Why; it stands in the audit log and must not hold the value."))
@option("--yes", is_flag=True, help=N_("Do it without asking."))
@workspace_option
@json_option
def erase(name: str, reason: str, yes: bool, workspace: str | None, as_json: bool) -> int:
    from tisserand.cli.connection import _value

    value = _value(name)
    with session.executor(session.workspace(workspace)) as executor:
        plan = executor.keys.erasure(name, value)
        if not as_json:
            _say_plan(plan)
        if not yes and not (not as_json and click.confirm(msg("Erase it for ever?").text(), err=True)):
            if as_json:
                session.print_json(plan.to_json())
            return 0
        done = executor.keys.erase(name, value, session.user(), reason)
    if as_json:
        session.print_json(done.to_json())
    elif done.finished is not None:
        click.echo(msg("It is erased. The audit log has it as {hash}.", hash=done.hash).text())
    else:
        click.echo(msg("It goes on as soon as the runs that hold it are over.").text(), err=True)
    return 0


def _say_plan(plan: object) -> None:
    from tisserand.service.keys.calls import Erasure

    assert isinstance(plan, Erasure)
    for text in (
        msg("{count} runs lose the data that is kept of them.", count=number(len(plan.runs))),
        msg("{count} files are removed or blotted out ({bytes} bytes).", count=number(plan.files), bytes=number(plan.bytes)),
        msg("{count} entries of the index of keys are removed.", count=number(plan.entries)),
        msg("{count} events of the inbox are emptied.", count=number(plan.events)),
        msg("{count} parameters, errors and log lines are blotted out.", count=number(plan.texts)),
    ):
        click.echo(text.text(), err=True)
    if plan.audited:
        told = msg(
            "{count} entries of the audit log hold the value and stay: nobody can change them.", count=number(plan.audited)
        )
        click.echo(told.text(), err=True)
    if plan.busy:
        click.echo(msg("These runs hold it and are not over: {runs}.", runs=list(plan.busy)).text(), err=True)
