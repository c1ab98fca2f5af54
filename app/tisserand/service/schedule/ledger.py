"""The ledger of due times: which schedule was in force when, how far each trigger is judged, and every verdict, once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from tisserand.model.problem import Problem
from tisserand.service.schedule.calls import Judged, Verdict
from tisserand.service.schedule.judge import Batch, Segment
from tisserand.service.schedule.spec import Spec
from tisserand.store import Store
from tisserand.texts import Message

_FIRST = """
CREATE TABLE judged (file TEXT NOT NULL, node TEXT NOT NULL, through REAL NOT NULL, PRIMARY KEY (file, node)) WITHOUT ROWID;
CREATE TABLE specs (
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, node TEXT NOT NULL, since REAL NOT NULL, spec TEXT, problem TEXT
);
CREATE INDEX specs_of_node ON specs (file, node, id);
CREATE TABLE verdicts (
  file TEXT NOT NULL, node TEXT NOT NULL, due INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL, run TEXT,
  decided REAL NOT NULL, starts REAL NOT NULL, zone TEXT NOT NULL, PRIMARY KEY (file, node, due)
) WITHOUT ROWID;
CREATE INDEX verdicts_by_due ON verdicts (due);
CREATE INDEX verdicts_to_start ON verdicts (decided) WHERE verdict = 'ran' AND run IS NULL;
CREATE INDEX verdicts_asking ON verdicts (due) WHERE verdict = 'asking';
CREATE TABLE lives (began REAL PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID;
"""

_VERDICT = "SELECT file, node, due, verdict, reason, run, decided, starts, zone FROM verdicts"


class DueLedger(Store):
    """One SQLite file for all threads and processes of a workspace; only its executor process judges and starts."""

    migrations: ClassVar[tuple[str, ...]] = (_FIRST,)

    # -- what is in force ----------------------------------------------------------------------------------------------
    def nodes(self) -> dict[tuple[str, str], float]:
        """(file, node) → up to where it is judged."""
        return {(file, node): through for file, node, through in self.rows("SELECT file, node, through FROM judged")}

    def through(self, file: str, node: str) -> float | None:
        found = self.row("SELECT through FROM judged WHERE file = ? AND node = ?", (file, node))
        return float(found[0]) if found else None

    def segments(self, file: str, node: str) -> list[Segment]:
        """The schedules of a node, the oldest first."""
        found = self.rows("SELECT since, spec, problem FROM specs WHERE file = ? AND node = ? ORDER BY id", (file, node))
        return [_segment(*row) for row in found]

    def in_force(self) -> dict[tuple[str, str], Segment]:
        """The last schedule of every node."""
        found = self.rows(
            "SELECT file, node, since, spec, problem FROM specs WHERE id IN (SELECT max(id) FROM specs GROUP BY file, node)"
        )
        return {(file, node): _segment(*rest) for file, node, *rest in found}

    def enter(self, changes: Mapping[tuple[str, str], Segment]) -> None:
        """From `since` on another schedule is in force. A node that is new counts as judged up to there."""
        with self.writing("schedule") as db:
            for (file, node), segment in changes.items():
                db.execute("INSERT OR IGNORE INTO judged VALUES (?, ?, ?)", (file, node, segment.since))
                spec = segment.spec.to_json() if segment.spec is not None else None
                problem = json.dumps(segment.problem.to_json()) if segment.problem is not None else None
                db.execute(
                    "INSERT INTO specs (file, node, since, spec, problem) VALUES (?, ?, ?, ?, ?)",
                    (file, node, segment.since, spec, problem),
                )

    # -- verdicts ------------------------------------------------------------------------------------------------------
    def judged(self, batches: Iterable[tuple[str, str, Batch]]) -> None:
        """Enter verdicts, and up to where they go, in one transaction: nothing is judged twice and nothing left out."""
        with self.writing("judged") as db:
            for file, node, batch in batches:
                db.executemany(
                    "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [_row(each) for each in batch.rows]
                )
                db.execute("UPDATE judged SET through = max(through, ?) WHERE file = ? AND node = ?", (batch.through, file, node))

    def to_start(self) -> list[Verdict]:
        """Judged as `ran`, and not started yet as far as is known here."""
        return self._found(f"{_VERDICT} WHERE verdict = 'ran' AND run IS NULL ORDER BY starts, due, file, node", ())

    def started(self, verdict: Verdict, run: str) -> None:
        """Found again by its label where this is lost with the power, so it need not wait for the disk."""
        with self.writing("started", quick=True) as db:
            key = (verdict.file, verdict.node, verdict.due)
            db.execute("UPDATE verdicts SET run = ? WHERE file = ? AND node = ? AND due = ?", (run, *key))

    def rejudge(self, verdict: Verdict, to: Judged, reason: Message, now: float, expect: Judged) -> bool:
        """Another verdict in the place of `expect`, of one that has no run; whether it was still so."""
        with self.writing("rejudged") as db:
            done = db.execute(
                "UPDATE verdicts SET verdict = ?, reason = ?, decided = ? "
                "WHERE file = ? AND node = ? AND due = ? AND verdict = ? AND run IS NULL",
                (to, json.dumps(reason.to_json()), now, verdict.file, verdict.node, verdict.due, expect),
            )
            return done.rowcount == 1

    def verdict(self, file: str, node: str, due: int) -> Verdict | None:
        found = self._found(f"{_VERDICT} WHERE file = ? AND node = ? AND due = ?", (file, node, due))
        return found[0] if found else None

    def verdicts(
        self, file: str | None, since: float, until: float, verdict: str | None = None, limit: int = 1000
    ) -> list[Verdict]:
        """Of the due times in `since` ≤ due < `until`, the latest first."""
        wanted = {"file = ?": file, "verdict = ?": verdict}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = "".join(f" AND {clause}" for clause in given)
        return self._found(
            f"{_VERDICT} WHERE due >= ? AND due < ?{where} ORDER BY due DESC, file, node LIMIT ?",
            (since, until, *given.values(), limit),
        )

    def forget(self, before: float) -> int:
        """Take out verdicts that are older, but none that is open; gives how many. For retention."""
        with self.writing("forgotten") as db:
            done = db.execute(
                "DELETE FROM verdicts WHERE due < ? AND verdict != 'asking' AND NOT (verdict = 'ran' AND run IS NULL)", (before,)
            )
            return done.rowcount

    def _found(self, sql: str, values: Sequence[Any]) -> list[Verdict]:
        return [
            Verdict(file, node, due, verdict, Message.from_json(json.loads(reason)), run, decided, starts, zone)
            for file, node, due, verdict, reason, run, decided, starts, zone in self.rows(sql, values)
        ]

    # -- when somebody was there to start anything ---------------------------------------------------------------------
    def live(self, began: float, seen: float) -> None:
        """The executor that began then still works."""
        with self.writing(quick=True) as db:
            db.execute("INSERT INTO lives VALUES (?, ?) ON CONFLICT (began) DO UPDATE SET seen = ?", (began, seen, seen))

    def life(self, time: float) -> tuple[float | None, float | None]:
        """(when an executor was seen last up to `time`, when one began after that); both in seconds since 1970."""
        before = self.row("SELECT max(min(seen, ?)) FROM lives WHERE began <= ?", (time, time))
        after = self.row("SELECT min(began) FROM lives WHERE began > ?", (time,))
        return (before[0] if before else None), (after[0] if after else None)


def _segment(since: float, spec: str | None, problem: str | None) -> Segment:
    return Segment(
        since,
        Spec.from_json(spec) if spec is not None else None,
        Problem.from_json(json.loads(problem)) if problem is not None else None,
    )


def _row(verdict: Verdict) -> tuple[Any, ...]:
    return (
        verdict.file,
        verdict.node,
        verdict.due,
        verdict.verdict,
        json.dumps(verdict.reason.to_json(), ensure_ascii=False),
        verdict.run,
        verdict.decided,
        verdict.starts,
        verdict.zone,
    )
