"""The registered node and connection types, found through the entry points of group `tisserand.nodes`."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from tisserand import texts
from tisserand.model.flow import In, Out
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.node import Node
from tisserand.sdk.problems import config_problems
from tisserand.sdk.templates import Templates
from tisserand.texts import msg

GROUP = "tisserand.nodes"


@dataclass(frozen=True)
class RegisteredNode:
    """One node class, as the model's `NodeType` sees it."""

    node: type[Node[Any]]
    package: str

    @property
    def kind(self) -> str:
        return self.node.kind

    @property
    def title(self) -> str:
        return self.node.title

    @property
    def help(self) -> str:
        return self.node.help()

    @property
    def family(self) -> str:
        return self.node.family()

    @property
    def role(self) -> str:
        return self.node.role

    @property
    def icon(self) -> str:
        return self.node.icon

    @property
    def version(self) -> int:
        return self.node.version

    @property
    def inputs(self) -> tuple[In, ...]:
        return self.node.inputs

    @property
    def outputs(self) -> tuple[Out, ...]:
        return self.node.outputs

    def outputs_for(self, raw: Mapping[str, Any]) -> tuple[Out, ...]:
        if self.node.ports is Node.ports:
            return self.node.outputs
        try:
            config = self.node.Config.model_validate(dict(raw))
        except ValidationError:
            return self.node.outputs
        return self.node().ports(config)

    def read_config(self, raw: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        """The typed config; texts rendered and formulas bound with `values`. Raises pydantic's ValidationError."""
        context = {"render": Templates(values).render, "parameters": values}
        return self.node.Config.model_validate(dict(raw), context=context)

    def check_config(self, raw: Mapping[str, Any], values: Mapping[str, Any]) -> list[Problem]:
        try:
            self.read_config(raw, values)
        except ValidationError as error:
            return config_problems(error, self.node.Config)
        return []

    def config_schema(self) -> dict[str, Any]:
        return self.node.Config.model_json_schema(mode="validation")

    def migrate(self, raw: dict[str, Any], version: int) -> dict[str, Any]:
        return raw if version >= self.node.version else self.node().lift(raw, version)


class Registry:
    """All node types by kind, and all connection types by id."""

    def __init__(self) -> None:
        self._nodes: dict[str, RegisteredNode] = {}
        self._replaced: dict[str, str] = {}
        self._connections: dict[str, type[ConnectionType]] = {}
        self.problems: list[Problem] = []
        """Packages that could not be loaded, kinds registered twice."""

    def __iter__(self) -> Iterator[RegisteredNode]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, kind: str) -> RegisteredNode | None:
        return self._nodes.get(kind) or self._nodes.get(self._replaced.get(kind, ""))

    def connection_types(self) -> Mapping[str, type[ConnectionType]]:
        return dict(self._connections)

    def add_module(self, module: ModuleType, package: str) -> None:
        """Register every node and connection type defined in one module."""
        for value in vars(module).values():
            if not isinstance(value, type) or value.__module__ != module.__name__:
                continue
            if issubclass(value, Node) and value.kind and not inspect.isabstract(value):
                self._add(RegisteredNode(value, package))
            elif issubclass(value, ConnectionType) and value.type:
                self._connections[value.type] = value

    def _add(self, node: RegisteredNode) -> None:
        other = self._nodes.get(node.kind)
        if other is not None and other.node is not node.node:
            message = msg(
                "The node kind “{kind}” is registered by “{first}” and by “{second}”.",
                kind=node.kind,
                first=other.package,
                second=node.package,
            )
            self.problems.append(
                Problem("registry.twice", message, msg("Remove one of the two packages."), Place(node=node.kind))
            )
            return
        self._nodes[node.kind] = node
        for old in node.node.replaces:
            self._replaced[old] = node.kind

    def add_package(self, name: str) -> None:
        """Import a package with all its modules and register what they define; a package that fails becomes a problem."""
        try:
            package = importlib.import_module(name)
            self.add_module(package, name)
            for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
                if not info.name.rpartition(".")[2].startswith("_"):
                    self.add_module(importlib.import_module(info.name), name)
        except Exception as error:  # noqa: BLE001 - foreign code: whatever it raises must not take the studio down
            message = msg(
                "The node package “{package}” cannot be loaded: {error}",
                package=name,
                error=f"{type(error).__name__}: {error}",
            )
            self.problems.append(Problem("registry.broken", message, msg("Repair or uninstall the package.")))
            return
        locale = Path(inspect.getfile(package)).parent / "locale"
        if locale.is_dir():
            texts.add_catalogues(locale)


_registry: Registry | None = None


def registry() -> Registry:
    """The registry of this process, loaded once (0.2–0.3 s CPU with the standard nodes)."""
    global _registry
    if _registry is None:
        found = Registry()
        names = sorted({point.value.partition(":")[0] for point in importlib.metadata.entry_points(group=GROUP)})
        for name in names:
            found.add_package(name)
        _registry = found
    return _registry


def config_classes(node: type[Node[Any]]) -> Iterator[type[Config]]:
    """The config class of a node and every config class nested in it (for texts and reference pages)."""
    seen: set[type[Config]] = set()

    def walk(annotation: Any) -> Iterator[type[Config]]:
        if isinstance(annotation, type) and issubclass(annotation, Config) and annotation not in seen:
            seen.add(annotation)
            yield annotation
            for info in annotation.model_fields.values():
                yield from walk(info.annotation)
        for part in getattr(annotation, "__args__", ()):
            yield from walk(part)

    if hasattr(node, "Config"):
        yield from walk(node.Config)


def module_of(node: type[Node[Any]]) -> ModuleType:
    return sys.modules[node.__module__]
