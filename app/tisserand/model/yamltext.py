"""YAML text as a tree with positions, through the C parser, without the surprises of YAML 1.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tisserand.model.growth import growing
from tisserand.model.problem import Place, Problem
from tisserand.texts import N_, Message, msg

Path = tuple[str, ...]

# Our own short tags: whatever else stands in `node.tag` was written in the file, and is refused.
_TEXT, _NULL, _BOOL, _INT, _FLOAT, _MAP, _LIST = "text", "null", "bool", "int", "float", "map", "list"
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,999})")
_DECIMAL = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_MIGHT_BE_NUMBER = frozenset("0123456789+-.")

MAX_DEPTH = 60
_MAX_EXPANDED = 20_000
"""Values that aliases may add; a flow file has no use for more."""
_DEEP = re.compile(r"^ {1000}|(?:[-?] +){500}", re.MULTILINE)
_BRACKET = re.compile(r"[\[\]{}]")


def plain_tag(value: str) -> str:
    """What an unquoted scalar is: `on`, `yes`, dates, `1:30` and `007` are texts."""
    if value[:1] in _MIGHT_BE_NUMBER:
        if _INTEGER.fullmatch(value):
            return _INT
        return _FLOAT if _DECIMAL.fullmatch(value) and len(value) < 1000 else _TEXT
    if value in _BOOLS:
        return _BOOL
    return _NULL if value in _NULLS else _TEXT


class _Loader(yaml.CSafeLoader):
    """The C parser with our rules for scalars."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return plain_tag(value) if implicit[0] else _TEXT
        return _MAP if kind is MappingNode else _LIST

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """No resolvers by path."""

    def ascend_resolver(self) -> None:
        """No resolvers by path."""


class _Dumper(yaml.CSafeDumper):
    """Quotes what would be no text when it is read by the rules above: PyYAML's own, those of YAML 1.1, take `12e4` for one."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain_tag(text) == _TEXT else "'")


_Dumper.add_representer(str, _represent_text)


def dump(value: Any, *, flow: bool = False, width: int = 1000) -> str:
    """Plain data as YAML that `Construction` reads back as the same; `flow`: in brackets."""
    text: str = yaml.dump(value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=width)
    return text


@dataclass
class Positions:
    """Where things stand in the file. Lines and columns count from 1."""

    root: yaml.Node | None = None
    _children: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = field(default_factory=dict)

    def of(self, node: str | None = None, field: str | None = None) -> tuple[int, int]:
        """The place of a node's block, or of a dotted field in it, or of its nearest known parent."""
        path = ["nodes", node] if node is not None else []
        return self.at([*path, *(field.split(".") if field else [])])

    def at(self, path: list[str]) -> tuple[int, int]:
        current = self.root
        if current is None:
            return (1, 1)
        mark = current.start_mark
        rest = path
        while rest:
            if isinstance(current, SequenceNode):
                if not rest[0].isdecimal() or int(rest[0]) >= len(current.value):
                    break
                current, rest = current.value[int(rest[0])], rest[1:]
                mark = current.start_mark
            elif isinstance(current, MappingNode):
                children = self._of_mapping(current)
                # A key may hold dots itself (a column `a.b`), so longer pieces are tried where the short one is unknown.
                for size in range(1, len(rest) + 1):
                    found = children.get(".".join(rest[:size]))
                    if found is not None:
                        mark, current, rest = found[0].start_mark, found[1], rest[size:]
                        break
                else:
                    break
            else:
                break
        return (mark.line + 1, mark.column + 1)

    def _of_mapping(self, node: MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        known = self._children.get(id(node))
        if known is None:
            known = {}
            for key, value in node.value:
                if isinstance(key, ScalarNode):
                    known.setdefault(key.value, (key, value))
            self._children[id(node)] = known
        return known


def place_of(path: Path, line: int | None = None, column: int | None = None) -> Place:
    """The place of a path from the root of the file: inside `nodes.<id>` the node is named apart."""
    if len(path) > 1 and path[0] == "nodes":
        return Place(node=path[1], field=".".join(path[2:]) or None, line=line, column=column)
    return Place(field=".".join(path) or None, line=line, column=column)


@growing()
def compose(text: str) -> tuple[yaml.Node | None, Problem | None]:
    """Parse; a problem with its line instead of the tree where the text is no YAML."""
    deep = _DEEP.search(text)
    at = deep.start() if deep else _too_deep(text)
    if at is not None:
        where = text.count("\n", 0, at) + 1
        return None, Problem(
            "yaml.deep", msg("The file nests too deeply."), msg("Write it flatter."), Place(line=where, column=1)
        )
    loader: Any = None
    try:
        loader = _Loader(text)
        return loader.get_single_node(), None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, _malformed(
            str(error.problem or error.context), mark.line + 1 if mark else None, mark.column + 1 if mark else None
        )
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        return None, _malformed(str(error.reason), line, None)
    except yaml.YAMLError as error:
        return None, _malformed(str(error), None, None)
    except UnicodeEncodeError as error:
        return None, _malformed(msg("characters that are no Unicode text"), text.count("\n", 0, error.start) + 1, None)
    finally:
        if loader is not None:
            loader.dispose()


_REASONS = (
    N_("could not find expected ':'"),
    N_("found unexpected end of stream"),
    N_("found undefined alias"),
    N_("found unexpected ':'"),
    N_("found unknown escape character"),
    N_("did not find expected key"),
    N_("did not find expected ',' or ']'"),
    N_("did not find expected ',' or '}'"),
    N_("did not find expected '-' indicator"),
    N_("did not find expected <document start>"),
    N_("did not find expected node content"),
    N_("did not find expected alphabetic or numeric character"),
    N_("found character that cannot start any token"),
    N_("found a tab character that violates indentation"),
    N_("block sequence entries are not allowed in this context"),
    N_("mapping values are not allowed in this context"),
    N_("control characters are not allowed"),
)
"""What libyaml says most, so that it is translated; its other reasons stay as they are."""


def _malformed(reason: str | Message, line: int | None, column: int | None) -> Problem:
    return Problem(
        "yaml.malformed",
        msg("This is not well-formed YAML: {reason}.", reason=Message(reason.rstrip(".")) if isinstance(reason, str) else reason),
        msg("Look at this line and the one above: indentation, a missing colon, quote or bracket."),
        Place(line=line, column=column),
    )


def _too_deep(text: str) -> int | None:
    """Where brackets open more than 1,000 deep; the C parser would overflow its stack on far more."""
    if text.count("[") + text.count("{") < 1000:
        return None
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += 1 if match[0] in "[{" else -1
        if depth > 1000:
            return match.start()
        depth = max(depth, 0)
    return None


class Construction:
    """Plain Python values out of a tree: mappings with text keys, lists, texts, numbers, booleans, None."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self._expanded = 0
        self._exploded = False

    def value(self, node: yaml.Node, path: Path = ()) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._seen and not self._may_repeat(node, path):
            return None
        self._seen.add(id(node))
        if len(path) > MAX_DEPTH:
            self._problem("yaml.deep", msg("The file nests too deeply."), msg("Write it flatter."), node, path)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                self._tag(node, path, _LIST)
                return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _may_repeat(self, node: yaml.Node, path: Path) -> bool:
        """An alias: refused inside itself, and when aliases of aliases make the file explode."""
        if id(node) in self._open:
            message = msg("This value contains itself through an alias.")
            self._problem("yaml.alias", message, msg("Write the value out."), node, path)
            return False
        self._expanded += len(node.value) + 1
        if self._expanded > _MAX_EXPANDED:
            if not self._exploded:
                message = msg("The aliases of this file expand to more than {count} values.", count=_MAX_EXPANDED)
                self._problem("yaml.alias", message, msg("Write the values out instead of repeating aliases."), node, path)
            self._exploded = True
            return False
        return True

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        self._tag(node, path, _MAP)
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._problem("yaml.key", msg("A key must be a text."), msg("Write a simple name before the colon."), key, path)
                continue
            name = key.value
            if name in found:
                self._problem(
                    "yaml.duplicate",
                    msg("“{key}” stands here twice.", key=name),
                    msg("Remove or rename one of the two."),
                    key,
                    (*path, name),
                )
                continue
            found[name] = self.value(value, (*path, name))
        return found

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        tag, text = node.tag, node.value
        if tag == _TEXT:
            return text
        if tag == _INT:
            return int(text)
        if tag == _FLOAT:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if tag == _BOOL:
            return _BOOLS[text]
        if tag == _NULL:
            return None
        self._tag(node, path, _TEXT)
        return text

    def _tag(self, node: yaml.Node, path: Path, expected: str) -> None:
        if node.tag != expected:
            shown = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._problem(
                "yaml.tag", msg("The YAML tag “{tag}” is not allowed here.", tag=shown), msg("Remove the tag."), node, path
            )

    def _problem(self, code: str, message: Message, fix: Message, node: yaml.Node, path: Path) -> None:
        mark = node.start_mark
        self.problems.append(Problem(code, message, fix, place_of(path, mark.line + 1, mark.column + 1)))


def texts_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in plain data, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts_in(item, (*path, str(index)))


def comments(text: str) -> list[tuple[int, str]]:
    """(line, words) of every comment of a well-formed YAML text: what stands behind a `#` outside of all values."""
    if "#" not in text:
        return []
    lines = text.splitlines()
    covered: dict[int, list[tuple[int, int]]] = {}
    inside: set[int] = set()
    try:
        for token in yaml.scan(text, Loader=yaml.CSafeLoader):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                # A literal block begins behind its sign, where a comment may stand, and covers its lines whole.
                first = start.line + 1 if token.style in ("|", ">") else start.line
                inside.update(range(start.line + 1, end.line))
                if first == start.line:
                    covered.setdefault(start.line, []).append((start.column, end.column if end.line == start.line else len(text)))
                if end.line != start.line:
                    covered.setdefault(end.line, []).append((0, end.column))
    except yaml.YAMLError:
        return []
    found = []
    for number, line in enumerate(lines):
        if number in inside or "#" not in line:
            continue
        for place in (index for index, letter in enumerate(line) if letter == "#"):
            free = not any(start <= place < end for start, end in covered.get(number, ()))
            if free and (place == 0 or line[place - 1] in " \t"):
                found.append((number + 1, line[place:].lstrip("#").strip()))
                break
    return found
