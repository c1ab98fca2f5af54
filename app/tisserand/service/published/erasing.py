"""Erasing a value from the jobs of published flows: a job that holds it keeps its number and tells that its data was erased."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from tisserand.engine.launch import process_alive
from tisserand.service.published.answers import PROBLEM, problem
from tisserand.service.published.folder import ADDRESS, published_folder, read
from tisserand.service.published.history import BOUND
from tisserand.service.published.jobs import FILE, Sent
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.keys.blot import Blot

_PAGE = 1000
"""Jobs that are looked at in one query: nobody who accepts one waits for it."""


def settle(root: Path) -> None:
    """Wait until what was answered so far stands in the history."""
    addresses = (read(path) for path in published_folder(root).glob(f"*/{ADDRESS}"))
    if any(each is not None and process_alive(int(each["pid"]), float(each["started"])) for each in addresses):
        time.sleep(BOUND)


def stores(root: Path) -> list[Path]:
    """Of each published flow the jobs, also of one that is published no more."""
    return sorted(published_folder(root).glob(f"*/{FILE}"))


def holding(path: Path, blot: Blot) -> list[str]:
    """The ids of the jobs that hold a value: in what was sent, in whatever form it came, or in what was answered."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
        return list(_holding(db, blot))


def erase(path: Path, blot: Blot, hash: Callable[[str], str]) -> int:
    """Take the data out of the jobs that hold a value; gives how many did. One that is not over ends with it: nothing is worked out
    from what is no longer what was sent."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        found = list(_holding(db, blot))
        for id in found:
            db.execute("BEGIN IMMEDIATE")
            consumer, key, trace = db.execute("SELECT consumer, key, trace FROM jobs WHERE id = ?", (id,)).fetchone()
            answer = problem(410, msg("The data of this job was erased."), "en", id)
            # Whoever repeats the request with its key gets this job again: it is not done a second time.
            kept = f"{blot.text(key)} {hash(key)[:16]}" if key is not None and blot.inside(key) else key
            db.execute(
                "UPDATE jobs SET sent = ?, rows = '[]', fingerprint = '', state = 'failed', status = ?, kind = ?, headers = '[]', "
                "body = ?, finished = coalesce(finished, ?), key = ?, consumer = ?, trace = ? WHERE id = ?",
                (Sent({}, b"", {}, b"", 0.0).text(), answer.status, PROBLEM.decode(), answer.body, time.time(), kept,
                 blot.text(consumer), blot.text(trace), id),
            )  # fmt: skip
            db.execute("COMMIT")
        return len(found)


def _holding(db: sqlite3.Connection, blot: Blot) -> Iterator[str]:
    last = 0
    while True:
        found = db.execute(
            "SELECT number, id, sent, rows, headers, body, key, consumer, trace FROM jobs WHERE number > ? ORDER BY number LIMIT ?",
            (last, _PAGE),
        ).fetchall()
        if not found:
            return
        for last, id, sent, rows, headers, body, *texts in found:  # noqa: B007 - where the next page goes on
            if any(_inside(blot, text) for text in (*_sent(sent), rows, headers, body, *texts)):
                yield id


def _sent(text: str) -> Iterator[Any]:
    """What was sent, as it was meant: an address has its own way of writing, and the body stands there in base64."""
    data = json.loads(text)
    yield from data["path"].values()
    yield data["query"]
    yield unquote_plus(data["query"])
    for value in data["headers"].values():
        yield value
        yield value.encode("latin-1").decode("utf-8", errors="replace")
    yield base64.b64decode(data["body"])


def _inside(blot: Blot, text: str | bytes | None) -> bool:
    if not text:
        return False
    plain = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    # A number is written without quotes, and a letter in many ways: as JSON it is read, not searched.
    return blot.inside(plain) or blot.json(plain, numbers=True) != plain
