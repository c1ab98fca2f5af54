"""The words of errors, in an index that catches up with the journal before it is asked."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable

from tisserand.engine.journal import Journal
from tisserand.model.problem import Problem
from tisserand.texts import LANGUAGES

SHORTEST = 3
"""Fewer letters than this are not looked for in errors."""

CHUNK = 2_000


class Words:
    """What errors say, in every language, by the time of their runs."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def catch_up(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Read what was told since the last time."""
        while self._journal.row("SELECT 1 FROM unread LIMIT 1") is not None and not stopped():
            with self._journal.writing(quick=True) as db:
                for (run,) in db.execute("SELECT run FROM unread LIMIT ?", (CHUNK,)).fetchall():
                    _read(db, run)


def match(text: str) -> str:
    """The query of the index for a text: all its groups of three letters, of which the text itself is then asked for."""
    folded = text.casefold()
    parts = dict.fromkeys(folded[n : n + 3] for n in range(len(folded) - 2))
    return " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)


def _read(db: sqlite3.Connection, run: str) -> None:
    known = db.execute("SELECT at FROM told_as WHERE run = ?", (run,)).fetchone()
    if known is not None:
        db.execute("DELETE FROM told WHERE rowid = ?", known)
        db.execute("DELETE FROM told_as WHERE run = ?", (run,))
    found = db.execute("SELECT created, error FROM runs WHERE id = ? AND error IS NOT NULL", (run,)).fetchone()
    if found is not None:
        at = int(found[0] * 1_000_000) * 1_000 + zlib.crc32(run.encode()) % 1_000
        while db.execute("SELECT 1 FROM told WHERE rowid = ?", (at,)).fetchone() is not None:
            at += 1
        db.execute("INSERT INTO told (rowid, text, run) VALUES (?, ?, ?)", (at, _text(found[1]), run))
        db.execute("INSERT INTO told_as VALUES (?, ?)", (run, at))
    db.execute("DELETE FROM unread WHERE run = ?", (run,))


def _text(error: str) -> str:
    """What is looked for, in small letters of any script: the code, the node, and the sentence in every language."""
    told = json.loads(error)
    if not isinstance(told, dict) or "message" not in told:
        return json.dumps(told, ensure_ascii=False).casefold()
    problem = Problem.from_json(told)
    sentences = dict.fromkeys(problem.message.text(language) for language in LANGUAGES)
    return " · ".join([problem.code, problem.place.node or "", *sentences]).casefold()
