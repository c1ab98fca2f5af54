"""`check` warns of nodes that make a request wait for a query, `explain` shows it for each node; flows without requests are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tisserand.engine.check import check_text
from tisserand.engine.explain import explain
from tisserand.workspace.folder import Workspace

BEHIND = """\
  named: {{kind: table.formula, inputs: {{table: {source}}}, config: {{columns: {{name: upper(city)}}}}}}
  sorted: {{kind: table.sort, inputs: {{table: named}}, config: {{by: [name]}}}}
"""
ASKED = """\
tisserand: 1
id: asked
nodes:
  start: {kind: trigger.request, config: {path: /shops, parameters: [{name: city}]}}
  told: {kind: flow.reply, inputs: {table: sorted}}
""" + BEHIND.format(source="start")
PLAIN = """\
tisserand: 1
id: plain
nodes:
  start: {kind: data.table, config: {columns: {city: text}, rows: [[Lyon]]}}
""" + BEHIND.format(source="start")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "tisserand.yaml").write_text("id: rows\n", encoding="utf-8")
    return Workspace(tmp_path)


def test_check_warns_of_batch_nodes(workspace: Workspace) -> None:
    found = [problem for problem in check_text(workspace, ASKED).problems if problem.code == "rows.batch"]
    assert [(problem.place.node, problem.severity) for problem in found] == [("sorted", "warning")]
    assert found[0].message.text("en").endswith("It puts all rows in order.")


def test_explain_shows_each_node(workspace: Workspace) -> None:
    rows = explain(workspace, ASKED)["rows"]
    assert rows["named"] is None
    assert rows["sorted"]["id"] == "It puts all rows in order."


def test_flows_without_requests_are_left_alone(workspace: Workspace) -> None:
    assert not [problem for problem in check_text(workspace, PLAIN).problems if problem.code == "rows.batch"]
    assert "rows" not in explain(workspace, PLAIN)


BATCH = {
    "an aggregate": "{kind: table.aggregate, inputs: {table: named}, config: {values: {most: max(name)}}}",
    "rows told apart": "{kind: table.dedupe, inputs: {table: named}}",
    "some of all rows": "{kind: table.top_n, inputs: {table: named}, config: {n: 3, by: [name]}}",
}  # fmt: skip


@pytest.mark.parametrize("what", BATCH)
def test_check_names_the_node_whose_operation_has_no_meaning_for_a_row(workspace: Workspace, what: str) -> None:
    text = ASKED.replace("{table: sorted}}", "{table: culprit}}").replace(BEHIND.format(source="start"), "")
    text += BEHIND.format(source="start").splitlines(keepends=True)[0] + f"  culprit: {BATCH[what]}\n"
    checked = check_text(workspace, text)
    assert [each for each in checked.problems if each.severity == "error"] == []
    found = [problem for problem in checked.problems if problem.code == "rows.batch"]
    assert [(problem.place.node, problem.severity) for problem in found] == [("culprit", "warning")]
    assert found[0].message.text("en").endswith(".")
