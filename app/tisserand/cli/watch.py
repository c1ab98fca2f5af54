"""`tisserand watch`: which flows start by themselves, switching them on and off."""

from __future__ import annotations

import json

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg


@click.command(cls=Command, help=N_("Switch FLOW on, so that it starts by itself; without FLOW, list the flows that are on."))
@click.argument("flow", required=False, metavar="[FLOW]")
@option("--off", is_flag=True, help=N_("Switch it off."))
@workspace_option
@json_option
def watch(flow: str | None, off: bool, workspace: str | None, as_json: bool) -> int:
    from tisserand.service.serve import connect, ensure

    place = session.workspace(workspace, flow)
    executor = connect(place.root)
    try:
        if flow is not None:
            file = place.find_flow(flow).relative_to(place.root).as_posix()
            if off:
                executor.unwatch(file, session.user())
            else:
                executor.watch(file, session.user())
                ensure(place.root)
        found = executor.watches()
    finally:
        executor.close()
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found], ensure_ascii=False))
        return 0
    if not found:
        click.echo(msg("No flow is on.").text())
    for each in found:
        counts = ", ".join(f"{state} {count}" for state, count in sorted(each.counts.items()))
        line = f"{each.file}  {counts}".rstrip()
        click.echo(f"{line}  {each.problem.message.text()}" if each.problem else line)
    return 0
