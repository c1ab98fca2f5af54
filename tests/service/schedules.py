"""A workspace whose schedules live by a clock that tests set, and whose starts are written down instead of done."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from tisserand.service.local import LocalExecutor
from tisserand.service.schedule.clock import Clock
from tisserand.workspace.folder import Workspace


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M")


class World:
    """One workspace, its executor, and the time."""

    def __init__(self, root: Path, now: str = "2026-11-25 00:00", calendars: str = "") -> None:
        self.root = Workspace.create(root).root
        self.now = at(now)
        if calendars:
            (self.root / "calendars.yaml").write_text(calendars)
        for path in (self.root / "tisserand.yaml", self.root / "calendars.yaml"):
            if path.exists():
                os.utime(path, (self.now - 1000, self.now - 1000))
        self.executor = LocalExecutor(self.root)
        self.executor.schedules._now = lambda: self.now
        self.started: list[str] = []
        self.requests: list = []
        self.executor.start = self._start
        self.clock: Clock | None = None

    def _start(self, request) -> str:
        assert request.label not in self.started, request
        self.started.append(request.label)
        self.requests.append(request)
        return f"20261125-000000-{len(self.started):06x}"

    def flow(self, config: str, name: str = "f", kind: str = "trigger.cron", head: str = "", broken: bool = False) -> str:
        file = f"flows/{name}.yaml"
        text = f"tisserand: 1\nid: {name}\n{head}nodes:\n  t: {{kind: {kind}, config: {{{config}}}}}\n"
        (self.root / file).write_text("tisserand: [\n" if broken else text)
        os.utime(self.root / file, (self.now, self.now))
        return file

    def _force(self) -> None:
        """What was switched just now, was switched by this clock."""
        with self.executor.ledger.writing() as db:
            db.execute("UPDATE force SET time = ? WHERE id = (SELECT max(id) FROM force)", (self.now,))

    def on(self, file: str) -> None:
        if file not in self.executor.ledger.on():
            self.executor.ledger.switch_on(file)
            self._force()

    def off(self, file: str) -> None:
        if file in self.executor.ledger.on():
            self.executor.ledger.switch_off(file)
            self._force()

    def pause(self, file: str, by: str = "ann") -> None:
        if self.executor.ledger.pause(file, by):
            self._force()

    def unpause(self, file: str) -> None:
        if self.executor.ledger.unpause(file):
            self._force()

    # The executor process

    def up(self) -> None:
        self.clock = Clock(self.executor, lambda: self.now)
        self.clock.begin()
        self.clock.tick()

    def down(self) -> None:
        """As by a kill: nothing is said or written."""
        self.clock = None

    def tick(self) -> None:
        if self.clock is not None:
            self.clock.tick()

    def until(self, text: str, step: float = 60) -> None:
        """Let the time pass."""
        end = at(text)
        while self.now < end:
            self.now = min(end, self.now + step)
            self.tick()

    def jump(self, text: str) -> None:
        """Set the time, and look."""
        self.now = at(text)
        self.tick()

    # What is known

    def verdicts(self, file: str = "flows/f.yaml") -> list[tuple[str, str]]:
        found = self.executor.schedules.ledger.verdicts(file, 0, 4e9, limit=100_000)
        return [(shown(each.due), each.verdict) for each in sorted(found, key=lambda each: (each.due, each.node))]

    def reason(self, when: str, file: str = "flows/f.yaml") -> str:
        moment = int(at(when))
        (found,) = self.executor.schedules.ledger.verdicts(file, moment, moment + 1)
        return found.reason.text("en")

    def why(self, when: str, file: str = "flows/f.yaml") -> str:
        return self.executor.schedules.why(file, at(when)).text("en")

    def close(self) -> None:
        self.executor.close()
