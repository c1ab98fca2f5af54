"""Files that another node of the same run may write: a reader that comes after a node looks at its file again when its turn comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tisserand.engine.context import NodeContext
from tisserand.engine.control import Stop
from tisserand.engine.plan import Unit
from tisserand.engine.resolve import ResolvedNode
from tisserand.model.lock import drift
from tisserand.sdk.errors import NodeError

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun


def look_again(run: FlowRun, unit: Unit, stop: Stop) -> None:
    """Take the files of the readers of a unit as they are now. Their columns must be those that the run was planned with; raises
    `NodeError` otherwise."""
    for name in (*unit.covers, unit.node):
        node = run.resolution.nodes[name]
        if node.role == "reader" and node.spec.after and run.scans.get(name) is not None:
            with run.look_lock:
                if name not in run.looked:
                    _look(run, node, stop)
                    run.looked.add(name)


def _look(run: FlowRun, node: ResolvedNode, stop: Stop) -> None:
    from tisserand.sdk.scan import fingerprint

    instance: Any = node.node
    before = run.scans[node.id]
    if before is None or fingerprint(before.paths) == run.fingerprints[node.id]:
        return
    context = NodeContext(run, node, stop)
    found = instance.discover(context, node.config)
    planned = node.schemas[node.outputs[0].name]
    changes = drift(planned, found.schema)
    if changes is not None:
        raise NodeError(
            "“{node}” reads a file that was written during the run, with other columns than before: {changes}.",
            fix="Run the flow once more: it is then planned with these columns.",
            node=node.id, changes=changes,
        )  # fmt: skip
    node.found = found
    scan = run.scans[node.id] = instance.scan(context, node.config, found)
    run.fingerprints[node.id] = fingerprint(scan.paths)
    if not scan.rejects:
        run.bases[node.id, node.outputs[0].name] = scan
    run.note(node.id, "source.looked", {"fingerprint": run.fingerprints[node.id]})
