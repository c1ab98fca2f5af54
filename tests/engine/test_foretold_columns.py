"""Columns are known before anything is built: what nodes foretell is what they build, in every shipped flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tisserand.engine import types
from tisserand.engine.check import check_text
from tisserand.files import shipped
from tisserand.sdk.errors import NodeError
from tisserand.sdk.templates import Templates
from tisserand.workspace.folder import Workspace

FLOWS = [path for place in ("examples", "showcase") for path in sorted((shipped("flows") / place / "flows").glob("*.yaml"))]


def test_shipped_flows_build_what_they_foretell() -> None:
    compared = foretold = 0
    for path in FLOWS:
        checked = check_text(Workspace(path.parent.parent), path.read_text(encoding="utf-8"))
        for node in checked.resolution.nodes.values() if checked.resolution else ():
            if node.role != "transform" or not node.schemas:
                continue
            foretold += "relations" not in vars(node)
            built = {port: types.from_ibis(relation.schema()) for port, relation in node.relations.items()}
            assert built == node.schemas, f"{path.name}: {node.id}"
            compared += 1
    assert compared > 60
    assert foretold > 40


def small(tmp_path: Path, nodes: str) -> str:
    (tmp_path / "tisserand.yaml").write_text("", encoding="utf-8")
    table = "{kind: data.table, config: {columns: {id: integer, boss: integer}, rows: [[1, 2], [2, null]]}}"
    return f"tisserand: 1\nid: small\nnodes:\n  people: {table}\n{nodes}"


def test_a_table_is_joined_with_itself(tmp_path: Path) -> None:
    text = small(
        tmp_path, "  bosses: {kind: table.join, inputs: {left: people, right: people}, config: {on: {boss: id}, how: left}}\n"
    )
    checked = check_text(Workspace(tmp_path), text)
    assert [problem.line() for problem in checked.problems] == []
    assert checked.resolution is not None
    node = checked.resolution.nodes["bosses"]
    assert node.schemas["matched"].names == ("id", "boss", "boss_right")
    assert types.from_ibis(node.relations["matched"].schema()) == node.schemas["matched"]


def test_a_node_that_gives_other_columns_than_it_announced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tisserand.sdk.registry import registry

    filter_kind = registry().get("table.filter")
    assert filter_kind is not None
    monkeypatch.setattr(
        filter_kind.node, "columns", lambda self, config, schemas: {"kept": types.Schema(), "rejected": types.Schema()}
    )
    text = small(tmp_path, "  some: {kind: table.filter, inputs: {table: people}, config: {where: id > 1}}\n")
    resolution = check_text(Workspace(tmp_path), text).resolution
    assert resolution is not None
    with pytest.raises(NodeError, match="other columns than it announced"):
        _ = resolution.nodes["some"].relations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ a }}/x", "1/x"),
        ("{{a}}{{ b }}", "1None"),
        ("{{ a + 1 }}", "2"),
        ("{{ none }}", "None"),
        ("}} {{ a }}}", "}} 1}"),
        ("{{ inner }}", "{{ a }}"),
        ("{{ 'x' }}", "x"),
        ("{% if a %}y{% endif %}", "y"),
    ],
)
def test_texts_are_filled_in_as_jinja_does_it(text: str, expected: str) -> None:
    assert Templates({"a": 1, "b": None, "none": 5, "inner": "{{ a }}"}).render(text) == expected
