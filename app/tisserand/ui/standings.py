"""What each card shows of its state: the last run where it still counts, else whether the node can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tisserand.model.flow import Flow, Node
from tisserand.model.graph import order
from tisserand.model.problem import Problem
from tisserand.ui.canvas.state import ATTENTION, READY, STOPPED, WRONG, Standing, standing

MISSING = {"config.missing", "input.missing"}
"""Codes of what has not been filled in yet: no mistake, only unfinished."""


class Standings:
    """Keeps the last run and the last problems of one flow."""

    def __init__(self) -> None:
        self.run: str | None = None
        self.infos: Mapping[str, Any] = {}
        self._ran: Flow | None = None
        self.over = False
        """Whether the run has ended: what is said to be running then was stopped."""

    def take_over(self, other: Standings) -> None:
        """Know what another knew."""
        self.run, self.infos, self._ran, self.over = other.run, other.infos, other._ran, other.over

    def forget(self) -> None:
        self.run, self.infos, self._ran, self.over = None, {}, None, False

    def begin(self, flow: Flow) -> None:
        """A run of this flow starts."""
        self.run, self.infos, self._ran, self.over = None, {}, flow, False

    def resume(self, flow: Flow) -> None:
        """The run goes on with this flow: what it did and what still holds, the executor knows."""
        self._ran, self.over = flow, False

    def end(self, error: Problem | None) -> None:
        """The run is over. What went wrong before a node began is still told at the node that it names."""
        from tisserand.service.protocol import NodeInfo

        self.over = True
        id = error.place.node if error is not None else None
        if id is not None and not any(info.state == "failed" for info in self.infos.values()):
            self.infos = {**self.infos, id: NodeInfo("failed", error=error)}

    def fresh(self, flow: Flow, id: str) -> bool:
        """Whether what the run said of a node still holds: what the node does was not changed since."""
        return self._ran is not None and _same(self._ran.nodes.get(id), flow.nodes.get(id))

    def stale(self, flow: Flow) -> set[str]:
        """What stands behind a node that was changed after it ran: its rows are those of before the change."""
        if not self.over or all(self.fresh(flow, id) for id in self.infos):
            return set()
        found: set[str] = set()
        changed: set[str] = set()
        for id in order(flow):
            if any(ref.node in changed for _port, ref in flow.nodes[id].refs()):
                changed.add(id)
                found.add(id)
            elif not self.fresh(flow, id):
                changed.add(id)
        return found

    def done(self, flow: Flow, id: str) -> bool:
        """Whether the run left rows of this node to look at."""
        info = self.infos.get(id)
        return info is not None and info.state == "done"

    def problems(self, flow: Flow) -> list[Problem]:
        """What failed in the run, as far as its nodes are still what they were."""
        failed = [(id, info.error) for id, info in self.infos.items() if info.error is not None and info.state == "failed"]
        return [error.at(node=id) for id, error in failed if id in flow.nodes and self.fresh(flow, id)]

    def of(self, flow: Flow, problems: Sequence[Problem], group: Callable[[str], str]) -> dict[str, Standing]:
        wrong: dict[str | None, Standing] = {}
        for problem in problems:
            if problem.severity == "error":
                missing = problem.code in MISSING
                wrong[problem.place.node] = WRONG if missing else wrong.get(problem.place.node, ATTENTION)
        found: dict[str, Standing] = {}
        stale = self.stale(flow)
        for id in flow.nodes:
            info = self.infos.get(id)
            if info is not None and self.over and info.state in {"running", "waiting"}:
                found[id] = STOPPED if info.state == "running" else wrong.get(id, READY)
            elif info is not None and self.fresh(flow, id):
                written = self._written(flow, id) if info.state == "done" and group(flow.nodes[id].kind) == "write" else None
                now = standing(info, written)
                found[id] = Standing("stale", now.detail) if id in stale and info.state == "done" else now
            else:
                found[id] = wrong.get(id, READY)
        return found

    def _written(self, flow: Flow, id: str) -> int | None:
        """The rows that went into a writer: what it did, where its own output is only a report of one row."""
        counts: list[int] = []
        for _port, ref in flow.nodes[id].refs():
            info = self.infos.get(ref.node)
            if info is None or not info.rows:
                return None
            count = info.rows.get(ref.port) if ref.port else next(iter(info.rows.values()))
            if count is None:
                return None
            counts.append(count)
        return sum(counts) if counts else None


def _same(one: Node | None, other: Node | None) -> bool:
    """Whether two values of a node do the same; how it is called and where the debugger stops has no part in that."""
    if one is None or other is None or one is other:
        return one is other
    return replace(one, title=None, breakpoint=False) == replace(other, title=None, breakpoint=False)
