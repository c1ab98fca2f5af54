"""Writing the catalogue's files: one fixed form for APIs, and entries changed where they stand, every other line as it was."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tisserand import files
from tisserand.apis.catalogue.blocks import Read, cut, read
from tisserand.apis.catalogue.files import FOLDER, Catalogue
from tisserand.apis.model import Api
from tisserand.model.lenient_yaml import Loader
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError

_BREAKS = "\n\r\x85\u2028\u2029"
_LINE = re.compile(f"[^{_BREAKS}]*(?:\r\n|[{_BREAKS}])|[^{_BREAKS}]+")
"""The lines of a text, with their ends, as YAML 1.1 counts them."""


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


def check_new(path: Path, root: Path, text: str | None = None) -> None:
    """What is new never takes the place of a file that is there, be it broken or of somebody else, unless that holds the same `text`:
    a kill left it. Raises `NodeError`."""
    if os.path.lexists(path) and (text is None or not path.is_file() or path.read_bytes() != text.encode()):
        name = path.relative_to(root).as_posix()
        raise NodeError("“{file}” is there already, and holds something else.", file=name, fix="Look at it, and rename it.")


def write_entry(
    catalogue: Catalogue, file: str, id: str, entry: Config | None, before: Callable[[], object] = lambda: None
) -> None:
    """Put one entry into a file of entries in place of what stood there, or take it out (None). Comments, order and form of the others
    stay. Raises `NodeError` where the file is not right; `before` is called when nothing is in the way any more."""
    text = entry_text(catalogue, file, id, entry)
    before()
    files.write_text(catalogue.root / file, text)


def entry_text(catalogue: Catalogue, file: str, id: str, entry: Config | None) -> str:
    """What `write_entry` writes: the whole file. Raises as it does, before anything is done."""
    path = catalogue.root / file
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError:
        raise NodeError("“{file}” is not UTF-8 text.", file=file) from None
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    data = {} if entry is None else {id: plain(entry)}
    block = _dump(data).replace("\n", end_of_line) if data else ""
    if (in_place := _in_block(catalogue, file, text, id, block, data)) is not None:
        return in_place
    lines = _LINE.findall(text)
    if lines and lines[-1][-1] not in _BREAKS:
        lines[-1] += end_of_line
    start, end = _span(text, file, id) or (len(lines), len(lines))
    if start == len(lines) and all(line.strip() in ("", "{}") or line.lstrip().startswith("#") for line in lines):
        lines = [line for line in lines if line.strip() != "{}"]
        start = end = len(lines)
    changed = "".join([*lines[:start], block, *lines[end:]])
    if not _only(text, changed, id, data):
        raise NodeError(
            "“{file}” is not changed: “{id}” cannot be set there without touching something else.", file=file, id=id,
            fix="Change the file by hand: one entry after the other, each on lines of its own.",
        )  # fmt: skip
    return changed


def _in_block(catalogue: Catalogue, file: str, text: str, id: str, block: str, data: Mapping[str, Any]) -> str | None:
    """The text with one block in the place of another; None where that is not enough: then all of it must be looked at."""
    known = catalogue.blocks(file, text)
    if known is None or not text.endswith("\n"):
        return None
    texts = [each.text for each, _ in known]
    holding = [index for index, (_, content) in enumerate(known) if id in content.data]
    if not holding:
        texts.append(block)
    elif len(known[holding[0]][1].data) > 1:
        return None
    else:
        old = known[holding[0]][0]
        texts[holding[0]] = block + old.text[len(old.body) :]
    changed = "".join(texts)
    before = {name: value for _, content in known for name, value in content.data.items()}
    before.pop(id, None)
    return changed if _held(changed, {each.text: content for each, content in known}) == {**before, **_loaded(data)} else None


def _held(text: str, known: Mapping[str, Read]) -> dict[str, Any] | None:
    """What a text holds, block by block, of which most are known; None where it must be read as a whole."""
    found: dict[str, Any] = {}
    try:
        for block in cut(text) or ():
            content = known.get(block.text) or read(block.text)
            if (not content.mapping and content.data is not None) or content.twice or found.keys() & (content.data or {}).keys():
                return None
            found.update(content.data or {})
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found


def _loaded(data: Mapping[str, Any]) -> dict[str, Any]:
    """What YAML reads of what is written."""
    loaded: dict[str, Any] = yaml.load(_dump(data), Loader=Loader)  # noqa: S506 - a safe loader
    return loaded


def _only(text: str, changed: str, id: str, data: Mapping[str, Any]) -> bool:
    """Whether a text differs from another in nothing but one entry, as YAML reads them."""
    try:
        before, after, made = (_entries(each) for each in (text, changed, _dump(data) if data else ""))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    before.pop(id, None)
    return after == {**before, **made}


def _entries(text: str) -> dict[str, str]:
    """Each entry as YAML would write it again. As values they could hold themselves, or be as large as aliases make them."""
    root = yaml.compose(text, Loader=Loader)
    inner = root.value if isinstance(root, yaml.MappingNode) else ()
    return {str(key.value): yaml.serialize(value, Dumper=yaml.CSafeDumper) for key, value in inner}


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
    lines = _LINE.findall(text)
    count = len(lines)
    for key, value in root.value:
        if str(key.value) == id:
            start, end = key.start_mark.line, value.end_mark.line
            if value.end_mark.column > 0:
                end += 1
            while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1
            return start, min(end, count)
    return None


def _line(error: yaml.YAMLError) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else None


def _dump(data: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(data), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text
