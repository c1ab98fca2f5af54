"""`executor: retention:` of `tisserand.yaml`: how long what is kept. Where nothing is said, everything stays but usage of
long ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tisserand.model import units
from tisserand.sdk.config import Config
from tisserand.workspace.folder import Workspace
from tisserand.workspace.settings import settings

LEAST = 60.0
"""Seconds that every run keeps its data at least, whatever the settings say: somebody may be looking at it."""


def _duration(text: str) -> str:
    try:
        units.seconds(text)
    except units.UnitError as error:
        raise PydanticCustomError("duration", error.message.id.replace("{", "{{").replace("}", "}}")) from None
    return text


def _size(text: str) -> str:
    try:
        units.size(text)
    except units.UnitError as error:
        raise PydanticCustomError("size", error.message.id.replace("{", "{{").replace("}", "}}")) from None
    return text


Age = Annotated[str, AfterValidator(_duration)]


class FlowRetention(Config):
    runs: Age | None = None
    """How long a run is kept after its end, for example `90d`: its entry, events and business keys."""
    data: Age | None = None
    """How long the rows that a run kept at its nodes stay, for example `7d`."""
    keep_failed: Age | None = None
    """How long a run that failed keeps its data and can be resumed, where that is longer."""


class RetentionSettings(FlowRetention):
    size: Annotated[str, AfterValidator(_size)] | None = None
    """How much the folders of all runs may take, for example `10GB`; the oldest data goes first."""
    usage: Age | None = "400d"
    """How long it stays known who called which API how often, for example `400d`: whole days go at a time. `null` keeps it for ever."""
    flows: Mapping[str, FlowRetention] = Field(default_factory=dict)
    """Other rules for some flows, by their ids."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one flow, in seconds; None keeps for ever."""

    runs: float | None
    data: float | None
    failed: float

    def data_until(self, ended_well: bool, finished: float) -> float | None:
        """Until when the data of a run stays."""
        if self.data is None:
            return None
        return finished + max(self.data, LEAST, 0.0 if ended_well else self.failed)

    def run_until(self, ended_well: bool, finished: float) -> float | None:
        if self.runs is None:
            return None
        return finished + max(self.runs, LEAST, 0.0 if ended_well else self.failed)


class Rules:
    """The rules of a workspace. Raises `NodeError` where its settings are wrong."""

    def __init__(self, workspace: Workspace) -> None:
        self._all = settings(workspace, "retention", RetentionSettings)
        self.size = units.size(self._all.size) if self._all.size else None

    def of(self, flow: str) -> Rule:
        own = self._all.flows.get(flow, FlowRetention())
        return Rule(
            _seconds(own.runs or self._all.runs),
            _seconds(own.data or self._all.data),
            _seconds(own.keep_failed or self._all.keep_failed) or 0.0,
        )

    @property
    def usage(self) -> float | None:
        """How long usage of APIs is kept, in seconds; None: for ever."""
        return _seconds(self._all.usage)

    @property
    def soonest_run(self) -> float | None:
        """The shortest time that runs of any flow are kept; None where all are kept for ever."""
        given = [_seconds(each) for each in (self._all.runs, *(flow.runs for flow in self._all.flows.values()))]
        return min((each for each in given if each is not None), default=None)


def _seconds(text: str | None) -> float | None:
    return units.seconds(text) if text else None
