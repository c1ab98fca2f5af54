"""The inbox's store: what it keeps, what it takes once, what it moves, and what a kill leaves."""

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tisserand.sdk import Arrived
from tisserand.service.inbox.store import InboxStore


@pytest.fixture
def store(tmp_path: Path):
    made = InboxStore(tmp_path / "inbox.sqlite")
    yield made
    made.close()


def states(path: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT key, state, attempts FROM events ORDER BY id").fetchall()
    finally:
        db.close()


def test_what_arrives_again_is_known_and_marks_stand_with_their_events(store: InboxStore) -> None:
    assert store.keep("a.yaml", "t", [Arrived({"n": 1}, "k1"), Arrived({"n": 2}, "k2")], {"at": 2}) == 2
    assert store.keep("a.yaml", "t", [Arrived({"n": 9}, "k2"), Arrived({"n": 3}, "k3"), Arrived({"n": 3}, "k3")], {"at": 3}) == 1
    assert store.keep("a.yaml", "u", [Arrived({"n": 1}, "k1")]) == 1, "another trigger has keys of its own"
    assert store.keep("a.yaml", "t", [Arrived({}, None), Arrived({}, None)]) == 2, "what has no key is never the same"
    assert store.mark("a.yaml", "t") == {"at": 3}
    assert store.mark("a.yaml", "u") is None
    assert (store.number("a.yaml", "t", "k1"), store.number("a.yaml", "t", "nobody")) == (1, None)
    first, new = store.keep_one("a.yaml", "t", Arrived({"n": 1}, "k4"))
    assert (first, new) != (0, False)
    assert store.keep_one("a.yaml", "t", Arrived({"n": 1}, "k4")) == (first, False)


def test_a_mark_is_not_kept_without_its_events(store: InboxStore) -> None:
    store.keep("a.yaml", "t", [], 1)
    with pytest.raises(AttributeError):
        store.keep("a.yaml", "t", [Arrived({"n": 1}, "k1"), Arrived({"n": object()}, "k2")], 2)
    assert store.mark("a.yaml", "t") == 1
    assert states(store.path) == []


def test_batches_are_taken_once_in_order_and_end_as_told(store: InboxStore) -> None:
    store.keep("a.yaml", "t", [Arrived({"n": n}, f"k{n}", f"trace-{n}") for n in range(5)])
    far = float("inf")
    one, two = store.take("a.yaml", "t", 2, far), store.take("a.yaml", "t", 2, far)
    assert [row["n"] for row in one.rows] == [0, 1]
    assert [row["n"] for row in two.rows] == [2, 3]
    assert one.traces == ("trace-0", "trace-1")
    assert one.label != two.label
    store.began(one.label, "20261125-000000-0000000")
    assert [(batch.label, batch.run) for batch in store.taken()] == [(one.label, "20261125-000000-0000000"), (two.label, None)]
    store.done(one.label)
    store.again(two.label, 5.0, {"code": "x"})
    assert states(store.path)[:4] == [("k0", "done", 0), ("k1", "done", 0), ("k2", "waiting", 1), ("k3", "waiting", 1)]
    third = store.take("a.yaml", "t", 10, far)
    assert [row["n"] for row in third.rows] == [2, 3, 4]
    assert third.attempts == 1
    store.began(third.label, "20261125-000000-0000001")
    store.dead(third.label, {"code": "x"})
    assert store.take("a.yaml", "t", 10, far) is None
    assert store.revive("20261125-000000-0000000") == 0
    assert store.revive("20261125-000000-0000001") == 3
    assert {state for _key, state, _attempts in states(store.path)} == {"done"}


def test_what_arrives_after_a_window_is_left_for_the_next(store: InboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100)
    monkeypatch.setattr("tisserand.service.inbox.store.time.time", lambda: float(next(clock)))
    for n in range(4):
        store.keep("a.yaml", "t", [Arrived({"n": n}, str(n))])
    assert [row["n"] for row in store.take("a.yaml", "t", 10, 102.0).rows] == [0, 1]
    assert [row["n"] for row in store.take("a.yaml", "t", 10, 110.0).rows] == [2, 3]


def test_full_is_told_from_the_number_on(store: InboxStore) -> None:
    store.keep("a.yaml", "t", [Arrived({}, str(n)) for n in range(3)])
    store.keep("a.yaml", "u", [Arrived({}, "x")])
    store.keep("b.yaml", "t", [Arrived({}, "x")])
    assert store.fuller("a.yaml", 4)
    assert not store.fuller("a.yaml", 5)
    store.take("a.yaml", "t", 2, float("inf"))
    assert not store.fuller("a.yaml", 4)


WRITER = """
import os, signal, sys
from pathlib import Path
from tisserand.sdk import Arrived
from tisserand.service.inbox.store import InboxStore
left = int(sys.argv[2])
def die(what):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
store = InboxStore(Path(sys.argv[1]), die)
for n in range(3):
    store.keep("a.yaml", "t", [Arrived({"n": n}, f"k{n}-{m}") for m in range(10)], n)
    batch = store.take("a.yaml", "t", 10, float("inf"))
    store.began(batch.label, f"run {n}")
    (store.done if n else store.dead)(batch.label, *(() if n else ({"code": "x"},)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_killed_at_any_write_a_batch_is_whole_and_its_mark_is_that_of_its_events(tmp_path: Path) -> None:
    for left in range(1, 13):
        path = tmp_path / f"{left}.sqlite"
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(left)], timeout=60, check=False)
        assert done.returncode == -9
        db = sqlite3.connect(path)
        kept = (left + 3) // 4
        assert db.execute("SELECT count(*) FROM events").fetchone() == (10 * kept,)
        assert json.loads(db.execute("SELECT mark FROM sources").fetchone()[0]) == kept - 1
        found = {state for (state,) in db.execute("SELECT state FROM events ORDER BY id DESC LIMIT 10")}
        assert found == {["waiting", "taken", "taken", "dead" if kept == 1 else "done"][(left - 1) % 4]}
        db.close()
