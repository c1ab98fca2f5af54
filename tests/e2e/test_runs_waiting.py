"""A run that waits for days has no process, survives restarts, and goes on exactly once with what came."""

from __future__ import annotations

import time

import pytest

from tisserand.engine.launch import Refused
from tisserand.engine.waits import Waits
from tisserand.service.local import LocalExecutor
from tisserand.service.waits.waking import Waking

DAYS = 86400.0

TABLE = "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}\n"
EARLY = "  early: {kind: sql.write, inputs: {table: rows}, config: {connection: base, table: early, mode: append}}\n"


def late(source: str, name: str = "late") -> str:
    return (
        f"  {name}: {{kind: sql.write, inputs: {{table: {source}}}, config: {{connection: base, table: {name}, mode: append}}}}\n"
    )


def rows(place, table):
    return sorted(a for (a,) in place.ask(f"SELECT a FROM {table}"))


def woken(place, run, seconds=0.0):
    """One look of the executor's waking part, so many seconds from now; then the run up to where it stops."""
    executor = LocalExecutor(place.root, grace=8)
    try:
        assert Waking(executor, lambda: time.time() + seconds).look() == [run]
        place.until_at_rest(run)
    finally:
        executor.close()
    return place.executor.run(run)


@pytest.fixture
def place(place):
    def until_at_rest(run, seconds=60):
        end = time.monotonic() + seconds
        while (found := place.executor.run(run)).state in ("queued", "running"):
            assert time.monotonic() < end, (found, place.log(run))
            time.sleep(0.03)
        return found

    place.until_at_rest = until_at_rest
    return place


def test_a_wait_of_days_sets_the_run_aside_and_it_goes_on_when_it_is_due(place):
    found = place.run(
        "days", TABLE + EARLY + "  pause: {kind: flow.wait, inputs: {table: rows}, config: {duration: 3d}}\n" + late("pause")
    )
    assert found.state == "waiting" and not found.final, (found, place.log(found.id))
    assert (found.nodes["early"].state, found.nodes["pause"].state, found.nodes["late"].state) == ("done", "suspended", "waiting")
    assert "Waiting until" in found.nodes["pause"].reason.text("en")
    record = place.executor.journal.run(found.id)
    assert record.owner_pid is None and record.finished is None
    assert [event.kind for event in place.executor.events(found.id, follow=True)][-1] == "run.waiting"  # and the stream ends
    with pytest.raises(Refused, match="waits"):
        place.executor.resume(found.id)
    (wait,) = place.executor.waits.open()
    assert (wait.run, wait.node, wait.kind) == (found.id, "pause", "time") and 2.9 * DAYS < wait.until - time.time() < 3 * DAYS
    executor = LocalExecutor(place.root)
    assert Waking(executor, lambda: time.time() + 2 * DAYS).look() == []
    executor.close()
    again = woken(place, found.id, 3.1 * DAYS)
    assert again.state == "done", (again, place.log(found.id))
    assert rows(place, "early") == rows(place, "late") == [1, 2]
    assert place.executor.waits.open() == [] and len(place.events(found.id, "run.waiting")) == 1


def test_a_moment_that_is_near_or_over_is_waited_for_in_the_process(place):
    nodes = (
        TABLE
        + "  pause: {kind: flow.wait, inputs: {table: rows}, config: {until: \"to_timestamp('2020-01-01')\"}}\n"
        + late("pause")
    )
    found = place.run("past", nodes)
    assert found.state == "done", (found, place.log(found.id))
    assert (
        place.run("soon", TABLE + "  pause: {kind: flow.wait, inputs: {table: rows}, config: {duration: 200ms}}\n").state
        == "done"
    )


def test_a_resume_by_hand_goes_on_when_the_moment_has_come(place):
    soon = "to_timestamp('" + time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 3600)) + "')"
    nodes = TABLE + f'  pause: {{kind: flow.wait, inputs: {{table: rows}}, config: {{until: "{soon}"}}}}\n' + late("pause")
    found = place.run("hand", nodes)
    assert found.state == "waiting"
    with place.executor.journal.writing() as db:  # the machine was off until then
        db.execute("UPDATE waits SET until = ? WHERE run = ?", (time.time() - 1, found.id))
    assert place.resume(found.id).state == "done" and rows(place, "late") == [1, 2]


SIGNAL = TABLE + (
    "  paid: {kind: flow.wait_signal, inputs: {table: rows}, config: {signal: paid, key: $order, columns: {amount: number, day: date}%s}}\n"
    "  seen: {kind: file.write_json, inputs: {table: paid.signal}, config: {path: out/seen.json, format: lines}}\n"
)
ORDER = "parameters:\n  order: {type: text, default: A7}\n"


def test_a_signal_wakes_the_run_with_its_key_and_its_data_becomes_a_row(place):
    found = place.run("sig", SIGNAL % "" + late("paid.table"), ORDER)
    assert found.state == "waiting", (found, place.log(found.id))
    assert place.executor.waits.signal("paid", "B8", {"amount": 1.0}).run is None
    assert place.executor.waits.signal("other", "A7").run is None
    sent = place.executor.waits.signal("paid", "A7", {"amount": 12.5, "day": "2026-11-25"}, by="shop")
    assert (sent.run, sent.node) == (found.id, "paid")
    assert place.executor.waits.signal("paid", "A7", {"amount": 99.0}).run is None  # taken already: this one is kept
    again = woken(place, found.id)
    assert again.state == "done", (again, place.log(found.id))
    (row,) = place.rows(found.id, "paid", "signal")
    assert (row["amount"], str(row["day"]), row["key"], row["by"]) == (12.5, "2026-11-25", "A7", "shop")
    assert rows(place, "late") == [1, 2]
    entries = place.executor.audit.entries("paid")
    assert [(entry.what, entry.by) for entry in entries] == [("signal.sent", ""), ("signal.sent", "shop"), ("signal.sent", "")]
    # The kept one is taken by the next run, at once, and once.
    second = place.again("flows/sig.yaml")
    assert second.state == "done" and place.rows(second.id, "paid", "signal")[0]["amount"] == 99.0
    assert place.again("flows/sig.yaml").state == "waiting"


def test_what_becomes_of_a_signal_that_does_not_come(place):
    failing = place.run("sig", SIGNAL % ", timeout: 2d", ORDER)
    going = place.run("goes", SIGNAL % ", timeout: 2d, on_timeout: continue" + late("paid.timeout"), ORDER)
    executor = LocalExecutor(place.root)
    assert sorted(Waking(executor, lambda: time.time() + 3 * DAYS).look()) == sorted([failing.id, going.id])
    failed, done = place.until_at_rest(failing.id), place.until_at_rest(going.id)
    executor.close()
    assert failed.state == "failed" and "did not come" in failed.error.message.text("en")
    assert done.state == "done" and done.nodes["seen"].state == "skipped" and rows(place, "late") == [1, 2]


def test_old_signals_are_forgotten_and_the_data_must_fit(place):
    found = place.run("sig", SIGNAL % "", ORDER)
    place.executor.waits.signal("paid", "A7", {"amount": "much"})
    assert woken(place, found.id).state == "failed"
    assert "“much”" in place.executor.run(found.id).error.message.text("en")
    place.executor.waits.signal("later")
    waits = Waits(place.executor.journal)
    assert [name for _id, name, *_rest in waits.kept()] == ["later"]
    executor = LocalExecutor(place.root)
    Waking(executor, lambda: time.time() + 31 * DAYS).look()
    executor.close()
    assert waits.kept() == []


APPROVE = (
    TABLE
    + ("  ask: {kind: flow.approve, inputs: {table: rows}, config: {question: 'Pay {{ order }}?'%s}}\n")
    + late("ask.approved", "yes")
    + late("ask.rejected", "no")
)


def test_a_person_decides_once_and_who_may(place):
    found = place.run("pay", APPROVE % ", approvers: [ada], comment: required", ORDER)
    assert found.state == "waiting", (found, place.log(found.id))
    (wait,) = place.executor.waits.open("decision")
    assert (wait.question, wait.allowed, wait.comment, wait.shown) == ("Pay A7?", ("ada",), True, "rows.rows")
    answer = place.executor.waits.answer
    for by, comment, code in (("eve", "x", "approval.person"), ("ada", " ", "approval.comment")):
        with pytest.raises(Refused) as refused:
            answer(found.id, "ask", "approved", comment, by)
        assert refused.value.problems[0].code == code
    assert place.executor.run(found.id).state == "waiting"
    answer(found.id, None, "rejected", "too much", "ada")
    with pytest.raises(Refused, match="decided already, by ada"):
        answer(found.id, "ask", "approved", "but", "ada")
    again = woken(place, found.id)
    assert again.state == "done" and again.nodes["yes"].state == "skipped" and rows(place, "no") == [1, 2]
    said = [event.data for event in place.events(found.id, "wait.answered")]
    assert [(each["by"], each["decision"], each["comment"]) for each in said] == [("ada", "rejected", "too much")]
    (entry,) = place.executor.audit.entries(found.id)
    assert (entry.what, entry.by, entry.data["decision"]) == ("approval.answered", "ada", "rejected")
    with pytest.raises(Refused, match="decided already"):
        answer(found.id, "ask", "approved", "", "ada")


@pytest.mark.parametrize(
    ("rule", "state", "table"), [("approve", "done", "yes"), ("reject", "done", "no"), ("fail", "failed", None)]
)
def test_nobody_decides_in_time(place, rule, state, table):
    found = place.run("pay", APPROVE % f", timeout: 1d, on_timeout: {rule}", ORDER)
    assert woken(place, found.id, 1.1 * DAYS).state == state
    if table:
        assert rows(place, table) == [1, 2]


def test_a_called_flow_that_waits_suspends_its_caller_and_rows_before_are_not_done_again(place):
    place.flow("asked", "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[7]]}}\n"
               "  put: {kind: sql.write, inputs: {table: one}, config: {connection: base, table: put, mode: append}}\n"
               "  ask: {kind: flow.approve, after: {put: done}, config: {question: 'Row {{ row }}?'}}\n", "parameters:\n  row: {type: integer, default: 0}\n")  # fmt: skip
    nodes = (
        TABLE
        + "  each: {kind: flow.for_each, inputs: {items: rows}, config: {flow: asked, parameters: {row: a}}}\n"
        + late("each.results")
    )
    found = place.run("loop", nodes)
    assert found.state == "waiting" and found.nodes["each"].state == "suspended", (found, place.log(found.id))
    for number in (1, 2):
        (wait,) = place.executor.waits.open("decision")
        assert (wait.question, wait.root) == (f"Row {number}?", found.id) and wait.run != found.id
        place.executor.waits.answer(found.id, None, "approved")
        found = woken(place, found.id)
        assert found.state == ("waiting" if number == 1 else "done"), (found, place.log(found.id))
        assert Waking(place.executor).look() == [], "an answer wakes once"
    assert rows(place, "put") == [7, 7] and rows(place, "late") == [1, 2]


def test_a_waiting_run_is_cancelled_with_what_it_called(place):
    place.flow("asked", "  ask: {kind: flow.approve, config: {question: Now}}\n")
    found = place.run("calls", "  call: {kind: flow.call, config: {flow: asked}}\n")
    assert found.state == "waiting", (found, place.log(found.id))
    (child,) = place.executor.journal.runs(parent=found.id)
    assert child.state == "waiting"
    place.executor.cancel(found.id)
    assert [record.state for record in place.executor.journal.runs()] == ["cancelled", "cancelled"]
    assert place.executor.run(found.id).nodes["call"].state == "skipped" and place.executor.waits.open() == []
    with pytest.raises(Refused):
        place.executor.waits.answer(child.id, "ask", "approved")
    assert place.resume(found.id).state == "waiting" and len(place.executor.waits.open()) == 1  # and asks again


def test_other_branches_go_on_and_an_error_ends_the_waiting(place):
    place.flow("fine", TABLE + "  ask: {kind: flow.approve, config: {question: Now}}\n" + EARLY)
    assert place.again("flows/fine.yaml").state == "waiting" and rows(place, "early") == [1, 2]
    nodes = "  ask: {kind: flow.approve, config: {question: Now}}\n  bad: {kind: flow.fail, config: {message: broken}}\n"
    found = place.run("bad", nodes)
    assert found.state == "failed" and found.nodes["ask"].state == "skipped", found
    assert [wait.flow for wait in place.executor.waits.open()] == ["fine"]


def test_a_waiting_run_is_under_way_for_the_next_of_its_flow(place):
    head = "limits: {overlap: skip}\n"
    ask = "  ask: {kind: flow.approve, config: {question: Now}}\n"
    first = place.run("once", ask, head)
    second = place.again("flows/once.yaml")
    assert (second.state, second.error.code) == ("cancelled", "run.overlap") and first.id in second.error.message.text("en")
    place.executor.waits.answer(first.id, None, "approved")
    assert woken(place, first.id).state == "done"
    taking = place.run("taken", ask, "limits: {overlap: replace}\n")
    place.again("flows/taken.yaml")
    assert place.executor.run(taking.id).state == "cancelled"


def test_time_that_was_waited_is_not_worked(place):
    found = place.run("limit", "  ask: {kind: flow.approve, config: {question: Now}}\n", "limits: {timeout: 20s}\n")
    assert found.state == "waiting"
    with place.executor.journal.writing() as db:  # three days ago
        db.execute("UPDATE events SET time = time - ? WHERE run = ?", (3 * DAYS, found.id))
        db.execute("UPDATE runs SET created = created - ?, started = started - ?", (3 * DAYS, 3 * DAYS))
    place.executor.waits.answer(found.id, None, "approved")
    assert woken(place, found.id).state == "done"


def test_cancelling_a_waiting_run_undoes_what_it_and_what_it_called_did(place):
    def add(name, value, after=""):
        order = f", after: {{{after}}}" if after else ""
        row = f"  {name}_row: {{kind: data.table, config: {{columns: {{a: integer}}, rows: [[{value}]]}}}}\n"
        return (
            row
            + f"  {name}: {{kind: sql.write, inputs: {{table: {name}_row}}{order}, config: {{connection: base, table: list, mode: append}}}}\n"
        )

    place.flow(
        "inner",
        add("hotel", 2)
        + "  ask: {kind: flow.approve, after: {hotel: done}, config: {question: Now}}\n"
        + add("hotel_back", -2, "hotel: undo"),
    )
    nodes = (
        add("flight", 1)
        + "  call: {kind: flow.call, after: {flight: done}, config: {flow: inner}}\n"
        + add("flight_back", -1, "flight: undo")
    )
    found = place.run("trip", nodes)
    assert found.state == "waiting", (found, place.log(found.id))
    place.executor.cancel(found.id)
    place.until_at_rest(found.id)
    assert [record.state for record in place.executor.journal.runs()] == ["cancelled", "cancelled"], place.log(found.id)
    assert [a for (a,) in place.ask("SELECT a FROM list ORDER BY rowid")] == [1, 2, -2, -1]


def test_what_undoes_gets_the_rows_that_there_were(place):
    import duckdb

    def write(*values):
        duckdb.sql(f"COPY (SELECT unnest({list(values)}) AS a) TO '{place.root / 'in.parquet'}'")

    write(5, 6)
    nodes = (
        "  rows: {kind: file.read_parquet, config: {path: in.parquet}}\n"
        "  pay: {kind: sql.write, inputs: {table: rows}, config: {connection: base, table: paid, mode: append}}\n"
        "  ask: {kind: flow.approve, after: {pay: done}, config: {question: Go on?}}\n"
        "  back: {kind: sql.write, inputs: {table: rows}, after: {pay: undo}, config: {connection: base, table: back, mode: append}}\n"
    )
    found = place.run("source", nodes)
    assert found.state == "waiting", (found, place.log(found.id))
    write(9)
    place.executor.cancel(found.id)
    assert place.until_at_rest(found.id).state == "cancelled" and rows(place, "back") == [5, 6], place.log(found.id)


def test_the_time_limit_of_a_node_goes_on_while_it_waits(place):
    nodes = "  ask: {kind: flow.approve, timeout: 1h, config: {question: Now}}\n"
    found = place.run("node", nodes)
    assert found.state == "waiting" and place.executor.waits.open()[0].until is not None
    again = woken(place, found.id, 3700)
    assert (again.state, again.error.code) == ("failed", "run.timeout")
