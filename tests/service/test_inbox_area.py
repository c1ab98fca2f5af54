"""Dead letters through both executors and on the command line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from tisserand.sdk import Arrived
from tisserand.service.inbox.here import FILE as STORE
from tisserand.service.inbox.store import InboxStore
from tisserand.service.protocol import Refused

FLOW = "tisserand: 1\nid: drop\nnodes:\n  arrives:\n    kind: trigger.folder\n    config: {folder: flows}\n"
FILE = "flows/drop.yaml"


def fill(root) -> None:
    (root / "flows" / "drop.yaml").write_text(FLOW)
    store = InboxStore(root / ".tisserand" / STORE)
    store.keep(FILE, "arrives", [Arrived({"file": f"in/{n}.csv", "stem": f"100%_{n}"}, f"k{n}") for n in range(4)])
    batch = store.take(FILE, "arrives", 2, float("inf"))
    store.began(batch.label, "20261125-000000-0000000")
    problem = {"code": "x", "message": {"id": "It broke.", "args": {}}, "fix": None, "place": {}, "severity": "error"}
    store.dead(batch.label, problem)
    store.close()


def test_the_same_through_both_executors(executor, root) -> None:
    fill(root)
    inbox = executor.inbox
    assert [event.key for event in inbox.events()] == ["k3", "k2", "k1", "k0"]
    assert [event.key for event in inbox.events(FILE, "dead")] == ["k1", "k0"]
    assert [event.key for event in inbox.events(limit=2, before=3)] == ["k1", "k0"]
    assert [event.key for event in inbox.events(text="100%_2")] == ["k2"]
    assert inbox.events(text="100__2") == [], "a text stands for itself"
    assert inbox.events("flows/other.yaml") == []
    counts = inbox.counts()
    assert [(found.file, dict(found.counts)) for found in counts] == [(FILE, {"dead": 2, "waiting": 2})]
    assert counts[0].oldest is not None
    dead = inbox.event(1)
    assert (dead.attempts, dead.run, dead.error.message.text("en")) == (1, "20261125-000000-0000000", "It broke.")
    for wrong in (
        lambda: inbox.event(99),
        lambda: inbox.edit(1, {"file": "a", "other": 1}),
        lambda: inbox.resubmit([1, 3]),
        lambda: inbox.discard([99]),
    ):
        with pytest.raises(Refused):
            wrong()
    assert inbox.edit(1, {"file": "in/mended.csv", "stem": "mended"}, "ann").edited_by == "ann"
    assert inbox.resubmit([1], "ann") == 1
    assert inbox.discard([2, 3], "ann") == 2
    db = sqlite3.connect(root / ".tisserand" / STORE)
    assert db.execute("SELECT id, state, attempts, json_extract(row, '$.file') FROM events ORDER BY id").fetchall() == [
        (1, "waiting", 0, "in/mended.csv"),
        (2, "discarded", 1, "in/1.csv"),
        (3, "discarded", 0, "in/2.csv"),
        (4, "waiting", 0, "in/3.csv"),
    ]
    db.close()
    assert inbox.hooks() == []


def test_the_command_line_lists_mends_and_sends_again(root) -> None:
    fill(root)

    def call(*words: str, code: int = 0, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tisserand.cli.main", "inbox", *words, "--workspace", str(root)],
            capture_output=True, text=True, timeout=60, check=False, input=stdin,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    listed = json.loads(call("list", "--state", "dead", "--flow", "drop", "--json"))
    assert [event["key"] for event in listed["events"]] == ["k1", "k0"]
    assert "given up" in call("list")
    assert json.loads(call("edit", "1", "--set", "stem=other", "--json"))["row"] == {"file": "in/0.csv", "stem": "other"}
    assert "no column" in call("edit", "1", "--row", code=2, stdin='{"x": 1}')
    assert "It broke." in call("show", "1")
    assert json.loads(call("resubmit", "--dead", "--flow", "drop", "--json")) == {"resubmitted": 2}
    assert json.loads(call("discard", "3", "4", "--json")) == {"discarded": 2}
    assert json.loads(call("counts", "--json"))["flows"][0]["counts"] == {"discarded": 2, "waiting": 2}
    assert "Name events" in call("resubmit", code=2)
    assert "No address" in call("hooks")
