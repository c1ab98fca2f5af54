"""What the model needs to know of a node type, without importing the SDK: its ports, and how to check a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tisserand.model.flow import In, Out
from tisserand.model.problem import Problem


class NodeType(Protocol):
    """One registered node type; the SDK's node classes satisfy it."""

    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def inputs(self) -> tuple[In, ...]: ...
    @property
    def outputs(self) -> tuple[Out, ...]: ...

    def outputs_for(self, raw: Mapping[str, Any]) -> tuple[Out, ...]:
        """The output ports for one raw config (they may depend on it); never raises."""

    def check_config(self, raw: Mapping[str, Any], values: Mapping[str, Any]) -> list[Problem]:
        """All problems of one raw config; `place.field` is the dotted path below the node. `values` are the names that
        `{{ name }}` and `$name` may use, with typical values."""

    def config_schema(self) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of the raw config."""

    def migrate(self, raw: dict[str, Any], version: int) -> dict[str, Any]:
        """Lift a config written for `version` to the current version."""


class Catalog(Protocol):
    """The registered node types by kind. `get` also follows `replaces`."""

    def get(self, kind: str) -> NodeType | None: ...
    def __iter__(self) -> Iterator[NodeType]: ...
