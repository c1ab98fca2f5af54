"""The row-wise nodes of the product, each port against its batch on DuckDB, row by row and with bad values among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.rows.batch import Batch, compared, table_of

from tisserand.sdk.registry import registry

SCHEMA = {
    "i": "int64", "n": "int32", "f": "float64", "d": "decimal(12, 2)", "s": "string", "b": "boolean", "dt": "date", "ts": "timestamp(6)",
    "tz": "timestamp('UTC', 6)", "js": "json", "tm": "time", "st": "struct<a: int64, b: struct<c: string>>", "ar": "array<struct<x: int64>>",
    "texts": "array<string>",
}  # fmt: skip
FULL = (
    7, 3, 2.5, Decimal("19.99"), "Zoé", True, date(2026, 1, 31), datetime(2026, 3, 9, 14, 5, 6, 700000), datetime(2026, 3, 9, 14, tzinfo=UTC),
    '{"a": 1, "b": [{"c": "x"}, {"c": null}, {}]}', time(1, 2, 3), {"a": 5, "b": {"c": "é"}}, [{"x": 1}, {"x": None}, None], ["a", "b"],
)  # fmt: skip


def changed(**values: Any) -> tuple[Any, ...]:
    return tuple(values.get(name, value) for name, value in zip(SCHEMA, FULL, strict=True))


ROWS = [
    FULL,
    (None,) * len(SCHEMA),
    changed(i=-(2**63), n=-5, f=float("nan"), d=Decimal("-9999999999.99"), s="12", ar=[], texts=[], st={"a": None, "b": None}),
    changed(i=300, f=-2.5, d=Decimal("2.50"), s="2026-03-09", b=False, js='{"a": "x", "b": {}}', texts=[None, "é"]),
    changed(i=0, f=1e300, d=Decimal("0.49"), s='{"a": 12, "b": [{"c": "z"}], "d": "2026-03-09 01:02:03", "more": 1}', js="[]"),
    changed(i=2, f=9.3e18, s='{"a": 1.5, "b": "no", "d": "never"}', js='"text"', ts=datetime(1, 1, 1), dt=date(9999, 12, 31)),
    changed(s="[1, 2.5, null]", js='[{"a": 1, "a": 2}]', f=0.125),
    changed(s="[1, {}]", js="null", f=float("inf")),
    changed(s="{bad", js='{"a": "\\u00e9\\n", "b": [1]}', f=-0.0, i=12345678),
    changed(s="null", js='{"a": 1e400}', f=0.5),
    changed(s="9999-99-99", js='{"a": 12345678901234567890}', i=1, b=None),
]
CASES: list[tuple[str, dict[str, Any]]] = [
    ("table.filter", {"where": "i > 1 and b"}),
    ("table.filter", {"where": "f > 1 or s like 'Z%'", "empty": "keep"}),
    ("table.formula", {"columns": {"a": "i + 1", "b2": "a * 2", "s": "upper(s) || a", "half": "f / 2"}}),
    ("table.select", {"columns": ["ts", "i", {"column": "s", "name": "renamed"}]}),
    ("table.select", {"drop": ["js", "st"], "columns": [{"column": "i", "type": "text"}], "others": "keep"}),
    *(
        ("table.select", {"columns": [{"column": column, "type": type}], "on_bad": bad})
        for bad in ("stop", "empty")
        for column, types in {
            "i": ("text", "number", "int8", "int32", "uint64", "boolean", "decimal(5, 2)", "float32"),
            "n": ("integer", "int16", "text"),
            "f": ("integer", "int8", "text", "decimal(8, 2)", "float32", "boolean"),
            "d": ("integer", "int8", "number", "text", "decimal(6, 1)", "decimal(20, 5)", "boolean"),
            "s": ("integer", "int8", "number", "boolean", "date", "timestamp", "time", "decimal(6, 2)", "json", "timestamp('UTC')"),
            "b": ("integer", "number", "text"),
            "dt": ("timestamp", "text", "timestamp('UTC')"),
            "ts": ("date", "time", "text", "timestamp('UTC')"),
            "tz": ("timestamp", "date", "text"),
            "tm": ("text",),
            "js": ("text", "integer", "number", "boolean", "date", "array<json>"),
        }.items()
        for type in types
    ),
    ("table.mask", {"columns": [
        {"column": "s", "method": "hash", "salt": "x"}, {"column": "i", "method": "partial"}, {"column": "d", "method": "redact"},
        {"column": "f", "method": "empty"}, {"column": "ts", "method": "partial", "show": 0}, {"column": "b", "method": "hash"},
    ]}),
    ("table.split", {"rules": [{"name": "many", "where": "i > 5"}, {"name": "some", "where": "b"}]}),
    ("table.validate", {"rules": [{"where": "i > 1", "message": "too few"}, {"where": "s <> 'x'", "empty": "accept"}]}),
    ("table.flatten", {}),
    ("table.flatten", {"rows": "texts", "position": "at", "empty": "drop"}),
    ("table.flatten", {"rows": "ar", "position": "at", "columns": ["ar"]}),
    *(("table.flatten", {"parse": {"s": kind}, "on_bad": bad}) for bad in ("stop", "empty") for kind in (
        "struct<a: int64, b: array<struct<c: string>>, d: timestamp>", "array<float64>", "struct<a: float64, d: date>", "int64", "json",
    )),
    ("table.flatten", {"parse": {"js": "struct<a: string, b: array<struct<c: string>>>"}, "columns": ["js"], "on_bad": "empty"}),
    ("table.flatten", {"parse": {"s": "array<float64>"}, "rows": "s", "on_bad": "empty"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    with Batch() as made:
        yield made


@pytest.mark.parametrize(("kind", "settings"), [pytest.param(*case, id=f"{i} {case[0]}") for i, case in enumerate(CASES)])
def test_ports_give_what_a_batch_gives(batch: Batch, kind: str, settings: dict[str, Any]) -> None:
    found = registry().get(kind)
    assert found is not None
    config, node, table = found.read_config(settings, {}), found.node(), table_of(SCHEMA)
    built: Any = node.build(config, table=table)  # type: ignore[attr-defined]
    for relation in built.values() if isinstance(built, dict) else [built]:
        compared(batch, SCHEMA, ROWS, relation, table)
