"""`tisserand nodes` and `tisserand schema`: the reference, derived from the node classes themselves."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option
from tisserand.texts import N_, msg, translate

if TYPE_CHECKING:
    from tisserand.engine.launch import Refused
    from tisserand.model.flow import In, Out
    from tisserand.sdk.registry import RegisteredNode


@click.command(cls=Command, help=N_("List the node types, or show all there is to know about KIND."))
@click.argument("kind", required=False, metavar="[KIND]")
@json_option
def nodes(kind: str | None, as_json: bool) -> int:
    from tisserand.sdk.registry import registry

    known = registry()
    session.print_problems(known.problems)
    if kind is None:
        found = sorted(known, key=lambda node: node.kind)
        if as_json:
            session.print_json({"nodes": [_short(node) for node in found]})
        else:
            titles = [translate(N_("kind")), translate(N_("title")), translate(N_("what it does"))]
            session.print_table(titles, [[n.kind, translate(n.title), _first(translate(n.help))] for n in found])
        return 0
    node = known.get(kind)
    if node is None:
        raise _unknown(kind, [n.kind for n in known])
    if as_json:
        session.print_json(_short(node) | {"config": node.config_schema()})
    else:
        _print_page(node)
    return 0


@click.command(cls=Command, help=N_("Print the JSON Schema of a flow file (“flow”) or of the config of one node KIND."))
@click.argument("what", metavar="flow|KIND")
@click.argument("kind", required=False, metavar="")
@json_option
def schema(what: str, kind: str | None, as_json: bool) -> int:
    from tisserand.sdk.registry import registry

    known = registry()
    if what == "flow":
        from tisserand.model.flowschema import flow_schema

        session.print_json(flow_schema(known))
        return 0
    asked = kind if what == "node" and kind else what
    node = known.get(asked)
    if node is None:
        raise _unknown(asked, [n.kind for n in known])
    session.print_json({"$schema": "https://json-schema.org/draft/2020-12/schema"} | node.config_schema())
    return 0


def _unknown(kind: str, known: list[str]) -> Refused:
    from tisserand.engine.launch import refusal

    near = difflib.get_close_matches(kind, known, 3)
    fix = msg("Did you mean one of these: {near}?", near=near) if near else msg("“tisserand nodes” lists them.")
    return refusal("kind.unknown", msg("There is no node kind “{kind}”.", kind=kind), fix, missing=True)


def _short(node: RegisteredNode) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "title": translate(node.title),
        "help": translate(node.help),
        "family": node.family,
        "role": node.role,
        "version": node.version,
        "package": node.package,
        "inputs": [{"name": port.name, "title": translate(port.title), "many": port.many, "optional": port.optional} for port in node.inputs],
        "outputs": [{"name": port.name, "title": translate(port.title), "kind": port.kind} for port in node.outputs],
    }  # fmt: skip


def _print_page(node: RegisteredNode) -> None:
    click.echo(f"{translate(node.title)} ({node.kind})\n")
    click.echo(_wrapped(translate(node.help), ""))
    _print_ports(translate(N_("Inputs")), node.inputs)
    _print_ports(translate(N_("Outputs")), node.outputs)
    schema = node.config_schema()
    click.echo(f"\n{translate(N_('Settings'))}")
    _print_fields(schema, schema.get("$defs", {}), "  ", 0)


def _print_ports(heading: str, ports: Sequence[In | Out]) -> None:
    if not ports:
        return
    click.echo(f"\n{heading}")
    for port in ports:
        marks = [translate(N_("takes many"))] if getattr(port, "many", False) else []
        marks += [translate(N_("optional"))] if getattr(port, "optional", False) else []
        title = f": {translate(port.title)}" if port.title else ""
        click.echo(f"  {port.name}{title}" + (f" ({', '.join(marks)})" if marks else ""))


def _print_fields(schema: dict[str, Any], definitions: dict[str, Any], indent: str, depth: int) -> None:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        asked = translate(N_("required")) if name in required else _default(field)
        click.echo(f"{indent}{name}: {_type(field)}{f' ({asked})' if asked else ''}")
        if field.get("description"):
            click.echo(_wrapped(translate(field["description"]), indent + "    "))
        for reference in _references(field):
            below = definitions.get(reference, {})
            if depth < 2 and below.get("properties"):
                _print_fields(below, definitions, indent + "    ", depth + 1)


def _default(field: dict[str, Any]) -> str:
    if "default" not in field or field["default"] is None:
        return ""
    return translate("default: {default}").format(default=field["default"])


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field or "oneOf" in field:
        parts = [_type(part) for part in field.get("anyOf") or field["oneOf"] if part.get("type") != "null"]
        return " | ".join(dict.fromkeys(parts))
    if field.get("type") == "array":
        return f"{translate(N_('list of'))} {_type(field.get('items') or {})}"
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    return str(field.get("format") or field.get("type") or translate(N_("any value")))


def _references(field: Any) -> list[str]:
    found: list[str] = []
    if isinstance(field, dict):
        for name, value in field.items():
            found += [str(value).rpartition("/")[2]] if name == "$ref" else _references(value)
    elif isinstance(field, list):
        for value in field:
            found += _references(value)
    return list(dict.fromkeys(found))


def _first(text: str) -> str:
    sentence = _joined(text).partition(". ")[0].rstrip(".")
    return sentence if len(sentence) <= 80 else sentence[:79] + "…"


def _joined(text: str) -> str:
    """One line; spaces that must not break (French puts them before a colon) stay."""
    return re.sub(r"[ \t\n]+", " ", text).strip()


def _wrapped(text: str, indent: str) -> str:
    paragraphs = [_joined(part) for part in text.split("\n\n")]
    return "\n\n".join(textwrap.fill(part, 100, initial_indent=indent, subsequent_indent=indent) for part in paragraphs)
