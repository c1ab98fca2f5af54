"""The triggers of a flow file, ready to listen, and the stamp that tells when they must be read anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tisserand.engine.values import typical_values
from tisserand.model import units
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.timed import Timed
from tisserand.service.protocol import Refused
from tisserand.workspace.folder import MARKER, Workspace
from tisserand.workspace.settings import settings

if TYPE_CHECKING:
    from tisserand.model.flow import Flow, Node
    from tisserand.sdk.node import Trigger

BY_HAND = "trigger.manual"


class InboxSettings(Config):
    """`executor: inbox:` of `tisserand.yaml`."""

    most_waiting: int = 100_000
    """So many events of a flow may wait; then its triggers take no more until some are done."""


def most_waiting(workspace: Workspace) -> int:
    return settings(workspace, "inbox", InboxSettings).most_waiting


@dataclass(frozen=True)
class Listener:
    """One trigger node of a flow, its config read."""

    flow: Flow
    spec: Node
    node: Trigger[Any]
    config: Any

    @property
    def attempts(self) -> int:
        """How many runs an event may have before it is given up: `retry` of the node."""
        return self.spec.retry.attempts if self.spec.retry else 1

    def pause(self, failed: int) -> float:
        """Seconds to wait after the run that failed as number `failed`."""
        retry = self.spec.retry
        return units.seconds(retry.wait) * retry.factor ** (failed - 1) if retry else 0.0

    @property
    def at_once(self) -> int:
        """How many runs of the flow may be under way for events: one keeps their order."""
        return int(getattr(self.config, "at_once", 1))


def stamp(root: Path, file: str) -> tuple[int, ...]:
    """Another one after every change of what a listener depends on: the flow, the workspace, its connections and environments."""
    paths = [root / file, root / MARKER, root / "connections.yaml", *sorted((root / "environments").glob("*.yaml"))]
    return tuple(_changed(path) for path in paths)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def read(root: Path, file: str) -> Flow:
    """The flow of a file; raises `Refused` with what is wrong, `OSError` where there is none."""
    reading = read_flow((root / file).read_text(encoding="utf-8"), file)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if reading.flow is None or errors:
        raise Refused(errors)
    return reading.flow


def nodes_of(flow: Flow) -> list[Node]:
    """The nodes that events arrive for; raises `NodeError` where nothing starts the flow by itself."""
    from tisserand.sdk.registry import registry

    known = registry()
    found, timed = [], False
    for node in flow.nodes.values():
        kind = known.get(node.kind)
        if kind is None or kind.role != "trigger" or kind.kind == BY_HAND or node.disabled:
            continue
        if issubclass(kind.node, Timed):  # nothing arrives for it: the schedules start its flow
            timed = True
        else:
            found.append(node)
    if not found and not timed:
        raise NodeError(
            "The flow “{flow}” has nothing that starts it by itself.", flow=flow.id, fix="Add a node like “Watch a folder”."
        )
    return found


def listener(workspace: Workspace, flow: Flow, spec: Node) -> Listener:
    """A trigger node with its config; raises `Refused` where that is wrong."""
    from tisserand.sdk.registry import registry

    found = registry().get(spec.kind)
    assert found is not None
    environment = workspace.environment(None)
    values = {**workspace.values(environment), "env": environment.name, **typical_values(flow)}
    raw = found.migrate(dict(spec.config), spec.version)
    wrong = found.check_config(raw, values)
    if wrong:
        raise Refused([problem.at(node=spec.id) for problem in wrong])
    return Listener(flow, spec, cast("Trigger[Any]", found.node()), found.read_config(raw, values))
