"""Waits over the journal of a workspace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from tisserand.engine import waits as kept
from tisserand.engine.launch import refusal
from tisserand.sdk.waiting import Answer
from tisserand.service.waits.calls import Decision, OpenWait, Sent
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

LONGEST_NAME = 200
"""Characters of a signal's name or key."""
LONGEST_TEXT = 10_000
"""Characters of a comment."""


class HereWaits:
    """Implements `Waits`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._kept = kept.Waits(executor.journal)

    def open(self, kind: str | None = None) -> list[OpenWait]:
        return [self._told(wait) for wait in self._kept.open() if kind is None or wait.kind == kind]

    def signal(self, name: str, key: str | None = None, data: Mapping[str, Any] | None = None, by: str = "") -> Sent:
        if not name.strip() or len(name) > LONGEST_NAME or len(key or "") > LONGEST_NAME:
            raise refusal(
                "signal.name", msg("A signal has a name, and it and its key are no longer than {most} signs.", most=LONGEST_NAME)
            )
        # Its data may be personal: who sent which signal is audited, not what it said.
        self._executor.audit.note("signal.sent", name, {"key": key}, by=by)
        taken = self._kept.signal(name, key, dict(data or {}), by)
        return Sent(taken.root, taken.node) if taken is not None else Sent()

    def answer(self, run: str, node: str | None, decision: Decision, comment: str = "", by: str = "") -> OpenWait:
        if decision not in ("approved", "rejected"):
            raise refusal("call.decision", msg("“{value}” is not one of approved, rejected.", value=str(decision)))
        found = self._asked(run, node)
        if found.allowed and by not in found.allowed:
            message = msg("“{person}” may not decide this; {people} may.", person=by or "–", people=list(found.allowed))
            raise refusal("approval.person", message)
        comment = comment.strip()
        if found.comment and not comment:
            raise refusal("approval.comment", msg("This decision needs a comment."), msg("Say why: --comment TEXT"))
        if len(comment) > LONGEST_TEXT:
            raise refusal("approval.long", msg("The comment is longer than {most} signs.", most=LONGEST_TEXT))
        about = {"node": found.node, "decision": decision, "comment": comment}
        self._executor.audit.note("approval.answered", found.root, about, by=by)
        if not self._kept.answer(
            found.run, found.node, Answer("decision", {"decision": decision, "comment": comment}, by, time.time())
        ):
            raise self._over(run)
        return found

    def _asked(self, run: str, node: str | None) -> OpenWait:
        """What is to be decided."""
        self._executor.run(run)  # refuses what is no run
        asked = [wait for wait in self._kept.open() if wait.kind == "decision" and run in (wait.run, wait.root)]
        fitting = [wait for wait in asked if node is None or wait.node == node]
        if not fitting:
            raise self._over(run)
        if len(fitting) > 1:
            message = msg("The run “{run}” asks several things: {nodes}.", run=run, nodes=[wait.node for wait in fitting])
            raise refusal("approval.several", message, msg("Name the node."))
        return self._told(fitting[0])

    def _over(self, run: str) -> Exception:
        answered = next(
            (e for e in self._executor.journal.all_events(run) if e.kind == "wait.answered" and e.data.get("decision")), None
        )
        if answered is None:
            return refusal(
                "approval.none",
                msg("The run “{run}” asks for no decision.", run=run),
                msg("“tisserand approvals” lists what is asked."),
            )
        message = msg("This was decided already, by {person}.", person=str(answered.data.get("by") or "–"))
        return refusal("approval.over", message)

    def _told(self, wait: kept.Waiting) -> OpenWait:
        asked = kept.wait_of(wait)
        record = self._executor.journal.run(wait.run)
        return OpenWait(
            wait.run, wait.root, wait.node, record.flow if record is not None else "", cast(Any, wait.kind), wait.since,
            kept.told(asked), wait.until, wait.signal, wait.key, asked.question, asked.allowed, asked.comment, asked.shown,
        )  # fmt: skip
