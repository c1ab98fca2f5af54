"""Two writers of one target need an order, and errors that are routed need somebody who takes them: `check` says so, and so does a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tisserand.engine.check import check_text
from tisserand.workspace.folder import Workspace

HEAD = "tisserand: 1\nid: targets\nnodes:\n  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
CSV = "{{kind: file.write_csv, inputs: {{table: {source}}}, config: {{path: '{path}'{more}}}{rule}}}\n"
SQL = "{{kind: sql.write, inputs: {{table: rows}}, config: {{connection: base, table: t, mode: {mode}}}}}\n"


def found(root: Path, nodes: str) -> list[tuple[str, str | None, str]]:
    (root / "tisserand.yaml").write_text("id: here\n")
    (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
    problems = check_text(Workspace(root), HEAD + nodes, discover=False).problems
    return [(problem.code, problem.place.node, problem.severity) for problem in problems]


def csv(name: str, path: str, source: str = "rows", more: str = "", rule: str = "") -> str:
    return f"  {name}: " + CSV.format(source=source, path=path, more=more, rule=rule)


REFUSED = ("order.targets", "two", "error")
BRANCH = "  way: {kind: flow.branch, inputs: {table: rows}, config: {condition: 1 = 1}}\n"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (csv("one", "out/a.csv") + csv("two", "out/b.csv"), []),
        (csv("one", "out/a.csv") + csv("two", "{{ workspace }}/out/x/../a.csv"), [REFUSED]),
        (csv("one", "out/a.csv") + csv("two", "out/a.csv", rule=", after: {one: done}"), []),
        (csv("one", "out/a.csv", rule=", after: {two: always}") + csv("two", "out/a.csv"), []),
        (csv("one", "out/a.csv", more=", mode: append") + csv("two", "out/a.csv", more=", mode: append"), []),
        (csv("one", "out/a.csv") + csv("two", "out/a.csv", more=", mode: append"), [REFUSED]),
        (csv("one", "out/a.csv") + csv("two", "out/a.csv", rule=", disabled: true"), []),
        (BRANCH + csv("one", "out/a.csv", "way.then") + csv("two", "out/a.csv", "way.otherwise"), []),
        (BRANCH + csv("one", "out/a.csv", "way.then") + csv("two", "out/a.csv", "way.then"), [REFUSED]),
        (
            "  first: {kind: flow.log, config: {message: m}}\n"
            + csv("one", "out/a.csv", rule=", after: {first: done}")
            + csv("two", "out/a.csv", rule=", after: {first: failed}"),
            [],
        ),
        ("  one: " + SQL.format(mode="append") + "  two: " + SQL.format(mode="append"), []),
        ("  one: " + SQL.format(mode="append") + "  two: " + SQL.format(mode="replace"), [REFUSED]),
    ],
)
def test_writers_of_one_target(tmp_path, nodes, expected):
    assert found(tmp_path, nodes) == expected


def test_a_run_refuses_them_too(tmp_path):
    from tisserand.service.local import LocalExecutor
    from tisserand.service.protocol import RunRequest

    (tmp_path / "tisserand.yaml").write_text("id: here\n")
    executor = LocalExecutor(tmp_path)
    run = executor.start(RunRequest(text=HEAD + csv("one", "a.csv") + csv("two", "a.csv")))
    ended = executor.wait(run)
    executor.close()
    assert ended.state == "failed" and ended.error.code == "order.targets"
    assert "“one”" in ended.error.message.text("en") and not (tmp_path / "a.csv").exists()


def test_errors_that_nobody_takes(tmp_path):
    call = "  call: {kind: http.call, inputs: {table: rows}, on_error: route, config: {url: 'http://127.0.0.1:9'}}\n"
    told = ("on_error.route", "call", "warning")
    assert found(tmp_path, call) == [told]
    assert found(tmp_path, call + csv("kept", "out/a.csv", "call.table")) == [told]
    assert found(tmp_path, call + csv("kept", "out/a.csv", "call.rejects")) == []
    assert found(tmp_path, "  s: {kind: table.sort, inputs: {table: rows}, on_error: route, config: {by: [a]}}\n") == [
        ("on_error.route", "s", "warning")
    ]
