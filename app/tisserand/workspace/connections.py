"""The registry of connections in `connections.yaml`: names, types and fields, with secrets only by reference."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tisserand import files
from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import FilledSecret, Secret
from tisserand.sdk.problems import config_problems
from tisserand.sdk.registry import Registry
from tisserand.sdk.templates import Templates
from tisserand.texts import Message, msg
from tisserand.workspace.connection_text import (
    FILE,
    connection_fields,
    entry_span,
    field_lines,
    literal_secrets,
    texts_in,
)
from tisserand.workspace.folder import Environment, Workspace, raw_flows, yaml_line
from tisserand.workspace.secrets import Redactor, SecretStore, changing, secret_store

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Looked for ahead, so that in “secret: secret:NAME” the name of the field does not hide the reference.
_REFERRED = re.compile(r"(?=secret:\s*([A-Za-z0-9_][A-Za-z0-9_.-]*))")


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection as its file has it: nothing filled in."""

    name: str
    type: str
    fields: Mapping[str, Any]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One place in a flow that names a connection."""

    file: Path
    flow: str
    node: str
    field: str


class Connections:
    """The connections of one workspace. Every reading asks the file: it is small, and people edit it."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        store: SecretStore | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.workspace = workspace
        self.path = workspace.root / FILE
        self.redactor = redactor or Redactor()
        self._registry = registry
        self._store = store
        self._secrets_known = False

    @property
    def store(self) -> SecretStore:
        if self._store is None:
            self._store = secret_store(self.workspace.id)
        return self._store

    # --- reading

    def load(self) -> dict[str, Entry]:
        """Every entry that can be read, in the order of the file; see `problems` for the rest."""
        entries, _problems = self._parse(self._text())
        return entries

    def problems(self, environment: Environment | None = None) -> list[Problem]:
        """Everything that is wrong with the file, each with its line: YAML, unknown types and fields, secrets written out."""
        text = self._text()
        entries, problems = self._parse(text)
        for entry in entries.values():
            problems += self._entry_problems(entry, environment or Environment(), field_lines(text, entry.name))
        return problems

    def get(self, name: str, environment: Environment | None = None) -> ConnectionType:
        """The connection with the environment's fields laid over it and its secrets filled in; raises `NodeError`."""
        environment = environment or Environment()
        entry = self._entry(name, environment)
        faults = self._entry_problems(entry, environment, {})
        if faults:
            first = faults[0]
            raise NodeError(
                "The connection “{name}” cannot be used: {problem}",
                name=name,
                problem=first.message,
                fix=first.fix,
                line=entry.line,
            )
        filled = self._fill(self._read(entry, environment), name)
        assert isinstance(filled, ConnectionType)
        filled._root = self.workspace.root
        return filled

    def plain(self, name: str, environment: Environment) -> ConnectionType:
        """The connection with its secrets left as references: enough to say where it leads. Raises `NodeError`."""
        try:
            found = self._read(self._entry(name, environment), environment)
        except ValidationError as error:
            first = config_problems(error, ConnectionType)[0]
            raise NodeError("The connection “{name}” cannot be used: {problem}", name=name, problem=first.message) from None
        found._root = self.workspace.root
        return found

    def fault(self, name: str, types: Sequence[str], environment: Environment) -> Problem | None:
        """Why a node that takes connections of these types cannot use the one of that name; None if it can."""
        try:
            entry = self._entry(name, environment)
        except NodeError as error:
            return Problem("connection.unknown", error.message, error.fix)
        if types and entry.type not in types and self._class(entry) is not None:
            message = msg("The connection “{name}” is of the type “{type}”; this node takes: {types}.",
                          name=name, type=entry.type, types=list(types))  # fmt: skip
            return Problem("connection.type", message, msg("Choose another connection, or add one: tisserand connection add"))
        faults = self._entry_problems(entry, environment, {})
        if not faults:
            return None
        message = msg("The connection “{name}” cannot be used: {problem}", name=name, problem=faults[0].message)
        return Problem("connection.wrong", message, faults[0].fix)

    def secret(self, reference: str) -> str:
        """The value of a secret by `secret:NAME` or its name; known to the redactor from now on."""
        name = reference.removeprefix("secret:").strip()
        value = self.store.get(name)
        if value is None:
            raise NodeError(
                "There is no secret “{name}” in {where}.",
                fix="Set it: tisserand secret set {name}",
                name=name,
                where=self.store.where,
            )
        self.redactor.add(value)
        return value

    def know_secrets(self) -> Redactor:
        """The redactor with every secret in it that a connection of any environment refers to, whether used yet or not. Cheap
        after the first call; without such references no keyring is asked at all."""
        if not self._secrets_known:
            self._secrets_known = True
            for name in sorted(self._referred()):
                try:
                    value = self.store.get(name)
                except NodeError:
                    break  # a store that does not open gives no secret away, here or later; who needs one is told then
                if value is not None:
                    self.redactor.add(value)
        return self.redactor

    def _referred(self) -> set[str]:
        texts = [self._text()]
        for name in self.workspace.environments():
            texts.append((self.workspace.root / "environments" / f"{name}.yaml").read_text(encoding="utf-8", errors="replace"))
        return {match[1] for text in texts for match in _REFERRED.finditer(text)}

    def missing_secrets(self, name: str, environment: Environment | None = None) -> list[str]:
        """The secrets that a connection refers to and the store lacks."""
        connection = self._read(self._entry(name, environment or Environment()), environment or Environment())
        known = set(self.store.names())
        return sorted({secret.name for _path, secret in _secrets(connection)} - known)

    # --- writing

    def save(self, name: str, type: str, fields: Mapping[str, Any]) -> None:
        """Add or replace one entry, at once; the order and every other line of the file stay as they are."""
        if not _NAME.fullmatch(name):
            raise NodeError("“{name}” is not a name of a connection: letters, digits, “_” and “-” only.", name=name)
        faults = self.faults(name, type, fields)
        if faults:
            raise NodeError("“{name}” is not saved: {problem}", name=name, problem=faults[0].message, fix=faults[0].fix)
        block = yaml.dump(
            {name: {"type": type, **fields}}, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120
        )
        self._replace(name, block)

    def faults(self, name: str, type: str, fields: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with an entry as it would be saved; `place.field` says where."""
        return self._entry_problems(Entry(name, type, dict(fields)), Environment(), {}, loose=True)

    def remove(self, name: str) -> bool:
        """Take one entry out; False if there is none."""
        if name not in self.load():
            return False
        self._replace(name, "")
        return True

    def _replace(self, name: str, block: str) -> None:
        # Two commands at once would take each other's entries away.
        with changing(self.workspace.id):
            self._replaced(name, block)

    def _replaced(self, name: str, block: str) -> None:
        text = self._text()
        _entries, problems = self._parse(text)
        if any(problem.code == "connections.yaml" for problem in problems):
            raise NodeError(
                "“{file}” is not changed: {problem}", file=FILE, problem=problems[0].message, line=problems[0].place.line
            )
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        start, end = entry_span(text, name) or (len(lines), len(lines))
        if lines and all(line.strip() in ("", "{}") or line.lstrip().startswith("#") for line in lines):
            lines = [line for line in lines if line.strip() != "{}"]
            start = end = len(lines)
        files.write_text(self.path, "".join([*lines[:start], block, *lines[end:]]))

    # --- use

    def used_by(self, name: str) -> list[Use]:
        """Every place in every flow that names this connection: exact, from the config classes of the nodes."""
        return self.uses().get(name, [])

    def uses(self) -> dict[str, list[Use]]:
        """The same for every connection that is named somewhere, in one reading of the flows."""
        found: dict[str, list[Use]] = {}
        for path, flow in raw_flows(self.workspace):
            nodes = flow.get("nodes")
            for node_id, node in nodes.items() if isinstance(nodes, dict) else ():
                if isinstance(node, dict) and isinstance(node.get("config"), dict):
                    for field, name in self._named(node.get("kind"), node["config"]):
                        use = Use(path, str(flow.get("id", path.stem)), str(node_id), f"config.{field}")
                        found.setdefault(name, []).append(use)
        return found

    def _named(self, kind: Any, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        registered = self._registry.get(str(kind))
        if registered is not None:
            yield from connection_fields(registered.node.Config, config, "")
        elif isinstance(config.get("connection"), str):
            yield "connection", config["connection"]

    # --- inner parts

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise NodeError("“{file}” cannot be read: {reason}", file=FILE, reason=str(error)) from None

    def _parse(self, text: str) -> tuple[dict[str, Entry], list[Problem]]:
        entries: dict[str, Entry] = {}
        try:
            root = yaml.compose(text, Loader=yaml.CSafeLoader)
            data = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            reason = str(getattr(error, "problem", None) or error)
            return {}, [
                _problem("connections.yaml", msg("The file is not valid YAML: {reason}", reason=reason), yaml_line(error))
            ]
        if data is None:
            return {}, []
        if not isinstance(data, dict) or not isinstance(root, yaml.MappingNode):
            return {}, [_problem("connections.yaml", msg("The file must hold names of connections, each with its fields."), 1)]
        problems: list[Problem] = []
        for key, value in root.value:
            name, line = str(key.value), key.start_mark.line + 1
            fields = data.get(key.value)
            if name in entries:
                problems.append(_problem("connections.twice", msg("The connection “{name}” stands here twice.", name=name), line))
            elif not _NAME.fullmatch(name):
                message = msg("“{name}” is not a name of a connection: letters, digits, “_” and “-” only.", name=name)
                problems.append(_problem("connections.name", message, line))
            elif not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
                message = msg("The connection “{name}” needs a “type”. Types: {types}.", name=name, types=self._types())
                problems.append(_problem("connections.type", message, value.start_mark.line + 1))
            else:
                rest = {str(field): item for field, item in fields.items() if field != "type"}
                entries[name] = Entry(name, fields["type"], rest, line)
        return entries, problems

    def _types(self) -> list[str]:
        return sorted(self._registry.connection_types())

    def _entry(self, name: str, environment: Environment) -> Entry:
        entries = self.load()
        over = environment.connections.get(name)
        entry = entries.get(name)
        if over is not None:
            same = entry is not None and over.get("type", entry.type) == entry.type
            fields = {**(entry.fields if entry and same else {}), **{key: value for key, value in over.items() if key != "type"}}
            type_ = str(over.get("type") or (entry.type if entry else ""))
            return Entry(name, type_, fields, entry.line if entry else None)
        if entry is None:
            raise NodeError(
                "There is no connection “{name}”. Connections: {known}.",
                name=name,
                known=sorted(entries) or ["–"],
                fix="Add it: tisserand connection add {name}",
            )
        return entry

    def _class(self, entry: Entry) -> type[ConnectionType] | None:
        return self._registry.connection_types().get(entry.type)

    def _read(self, entry: Entry, environment: Environment) -> ConnectionType:
        cls = self._class(entry)
        if cls is None:
            raise NodeError("“{type}” is not a type of connection. Types: {types}.", type=entry.type, types=self._types())
        values = self.workspace.values(environment)
        return cls.model_validate(dict(entry.fields), context={"render": Templates(values).render, "parameters": values})

    def _entry_problems(
        self, entry: Entry, environment: Environment, lines: Mapping[str, int], loose: bool = False
    ) -> list[Problem]:
        """`loose` leaves texts with templates to the environment they are used in."""
        cls = self._class(entry)
        if cls is None:
            near = difflib.get_close_matches(entry.type, self._types(), 1)
            message = msg("“{type}” is not a type of connection. Types: {types}.", type=entry.type, types=self._types())
            fix = msg("Did you mean “{near}”?", near=near[0]) if near else None
            return [_problem("connections.type", message, lines.get("type", entry.line), entry.name, "type", fix)]
        literal = list(literal_secrets(cls, entry.fields, ""))
        if literal:
            # Nothing else is said about such an entry: pydantic's sentences could repeat the value.
            message = msg("A secret is written out here. Only a reference may stand in the file.")
            fix = msg("Write “secret:NAME” and set it: tisserand secret set NAME")
            return [
                _problem("connections.secret", message, lines.get(field, entry.line), entry.name, field, fix) for field in literal
            ]
        if loose and any("{{" in item for _path, item in texts_in(entry.fields, "")):
            return []
        try:
            self._read(entry, environment)
        except ValidationError as error:
            found = []
            for problem in config_problems(error, cls):
                field = (problem.place.field or "").removeprefix("config").lstrip(".")
                place = Place(file=FILE, line=lines.get(field, entry.line), node=entry.name, field=field or None)
                found.append(Problem(problem.code, problem.message, problem.fix, place))
            return found
        return []

    def _fill(self, config: Config, name: str) -> Config:
        """The same config with every secret reference replaced by its value, at any depth."""
        changed: dict[str, Any] = {}
        for field, value in config:
            if isinstance(value, Secret):
                try:
                    changed[field] = FilledSecret(self.secret(value))
                except NodeError as error:
                    raise NodeError("Connection “{name}”: {problem}", name=name, problem=error.message, fix=error.fix) from None
            elif isinstance(value, Config):
                changed[field] = self._fill(value, name)
        return config.model_copy(update=changed) if changed else config


def _problem(
    code: str, message: Message, line: int | None, name: str | None = None, field: str | None = None, fix: Message | None = None
) -> Problem:
    return Problem(code, message, fix, Place(file=FILE, line=line, node=name, field=field))


def _secrets(config: Config, above: str = "") -> Iterator[tuple[str, Secret]]:
    for field, value in config:
        if isinstance(value, Secret):
            yield f"{above}{field}", value
        elif isinstance(value, Config):
            yield from _secrets(value, f"{above}{field}.")
