"""Gather every text that a person reads into the catalogues: `update` them, `compile` them, `check` that they are complete.

Texts are found in two places: literal arguments of the functions that take texts (`msg`, `N_`, `NodeError` …), and the classes
of the registered nodes and connections, whose docstrings, titles and settings are shown in forms and on reference pages.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from tisserand.sdk.form import FormField

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("app/tisserand", "nodes/tisserand_nodes")
LOCALE = ROOT / "resources" / "locale"
TEMPLATE = LOCALE / "tisserand.pot"
LANGUAGES = ("fr",)
TAKERS = {"msg", "Message", "NodeError", "N_", "_", "translate"}
"""Functions whose first argument is a text; where they take `fix`, that is a text too."""
PACKAGE = "tisserand_nodes"

Id = str | tuple[str, str]
Found = dict[Id, set[str]]
"""Each text (or singular and plural) with the files it stands in."""


def po_path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "tisserand.po"


# --- finding


def gather() -> Found:
    """Every text, with where it stands."""
    found: Found = {}
    for id, place in [*_from_sources(), *_from_registry(), *_from_flows()]:
        if id:
            found.setdefault(id, set()).add(place)
    # gettext keys an entry by its singular: a text that is both is one entry.
    for id in [id for id in found if isinstance(id, tuple) and id[0] in found]:
        found[id] |= found.pop(id[0])
    return found


def _from_sources() -> Iterator[tuple[Id, str]]:
    read = modules()
    takers = takers_in(tree for _place, tree in read)
    for place, tree in read:
        for id in texts_in(tree, takers):
            yield id, place


def modules(*folders: str) -> list[tuple[str, ast.Module]]:
    """Our modules, or those below `folders`: path and syntax tree."""
    paths = [path for folder in folders or SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def takers_in(trees: Iterable[ast.Module]) -> set[str]:
    """`TAKERS`, and the classes derived from those among them."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = set(TAKERS)
    while more := {made.name for made in classes if made.name not in found and found & {_last_name(base) for base in made.bases}}:
        found |= more
    return found


def texts_in(tree: ast.Module, takers: set[str]) -> Iterator[Id]:
    """The texts that one module names literally."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = called(call)
        if name in takers and call.args:
            yield from _literals(call.args[0])
            yield from (text for keyword in call.keywords if keyword.arg == "fix" for text in _literals(keyword.value))
        elif name == "PydanticCustomError" and len(call.args) > 1:
            # Its text is the id where the engine has no sentence of its own for it; one with places always has.
            yield from (text for text in _literals(call.args[1]) if "{" not in text)
        elif name == "ngettext" and len(call.args) > 1:
            yield from zip(_literals(call.args[0]), _literals(call.args[1]), strict=True)


def called(call: ast.Call) -> str:
    """The last name of what is called: `texts.Message(…)` → `Message`."""
    return _last_name(call.func)


def _last_name(tree: ast.expr) -> str:
    if isinstance(tree, ast.Name):
        return tree.id
    return tree.attr if isinstance(tree, ast.Attribute) else ""


def _literals(tree: ast.expr) -> Iterator[str]:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield tree.value
    elif isinstance(tree, ast.IfExp):
        yield from _literals(tree.body)
        yield from _literals(tree.orelse)


def _from_registry() -> Iterator[tuple[Id, str]]:
    from tisserand.cli.words import CLICK_PLURALS
    from tisserand.sdk.form import form_of
    from tisserand.sdk.registry import module_of, registry

    known = registry()
    if known.problems:
        raise SystemExit("\n".join(problem.line() for problem in known.problems))
    for entry in known:
        if entry.package != PACKAGE:
            continue
        place = _file_of(module_of(entry.node).__name__)
        yield entry.title, place
        yield entry.help, place
        for port in (*entry.inputs, *entry.outputs):
            yield port.title, place
        if hasattr(entry.node, "Config"):
            yield from ((text, place) for text in _of_form(form_of(entry.node.Config)))
    for kind in known.connection_types().values():
        if not kind.__module__.startswith(PACKAGE):
            continue
        place = _file_of(kind.__module__)
        yield kind.title, place
        yield from ((text, place) for text in _of_form(form_of(kind)))
    yield from _of_apis()
    yield from ((pair, "app/tisserand/cli/words.py") for pair in CLICK_PLURALS)


def _of_apis() -> Iterator[tuple[Id, str]]:
    """The entries of the catalogue, and the settings of each type of gateway."""
    from tisserand.apis import model
    from tisserand.apis.gateways.kinds import ADAPTERS, adapter_class
    from tisserand.sdk.form import form_of

    for entry in (model.Api, model.Plan, model.Consumer, model.Subscription, model.GatewayEntry):
        yield from ((text, "app/tisserand/apis/model.py") for text in _of_form(form_of(entry)))
    for type in ADAPTERS:
        kind = adapter_class(type)
        if kind is not None:
            place = f"app/{kind.__module__.replace('.', '/')}.py"
            yield kind.title, place
            yield from ((text, place) for text in _of_form(form_of(kind.Settings)))


def _of_form(fields: tuple[FormField, ...]) -> Iterator[str]:
    """What a form shows of its fields, down to the fields of fields."""
    for field in fields:
        yield from (field.title, field.help, field.unit or "")
        yield from (str(choice) for choice in field.choices if re.search("[a-z]", str(choice)))
        yield from (word for _choice, word in field.words)
        inner: Any = (field.key, field.item, *field.fields, *field.branches)
        yield from _of_form(tuple(part for part in inner if part is not None))


def _file_of(module: str) -> str:
    return f"nodes/{module.replace('.', '/')}.py"


def _from_flows() -> Iterator[tuple[Id, str]]:
    """The titles of shipped flows: they are offered as beginnings."""
    for path in sorted((ROOT / "flows").glob("*/flows/*.yaml")):
        title = re.search(r"(?m)^title: *(.*)$", path.read_text(encoding="utf-8"))
        if title:
            yield title[1].strip("\"'"), path.relative_to(ROOT).as_posix()


# --- catalogues


def template(found: Found) -> Catalog:
    """The catalogue of all ids: sorted and without line numbers or dates, so that it changes only when a text does."""
    made = _catalogue(None)
    for id in sorted(found, key=lambda id: (min(found[id]), id if isinstance(id, str) else id[0])):
        flags = ["python-brace-format"] if places(id) else []
        made.add(id, locations=[(place, None) for place in sorted(found[id])], flags=flags)  # type: ignore[list-item]
    return made


def _catalogue(language: str | None) -> Catalog:
    made = Catalog(locale=language, project="Tisserand", version="1", charset="utf-8", fuzzy=False, domain="tisserand")
    made.header_comment = "# Texts of Tisserand. Made by packaging/texts.py; translations are written by hand."
    return made


def places(id: Id) -> set[str]:
    """The names of the `{places}` in a text; a text that is no template has none."""
    names: set[str] = set()
    for text in (id,) if isinstance(id, str) else id:
        try:
            names |= {part[1] for part in string.Formatter().parse(text) if part[1]}
        except ValueError:
            return set()
    return names


def read(language: str) -> Catalog:
    path = po_path(language)
    if not path.exists():
        return _catalogue(language)
    with path.open("rb") as stream:
        return read_po(stream, locale=language, domain="tisserand")


def merged(language: str, found: Found) -> Catalog:
    """The ids found now, each with the translation that its language has; what is no longer used is left out."""
    old, made = read(language), _catalogue(language)
    for message in template(found):
        if not message.id:
            continue
        known = old.get(message.id if isinstance(message.id, str) else message.id[0])
        text = known.string if known is not None and isinstance(known.id, str) == isinstance(message.id, str) else None
        made.add(message.id, text, locations=message.locations, flags=message.flags)
    return made


def po_text(catalogue: Catalog) -> bytes:
    """A catalogue as a file; the dates that Babel writes are left out."""
    out = io.BytesIO()
    write_po(out, catalogue, width=120)
    return re.sub(
        rb'(?m)^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Report-Msgid|Generated-By).*\n',
        b"",
        out.getvalue(),
    )


class _Bare(Catalog):
    """A catalogue whose header says what gettext needs and nothing that changes with the clock or with Babel."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return [("Content-Type", "text/plain; charset=utf-8"), ("Plural-Forms", self.plural_forms)]


def mo_bytes(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    bare = _Bare(locale=catalogue.locale, charset="utf-8", fuzzy=False)
    for message in catalogue:
        if message.id:
            bare.add(message.id, message.string, flags=message.flags)
    out = io.BytesIO()
    write_mo(out, bare)
    return out.getvalue()


# --- commands


def update() -> None:
    """Write the template and bring every language up to date, and compile."""
    found = gather()
    LOCALE.mkdir(parents=True, exist_ok=True)
    TEMPLATE.write_bytes(po_text(template(found)))
    for language in LANGUAGES:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_text(merged(language, found)))
    compile_all()


def compile_all() -> None:
    for language in LANGUAGES:
        po_path(language).with_suffix(".mo").write_bytes(mo_bytes(read(language)))


def untranslated(language: str, found: Found | None = None) -> list[Id]:
    """The ids that have no translation, or one that nobody has looked over."""
    done = {
        message.id
        for message in read(language)
        if message.id and not message.fuzzy and all([message.string] if isinstance(message.string, str) else message.string)
    }
    return sorted((id for id in (gather() if found is None else found) if id not in done), key=str)


def unused(found: Found) -> list[Id]:
    """What the catalogues hold and nobody says any more; `update` drops it. Harmless, so no problem."""
    return sorted({message.id for language in LANGUAGES for message in read(language) if message.id} - set(found), key=str)


def problems(found: Found | None = None) -> list[str]:
    """What keeps the catalogues from being complete and current, as sentences."""
    found = gather() if found is None else found
    said = []
    for language in LANGUAGES:
        missing = untranslated(language, found)
        if missing:
            said.append(
                f"{len(missing)} texts have no translation into “{language}”:\n" + "\n".join(f"  {id!r}" for id in missing)
            )
        if mo_bytes(read(language)) != po_path(language).with_suffix(".mo").read_bytes():
            said.append(f"tisserand.mo of “{language}” is not compiled from its tisserand.po.")
    if said:
        said.append(
            "Run “.venv/bin/python packaging/texts.py update”, translate the new texts (empty msgstr) in "
            "resources/locale/<language>/LC_MESSAGES/tisserand.po, then run “.venv/bin/python packaging/texts.py compile”."
        )
    return said


def main(arguments: list[str]) -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("command", choices=["update", "compile", "check"])
    command = asked.parse_args(arguments).command
    if command == "update":
        update()
    elif command == "compile":
        compile_all()
    found = gather()
    for id in unused(found):
        print(f"No longer said: {id!r}")
    said = problems(found)
    for line in said:
        print(line, file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
