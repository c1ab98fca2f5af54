"""Write the pages of `resources/docs` that are derived from the program itself, or check that they are what it says today."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tisserand import texts

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "resources" / "docs"
DERIVED = "<!-- Derived from the program by packaging/docs.py: change the program, then write the pages anew. -->\n"
_INCLUDED = re.compile(r"(<!-- file: (\S+) -->\n```(\w+)\n).*?(^```$)", re.DOTALL | re.MULTILINE)


def pages() -> dict[str, str]:
    """File name → text, of every page that is derived as a whole, and of every page that includes a file."""
    texts.set_language("en")
    found = {
        "command-line.md": command_line(),
        "nodes.md": nodes(),
        "formulas.md": formulas(),
        "connection-types.md": connections(),
        "shortcuts.md": shortcuts(),
    }
    for path in sorted(DOCS.glob("*.md")):
        if path.name not in found:
            text = path.read_text(encoding="utf-8")
            filled = _INCLUDED.sub(_included, text)
            if "<!-- file:" in text:
                found[path.name] = filled
    return found


def _included(match: re.Match[str]) -> str:
    return match[1] + (ROOT / match[2]).read_text(encoding="utf-8").rstrip("\n") + "\n" + match[4]


# --- the command line


def command_line() -> str:
    from tisserand.cli.main import COMMANDS, root

    parts = ["# The command line\n", DERIVED, _block(_help(root, ["tisserand"]))]
    parts.append(
        "With `--json` a command prints one JSON document on standard output and nothing else; problems stand in it too.\n"
        "`TISSERAND_DEBUG=1` shows the traceback of a fault of the program itself.\n"
    )
    for name in COMMANDS:
        command = _command(root, name)
        parts += [f"## tisserand {name}\n", _block(_help(command, ["tisserand", name]))]
        for below in getattr(command, "list_commands", lambda _ctx: [])(_context(command, ["tisserand", name])):
            parts += [f"### tisserand {name} {below}\n", _block(_help(_command(command, below), ["tisserand", name, below]))]
    return "\n".join(parts)


def _context(command: Any, words: list[str]) -> Any:
    import click

    return click.Context(command, info_name=" ".join(words), terminal_width=100, max_content_width=100)


def _command(group: Any, name: str) -> Any:
    return group.get_command(_context(group, ["tisserand"]), name)


def _help(command: Any, words: list[str]) -> str:
    return str(command.get_help(_context(command, words)))


def _block(text: str) -> str:
    return "```text\n" + "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n```\n"


# --- the designer


def shortcuts() -> str:
    from tisserand.ui.actions import ENTRIES, MENUS, RUN

    parts = ["# The designer's actions and their keys\n", DERIVED]
    for menu in MENUS:
        rows = [f"| {entry.text} | `{entry.shortcut}` |" for entry in ENTRIES if entry.menu == menu]
        parts.append("\n".join([f"## {'Run' if menu == RUN else menu}\n", "| Action | Key |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


# --- nodes and connections


def nodes() -> str:
    from tisserand.sdk.registry import registry

    known = sorted((n for n in registry() if n.package == "tisserand_nodes"), key=lambda node: node.kind)
    parts = [
        "# The nodes\n",
        DERIVED,
        _table(("kind", "title", "role"), [(f"[`{n.kind}`](#{_anchor(n.kind)})", n.title, n.role) for n in known]),
    ]
    for node in known:
        parts += [f"## {node.kind}\n", f"**{node.title}** ({node.role}). {_joined(node.help)}\n"]
        ports = [(port.name, "in", port.title, _marks(port)) for port in node.inputs]
        ports += [(port.name, "out", port.title, "") for port in node.outputs]
        if ports:
            parts.append(_table(("port", "", "what", ""), ports))
        parts.append(_fields(node.config_schema()))
        example = ROOT / "flows" / "examples" / "flows" / f"{node.kind.replace('.', '-').replace('_', '-')}.yaml"
        if example.is_file():
            parts.append(f"Example: [{example.name}](../../flows/examples/flows/{example.name})\n")
    return "\n".join(part for part in parts if part)


def _marks(port: Any) -> str:
    return ", ".join(word for word, set_ in (("takes many", port.many), ("optional", port.optional)) if set_)


def connections() -> str:
    from tisserand.sdk.registry import registry

    parts = ["# The types of connections\n", DERIVED]
    for type in sorted(registry().connection_types().values(), key=lambda found: str(found.type)):
        parts += [f"## {type.type}\n", f"**{type.title}.** {_joined(type.__doc__ or '')}\n", _fields(type.model_json_schema())]
    return "\n".join(part for part in parts if part)


def _fields(schema: dict[str, Any]) -> str:
    rows = list(_rows(schema, schema.get("$defs", {}), "", 0))
    return _table(("setting", "type", "default", "what it is"), rows) if rows else ""


def _rows(schema: dict[str, Any], definitions: dict[str, Any], above: str, depth: int) -> Iterator[tuple[str, str, str, str]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        default = "**required**" if name in required else _default(field.get("default"))
        yield f"`{above}{name}`", _type(field), default, _joined(field.get("description", ""))
        for reference in _references(field):
            below = definitions.get(reference, {})
            if depth < 2 and below.get("properties"):
                yield from _rows(below, definitions, f"{above}{name}.", depth + 1)


def _default(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field or "oneOf" in field:
        parts = [_type(part) for part in field.get("anyOf") or field["oneOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items') or {})}"
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    return str(field.get("format") or field.get("type") or "any value")


def _references(field: Any) -> list[str]:
    if isinstance(field, dict):
        own = [str(value).rpartition("/")[2] for name, value in field.items() if name == "$ref"]
        return list(dict.fromkeys([*own, *(found for value in field.values() for found in _references(value))]))
    return [found for value in field for found in _references(value)] if isinstance(field, list) else []


# --- formulas


def formulas() -> str:
    from tisserand.model.formula.functions import FUNCTIONS

    intro = (
        "A formula is an SQL expression over the columns that arrive at its node: `amount * 1.2`, `upper(name) = 'ADA'`,\n"
        "`CASE WHEN amount > $limit THEN 'large' ELSE 'small' END`. `$name` is a parameter of the flow, bound and never pasted in.\n"
        "Operators: `+ - * / %`, `||` joins texts, `= <> < <= > >=`, `AND OR NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`,\n"
        "`CASE`, `CAST(x AS type)`, `TRY_CAST(x AS type)`. Only the functions below are known; none reaches files or the network.\n"
    )
    parts = ["# Formulas\n", DERIVED, intro]
    functions = list({id(function): function for function in FUNCTIONS.values()}.values())
    for category in dict.fromkeys(function.category for function in functions):
        rows = [
            (f"`{f.signature}`", _joined(f.help), "; ".join(f"`{formula}` → `{_value(value)}`" for formula, value in f.examples))
            for f in functions
            if f.category == category
        ]
        parts += [f"## {category.capitalize()}\n", _table(("function", "what it gives", "examples"), rows)]
    return "\n".join(parts)


def _value(value: Any) -> str:
    return "NULL" if value is None else str(value)


# --- Markdown


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _anchor(kind: str) -> str:
    return kind.replace(".", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("write", "check"))
    asked = parser.parse_args().what
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if asked == "write":
            path.write_text(text, encoding="utf-8")
    if asked == "check" and stale:
        print(f"Not what the program says: {', '.join(stale)}. Run: python packaging/docs.py write", file=sys.stderr)
        return 1
    print(f"Written: {', '.join(stale) or 'nothing, all is current'}" if asked == "write" else "The pages are current.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
