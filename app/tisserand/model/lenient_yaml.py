"""A loader for YAML that people write: a value that cannot be what it looks like stays the text that stands there.

PyYAML gives up the whole file at `2026-02-31`, and raises what is no `YAMLError` at `!!bool maybe` or `!!int ''`. As a text the value
reaches whoever checks it, and is told with its line and field, beside all else that is wrong.
"""

from __future__ import annotations

from typing import Any

import yaml

_TYPES = ("bool", "int", "float", "timestamp")


class Loader(yaml.CSafeLoader):
    """Never raises anything but `yaml.YAMLError` and `RecursionError`, and `ValueError` for keys that no mapping can hold."""


def _or_text(tag: str) -> None:
    construct = yaml.CSafeLoader.yaml_constructors[tag]

    def read(loader: Loader, node: yaml.Node) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, LookupError, AttributeError, ArithmeticError):
            return node.value

    Loader.add_constructor(tag, read)


for _type in _TYPES:
    _or_text(f"tag:yaml.org,2002:{_type}")
