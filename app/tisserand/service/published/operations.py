"""What a flow answers: each of its requests with the reply behind it, and whether that needs a run of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tisserand.engine.resolve import Port, Resolution, ResolvedNode
from tisserand.model.flow import Flow
from tisserand.model.graph import upstream
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Schema
from tisserand.texts import Message, msg

REQUEST = "trigger.request"
REPLY = "flow.reply"

LARGE = 256_000_000
"""Bytes of a source up to which its rows are held in memory; a larger one is read anew for each request."""

_BRACES = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Operation:
    """One request of a flow, with its reply."""

    node: str
    request: Any
    """The settings of the Request."""
    event: Schema
    reply: str
    answer: Any
    """The settings of the Reply."""
    source: Port
    """Where the rows of the answer come from."""
    columns: Schema
    way: Literal["direct", "run"]
    """Worked out by the process that answers, or by a run of the flow."""
    why: tuple[Problem, ...] = ()
    """What makes it a run."""
    takes: tuple[str, ...] = ()
    """The parameters of the flow that take their values from the request."""

    @property
    def name(self) -> str:
        """`GET /orders/{id}`."""
        return f"{self.request.method} {self.request.path}"

    def to_json(self) -> dict[str, Any]:
        """As `Suitability.operations` has it. A parameter also has its `column`, the body is a list of values, of which `array` says
        whether the JSON is a list of them."""
        parameters = [{**each.model_dump(mode="json"), "column": each.named} for each in self.request.parameters]
        return {
            "node": self.node,
            "method": self.request.method,
            "path": self.request.path,
            "parameters": parameters,
            "body": [each.model_dump(mode="json") for each in self.request.body],
            "array": self.request.array,
            "largest": self.request.largest.bytes,
            "reply": self.columns.to_json(),
            "reply_node": self.reply,
            "form": self.answer.form,
            "status": self.answer.status,
            "missing": self.answer.missing,
            "way": self.way,
        }


def operations(resolution: Resolution) -> tuple[list[Operation], list[Problem]]:
    """The operations of a flow that has no errors of its own, and what keeps it from answering."""
    flow = resolution.flow
    requests = [node for node in resolution.nodes.values() if node.type.kind == REQUEST and not node.spec.disabled]
    replies = [node for node in resolution.nodes.values() if node.type.kind == REPLY and not node.spec.disabled]
    problems = [*_alone(flow, requests, replies), *_twice(requests), *_asking(flow)]
    behind = {reply.id: _before(resolution, reply.id) for reply in replies}
    found = []
    for request in requests:
        mine = [reply for reply in replies if request.id in behind[reply.id]]
        if not mine and replies:
            problems.append(_problem("published.no_reply", msg("No reply stands behind this request."), request.id))
        if len(mine) > 1:
            message = msg("Several replies stand behind this request: {replies}.", replies=[reply.id for reply in mine])
            problems.append(_problem("published.replies", message, request.id, msg("Bring their rows together into one.")))
        if len(mine) == 1:
            found.append(_operation(resolution, request, mine[0], behind[mine[0].id]))
    for reply in replies:
        askers = [request.id for request in requests if request.id in behind[reply.id]]
        if len(askers) > 1:
            message = msg("This reply stands behind several requests: {requests}.", requests=askers)
            problems.append(_problem("published.requests", message, reply.id, msg("Give each request its own reply.")))
        if not askers and requests:
            problems.append(_problem("published.no_request", msg("This reply stands behind no request."), reply.id))
    return found, problems


def _operation(resolution: Resolution, request: ResolvedNode, reply: ResolvedNode, before: frozenset[str]) -> Operation:
    source = reply.inputs["table"][0]
    takes = tuple(sorted(set(resolution.flow.parameters) & set(request.schemas["event"].names)))
    why = [
        *_effects(resolution, request, reply, before),
        *(problem for name in sorted(before) for problem in _slow(resolution.nodes[name])),
        *_given(request, takes),
    ]
    return Operation(
        request.id,
        request.config,
        request.schemas["event"],
        reply.id,
        reply.config,
        source,
        resolution.nodes[source[0]].schemas[source[1]],
        "run" if why else "direct",
        tuple(why),
        takes,
    )


def _before(resolution: Resolution, node: str) -> frozenset[str]:
    """The nodes that the rows of a node come from."""
    return frozenset(name for name in upstream(resolution.flow, node) if name in resolution.nodes) - {node}


def _effects(resolution: Resolution, request: ResolvedNode, reply: ResolvedNode, before: frozenset[str]) -> Iterator[Problem]:
    """The nodes that do more than work out rows, of those that a request sets going."""
    for node in resolution.nodes.values():
        if node.spec.disabled or node.id in (request.id, reply.id):
            continue
        behind = request.id in _before(resolution, node.id)
        if not behind and node.id not in before:
            continue
        plain = node.role == "transform" or (node.role == "reader" and not behind)
        if plain and (node.spec.after or node.spec.on_error in ("continue", "route")):
            yield _warning(
                "published.order", msg("This node has rules of its own for order or errors, which only a run keeps."), node
            )
        elif not plain:
            yield _warning("published.effects", _EFFECTS.get(node.role, _OUTSIDE), node)


_OUTSIDE = msg("This node reaches outside: each request becomes a run, which takes time.")
_EFFECTS: Mapping[str, Message] = {
    "control": msg("This node may wait, or start other flows: each request becomes a run, which takes time."),
    "writer": msg("This node writes: each request becomes a run, so that nothing is written twice or lost."),
    "isolated": msg("SQL of one’s own runs apart from everything else: each request becomes a run, which takes time."),
}


def _slow(node: ResolvedNode) -> Iterator[Problem]:
    """A source whose rows cannot be held ready."""
    if node.spec.pinned is not None:
        yield _warning("published.pinned", msg("A file stands for what this node gives."), node)
    elif node.role == "reader" and not ready(node):
        message = msg("This source cannot be held ready: each request becomes a run that reads it, however long that takes.")
        yield _warning("published.source", message, node)


def ready(node: ResolvedNode) -> bool:
    """Whether a source is known to change only with its files, or never."""
    instance: Any = node.node
    if not instance.harmless(node.config):
        return False
    return bool(instance.columns_in_settings or (node.type.kind.startswith("file.read") and hasattr(node.config, "path")))


def _given(request: ResolvedNode, names: tuple[str, ...]) -> Iterator[Problem]:
    if names:
        message = msg(
            "Parameters of the flow take their values from the request: {names}. Only a run does that.", names=list(names)
        )
        yield _warning("published.parameters", message, request)


def _alone(flow: Flow, requests: list[ResolvedNode], replies: list[ResolvedNode]) -> Iterator[Problem]:
    if not requests:
        yield Problem(
            "published.no_request",
            msg("The flow has no request."),
            msg("Add a “Request”, where rows come in."),
            Place(flow=flow.id),
        )
    if not replies:
        yield Problem(
            "published.no_reply", msg("The flow has no reply."), msg("Add a “Reply”, where rows go back."), Place(flow=flow.id)
        )


def _twice(requests: list[ResolvedNode]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for request in requests:
        key = (request.config.method, _BRACES.sub("{}", request.config.path))
        other = seen.setdefault(key, request.id)
        if other != request.id:
            message = msg("“{operation}” is answered by “{node}” already.", operation=" ".join(key), node=other)
            yield _problem("published.twice", message, request.id, msg("Choose another path or method."))


def _asking(flow: Flow) -> Iterator[Problem]:
    """Parameters of the flow that nobody is there to fill in."""
    for name, parameter in flow.parameters.items():
        if parameter.required and parameter.default is None:
            message = msg("The parameter “{name}” needs a value, and nobody is there to give it.", name=name)
            place = Place(flow=flow.id, field=f"parameters.{name}")
            yield Problem("published.parameter", message, msg("Give it a default, or make it a value of the request."), place)


def _problem(code: str, message: Message, node: str, fix: Message | None = None) -> Problem:
    return Problem(code, message, fix, Place(node=node))


def _warning(code: str, message: Message, node: ResolvedNode) -> Problem:
    return Problem(code, message, None, Place(node=node.id), "warning")
