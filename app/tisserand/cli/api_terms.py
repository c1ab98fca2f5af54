"""`tisserand api plan | consumer | subscription | key`: the terms under which APIs are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from tisserand.cli import session
from tisserand.cli.api import split
from tisserand.cli.words import Command, Group, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, number, translate

plan = Group("plan", help=N_("List, set and remove plans."))
consumer = Group("consumer", help=N_("List, add and remove consumers."))
subscription = Group("subscription", help=N_("List and remove subscriptions, and decide on them."))
key = Group("key", help=N_("Issue, list, replace and revoke keys of consumers."))

STATES: dict[str, str] = {
    "pending": N_("pending"),
    "active": N_("active"),
    "suspended": N_("suspended"),
    "rejected": N_("rejected"),
    "ended": N_("ended"),
}

APPROVAL: dict[str, str] = {"automatic": N_("at once"), "manual": N_("by somebody")}

MOST = 100_000
"""Entries that are asked for at once."""


def _entries(
    workspace: str | None, kind: Any, text: str, as_json: bool, wanted: Callable[[Mapping[str, Any]], bool] = lambda _entry: True
) -> Mapping[str, Mapping[str, Any]] | None:  # fmt: skip
    """The entries, or None where they were printed as JSON."""
    with session.executor(session.workspace(workspace)) as executor:
        found, _total = executor.apis.entries(kind, text, MOST)
    found = {id: each for id, each in found.items() if wanted(each)}
    if as_json:
        session.print_json({"entries": found, "total": len(found)})
        return None
    return found


@plan.command("list", help=N_("List the plans."))
@workspace_option
@json_option
def list_plans(workspace: str | None, as_json: bool) -> int:
    found = _entries(workspace, "plan", "", as_json)
    if found is not None:
        titles = [translate(title) for title in (N_("plan"), N_("name"), N_("rate"), N_("quota"), N_("price"), N_("approval"))]
        session.print_table(
            titles,
            [
                [id, each["name"], _rates(each), _quota(each), each["price"], translate(APPROVAL[each["approval"]])]
                for id, each in found.items()
            ],
        )
    return 0


def _rates(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{number(each['count'])}/{each['per']}" for each in data["rate"])


def _quota(data: Mapping[str, Any]) -> str:
    return f"{number(data['quota']['count'])}/{data['quota']['period']}" if data["quota"] else ""


@plan.command("set", help=N_("Add a plan, or replace it."))
@click.argument("id", metavar="ID")
@option("--name", metavar="NAME", default="", help=N_("What people call it."))
@option("--summary", metavar="TEXT", default="", help=N_("What it is for, in a sentence."))
@option(
    "--rate", metavar="COUNT/TIME", multiple=True, help=N_("Calls within a time, for example 10/1s; may be given several times.")
)
@option(
    "--quota", metavar="COUNT/PERIOD", default="", help=N_("Calls within an hour, day, week or month, for example 10000/month.")
)
@option("--price", metavar="PRICE", default="", help=N_("As people read it."))
@option("--manual", is_flag=True, help=N_("Somebody approves each subscription."))
@workspace_option
@json_option
def set_plan(
    id: str, name: str, summary: str, rate: tuple[str, ...], quota: str, price: str, manual: bool, workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    approval = "manual" if manual else "automatic"
    data: dict[str, Any] = {"name": name, "summary": summary, "price": price, "approval": approval}
    data["rate"] = [dict(zip(("count", "per"), _pair(each), strict=True)) for each in rate]
    if quota:
        data["quota"] = dict(zip(("count", "period"), _pair(quota), strict=True))
    return _saved(workspace, "plan", id, data, as_json)


def _pair(text: str) -> tuple[int, str]:
    count, slash, rest = text.partition("/")
    if not slash or not re.fullmatch(r"[0-9]{1,18}", count.strip()):
        raise NodeError("“{text}” is no limit: write a number, “/” and a time, for example 10/1s.", text=text)
    return int(count), rest.strip()


@plan.command("remove", help=N_("Remove a plan that nobody is subscribed under."))
@click.argument("id", metavar="ID")
@workspace_option
@json_option
def remove_plan(id: str, workspace: str | None, as_json: bool) -> int:
    return _removed(workspace, "plan", id, as_json)


@consumer.command("list", help=N_("List the consumers, or those that TEXT names."))
@click.argument("text", metavar="[TEXT]", default="")
@workspace_option
@json_option
def list_consumers(text: str, workspace: str | None, as_json: bool) -> int:
    found = _entries(workspace, "consumer", text, as_json)
    if found is not None:
        titles = [translate(title) for title in (N_("consumer"), N_("name"), N_("contact"), N_("keys"))]
        session.print_table(titles, [[id, each["name"], each["contact"], _keys(each)] for id, each in found.items()])
    return 0


def _keys(data: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{each['id']} ({each['fingerprint'].removeprefix('sha256:')[:8]}{', ' + each['expires'][:10] if each['expires'] else ''})"
        for each in data["credentials"]
        if each["state"] == "active"
    )


@consumer.command("add", help=N_("Add a consumer, or replace what is known of it; its keys stay."))
@click.argument("id", metavar="ID")
@option("--name", metavar="NAME", default="", help=N_("What people call it."))
@option("--contact", metavar="CONTACT", default="", help=N_("Whom to write to."))
@option("--subject", metavar="SUBJECT", default="", help=N_("What a JWT names it by; its id by default."))
@option("--tag", metavar="TAG", multiple=True, help=N_("A tag; may be given several times."))
@workspace_option
@json_option
def add_consumer(
    id: str, name: str, contact: str, subject: str, tag: tuple[str, ...], workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    data = {"name": name or id, "contact": contact, "subject": subject, "tags": [*tag]}
    return _saved(workspace, "consumer", id, data, as_json)


@consumer.command("remove", help=N_("Remove a consumer without subscriptions, and its keys."))
@click.argument("id", metavar="ID")
@workspace_option
@json_option
def remove_consumer(id: str, workspace: str | None, as_json: bool) -> int:
    return _removed(workspace, "consumer", id, as_json)


@subscription.command("list", help=N_("List the subscriptions, or those that TEXT names."))
@click.argument("text", metavar="[TEXT]", default="")
@option("--state", type=click.Choice(list(STATES)), help=N_("Only those in this state."))
@workspace_option
@json_option
def list_subscriptions(text: str, state: str | None, workspace: str | None, as_json: bool) -> int:
    found = _entries(workspace, "subscription", text, as_json, lambda each: state in (None, each["state"]))
    if found is not None:
        titles = [translate(title) for title in (N_("subscription"), N_("API"), N_("plan"), N_("consumer"), N_("state"))]
        rows = [
            [
                id,
                f"{each['api']}@{each['version']}" if each["version"] else each["api"],
                each["plan"],
                each["consumer"],
                translate(STATES[each["state"]]),
            ]
            for id, each in found.items()
        ]
        session.print_table(titles, rows)
    return 0


def _decision(name: str, state: str, help: str) -> None:
    @subscription.command(name, help=help)
    @click.argument("id", metavar="SUBSCRIPTION")
    @workspace_option
    @json_option
    def decide(id: str, workspace: str | None, as_json: bool) -> int:
        with session.executor(session.workspace(workspace)) as executor:
            executor.apis.decide(id, state, session.user())
        if as_json:
            session.print_json({"subscription": id, "state": state})
        else:
            click.echo(msg("The subscription “{id}” is {state}.", id=id, state=translate(STATES[state])).text())
        return 0


_decision("approve", "active", N_("Approve a pending subscription, or let a suspended one go on."))
_decision("reject", "rejected", N_("Reject a pending subscription."))
_decision("reopen", "pending", N_("Let a rejected subscription wait for a decision again."))
_decision("suspend", "suspended", N_("Let an active subscription rest."))
_decision("end", "ended", N_("End a subscription for ever."))


@subscription.command("remove", help=N_("Remove a subscription; one that is ended stays as a record."))
@click.argument("id", metavar="SUBSCRIPTION")
@workspace_option
@json_option
def remove_subscription(id: str, workspace: str | None, as_json: bool) -> int:
    return _removed(workspace, "subscription", id, as_json)


@click.command(cls=Command, help=N_("Let a consumer call an API (ID or ID@VERSION) under a plan."))
@click.argument("consumer_id", metavar="CONSUMER")
@click.argument("key_", metavar="API")
@click.argument("plan_id", metavar="PLAN")
@workspace_option
@json_option
def subscribe(consumer_id: str, key_: str, plan_id: str, workspace: str | None, as_json: bool) -> int:
    id, version = split(key_)
    with session.executor(session.workspace(workspace)) as executor:
        made = executor.apis.subscribe(id, plan_id, consumer_id, version, session.user())
        state = executor.apis.entries("subscription", made, MOST)[0][made]["state"]
    if as_json:
        session.print_json({"subscription": made, "state": state})
    else:
        click.echo(msg("The subscription “{id}” is {state}.", id=made, state=translate(STATES[state])).text())
    return 0


@key.command("issue", help=N_("Make a key for a consumer. It is shown once: keep it."))
@click.argument("consumer_id", metavar="CONSUMER")
@option("--expires", metavar="DATE", default="", help=N_("When it ends, for example 2027-06-30."))
@option("--replaces", metavar="KEY", default="", help=N_("The key that it takes the place of."))
@option("--overlap", metavar="TIME", default="", help=N_("How long the replaced key still opens, for example 7d."))
@workspace_option
@json_option
def issue(consumer_id: str, expires: str, replaces: str, overlap: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        made = executor.apis.issue(consumer_id, expires, replaces, overlap, session.user())
    if as_json:
        session.print_json(made.to_json())
        return 0
    click.echo(made.value)
    click.echo(
        msg("This is the key “{key}” of “{consumer}”. It is shown this once.", key=made.credential, consumer=consumer_id).text(),
        err=True,
    )
    return 0


@key.command("revoke", help=N_("Take a key back. Gateways refuse it from the next push on."))
@click.argument("consumer_id", metavar="CONSUMER")
@click.argument("credential", metavar="KEY")
@workspace_option
@json_option
def revoke(consumer_id: str, credential: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        executor.apis.revoke(consumer_id, credential, session.user())
    if as_json:
        session.print_json({"revoked": credential})
    else:
        click.echo(msg("The key “{key}” of “{consumer}” is revoked.", key=credential, consumer=consumer_id).text())
    return 0


@key.command("list", help=N_("List the keys of all consumers, or of one: when they end, and what they are recognised by."))
@click.argument("consumer_id", metavar="[CONSUMER]", default="")
@option(
    "--expires-within", metavar="TIME", default="", help=N_("Only those that open now and end within this time, for example 30d.")
)
@option("--all", "everything", is_flag=True, help=N_("Those that open nothing any more, too."))
@workspace_option
@json_option
def list_keys(consumer_id: str, expires_within: str, everything: bool, workspace: str | None, as_json: bool) -> int:
    now = datetime.now(UTC)
    last = _after(now, expires_within) if expires_within else None
    with session.executor(session.workspace(workspace)) as executor:
        consumers, _total = executor.apis.entries("consumer", "", MOST)
    if consumer_id and consumer_id not in consumers:
        raise NodeError("There is no consumer “{consumer}”.", consumer=consumer_id)
    found = [
        {"consumer": id, **{name: each[name] for name in ("id", "fingerprint", "created", "expires")}, "state": _opens(each, now)}
        for id, data in consumers.items()
        if consumer_id in ("", id)
        for each in data["credentials"]
    ]
    found = [each for each in found if everything or each["state"] == "active"]
    if last is not None:
        ending = [each for each in found if each["expires"] and each["state"] == "active"]
        found = sorted((each for each in ending if _moment(each["expires"]) <= last), key=lambda each: _moment(each["expires"]))
    if as_json:
        session.print_json({"keys": found})
        return 0
    titles = [
        translate(title) for title in (N_("consumer"), N_("key"), N_("fingerprint"), N_("made on"), N_("ends on"), N_("state"))
    ]
    rows = [
        [each["consumer"], each["id"], each["fingerprint"].removeprefix("sha256:"), each["created"][:10], (each["expires"] or "")[:10],
         translate(KEYS[each["state"]])]
        for each in found
    ]  # fmt: skip
    session.print_table(titles, rows)
    return 0


KEYS: dict[str, str] = {"active": N_("opens"), "expired": N_("expired"), "revoked": N_("revoked")}


def _opens(credential: Mapping[str, Any], now: datetime) -> str:
    over = credential["expires"] and _moment(credential["expires"]) <= now
    return "expired" if over and credential["state"] == "active" else str(credential["state"])


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _after(now: datetime, text: str) -> datetime:
    from tisserand.model.units import UnitError, seconds

    try:
        return now + timedelta(seconds=seconds(text))
    except UnitError as error:
        raise NodeError(error.message) from None
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _saved(workspace: str | None, kind: Any, id: str, data: Mapping[str, Any], as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        executor.apis.save_entry(kind, id, data, session.user())
    if as_json:
        session.print_json({"saved": id})
    else:
        click.echo(msg("“{id}” is saved.", id=id).text())
    return 0


def _removed(workspace: str | None, kind: Any, id: str, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        executor.apis.remove_entry(kind, id, session.user())
    if as_json:
        session.print_json({"removed": id})
    else:
        click.echo(msg("“{id}” is removed.", id=id).text())
    return 0
