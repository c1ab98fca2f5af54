"""`tisserand api plan | consumer | subscription | key`: the terms under which APIs are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tisserand.cli import session
from tisserand.cli.api import split
from tisserand.cli.words import Command, Group, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, number, translate

plan = Group("plan", help=N_("List, set and remove plans."))
consumer = Group("consumer", help=N_("List, add and remove consumers."))
subscription = Group("subscription", help=N_("List subscriptions, and decide on them."))
key = Group("key", help=N_("Issue, replace and revoke keys of consumers."))

STATES: dict[str, str] = {
    "pending": N_("pending"),
    "active": N_("active"),
    "suspended": N_("suspended"),
    "rejected": N_("rejected"),
    "ended": N_("ended"),
}


def _entries(workspace: str | None, kind: Any, text: str, as_json: bool) -> Mapping[str, Mapping[str, Any]] | None:
    """The entries, or None where they were printed as JSON."""
    with session.executor(session.workspace(workspace)) as executor:
        found, total = executor.apis.entries(kind, text, 10_000)
    if as_json:
        session.print_json({"entries": dict(found), "total": total})
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
            [[id, each["name"], _rates(each), _quota(each), each["price"], each["approval"]] for id, each in found.items()],
        )
    return 0


def _rates(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{number(each['count'])}/{each['per']}" for each in data["rate"])


def _quota(data: Mapping[str, Any]) -> str:
    return f"{number(data['quota']['count'])}/{data['quota']['period']}" if data["quota"] else ""


@plan.command("set", help=N_("Add a plan, or replace it."))
@click.argument("id", metavar="ID")
@option("--name", metavar="NAME", default="", help=N_("What people call it."))
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
    id: str, name: str, rate: tuple[str, ...], quota: str, price: str, manual: bool, workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    data: dict[str, Any] = {"name": name, "price": price, "approval": "manual" if manual else "automatic"}
    data["rate"] = [dict(zip(("count", "per"), _pair(each), strict=True)) for each in rate]
    if quota:
        data["quota"] = dict(zip(("count", "period"), _pair(quota), strict=True))
    return _saved(workspace, "plan", id, data, as_json)


def _pair(text: str) -> tuple[int, str]:
    count, slash, rest = text.partition("/")
    if not slash or not count.strip().isdigit():
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
@workspace_option
@json_option
def add_consumer(id: str, name: str, contact: str, subject: str, workspace: str | None, as_json: bool) -> int:
    return _saved(workspace, "consumer", id, {"name": name or id, "contact": contact, "subject": subject}, as_json)


@consumer.command("remove", help=N_("Remove a consumer without subscriptions, and its keys."))
@click.argument("id", metavar="ID")
@workspace_option
@json_option
def remove_consumer(id: str, workspace: str | None, as_json: bool) -> int:
    return _removed(workspace, "consumer", id, as_json)


@subscription.command("list", help=N_("List the subscriptions, or those that TEXT names."))
@click.argument("text", metavar="[TEXT]", default="")
@workspace_option
@json_option
def list_subscriptions(text: str, workspace: str | None, as_json: bool) -> int:
    found = _entries(workspace, "subscription", text, as_json)
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
_decision("suspend", "suspended", N_("Let an active subscription rest."))
_decision("end", "ended", N_("End a subscription for ever."))


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
        state = executor.apis.entries("subscription")[0][made]["state"]
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
