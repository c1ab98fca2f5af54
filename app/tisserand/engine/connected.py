"""Whether the connections that a flow names are there and of a kind that its nodes can use; asks no system and no keyring."""

from __future__ import annotations

from collections.abc import Iterator

from tisserand.engine.resolve import Resolution, ResolvedNode
from tisserand.model.problem import Place, Problem
from tisserand.sdk.fields import Connection
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Environment


def unconnected(resolution: Resolution, connections: Connections, environment: Environment) -> list[Problem]:
    """A problem for every node that names a connection which is not there, is wrong, or is of another type."""
    found = []
    for node in resolution.nodes.values():
        if node.spec.disabled:
            continue
        for field, name in _named(node):
            problem = connections.fault(name, type(name).types, environment)
            if problem is not None:
                place = Place(flow=resolution.flow.id, node=node.id, field=f"config.{field}")
                found.append(Problem(problem.code, problem.message, problem.fix, place))
    return found


def _named(node: ResolvedNode) -> Iterator[tuple[str, Connection]]:
    for field, value in node.config:
        if isinstance(value, Connection) and value:
            yield field, value
