"""A resumed run does what is left and nothing else: sources are not asked again, effects that nobody can look up are asked about."""

from __future__ import annotations

import csv
import os
import signal

import pytest

from tisserand.engine.launch import Refused


def edited(place, run, old, new):
    """Change the flow as the run keeps it."""
    file = place.root / ".tisserand" / "runs" / run / "flow.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_resume_asks_no_source_again_and_runs_only_what_is_left(place, web):
    place.ask("CREATE TABLE seen (id INTEGER)")
    place.ask("INSERT INTO seen VALUES (1), (2)")
    nodes = (
        f"  web: {{kind: http.request, config: {{url: '{web.url}/once'}}}}\n"
        "  base: {kind: sql.read, config: {connection: base, table: seen}}\n"
        "  first: {kind: file.write_csv, inputs: {table: web}, config: {path: out/first.csv}}\n"
        "  both: {kind: table.join, inputs: {left: web, right: base}, config: {on: [id]}}\n"
        "  guard: {kind: flow.fail, inputs: {table: both}, config: {message: stop here, when: count() > 0}}\n"
        "  last: {kind: sql.write, inputs: {table: guard}, config: {connection: base, table: made, mode: append}}\n"
    )
    found = place.run("resumed", nodes)
    assert (found.state, found.error.place.node) == ("failed", "guard")
    before, calls = (place.root / "out" / "first.csv").stat(), web.counts()["/once"]
    place.ask("DROP TABLE seen")  # a second reading would fail
    seq = max(event.seq for event in place.events(found.id))
    edited(place, found.id, "count() > 0", "count() > 100")
    again = place.resume(found.id)
    assert again.state == "done", again
    assert web.counts()["/once"] == calls
    after = (place.root / "out" / "first.csv").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    began = {event.node for event in place.events(found.id, "node.started") if event.seq > seq}
    assert began == {"guard", "last"}
    assert sorted(place.ask("SELECT id FROM made")) == [(1,), (2,)]
    with pytest.raises(Refused):
        place.executor.resume(found.id)


def test_a_corrected_source_is_read_anew_by_what_is_left(place):
    (place.root / "bad.csv").write_text("id,amount\n1,2\n2,x\n")
    nodes = (
        "  rows: {kind: file.read_csv, config: {path: bad.csv, columns: {id: integer, amount: integer}}}\n"
        "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/b.csv}}\n"
    )
    found = place.run("corrected", nodes)
    assert (found.state, found.error.place.node) == ("failed", "rows") and "“x”" in found.error.message.text("en")
    assert place.left_over() == []
    (place.root / "bad.csv").write_text("id,amount\n1,2\n2,3\n")
    assert place.resume(found.id).state == "done"
    with (place.root / "out" / "b.csv").open() as file:
        assert list(csv.reader(file)) == [["id", "amount"], ["1", "2"], ["2", "3"]]


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_broken_off_mail_is_told_as_uncertain_and_asked_about(place):
    """A server that takes the connection and never says a word holds the mail in the middle of its sending."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        (place.root / "connections.yaml").write_text(
            f"office: {{type: smtp, host: 127.0.0.1, port: {port}, tls: none, sender: a@example.org}}\n"
        )
        nodes = (
            "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
            "  told: {kind: mail.send, inputs: {table: one}, config: {connection: office, to: b@example.org, subject: s}}\n"
        )
        run = place.start("uncertain", nodes)
        place.until(run, lambda found: "told" in found.nodes and bool(place.events(run, "sink.begun")))
        os.kill(place.owner(run), signal.SIGKILL)
        found = place.executor.wait(run)
        assert found.state == "failed" and found.uncertain == ("told",)
        with pytest.raises(Refused) as refused:
            place.executor.resume(run)
        assert "told" in str(refused.value)
        assert place.resume(run, uncertain="skip").state == "done"
        assert [event.data["then"] for event in place.events(run, "sink.uncertain")] == ["skip"]


def test_a_source_that_changed_in_the_middle_of_a_run_is_not_mixed_with_itself(place):
    import duckdb

    def write(rows):
        duckdb.sql(f"COPY (SELECT range AS id FROM range({rows})) TO '{place.root / 'x.parquet'}'")

    write(5)
    nodes = (
        "  rows: {kind: file.read_parquet, config: {path: x.parquet}}\n"
        "  early: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/early.csv}}\n"
        "  guard: {kind: flow.fail, after: {early: done}, config: {message: stop here}}\n"
        "  late: {kind: file.write_csv, inputs: {table: rows}, after: {guard: done}, config: {path: out/late.csv}}\n"
    )
    found = place.run("mixed", nodes)
    assert (found.state, found.error.place.node) == ("failed", "guard")
    write(9)
    edited(place, found.id, "{message: stop here}", "{message: stop here, when: 1 = 2, about: parameters}")
    again = place.resume(found.id)
    assert again.state == "failed" and "x.parquet" in again.error.message.text("en"), again
    assert not (place.root / "out" / "late.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(("method", "uncertain"), [("POST", ("called",)), ("GET", ())])
def test_a_broken_off_call_that_changes_something_is_told_as_uncertain(place, web, method, uncertain):
    nodes = (
        "  two: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}\n"
        f"  called: {{kind: http.call, inputs: {{table: two}}, config: {{url: '{web.url}/slow-3-{{a}}', method: {method}}}}}\n"
        "  then: {kind: flow.log, inputs: {table: called}, config: {message: then}}\n"
    )
    run = place.start("broken", nodes)
    place.until(run, lambda _found: "/slow-3-1" in web.counts())
    os.kill(place.owner(run), signal.SIGKILL)
    found = place.executor.wait(run)
    assert (found.state, found.uncertain) == ("failed", uncertain)
    if not uncertain:
        return
    with pytest.raises(Refused):
        place.executor.resume(run)
    calls = web.counts()["/slow-3-1"]
    left = place.resume(run, uncertain="skip")
    assert (left.state, left.nodes["called"].state, left.nodes["then"].state) == ("done", "skipped", "skipped")
    assert web.counts()["/slow-3-1"] == calls
