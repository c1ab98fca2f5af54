"""How much the executor process does at a time: `executor: runs:`, `memory:`, `default_memory:`, `timeout:` of `tisserand.yaml`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from tisserand.sdk.config import Config
from tisserand.sdk.fields import Duration, Size
from tisserand.workspace.folder import Workspace
from tisserand.workspace.settings import settings

SHARE = 0.75
"""Of the machine's memory, for all runs together, where nothing is said."""


class RunLimits(Config):
    """What stands in the block itself; the blocks inside it are of other parts."""

    runs: int = Field(default_factory=lambda: max(2, os.cpu_count() or 1), ge=1, le=1000)
    """Runs under way at the same time, at most."""
    memory: Size | None = None
    """The memory of all runs under way together, at most; three quarters of the machine's where nothing is said."""
    default_memory: Size = Size("512MB")
    """What a run counts whose flow does not say how much memory it needs."""
    timeout: Duration | None = None
    """The longest duration of a run whose flow does not say one."""
    warm: bool = True
    """Keep the processes of runs loaded for the next run; otherwise each run gets a new process."""

    @model_validator(mode="before")
    @classmethod
    def _only_ours(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if not isinstance(value, Mapping | list)}

    def most_memory(self) -> int:
        """The memory of all runs together, in bytes."""
        if self.memory is not None:
            return self.memory.bytes
        import psutil

        return int(psutil.virtual_memory().total * SHARE)


def run_limits(workspace: Workspace) -> RunLimits:
    """The limits of a workspace; raises `NodeError` for what cannot be."""
    return settings(workspace, "", RunLimits)
