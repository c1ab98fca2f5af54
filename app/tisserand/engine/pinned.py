"""Pinned nodes: a Parquet file stands for what the node gives first; the node itself does not run, and neither does what only it needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import types
from tisserand.engine.resolve import Resolution, ResolvedNode
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import Discovery
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.engine.run import FlowRun


def pinned_file(run: FlowRun, node: ResolvedNode) -> Path:
    """The file of a pinned node; raises `NodeError` where there is none that could be read."""
    text = str(node.spec.pinned)
    path = run.workspace.resolve(text, run.environment)
    if path.suffix != ".parquet":
        raise NodeError("A pinned file must be a Parquet file: “{path}” is not.", field="pinned", path=text)
    if not path.is_file():
        raise NodeError("There is no file “{file}”.", field="pinned", file=text)
    return path


def columns(run: FlowRun, node: ResolvedNode) -> Discovery:
    """What the pinned file holds, as if the node had been looked at."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = pinned_file(run, node)
    rows = [out.name for out in node.outputs if out.kind == "rows"]
    if not rows:
        raise NodeError("Only a node that gives rows can be pinned.", fix="Switch the node off instead.", field="pinned")
    missing = next((name for name in rows[1:] if _wanted(run, node.id, name)), None)
    if missing is not None:
        raise NodeError(
            "A pinned file stands for the output “{first}” only, but “{other}” is connected too.", field="pinned",
            first=rows[0], other=missing,
        )  # fmt: skip
    try:
        return Discovery(types.from_arrow(pq.read_schema(path)))
    except (pa.ArrowInvalid, OSError):
        raise NodeError("“{file}” is not a Parquet file.", field="pinned", file=str(node.spec.pinned)) from None


def batches(run: FlowRun, node: ResolvedNode) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    yield from pq.ParquetFile(pinned_file(run, node)).iter_batches()


def _wanted(run: FlowRun, node: str, port: str) -> bool:
    return any(ref.node == node and ref.port == port for other in run.flow.nodes.values() for _, ref in other.refs())


def needless(resolution: Resolution) -> dict[str, Message]:
    """Nodes whose rows only pinned nodes would need, and why they do not run. Those with an effect do."""
    found: dict[str, Message] = {}
    users: dict[str, list[str]] = {}
    for name, spec in resolution.flow.nodes.items():
        for _, ref in spec.refs():
            users.setdefault(ref.node, []).append(name)
    awaited = {source for node in resolution.nodes.values() for source in node.spec.after}
    for node in reversed(resolution.nodes.values()):
        using = users.get(node.id, [])
        pinned = next((name for name in using if resolution.flow.nodes[name].pinned is not None), None)
        instance: Any = node.node
        harmless = node.role in ("reader", "transform", "isolated") or (node.role == "step" and instance.repeats(node.config))
        idle = using and all(name in found or resolution.flow.nodes[name].pinned is not None for name in using)
        if idle and harmless and node.id not in awaited:
            because = pinned or using[0]
            found[node.id] = msg("“{node}” is pinned and does not need its rows.", node=because) if pinned else found[because]
    return found
