"""Letting go: which runs lose their data, which are removed, and how, so that a kill leaves nothing but work for the next time."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.apis.usage_store import FILE as USAGE
from tisserand.engine.journal import FINAL, Journal, RunRecord
from tisserand.engine.launch import EVENT, journal_path
from tisserand.service.figures.sums import Sums, keep_gone
from tisserand.service.figures.words import Words
from tisserand.service.retention.calls import Gone, Swept
from tisserand.service.retention.settings import Rules

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

DATA = ("spool", "tmp")
"""Folders of a run that hold rows."""

_PAGE = 500
_PAGES = 2_000
"""Free pages that are given back to the system at a time."""


class Sweeping:
    """One pass over a workspace. `on_step(what)` is called after each step: tests end the process there."""

    def __init__(self, executor: LocalExecutor, rules: Rules, on_step: Callable[[str], None] = lambda _what: None) -> None:
        self._executor = executor
        self._rules = rules
        self._folder = executor.root / ".tisserand" / "runs"
        self._on_step = on_step
        self._now = time.time()

    def plan(self) -> Swept:
        with Journal(journal_path(self._executor.root)) as journal:
            return self._work(journal, act=False, stopped=lambda: False)

    def sweep(self, stopped: Callable[[], bool] = lambda: False) -> Swept:
        with Journal(journal_path(self._executor.root)) as journal:
            return self._work(journal, act=True, stopped=stopped)

    def _work(self, journal: Journal, act: bool, stopped: Callable[[], bool]) -> Swept:
        data: list[Gone] = []
        sizes: dict[str, int] = {}
        """Of families that stay, by the run that nobody called."""
        ages: list[tuple[float, RunRecord, list[str]]] = []
        known: set[str] = set()
        for name in self._folders():
            top = _top(journal, name)
            if stopped() or top is None or top.id in known:
                continue
            known.add(top.id)
            family = _family(journal, top.id)
            if self._rules.size is not None:
                sizes[top.id] = sum(_size(self._folder / run) for run in family)
            if not _at_rest(self._executor, journal, top, family) or not self._holds_rows(family):
                continue
            until = self._rules.of(top.flow).data_until(top.state == "done", top.finished or 0.0)
            if until is not None and until <= self._now:
                data.append(self._drop_data(top, family, "age", act))
                sizes[top.id] = sizes.get(top.id, 0) - data[-1].bytes
            elif self._may_go_early(top):
                ages.append((top.finished or 0.0, top, family))
        if self._rules.size is not None:
            for _finished, top, family in sorted(ages, key=lambda each: (each[0], each[1].id)):
                if sum(sizes.values()) <= self._rules.size or stopped():
                    break
                data.append(self._drop_data(top, family, "size", act))
                sizes[top.id] -= data[-1].bytes
        runs: list[Gone] = []
        dropped = {each.run: each.bytes for each in data}
        for top in self._old(journal):
            if stopped():
                break
            family = _family(journal, top.id)
            if _at_rest(self._executor, journal, top, family):
                removed = self._remove(journal, top, family, act)
                if not act:  # its rows are told of already
                    removed = replace(removed, bytes=removed.bytes - dropped.get(top.id, 0))
                runs.append(removed)
                sizes.pop(top.id, None)
        if act and runs:
            _give_back(journal)
        kept = sum(sizes.values())
        size = sum(each.bytes for each in (*data, *runs))
        over = max(0, kept - self._rules.size) if self._rules.size is not None else 0
        return Swept(tuple(data), tuple(runs), size, kept, over, 0 if stopped() else self._usage(act, stopped))

    # -- which

    def _folders(self) -> list[str]:
        """Oldest first: ids sort by time."""
        try:
            return sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return []

    def _holds_rows(self, family: list[str]) -> bool:
        return any((self._folder / run / part).is_dir() for run in family for part in DATA)

    def _may_go_early(self, top: RunRecord) -> bool:
        """Where there is too much: a run that failed stays as long as it may be resumed."""
        rule = self._rules.of(top.flow)
        return top.state == "done" or (top.finished or 0.0) + rule.failed <= self._now

    def _old(self, journal: Journal) -> Iterator[RunRecord]:
        """Runs that nobody called and that are kept no longer, the oldest first."""
        least = self._rules.soonest_run
        if least is None:
            return
        at = (0.0, "")
        while True:
            found = journal.rows(
                "SELECT finished, id FROM runs INDEXED BY runs_finished WHERE finished IS NOT NULL AND (finished, id) > (?, ?) "
                "AND finished <= ? ORDER BY finished, id LIMIT ?",
                (*at, self._now - least, _PAGE),
            )
            for finished, id in found:
                at = (finished, id)
                record = journal.run(id)
                if record is None or (record.parent is not None and journal.run(record.parent) is not None):
                    continue
                until = self._rules.of(record.flow).run_until(record.state == "done", finished)
                if until is not None and until <= self._now:
                    yield record
            if len(found) < _PAGE:
                return

    # -- letting go

    def _usage(self, act: bool, stopped: Callable[[], bool]) -> int:
        """Rows of usage of APIs. What quotas count stands by itself, and stays."""
        if self._rules.usage is None or not (self._executor.root / ".tisserand" / USAGE).exists():
            return 0
        store, before = self._executor.gateways.store, self._now - self._rules.usage
        if not act:
            return store.old(before)
        removed = store.forget(before, stopped)
        self._on_step("usage")
        return removed

    def _drop_data(self, top: RunRecord, family: list[str], reason: str, act: bool) -> Gone:
        """Rows go, of the run and of those it called: either may read what the other wrote. What says what the run was stays."""
        freed = 0
        for run in family:
            for part in DATA:
                freed += _size(self._folder / run / part)
                if act:
                    shutil.rmtree(self._folder / run / part, ignore_errors=True)
            event = self._folder / run / EVENT
            if top.state == "done" and event.exists():
                freed += event.stat().st_size
                if act:
                    event.unlink(missing_ok=True)
        if act:
            self._on_step("data")
        return Gone(top.id, top.flow, top.finished or 0.0, freed, reason)

    def _remove(self, journal: Journal, top: RunRecord, family: list[str], act: bool) -> Gone:
        """The folder first: a run without one can be removed again, a folder without its run would stay for ever."""
        freed = sum(_size(self._folder / run) for run in family)
        if act:
            for run in family:
                shutil.rmtree(self._folder / run, ignore_errors=True)
            self._on_step("folder")
            self._executor.keys.store.forget(family)
            self._on_step("keys")
            Sums(journal).count_the_old()
            with journal.writing("run.removed") as db:
                columns = "SELECT flow, created, state, started, finished, rows, bytes FROM runs WHERE id = ? AND parent IS NULL"
                keep_gone(db, [row for run in family for row in db.execute(columns, (run,))])
                for run in reversed(family):
                    db.execute("DELETE FROM events WHERE run = ?", (run,))
                    db.execute("DELETE FROM progress WHERE run = ?", (run,))
                    db.execute("DELETE FROM runs WHERE id = ?", (run,))
            self._on_step("journal")
        return Gone(top.id, top.flow, top.finished or 0.0, freed)


def _top(journal: Journal, run: str) -> RunRecord | None:
    """The run that nobody called to which this one belongs; None for a folder of no run."""
    record = journal.run(run)
    while record is not None and record.parent is not None:
        above = journal.run(record.parent)
        if above is None:
            break
        record = above
    return record


def _family(journal: Journal, top: str) -> list[str]:
    """A run and all that it called, callers first."""
    found = [top]
    for run in found:
        found += [id for (id,) in journal.rows("SELECT id FROM runs WHERE parent = ? ORDER BY id", (run,))]
    return found


def _at_rest(executor: LocalExecutor, journal: Journal, top: RunRecord, family: list[str]) -> bool:
    """Whether nothing of it is under way, and no event of the inbox awaits how it ends."""
    if any((record := journal.run(run)) is None or record.state not in FINAL for run in family):
        return False
    return executor.inbox.store.row("SELECT 1 FROM events WHERE run = ? AND state = 'taken' LIMIT 1", (top.id,)) is None


def _size(path: Path) -> int:
    """Bytes of the files in a folder; what a hard link shares with a file elsewhere is freed only there."""
    total = 0
    for place, _folders, files in os.walk(path):
        for name in files:
            try:
                total += Path(place, name).lstat().st_size
            except FileNotFoundError:
                continue  # gone meanwhile
    return total


def _give_back(journal: Journal) -> None:
    """Give the journal's free pages back to the system, some at a time: who writes must not wait."""
    Words(journal).catch_up()
    while (left := journal.row("PRAGMA freelist_count")) is not None and left[0] > 0:
        with journal._lock:
            journal._quick.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        after = journal.row("PRAGMA freelist_count")
        if after is None or after[0] >= left[0]:
            return  # a journal of before: its free pages are used again


ONE = threading.Lock()
"""Two passes at once would count the same bytes twice."""
