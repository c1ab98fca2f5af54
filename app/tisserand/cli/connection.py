"""`tisserand connection` and `tisserand secret`: the registry of connections; values of secrets are never on the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import yaml

from tisserand.cli import session
from tisserand.cli.audit import note
from tisserand.cli.words import Group, env_option, json_option, option, workspace_option
from tisserand.model.lenient_yaml import Loader
from tisserand.texts import N_, msg, translate

if TYPE_CHECKING:
    from tisserand.workspace.connections import Connections
    from tisserand.workspace.folder import Workspace

connection = Group("connection", help=N_("Add, test, list and remove connections."))
secret = Group("secret", help=N_("Set, list and remove secrets. They stand in the keyring, never in files of the workspace."))


@connection.command("list", help=N_("List the connections."))
@env_option
@workspace_option
@json_option
def list_connections(env: str | None, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.connections(env)
    if as_json:
        session.print_json({"connections": [asdict(entry) for entry in found]})
    else:
        titles = [translate(N_("name")), translate(N_("type")), translate(N_("title"))]
        session.print_table(titles, [[entry.name, entry.type, translate(entry.title)] for entry in found])
    return 0


@connection.command("test", help=N_("Reach the system behind NAME and say what was found."))
@click.argument("name", metavar="NAME")
@env_option
@workspace_option
@json_option
def test_connection(name: str, env: str | None, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        tested = executor.test_connection(name, env)
    if as_json:
        message = tested.message.to_json() | {"text": tested.message.text()}
        session.print_json({"connection": name, "ok": tested.ok, "message": message, "seconds": tested.seconds})
    else:
        click.echo(tested.message.text(), err=not tested.ok)
    return 0 if tested.ok else 1


@connection.command("add", help=N_("Add or replace the connection NAME of a TYPE. Secrets are asked for, or read line by line."))
@click.argument("name", metavar="NAME")
@click.argument("type_", metavar="TYPE")
@option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help=N_("A field that is no secret; repeatable."))
@option("--secret", "secrets", multiple=True, metavar="FIELD", help=N_("A secret field; its value is asked for and put away."))
@workspace_option
@json_option
def add_connection(
    name: str, type_: str, settings: tuple[str, ...], secrets: tuple[str, ...], workspace: str | None, as_json: bool
) -> int:
    place = session.workspace(workspace)
    known = _connections(place)
    fields: dict[str, Any] = dict(_field(text) for text in settings)
    asked = {field: f"{name}.{field}" for field in secrets}
    note(place, "connection.set", name)
    known.save(name, type_, fields | {field: f"secret:{reference}" for field, reference in asked.items()})
    for reference in asked.values():
        note(place, "secret.set", reference)
        known.store.set(reference, _value(reference))
    if as_json:
        session.print_json({"connection": name, "type": type_, "secrets": sorted(asked.values())})
    else:
        click.echo(msg("The connection “{name}” is written to connections.yaml.", name=name).text())
    return 0


@connection.command("remove", help=N_("Remove the connection NAME; refused while a flow uses it."))
@click.argument("name", metavar="NAME")
@option("--force", is_flag=True, help=N_("Remove it although flows use it."))
@workspace_option
@json_option
def remove_connection(name: str, force: bool, workspace: str | None, as_json: bool) -> int:
    from tisserand.engine.launch import refusal

    place = session.workspace(workspace)
    known = _connections(place)
    uses = known.used_by(name)
    if uses and not force:
        places = [f"{use.flow}: {use.node}" for use in uses]
        message = msg("The connection “{name}” is used by {places}.", name=name, places=places)
        raise refusal("connection.used", message, msg("Change these flows first, or give --force."))
    note(place, "connection.removed", name)
    if not known.remove(name):
        raise refusal("connection.unknown", msg("There is no connection “{name}”.", name=name), missing=True)
    _done({"removed": name}, msg("The connection “{name}” is removed.", name=name).text(), as_json)
    return 0


@secret.command("set", help=N_("Set the secret NAME; its value is asked for, or read from standard input."))
@click.argument("name", metavar="NAME")
@workspace_option
@json_option
def set_secret(name: str, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    store = _connections(place).store
    value = _value(name)
    note(place, "secret.set", name)
    store.set(name, value)
    _done({"set": name, "where": store.where}, msg("The secret “{name}” is set.", name=name).text(), as_json)
    return 0


@secret.command("list", help=N_("List the names of the secrets, without their values."))
@workspace_option
@json_option
def list_secrets(workspace: str | None, as_json: bool) -> int:
    store = _connections(session.workspace(workspace)).store
    names = store.names()
    _done({"secrets": names, "where": store.where}, "\n".join(names), as_json)
    return 0


@secret.command("remove", help=N_("Remove the secret NAME."))
@click.argument("name", metavar="NAME")
@workspace_option
@json_option
def remove_secret(name: str, workspace: str | None, as_json: bool) -> int:
    from tisserand.engine.launch import refusal

    place = session.workspace(workspace)
    note(place, "secret.removed", name)
    if not _connections(place).store.delete(name):
        raise refusal("secret.unknown", msg("There is no secret “{name}”.", name=name), missing=True)
    _done({"removed": name}, msg("The secret “{name}” is removed.", name=name).text(), as_json)
    return 0


def _connections(place: Workspace) -> Connections:
    from tisserand.sdk.registry import registry
    from tisserand.workspace.connections import Connections

    return Connections(place, registry())


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(msg("“{text}” is not FIELD=VALUE.", text=text).text())
    try:
        # A number is a number, true is true; what YAML cannot read is the text as it stands.
        read = yaml.load(value, Loader=Loader)  # noqa: S506 - a safe loader
        json.dumps(read, default=str)  # a list can hold itself
    except (yaml.YAMLError, ValueError, RecursionError):
        read = value
    return name.strip(), read if isinstance(read, str | int | float | bool | list) else value


def _value(name: str) -> str:
    """Asked for without echo on a terminal, else one line of standard input. Never an argument: process lists show those."""
    if sys.stdin.isatty():
        return str(click.prompt(msg("Value of {name}", name=name).text(), hide_input=True, err=True))
    value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise click.UsageError(msg("No value for “{name}” came from standard input.", name=name).text())
    return value


def _done(document: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        session.print_json(document)
    elif text:
        click.echo(text)
