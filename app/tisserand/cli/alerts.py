"""`tisserand alerts`: what is unusual, who knows of it, what is silent, where it is told."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, cast

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, translate

if TYPE_CHECKING:
    from tisserand.service.alerts.calls import Alert, AlertState

alerts = Group("alerts", help=N_("List, acknowledge and silence alerts, and test where they are told."))


@alerts.command("list", help=N_("List the alerts, the latest first."))
@option("--state", type=click.Choice(["open", "resolved", "all"]), default="open", help=N_("Which ones."))
@option("--flow", metavar="FLOW", help=N_("Of this flow only, by its id."))
@option("--rule", metavar="RULE", help=N_("Of this rule only."))
@option("--limit", type=click.IntRange(1, 10_000), default=100, help=N_("How many at most."))
@workspace_option
@json_option
def list_alerts(state: str, flow: str | None, rule: str | None, limit: int, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.alerts.list(None if state == "all" else cast("AlertState", state), flow, rule, limit)
        silences = executor.alerts.silences()
        known = executor.alerts.rules()
    if as_json:
        session.print_json(
            {
                "alerts": [alert.to_json() | {"text": alert.message.text()} for alert in found],
                "silences": [silence.to_json() for silence in silences],
                **known.to_json(),
            }
        )
        return 0
    if not found:
        click.echo(msg("There is no alert.").text())
    for alert in found:
        click.echo(_line(alert))
        if alert.fix is not None and alert.state == "open":
            click.echo(f"      {alert.fix.text()}")
    for silence in silences:
        what = ":".join((silence.rule or "*", silence.flow or "*"))
        line = msg("Silence {id}: {what} until {time}, by {by}: {why}", id=silence.id, what=what, time=_clock(silence.until),
                   by=silence.by or "–", why=silence.why or "–")  # fmt: skip
        click.echo(line.text())
    for channel in known.channels:
        if channel.failed or channel.error:
            line = msg("Channel {name}: {failed} messages given up, {pending} waiting. {error}", name=channel.name,
                       failed=channel.failed, pending=channel.pending, error=channel.error or "")  # fmt: skip
            click.echo(line.text(), err=True)
    session.print_problems(known.problems)
    return 0


def _line(alert: Alert) -> str:
    marks = [
        translate(N_("resolved")) if alert.state == "resolved" else "",
        msg("known to {by}", by=alert.acknowledged_by).text() if alert.acknowledged_by else "",
        translate(N_("silent")) if alert.silent else "",
        f"×{alert.count}" if alert.count > 1 else "",
    ]
    head = f"{alert.id:>4}  {_clock(alert.last)}  {alert.severity:<7}  {alert.flow or alert.rule}"
    tail = ", ".join(mark for mark in marks if mark)
    return f"{head}: {alert.message.text()}" + (f" ({tail})" if tail else "")


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")


@alerts.command("ack", help=N_("Say that you know of ALERT: it is not told any more while it lasts."))
@click.argument("alert", type=int, metavar="ALERT")
@option("--why", default="", help=N_("What is being done."))
@workspace_option
@json_option
def acknowledge(alert: int, why: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.alerts.acknowledge(alert, session.user(), why)
    if as_json:
        session.print_json(found.to_json())
    else:
        click.echo(_line(found))
    return 0


@alerts.command("silence", help=N_("Tell nothing of a flow, a rule, or both, for some time."))
@option("--flow", metavar="FLOW", help=N_("The flow, by its id."))
@option("--rule", metavar="RULE", help=N_("The rule."))
@option("--for", "duration", metavar="TIME", help=N_("For how long: 30min, 2h, 1d."))
@option("--until", metavar="TIME", help=N_("Until when: 2026-12-24T08:00, by the clock of this machine."))
@option("--why", default="", help=N_("Why, for others to read."))
@option("--off", type=int, metavar="SILENCE", help=N_("End this silence instead."))
@workspace_option
@json_option
def silence(
    flow: str | None,
    rule: str | None,
    duration: str | None,
    until: str | None,
    why: str,
    off: int | None,
    workspace: str | None,
    as_json: bool,
) -> int:
    end = 0.0 if off is not None else _end(duration, until)
    with session.executor(session.workspace(workspace)) as executor:
        if off is not None:
            executor.alerts.unsilence(off, session.user())
        else:
            executor.alerts.silence(end, flow, rule, session.user(), why)
        found = executor.alerts.silences()
    if as_json:
        session.print_json({"silences": [one.to_json() for one in found]})
        return 0
    for one in found:
        click.echo(f"{one.id:>4}  {one.rule or '*'}:{one.flow or '*'}  {_clock(one.until)}  {one.by}  {one.why}".rstrip())
    return 0


def _end(duration: str | None, until: str | None) -> float:
    from tisserand.model import units

    if (duration is None) == (until is None):
        raise NodeError("Say how long: with --for or with --until.")
    if until is not None:
        try:
            return datetime.fromisoformat(until).timestamp()
        except ValueError:
            raise NodeError("“{time}” is not a time like 2026-12-24T08:00.", time=until) from None
    try:
        return time.time() + units.seconds(str(duration))
    except units.UnitError as error:
        raise NodeError(error.message) from None


@alerts.command("test", help=N_("Send a test message through CHANNEL of alerts.yaml."))
@click.argument("channel", metavar="CHANNEL")
@workspace_option
@json_option
def test(channel: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        sent = executor.alerts.test_channel(channel, session.user())
    if as_json:
        session.print_json(sent.to_json() | {"text": sent.message.text()})
    else:
        click.echo(sent.message.text(), err=not sent.ok)
    return 0 if sent.ok else 1
