"""Erasure by value: nothing of the value is left in any byte that the executor keeps, whatever is killed when; figures stay."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tisserand.engine.launch import RunRequest
from tisserand.model.problem import Problem
from tisserand.sdk.node import Arrived
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.texts import msg

VALUE = "ORD-é4711-ZZ"

FLOW = """\
tisserand: 1
id: orders
keys: {order: read.id}
parameters:
  note: {type: text, default: none}
nodes:
  read:
    kind: file.read_csv
    config: {path: "{{ workspace }}/data/orders.csv"}
  sorted:
    kind: table.sort
    inputs: {table: read}
    config: {by: [id]}
  one: {kind: flow.log, inputs: {table: sorted}, config: {message: "About $note"}}
  write:
    kind: file.write_csv
    inputs: {table: sorted}
    config: {path: "{{ workspace }}/out/large.csv"}
"""


def places(root, value):
    """Every file below .tisserand in which a value stands: in any byte, or in a cell of a Parquet file."""
    forms = [value.encode(), json.dumps(value)[1:-1].encode(), value.encode("utf-16-le")]
    found = []
    for path in sorted((root / ".tisserand").rglob("*")):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        cells = path.suffix == ".parquet" and any(
            value in str(cell) for column in pq.read_table(path).columns for cell in column.to_pylist()
        )
        if cells or any(form in raw for form in forms):
            found.append(path.relative_to(root / ".tisserand").as_posix())
    return found


def write_orders(root, ids):
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "orders.csv").write_text("id,amount\n" + "".join(f"{id},{n}\n" for n, id in enumerate(ids)))
    (root / "flows" / "orders.yaml").write_text(FLOW)


def filled(root):
    """Runs with and without the value; gives those with it and one without."""
    local = LocalExecutor(root, grace=2)
    (root / ".tisserand" / "crashes").mkdir(exist_ok=True)
    write_orders(root, ["A-1", "A-2"])
    without = local.start(RunRequest("flows/orders.yaml", keep="all"))
    assert local.wait(without).state == "done"
    write_orders(root, ["A-1", VALUE])
    by_row = local.start(RunRequest("flows/orders.yaml", keep="all"))
    assert local.wait(by_row).state == "done"
    write_orders(root, ["A-1"])
    by_parameter = local.start(RunRequest("flows/orders.yaml", parameters={"note": f"see {VALUE}."}))
    assert local.wait(by_parameter).state == "done"
    local.journal.append(by_row, "log", None, {"message": msg("Row “{id}” is late.", id=VALUE).to_json(), "level": "info"})
    local.journal.set_state(by_row, "failed", Problem("node.error", msg("“{id}” is refused.", id=VALUE)))
    local.figures.words.catch_up()
    local.inbox.store.keep(
        "flows/orders.yaml",
        "hook",
        [Arrived({"id": VALUE}, VALUE), Arrived({"id": "A-3"}, "other"), Arrived({"id": VALUE}, "k3")],
    )
    (root / ".tisserand" / "crashes" / "x.txt").write_text(f"Error: {VALUE}\n")
    (root / ".tisserand" / "runs" / without / "worker.log").write_text(f"nothing of X{VALUE}, that is another word\n")
    local.close()
    return by_row, by_parameter, without


@pytest.fixture
def erased_root(root):
    return root, filled(root)


def test_nothing_of_the_value_is_left_and_figures_stay(erased_root, executor):
    root, (by_row, by_parameter, without) = erased_root
    before = places(root, VALUE)
    assert {"keys.sqlite", "journal.sqlite", "inbox.sqlite", "crashes/x.txt"} <= {path.removesuffix("-wal") for path in before}
    assert any(path.endswith(".parquet") for path in before)
    figures = [replace(each, inbox=0) for each in executor.figures.flows(0)]
    plan = executor.keys.erasure("order", VALUE)
    assert set(plan.runs) == {by_row, by_parameter} and plan.busy == () and (plan.entries, plan.events) == (1, 2)
    assert places(root, VALUE) == before, "a plan changes nothing"
    kept = places(root, "A-2")
    done = executor.keys.erase("order", VALUE, "ann", "asked by letter")
    assert done.finished is not None
    left = places(root, VALUE)
    assert left == [f"runs/{without}/worker.log"], left  # inside another word
    assert places(root, "A-2") == kept, "other data stays"
    assert [replace(each, inbox=0) for each in executor.figures.flows(0)] == figures
    assert executor.keys.search(VALUE).steps == ()
    assert executor.run(by_row).error.message.args == {"id": "(erased)"}
    assert executor.run(by_parameter).parameters == {"note": "see (erased)."}
    assert [(event.state, dict(event.row)) for event in executor.inbox.events()] == [
        ("discarded", {}), ("waiting", {"id": "A-3"}), ("discarded", {}),
    ]  # fmt: skip
    with pytest.raises(Refused):
        executor.resume(by_row)
    assert [(e.name, e.by, e.reason, e.hash) for e in executor.keys.erasures()] == [
        ("order", "ann", "asked by letter", done.hash)
    ]
    here = LocalExecutor(root)
    entry = here.audit.entries()[0]
    assert (entry.what, entry.by, entry.data["hash"], list(here.audit.broken())) == ("value.erased", "ann", done.hash, [])
    here.close()


def test_what_must_not_be_erased(erased_root, executor, worker):
    for value, reason in [("ab", "short"), ("x" * 501, "long"), (VALUE, f"because of {VALUE}")]:
        with pytest.raises(Refused):
            executor.keys.erase("order", value, "ann", reason)
    worker('journal.append(run, "node.started", "a")\ntime.sleep(60)\n')
    run = executor.start(RunRequest("flows/sample.yaml", parameters={"note": VALUE}))
    next(event for event in executor.events(run, follow=True) if event.kind == "node.started")
    with pytest.raises(Refused, match="not over"):
        executor.keys.erase("order", VALUE, "ann", "why not")
    executor.cancel(run)


def test_callers_and_called_runs_lose_their_data_too(root):
    local = LocalExecutor(root)
    from tisserand.engine.journal import RunRecord

    ids = [f"20260101-00000{n}-abc000{n}" for n in range(5)]
    for id, parent in zip(ids, [None, ids[0], ids[1], ids[0], None], strict=True):
        local.journal.create_run(RunRecord(id, "f", parent=parent))
        local.journal.set_state(id, "done")
        (root / ".tisserand" / "runs" / id / "spool").mkdir(parents=True)
        (root / ".tisserand" / "runs" / id / "spool" / "data").write_text("x")
    local.keys.store.put(ids[1], "f", "n", "order", [VALUE], False)
    assert local.keys.erase("order", VALUE, "ann", "r").runs == tuple(ids[:3])
    assert [(root / ".tisserand" / "runs" / id / "spool" / "data").exists() for id in ids] == [False, False, False, True, True]
    local.close()


STEPS = ["begun", "data", "inbox", "journal", "files", "stores", "index", "finished"]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_in_the_middle_is_finished_by_the_next_start(root, step):
    local = LocalExecutor(root)
    from tisserand.engine.journal import RunRecord

    run = "20260101-000000-abc0001"
    local.journal.create_run(RunRecord(run, "f", parameters={"id": VALUE}))
    local.journal.append(run, "log", None, {"message": VALUE})
    local.journal.set_state(run, "done")
    folder = root / ".tisserand" / "runs" / run
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps({"id": VALUE}))
    (root / ".tisserand" / "serve.log").write_text(f"{VALUE}\n")
    local.keys.store.put(run, "f", "n", "order", [VALUE], False)
    local.inbox.store.keep("flows/sample.yaml", "hook", [Arrived({"id": VALUE}, "k")])
    local.close()
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from tisserand.service.local import LocalExecutor
        local = LocalExecutor(Path(sys.argv[1]))
        local.keys.erasing._on_step = lambda what: os.kill(os.getpid(), signal.SIGKILL) if what == {step!r} else None
        local.keys.erase("order", {VALUE!r}, "ann", "r")
    """
    ended = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(program), str(root)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    if step != "finished":
        assert places(root, VALUE)
    again = LocalExecutor(root)
    again.keys.erasing.finish()
    again.close()
    assert places(root, VALUE) == []
    again = LocalExecutor(root)
    assert [each.finished is not None for each in again.keys.erasures()] == [True]
    again.close()


def test_a_kill_between_blotting_and_emptying_leaves_nothing_in_free_pages(root):
    """The row is gone already; its bytes are not, and nothing is left to count."""
    local = LocalExecutor(root)
    folder = root / ".tisserand" / "published" / "a@1"
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / "usage.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE requests (error TEXT)")
        db.executemany("INSERT INTO requests VALUES (?)", [(f"{VALUE} {n}",) for n in range(100)])
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("DELETE FROM requests")
    assert places(root, VALUE) == ["published/a@1/usage.sqlite"]
    with local.keys.store.writing() as db:
        db.execute(
            'INSERT INTO erasures (name, value, hash, "by", reason, since) VALUES (?, ?, ?, ?, ?, ?)',
            ("order", VALUE, local.keys.erasing.hash(VALUE), "ann", "r", 1.0),
        )
    assert local.keys.erasing.finish() == 1
    local.close()
    assert places(root, VALUE) == []


def test_without_overwriting_the_value_would_be_left(root, monkeypatch):
    """The guard taken away: the rows are gone, their bytes are not."""
    from tisserand.service.keys import erase

    local = LocalExecutor(root)
    for store in (local.keys.store, local.journal):
        store._durable.execute("PRAGMA secure_delete = OFF")
        store._quick.execute("PRAGMA secure_delete = OFF")
    monkeypatch.setattr(erase, "_emptied", lambda *_args, **_named: None)
    local.keys.store.put("20260101-000000-abc0001", "f", "n", "order", [VALUE, *(f"v{n}" for n in range(100))], False)
    local.keys.erase("order", VALUE, "ann", "r")
    assert places(root, VALUE)
    local.close()


def test_erase_on_the_command_line(erased_root, capsys, monkeypatch):
    import io

    from tisserand.cli.main import call

    root, _runs = erased_root
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{VALUE}\n"))
    assert call(["erase", "order", "--reason", "r", "--json", "--workspace", str(root)]) == 0
    assert json.loads(capsys.readouterr().out)["finished"] is None
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{VALUE}\n"))
    assert call(["erase", "order", "--reason", "r", "--yes", "--workspace", str(root)]) == 0
    told = capsys.readouterr()
    assert "2 runs lose" in told.err and "It is erased" in told.out and VALUE not in told.out + told.err
    assert len(places(root, VALUE)) == 1
    assert os.path.exists(root / "out" / "large.csv"), "what sinks wrote belongs to others"
