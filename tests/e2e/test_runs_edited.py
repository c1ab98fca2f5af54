"""A resume after an edit of the flow file: what the edit does not change is kept, the rest is done anew, and no effect doubles silently."""

from __future__ import annotations

import csv

import pytest

ROWS = "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2], [3], [4]]}}\n"
GUARD = (
    "  guard: {{kind: flow.fail, after: {{{after}: done}}, config: {{message: stop, when: 1 = {wrong}, about: parameters}}}}\n"
)


def written(place, name):
    with (place.root / "out" / name).open() as file:
        return sorted(int(row["a"]) for row in csv.DictReader(file))


def edit(place, flow, old, new):
    file = place.root / "flows" / f"{flow}.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def begun(place, run, after):
    return {event.node for event in place.events(run, "node.started") if event.seq > after}


def last(place, run):
    return max(event.seq for event in place.events(run))


def test_only_what_the_edit_changes_and_what_follows_from_it_is_done_again(place, web):
    nodes = (
        f"  web: {{kind: http.request, config: {{url: '{web.url}/once'}}}}\n"
        "  low: {kind: table.filter, inputs: {table: web}, config: {where: id < 2}}\n"
        "  high: {kind: table.filter, inputs: {table: web}, config: {where: id >= 2}}\n"
        "  lows: {kind: table.select, inputs: {table: low}, config: {columns: [{column: id, name: a}]}}\n"
        "  highs: {kind: table.select, inputs: {table: high}, config: {columns: [{column: id, name: a}]}}\n"
        "  first: {kind: file.write_csv, inputs: {table: lows}, config: {path: out/first.csv}}\n"
        "  second: {kind: file.write_csv, inputs: {table: highs}, config: {path: out/second.csv}}\n"
        "  kept: {kind: sql.write, inputs: {table: highs}, config: {connection: base, table: kept, mode: replace}}\n"
        "  both: {kind: flow.log, after: {first: done, second: done, kept: done}, config: {message: both}}\n"
    ) + GUARD.format(after="both", wrong=1)
    found = place.run("edited", nodes)
    assert (found.state, found.error.place.node) == ("failed", "guard")
    assert (written(place, "first.csv"), written(place, "second.csv")) == ([1], [2, 3])
    before, calls, seq = (place.root / "out" / "first.csv").stat(), web.counts()["/once"], last(place, found.id)
    edit(place, "edited", "id >= 2", "id >= 3")
    edit(place, "edited", "1 = 1", "1 = 2")
    # Without being told so, a resume goes on with the flow as the run began it.
    assert place.resume(found.id).state == "failed" and begun(place, found.id, seq) == {"guard"}
    seq = last(place, found.id)
    again = place.resume(found.id, edited=True)
    assert again.state == "done", again
    assert web.counts()["/once"] == calls
    after = (place.root / "out" / "first.csv").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert begun(place, found.id, seq) >= {"high", "highs", "second", "kept", "both", "guard"}
    assert not begun(place, found.id, seq) & {"web", "low", "lows", "first"}
    assert written(place, "second.csv") == [3]
    assert place.ask("SELECT a FROM kept") == [(3,)]
    assert len(place.events(found.id, "flow.edited")) == 1


def test_a_moved_or_retold_node_is_no_change(place):
    nodes = ROWS + "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/x.csv}}\n"
    nodes += GUARD.format(after="out", wrong=1)
    found = place.run("retold", nodes)
    seq = last(place, found.id)
    edit(place, "retold", "  out: {kind", "  out: {title: Somewhere else, retry: {attempts: 2, wait: 1s}, kind")
    edit(place, "retold", "1 = 1", "1 = 2")
    (place.root / "flows" / "retold.yaml").open("a").write("layout:\n  out: [100, 200]\n")
    assert place.resume(found.id, edited=True).state == "done"
    assert begun(place, found.id, seq) == {"guard"}


@pytest.mark.parametrize(("then", "expected"), [("repeat", [1, 2, 3, 3, 4, 4]), ("skip", [1, 2, 3, 4])])
def test_rows_appended_before_the_edit_are_asked_about(place, then, expected):
    nodes = ROWS + (
        "  some: {kind: table.filter, inputs: {table: rows}, config: {where: a > 0}}\n"
        "  added: {kind: sql.write, inputs: {table: some}, config: {connection: base, table: made, mode: append}}\n"
    )
    found = place.run("asked", nodes + GUARD.format(after="added", wrong=1))
    assert found.state == "failed"
    edit(place, "asked", "a > 0", "a > 2")
    edit(place, "asked", "1 = 1", "1 = 2")
    again = place.resume(found.id, edited=True)
    assert (again.state, again.error.code, again.error.place.node) == ("failed", "run.uncertain", "added")
    assert "other rows" in again.error.message.text("en") and again.error.place.line
    assert len(place.ask("SELECT * FROM made")) == 4
    again = place.resume(found.id, uncertain=then)
    assert again.state == "done", again
    assert sorted(a for (a,) in place.ask("SELECT a FROM made")) == expected


def test_an_edit_taken_back_writes_what_the_flow_now_says(place):
    nodes = ROWS + (
        "  some: {kind: table.filter, inputs: {table: rows}, config: {where: a > 1}}\n"
        "  out: {kind: file.write_csv, inputs: {table: some}, config: {path: out/x.csv}}\n"
        "  base: {kind: sql.write, inputs: {table: some}, config: {connection: base, table: made, mode: replace}}\n"
        "  both: {kind: flow.log, after: {out: done, base: done}, config: {message: both}}\n"
    )
    found = place.run("back", nodes + GUARD.format(after="both", wrong=1))
    for old, new, expected in (("a > 1", "a > 3", [4]), ("a > 3", "a > 1", [2, 3, 4])):
        edit(place, "back", old, new)
        assert place.resume(found.id, edited=True).error.place.node == "guard"
        assert written(place, "x.csv") == expected
        assert sorted(a for (a,) in place.ask("SELECT a FROM made")) == expected


def test_a_called_flow_is_called_again_only_where_it_gets_something_else(place):
    place.flow(
        "each",
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
        "  put: {kind: table.formula, inputs: {table: one}, config: {columns: {a: $number}}}\n"
        "  base: {kind: sql.write, inputs: {table: put}, config: {connection: base, table: made, mode: append}}\n",
        "parameters:\n  number: {type: integer}\n",
    )
    nodes = ROWS + (
        "  some: {kind: table.formula, inputs: {table: rows}, config: {columns: {a: 'if(a = 2, 20, a)'}}}\n"
        "  loop: {kind: flow.for_each, inputs: {items: some}, config: {flow: each, parameters: {number: a}}}\n"
    )
    found = place.run("calls", nodes + GUARD.format(after="loop", wrong=1))
    assert (found.state, found.error.place.node) == ("failed", "guard"), found
    assert len(list(place.root.glob(".tisserand/runs/*/spool"))) == 5 and not list(place.root.glob(".tisserand/runs/*/tmp"))
    edit(place, "calls", "if(a = 2, 20, a)", "if(a = 2, 21, a)")
    edit(place, "calls", "1 = 1", "1 = 2")
    assert place.resume(found.id, edited=True).error.code == "run.uncertain"
    assert place.resume(found.id, uncertain="repeat").state == "done"
    assert sorted(a for (a,) in place.ask("SELECT a FROM made")) == [1, 3, 4, 20, 21]


def test_the_command_takes_the_edited_file(place):
    from tisserand.cli.main import call

    nodes = (
        ROWS
        + "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/x.csv}}\n"
        + GUARD.format(after="out", wrong=1)
    )
    found = place.run("command", nodes)
    edit(place, "command", "1 = 1", "1 = 2")
    asked = ["resume", found.id, "--workspace", str(place.root)]
    assert call(asked) == 1
    assert call([*asked, "--edited"]) == 0
