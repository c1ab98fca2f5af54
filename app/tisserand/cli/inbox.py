"""`tisserand inbox`: the events that flows are started for; those that were given up can be mended and sent again."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.texts import N_, msg, number, translate

if TYPE_CHECKING:
    from tisserand.service.inbox.calls import InboxEvent
    from tisserand.service.protocol import Executor
    from tisserand.workspace.folder import Workspace

STATES: dict[str, str] = {
    "waiting": N_("waiting"),
    "taken": N_("taken"),
    "done": N_("done"),
    "dead": N_("given up"),
    "discarded": N_("discarded"),
}

WIDEST = 60
PAGE = 1000

inbox = Group("inbox", help=N_("See, mend and send again the events that flows are started for."))

flow_option = option("--flow", metavar="FLOW", help=N_("Only the events of this flow."))


@inbox.command("list", help=N_("List the events, the latest first; those that were given up are the dead letters."))
@flow_option
@option("--state", type=click.Choice(list(STATES)), help=N_("Only events in this state."))
@option("--text", metavar="TEXT", help=N_("Only events whose key or values hold this text."))
@option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help=N_("At most so many."))
@option("--before", type=click.IntRange(1), metavar="ID", help=N_("Go on from this event."))
@workspace_option
@json_option
def list_events(
    flow: str | None, state: str | None, text: str | None, limit: int, before: int | None, workspace: str | None, as_json: bool
) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        found = executor.inbox.events(_file(place, flow), state, text, limit, before)
    if as_json:
        session.print_json({"events": [event.to_json() for event in found]})
        return 0
    titles = [translate(title) for title in (N_("event"), N_("flow"), N_("state"), N_("received"), N_("attempts"), N_("values"))]
    session.print_table(titles, [_line(event) for event in found], right=[0, 4])
    return 0


@inbox.command("counts", help=N_("Show how many events of each flow stand how."))
@workspace_option
@json_option
def show_counts(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.inbox.counts()
    if as_json:
        session.print_json({"flows": [counts.to_json() for counts in found]})
        return 0
    titles = [translate(N_("flow")), *(translate(word) for word in STATES.values())]
    rows = [[counts.file, *(number(counts.counts.get(state, 0), 0) for state in STATES)] for counts in found]
    session.print_table(titles, rows, right=range(1, len(titles)))
    return 0


@inbox.command("show", help=N_("Show all of the event ID."))
@click.argument("id", metavar="ID", type=click.IntRange(1))
@workspace_option
@json_option
def show(id: int, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        event = executor.inbox.event(id)
    if as_json:
        session.print_json(event.to_json())
        return 0
    told: dict[str, Any] = {
        translate(N_("flow")): event.file,
        translate(N_("trigger")): event.node,
        translate(N_("key")): event.key,
        translate(N_("received")): _moment(event.received),
        translate(N_("state")): translate(STATES[event.state]),
        translate(N_("attempts")): event.attempts,
        translate(N_("run")): event.run,
        translate(N_("error")): event.error.line() if event.error else None,
        translate(N_("edited by")): event.edited_by,
    }
    for name, value in told.items():
        if value is not None:
            click.echo(f"{name}: {value}")
    click.echo(json.dumps(dict(event.row), ensure_ascii=False, indent=2))
    return 0


@inbox.command("edit", help=N_("Change values of the event ID, which must wait or be given up. The columns of its trigger bind."))
@click.argument("id", metavar="ID", type=click.IntRange(1))
@option("--set", "settings", multiple=True, metavar="COLUMN=VALUE", help=N_("A value, as JSON or as a plain text; repeatable."))
@option("--row", is_flag=True, help=N_("Read the whole row as one JSON object from standard input."))
@workspace_option
@json_option
def edit(id: int, settings: tuple[str, ...], row: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        values = _object(sys.stdin.read()) if row else dict(executor.inbox.event(id).row)
        for text in settings:
            name, value = _setting(text)
            values[name] = value
        event = executor.inbox.edit(id, values, session.user())
    if as_json:
        session.print_json(event.to_json())
    else:
        click.echo(msg("The event {id} is changed.", id=id).text())
    return 0


@inbox.command("resubmit", help=N_("Let events that were given up or discarded start their flow again."))
@click.argument("ids", metavar="[ID]…", type=click.IntRange(1), nargs=-1)
@option("--dead", is_flag=True, help=N_("All that were given up, of one flow with --flow."))
@flow_option
@workspace_option
@json_option
def resubmit(ids: tuple[int, ...], dead: bool, flow: str | None, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        count = executor.inbox.resubmit(_chosen(executor, place, ids, dead, flow), session.user())
    if as_json:
        session.print_json({"resubmitted": count})
    else:
        click.echo(msg("{count} events wait for a run again.", count=count).text())
    return 0


@inbox.command("discard", help=N_("Give up events: no run takes them. They stay in the list, and can be sent again."))
@click.argument("ids", metavar="[ID]…", type=click.IntRange(1), nargs=-1)
@option("--dead", is_flag=True, help=N_("All that were given up, of one flow with --flow."))
@flow_option
@workspace_option
@json_option
def discard(ids: tuple[int, ...], dead: bool, flow: str | None, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        count = executor.inbox.discard(_chosen(executor, place, ids, dead, flow), session.user())
    if as_json:
        session.print_json({"discarded": count})
    else:
        click.echo(msg("{count} events are discarded.", count=count).text())
    return 0


@inbox.command("hooks", help=N_("List the addresses that other programs can call to start flows."))
@workspace_option
@json_option
def hooks(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.inbox.hooks()
    if as_json:
        session.print_json({"hooks": [hook.to_json() for hook in found]})
        return 0
    if not found:
        click.echo(msg("No address can be called: switch a flow with a webhook on (“tisserand watch FLOW”).").text())
    else:
        session.print_table([translate(N_("flow")), translate(N_("address"))], [[hook.file, hook.url] for hook in found])
    return 0


def _chosen(executor: Executor, place: Workspace, ids: tuple[int, ...], dead: bool, flow: str | None) -> list[int]:
    if bool(ids) == dead or (flow and not dead):
        raise click.UsageError(msg("Name events, or give --dead (of one flow: with --flow).").text())
    if ids:
        return list(ids)
    file, found, before = _file(place, flow), [], None
    while page := executor.inbox.events(file, "dead", None, PAGE, before):
        found += [event.id for event in page]
        before = page[-1].id
    return found


def _file(place: Workspace, flow: str | None) -> str | None:
    return session.flow_file(place, flow) if flow is not None else None


def _line(event: InboxEvent) -> list[str]:
    text = json.dumps(dict(event.row), ensure_ascii=False)
    shown = text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
    state = translate(STATES[event.state])
    return [str(event.id), event.file, state, _moment(event.received), str(event.attempts), shown]


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(msg("“{text}” is not COLUMN=VALUE.", text=text).text())
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(msg("Standard input holds no JSON object.").text())
    return found
