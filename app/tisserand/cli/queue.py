"""`tisserand ps`, `cancel`, `pause` and `unpause`: the runs that are not over."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, Message, msg, number, translate

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor
    from tisserand.service.queue.calls import Queued, Turn
    from tisserand.workspace.folder import Workspace

_STATES: dict[str, str] = {
    "running": N_("running"),
    "queued": N_("queued"),
    "paused": N_("paused"),
    "waiting": N_("waiting"),
}
_RUN = re.compile(r"last|\d{8}-\d{6}-[0-9a-f]{4,12}")


@click.command(cls=Command, help=N_("List the runs that are under way, queued, paused or waiting, in the order of their turns."))
@workspace_option
@json_option
def ps(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.queue.standing()
    if as_json:
        document = found.to_json()
        for turn, shown in zip(found.turns, document["turns"], strict=True):
            shown["age"] = round(time.time() - turn.since, 3)
            if turn.reason is not None:
                shown["reason"]["text"] = turn.reason.text()
        session.print_json(document)
        return 0
    if found.turns:
        titles = (N_("run"), N_("flow"), N_("state"), N_("age"), N_("memory"), N_("done"), N_("reason"))
        session.print_table([translate(title) for title in titles], [_row(turn) for turn in found.turns], right=[3, 4, 5])
    for line in _about(found):
        click.echo(line.text(), err=True)
    return 0


def _row(turn: Turn) -> list[str]:
    memory = f"{number(turn.memory / 1e6)} MB" if turn.memory is not None else ""
    done = f"{number(100 * turn.share)} %" if turn.share is not None else ""
    reason = turn.reason.text() if turn.reason is not None else ""
    return [turn.run, turn.flow, translate(_STATES[turn.state]), age(time.time() - turn.since), memory, done, reason]


def _about(found: Queued) -> list[Message]:
    """What holds for all of them."""
    lines = []
    if not found.turns:
        lines.append(msg("Nothing runs, and nothing waits."))
    if found.paused is not None:
        lines.append(msg("Everything is paused by {by}: tisserand unpause --all", by=found.paused.by or "–"))
    if found.draining:
        lines.append(msg("The executor begins nothing more, and ends soon."))
    if not found.serving and any(turn.state == "queued" for turn in found.turns):
        lines.append(msg("What is queued begins when the executor runs: tisserand serve"))
    return lines


def age(seconds: float) -> str:
    """A stretch of time in two units at most: `3 s`, `12 min`, `2 h 05`, `3 d 04`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02}"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02}"


@click.command(cls=Command, help=N_("Cancel each RUN (“last” is the latest): politely first, and by force after ten seconds."))
@click.argument("runs", metavar="RUN …", nargs=-1, required=True)
@workspace_option
@json_option
def cancel(runs: tuple[str, ...], workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        named = [session.run_id(executor, run) for run in runs]
        for run in named:
            executor.cancel(run, session.user())
        if not executor.queue.standing().serving:
            _see_it_end(executor, named)
    if as_json:
        session.print_json({"cancelled": named})
    else:
        for run in named:
            click.echo(msg("The run {run} is being cancelled.", run=run).text())
    return 0


def _see_it_end(executor: Executor, runs: list[str]) -> None:
    """Without an executor process it is this process that ends them by force."""
    end = time.monotonic() + 15
    while time.monotonic() < end and any(executor.run(run).state == "running" for run in runs):
        time.sleep(0.1)


@click.command(
    cls=Command,
    help=N_(
        "Hold TARGET: a run stops before its next node, a flow begins no more runs; with --all nothing begins any more. "
        "What comes meanwhile waits."
    ),
)
@click.argument("target", metavar="[FLOW|RUN]", required=False)
@option("--all", "everything", is_flag=True, help=N_("Everything in the workspace."))
@workspace_option
@json_option
def pause(target: str | None, everything: bool, workspace: str | None, as_json: bool) -> int:
    return _hold(target, everything, workspace, as_json, True)


@click.command(cls=Command, help=N_("Let TARGET, a flow or a run, go on; with --all the whole workspace."))
@click.argument("target", metavar="[FLOW|RUN]", required=False)
@option("--all", "everything", is_flag=True, help=N_("Everything in the workspace."))
@workspace_option
@json_option
def unpause(target: str | None, everything: bool, workspace: str | None, as_json: bool) -> int:
    return _hold(target, everything, workspace, as_json, False)


def _hold(target: str | None, everything: bool, workspace: str | None, as_json: bool, on: bool) -> int:
    if (target is None) != everything:
        raise click.UsageError(msg("Name a flow or a run, or say --all.").text())
    place = session.workspace(workspace, target)
    with session.executor(place) as executor:
        named = _target(place, executor, target) if target is not None else None
        changed = (executor.queue.pause if on else executor.queue.unpause)(named, session.user())
    if as_json:
        session.print_json({"target": named, "paused": on, "changed": changed})
        return 0
    what = named if named is not None else translate(N_("everything"))
    if changed:
        said = msg("{what} is paused.", what=what) if on else msg("{what} goes on.", what=what)
    else:
        said = msg("{what} was paused already.", what=what) if on else msg("{what} was not paused.", what=what)
    click.echo(said.text())
    return 0


def _target(place: Workspace, executor: Executor, target: str) -> str:
    return session.run_id(executor, target) if _RUN.fullmatch(target) else session.flow_file(place, target)
