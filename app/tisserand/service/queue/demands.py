"""What runs need and how they stand, as the queue sees them: from the journal, and from the folders of the runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from tisserand.engine.journal import Journal
from tisserand.engine.launch import PAUSE, process_alive, run_folder
from tisserand.engine.records import QUEUE
from tisserand.engine.waits import Waits
from tisserand.model import units
from tisserand.model.flow import Limits
from tisserand.model.yamlfile import read_flow
from tisserand.service.queue.turns import Asking

KEPT = 2000
"""Flow texts whose limits are remembered."""

_QUEUED = """
SELECT id, flow, flow_file, coalesce(heartbeat, created) AS since, parent FROM runs
WHERE state = 'queued' AND owner_pid = ? ORDER BY priority DESC, since, id LIMIT ?
"""
_RUNNING = """
SELECT id, flow, flow_file, coalesce(started, created), parent, owner_pid, owner_started FROM runs
WHERE state = 'running' AND parent IS NULL ORDER BY id
"""
_WAITING = (
    "SELECT id, flow, flow_file, coalesce(started, created) FROM runs WHERE state = 'waiting' AND parent IS NULL ORDER BY id"
)


class Demands:
    """Reads each flow's limits once, and each run's folder once for each time it is queued."""

    def __init__(self, root: Path, journal: Journal, default_memory: int) -> None:
        self._root = root
        self._journal = journal
        self._default = default_memory
        self._limits: dict[str, Limits] = {}
        self._known: dict[tuple[str, float], tuple[Asking, bool]] = {}

    def line(self, most: int = 100_000) -> list[Asking]:
        """The runs that wait for the executor process, in the order of their turns."""
        found = self._journal.rows(_QUEUED, (QUEUE, most))
        return [self._asking(id, flow, file, since, parent)[0] for id, flow, file, since, parent in found]

    def under_way(self) -> list[Asking]:
        """The runs that have a live process, whoever began them, without those that other runs called within their process."""
        found = []
        for id, flow, file, since, parent, pid, started in self._journal.rows(_RUNNING):
            if pid and process_alive(pid, started or 0.0):
                found.append(self._asking(id, flow, file, since, parent)[0])
        for id, flow, file, since in self._journal.rows(_WAITING):
            found.append(replace(self._asking(id, flow, file, since, None)[0], memory=0, waits=True))
        return found

    def own_process(self, asking: Asking) -> bool:
        """Whether the run has a memory limit of its own."""
        return self._asking(asking.run, asking.flow, asking.file, asking.since, None)[1]

    def forget(self, keep: set[str]) -> None:
        """All runs but these are over."""
        self._known = {key: value for key, value in self._known.items() if key[0] in keep}

    def limits(self, text: str) -> Limits:
        """The limits that a flow declares; none for one that cannot be read, of which its worker tells what is wrong."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        known = self._limits.get(digest)
        if known is None:
            flow = read_flow(text).flow
            known = flow.limits if flow is not None else Limits()
            if len(self._limits) >= KEPT:
                self._limits.clear()
            self._limits[digest] = known
        return known

    def _asking(self, run: str, flow: str, file: str | None, since: float, parent: str | None) -> tuple[Asking, bool]:
        key = (run, since)
        if key not in self._known:
            folder = run_folder(self._root, run)
            try:
                limits = self.limits((folder / "flow.yaml").read_text(encoding="utf-8"))
                asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
                given = asked.get("memory") or limits.memory
                size = units.size(given) if given else None
            except (OSError, ValueError):
                # Its folder was removed, or what was asked cannot be: the worker that begins it says so. It holds up nobody.
                limits, size = Limits(), None
            # A run that has waited was under way all the time: no other run of its flow comes before it.
            rule = limits.overlap if parent is None and not Waits(self._journal).ever(run) else None
            asking = Asking(run, flow, file, since, size or self._default, rule, parent is not None)
            self._known[key] = (asking, size is not None)
        return self._known[key]


def paused_runs(root: Path, runs: list[Asking]) -> set[str]:
    """Those of the runs that somebody paused."""
    return {asking.run for asking in runs if (run_folder(root, asking.run) / PAUSE).exists()}
