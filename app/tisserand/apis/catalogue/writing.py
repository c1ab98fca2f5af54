"""Writing the catalogue's files: one fixed form for APIs, and entries changed where they stand, every other line as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tisserand import files
from tisserand.apis.catalogue.files import FOLDER, Catalogue
from tisserand.apis.model import Api
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError


def plain(entry: Config) -> dict[str, Any]:
    """What stands in a file: only what differs from the defaults, moments as texts, in the order of the model."""
    data: dict[str, Any] = entry.model_dump(mode="json", exclude_defaults=True)
    return data


def api_text(api: Api) -> str:
    """The file of one version."""
    data = plain(api)
    # The kinds are defaults of their classes, and tell which class it is.
    if "security" in data:
        data["security"] = [{"kind": way.kind, **plain(way)} for way in api.security]
    ordered = {name: data[name] for name in Api.model_fields if name in data}
    return _dump(ordered)


def api_file(root: Path, api: Api) -> Path:
    """Where a new version is kept."""
    return root / FOLDER / f"{api.id}-{api.version}.yaml"


def document_name(api: Api) -> str:
    """The name of its OpenAPI document, beside its file."""
    return f"{api.id}-{api.version}.openapi.yaml"


def write_api(catalogue: Catalogue, api: Api, path: Path | None = None) -> Path:
    """Write one version into its file; `path` is where it stands already."""
    path = path or api_file(catalogue.root, api)
    files.write_text(path, api_text(api))
    return path


def write_entry(root: Path, file: str, id: str, entry: Config | None) -> None:
    """Put one entry into a file of entries in place of what stood there, or take it out (None). Comments, order and form of the others
    stay. Raises `NodeError` where the file is not right."""
    path = root / file
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    block = "" if entry is None else _dump({id: plain(entry) or {}})
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    start, end = _span(text, file, id) or (len(lines), len(lines))
    if start == len(lines) and all(line.strip() in ("", "{}") or line.lstrip().startswith("#") for line in lines):
        lines = [line for line in lines if line.strip() != "{}"]
        start = end = len(lines)
    files.write_text(path, "".join([*lines[:start], block, *lines[end:]]))


def _span(text: str, file: str, id: str) -> tuple[int, int] | None:
    """The lines (from 0, the end excluded) of one entry; comments that stand before the next one belong to that."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise NodeError("“{file}” is not changed: it is not valid YAML.", file=file, line=_line(error)) from None
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode) or (root.flow_style and root.value):
        raise NodeError("“{file}” is not changed: it must hold one entry after the other, each on lines of its own.", file=file)
    lines = text.splitlines()
    for key, value in root.value:
        if str(key.value) == id:
            start, end = key.start_mark.line, value.end_mark.line
            if value.end_mark.column > 0:
                end += 1
            while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1
            return start, min(end, len(lines))
    return None


def _line(error: yaml.YAMLError) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else None


def _dump(data: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(data), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text
