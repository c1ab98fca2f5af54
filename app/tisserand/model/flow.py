"""A flow as a value: nodes, references between their ports, parameters, limits, frames, notes, layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FORMAT_VERSION = 1

OnError = Literal["stop", "continue", "route"]
After = Literal["done", "failed", "always", "undo"]
"""When a node runs that comes after another: `undo` when the run is cancelled after the other was done."""
Overlap = Literal["skip", "queue", "replace"]
Priority = Literal["low", "normal", "high"]
ParameterType = Literal["text", "integer", "number", "boolean", "date", "timestamp", "choice", "file", "folder"]


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One output port of one node; `port` is None where the file leaves it to the node's default (its first) output."""

    node: str
    port: str | None = None

    def __str__(self) -> str:
        return self.node if self.port is None else f"{self.node}.{self.port}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        node, dot, port = text.partition(".")
        return cls(node, port if dot else None)


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a node again when it fails: `attempts` in all, the first pause `wait` (a duration text), each next `factor` times longer."""

    attempts: int = 1
    wait: str = "10s"
    factor: float = 2.0


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a flow, with everything that is about it but its place on the canvas."""

    id: str
    kind: str
    version: int = 1
    title: str | None = None
    inputs: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    """Input port → where its data comes from; several references where the port takes many."""
    many: frozenset[str] = frozenset()
    """The inputs that the file wrote as a list, so that a list of one stays a list."""
    after: Mapping[str, After] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry | None = None
    on_error: OnError | None = None
    timeout: str | None = None
    disabled: bool = False
    pinned: str | None = None
    """A data file used instead of running the node."""
    breakpoint: bool = False
    """Where a debugger stops; a run without one goes on."""

    def refs(self) -> Iterator[tuple[str, Ref]]:
        """Every (input port, reference) in the order of the file."""
        for port, refs in self.inputs.items():
            for ref in refs:
                yield port, ref


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value asked for when the flow starts; used as `$name` in formulas and `{{ name }}` in texts."""

    name: str
    type: ParameterType = "text"
    default: Any = None
    required: bool = False
    title: str | None = None
    help: str | None = None
    unit: str | None = None
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    memory: str | None = None
    """Peak resident memory of the worker, for example `1GB`."""
    timeout: str | None = None
    overlap: Overlap | None = None
    """What happens to a run that begins while another of the flow is under way; it does not run, waits,
    or takes its place. Where nothing is said, they run side by side."""
    priority: Priority | None = None
    """Which of the runs that are queued begins first."""


@dataclass(frozen=True, slots=True)
class Frame:
    id: str
    title: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    id: str
    text: str = ""
    near: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow. Values only: every change makes a new flow (see `edit`)."""

    id: str
    title: str = ""
    summary: str = ""
    owner: str | None = None
    tags: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Business keys: name → `node.column`, searchable across runs."""
    limits: Limits = Limits()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    frames: Mapping[str, Frame] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    layout: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Node, note or frame id → its place on the canvas in scene units."""


@dataclass(frozen=True, slots=True)
class In:
    """An input port. `many` takes several edges; `optional` may stay unconnected."""

    name: str
    title: str = ""
    many: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Out:
    """An output port. `kind` tells rows of the normal course from a port for rejected rows or for a writer's one-row result."""

    name: str
    title: str = ""
    kind: Literal["rows", "rejects", "result"] = "rows"
