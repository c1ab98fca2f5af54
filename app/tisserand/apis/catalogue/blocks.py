"""A file of entries as blocks of its text, so that of twenty thousand entries only the changed one is read again.

Each top-level key that is written out plainly begins a block. Read alone, a block means what it means in its file, or is no YAML: a
quoted text, a `{` or a `[` that goes on behind the next key stays open in its own block, and an alias does not find its anchor. Who
meets such a block reads the file as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from tisserand.apis.catalogue.lines import lines_of
from tisserand.model.lenient_yaml import Loader

_KEY = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]*:(?=[ \n]|\r\n|$)", re.MULTILINE)
_UNLIKE = re.compile("\r(?!\n)|[\x85\u2028\u2029\ufeff]|^(?:---|\\.\\.\\.|%|\\? )", re.MULTILINE)
"""Line breaks that are none elsewhere, several documents, directives, and keys of more than a name."""
_NOTHING = re.compile(r"(?:[ ]*(?:#[^\n]*)?\r?\n)*(?:[ ]*(?:#[^\n]*)?)")
_TAIL = re.compile(r"(?:^(?:#[^\n]*|[ ]*\r?)(?:\n|\Z))*\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a file: one entry, as a rule, or what stands before the first."""

    text: str
    line: int
    """Of the file, from 0, in which it begins."""

    @property
    def body(self) -> str:
        """Without the empty lines and comments at its end, which belong to what follows."""
        found = _TAIL.search(self.text)
        return self.text[: found.start()] if found is not None else self.text


@dataclass(frozen=True, slots=True)
class Read:
    """What YAML says of a text."""

    data: Any
    lines: dict[str, int] = field(default_factory=dict)
    """As `lines_of` gives them."""
    twice: tuple[tuple[str, int], ...] = ()
    """Paths of keys that stand there again, and where."""
    mapping: bool = True
    """Whether it holds names with values."""


def cut(text: str) -> list[Block] | None:
    """The blocks of a text, which make up all of it; None where it must be read as a whole."""
    if _UNLIKE.search(text):
        return None
    starts = [found.start() for found in _KEY.finditer(text)]
    if not starts or not _NOTHING.fullmatch(text, 0, starts[0]):
        return None
    if starts[0] > 0:
        starts.insert(0, 0)
    blocks, line = [], 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        blocks.append(Block(part, line))
        line += part.count("\n")
    return blocks


def read(text: str) -> Read:
    """Raises what PyYAML raises: `yaml.YAMLError`, and `ValueError` or `RecursionError` for values that cannot be."""
    loader = Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Read(None)
        mapping = isinstance(root, yaml.MappingNode)
        lines, twice = lines_of(root) if isinstance(root, yaml.MappingNode) else ({}, [])
        data = loader.construct_document(root)
    finally:
        loader.dispose()
    return Read(data, lines, tuple(twice), mapping and isinstance(data, dict) and all(isinstance(key, str) for key in data))
