"""`tisserand retention`: what is kept no longer goes, or would go."""

from __future__ import annotations

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg, ngettext, number, translate

SHOWN = 20


@click.command(
    cls=Command,
    help=N_(
        "Let go of data, runs and usage of APIs that “executor: retention:” of tisserand.yaml does not keep. The executor does so "
        "by itself."
    ),
)
@option("--dry-run", is_flag=True, help=N_("Only say what would go."))
@workspace_option
@json_option
def retention(dry_run: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.retention.plan() if dry_run else executor.retention.sweep(session.user())
    if as_json:
        session.print_json(found.to_json())
        return 0
    reasons = {"age": N_("age"), "size": N_("size")}
    rows = [
        [each.run, each.flow, translate(N_("data")), number(each.bytes), translate(reasons[each.reason])] for each in found.data
    ]
    rows += [
        [each.run, each.flow, translate(N_("run")), number(each.bytes), translate(reasons[each.reason])] for each in found.runs
    ]
    if rows:
        titles = [translate(title) for title in (N_("run"), N_("flow"), N_("what"), N_("bytes"), N_("why"))]
        session.print_table(titles, rows[:SHOWN], right=[3])
    if len(rows) > SHOWN:
        click.echo(msg("… and {count} more.", count=number(len(rows) - SHOWN)).text())
    data = ngettext("{count} run loses its rows", "{count} runs lose their rows", len(found.data)).format(
        count=number(len(found.data))
    )
    runs = ngettext("{count} run is removed", "{count} runs are removed", len(found.runs)).format(count=number(len(found.runs)))
    click.echo(msg("{data}; {runs}; {bytes} bytes.", data=data, runs=runs, bytes=number(found.bytes)).text())
    if found.usage:
        usage = ngettext("{count} row of usage of APIs goes.", "{count} rows of usage of APIs go.", found.usage)
        click.echo(usage.format(count=number(found.usage)))
    if found.over:
        over = msg(
            "{bytes} bytes more than is allowed stay: runs under way, and failed ones that can be resumed.",
            bytes=number(found.over),
        )
        click.echo(over.text(), err=True)
    return 0
