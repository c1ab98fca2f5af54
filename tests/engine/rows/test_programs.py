"""Programs of whole chains: fused nodes against the flow's own batch, ports of a fan-out, who is blamed, and what needs a batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rows.batch import Batch, same

from tisserand.engine.backends.base import Query
from tisserand.engine.backends.duckdb import chain_sql
from tisserand.engine.resolve import Resolution, resolve
from tisserand.engine.rows.program import RowFailed, compile_program, why_not
from tisserand.engine.rows.request import batched, by_row
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.registry import registry

FLOW = """\
tisserand: 1
id: orders
nodes:
  asked:
    kind: trigger.request
    config:
      method: POST
      path: /orders
      body:
        - {column: id, type: int64, required: true}
        - {column: customer}
        - {column: country}
        - {column: quantity, type: int64}
        - {column: price, type: float64}
        - {column: lines, type: "array<struct<sku: string, count: int64>>"}
  kept: {kind: table.filter, inputs: {table: asked}, config: {where: "quantity > 0 and country in ('FR', 'DE')"}}
  priced: {kind: table.formula, inputs: {table: kept.kept}, config: {columns: {total: quantity * price, cents: to_integer(total * 100)}}}
  ways:
    kind: table.split
    inputs: {table: priced}
    config: {rules: [{name: large, where: total > 100}, {name: small, where: total > 0}]}
  taxed: {kind: table.formula, inputs: {table: ways.large}, config: {columns: {tax: "round(total * 0.2, 2)", twice: cents + cents}}}
  masked: {kind: table.mask, inputs: {table: taxed}, config: {columns: [{column: customer, method: partial, show: 1}]}}
  lines: {kind: table.flatten, inputs: {table: priced}, config: {rows: lines, position: at, columns: [lines]}}
  big: {kind: table.filter, inputs: {table: lines}, config: {where: lines_count > 1}}
  sized: {kind: table.formula, inputs: {table: lines}, config: {columns: {size: lines_count * 2}}}
  sums: {kind: table.aggregate, inputs: {table: priced}, config: {by: [country], values: {total: sum(total)}}}
  after: {kind: table.formula, inputs: {table: sums}, config: {columns: {half: total / 2}}}
  text: {kind: table.formula, inputs: {table: asked}, config: {columns: {found: "regexp_matches(customer, '(?i)ada')"}}}
  own: {kind: table.sql, inputs: {tables: [asked]}, config: {query: SELECT id FROM asked}}
"""
SOURCE = ("asked", "event")
TARGETS = [
    ("masked", "table"),
    ("sized", "table"),
    ("ways", "small"),
    ("ways", "otherwise"),
    ("kept", "rejected"),
    ("big", "kept"),
    ("lines", "table"),
]
MOMENT = datetime(2026, 3, 9, 14, 0)


def row(
    id: int | None, customer: Any = "Ada", country: Any = "FR", quantity: Any = 3, price: Any = 50.0, lines: Any = ()
) -> tuple[Any, ...]:
    made = None if lines is None else [{"sku": sku, "count": count} for sku, count in lines]
    return (MOMENT, "someone", id, customer, country, quantity, price, made)


ROWS = [
    row(1), row(2, quantity=1), row(3, country="IT"), row(4, quantity=None), row(5, price=None), row(6, customer=None), row(7, quantity=-1),
    row(8, lines=[("a", 1), ("b", 2)]), row(9, lines=None), row(None, country="DE", price=0.0, lines=[("c", None)]), row(10, customer="日本語"),
]  # fmt: skip


@pytest.fixture(scope="module")
def resolution() -> Resolution:
    reading = read_flow(FLOW, None)
    assert reading.flow is not None
    found = resolve(reading.flow, registry(), {}, None)
    assert found.ok, [problem.line() for problem in found.problems]
    return found


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    with Batch() as made:
        yield made


def test_a_chain_gives_what_its_query_gives(resolution: Resolution, batch: Batch, tmp_path: Path) -> None:
    """The fused query of the engine itself, over the same events in a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    from tisserand.engine import types

    schema = types.to_arrow(resolution.nodes["asked"].schemas["event"])
    path = tmp_path / "events.parquet"
    parquet.write_table(
        pa.table([pa.array(c, f.type) for c, f in zip(zip(*ROWS, strict=True), schema, strict=True)], schema=schema), path
    )
    program = compile_program(resolution, SOURCE, TARGETS)
    found = program(ROWS)
    for target in TARGETS:
        table = batch.connection.sql(chain_sql(Query(resolution, target, {SOURCE: path}))).to_arrow_table()
        expected = list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []
        assert table.column_names == list(program.schemas[target].names)
        assert same(sorted(found[target], key=repr), sorted(expected, key=repr)), target
    assert all(found[target] for target in TARGETS)


def test_each_event_by_itself_and_all_at_once(resolution: Resolution) -> None:
    program = compile_program(resolution, SOURCE, TARGETS)
    together = program(ROWS)
    assert program.nodes == ("kept", "priced", "ways", "taxed", "masked", "lines", "sized", "big")
    for target in TARGETS:
        assert [made for one in ROWS for made in program([one])[target]] == together[target]
    assert program([]) == {target: [] for target in TARGETS}


def test_the_source_is_a_target_too(resolution: Resolution) -> None:
    assert compile_program(resolution, SOURCE, [SOURCE])(ROWS[:2]) == {SOURCE: ROWS[:2]}


def test_rows_by_name(resolution: Resolution) -> None:
    program = compile_program(resolution, SOURCE, [("kept", "kept")])
    assert program.columns == ("received_at", "consumer", "id", "customer", "country", "quantity", "price", "lines")
    assert program.rows_of([{"id": 1, "price": 2.0}]) == [(None, None, 1, None, None, None, 2.0, None)]


def test_what_fails_names_its_node_and_row(resolution: Resolution) -> None:
    program = compile_program(resolution, SOURCE, TARGETS)
    with pytest.raises(RowFailed) as error:
        program([row(1), row(2, price=1e300)])
    assert (error.value.node, error.value.column, error.value.row) == ("priced", "cents", 2)
    with pytest.raises(RowFailed) as error:
        program([row(1, price=3e16)])
    assert (error.value.node, error.value.column) == ("taxed", "twice")
    with pytest.raises(RowFailed) as behind:
        program([row(1), row(2, quantity=1, lines=[("a", 1), ("b", 2**63 - 1)])])
    assert (behind.value.node, behind.value.column, behind.value.row) == ("sized", "size", 2)
    assert error.value.message.text("en").startswith("A number became too large for its type: ")


def test_what_nobody_needs_is_not_computed(resolution: Resolution) -> None:
    """As in a batch: a row that is filtered out, and a column that is left out, fail nothing."""
    program = compile_program(resolution, SOURCE, [("kept", "kept"), ("kept", "rejected")])
    assert len(program([row(1, price=1e300)])[("kept", "kept")]) == 1
    everything = compile_program(resolution, SOURCE, TARGETS)
    assert everything([row(1, price=1e300, country="IT")])[("kept", "rejected")]


def test_batch_nodes_are_told_with_a_reason(resolution: Resolution) -> None:
    told = {name: None if why is None else why.text("en") for name, why in by_row(resolution).items()}
    assert {name for name, why in told.items() if why is None} == {
        "kept",
        "priced",
        "ways",
        "taxed",
        "masked",
        "lines",
        "big",
        "sized",
        "after",
    }
    assert told["sums"] == "It forms groups over all rows."
    assert told["own"] == "SQL that is written out works on whole tables."
    assert told["text"] is not None and "(?i)ada" in told["text"]
    assert why_not(resolution, "asked") is None
    warnings = {problem.place.node: problem for problem in batched(resolution)}
    assert set(warnings) == {"sums", "own", "text"}
    assert {problem.severity for problem in warnings.values()} == {"warning"}
    assert "It forms groups over all rows." in warnings["sums"].line()


@pytest.mark.parametrize(
    ("target", "operation", "node"), [(("sums", "table"), "Aggregate", "sums"), (("after", "table"), "Aggregate", "sums")]
)
def test_a_chain_with_a_batch_node_is_refused(resolution: Resolution, target: tuple[str, str], operation: str, node: str) -> None:
    with pytest.raises(Unrowable) as error:
        compile_program(resolution, SOURCE, [target])
    assert (error.value.operation, error.value.node) == (operation, node)


def test_programs_serve_several_threads(resolution: Resolution) -> None:
    from concurrent.futures import ThreadPoolExecutor

    program = compile_program(resolution, SOURCE, TARGETS)
    events = [row(number, customer="e\u0301" * (number % 3), price=float(number % 70)) for number in range(400)]
    expected = [program([event]) for event in events]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda event: program([event]), events * 3)) == expected * 3


def test_moments_with_a_zone_are_utc(resolution: Resolution) -> None:
    import ibis

    from tisserand.engine.rows.compile import compile_rows

    table = ibis.table({"at": "timestamp('UTC', 6)"}, name="event.rows")
    [found] = compile_rows(table.select(at=table["at"].cast("timestamp")))(
        (datetime.fromisoformat("2026-03-29T02:30:00+02:00"),)
    ) or [None]
    assert found == datetime(2026, 3, 29, 0, 30)
    assert datetime(2026, 3, 29, tzinfo=UTC).tzinfo is UTC


def test_calculations_nest_as_deep_as_the_stack_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from tisserand.engine.rows import values
    from tisserand.engine.rows.compile import compile_rows

    def nested(depth: int) -> Any:
        import ibis

        table = ibis.table({"i": "int64"}, name="event.rows")
        made = table["i"]
        for _ in range(depth):
            made = made + 1
        return table.select(i=made)

    assert compile_rows(nested(150))((1000,)) == (1150,)
    with pytest.raises(Unrowable):
        compile_rows(nested(400))
    monkeypatch.setattr(values, "DEEPEST", 20)
    with pytest.raises(Unrowable) as refused:
        compile_rows(nested(21))
    assert refused.value.message.text("en") == "More than 20 calculations stand inside of each other."
