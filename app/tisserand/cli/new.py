"""`tisserand new`: a workspace to begin in, or one more flow in it, empty or from a shipped one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.engine.launch import refusal
from tisserand.files import shipped, write_text
from tisserand.texts import N_, msg, translate
from tisserand.workspace.folder import MARKER, Workspace

_DATA = re.compile(r"(?<!\w)data/[\w.@/-]+")

_FIRST = """\
tisserand: 1
id: {id}
title: {title}
nodes:
  numbers:
    kind: data.table
    config:
      columns: {{name: text, amount: integer}}
      rows:
        - [apples, 3]
        - [pears, 12]
  large:
    kind: table.filter
    inputs: {{table: numbers}}
    config: {{where: amount > 10}}
"""


@click.command(
    cls=Command, help=N_("Make PATH: a workspace folder, or with a name that ends in .yaml a flow in the workspace around it.")
)
@click.argument("path", required=False, default=".", metavar="[PATH]")
@option("--template", metavar="FLOW", help=N_("Begin with a shipped flow; --templates lists them."))
@option("--templates", "list_them", is_flag=True, help=N_("List the shipped flows."))
@workspace_option
@json_option
def new(path: str, template: str | None, list_them: bool, workspace: str | None, as_json: bool) -> int:
    if list_them:
        return _list(as_json)
    made = _flow(path, template, workspace) if path.endswith((".yaml", ".yml")) else _workspace(Path(path), template)
    if as_json:
        session.print_json({"made": [str(file) for file in made]})
    else:
        for file in made:
            click.echo(msg("{path} made", path=str(file)).text())
    return 0


def _workspace(folder: Path, template: str | None) -> list[Path]:
    source = _template(template)
    if (folder / MARKER).exists():
        raise refusal(
            "new.exists",
            msg("“{path}” is a workspace already.", path=str(folder)),
            msg("Give a file name that ends in .yaml to make a flow in it."),
        )
    place = Workspace.create(folder)
    identity = template or "first"
    return [place.root, *_write(place, place.flows / f"{identity}.yaml", identity, source)]


def _flow(path: str, template: str | None, workspace: str | None) -> list[Path]:
    source = _template(template)
    place = Workspace.find(Path(workspace)) if workspace else Workspace.find(Path(path).resolve().parent)
    target = Path(path)
    # A bare name means a flow among the others.
    target = place.flows / target if target.parent == Path() else target.resolve()
    if target.exists():
        raise refusal("new.exists", msg("“{path}” is there already.", path=str(target)), msg("Choose another name."))
    identity = re.sub(r"[^a-z0-9]+", "-", target.stem.lower()).strip("-") or "flow"
    return _write(place, target, identity, source)


def _write(place: Workspace, target: Path, identity: str, source: Path | None) -> list[Path]:
    if source is None:
        from tisserand.model.yamlfile import read_flow, write_flow

        first = read_flow(_FIRST.format(id=identity, title=target.stem.replace("-", " ").capitalize())).flow
        assert first is not None
        write_text(target, write_flow(first))
        return [target]
    text = source.read_text(encoding="utf-8")
    write_text(target, re.sub(r"(?m)^id: .*$", f"id: {identity}", text, count=1))
    made = [target]
    for name in sorted(set(_DATA.findall(text))):
        data, wanted = source.parent.parent / name, place.root / name
        if data.exists() and not wanted.exists():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            if data.is_dir():
                shutil.copytree(data, wanted)
            else:
                shutil.copy(data, wanted)
            made.append(wanted)
    return made


def _templates() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in ("showcase", "examples"):
        for path in sorted((shipped("flows") / folder / "flows").glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def _template(name: str | None) -> Path | None:
    if name is None:
        return None
    known = _templates()
    if name not in known:
        raise refusal(
            "new.template",
            msg("There is no shipped flow “{name}”.", name=name),
            msg("“tisserand new --templates” lists them."),
            missing=True,
        )
    return known[name]


def _list(as_json: bool) -> int:
    rows = []
    for name, path in _templates().items():
        title = re.search(r"(?m)^title: *(.*)$", path.read_text(encoding="utf-8"))
        rows.append([name, translate(title[1].strip("\"'")) if title else ""])
    if as_json:
        session.print_json({"templates": [{"name": name, "title": title} for name, title in rows]})
    else:
        session.print_table([msg("name").text(), msg("title").text()], rows)
    return 0
