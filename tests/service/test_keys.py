"""Business keys: the values that plain Python finds in the data are found again, with the way through flows and runs."""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import time
from contextlib import closing

import pytest

from tisserand.engine.keystore import KeyStore
from tisserand.engine.launch import RunRequest
from tisserand.sdk.node import Arrived
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused

FLOW = """\
tisserand: 1
id: orders
title: Orders
keys:
  order: large.id
  customer: read.customer
  weight: shaped.weight
  small: large.rejected.id
nodes:
  read:
    kind: file.read_csv
    config: {path: "{{ workspace }}/data/orders.csv"}
  shaped:
    kind: table.formula
    inputs: {table: read}
    config: {columns: {weight: "amount * 0.5"}}
  large:
    kind: table.filter
    inputs: {table: shaped.table}
    config: {where: amount > 10}
  write:
    kind: file.write_csv
    inputs: {table: large.kept}
    config: {path: "{{ workspace }}/out/large.csv"}
"""


def orders(root, seed=3, count=300):
    rand = random.Random(seed)
    rows = [
        {"id": f"ORD-{rand.randrange(1000):04}", "customer": rand.choice(["Ada", "Bo", "Chloé", "", "O'Neil"]), "amount": rand.randrange(30)}
        for _ in range(count)
    ]  # fmt: skip
    (root / "data").mkdir(exist_ok=True)
    with (root / "data" / "orders.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["id", "customer", "amount"])
        writer.writeheader()
        writer.writerows(rows)
    (root / "flows" / "orders.yaml").write_text(FLOW)
    return rows


@pytest.fixture
def local(root):
    made = LocalExecutor(root, grace=2)
    yield made
    made.close()


def done(local, request):
    run = local.start(request)
    found = local.wait(run)
    assert found.state == "done", found.error
    return run


def entered(root):
    with sqlite3.connect(root / ".tisserand" / "keys.sqlite") as db:
        rows = db.execute("SELECT run, name, value, node FROM keys").fetchall()
    found = {}
    for run, name, value, node in rows:
        found.setdefault((run, name, node), set()).add(value)
    return found


def number(value):
    return str(int(value)) if value == int(value) else str(value)


def test_the_values_of_keys_are_those_of_the_data(local, root):
    rows = orders(root)
    run = done(local, RunRequest("flows/orders.yaml", by="ann"))
    assert entered(root) == {
        (run, "order", "large"): {row["id"] for row in rows if row["amount"] > 10},
        (run, "customer", "read"): {row["customer"] for row in rows if row["customer"]},
        (run, "weight", "shaped"): {number(row["amount"] * 0.5) for row in rows},
        (run, "small", "large"): {row["id"] for row in rows if row["amount"] <= 10},
    }
    kinds = [event.kind for event in local.events(run)]
    assert kinds.count("keys.entered") == 4 and kinds.index("keys.entered") < kinds.index("run.done")
    with (root / "out" / "large.csv").open() as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == [row["id"] for row in rows if row["amount"] > 10]


def test_keys_change_neither_plan_nor_result(local, root):
    orders(root)
    with_keys = done(local, RunRequest("flows/orders.yaml"))
    first = (root / "out" / "large.csv").read_bytes()
    plain = FLOW[: FLOW.index("keys:")] + FLOW[FLOW.index("nodes:") :]
    without = done(local, RunRequest("flows/orders.yaml", text=plain))
    assert (root / "out" / "large.csv").read_bytes() == first
    folder = root / ".tisserand" / "runs"
    plans = [json.loads((folder / run / "plan.json").read_text()) for run in (with_keys, without)]
    assert json.dumps(plans[0]).replace(with_keys, "") == json.dumps(plans[1]).replace(without, "")
    assert sorted(path.name for path in (folder / with_keys / "spool").iterdir()) == sorted(
        path.name for path in (folder / without / "spool").iterdir()
    )


def test_a_run_that_fails_at_its_sink_is_found_by_its_keys(local, root):
    orders(root)
    wrong = """
  typed:
    kind: table.select
    inputs: {table: large.kept}
    config: {columns: [id, {column: customer, type: integer}]}
  write:"""
    (root / "flows" / "orders.yaml").write_text(
        FLOW.replace("\n  write:", wrong).replace("{table: large.kept}\n    config: {path", "{table: typed}\n    config: {path")
    )
    run = local.start(RunRequest("flows/orders.yaml"))
    found = local.wait(run)
    assert found.state == "failed" and found.error.place.node == "typed", found.error
    assert (run, "order", "large") in entered(root)


def test_a_flow_that_writes_over_its_source_keeps_the_keys_of_what_it_read(local, root):
    rows = orders(root)
    (root / "flows" / "orders.yaml").write_text(FLOW.replace("out/large.csv", "data/orders.csv"))
    run = done(local, RunRequest("flows/orders.yaml"))
    assert entered(root)[run, "small", "large"] == {row["id"] for row in rows if row["amount"] <= 10}


def test_more_values_than_are_kept_are_cut_and_that_is_said(local, root, monkeypatch):
    (root / "data").mkdir()
    (root / "data" / "orders.csv").write_text("id,customer,amount\n" + "".join(f"N{n:05},x,20\n" for n in range(10_050)))
    (root / "flows" / "orders.yaml").write_text(FLOW)
    run = done(local, RunRequest("flows/orders.yaml"))
    assert entered(root)[run, "order", "large"] == {f"N{n:05}" for n in range(10_000)}
    found = local.keys.search("N00000").steps[0]
    assert [(held.name, held.cut) for held in found.keys] == [("order", True)]
    logs = [event.data["message"]["id"] for event in local.events(run) if event.kind == "log"]
    assert any("more than {most} values" in text for text in logs)


def test_a_resumed_run_has_the_keys_of_its_last_rows(root):
    store = KeyStore(root / "k.sqlite")
    store.put("r", "f", "n", "order", ["a", "b"], True)
    store.put("r", "f", "n", "order", ["b", "c"], False)
    assert {each.value for each in store.of_run("r")} == {"b", "c"} and store.cut_in(["r"]) == set()
    store.close()


CALLER = """\
tisserand: 1
id: caller
keys: {order: parameters.order, date: parameters.day, name: orders.order}
parameters:
  order: {type: text, default: X-1}
  day: {type: number}
nodes:
  orders:
    kind: data.table
    config: {columns: {order: text}, rows: [[R-1], [R-2]]}
  mine:
    kind: table.formula
    inputs: {table: orders}
    config: {columns: {order: $order}}
  call:
    kind: flow.call
    inputs: {table: mine}
    config: {flow: callee}
  see: {kind: flow.log, inputs: {table: call.table}}
"""
CALLEE = """\
tisserand: 1
id: callee
keys: {id: came.order}
nodes:
  came:
    kind: flow.input
    config: {name: table, columns: {order: text}, rows: [[A]]}
  back: {kind: flow.output, inputs: {table: came.rows}, config: {name: table}}
"""


@pytest.fixture
def calling(local, root):
    (root / "flows" / "caller.yaml").write_text(CALLER)
    (root / "flows" / "callee.yaml").write_text(CALLEE)
    return local


def test_the_way_of_a_value_through_flows_runs_and_the_inbox(executor, root):
    """Both executors; the index, journal and inbox filled as runs fill them."""
    from tisserand.engine.journal import Journal, RunRecord
    from tisserand.engine.launch import journal_path

    ids = [f"20260101-00000{n}-abc000{n}" for n in range(8)]
    with Journal(journal_path(root)) as journal, closing(KeyStore(root / ".tisserand" / "keys.sqlite")) as store:
        journal.create_run(RunRecord(ids[0], "first", created=1.0))
        journal.create_run(RunRecord(ids[1], "orders", "", "flows/o.yaml", created=2.0, cause={"kind": "flow", "run": ids[0]}))
        journal.create_run(RunRecord(ids[2], "part", created=3.0, parent=ids[1]))
        journal.create_run(RunRecord(ids[3], "invoice", created=4.0))
        journal.create_run(RunRecord(ids[4], "other", created=5.0))
        journal.create_run(RunRecord(ids[5], "whole", created=1.5))
        journal.create_run(RunRecord(ids[6], "piece", created=6.0, parent=ids[5]))
        store.put(ids[1], "orders", "read", "order", ["4711", "4712"], False)
        store.put(ids[3], "invoice", "bill", "number", ["4711"], True)
        store.put(ids[4], "other", "n", "order", ["47110"], False)
        store.put(ids[6], "piece", "n", "order", ["4711"], False)
    here = LocalExecutor(root)
    here.inbox.store.keep("flows/o.yaml", "hook", [Arrived({"order": "4711", "n": 1}, "a"), Arrived({"order": "471"}, "b")])
    here.close()
    trail = executor.keys.search("4711")
    found = [
        (step.kind, step.id, step.relation, [(held.name, held.value, held.node, held.cut) for held in step.keys])
        for step in trail.steps
    ]
    assert found == [
        ("run", ids[0], "cause", []),
        ("run", ids[5], "caller", []),
        ("run", ids[1], "holds", [("order", "4711", "read", False)]),
        ("run", ids[2], "called", []),
        ("run", ids[3], "holds", [("number", "4711", "bill", True)]),
        ("run", ids[6], "holds", [("order", "4711", "n", False)]),
        ("event", "1", "holds", []),
    ]
    assert [(step.flow, step.file, step.node) for step in trail.steps][-1] == ("flows/o.yaml", "flows/o.yaml", "hook")
    assert [step.id for step in executor.keys.search("4711", name="number").steps if step.kind == "run"] == [ids[3]]
    prefixed = executor.keys.search("471", prefix=True)
    assert {held.value for step in prefixed.steps for held in step.keys} == {"4711", "4712", "47110"}
    assert len([step for step in prefixed.steps if step.kind == "event"]) == 2
    assert executor.keys.search("%").steps == () and executor.keys.search("4711", limit=1).cut
    with pytest.raises(Refused):
        executor.keys.search("  ")


def test_a_parameter_and_a_called_flow_are_indexed(calling, root):
    run = done(calling, RunRequest("flows/caller.yaml", parameters={"order": "Q-77", "day": "12.0"}))
    trail = calling.keys.search("Q-77")
    assert [(step.flow, step.relation, step.keys[0].name) for step in trail.steps] == [
        ("caller", "holds", "order"), ("callee", "holds", "id"),
    ]  # fmt: skip
    assert trail.steps[1].run == run == trail.steps[0].id
    assert entered(root)[run, "date", "parameters"] == {"12"}
    assert entered(root)[run, "name", "orders"] == {"R-1", "R-2"}


def test_the_rows_of_an_event_are_indexed(local, root):
    (root / "flows" / "event.yaml").write_text(
        "tisserand: 1\nid: event\nkeys: {who: start.by}\nnodes:\n  start: {kind: trigger.manual}\n"
        "  see: {kind: flow.log, inputs: {table: start}}\n"
    )
    event = {"node": "start", "rows": [{"by": "Q-78"}, {"by": "Q-79"}, {"by": None}]}
    run = done(local, RunRequest("flows/event.yaml", event=event))
    assert entered(root) == {(run, "who", "start"): {"Q-78", "Q-79"}}


def test_the_check_says_when_a_key_names_no_column(executor, root):
    orders(root)
    assert executor.schemas(file="flows/orders.yaml").ok
    wrong = FLOW.replace("order: large.id", "order: large.idd").replace("customer: read.customer", "customer: red.customer")
    found = {problem.code: problem for problem in executor.schemas(file="flows/orders.yaml", text=wrong).problems}
    assert found["key.column"].place.field == "keys.order" and "large.idd" in found["key.column"].message.text("en")
    assert found["key.unknown"].place.field == "keys.customer"


def test_a_wrong_key_does_not_stop_a_run(local, root):
    orders(root)
    (root / "flows" / "orders.yaml").write_text(FLOW.replace("large.id\n", "large.idd\n", 1))
    run = done(local, RunRequest("flows/orders.yaml"))
    assert (run, "customer", "read") in entered(root)
    assert any("no such column" in event.data["message"]["id"] for event in local.events(run) if event.kind == "log")


def test_find_on_the_command_line(calling, root, capsys):
    from tisserand.cli.main import call

    done(calling, RunRequest("flows/caller.yaml", parameters={"order": "Q-77"}))
    assert call(["find", "Q-77", "--workspace", str(root)]) == 0
    shown = capsys.readouterr().out
    assert "caller" in shown and "callee" in shown and "order=Q-77 (parameters)" in shown
    assert call(["find", "Q-7", "--prefix", "--key", "id", "--workspace", str(root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [step["flow"] for step in told["steps"] if step["relation"] == "holds"] == ["callee"]
    assert call(["find", "nothing", "--workspace", str(root)]) == 0
    assert "nowhere" in capsys.readouterr().out
    assert time.time() - told["steps"][0]["time"] < 100
