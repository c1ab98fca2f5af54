"""What is asked of schedules, answered in this process."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from tisserand.engine.launch import Refused, refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.schedule.calls import LARGEST, PAGE, Judged, Upcoming, Verdict
from tisserand.service.schedule.ledger import DueLedger
from tisserand.service.schedule.spec import Due, Read, Spec, local, read_specs, stamp_of, surroundings, unreadable
from tisserand.service.schedule.why import Why
from tisserand.texts import Message, msg
from tisserand.workspace.calendars import Calendars
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

FURTHEST = 5 * 366 * 86_400.0
"""Seconds that one look ahead may cover."""
FAR = 4_102_444_800.0
"""The year 2100: what lies behind it is not looked at."""


class LocalSchedules:
    """Implements `Schedules` for one workspace."""

    def __init__(self, executor: LocalExecutor, now: Callable[[], float] = time.time) -> None:
        self._executor = executor
        self._now = now
        self._read: dict[str, tuple[tuple[int, ...], Read]] = {}

    @cached_property
    def ledger(self) -> DueLedger:
        return DueLedger(self._executor.root / ".tisserand" / "schedule.sqlite")

    def close(self) -> None:
        found = self.__dict__.pop("ledger", None)
        if found is not None:
            found.close()

    # Ahead

    def upcoming(
        self, since: float, until: float, file: str | None = None, text: str | None = None, limit: int = PAGE
    ) -> list[Upcoming]:
        since, until = _bounds(since, until)
        limit = max(1, min(limit, LARGEST))
        if file is None and text is None:
            specs = [spec for each in self._executor.ledger.on() for spec in self.read(each).specs.values()]
        else:
            specs = list(self._asked(file, text).specs.values())
        streams = [self._ahead(spec, since, min(until, since + FURTHEST)) for spec in specs]
        found: list[Upcoming] = []
        for coming in heapq.merge(*streams, key=lambda each: (each.due, each.file, each.node)):
            if len(found) >= limit and coming.due != found[-1].due:
                break
            found.append(coming)
        return found

    def _ahead(self, spec: Spec, since: float, until: float) -> Iterator[Upcoming]:
        for due in takewhile(lambda due: due.at.timestamp() <= until, spec.dues(datetime.fromtimestamp(since, UTC))):
            yield _upcoming(spec, due)

    def next_due(self, file: str) -> float | None:
        file = self._executor.inside(file)
        if file not in self._executor.ledger.on():
            return None
        now = self._now()
        coming = []
        for spec in self.read(file).specs.values():
            due = next((due for due in spec.dues(datetime.fromtimestamp(now, UTC)) if not due.closed), None)
            if due is not None:
                coming.append(due.starts.timestamp())
        return min(coming, default=None)

    # Behind

    def verdicts(
        self, file: str | None, since: float, until: float, verdict: Judged | None = None, limit: int = PAGE
    ) -> list[Verdict]:
        since, until = _bounds(since, until)
        where = self._executor.inside(file) if file is not None else None
        return self.ledger.verdicts(where, since, until, verdict, max(1, min(limit, LARGEST)))

    def why(self, file: str, time: float) -> Message:
        time, _until = _bounds(time, time)
        where = self._executor.inside(file)
        return Why(self._executor, self.ledger, where, self.read(where), self._now()).answer(time)

    def answer(self, file: str, node: str, due: int, run: bool, by: str = "") -> Verdict:
        where = self._executor.inside(file)
        found = self.ledger.verdict(where, node, due)
        if found is None or found.verdict != "asking":
            raise self._not_asking(where, node, due, found)
        self._executor.audit.note("schedule.answered", f"{where}#{node}", {"due": due, "run": run}, by=by)
        when = local(self._now(), found.zone)
        if run:
            reason = msg("{by} decided at {time} to run it.", by=by or "–", time=when)
        else:
            reason = msg("{by} decided at {time} not to run it any more.", by=by or "–", time=when)
        if not self.ledger.rejudge(found, "ran" if run else "missed", reason, self._now(), "asking"):
            raise self._not_asking(where, node, due, self.ledger.verdict(where, node, due))
        decided = self.ledger.verdict(where, node, due)
        assert decided is not None
        return decided

    def _not_asking(self, file: str, node: str, due: int, found: Verdict | None) -> Exception:
        if found is None:
            return refusal(
                "schedule.unknown",
                msg("No due time of “{node}” in “{file}” was judged at that moment.", node=node, file=file),
                msg("“tisserand schedule verdicts” lists them."),
                missing=True,
            )
        return refusal("schedule.answered", msg("Nobody is asked about this due time any more: {reason}", reason=found.reason))

    # What is wrong

    def problems(self) -> Sequence[Problem]:
        found = list(Calendars(Workspace(self._executor.root)).problems())
        for file in self._executor.ledger.on():
            found += [problem.at(file=file) for problem in self.read(file).problems]
        return found

    # Inside

    def read(self, file: str) -> Read:
        """The schedules of a flow file as it is now; read again only when it, the calendars or the environments changed."""
        root = self._executor.root
        stamp = (*(stamp_of(root / file) or (0, 0)), *(stamp_of(*surroundings(root)) or (0, 0)))
        known = self._read.get(file)
        if known is None or known[0] != stamp:
            try:
                text = (root / file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                return Read({}, (unreadable(file, error),), None)
            known = (stamp, read_specs(Workspace(root), file, text))
            self._read[file] = known
        return known[1]

    def _asked(self, file: str | None, text: str | None) -> Read:
        where = self._executor.inside(file) if file is not None else "unsaved.yaml"
        try:
            found = read_specs(Workspace(self._executor.root), where, text) if text is not None else self.read(where)
        except NodeError as error:
            raise refusal("schedule.wrong", error.message, error.fix) from error
        if found.problems and not found.specs:
            raise Refused([problem.at(file=where) for problem in found.problems])
        return found


def _bounds(since: float, until: float) -> tuple[float, float]:
    for moment in (since, until):
        if not 0 <= moment <= FAR:
            raise refusal("call.time", msg("{value} is not a time between 1970 and 2100.", value=str(moment)))
    return since, until


def _upcoming(spec: Spec, due: Due) -> Upcoming:
    return Upcoming(
        spec.file,
        spec.node,
        int(due.at.timestamp()),
        due.starts.timestamp(),
        int(due.scheduled.timestamp()),
        due.closed,
        due.reason,
        spec.zone,
    )
