"""The catalogue as files of a workspace: `apis/**/*.yaml`, `plans.yaml`, `consumers.yaml`, `subscriptions.yaml`, `gateways.yaml`.

Every fault becomes a problem with file, line and field; what is right beside it is read all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import ValidationError

from tisserand.apis.model import ID, Api, Consumer, GatewayEntry, Plan, Subscription
from tisserand.apis.neutral import digest
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.problems import config_problems
from tisserand.texts import msg

C = TypeVar("C", bound=Config)

Stamp = tuple[int, int, int]
"""By which a change of a file is seen: time of change, size, inode."""

FOLDER = "apis"
ENDINGS = (".yaml", ".yml")
"""What files of APIs are called."""
DOCUMENTS = (".openapi.yaml", ".openapi.yml", ".openapi.json")
"""What OpenAPI documents beside the files are called: `orders-1.openapi.yaml`."""


@dataclass(frozen=True)
class Entries(Generic[C]):
    """The entries of one file by id, in its order."""

    by_id: Mapping[str, C] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiFile:
    """One file of `apis/`."""

    path: Path
    file: str
    """Relative to the workspace, with `/`."""
    api: Api | None
    problems: tuple[Problem, ...] = ()
    hash: str = ""
    """Of its content: who saves it again says what was read."""


class Catalogue:
    """The catalogue of one workspace. A file is read again when it has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._known: dict[Path, tuple[Stamp, Any]] = {}

    def apis(self) -> list[ApiFile]:
        """Every file of an API, sorted by path; one that is broken has no `api`. Of two files for one version the first counts."""
        found = list(_yaml_files(self.root / FOLDER))
        files: list[ApiFile] = []
        first: dict[str, str] = {}
        for path, stamp in sorted(found, key=lambda each: each[0].parts):
            read = self._cached(path, self._api, stamp)
            if read is None:
                continue
            if read.api is not None and (other := first.setdefault(read.api.key, read.file)) != read.file:
                message = msg("“{api}” stands in “{file}” too.", api=read.api.key, file=other)
                problem = Problem("api.twice", message, msg("Give one of them another version."), Place(file=read.file))
                read = ApiFile(path, read.file, None, (*read.problems, problem), read.hash)
            files.append(read)
        return files

    def document_place(self, file: Path, name: str) -> Path:
        """Where the document stands that the file of an API names; raises `NodeError` where that lies outside the folder of APIs, or is
        the file of an API itself: nothing else is ever read, written or removed as a document."""
        inside = (self.root / FOLDER).resolve()
        place = file.parent if "\0" in name else (file.parent / name).resolve()
        if not place.is_relative_to(inside) or place == file.parent.resolve() or place == inside:
            raise NodeError("“{path}” lies outside the folder of APIs.", path=name[:200], field="openapi")
        if place.name.endswith(ENDINGS) and not place.name.endswith(DOCUMENTS):
            raise NodeError(
                "“{path}” would be the file of an API, not a document.", path=name[:200], field="openapi",
                fix="Call it as the others: {example}", example="orders-1.openapi.yaml",
            )  # fmt: skip
        return place

    def problems(self) -> list[Problem]:
        """What is wrong with the files of the catalogue."""
        of_entries = (self.plans(), self.consumers(), self.subscriptions(), self.gateways())
        return [
            *(each for file in self.apis() for each in file.problems),
            *(each for entries in of_entries for each in entries.problems),
        ]

    def plans(self) -> Entries[Plan]:
        return self._entries("plans.yaml", Plan)

    def consumers(self) -> Entries[Consumer]:
        return self._entries("consumers.yaml", Consumer)

    def subscriptions(self) -> Entries[Subscription]:
        return self._entries("subscriptions.yaml", Subscription)

    def gateways(self) -> Entries[GatewayEntry]:
        return self._entries("gateways.yaml", GatewayEntry)

    def _cached(self, path: Path, read: Any, stamp: Stamp | None = None) -> Any:
        """What was read of a file, read anew when it changed; None where it is gone."""
        if stamp is None:
            try:
                stamp = _stamp(path.stat())
            except FileNotFoundError:
                self._known.pop(path, None)
                return None
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = (stamp, read(path))
        return known[1]

    def _api(self, path: Path) -> ApiFile:
        file = path.relative_to(self.root).as_posix()
        data, lines, problems, hash = _read(path, file)
        api = None
        if not problems:
            api, problems = _valid(data, Api, file, lines, "")
        return ApiFile(path, file, api, tuple(problems), hash)

    def _entries(self, file: str, model: type[C]) -> Entries[C]:
        def read(path: Path) -> Entries[C]:
            data, lines, problems, _hash = _read(path, file)
            entries: dict[str, C] = {}
            for id, raw in data.items() if not problems else ():
                if model is not GatewayEntry and not re.fullmatch(ID, id):  # names of gateways are told where they are used
                    message = msg("“{name}” cannot be a name here: small letters, digits, “_” and “-” only.", name=id[:100])
                    problems.append(Problem("entry.name", message, None, Place(file=file, line=lines.get(id), field=id[:100])))
                    continue
                entry, found = _valid(raw, model, file, lines, id)
                problems += found
                if entry is not None:
                    entries[id] = entry
            return Entries(entries, tuple(problems), lines)

        found: Entries[C] | None = self._cached(self.root / file, read)
        return found or Entries()


def _yaml_files(folder: Path) -> Iterator[tuple[Path, Stamp]]:
    """The files of APIs below a folder; thousands of them are looked at for each search, so each is asked once."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _yaml_files(Path(entry.path))
        elif entry.name.endswith(ENDINGS) and not entry.name.endswith(DOCUMENTS):
            try:
                yield Path(entry.path), _stamp(entry.stat())
            except FileNotFoundError:
                continue  # gone meanwhile, or a link to nowhere


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read(path: Path, file: str) -> tuple[dict[str, Any], dict[str, int], list[Problem], str]:
    """The content, the lines of its keys (dotted, as deep as two), what is wrong with the YAML, and the digest of the text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = msg("The file cannot be read: {reason}", reason=str(error))
        return {}, {}, [Problem("file.unreadable", message, None, Place(file=file))], ""
    # Of the text: what a file holds may hold itself, and then has no end.
    return *_parsed(text, file), digest(text)


def _parsed(text: str, file: str) -> tuple[dict[str, Any], dict[str, int], list[Problem]]:
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except (ValueError, RecursionError) as error:
        message = msg("The file is not valid YAML: {reason}", reason=str(error))
        return {}, {}, [Problem("file.yaml", message, None, Place(file=file))]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = msg("The file is not valid YAML: {reason}", reason=str(getattr(error, "problem", None) or error))
        return {}, {}, [Problem("file.yaml", message, None, Place(file=file, line=mark.line + 1 if mark else None))]
    if data is None:
        return {}, {}, []
    if not isinstance(data, dict) or not isinstance(root, yaml.MappingNode) or not all(isinstance(key, str) for key in data):
        message = msg("The file must hold names with values (“name: value”).")
        return {}, {}, [Problem("file.form", message, None, Place(file=file, line=1))]
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for key, value in root.value:
        if key.value in lines:
            message = msg("“{name}” stands here twice.", name=str(key.value))
            problems.append(Problem("file.twice", message, None, Place(file=file, line=key.start_mark.line + 1)))
        lines[str(key.value)] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            lines.update({f"{key.value}.{inner.value}": inner.start_mark.line + 1 for inner, _ in value.value})
    return data, lines, problems


def _valid(raw: Any, model: type[C], file: str, lines: Mapping[str, int], id: str) -> tuple[C | None, list[Problem]]:
    """One entry as its model; problems name field and line as near as they are known."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        found = []
        for problem in config_problems(error, model):
            inner = (problem.place.field or "").removeprefix("config").lstrip(".")
            field = ".".join(part for part in (id, inner) if part)
            steps = field.split(".")
            line = next((lines[".".join(steps[:n])] for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in lines), None)
            found.append(Problem(problem.code, problem.message, problem.fix, Place(file=file, line=line, field=field or None)))
        return None, found
