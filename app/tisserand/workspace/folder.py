"""A workspace as a folder on disk: where its flows, environments and state stand, and which paths a flow may touch."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tisserand import files
from tisserand.model.lenient_yaml import Loader
from tisserand.sdk.errors import OUTSIDE, NodeError
from tisserand.texts import N_

MARKER = "tisserand.yaml"
STATE = ".tisserand"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FLOW_ID = re.compile(r"^id:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """What differs between development, test and production: values for `{{ name }}`, connection fields, extra folders."""

    name: str = "default"
    values: Mapping[str, Any] = field(default_factory=dict)
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Connection name → fields laid over those of `connections.yaml`."""
    allow_folders: tuple[Path, ...] = ()
    """Folders outside the workspace that flows may read and write."""


class Workspace:
    """One workspace folder. Nothing is read before it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """The workspace that `start` lies in: the nearest folder upwards that holds `tisserand.yaml`."""
        start = start.resolve()
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                return cls(folder)
        raise NodeError(
            "“{path}” lies in no workspace: neither it nor a folder above it holds a file “tisserand.yaml”.",
            path=str(start),
            fix="Make one with “tisserand new workspace”, or name one with --workspace.",
        )

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Make a new workspace folder, or complete an existing one; what is there stays."""
        for name in ("flows", "environments", "data"):
            (root / name).mkdir(parents=True, exist_ok=True)
        if not (root / MARKER).exists():
            files.write_text(
                root / MARKER, f"# A Tisserand workspace. The id names its secrets in the keyring.\nid: {_new_id(root)}\n"
            )
        ignore = root / ".gitignore"
        if not ignore.exists():
            files.write_text(ignore, f"{STATE}/\n")
        return cls(root)

    @property
    def state(self) -> Path:
        """Where runs, journal and temporary files stand; may be deleted while nothing runs."""
        return self.root / STATE

    @property
    def flows(self) -> Path:
        return self.root / "flows"

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The content of `tisserand.yaml`; an empty file is fine."""
        return _mapping(self.root / MARKER)

    @property
    def id(self) -> str:
        """The name under which secrets are kept: `id` of `tisserand.yaml`, else one derived from the folder's place."""
        known = self.settings.get("id")
        if known is None:
            return f"path-{hashlib.sha256(str(self.root).encode()).hexdigest()[:16]}"
        if not isinstance(known, str) or not _NAME.fullmatch(known):
            raise NodeError(
                "The “id” in “{file}” must be a text of letters, digits, dots and dashes.", file=str(self.root / MARKER)
            )
        return known

    def flow_files(self) -> list[Path]:
        """Every flow file, sorted; hidden files and folders are left out."""
        found = (path for suffix in ("*.yaml", "*.yml") for path in self.flows.rglob(suffix) if path.is_file())
        return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(self.flows).parts))

    def find_flow(self, id_or_path: str) -> Path:
        """The file of a flow, by the id written in it, its file name, or a path; raises `NodeError` with near names."""
        if id_or_path.endswith((".yaml", ".yml")):
            for base in (Path.cwd(), self.root, self.flows):
                path = base / id_or_path
                if path.is_file():
                    return path.resolve()
            raise NodeError("There is no flow file “{path}”.", path=id_or_path)
        known: dict[str, Path] = {}
        for path in self.flow_files():
            match = _FLOW_ID.search(path.read_text(encoding="utf-8", errors="replace"))
            identity = match[1] if match else path.stem
            if identity == id_or_path:
                return path
            known.setdefault(identity, path)
            known.setdefault(path.stem, path)
        if id_or_path in known:
            return known[id_or_path]
        near = difflib.get_close_matches(id_or_path, known, 3) or sorted(known)[:10]
        raise NodeError(
            "There is no flow “{flow}” in the workspace “{workspace}”.",
            fix="Did you mean one of these: {near}?" if near else "Its folder “flows” holds no flow yet.",
            flow=id_or_path,
            workspace=str(self.root),
            near=near,
        )

    def environments(self) -> list[str]:
        """The names of the environments that have a file."""
        return sorted(path.stem for path in (self.root / "environments").glob("*.yaml"))

    def environment(self, name: str | None = None) -> Environment:
        """The environment of that name; None asks `tisserand.yaml` (`environment: dev`), then for `default`, which may be absent."""
        asked = name or self.settings.get("environment")
        chosen = str(asked or "default")
        if not _NAME.fullmatch(chosen):
            raise NodeError("“{name}” is not a name of an environment: letters, digits, dots and dashes only.", name=chosen)
        path = self.root / "environments" / f"{chosen}.yaml"
        if not path.is_file():
            if asked is None:
                return Environment(allow_folders=self._folders(self.settings, self.root / MARKER))
            raise NodeError(
                "There is no environment “{name}”. Environments: {known}.",
                name=chosen,
                known=self.environments() or ["–"],
                fix="Make the file “environments/{name}.yaml”.",
            )
        data = _mapping(path, known=("values", "connections", "allow_folders"))
        connections = _part(data, "connections", path)
        for connection in connections:
            _part(connections, connection, path)
        folders = (*self._folders(self.settings, self.root / MARKER), *self._folders(data, path))
        return Environment(chosen, _part(data, "values", path), connections, folders)

    def resolve(self, text: str, environment: Environment | None = None) -> Path:
        """The path that `text` names, relative to the workspace, links followed. It must lie inside the workspace (but not in its
        state) or inside a folder that the environment allows; raises `NodeError` otherwise. `~` is never expanded."""
        if not text.strip() or "\0" in text:
            raise NodeError("“{path}” is not a path.", path=text.replace("\0", "␀"))
        if text.startswith("~"):
            raise NodeError("“{path}”: “~” is not understood in a path. Write it relative to the workspace.", path=text)
        try:
            path = (self.root / text).resolve()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                path.lstat()  # a name that is too long shows here only
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            shown = text if len(text) <= 120 else text[:119] + "…"
            raise NodeError("The path “{path}” cannot be followed: {reason}.", path=shown, reason=reason) from None
        allowed = environment.allow_folders if environment else ()
        if not any(path.is_relative_to(folder) for folder in (self.root, *allowed)):
            fix = N_("Move the file into the workspace, or add its folder to “allow_folders” of the environment.")
            raise NodeError(OUTSIDE, path=text, fix=fix)
        if path.is_relative_to(self.state):
            raise NodeError("“{path}” lies in “.tisserand”, which is the studio's own.", path=text)
        return path

    def allow(self, folder: Path) -> None:
        """Let the flows of this workspace use a folder outside it; what the settings say already stays as it is written."""
        folder = folder.resolve()
        known = self._folders(self.settings, self.root / MARKER)
        if any(folder.is_relative_to(each) for each in (self.root, *known)):
            return
        marker = self.root / MARKER
        text = marker.read_text(encoding="utf-8")
        entry = f"- {json.dumps(folder.as_posix(), ensure_ascii=False)}\n"  # a JSON text is a YAML text
        if not self.settings.get("allow_folders"):
            kept = re.sub(r"^allow_folders:[^\n]*\n?", "", text, flags=re.MULTILINE)
            text = f"{kept.rstrip()}\nallow_folders:\n{entry}".lstrip()
        else:
            block = re.search(r"^allow_folders:[ \t]*(#[^\n]*)?\n([ \t]*)-", text, re.MULTILINE)
            if block is not None:
                at = block.end() - 1 - len(block[2])
                text = text[:at] + block[2] + entry + text[at:]
            else:  # written on one line
                listed = [*self.settings["allow_folders"], folder.as_posix()]
                written = json.dumps(listed, ensure_ascii=False)
                text = re.sub(r"^allow_folders:[^\n]*", lambda _found: f"allow_folders: {written}", text, flags=re.MULTILINE)
        files.write_text(marker, text)
        self.__dict__.pop("settings", None)

    def values(self, environment: Environment) -> dict[str, Any]:
        """The names that `{{ name }}` may use everywhere in this workspace: the environment's values and `workspace`."""
        return {**environment.values, "workspace": str(self.root), "environment": environment.name}

    def _folders(self, data: Mapping[str, Any], file: Path) -> tuple[Path, ...]:
        listed = data.get("allow_folders") or []
        if not isinstance(listed, list) or not all(isinstance(item, str) and item.strip() for item in listed):
            raise NodeError("“allow_folders” in “{file}” must be a list of folders.", file=str(file))
        return tuple((self.root / item).resolve() for item in listed)


def _new_id(root: Path) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "workspace"
    return f"{slug}-{secrets.token_hex(4)}"


def _mapping(path: Path, known: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """A YAML file that must hold a mapping, or nothing; every fault is a sentence."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise NodeError("“{file}” cannot be read: {reason}", file=str(path), reason=str(error)) from None
    except yaml.YAMLError as error:
        raise NodeError(
            "“{file}” is not valid YAML: {reason}", file=str(path), reason=str(error), line=yaml_line(error)
        ) from None
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise NodeError("“{file}” must hold names with values (“name: value”).", file=str(path))
    for key in data:
        if known and key not in known:
            raise NodeError("“{key}” is not known in “{file}”. Known: {known}.", key=key, file=str(path), known=known)
    return data


def yaml_line(error: yaml.YAMLError) -> int | None:
    """The line of a YAML fault, counted from 1."""
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else None


def _part(data: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    part = data.get(key)
    if part is None:
        return {}
    if not isinstance(part, dict) or not all(isinstance(name, str) for name in part):
        raise NodeError("“{key}” in “{file}” must hold names with values (“name: value”).", key=key, file=str(file))
    return part


def raw_flows(workspace: Workspace) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every flow file that is YAML at all, as plain data; files that are broken are the flow check's business."""
    for path in workspace.flow_files():
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            yield path, data
