"""The JSON Schema of the flow file accepts every shipped flow and refuses what the checker refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tisserand.model.flowschema import flow_schema
from tisserand.model.yamlfile import read_data
from tisserand.sdk.registry import registry

SHIPPED = sorted((Path(__file__).parents[2] / "flows").rglob("flows/*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = flow_schema(registry())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_flows_are_valid(validator: Draft202012Validator, path: Path) -> None:
    data, _problems, _positions = read_data(path.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "change",
    [
        "{kind: table.filtr, config: {where: a > 1}}",
        "{kind: table.filter, config: {were: a > 1}}",
        "{kind: table.filter, config: {where: a > 1}, inputs: {rows: b}}",
        "{kind: table.filter, config: {where: a > 1}, on_eror: stop}",
        "{kind: table.filter, config: {}}",
    ],
)
def test_wrong_nodes_are_refused(validator: Draft202012Validator, change: str) -> None:
    node = yaml.safe_load(change)
    good = {
        "tisserand": 1,
        "id": "x",
        "nodes": {"a": {"kind": "table.filter", "inputs": {"table": "b"}, "config": {"where": "a > 1"}}},
    }
    assert list(validator.iter_errors(good)) == []
    assert list(validator.iter_errors({**good, "nodes": {"a": node}}))
