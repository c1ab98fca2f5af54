"""`tisserand audit`: who had the executor do what; export and verification of the log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TextIO

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.texts import N_, msg, ngettext, translate

audit = Group("audit", help=N_("List, export and verify who had the executor do what."))

PAGE = 1000


@audit.command("list", help=N_("List the entries, the latest first."))
@option("--target", metavar="NAME", help=N_("Only what was done to this run, flow or connection."))
@option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help=N_("At most so many."))
@workspace_option
@json_option
def list_entries(target: str | None, limit: int, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.audit.entries(target, limit)
    if as_json:
        session.print_json({"entries": [entry.to_json() for entry in found]})
        return 0
    titles = [translate(title) for title in (N_("number"), N_("time"), N_("by"), N_("what"), N_("target"), N_("details"))]
    rows = []
    for entry in found:
        moment = datetime.fromtimestamp(entry.time).strftime("%Y-%m-%d %H:%M:%S")
        details = json.dumps(dict(entry.data), ensure_ascii=False) if entry.data else ""
        rows.append([str(entry.id), moment, entry.by, entry.what, entry.target, details])
    session.print_table(titles, rows, right=[0])
    return 0


@audit.command(
    "export", help=N_("Write all entries as JSON lines, the oldest first: kept elsewhere, they show what is changed here.")
)
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
@workspace_option
def export(file: TextIO, workspace: str | None) -> int:
    pages = []
    before: int | None = None
    with session.executor(session.workspace(workspace)) as executor:
        while page := executor.audit.entries(None, PAGE, before):
            pages.append(page)
            before = page[-1].id
    for page in reversed(pages):
        for entry in reversed(page):
            file.write(json.dumps(entry.to_json(), ensure_ascii=False, sort_keys=True) + "\n")
    return 0


@audit.command("verify", help=N_("Say whether entries were changed, removed, moved or cut off."))
@workspace_option
@json_option
def verify(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.audit.verify()
    if as_json:
        session.print_json(found.to_json())
        return 0 if found.whole else 1
    if found.whole:
        told = ngettext("{count} entry, as it was written.", "{count} entries, as they were written.", found.entries)
        click.echo(told.format(count=found.entries))
        return 0
    if found.broken:
        shown = ", ".join(str(id) for id in found.broken[:20])
        click.echo(msg("Changed, or something before it was taken out: {entries}.", entries=shown).text(), err=True)
    if found.missing:
        told = ngettext("{count} entry is cut off at the end.", "{count} entries are cut off at the end.", found.missing)
        click.echo(told.format(count=found.missing), err=True)
    elif found.end == "wrong":
        click.echo(msg("The end of the log is not the one that was sealed.").text(), err=True)
    elif found.end == "none":
        click.echo(msg("The end of the log has no seal: nobody can say whether entries are cut off.").text(), err=True)
    return 1


def note(place: object, what: str, target: str) -> None:
    """Enter what a command is about to do by itself, without the executor."""
    from tisserand.engine.launch import state_folder
    from tisserand.service.audit.store import Audit
    from tisserand.workspace.folder import Workspace

    assert isinstance(place, Workspace)
    log = Audit(state_folder(place.root) / "audit.sqlite")
    try:
        log.note(what, target, by=session.user())
    finally:
        log.close()
