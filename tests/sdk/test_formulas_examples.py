"""Every example of the function table runs on DuckDB and gives the value that its documentation promises."""

from __future__ import annotations

from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest

from tisserand.model.formula.functions import EXAMPLE_ROWS, FUNCTIONS
from tisserand.sdk.formulas import compile_formula, function_reference

EXAMPLES = [
    pytest.param(formula, value, entry["category"] == "aggregate", id=formula)
    for entry in function_reference()
    for formula, value in entry["examples"]
]


@pytest.mark.parametrize(("formula", "value", "aggregate"), EXAMPLES)
def test_example_gives_its_value(formula: str, value: Any, aggregate: bool) -> None:
    rows = pa.table(EXAMPLE_ROWS)
    table = ibis.table(ibis.Schema.from_pyarrow(rows.schema), name="example")
    compiled = compile_formula(formula, table, {}, aggregate)
    query = table.aggregate(x=compiled) if aggregate else table.limit(1).select(x=compiled)
    with duckdb.connect() as connection:
        connection.register("example", rows)
        found = connection.sql(ibis.to_sql(query, dialect="duckdb")).to_arrow_table()["x"]
    got = found[0].as_py()
    got = got.isoformat() if hasattr(got, "isoformat") else got
    assert got == value
    assert type(got) is type(value)
    # The type that Ibis promises is the one that DuckDB delivers: the engine takes schemas from Ibis before the run.
    assert found.type == compiled.type().to_pyarrow()


def test_every_function_is_documented() -> None:
    for function in FUNCTIONS.values():
        assert function.help.endswith(".")
        assert function.examples or function.name in ("now", "today"), function.name


def test_reference_is_plain_data() -> None:
    import json

    names = [entry["name"] for entry in json.loads(json.dumps(function_reference()))]
    assert len(names) == len(set(names)) >= 60
