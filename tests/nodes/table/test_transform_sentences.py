"""What transforms say when a column is missing, types clash or settings contradict each other; and JSON taken apart."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tisserand.sdk import NodeError
from tisserand.sdk.columns import common_type, free_name, type_named
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import config_of, run_isolated, run_step, run_transform
from tisserand_nodes.table.aggregate import Aggregate
from tisserand_nodes.table.compare import Compare
from tisserand_nodes.table.dedupe import Dedupe
from tisserand_nodes.table.filter import Filter
from tisserand_nodes.table.flatten import Flatten
from tisserand_nodes.table.formula import ComputeColumns
from tisserand_nodes.table.join import Join
from tisserand_nodes.table.mask import Mask
from tisserand_nodes.table.select import Select
from tisserand_nodes.table.sort import Sort
from tisserand_nodes.table.split import Split
from tisserand_nodes.table.sql import Sql
from tisserand_nodes.table.top_n import TopRows
from tisserand_nodes.table.union import Union
from tisserand_nodes.table.validate import Validate
from tisserand_nodes.table.validate_schema import ValidateSchema

TABLE = pa.table({"id": [1, 2], "name": ["a", None], "day": [dt.date(2024, 1, 1), None]})

ONE_TABLE: list[tuple[Any, dict[str, Any], str, str]] = [
    (Sort, {"by": ["nme"]}, "There is no column “nme”. Columns: id, name, day.", "by.0"),
    (TopRows, {"n": 1, "by": ["id"], "per": ["x"]}, "There is no column “x”", "per.0"),
    (Dedupe, {"keys": ["id", "x"]}, "There is no column “x”", "keys.1"),
    (Aggregate, {"by": ["x"]}, "There is no column “x”", "by.0"),
    (Aggregate, {}, "Choose columns to group by", "values"),
    (Aggregate, {"by": ["id"], "values": {"ID": "count()"}}, "the column “ID” twice", "values"),
    (Aggregate, {"values": {"n": "count(x)"}}, "x", "values.n"),
    (Filter, {"where": "id + 1"}, "not true or false", "where"),
    (ComputeColumns, {"columns": {"a": "id", "b": "nope + 1"}}, "nope", "columns.b"),
    (ComputeColumns, {"columns": {"ID": "id"}}, "upper and lower case", "columns.ID"),
    (Select, {"columns": [{"column": "id", "type": "date"}]}, "“id” is int64 and cannot become date", "columns.0.type"),
    (Select, {"columns": [{"column": "id", "type": "wat"}]}, "“wat” is not a type", "columns.0.type"),
    (Select, {"columns": ["id", {"column": "name", "name": "Id"}]}, "“Id” twice", "columns"),
    (Select, {"drop": ["id", "name", "day"]}, "No column is left", "drop"),
    (Select, {"drop": ["x"]}, "There is no column “x”", "drop.0"),
    (Split, {"rules": [{"name": "a", "where": "id"}]}, "not true or false", "rules.0.where"),
    (Validate, {"rules": [{"where": "id > 0"}, {"where": "nope"}]}, "nope", "rules.1.where"),
    (Mask, {"columns": [{"column": "x"}]}, "There is no column “x”", "columns.0.column"),
    (Mask, {"columns": [{"column": "id"}, {"column": "id"}]}, "“id” is masked twice", "columns"),
    (Flatten, {"columns": ["id"]}, "“id” holds no structures", "columns.0"),
    (Flatten, {"rows": "id"}, "“id” holds no lists", "rows"),
    (Flatten, {"parse": {"id": "json"}}, "“id” is int64, not text", "parse.id"),
]


@pytest.mark.parametrize(("node", "config", "sentence", "field"), ONE_TABLE, ids=lambda value: getattr(value, "__name__", None))
def test_a_wrong_setting_is_a_sentence_with_its_field(node: Any, config: dict[str, Any], sentence: str, field: str) -> None:
    with pytest.raises(NodeError) as caught:
        run_transform(node, config, table=TABLE)
    assert sentence in caught.value.message.text("en")
    assert caught.value.field == field


def test_clashes_between_two_tables_are_sentences() -> None:
    other = pa.table({"id": ["1"], "name": ["a"]})
    with pytest.raises(NodeError, match="“id” is int64 on the left, “id” is string on the right"):
        run_transform(Join, {"on": ["id"]}, left=TABLE, right=other)
    with pytest.raises(NodeError, match="There is no column “key”") as caught:
        run_transform(Join, {"on": {"id": "key"}}, left=TABLE, right=other)
    assert caught.value.field == "on.id"
    with pytest.raises(NodeError, match="“id” is int64, string: these cannot stand in one column"):
        run_transform(Union, {}, tables=[TABLE, other])
    with pytest.raises(NodeError, match="no column in common"):
        run_transform(Union, {"columns": "common"}, tables=[TABLE, pa.table({"z": [1]})])
    with pytest.raises(NodeError, match="“id” is int64 before and string after"):
        run_transform(Compare, {"keys": ["id"]}, before=TABLE, after=other)


@pytest.mark.parametrize(
    ("kind", "config", "line"),
    [
        ("table.sort", {"by": [{"colum": "a"}]}, "config.by.0.column: “column” is missing"),
        ("table.join", {"on": []}, "config.on: At least 1 entries are needed"),
        ("table.join", {"on": {"a": 1}}, "config.on.a: “1” is not a text"),
        ("table.select", {"columns": [{"column": 1}]}, "config.columns.0.column: “1” is not a text"),
        ("table.select", {}, "Choose columns to take"),
        ("table.split", {"rules": [{"name": "a", "where": "x"}, {"name": "A", "where": "x"}]}, "two outputs named “A”"),
        ("table.split", {"rules": [{"name": "otherwise", "where": "x"}]}, "two outputs named “otherwise”"),
        ("table.validate_schema", {}, "Give a schema or a file"),
        ("table.validate_schema", {"json_schema": {"type": "wat"}}, "This is no valid JSON Schema: at type"),
    ],
)
def test_a_wrong_config_is_a_sentence(kind: str, config: dict[str, Any], line: str) -> None:
    node = registry().get(kind)
    assert node is not None
    assert line in " ".join(problem.line() for problem in node.check_config(config, {}))


def test_split_declares_a_port_for_each_rule() -> None:
    node = registry().get("table.split")
    assert node is not None
    config = {"rules": [{"name": "one", "where": "a"}, {"name": "deux_2", "where": "b"}]}
    assert [out.name for out in node.outputs_for(config)] == ["one", "deux_2", "otherwise"]
    with pytest.raises(ValidationError):
        config_of(Split, {"rules": [{"name": "two words", "where": "a"}]})


def test_an_order_is_asked_for_only_where_it_decides() -> None:
    assert TopRows().needs_order(config_of(TopRows, {"n": 2})) == "by"
    assert TopRows().needs_order(config_of(TopRows, {"n": 2, "by": ["a"]})) is None
    assert Dedupe().needs_order(config_of(Dedupe, {"keys": ["a"]})) == "by"
    assert Dedupe().needs_order(config_of(Dedupe, {})) is None


def test_cast_stops_or_empties() -> None:
    texts = pa.table({"t": ["1", "x", None]})
    with pytest.raises(Exception, match="Could not convert string 'x'"):
        run_transform(Select, {"columns": [{"column": "t", "type": "integer"}]}, table=texts)
    numbers = pa.table({"f": [2.5, -2.5, float("nan"), 1e300, None]})
    config = {"columns": [{"column": "f", "type": "integer"}], "on_bad": "empty"}
    assert run_transform(Select, config, table=numbers).ports["table"]["f"].to_pylist() == [3, -3, None, None, None]


DOCUMENT = '{"a": 1, "s": "t\\"é", "x": [{"q": 1.5, "d": "2024-01-02"}, {"z": 1}], "more": {"k": 1}}'
SHAPE = "struct<a: int64, s: string, x: array<struct<q: float64, d: date>>, more: struct<k: int64>>"


def test_flatten_parses_declared_parts() -> None:
    texts = pa.table({"id": [1, 2, 3, 4], "j": [DOCUMENT, '{"s": 5, "unknown": 0}', "null", None]})
    found = run_transform(Flatten, {"parse": {"j": SHAPE}, "columns": ["j"], "prefix": "none"}, table=texts)["table"]
    assert found.column_names == ["id", "a", "s", "x", "k"]
    lines = [{"q": 1.5, "d": dt.date(2024, 1, 2)}, {"q": None, "d": None}]
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (1, 1, 't"é', lines, 1),
        (2, None, "5", None, None),
        (3, None, None, None, None),
        (4, None, None, None, None),
    ]


@pytest.mark.parametrize("text", ["[3]", "{bad", '{"a": "x"}', '{"d": "2024-13-01"}', "7"])
def test_flatten_stops_at_bad_json_or_empties_it(text: str) -> None:
    texts = pa.table({"j": [text]})
    config = {"parse": {"j": "struct<a: int64, d: date>"}, "columns": ["j"]}
    with pytest.raises(Exception, match=r"."):
        run_transform(Flatten, config, table=texts)
    assert run_transform(Flatten, {**config, "on_bad": "empty"}, table=texts).rows() == [{"j_a": None, "j_d": None}]


def test_flatten_makes_rows_and_columns() -> None:
    items = [[{"s": "p", "in": {"n": 1}}, {"s": "q", "in": None}], [], None]
    nested = pa.table({"items": items, "id": [1, 2, 3]})
    config = {"rows": "items", "position": "n°", "columns": ["items"], "separator": "."}
    found = run_transform(Flatten, config, table=nested)["table"]
    assert found.column_names == ["items.s", "items.in.n", "id", "n°"]
    expected = [("p", 1, 1, 1), ("q", None, 1, 2), (None, None, 2, None), (None, None, 3, None)]
    assert sorted((tuple(row.values()) for row in found.to_pylist()), key=str) == sorted(expected, key=str)
    dropped = run_transform(Flatten, {"rows": "items", "empty": "drop"}, table=nested)["table"]
    assert sorted(dropped["id"].to_pylist()) == [1, 1]
    with pytest.raises(NodeError, match="twice"):
        run_transform(Flatten, {"columns": ["b"], "prefix": "none"}, table=pa.table({"a": [1], "b": [{"a": 2}]}))


def test_json_schema_rejects_rows_with_reason_and_place() -> None:
    import decimal

    table = pa.table(
        {
            "id": [1, 2, 3],
            "day": [dt.date(2024, 1, 1), None, dt.date(2024, 1, 2)],
            "price": [decimal.Decimal("1.50"), decimal.Decimal("-2.00"), None],
            "tags": [["a"], ["b", "b"], []],
        }
    )
    schema = {
        "required": ["day"],
        "properties": {
            "day": {"type": "string", "format": "date"},
            "price": {"type": "number", "minimum": 0},
            "tags": {"uniqueItems": True},
        },
    }
    result = run_step(ValidateSchema, {"json_schema": schema}, table)
    assert result["valid"]["id"].to_pylist() == [1, 3]
    (reject,) = result.rejects
    assert reject.place == "row 2"
    assert "price: -2 is less than the minimum of 0" in reject.error
    assert "'day' is a required property" in reject.error


def test_json_schema_from_a_file_and_never_from_the_network(tmp_path: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"properties": {"id": {"maximum": 1}}}))
    assert run_step(ValidateSchema, {"path": "s.json"}, TABLE, tmp_path)["valid"]["id"].to_pylist() == [1]
    with pytest.raises(NodeError, match="cannot be read"):
        run_step(ValidateSchema, {"path": "none.json"}, TABLE, tmp_path)
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(NodeError, match="is not JSON"):
        run_step(ValidateSchema, {"path": "s.json"}, TABLE, tmp_path)
    with pytest.raises(NodeError, match="refers to"):
        run_step(ValidateSchema, {"json_schema": {"$ref": "http://127.0.0.1:9/schema.json"}}, TABLE)


def test_sql_sees_its_inputs_only() -> None:
    found = run_isolated(Sql, {"query": "SELECT count(*) AS n FROM orders"}, orders=TABLE)
    assert found.rows() == [{"n": 2}]
    with pytest.raises(ValidationError, match="takes no"):
        config_of(Sql, {"query": "SELECT {{ x }}"})


def test_types_people_write() -> None:
    assert str(type_named(" Text ")) == "string"
    assert str(type_named("decimal(10, 2)")) == "decimal(10, 2)"
    pairs = {
        ("int32", "int64"): "int64",
        ("int64", "uint64"): "decimal(20, 0)",
        ("int64", "decimal(10,2)"): "decimal(21, 2)",
        ("decimal(10,2)", "float64"): "float64",
        ("string", "int64"): "None",
        ("date", "timestamp"): "None",
        ("timestamp", "timestamp('UTC')"): "None",
        ("null", "date"): "date",
    }
    assert {pair: str(common_type(type_named(text) for text in pair)) for pair in pairs} == pairs


def test_free_name_counts_upper_and_lower_case_as_the_same() -> None:
    assert free_name("A", ["b"]) == "A"
    assert free_name("A", ["a", "a_2"]) == "A_2_2"
