"""What every store of the executor shares: one SQLite file for many threads and processes, written before the effect it records."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from tisserand.texts import Message, msg


class StoreError(Exception):
    """A store cannot be used; `message` is the sentence."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message.text("en"))


class Store:
    """Opens (and creates) the file at `path`. One instance may be used by all threads of a process, and many processes may have
    one each.

    A subclass lists its `migrations`: each is a script of SQL statements that takes the file from one version to the next. What
    `writing` did is on the disk when the block is left (`synchronous=FULL`), unless it was asked to be `quick`. `on_write(what)` is
    called after each commit that was given a name, outside the lock: tests end the process there.
    """

    migrations: ClassVar[Sequence[str]] = ()

    def __init__(self, path: Path, on_write: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._on_write = on_write
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._durable = self._open("FULL")
        try:
            self._migrate()
            # NORMAL spares the fsync of each commit; unlike OFF it still syncs when the WAL is written back.
            self._quick = self._open("NORMAL")
        except BaseException:
            self._durable.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._quick.close()
            self._durable.close()

    def _open(self, synchronous: str) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            # Counts for a file that is new: what is taken out of it can be given back to the system bit by bit.
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute(f"PRAGMA synchronous = {synchronous}")
            # What is erased later must not be left over from rows that were written anew before.
            db.execute("PRAGMA secure_delete = ON")
            _set_wal(db)
        except sqlite3.DatabaseError as error:
            db.close()
            raise self._broken(error) from error
        return db

    def _broken(self, error: Exception) -> StoreError:
        return StoreError(msg("The store “{path}” cannot be opened: {reason}.", path=str(self.path), reason=str(error)))

    def _newer(self) -> StoreError:
        return StoreError(
            msg("The store “{path}” was written by a newer Tisserand. Update Tisserand to open it.", path=str(self.path))
        )

    def _migrate(self) -> None:
        db = self._durable
        if db.execute("PRAGMA user_version").fetchone()[0] == len(self.migrations):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            for script in self.migrations[version:]:
                for statement in _statements(script):
                    db.execute(statement)
            if version < len(self.migrations):
                db.execute(f"PRAGMA user_version = {len(self.migrations)}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        if version > len(self.migrations):
            raise self._newer()

    @contextmanager
    def writing(self, what: str = "", *, quick: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction; everything in the block or nothing."""
        with self._lock:
            db = self._quick if quick else self._durable
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        if what:
            self._wrote(what)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._quick.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with self._lock:
            found: tuple[Any, ...] | None = self._quick.execute(sql, values).fetchone()
            return found

    def _wrote(self, what: str) -> None:
        if self._on_write is not None:
            self._on_write(what)


def _statements(script: str) -> Iterator[str]:
    """A script's statements; those of a trigger hold semicolons of their own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _set_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; two processes that create the file at once make one of them wait, which SQLite itself does not do here."""
    deadline = time.monotonic() + 30
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
