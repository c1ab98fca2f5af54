"""Flows of unusual shape: very long, very wide, empty, oddly named, run twice at once, called row by row."""

from __future__ import annotations

import csv
import json

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest


def lines(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_fan_out_is_computed_once_for_two_hundred_branches(place):
    nodes = (
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2], [3]]}}\n"
        "  counted: {kind: python.step, inputs: {table: one}, config: {code: \"def process(t):\\n    print('called')\\n    return t\"}}\n"
        "  shared: {kind: table.formula, inputs: {table: counted}, config: {columns: {b: a * 2}}}\n"
    )
    nodes += "".join(
        f"  b{n}: {{kind: table.filter, inputs: {{table: shared}}, config: {{where: b > {n % 5}}}}}\n" for n in range(200)
    )
    nodes += (
        "  all: {kind: table.union, inputs: {tables: [" + ", ".join(f"b{n}.kept" for n in range(200)) + "]}}\n"
        "  out: {kind: file.write_csv, inputs: {table: all}, config: {path: out/all.csv}}\n"
    )
    found = place.run("wide", nodes)
    assert found.state == "done", found
    assert len(place.events(found.id, "log")) == 1
    assert [event.data["kind"] for event in place.events(found.id, "segment.started")].count("spool") == 1
    # b is 2, 4, 6; the least is 0 to 4, each for 40 branches: 3 + 3 + 2 + 2 + 1 rows.
    assert len(lines(place.root / "out" / "all.csv")) == 1 + 40 * 11


def test_odd_names_no_rows_and_many_columns(place):
    names = ["select", "a b", 'quo"te', "l'été", "group", "Ünïcode ☃", "x.y", *(f"c{n}" for n in range(300))]
    with (place.root / "odd.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, [str(n) for n in range(len(names))]])
    nodes = (
        "  select: {kind: file.read_csv, config: {path: odd.csv}}\n"
        "  order: {kind: table.filter, inputs: {table: select}, config: {where: '\"select\" > 100'}}\n"
        "  union: {kind: table.sort, inputs: {table: order.kept}, config: {by: ['a b']}}\n"
        "  none: {kind: file.write_csv, inputs: {table: union}, config: {path: out/none.csv}}\n"
        "  base: {kind: sql.write, inputs: {table: order.rejected}, config: {connection: base, table: 'order by', mode: replace}}\n"
        "  empty: {kind: sql.write, inputs: {table: union}, config: {connection: base, table: 'no rows', mode: replace}}\n"
        "  same: {kind: file.write_csv, inputs: {table: order.rejected}, config: {path: out/same.csv}}\n"
    )
    found = place.run("odd", nodes, keep="all")
    assert found.state == "done", found
    assert lines(place.root / "out" / "none.csv") == [names]
    assert lines(place.root / "out" / "same.csv") == lines(place.root / "odd.csv")
    assert place.ask('SELECT "quo""te", "Ünïcode ☃" FROM "order by"') == [(2, 5)]
    assert place.ask('SELECT count(*) FROM "no rows"') == [(0,)]
    assert list(place.rows(found.id, "order", "rejected")[0]) == names


def test_runs_of_one_flow_at_once_from_two_executors_do_not_disturb_each_other(place):
    file = place.flow(
        "twice",
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}\n"
        "  base: {kind: sql.write, inputs: {table: one}, config: {connection: base, table: made, mode: append}}\n"
        "  out: {kind: file.write_csv, inputs: {table: one}, config: {path: out/one.csv}}\n",
    )
    other = LocalExecutor(place.root)
    try:
        started = [(executor, executor.start(RunRequest(file=file))) for executor in (place.executor, other, place.executor)]
        assert [executor.wait(run).state for executor, run in started] == ["done"] * 3
        assert len({run.id for run in other.runs("twice")}) == 3
    finally:
        other.close()
    assert sorted(place.ask("SELECT a FROM made")) == [(1,)] * 3 + [(2,)] * 3
    assert lines(place.root / "out" / "one.csv") == [["a"], ["1"], ["2"]] and place.left_over() == []


def test_a_failure_inside_a_flow_called_for_each_row_is_that_rows(place):
    place.flow(
        "inner",
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
        "  guard: {kind: flow.fail, inputs: {table: one}, config: {message: two is bad, when: $n = 2, about: parameters}}\n",
        "parameters:\n  n: {type: integer}\n",
    )
    found = place.run(
        "outer",
        "  rows: {kind: data.table, config: {columns: {n: integer}, rows: [[1], [2], [3]]}}\n"
        "  each: {kind: flow.for_each, inputs: {items: rows}, config: {flow: inner, parameters: {n: n}, on_error: continue}}\n"
        "  bad: {kind: flow.log, inputs: {table: each.failed}}\n",
    )
    assert found.state == "done", found
    assert [row["n"] for row in place.rows(found.id, "each", "results")] == [1, 3]
    failed = place.rows(found.id, "each", "failed")
    assert [row["n"] for row in failed] == [2] and "two is bad" in failed[0]["error"]
    inner = {run.label: (run.state, run.parent) for run in place.executor.runs("inner")}
    assert inner == {"1": ("done", found.id), "2": ("failed", found.id), "3": ("done", found.id)}
    assert json.dumps(found.to_json())
