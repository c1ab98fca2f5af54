"""Checking a flow against the registered nodes: kinds, ports, wires, settings, names; every problem at once, each with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tisserand.model.flow import Flow, Node, Ref
from tisserand.model.graph import cycles, undoing
from tisserand.model.growth import growing
from tisserand.model.nodetype import Catalog, NodeType
from tisserand.model.problem import Place, Problem, Severity
from tisserand.model.yamltext import Positions
from tisserand.texts import Message, msg

PARAMETERS = "parameters"
"""In a business key, the place of a node: `parameters.order` is the value of the parameter `order`."""


@growing()
def check_flow(
    flow: Flow,
    catalog: Catalog,
    positions: Positions | None = None,
    values: Mapping[str, Any] | None = None,
    file: str | None = None,
) -> list[Problem]:
    """All structural problems. `values` are the names, with typical values, that `{{ name }}` and `$name` may use."""
    found: list[Problem] = []
    for node in flow.nodes.values():
        kind = catalog.get(node.kind)
        if kind is None:
            found.append(_unknown_kind(node, catalog))
        else:
            found += (problem.at(node=node.id) for problem in _node(flow, node, kind, catalog, values or {}))
    found += _routes(flow, catalog)
    found += _cycles(flow)
    found += _undoing(flow)
    found += _marks(flow)
    return [_placed(problem.at(flow=flow.id, file=file), positions) for problem in found]


def _undoing(flow: Flow) -> Iterator[Problem]:
    back = undoing(flow)
    for node in flow.nodes.values():
        for source, condition in node.after.items():
            if condition == "undo" and source in back:
                message = msg("“{source}” itself only undoes what others did: it cannot be undone.", source=source)
                yield _problem("after.undo", message, msg("Name a node of the normal course."), f"after.{source}").at(
                    node=node.id
                )


def _placed(problem: Problem, positions: Positions | None) -> Problem:
    if positions is None or problem.place.line is not None:
        return problem
    place = positions.of(problem.place.node, problem.place.field)
    return problem.at(line=place[0], column=place[1]) if place else problem


def _problem(code: str, message: Message, fix: Message | None, field: str | None = None, severity: Severity = "error") -> Problem:
    return Problem(code, message, fix, Place(field=field), severity)


def _near(name: str, known: Iterable[str]) -> Message:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    return msg("Did you mean “{near}”?", near=close[0]) if close else msg("Known here: {known}.", known=names[:20] or ["–"])


def _unknown_kind(node: Node, catalog: Catalog) -> Problem:
    message = msg("There is no node kind “{kind}”.", kind=node.kind)
    close = difflib.get_close_matches(node.kind, [kind.kind for kind in catalog], 1)
    fix = (
        msg("Did you mean “{near}”?", near=close[0])
        if close
        else msg("Install the package that brings it, or choose another node.")
    )
    return Problem("kind.unknown", message, fix, Place(node=node.id, field="kind"))


def _node(flow: Flow, node: Node, kind: NodeType, catalog: Catalog, values: Mapping[str, Any]) -> Iterator[Problem]:
    if node.version > kind.version:
        message = msg(
            "The node was made with version {made} of its type; version {here} is installed.",
            made=node.version,
            here=kind.version,
        )
        yield _problem("kind.newer", message, msg("Update the package that brings it."), "version")
        return
    yield from _inputs(flow, node, kind, catalog)
    for source in node.after:
        if source not in flow.nodes:
            yield _problem(
                "after.unknown", msg("There is no node “{node}”.", node=source), _near(source, flow.nodes), f"after.{source}"
            )
    raw = kind.migrate(dict(node.config), node.version)
    yield from kind.check_config(raw, values)


def _routes(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    """`on_error: route` needs somebody who takes the errors."""
    taken: set[tuple[str, str | None]] = {(ref.node, ref.port) for node in flow.nodes.values() for _, ref in node.refs()}
    for node in flow.nodes.values():
        kind = catalog.get(node.kind)
        if node.on_error != "route" or kind is None:
            continue
        outputs = kind.outputs_for(node.config)
        rejects = next((out.name for out in outputs if out.kind == "rejects"), None)
        if rejects is None:
            message = msg("The node has no port that its errors could be routed to.")
            fix = msg("Choose “continue” or “stop”, or let another node come after it when it fails.")
        elif (node.id, rejects) in taken or (outputs[0].name == rejects and (node.id, None) in taken):
            continue
        else:
            message = msg("Errors are routed to the port “{port}”, but no node takes them from there.", port=rejects)
            fix = msg("Connect the port, for example to a file, or choose “continue”.")
        yield Problem("on_error.route", message, fix, Place(node=node.id, field="on_error"), "warning")


def _inputs(flow: Flow, node: Node, kind: NodeType, catalog: Catalog) -> Iterator[Problem]:
    ports = {port.name: port for port in kind.inputs}
    for name, refs in node.inputs.items():
        field = f"inputs.{name}"
        if name not in ports:
            yield _problem("input.unknown", msg("The node has no input “{input}”.", input=name), _near(name, ports), field)
            continue
        if len(refs) > 1 and not ports[name].many:
            yield _problem(
                "input.many",
                msg("The input “{input}” takes one source.", input=name),
                msg("Unite them first with “Union”."),
                field,
            )
        for ref in refs:
            yield from _ref(flow, ref, catalog, field)
    for port in kind.inputs:
        if not port.optional and not node.inputs.get(port.name):
            yield _problem(
                "input.missing",
                msg("The input “{input}” is not connected.", input=port.name),
                msg("Connect a node to it."),
                "inputs",
            )


def _ref(flow: Flow, ref: Ref, catalog: Catalog, field: str) -> Iterator[Problem]:
    source = flow.nodes.get(ref.node)
    if source is None:
        yield _problem("ref.unknown", msg("There is no node “{node}”.", node=ref.node), _near(ref.node, flow.nodes), field)
        return
    kind = catalog.get(source.kind)
    if kind is None:
        return
    names = [out.name for out in kind.outputs_for(source.config)]
    if ref.port is not None and ref.port not in names:
        message = msg("The node “{node}” has no output “{port}”.", node=ref.node, port=ref.port)
        yield _problem("port.unknown", message, _near(ref.port, names), field)
    elif ref.port is None and not names:
        yield _problem("port.none", msg("The node “{node}” gives no rows.", node=ref.node), None, field)
    if source.disabled:
        message = msg("“{node}” is switched off, so nothing arrives here.", node=ref.node)
        yield _problem("ref.disabled", message, msg("Switch it on, or switch this node off too."), field, "warning")


def _cycles(flow: Flow) -> Iterator[Problem]:
    for cycle in cycles(flow):
        message = msg("The nodes feed each other in a circle: {nodes}.", nodes=" → ".join((*cycle, cycle[0])))
        yield Problem("flow.cycle", message, msg("Remove one of these wires."), Place(node=cycle[0], field="inputs"))


def _marks(flow: Flow) -> Iterator[Problem]:
    """Business keys, frames, notes and the layout name what is not there."""
    for name, target in flow.keys.items():
        at, _dot, column = target.partition(".")
        if at == PARAMETERS and at not in flow.nodes and column in flow.parameters:
            continue
        if at not in flow.nodes:
            message = msg("The business key “{key}” names “{target}”, but there is no such node.", key=name, target=target)
            yield Problem("key.unknown", message, _near(at, flow.nodes), Place(field=f"keys.{name}"))
    named = [(held, f"frames.{frame.id}") for frame in flow.frames.values() for held in frame.holds]
    named += [(note.near, f"notes.{note.id}") for note in flow.notes.values() if note.near]
    known = {*flow.nodes, *flow.frames, *flow.notes}
    named += [(place, f"layout.{place}") for place in flow.layout if place not in known]
    for target, field in named:
        if target not in known:
            message = msg("“{field}” names “{node}”, but there is no such node.", field=field.partition(".")[0], node=target)
            yield Problem("mark.unknown", message, msg("Remove the name."), Place(field=field), "warning")
