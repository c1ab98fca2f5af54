"""What verifying the audit log shows: changed, removed, moved and cut off entries; and what is entered by whom."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from tisserand.engine.launch import RunRequest
from tisserand.service.audit.store import FIRST, Audit, seal
from tisserand.service.local import LocalExecutor


@pytest.fixture
def log(root):
    (root / ".tisserand").mkdir(exist_ok=True)
    made = Audit(root / ".tisserand" / "audit.sqlite")
    for n in range(6):
        made.note("run.started", f"flow {n}", {"n": n}, by="ann")
    yield made
    made.close()


def tampered(log, *statements):
    with sqlite3.connect(log.path) as db:
        for name in ("entries_stay", "entries_last"):
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)


def test_a_log_as_it_was_written_is_whole(log):
    found = log.verify()
    assert found.whole and (found.entries, found.broken, found.missing, found.end) == (6, (), 0, "fits")


@pytest.mark.parametrize(
    ("statements", "broken", "missing"),
    [
        (["UPDATE entries SET \"by\" = 'bob' WHERE id = 3"], (3,), 0),
        (["DELETE FROM entries WHERE id = 3"], (4,), 0),
        (
            ["UPDATE entries SET id = 100 WHERE id = 2", "UPDATE entries SET id = 2 WHERE id = 3", "UPDATE entries SET id = 3 WHERE id = 100"],
            (2, 3, 4),
            0,
        ),
        (["DELETE FROM entries WHERE id > 4"], (), 2),
        (["DELETE FROM entries"], (), 6),
    ],
)  # fmt: skip
def test_what_was_done_to_the_log_shows(log, statements, broken, missing):
    tampered(log, *statements)
    found = log.verify()
    assert not found.whole and (found.broken, found.missing) == (broken, missing)


def test_a_log_made_anew_from_its_beginning_shows_at_its_end(log):
    """Somebody changes an entry and seals all that follow again, as anybody can."""
    rows = [list(row) for row in log.rows("SELECT * FROM entries ORDER BY id")]
    rows[2][2], before = "bob", FIRST
    for row in rows:
        row[6] = before = seal(before, *row[:6])
    tampered(log, "DELETE FROM entries")
    with sqlite3.connect(log.path) as db:
        db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    found = log.verify()
    assert (found.broken, found.missing, found.end, found.whole) == ((), 0, "wrong", False)


def test_a_forged_or_missing_end_shows(log):
    end = log.path.with_suffix(".end")
    known = json.loads(end.read_text())
    end.write_text(json.dumps({**known, "end": known["end"].replace("6", "5", 1)}))
    assert log.verify().end == "wrong"
    end.unlink()
    assert (log.verify().end, log.verify().whole) == ("none", False)


@pytest.mark.parametrize("where", ["before", "between"])
def test_a_kill_while_an_entry_is_written_is_no_tampering(log, where, root):
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from tisserand.service.audit import ends
        from tisserand.service.audit.store import Audit
        written = ends.write
        def write(path, end):
            if {where!r} == "between" and end.sure:
                os.kill(os.getpid(), signal.SIGKILL)
            written(path, end)
            if {where!r} == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        ends.write = write
        Audit(Path(sys.argv[1])).note("x.y", "z")
    """
    ended = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(program), str(log.path)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    found = log.verify()
    assert found.whole and found.entries == (6 if where == "before" else 7)
    log.note("x.y", "after")
    assert log.verify().whole
    tampered(log, "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)")
    assert log.verify().missing == 1


def test_what_people_do_is_entered_before_it_is_done(executor, worker, root):
    worker('journal.append(run, "node.started", "a")\njournal.set_state(run, "failed")\n')
    run = executor.start(RunRequest("flows/sample.yaml", by="ann", parameters={"pin": "secret-4711"}))
    list(executor.events(run, follow=True))
    executor.resume(run, by="bob")
    list(executor.events(run, follow=True))
    executor.cancel(run, by="eve")
    executor.watch("flows/sample.yaml", by="ann")
    executor.unwatch("flows/sample.yaml", by="ann")
    executor.start(RunRequest("flows/sample.yaml", trigger="schedule"))  # nobody did that
    found = [(entry.what, entry.target, entry.by) for entry in reversed(executor.audit.entries())]
    assert found == [
        ("run.started", "flows/sample.yaml", "ann"), ("run.resumed", run, "bob"), ("run.cancelled", run, "eve"),
        ("flow.switched_on", "flows/sample.yaml", "ann"), ("flow.switched_off", "flows/sample.yaml", "ann"),
    ]  # fmt: skip
    assert executor.audit.entries()[-1].data["parameters"] == ["pin"]
    assert executor.audit.verify().whole
    assert b"secret-4711" not in (root / ".tisserand" / "audit.sqlite").read_bytes()
    assert [entry.by for entry in executor.audit.entries(target=run, limit=1)] == ["eve"]


def test_the_command_line_lists_exports_and_verifies(root, capsys, monkeypatch, tmp_path):
    import io

    from tisserand.cli.main import call

    monkeypatch.setenv("TISSERAND_SECRETS", "file")
    where = ["--workspace", str(root)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("hidden-value\n"))
    assert call(["secret", "set", "token", *where]) == 0
    assert call(["connection", "add", "crm", "http", "--set", "base_url=https://crm.example", *where]) == 0
    assert call(["connection", "remove", "crm", *where]) == 0
    assert call(["secret", "remove", "token", *where]) == 0
    capsys.readouterr()
    assert call(["audit", "list", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)["entries"]
    assert [(entry["what"], entry["target"]) for entry in reversed(told)] == [
        ("secret.set", "token"), ("connection.set", "crm"), ("connection.removed", "crm"), ("secret.removed", "token"),
    ]  # fmt: skip
    assert "hidden-value" not in json.dumps(told)
    assert call(["audit", "export", str(tmp_path / "log.jsonl"), *where]) == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == told[::-1]
    assert call(["audit", "verify", *where]) == 0
    assert "4 entries" in capsys.readouterr().out
    log = Audit(root / ".tisserand" / "audit.sqlite")
    tampered(log, "DELETE FROM entries WHERE id = 4")
    log.close()
    assert call(["audit", "verify", *where]) == 1
    assert "cut off" in capsys.readouterr().err


def test_the_executor_closes_what_it_opened(root):
    LocalExecutor(root).close()
