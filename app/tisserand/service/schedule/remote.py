"""What is asked of schedules, answered by the executor process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tisserand.model.problem import Problem
from tisserand.service.schedule.calls import PAGE, Judged, Upcoming, Verdict
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 120.0)
"""Seconds for what looks years ahead."""


class HttpSchedules:
    """Implements `Schedules` over HTTP."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def upcoming(
        self, since: float, until: float, file: str | None = None, text: str | None = None, limit: int = PAGE
    ) -> list[Upcoming]:
        body = {"since": since, "until": until, "file": file, "text": text, "limit": limit}
        found = self._executor.call("POST", "/schedules/upcoming", body, timeout=LONG).json()
        return [Upcoming.from_json(each) for each in found]

    def verdicts(
        self, file: str | None, since: float, until: float, verdict: Judged | None = None, limit: int = PAGE
    ) -> list[Verdict]:
        params = {"file": file, "since": since, "until": until, "verdict": verdict, "limit": limit}
        return [Verdict.from_json(each) for each in self._executor.call("GET", "/schedules/verdicts", params=params).json()]

    def why(self, file: str, time: float) -> Message:
        answer = self._executor.call("GET", "/schedules/why", params={"file": file, "time": time}, timeout=LONG)
        return Message.from_json(answer.json())

    def answer(self, file: str, node: str, due: int, run: bool, by: str = "") -> Verdict:
        body = {"file": file, "node": node, "due": due, "run": run, "by": by}
        return Verdict.from_json(self._executor.call("POST", "/schedules/answer", body).json())

    def next_due(self, file: str) -> float | None:
        found: float | None = self._executor.call("GET", "/schedules/next", params={"file": file}).json()
        return found

    def problems(self) -> Sequence[Problem]:
        return [Problem.from_json(each) for each in self._executor.call("GET", "/schedules/problems").json()]
