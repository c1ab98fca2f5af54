"""The catalogue as files of a workspace: `apis/**/*.yaml`, `plans.yaml`, `consumers.yaml`, `subscriptions.yaml`, `gateways.yaml`.

Every fault becomes a problem with file, line and field; what is right beside it is read all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import ValidationError

from tisserand import files
from tisserand.apis.catalogue.blocks import Block, Read, cut
from tisserand.apis.catalogue.blocks import read as read_yaml
from tisserand.apis.catalogue.faults import faults
from tisserand.apis.catalogue.lines import line_of
from tisserand.apis.model import ID, Api, Consumer, GatewayEntry, Plan, Subscription
from tisserand.apis.neutral import digest
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

C = TypeVar("C", bound=Config)

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


@dataclass(frozen=True, slots=True)
class Part(Generic[C]):
    """What one block of a file of entries holds; lines count from the beginning of the block."""

    read: Read
    by_id: Mapping[str, C]
    problems: tuple[Problem, ...] = ()


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
        self._known: dict[Path, tuple[files.Stamp, Any]] = {}
        self._parts: dict[str, dict[str, Part[Any]]] = {}
        """File of entries → the blocks that it was read as last."""

    def apis(self) -> list[ApiFile]:
        """Every file of an API, sorted by path; one that is broken has no `api`. Of two files for one version the first counts."""
        found = list(_yaml_files(self.root / FOLDER))
        listed: list[ApiFile] = []
        first: dict[str, str] = {}
        for path, stamp in sorted(found, key=lambda each: each[0].parts):
            read = self.cached(path, self._api, stamp)
            if read is None:
                continue
            if read.api is not None and (other := first.setdefault(read.api.key, read.file)) != read.file:
                message = msg("“{api}” stands in “{file}” too.", api=read.api.key, file=other)
                problem = Problem("api.twice", message, msg("Give one of them another version."), Place(file=read.file))
                read = ApiFile(path, read.file, None, (*read.problems, problem), read.hash)
            listed.append(read)
        return listed

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

    def cached(self, path: Path, read: Callable[[Path], Any], stamp: files.Stamp | None = None) -> Any:
        """What `read` made of a file, made anew when it changed; None where it is gone."""
        if (stamp := stamp or files.stamp(path)) is None:
            self._known.pop(path, None)
            return None
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = (stamp, read(path))
        return known[1]

    def _api(self, path: Path) -> ApiFile:
        file = path.relative_to(self.root).as_posix()
        text, problems = _text(path, file)
        api = None
        found, problems = (Read({}), problems) if problems else _parsed(text, file)
        if all(each.code == "file.twice" for each in problems):
            api, wrong = _valid(found.data, Api, file, found.lines, "")
            problems += wrong
        # Of the text: what a file holds may hold itself, and then has no end.
        return ApiFile(path, file, api if not problems else None, tuple(problems), digest(text))

    def _entries(self, file: str, model: type[C]) -> Entries[C]:
        def read(path: Path) -> Entries[C]:
            text, problems = _text(path, file)
            return (
                Entries(problems=tuple(problems)) if problems else self._of_blocks(text, file, model) or _whole(text, file, model)
            )

        found: Entries[C] | None = self.cached(self.root / file, read)
        return found or Entries()

    def _of_blocks(self, text: str, file: str, model: type[C]) -> Entries[C] | None:
        """Block by block: those that are known stay as they are. None where the file is to be read as a whole."""
        blocks = cut(text)
        if blocks is None:
            return None
        known, now = self._parts.get(file, {}), {}
        entries: dict[str, C] = {}
        problems: list[Problem] = []
        count = 0
        for block in blocks:
            part = known.get(block.text) or _part(block.text, file, model)
            if part is None:
                return None
            now[block.text] = part
            entries.update(part.by_id)
            count += len(part.read.data)
            if part.problems:
                problems += [_further(each, block.line) for each in part.problems]
        if count != len({id for part in now.values() for id in part.read.data}):
            return None  # something stands there twice
        self._parts[file] = now
        return Entries(entries, tuple(problems))

    def blocks(self, file: str, text: str) -> list[tuple[Block, Read]] | None:
        """The blocks of a file of entries, if it holds this text and was read block by block."""
        blocks, known = cut(text), self._parts.get(file, {})
        if blocks is None or any(block.text not in known for block in blocks):
            return None
        return [(block, known[block.text].read) for block in blocks]


def _part(text: str, file: str, model: type[C]) -> Part[C] | None:
    """What a block holds; None where it means nothing by itself."""
    try:
        found = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if found.data is None:
        return Part(Read({}), {})
    if not found.mapping or found.twice:
        return None
    entries, problems = _valid_entries(found, model, file)
    return Part(found, entries, tuple(problems))


def _whole(text: str, file: str, model: type[C]) -> Entries[C]:
    found, problems = _parsed(text, file)
    twice = {(each.place.field or "").partition(".")[0] for each in problems}
    entries, wrong = _valid_entries(found, model, file)
    return Entries({id: entry for id, entry in entries.items() if id not in twice}, (*problems, *wrong))


def _valid_entries(found: Read, model: type[C], file: str) -> tuple[dict[str, C], list[Problem]]:
    entries: dict[str, C] = {}
    problems: list[Problem] = []
    for id, raw in found.data.items():
        # Names of gateways are told where they are used.
        named = model is GatewayEntry or re.fullmatch(ID, id)
        if not named:
            message = msg("“{name}” cannot be a name here: small letters, digits, “_” and “-” only.", name=id[:100])
            problems.append(Problem("entry.name", message, None, Place(file=file, line=line_of(found.lines, id), field=id[:100])))
        entry, wrong = _valid(raw, model, file, found.lines, id)
        problems += wrong
        if entry is not None and named:
            entries[id] = entry
    return entries, problems


def _further(problem: Problem, lines: int) -> Problem:
    """A problem of a block where the block stands."""
    line = problem.place.line
    return problem if line is None else replace(problem, place=replace(problem.place, line=line + lines))


def _yaml_files(folder: Path) -> Iterator[tuple[Path, files.Stamp]]:
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
                yield Path(entry.path), files.stamp_of(entry.stat())
            except FileNotFoundError:
                continue  # gone meanwhile, or a link to nowhere


def _text(path: Path, file: str) -> tuple[str, list[Problem]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return stream.read(), []
    except (OSError, UnicodeDecodeError) as error:
        message = msg("The file cannot be read: {reason}", reason=str(error))
        return "", [Problem("file.unreadable", message, None, Place(file=file))]


def _parsed(text: str, file: str) -> tuple[Read, list[Problem]]:
    """The content of a file, and what is wrong with the YAML."""
    try:
        found = read_yaml(text)
    except (ValueError, RecursionError) as error:
        message = msg("The file is not valid YAML: {reason}", reason=str(error))
        return Read({}), [Problem("file.yaml", message, None, Place(file=file))]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = msg("The file is not valid YAML: {reason}", reason=str(getattr(error, "problem", None) or error))
        return Read({}), [Problem("file.yaml", message, None, Place(file=file, line=mark.line + 1 if mark else None))]
    if found.data is None:
        return Read({}), []
    if not found.mapping:
        message = msg("The file must hold names with values (“name: value”).")
        return Read({}), [Problem("file.form", message, None, Place(file=file, line=1))]
    return found, [_twice(file, field, line) for field, line in found.twice]


def _twice(file: str, field: str, line: int) -> Problem:
    message = msg("“{name}” stands here twice.", name=field.rpartition(".")[2])
    return Problem("file.twice", message, None, Place(file=file, line=line, field=field))


def _valid(raw: Any, model: type[C], file: str, lines: Mapping[str, int], id: str) -> tuple[C | None, list[Problem]]:
    """One entry as its model; problems name field and line as near as they are known."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        found = []
        for problem in faults(error, model):
            field = ".".join(part for part in (id, problem.place.field) if part)
            place = Place(file=file, line=line_of(lines, field), field=field or None)
            found.append(Problem(problem.code, problem.message, problem.fix, place))
        return None, found
