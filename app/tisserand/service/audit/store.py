"""The audit log: one row for everything that somebody had the executor do, chained by hashes so that no row can be changed or
taken out unseen."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from tisserand.service.audit import ends
from tisserand.store import Store

_SCHEMA = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, time REAL NOT NULL, "by" TEXT NOT NULL, what TEXT NOT NULL, target TEXT NOT NULL,
  data TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX entries_by_target ON entries (target, id);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""

FIRST = "0" * 64

LARGEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """`what` is `<area>.<verb in the past>` (`run.started`, `flow.paused`); `target` names what it was done to."""

    id: int
    time: float
    by: str
    what: str
    target: str
    data: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"data": dict(self.data)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying the log came to. It is whole where nothing is `broken` or `missing` and the seal of its end `fits`."""

    entries: int
    broken: tuple[int, ...] = ()
    """Entries that were changed, or before which one was taken out or put elsewhere."""
    missing: int = 0
    """Entries cut off at the end."""
    end: Literal["fits", "none", "wrong"] = "none"
    """The seal of the end: `none` where there never was one or it was removed, `wrong` where it was not made with this workspace's
    key or tells of another end."""

    @property
    def whole(self) -> bool:
        return not self.broken and not self.missing and self.end == "fits"

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"broken": list(self.broken), "whole": self.whole}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(data["entries"], tuple(data["broken"]), data["missing"], data["end"])


class Audit(Store):
    """The audit log of one workspace."""

    migrations: ClassVar[tuple[str, ...]] = (_SCHEMA,)

    def note(self, what: str, target: str, data: Mapping[str, Any] | None = None, by: str = "") -> int:
        """Append an entry, durably, before what it tells of is done. `data` must hold no secret."""
        text = json.dumps(dict(data or {}), sort_keys=True, ensure_ascii=False, default=str)
        now = time.time()
        with self.writing("audit") as db:
            last = db.execute("SELECT id, hash FROM entries ORDER BY id DESC LIMIT 1").fetchone()
            id, before = (last[0] + 1, last[1]) if last else (1, FIRST)
            sealed = seal(before, id, now, by, what, target, text)
            db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (id, now, by, what, target, text, sealed))
            # Before the entry is there for good: a kill between the two leaves an end that is allowed to lack its last entry.
            ends.write(self._end, ends.End(id, sealed, before, sure=False))
        with self.writing():
            known = ends.read(self._end)
            if known is not None and known.id == id:
                ends.write(self._end, ends.End(id, sealed, before, sure=True))
        return id

    @property
    def _end(self) -> Path:
        return self.path.with_suffix(".end")

    def verify(self) -> Verdict:
        """Read the whole log. What cannot be seen: changes by somebody who has the workspace's key (`workspace.key`), and a log put
        back together with the seal that it had then; an export kept elsewhere shows both."""
        broken = tuple(self.broken())
        last = self.row("SELECT id, hash FROM entries ORDER BY id DESC LIMIT 1") or (0, FIRST)
        try:
            end = ends.read(self._end)
        except ends.ForgedEnd:
            return Verdict(last[0], broken, 0, "wrong")
        if end is None:
            return Verdict(last[0], broken, 0, "none" if last[0] else "fits")
        if not end.sure and last == (end.id - 1, end.before):
            return Verdict(last[0], broken, 0, "fits")
        there = self.row("SELECT hash FROM entries WHERE id = ?", (end.id,))
        missing = max(0, end.id - last[0])
        fits = there is not None and there[0] == end.hash and last[0] == end.id
        return Verdict(last[0], broken, missing, "fits" if fits else "wrong")

    def entries(self, target: str | None = None, limit: int = 100, before: int | None = None) -> list[Entry]:
        """Entries, the latest first; `before` is the id to go on from."""
        wanted = {"target = ?": target, "id < ?": before}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        found = self.rows(
            f'SELECT id, time, "by", what, target, data, hash FROM entries{where} ORDER BY id DESC LIMIT ?',  # noqa: S608 - the clauses above
            (*given.values(), max(0, min(limit, LARGEST_PAGE))),
        )
        return [Entry(id, time, by, what, on, json.loads(data), hash) for id, time, by, what, on, data, hash in found]

    def broken(self) -> Iterator[int]:
        """The ids of the entries whose seal does not fit: they, or one before them, were changed or taken out."""
        before, expected = FIRST, 1
        for row in self.rows('SELECT id, time, "by", what, target, data, hash FROM entries ORDER BY id'):
            id, moment, by, what, target, text, sealed = row
            if id != expected or seal(before, id, moment, by, what, target, text) != sealed:
                yield id
            before, expected = sealed, id + 1


def seal(before: str, id: int, time: float, by: str, what: str, target: str, data: str) -> str:
    """SHA-256 over the seal of the entry before and the JSON list of this entry's fields, `data` as its text."""
    text = json.dumps([before, id, time, by, what, target, data], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
