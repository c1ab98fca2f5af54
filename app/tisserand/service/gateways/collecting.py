"""Taking over what gateways and published flows tell of usage: each call once, whatever is killed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tisserand.apis.usage_store import UsageSource, UsageStore
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError

ROUNDS = 1000
"""How often a source is asked again at most, while it has more to tell."""


class Collecting:
    """Reads sources into the store. The mark of a source is kept in one transaction with its rows: after a kill it is asked again
    from where the store is."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.problems: dict[str, Problem] = {}
        """Source → why it told nothing the last time."""

    def collect(self, sources: Iterable[UsageSource]) -> int:
        """Gives how many rows were taken over. A source that fails holds up no other."""
        taken = 0
        with self._lock:
            for source in sources:
                try:
                    taken += self._one(source)
                except NodeError as error:
                    self.problems[source.name] = Problem("gateway.usage", error.message, error.fix, severity="warning")
                else:
                    self.problems.pop(source.name, None)
        return taken

    def _one(self, source: UsageSource) -> int:
        taken = 0
        for _ in range(ROUNDS):
            before = self._store.mark(source.name)
            rows, mark = source.usage(before)
            if mark == before:
                break  # without another mark, the same rows would come again
            if not self._store.take(source.name, rows, before, mark):
                continue
            taken += len(rows)
            if not rows:
                break
        return taken
