"""Finding APIs among thousands: by words, tag, owner, stage of life, and by the schemas and properties of their documents.

The index is kept in memory, an entry for each file, and made anew for files that changed: 5,000 of them are looked through in a few
milliseconds, while a store of its own would have to be kept in step with the files.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.apis.model import Api
from tisserand.apis.openapi.lint import lint
from tisserand.apis.openapi.operations import METHODS
from tisserand.apis.openapi.reading import load
from tisserand.model.lenient_yaml import Loader
from tisserand.sdk.errors import NodeError


@dataclass(frozen=True, slots=True)
class Found:
    file: ApiFile
    operations: int
    told: int = 0
    """What there is to say of its document: errors, and what lint says."""


@dataclass(frozen=True, slots=True)
class _Entry:
    stamp: tuple[Any, ...]
    file: ApiFile
    document: Path | None
    words: str
    schemas: frozenset[str]
    operations: int
    told: int
    order: tuple[Any, ...]


class Index:
    """The index of one catalogue; for any thread."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[Path, _Entry] = {}
        self._lock = threading.Lock()

    def search(self, text: str = "", tag: str = "", owner: str = "", lifecycle: str = "", schema: str = "") -> list[Found]:
        """All words of `text` must occur in id, name, summary, tags, owner or paths; `schema` is part of the name of a schema or of a
        property. Sorted by id, the latest version first."""
        wanted = folded(text).split()
        asked, tagged, owned = folded(schema), folded(tag), folded(owner)
        found = []
        for entry in self._entries():
            api = entry.file.api
            assert api is not None
            if lifecycle and api.lifecycle != lifecycle:
                continue
            if tagged and tagged not in {folded(each) for each in api.tags}:
                continue
            if owned and folded(api.owner) != owned:
                continue
            if any(word not in entry.words for word in wanted):
                continue
            if asked and not any(asked in name for name in entry.schemas):
                continue
            found.append(entry)
        found.sort(key=lambda entry: entry.order)
        return [Found(entry.file, entry.operations, entry.told) for entry in found]

    def _entries(self) -> list[_Entry]:
        with self._lock:
            current: dict[Path, _Entry] = {}
            for file in self._catalogue.apis():
                if file.api is None:
                    continue
                known = self._known.get(file.path)
                # Where it stands is looked up once for each content of the file: links are followed there.
                document = known.document if known is not None and known.file.hash == file.hash else self._document(file)
                stamp = (file.hash, _stamp(document))
                current[file.path] = (
                    known if known is not None and known.stamp == stamp else _entry(file, file.api, document, stamp)
                )
            self._known = current
            return [*current.values()]

    def _document(self, file: ApiFile) -> Path | None:
        assert file.api is not None
        try:
            return self._catalogue.document_place(file.path, file.api.openapi) if file.api.openapi else None
        except NodeError:
            return None  # what is wrong with its name is told where it is looked at


def folded(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in plain if not unicodedata.combining(each))


_END = (1, 0)
"""Comes after words (`beta`) and before numbers."""


def version_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts versions as people count them: 2 before 10, 1.2 before 1.10, 1 before 1.1, and 1-beta before 1."""
    parts = version.lstrip("v").replace("-", ".").split(".")
    return (*((2, int(part)) if part.isdigit() else (0, part) for part in parts), _END)


def _entry(file: ApiFile, api: Api, document: Path | None, stamp: tuple[Any, ...]) -> _Entry:
    read, told = _document(document, api)
    given = read.get("paths")
    paths: Mapping[str, Any] = given if isinstance(given, dict) else {}
    count = len(api.route.operations) or sum(
        method in METHODS for item in paths.values() if isinstance(item, dict) for method in item
    )
    texts = [api.id, api.key, api.name, api.summary, api.owner, api.path, *api.tags, *map(str, paths)]
    texts += [f"{each.method} {each.path}" for each in api.route.operations]
    order = (api.id, tuple((-kind, -part if isinstance(part, int) else part) for kind, part in version_order(api.version)))
    return _Entry(stamp, file, document, folded("\n".join(texts)), frozenset(map(folded, schema_names(read))), count, told, order)


def schema_names(document: Mapping[str, Any]) -> Iterator[str]:
    """The names of schemas and of their properties, at any depth."""
    waiting: list[Any] = [document]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping | list):
            if id(value) in seen:  # an alias of YAML: looked at once, however often it is named
                continue
            seen.add(id(value))
        if isinstance(value, Mapping):
            for key in ("schemas", "definitions", "properties"):
                named = value.get(key)
                if isinstance(named, Mapping):
                    yield from (str(name) for name in named)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _document(path: Path | None, api: Api) -> tuple[Mapping[str, Any], int]:
    """The document as it stands there, and how much there is to say of it."""
    if path is None:
        return {}, 0
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}, 1
    try:
        data = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except (ValueError, yaml.YAMLError, RecursionError):
        return {}, 1  # what is wrong with it is told where it is looked at
    read = data if isinstance(data, dict) else {}
    return read, _told(read, text, api)


def _told(read: Mapping[str, Any], text: str, api: Api) -> int:
    """Documents of thousands of files are looked at: only one that is not what we write ourselves is checked from the ground up, which
    takes ten times as long."""
    if str(read.get("openapi")).startswith("3.1"):
        try:
            return len(lint(read, api))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            pass  # lint counts on a valid document: then what makes it invalid is told below
    document, problems = load(text)
    return len(problems) + (len(lint(document, api)) if document is not None else 0)


def _stamp(path: Path | None) -> Any:
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat is not None else None


def tags(files: Iterable[ApiFile]) -> list[str]:
    return sorted({tag for file in files if file.api is not None for tag in file.api.tags})
