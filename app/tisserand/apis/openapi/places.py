"""Where things stand in the text of a document: the line of a JSON pointer."""

from __future__ import annotations

from collections.abc import Iterable

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


def pointer_of(steps: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901), with `#` before it."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class Lines:
    """Lines of one well-formed text, YAML or JSON. They are looked for only when somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root: Node | None = None

    def of(self, pointer: str) -> int | None:
        """The line (from 1) of a pointer (RFC 6901) with its `#`, or of the nearest around it that is there."""
        if not pointer.startswith("#"):
            return None
        if self._root is None:
            try:
                self._root = yaml.compose(self._text, Loader=yaml.CSafeLoader)
            except yaml.YAMLError:
                return None  # JSON that is no YAML: tabs between its signs
        current, line = self._root, None
        for step in pointer.split("/")[1:]:
            found = _step(current, step.replace("~1", "/").replace("~0", "~"))
            if found is None:
                break
            line, current = found
        return line


def _step(node: Node | None, name: str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == name:
                return key.start_mark.line + 1, value
    elif isinstance(node, SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        value = node.value[int(name)]
        return value.start_mark.line + 1, value
    return None
