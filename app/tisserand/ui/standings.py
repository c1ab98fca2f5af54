"""What each card shows of its state: the last run where it still counts, else whether the node can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tisserand.model.flow import Flow, Node
from tisserand.model.problem import Problem
from tisserand.ui.canvas.state import READY, WRONG, Standing, standing
from tisserand.ui.kinds import Kinds


class Standings:
    """Keeps the last run and the last problems of one flow."""

    def __init__(self) -> None:
        self.run: str | None = None
        self.infos: Mapping[str, Any] = {}
        self._ran: Flow | None = None

    def forget(self) -> None:
        self.run, self.infos, self._ran = None, {}, None

    def begin(self, flow: Flow) -> None:
        """A run of this flow starts."""
        self.run, self.infos, self._ran = None, {}, flow

    def fresh(self, flow: Flow, id: str) -> bool:
        """Whether what the run said of a node still holds: the node was not changed since."""
        return self._ran is not None and self._ran.nodes.get(id) is flow.nodes.get(id)

    def done(self, flow: Flow, id: str) -> bool:
        """Whether the run left rows of this node to look at."""
        info = self.infos.get(id)
        return info is not None and info.state == "done"

    def of(self, flow: Flow, problems: Sequence[Problem]) -> dict[str, Standing]:
        wrong = {problem.place.node for problem in problems if problem.severity == "error"}
        found: dict[str, Standing] = {}
        for id in flow.nodes:
            info = self.infos.get(id)
            if info is not None and self.fresh(flow, id):
                found[id] = standing(info)
            else:
                found[id] = WRONG if id in wrong else READY
        return found


class QuickCheck:
    """What a look at the configs alone finds, at once: shown until the executor has checked the whole flow."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._known: dict[str, tuple[Node, list[Problem]]] = {}
        """Node → its value and what was found: a node that did not change is not looked at again."""

    def problems(self, flow: Flow, workspace: str) -> list[Problem]:
        values: dict[str, Any] = {name: parameter.default for name, parameter in flow.parameters.items()}
        values["workspace"] = workspace
        found: list[Problem] = []
        for id, node in flow.nodes.items():
            kept = self._known.get(id)
            if kept is None or kept[0] is not node:
                type = self._kinds.get(node.kind)
                problems = type.check_config(node.config, values) if type is not None else []
                # A name that only the environment knows is no problem here.
                kept = self._known[id] = (node, [p.at(node=id) for p in problems if p.code != "config.template"])
            found.extend(kept[1])
        return found
