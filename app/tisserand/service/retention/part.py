"""Retention by itself: a pass now and then, as the settings say at that moment."""

from __future__ import annotations

from contextlib import suppress

from tisserand.engine.launch import Refused
from tisserand.sdk.errors import NodeError
from tisserand.service.periodic import Periodic
from tisserand.service.retention import left
from tisserand.service.retention.settings import Rules
from tisserand.workspace.folder import Workspace


class Keeping(Periodic):
    """After the start, what was asked for goes first."""

    name = "retention"
    first = 30.0
    every = 3600.0

    def work(self) -> None:
        left.sweep(self.executor.root)
        # Wrong settings remove nothing; who asks for a plan is told what is wrong.
        with suppress(NodeError, Refused):
            self.executor.retention.work(Rules(Workspace(self.executor.root)), self.over.is_set)
