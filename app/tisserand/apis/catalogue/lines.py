"""On which line each value of a YAML file stands, and what stands there twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path

import yaml

from tisserand.model.lenient_yaml import Loader


def lines_of(root: yaml.MappingNode) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Dotted path (`route.operations.0.path`) → line, from 1; and the paths of keys that stand there again, with the line of the
    second. What an alias names has its lines where it is written out: it could hold itself, or be named a million times."""
    lines: dict[str, int] = {}
    twice: list[tuple[str, int]] = []
    waiting: deque[tuple[str, yaml.Node]] = deque([("", root)])
    seen = {id(root)}
    while waiting:
        path, node = waiting.popleft()
        prefix = f"{path}." if path else ""
        here = node.start_mark.line
        if isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            inner = [(str(key.value), key.start_mark.line, value) for key, value in node.value]
            for name, line, _value in inner:
                if name in names:
                    twice.append((prefix + name, line + 1))
                names.add(name)
        else:
            # An alias stands behind what it names, and has no line of its own here.
            inner = [(str(index), max(value.start_mark.line, here), value) for index, value in enumerate(node.value)]
        for name, line, value in inner:
            lines[prefix + name] = line + 1
            if isinstance(value, yaml.CollectionNode) and id(value) not in seen and value.start_mark.line >= line:
                seen.add(id(value))
                waiting.append((prefix + name, value))
    return lines, sorted(twice, key=lambda each: each[1])


def line_of(lines: Mapping[str, int], field: str) -> int | None:
    """The line of a field, or of the nearest thing around it that has one."""
    steps = field.split(".")
    paths = (".".join(steps[:count]) for count in range(len(steps), 0, -1))
    return next((lines[path] for path in paths if path in lines), None)


def lines_in(path: Path) -> dict[str, int]:
    """Those of a file; none where it cannot be read."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return lines_of(root)[0] if isinstance(root, yaml.MappingNode) else {}
