"""Orders that a flow must declare: which of two writers of one target comes first, and by what rows are ordered where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tisserand.engine.resolve import Resolution, ResolvedNode
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg
from tisserand.workspace.folder import Environment, Workspace


def undeclared(resolution: Resolution) -> list[Problem]:
    """Nodes whose result depends on an order of the rows that nobody declares."""
    found = []
    for node in resolution.nodes.values():
        if node.role != "transform":
            continue
        instance: Any = node.node
        name = instance.needs_order(node.config)
        if name:
            message = msg("The result depends on the order of the rows, which is not declared.")
            fix = msg("Say in “{field}” by which columns to order.", field=name)
            place = Place(flow=resolution.flow.id, node=node.id, field=f"config.{name}")
            found.append(Problem("order.undeclared", message, fix, place, "warning"))
    return found


def colliding(resolution: Resolution, workspace: Workspace, environment: Environment) -> list[Problem]:
    """Writers of the same target of which nobody can say which comes last. Two that only add to it do not get in each other's way,
    and neither do two of which only one ever runs."""
    writers: dict[str, list[ResolvedNode]] = {}
    for node in resolution.nodes.values():
        if node.role == "writer" and not node.spec.disabled:
            target = _target(node, workspace, environment)
            if target is not None:
                writers.setdefault(target, []).append(node)
    found = []
    for target, nodes in writers.items():
        if len(nodes) == 1:
            continue
        for index, later in enumerate(nodes):
            behind = _behind(resolution, later.id)
            for earlier in nodes[:index]:
                both: Any = (earlier.node, later.node)
                if all(instance.adds(node.config) for instance, node in zip(both, (earlier, later), strict=True)):
                    continue
                before = _behind(resolution, earlier.id)
                if earlier.id in behind or later.id in before or _exclusive(resolution, earlier, before, later, behind):
                    continue
                message = msg("“{other}” writes “{target}” too, and nothing says which of the two comes first.",
                              other=earlier.id, target=target)  # fmt: skip
                fix = msg(
                    "Let one come after the other (“after: {{{other}: done}}”), or write to another place.", other=earlier.id
                )
                place = Place(flow=resolution.flow.id, node=later.id)
                found.append(Problem("order.targets", message, fix, place))
                break
    return found


def _target(node: ResolvedNode, workspace: Workspace, environment: Environment) -> str | None:
    instance: Any = node.node
    target = instance.target(node.config)
    if not isinstance(target, Path):
        return None if target is None else f"{target}"
    try:
        path = workspace.resolve(str(target), environment)
    except NodeError:
        return None  # outside the workspace: said elsewhere
    root = workspace.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _behind(resolution: Resolution, name: str) -> set[str]:
    """All nodes that have ended when a node runs."""
    found: set[str] = set()
    stack = [name]
    while stack:
        node = resolution.nodes.get(stack.pop())
        for source in _sources(node) if node is not None else ():
            if source not in found:
                found.add(source)
                stack.append(source)
    return found


def _sources(node: ResolvedNode) -> Iterator[str]:
    yield from (source for ports in node.inputs.values() for source, _ in ports)
    yield from node.spec.after


def _exclusive(
    resolution: Resolution, one: ResolvedNode, before_one: set[str], other: ResolvedNode, before_other: set[str]
) -> bool:
    """Whether at most one of two nodes runs: they hang on different ways of one decision, or on one node's good and bad end."""
    mine, theirs = _ways(resolution, one, before_one), _ways(resolution, other, before_other)
    return any(not mine[node] & theirs[node] for node in mine.keys() & theirs.keys())


def _ways(resolution: Resolution, node: ResolvedNode, before: set[str]) -> dict[str, frozenset[str]]:
    """Node → the ways out of it (ports of a decision; done, failed) of which one must be taken for a node to run."""
    found: dict[str, set[str]] = {}
    for name in (node.id, *before):
        behind = resolution.nodes.get(name)
        if behind is None:
            continue
        for ports in behind.inputs.values():
            for source, port in ports:
                if getattr(resolution.nodes[source].node, "one_way", False):
                    found.setdefault(source, set()).add(port)
        for source, condition in behind.spec.after.items():
            if condition != "always":
                found.setdefault(f"after {source}", set()).add(condition)
    return {name: frozenset(ways) for name, ways in found.items()}
