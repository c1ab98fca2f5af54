"""Lifts older flow files to the current format, and older configs of nodes to the current version of their type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tisserand.model.flow import FORMAT_VERSION, Flow, Node
from tisserand.model.nodetype import Catalog

Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: dict[int, Migration] = {}
"""Format version → a function from the plain data of that version to the data of the next. Version 1 is the first."""


def lift(data: dict[str, Any], version: int) -> dict[str, Any] | None:
    """The data of a file of `version` as the current format has it; None where no way leads there."""
    while version < FORMAT_VERSION:
        step = MIGRATIONS.get(version)
        if step is None:
            return None
        data = {**step(dict(data)), "tisserand": version + 1}
        version += 1
    return data


def lift_node(node: Node, catalog: Catalog) -> Node:
    """The node with its config lifted to the registered version of its kind (and its kind renamed, where it was replaced)."""
    type = catalog.get(node.kind)
    if type is None or (node.version >= type.version and node.kind == type.kind):
        return node
    if node.version >= type.version:
        return replace(node, kind=type.kind)
    config = type.migrate(dict(node.config), node.version)
    return replace(node, kind=type.kind, version=type.version, config=config)


def lift_nodes(flow: Flow, catalog: Catalog) -> Flow:
    """The flow with every node lifted; the same flow where nothing was old."""
    nodes = {id: lift_node(node, catalog) for id, node in flow.nodes.items()}
    return flow if all(nodes[id] is node for id, node in flow.nodes.items()) else replace(flow, nodes=nodes)
