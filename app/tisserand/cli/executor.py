"""`tisserand executor`: the executor process of a workspace, and how it is started with the user's session."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.texts import N_, Message, msg, ngettext

if TYPE_CHECKING:
    from pathlib import Path

    from tisserand.service.life import Life

executor = Group("executor", help=N_("Stop, drain, restart and install the executor."))


@executor.command("status", help=N_("Say whether the executor of the workspace is alive, and what it does."))
@workspace_option
@json_option
def status(workspace: str | None, as_json: bool) -> int:
    from tisserand.service import units
    from tisserand.service.life import life

    place = session.workspace(workspace)
    found = life(place.root)
    files = [str(path) for path in (units.path(place.root), units.entry(place.root)) if path.exists()]
    with session.executor(place) as asked:
        standing = asked.queue.standing()
    running = sum(turn.pid is not None for turn in standing.turns)
    queued = sum(turn.pid is None and turn.state in ("queued", "paused") for turn in standing.turns)
    if as_json:
        session.print_json(
            {
                "executor": found.to_json() if found else None,
                "installed": files,
                "running": running,
                "queued": queued,
                "paused": standing.paused is not None,
                "draining": standing.draining,
            }
        )
        return 0 if found else 1
    for line in (_alive(found), _runs(running, queued)):
        click.echo(line)
    for file in files:
        click.echo(msg("It starts with the session: {file}", file=file).text())
    return 0 if found else 1


def _alive(found: Life | None) -> str:
    if found is None:
        return msg("No executor serves this workspace.").text()
    since = datetime.fromtimestamp(found.started).strftime("%Y-%m-%d %H:%M:%S")
    return msg("The executor serves at {url} since {since} (process {pid}).", url=found.url, since=since, pid=found.pid).text()


def _runs(running: int, queued: int) -> str:
    under_way = ngettext("{count} run under way", "{count} runs under way", running).format(count=running)
    waiting = ngettext("{count} run queued", "{count} runs queued", queued).format(count=queued)
    return f"{under_way}, {waiting}"


@executor.command(
    "stop", help=N_("End the executor. Runs under way go on by themselves; what is queued begins at the next start.")
)
@workspace_option
@json_option
def stop(workspace: str | None, as_json: bool) -> int:
    from tisserand.service import life

    root = session.workspace(workspace).root
    _note(root, "executor.stopped")
    stopped = life.stop(root)
    said = msg("The executor has ended.") if stopped else msg("No executor serves this workspace.")
    return _answer({"stopped": stopped}, said, as_json)


@executor.command("drain", help=N_("Begin nothing more, wait for the runs under way, and end the executor then."))
@option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help=N_("End it after so long even if runs are under way."))
@workspace_option
@json_option
def drain(timeout: float | None, workspace: str | None, as_json: bool) -> int:
    from tisserand.service import life

    place = session.workspace(workspace)
    if life.life(place.root) is None:
        return _answer({"stopped": False, "left": 0}, msg("No executor serves this workspace."), as_json)
    end = time.monotonic() + timeout if timeout is not None else None
    with session.executor(place) as asked:
        asked.queue.drain(by=session.user())
        told = ""
        while True:
            busy = [turn for turn in asked.queue.standing().turns if turn.pid is not None]
            if not busy or (end is not None and time.monotonic() > end):
                break
            line = ngettext("Waiting for {count} run: {runs}", "Waiting for {count} runs: {runs}", len(busy))
            line = line.format(count=len(busy), runs=", ".join(turn.run for turn in busy))
            if line != told and not as_json:
                click.echo(line, err=True)
                told = line
            time.sleep(0.3)
    stopped = life.stop(place.root)
    return _answer({"stopped": stopped, "left": len(busy)}, msg("The executor has ended."), as_json)


@executor.command("restart", help=N_("End the executor and start it anew at the same port. Runs under way and queued ones stay."))
@workspace_option
@json_option
def restart(workspace: str | None, as_json: bool) -> int:
    from tisserand.service import life

    root = session.workspace(workspace).root
    _note(root, "executor.restarted")
    url = life.restart(root)
    return _answer({"url": url}, msg("Serving {workspace} at {url}", workspace=str(root), url=url), as_json)


@executor.command(
    "install", help=N_("Let the executor start with your session: by systemd where there is one, else by the desktop.")
)
@option("--print", "only_print", is_flag=True, help=N_("Print the unit instead."))
@workspace_option
@json_option
def install(only_print: bool, workspace: str | None, as_json: bool) -> int:
    from tisserand.service import units
    from tisserand.service.life import life

    root = session.workspace(workspace).root
    if only_print:
        if as_json:
            session.print_json({"unit": units.unit(root), "autostart": units.autostart(root)})
        else:
            sys.stdout.write(units.unit(root))
        return 0
    _note(root, "executor.installed")
    file = units.install(root, life(root) is not None)
    return _answer({"file": str(file)}, msg("The executor starts with your session: {file}", file=str(file)), as_json)


@executor.command("uninstall", help=N_("Let the executor no longer start with your session. One that runs goes on."))
@workspace_option
@json_option
def uninstall(workspace: str | None, as_json: bool) -> int:
    from tisserand.service import units

    root = session.workspace(workspace).root
    _note(root, "executor.uninstalled")
    removed = [str(path) for path in units.uninstall(root)]
    said = msg("Removed: {files}", files=removed) if removed else msg("Nothing was installed.")
    return _answer({"removed": removed}, said, as_json)


def _note(root: Path, what: str) -> None:
    """In the audit log, before it is done."""
    from tisserand.engine.launch import state_folder
    from tisserand.service.audit.store import Audit

    audit = Audit(state_folder(root) / "audit.sqlite")
    try:
        audit.note(what, "executor", by=session.user())
    finally:
        audit.close()


def _answer(document: dict[str, Any], said: Message, as_json: bool) -> int:
    if as_json:
        session.print_json(document)
    else:
        click.echo(said.text())
    return 0
