"""What stands where in `connections.yaml` and in raw configs: secrets written out, names of connections, lines of fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import yaml

from tisserand.sdk.config import Config, mentions
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import Connection, Secret

FILE = "connections.yaml"
_REFERENCE = re.compile(r"secret:\s*[A-Za-z0-9_][A-Za-z0-9_.-]*")
_URL_WITH_PASSWORD = re.compile(r"[a-zA-Z][\w+.-]*://[^/\s@:]*:[^/\s@]+@")


def texts_in(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts_in(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts_in(item, f"{path}.{index}")


def config_classes(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
    for part in get_args(annotation):
        yield from config_classes(part)


def literal_secrets(cls: type[Config], raw: Mapping[str, Any], above: str) -> Iterator[str]:
    """The dotted fields that hold a secret itself: in a secret field anything but `secret:NAME`, elsewhere a URL with a password."""
    for name, value in raw.items():
        info = cls.model_fields.get(name)
        path = f"{above}{name}"
        if info is not None and mentions(info.annotation, (Secret,)):
            # A number is a secret written out, too.
            found = (
                texts_in(value, path) if isinstance(value, str | list | dict) else [(path, "" if value is None else str(value))]
            )
            for field, text in found:
                if text and not _REFERENCE.fullmatch(text.strip()):
                    yield field
            continue
        nested = list(config_classes(info.annotation)) if info is not None else []
        if nested and isinstance(value, Mapping):
            for part in nested:
                yield from literal_secrets(part, value, f"{path}.")
        else:
            yield from (field for field, text in texts_in(value, path) if _URL_WITH_PASSWORD.search(text))


def connection_fields(cls: type[Config], raw: Any, above: str) -> Iterator[tuple[str, str]]:
    """Every (dotted field, name of a connection) in a raw config."""
    for name, value in raw.items() if isinstance(raw, Mapping) else ():
        info = cls.model_fields.get(name)
        if info is None:
            continue
        if mentions(info.annotation, (Connection,)):
            yield from ((path, text) for path, text in texts_in(value, f"{above}{name}"))
        for part in dict.fromkeys(config_classes(info.annotation)):
            items = value if isinstance(value, list) else [value]
            for index, item in enumerate(items):
                place = f"{above}{name}.{index}." if isinstance(value, list) else f"{above}{name}."
                yield from connection_fields(part, item, place)


def field_lines(text: str, name: str) -> dict[str, int]:
    """Dotted field → line, for one entry."""
    found: dict[str, int] = {}

    def walk(node: yaml.Node, path: str) -> None:
        found.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                place = f"{path}.{key.value}" if path else str(key.value)
                found[place] = key.start_mark.line + 1
                walk(value, place)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                walk(value, f"{path}.{index}")

    for key, value in entry_nodes(text):
        if key.value == name:
            walk(value, "")
    return found


def entry_nodes(text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    return list(root.value) if isinstance(root, yaml.MappingNode) else []


def entry_span(text: str, name: str) -> tuple[int, int] | None:
    """The lines (from, to) of one entry of a block mapping."""
    entries = entry_nodes(text)
    if entries and any(key.start_mark.column for key, _value in entries):
        raise NodeError("“{file}” is written in one line: put each connection on lines of its own.", file=FILE)
    for key, value in entries:
        if key.value == name:
            start, end = key.start_mark.line, value.end_mark.line
            lines = text.splitlines()
            # The end mark of a block stands at the next token: comments and empty lines before it belong to the next entry.
            if value.end_mark.column:
                end += 1
            while end > start + 1 and (end > len(lines) or not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1
            return start, end
    return None
