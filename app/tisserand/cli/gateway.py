"""`tisserand gateway`: what a push would do, the push, what was changed in the gateway, the way back, and who called what."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.texts import N_, msg, ngettext, translate

if TYPE_CHECKING:
    from tisserand.apis.gateways.adapter import Change, Dropped, Plan
    from tisserand.service.gateways.calls import Pushed

gateway = Group(
    "gateway",
    help=N_("Push APIs to gateways, see what would change or was changed there, and who called what."),
    commands_at={
        "usage": ("tisserand.cli.gateway_usage:usage", N_("Show who called what, how often, and how it went.")),
        "collect": ("tisserand.cli.gateway_usage:collect", N_("Take over what gateways tell of usage.")),
    },
)

SHOWN = 100
"""Changes that are listed without --all."""
CHANGES = 3
"""The exit code of --exit-code where there is something."""

_SIGNS = {"create": "+", "change": "~", "delete": "-"}
_ACTIONS = {"create": N_("create"), "change": N_("change"), "delete": N_("delete")}
_COLOURS = {"create": "green", "change": "yellow", "delete": "red"}
RESULTS = {
    "done": N_("done"),
    "refused": N_("refused"),
    "failed": N_("failed"),
    "begun": N_("under way"),
    "rolled back": N_("rolled back"),
}

all_option = option("--all", "everything", is_flag=True, help=N_("List every change, not only the first hundred."))
code_option = option(
    "--exit-code", is_flag=True, help=N_("Leave with 3 where there is something, with 0 where there is nothing.")
)


@gateway.command("list", help=N_("List the gateways and what was last pushed to them."))
@workspace_option
@json_option
def list_gateways(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.gateways.list()
    if as_json:
        session.print_json({"gateways": [each.to_json() for each in found]})
        return 0
    if not found:
        click.echo(msg("There is no gateway: “gateways.yaml” names none.").text(), err=True)
        return 0
    titles = [translate(title) for title in (N_("name"), N_("type"), N_("address"), N_("alive"), N_("revision"), N_("pushed"))]
    alive = {True: N_("yes"), False: N_("no"), None: ""}
    rows = [
        [each.name, each.type, each.address, translate(alive[each.alive]) if alive[each.alive] else "", each.revision,
         _moment(each.pushed_at)]
        for each in found
    ]  # fmt: skip
    session.print_table(titles, rows)
    session.print_problems(each.problem for each in found if each.problem is not None)
    return 0


@gateway.command("plan", help=N_("Show what a push to the gateway NAME would do; nothing is changed."))
@click.argument("name", metavar="NAME")
@all_option
@code_option
@workspace_option
@json_option
def plan(name: str, everything: bool, exit_code: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.gateways.plan(name)
    if as_json:
        session.print_json(_plan_json(found))
    else:
        print_plan(found, everything)
    return CHANGES if exit_code and (found.changes or found.problems) else 0


@gateway.command("push", help=N_("Make live in the gateway NAME what is declared. What is live is read back and compared."))
@click.argument("name", metavar="NAME")
@option(
    "--accept", metavar="FIELD", multiple=True,
    help=N_("Take it upon yourself that the gateway does not enforce this, as the plan names it; may be given several times."),
)  # fmt: skip
@option("--yes", is_flag=True, help=N_("Do not ask."))
@all_option
@workspace_option
@json_option
def push(name: str, accept: tuple[str, ...], yes: bool, everything: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        if not as_json:
            found = executor.gateways.plan(name)
            print_plan(found, everything)
            if found.changes and not found.problems:
                _sure(yes, msg("Push to “{gateway}”?", gateway=name).text())
        else:
            _sure(yes, "")
        done = executor.gateways.push(name, accept, session.user())
    return _print_pushed(done, as_json)


@gateway.command("drift", help=N_("Show what was changed in the gateway NAME itself since the last push."))
@click.argument("name", metavar="NAME")
@all_option
@code_option
@workspace_option
@json_option
def drift(name: str, everything: bool, exit_code: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.gateways.drift(name)
    if as_json:
        session.print_json({"changes": [asdict(each) for each in found]})
    elif found:
        click.echo(msg("From what was pushed to what is live:").text())
        _print_changes(found, everything)
    else:
        click.echo(msg("Nothing was changed in “{gateway}” since the last push.", gateway=name).text())
    return CHANGES if exit_code and found else 0


@gateway.command(
    "rollback", help=N_("Make live again what push NUMBER to the gateway NAME held; without a number, what was live before.")
)
@click.argument("name", metavar="NAME")
@click.argument("number", metavar="[NUMBER]", type=click.IntRange(1), required=False)
@option("--yes", is_flag=True, help=N_("Do not ask."))
@workspace_option
@json_option
def rollback(name: str, number: int | None, yes: bool, workspace: str | None, as_json: bool) -> int:
    _sure(yes, msg("Roll “{gateway}” back?", gateway=name).text() if not as_json else "")
    with session.executor(session.workspace(workspace)) as executor:
        done = executor.gateways.rollback(name, number or 0, session.user())
    return _print_pushed(done, as_json)


@gateway.command("history", help=N_("List the pushes to the gateway NAME, the latest first."))
@click.argument("name", metavar="NAME")
@option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help=N_("At most so many."))
@workspace_option
@json_option
def history(name: str, limit: int, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.gateways.history(name, limit)
    if as_json:
        session.print_json({"pushes": [each.to_json() for each in found]})
        return 0
    titles = [
        translate(title) for title in (N_("number"), N_("time"), N_("by"), N_("result"), N_("changes"), N_("content"), N_("why"))
    ]
    rows = [
        [
            str(each.number), _moment(each.at), each.by or translate(N_("the executor")), translate(RESULTS[each.result]),
            str(each.changes), each.content_hash, each.problem.message.text() if each.problem else "",
        ]
        for each in found
    ]  # fmt: skip
    session.print_table(titles, rows, right=[0, 4])
    return 0


def print_plan(found: Plan, everything: bool) -> None:
    """For people: create, change, delete, dropped with its reason, and what stands in the way."""
    _print_changes(found.changes, everything)
    for each in found.dropped:
        click.echo(_dropped(each))
    moved = sorted({*found.drifted} - {change.item for change in found.changes})
    if moved:
        click.echo(msg("Changed in the gateway, as it is declared now: {items}", items=moved).text())
    session.print_problems(found.problems)
    if not found.changes:
        click.echo(msg("Nothing to do: “{gateway}” holds what is declared.", gateway=found.gateway).text())
        return
    count = {action: sum(change.action == action for change in found.changes) for action in _ACTIONS}
    parts = ", ".join(f"{number} {translate(_ACTIONS[action])}" for action, number in count.items() if number)
    click.echo(msg("{gateway}: {changes}", gateway=found.gateway, changes=parts).text())


def _print_changes(changes: Any, everything: bool) -> None:
    shown = changes if everything else changes[:SHOWN]
    for change in shown:
        for line in _change(change):
            click.echo(line)
    if len(shown) < len(changes):
        rest = len(changes) - len(shown)
        click.echo(ngettext("… and {count} more: --all", "… and {count} more: --all", rest).format(count=rest))


def _change(change: Change) -> list[str]:
    head = f"{_SIGNS[change.action]} {translate(_ACTIONS[change.action])} {_one_line(change.item)}"
    if change.drift:
        head += f"  ({translate(N_('was changed in the gateway'))})"
    lines = [click.style(head, fg=_COLOURS[change.action]) if sys.stdout.isatty() else head]
    lines += [f"    {_one_line(field)}: {_value(live)} → {_value(declared)}" for field, live, declared in change.fields]
    return lines


def _one_line(text: str) -> str:
    """As it is, or escaped where it holds what moves the cursor, turns the direction or begins a line: nobody is to read another change
    than the one that is made."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _value(value: Any) -> str:
    import json

    text = "–" if value is None else _one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 120 else text[:119] + "…"


def _dropped(each: Dropped) -> str:
    line = msg("dropped {name}: {reason}", name=each.name, reason=each.reason).text()
    if each.weight == "other":
        return f"! {line}"
    line = f"! {line} " + msg("It refuses the push, but where it is accepted: --accept {name}", name=each.name).text()
    return click.style(line, fg="red") if sys.stdout.isatty() else line


def _plan_json(found: Plan) -> dict[str, Any]:
    from tisserand.service.gateways.calls import plan_to_json

    document = plan_to_json(found)
    for each, dropped in zip(document["dropped"], found.dropped, strict=True):
        each["name"], each["text"] = dropped.name, dropped.reason.text()
    for each, problem in zip(document["problems"], found.problems, strict=True):
        each["text"] = problem.line()
    return document


def _sure(yes: bool, question: str) -> None:
    """Ask, where there is somebody to ask."""
    if yes:
        return
    if not question or not sys.stdin.isatty():
        raise click.UsageError(msg("Nobody can be asked here: say --yes.").text())
    click.confirm(question, abort=True)


def _print_pushed(done: Pushed, as_json: bool) -> int:
    if as_json:
        session.print_json(done.to_json())
        return 0
    if not done.changes:
        click.echo(msg("“{gateway}” was left as it is.", gateway=done.gateway).text())
    else:
        told = ngettext(
            "Push {number} to “{gateway}” is live: {count} change.", "Push {number} to “{gateway}” is live: {count} changes.",
            done.changes,
        )  # fmt: skip
        click.echo(told.format(number=done.number, gateway=done.gateway, count=done.changes))
    if done.problem is not None:
        session.print_problems([done.problem])
    return 0


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""
