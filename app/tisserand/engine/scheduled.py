"""Whether the calendars that a flow's schedules name are there and sound."""

from __future__ import annotations

from tisserand.engine.resolve import Resolution, problem_of
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.sdk.timed import TimedConfig
from tisserand.workspace.calendars import Calendars
from tisserand.workspace.folder import Workspace


def uncalendared(resolution: Resolution, workspace: Workspace) -> list[Problem]:
    """A problem for every trigger that names a calendar which cannot be used."""
    found = []
    for node in resolution.nodes.values():
        if node.spec.disabled or not isinstance(node.config, TimedConfig) or not node.config.calendar:
            continue
        try:
            Calendars(workspace).get(node.config.calendar)
        except NodeError as error:
            found.append(problem_of(error).at(flow=resolution.flow.id, node=node.id))
    return found
