"""Each function of the formula table is tried row by row: it gives what its documentation promises, or is known as a batch function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tisserand.engine.rows.compile import Unrowable, compile_rows
from tisserand.model.formula.functions import EXAMPLE_ROWS, FUNCTIONS
from tisserand.sdk.formulas import compile_formula

UNROWABLE: frozenset[str] = frozenset(name for name, function in FUNCTIONS.items() if function.aggregate)
"""What has no meaning for a row: aggregates, and nothing else."""
EXAMPLES = [
    pytest.param(name, formula, value, id=formula) for name, function in FUNCTIONS.items() for formula, value in function.examples
]


@pytest.mark.parametrize(("name", "formula", "value"), EXAMPLES)
def test_example_row_by_row(name: str, formula: str, value: Any) -> None:
    import ibis

    table = ibis.table({"qty": "int64", "city": "string"}, name="event.rows")
    aggregate = FUNCTIONS[name].aggregate
    compiled = compile_formula(formula, table, {}, aggregate)
    expression = table.aggregate(x=compiled) if aggregate else table.select(x=compiled)
    if name in UNROWABLE:
        with pytest.raises(Unrowable) as refused:
            compile_rows(expression)
        assert refused.value.message.text("en").endswith(".")
        return
    row = compile_rows(expression)((EXAMPLE_ROWS["qty"][0], EXAMPLE_ROWS["city"][0]))
    assert isinstance(row, tuple)
    got = row[0].isoformat() if hasattr(row[0], "isoformat") else row[0]
    assert got == value
    assert type(got) is type(value)


def test_the_present_is_that_of_the_row() -> None:
    import ibis

    table = ibis.table({"qty": "int64"}, name="event.rows")
    function = compile_rows(table.select(x=compile_formula("now()", table, {}), day=compile_formula("today()", table, {})))
    before = datetime.now(UTC).replace(tzinfo=None)
    rows = [function((1,)), function((1,))]
    after = datetime.now(UTC).replace(tzinfo=None)
    moments = [row[0] for row in rows if isinstance(row, tuple)]
    assert before <= moments[0] <= moments[1] <= after
    assert all(isinstance(row, tuple) and row[1] == row[0].date() for row in rows)


def test_every_function_is_tried() -> None:
    tried = {str(parameters.values[0]) for parameters in EXAMPLES}
    assert set(FUNCTIONS) - tried == {"now", "today"}
