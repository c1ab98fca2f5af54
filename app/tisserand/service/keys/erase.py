"""Erasing a value: first entered, then done in steps that can be repeated, then its last trace removed; a kill leaves a step to do."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.journal import FINAL, Journal
from tisserand.engine.keystore import LONGEST, KeyStore
from tisserand.engine.launch import journal_path, refusal
from tisserand.service.figures.words import Words
from tisserand.service.keyfile import workspace_key
from tisserand.service.keys.blot import Blot
from tisserand.service.keys.calls import Erasure
from tisserand.service.published import erasing
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

SHORTEST = 3
LARGEST_TEXT = 256_000_000
"""Bytes of a text file that is looked through."""
VACUUMED = 300_000_000
"""Bytes of a journal that is written anew. In a larger one what is blotted out is overwritten where it stood."""

_PAGE = 50_000
"""Events that are looked through in one query."""
_KEPT = {"journal.sqlite", "keys.sqlite", "audit.sqlite", "inbox.sqlite"}
"""Stores that are not swept like any other."""


@dataclass
class _Holders:
    """Where a value stands."""

    runs: set[str] = field(default_factory=set)
    """Runs that have it."""
    all: set[str] = field(default_factory=set)
    """These, their callers, and what they called."""
    texts: int = 0


class Erasing:
    """Erases values from one workspace. `on_step(what)` is called after each step: tests end the process there."""

    def __init__(self, executor: LocalExecutor, store: KeyStore, on_step: Callable[[str], None] = lambda _what: None) -> None:
        self._executor = executor
        self._state = executor.root / ".tisserand"
        self._store = store
        self._on_step = on_step
        self._one = threading.Lock()

    # -- what is asked

    def plan(self, name: str, value: str) -> Erasure:
        self._allow(value)
        with Journal(journal_path(self._executor.root)) as journal:
            return self._planned(journal, name, Blot(value), self._holders(journal, Blot(value)))

    def erase(self, name: str, value: str, by: str, reason: str) -> Erasure:
        self._allow(value)
        if Blot(value).inside(f"{name} {by} {reason}"):
            raise refusal("erase.reason", msg("The reason must not hold the value: it stays in the audit log."))
        plan = self.plan(name, value)
        if plan.busy:
            message = msg("These runs hold the value and are not over: {runs}.", runs=list(plan.busy[:20]))
            raise refusal("erase.busy", message, msg("Wait for them, or cancel them first."))
        counts = {
            "runs": len(plan.runs),
            "entries": plan.entries,
            "events": plan.events,
            "texts": plan.texts,
            "files": plan.files,
        }
        self._executor.audit.note("value.erased", name, {"hash": plan.hash, "reason": reason, **counts}, by=by)
        with self._store.writing("erasure.begun") as db:
            cursor = db.execute(
                'INSERT INTO erasures (name, value, hash, "by", reason, since) VALUES (?, ?, ?, ?, ?, ?)',
                (name, value, plan.hash, by, reason, time.time()),
            )
        self._on_step("begun")
        finished = self._do(int(cursor.lastrowid or 0), value)
        return replace(plan, finished=finished)

    def finish(self) -> int:
        """Go on with what was begun and not finished; gives how many are finished now."""
        done = 0
        for id, value in self._store.rows(
            "SELECT id, value FROM erasures WHERE finished IS NULL AND value IS NOT NULL ORDER BY id"
        ):
            done += self._do(id, value) is not None
        return done

    def hash(self, value: str) -> str:
        """Stands for a value in the audit log: nobody without the workspace's key can try values out on it."""
        return hmac.new(workspace_key(self._state), value.encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _allow(value: str) -> None:
        if len(value.strip()) < SHORTEST or len(value) > LONGEST:
            raise refusal(
                "erase.value",
                msg(
                    "A value to erase has {least} to {most} letters: shorter ones stand everywhere.", least=SHORTEST, most=LONGEST
                ),
            )

    def _planned(self, journal: Journal, name: str, blot: Blot, holders: _Holders) -> Erasure:
        records = {id: record for id in sorted(holders.all) if (record := journal.run(id)) is not None}
        removed = [path for id in records for path in self._data(id, blot)]
        swept = [path for path in self._texts(holders.all) if blot.file(path, write=False)]
        entries = self._store.row("SELECT count(*) FROM keys WHERE value = ?", (blot.value,))
        return Erasure(
            name,
            tuple(records),
            tuple(id for id, record in records.items() if record.state not in FINAL),
            int(entries[0]) if entries else 0,
            len(self._events(blot)),
            holders.texts
            + sum(count for _path, count in self._others(blot, write=False))
            + sum(len(erasing.holding(path, blot)) for path in erasing.stores(self._executor.root)),
            len(removed) + len(swept),
            sum(path.stat().st_size for path in [*removed, *swept] if path.exists()),
            self._audited(blot),
            self.hash(blot.value),
        )

    def _audited(self, blot: Blot) -> int:
        where, values = blot.where(["target", "data"])
        found = self._executor.audit.rows(f"SELECT target, data FROM entries WHERE {where}", values)  # noqa: S608
        return sum(blot.inside(target) or blot.inside(data) for target, data in found)

    # -- doing

    def _do(self, id: int, value: str) -> float | None:
        blot = Blot(value)
        with self._one, Journal(journal_path(self._executor.root)) as journal:
            holders = self._holders(journal, blot)
            if any((record := journal.run(run)) is not None and record.state not in FINAL for run in holders.all):
                return None  # one was resumed meanwhile: the next start tries again
            for run in sorted(holders.all):
                for path in self._data(run, blot):
                    path.unlink(missing_ok=True)
                self._prune(run)
                self._on_step("data")
            self._erase_events(blot)
            self._on_step("inbox")
            self._blot_journal(journal, blot)
            self._on_step("journal")
            for path in self._texts(set()):
                blot.file(path, write=True)
            self._on_step("files")
            erasing.settle(self._executor.root)
            for path in erasing.stores(self._executor.root):
                erasing.erase(path, blot, self.hash)
                _swept(path)
            for path, _count in self._others(blot, write=True):
                _swept(path)
            self._on_step("stores")
            # The index last: until here it says where to go on.
            with self._store.writing("keys.erased") as db:
                db.execute("DELETE FROM keys WHERE value = ?", (value,))
            self._on_step("index")
            _emptied(journal._durable, vacuum=journal.path.stat().st_size <= VACUUMED)
        _emptied(self._executor.inbox.store._durable, vacuum=True)
        now = time.time()
        with self._store.writing("erasure.finished") as db:
            db.execute("UPDATE erasures SET value = NULL, finished = ? WHERE id = ?", (now, id))
        self._on_step("finished")
        _emptied(self._store._durable, vacuum=True)
        return now

    # -- where it is

    def _holders(self, journal: Journal, blot: Blot) -> _Holders:
        found = _Holders({run for (run,) in self._store.rows("SELECT run FROM keys WHERE value = ?", (blot.value,))})
        where, values = blot.where(["parameters", "cause", "error", "label", "flow_file"])
        for row in journal.rows(f"SELECT id, parameters, cause, error, label, flow_file FROM runs WHERE {where}", values):  # noqa: S608
            if any(text and blot.inside(text) for text in row[1:]):
                found.runs.add(row[0])
                found.texts += 1
        for _seq, run, _data in self._told(journal, blot):
            found.runs.add(run)
            found.texts += 1
        for (run,) in self._executor.inbox.store.rows(
            f"SELECT DISTINCT run FROM events WHERE run IS NOT NULL AND {blot.where(['row', 'key'])[0]}",  # noqa: S608
            blot.where(["row", "key"])[1],
        ):
            found.runs.add(run)
        folder = self._state / "runs"
        for path in sorted(folder.glob("*/**/*.parquet")) if folder.is_dir() else ():
            run = path.relative_to(folder).parts[0]
            if run not in found.runs and blot.parquet(path):
                found.runs.add(run)
        found.all = set(found.runs)
        for run in found.runs:
            record = journal.run(run)
            while record is not None and record.parent and record.parent not in found.all:
                found.all.add(record.parent)
                record = journal.run(record.parent)
        below = list(found.runs)
        while below:
            for (id,) in journal.rows("SELECT id FROM runs WHERE parent = ?", (below.pop(),)):
                if id not in found.all:
                    found.all.add(id)
                    below.append(id)
        return found

    def _told(self, journal: Journal, blot: Blot) -> Iterator[tuple[int, str, str]]:
        """Events that tell of it: number, run, data. Looked through piece by piece: nobody who writes waits for it."""
        where, values = blot.where(["data"])
        at, last = 0, journal.last()
        while at < last:
            for seq, run, data in journal.rows(
                f"SELECT seq, run, data FROM events WHERE seq > ? AND seq <= ? AND {where}",  # noqa: S608
                (at, at + _PAGE, *values),
            ):
                if blot.json(data) != data:
                    yield seq, run, data
            at += _PAGE

    def _data(self, run: str, blot: Blot) -> list[Path]:
        """What a run's folder holds that goes: all but the text of its flow, and that too where it holds the value."""
        folder = self._state / "runs" / run
        found = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()] if folder.is_dir() else []
        return [path for path in found if not (path.suffix == ".yaml" and not blot.file(path, write=False))]

    def _prune(self, run: str) -> None:
        folder = self._state / "runs" / run
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _texts(self, without: set[str]) -> Iterator[Path]:
        """Files of the executor that are neither stores nor rows, and not of these runs."""
        runs = self._state / "runs"
        for path in sorted(self._state.rglob("*")):
            stored = path.name.endswith((".sqlite", ".sqlite-wal", ".sqlite-shm", ".parquet", ".lock", ".key"))
            of = path.relative_to(runs).parts[0] if path.is_relative_to(runs) and path != runs else None
            if of in without or stored or not path.is_file() or path.is_symlink() or path.stat().st_size > LARGEST_TEXT:
                continue
            yield path

    def _events(self, blot: Blot) -> list[tuple[int, str, str, str]]:
        where, values = blot.where(["row", "key"])
        found = self._executor.inbox.store.rows(f"SELECT id, row, key, state FROM events WHERE {where}", values)  # noqa: S608
        return [(id, row, key, state) for id, row, key, state in found if blot.inside(row) or blot.inside(key)]

    def _erase_events(self, blot: Blot) -> None:
        """Events keep their number and, as far as it does not hold the value, their key: what has come once is not taken again."""
        store = self._executor.inbox.store
        with store.writing("inbox.erased") as db:
            for id, _row, key, state in self._events(blot):
                # Nothing may start from a row that is no longer what arrived.
                after = "discarded" if state in ("waiting", "dead") else state
                kept = f"{blot.text(key)} {self.hash(key)[:16]}" if blot.inside(key) else key
                db.execute("UPDATE events SET row = '{}', key = ?, state = ?, error = NULL WHERE id = ?", (kept, after, id))
            blot.store(db, write=True)

    def _blot_journal(self, journal: Journal, blot: Blot) -> None:
        where, values = blot.where(["parameters", "cause", "error", "label", "flow_file"])
        for id, *texts in journal.rows(f"SELECT id, parameters, cause, error, label, flow_file FROM runs WHERE {where}", values):  # noqa: S608
            parameters, cause, error = (blot.json(text, numbers=True) if text else text for text in texts[:3])
            label, file = (blot.text(text) if text else text for text in texts[3:])
            with journal.writing() as db:
                db.execute(
                    "UPDATE runs SET parameters = ?, cause = ?, error = ?, label = ?, flow_file = ? WHERE id = ?",
                    (parameters, cause, error, label, file, id),
                )
        for seq, _run, data in self._told(journal, blot):
            with journal.writing() as db:
                db.execute("UPDATE events SET data = ? WHERE seq = ?", (blot.json(data), seq))
        Words(journal).catch_up()
        with journal.writing() as db:
            db.execute("INSERT INTO told (told) VALUES ('optimize')")
            blot.store(db, write=True, skip=lambda table: table in ("runs", "events"))

    def _others(self, blot: Blot, write: bool) -> Iterator[tuple[Path, int]]:
        """The stores of other parts, with how many values of theirs hold it."""
        runs, jobs = self._state / "runs", erasing.stores(self._executor.root)
        for path in sorted(self._state.rglob("*.sqlite")):
            if path.is_relative_to(runs) or path in jobs or path.relative_to(self._state).as_posix() in _KEPT:
                continue
            with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
                db.execute("PRAGMA secure_delete = ON")
                db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                count = blot.store(db, write)
                db.execute("COMMIT")
            if count or write:  # a kill may have come between the two steps: then there is nothing left to count
                yield path, count


def _swept(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
        _emptied(db, vacuum=path.stat().st_size <= VACUUMED)


def _emptied(db: sqlite3.Connection, vacuum: bool) -> None:
    """Let nothing of what was taken out stay in free pages or in the write-ahead log."""
    if vacuum:
        db.execute("VACUUM")
    busy, _pages, _moved = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        # Somebody reads what was; the log is written over when they are through.
        db.execute("PRAGMA wal_checkpoint(RESTART)")
