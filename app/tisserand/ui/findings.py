"""What is wrong with the open flow: from a look at the settings, from the executor's check, and from the last run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tisserand.model.flow import Flow, Node
from tisserand.model.problem import Problem
from tisserand.model.schema import Schema
from tisserand.ui.kinds import Kinds
from tisserand.ui.standings import Standings


class Findings:
    """Keeps what was found until it no longer holds: what concerns a node ends with the node's next change."""

    def __init__(self, kinds: Kinds, standings: Standings) -> None:
        self._quick = QuickCheck(kinds)
        self._standings = standings
        self._checked: Flow | None = None
        self._found: tuple[Problem, ...] = ()
        self._refused: tuple[Problem, ...] = ()
        self.schemas: Mapping[str, Mapping[str, Schema]] = {}

    def forget(self) -> None:
        """Another flow was opened."""
        self._checked, self._found, self._refused, self.schemas = None, (), (), {}

    def take_check(self, flow: Flow, answer: Any) -> None:
        """The executor has checked this flow."""
        self._checked, self._found = flow, tuple(answer.problems)
        if answer.schemas:
            self.schemas = answer.schemas

    def take_refusal(self, problems: list[Problem]) -> None:
        """A run was refused; the next one makes that old news."""
        self._refused = tuple(problems)

    def of(self, flow: Flow, workspace: str) -> list[Problem]:
        """All that is known to be wrong with the flow as it is now."""
        found = self._quick.problems(flow, workspace)
        found += [problem for problem in self._found if self._holds(problem, flow)]
        found += [problem for problem in self._refused if self._holds(problem, flow)]
        found += self._standings.problems(flow)
        # The same sentence may come from two of them.
        return list({(p.place.node, p.place.field, p.message.text()): p for p in reversed(found)}.values())[::-1]

    def _holds(self, problem: Problem, flow: Flow) -> bool:
        id = problem.place.node
        if self._checked is flow or id is None or self._checked is None:
            return True
        return id in flow.nodes and flow.nodes[id] is self._checked.nodes.get(id)


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
