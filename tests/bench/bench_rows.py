"""Rows bench: events through five nodes as closures, one event a call, beside hand-written Python, SQL and Ibis for each event.

Usage: bench_rows.py [EVENTS] [ROUNDS]. CPU seconds of one process; the variants take turns, medians count, all give the same rows.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from measure import table

from tisserand.engine import types
from tisserand.engine.backends.base import Query
from tisserand.engine.backends.duckdb import chain_sql
from tisserand.engine.resolve import Resolution, resolve
from tisserand.engine.rows.program import compile_program
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.registry import registry

WANTED = 100_000
"""Events a second, at least."""

FLOW = """\
tisserand: 1
id: bench-rows
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
        - {column: card}
  sold: {kind: table.filter, inputs: {table: asked}, config: {where: "quantity > 0 and country in ('FR', 'DE', 'IT')"}}
  priced:
    kind: table.formula
    inputs: {table: sold.kept}
    config: {columns: {gross: quantity * price, discount: "case when quantity >= 10 then gross * 0.05 else gross * 0.0 end"}}
  chosen: {kind: table.select, inputs: {table: priced}, config: {columns: [id, {column: customer, name: buyer}, country, gross, discount, card]}}
  taxed:
    kind: table.formula
    inputs: {table: chosen}
    config: {columns: {net: gross - discount, tax: "if(country = 'FR', net * 0.2, net * 0.19)", label: "upper(buyer) || ', ' || country"}}
  masked: {kind: table.mask, inputs: {table: taxed}, config: {columns: [{column: card, method: partial}]}}
"""
SOURCE, TARGET = ("asked", "event"), ("masked", "table")
Row = tuple[Any, ...]


def flow() -> Resolution:
    reading = read_flow(FLOW, None)
    assert reading.flow is not None
    found = resolve(reading.flow, registry(), {}, None)
    assert found.ok, [problem.line() for problem in found.problems]
    return found


def event(number: int) -> Row:
    country = ("FR", "DE", "IT", "ES")[number % 4]
    return (
        datetime(2026, 3, 9),
        "someone",
        number,
        f"Client {number}",
        country,
        number % 20 + 1,
        2.5 + number % 7,
        "4111222233334444",
    )


def by_hand(row: Row) -> list[Row]:
    """The same as a person would write it for these columns, with the same care for NULL and for numbers of 64 bits."""
    _, _, key, buyer, country, quantity, price, card = row
    if quantity is None or quantity <= 0 or country not in ("FR", "DE", "IT"):
        return []
    gross = None if price is None else float(quantity) * price
    discount = None if gross is None else gross * 0.05 if quantity >= 10 else gross * 0.0
    net = None if gross is None or discount is None else gross - discount
    tax = None if net is None else net * 0.2 if country == "FR" else net * 0.19
    label = None if buyer is None else buyer.upper() + ", " + country
    hidden = None if card is None else "*" * (len(card) - 4) + card[-4:] if len(card) > 4 else "*" * len(card)
    return [(key, buyer, country, gross, discount, hidden, net, tax, label)]


def variants(found: Resolution) -> dict[str, Callable[[Row], list[Row]]]:
    program = compile_program(found, SOURCE, [TARGET])
    schema = found.nodes["asked"].schemas["event"]
    given = ", ".join(f'CAST(? AS {types.to_duckdb(column.type)}) AS "{column.name}"' for column in schema)
    connection = duckdb.connect(config={"threads": 1})
    # The events of the query are the one that is given.
    whole = chain_sql(Query(found, TARGET, {SOURCE: Path("event")}))
    sql = whole.replace("SELECT * FROM read_parquet('event')", f"SELECT {given}", 1)
    assert sql != whole

    def by_sql(row: Row) -> list[Row]:
        return connection.execute(sql, list(row)).fetchall()

    import ibis

    backend = ibis.duckdb.connect()
    columns = types.to_arrow(schema)

    def by_ibis(row: Row) -> list[Row]:
        import pyarrow as pa

        values = [pa.array([value], field.type) for value, field in zip(row, columns, strict=True)]
        backend.con.register("asked.event", pa.Table.from_arrays(values, schema=columns))
        expression = None
        for name, port in (("sold", "kept"), ("priced", "table"), ("chosen", "table"), ("taxed", "table"), TARGET):
            relation = found.nodes[name].relations[port]
            if expression is not None:
                relation = relation.op().replace({_placeholder(relation): expression.op()}).to_expr()
            expression = relation
        assert expression is not None
        made = backend.to_pyarrow(expression)
        return [tuple(one.values()) for one in made.to_pylist()]

    return {
        "closures": lambda row: program([row])[TARGET],
        "by hand": by_hand,
        "SQL for each event": by_sql,
        "Ibis for each event": by_ibis,
    }


def _placeholder(relation: Any) -> Any:
    import ibis.expr.operations as ops

    [found] = relation.op().find(ops.UnboundTable)
    return found


def main(events: int = 50_000, rounds: int = 5) -> dict[str, Any]:
    found = flow()
    ways = variants(found)
    counts = {
        "closures": events,
        "by hand": events,
        "SQL for each event": max(20, events // 500),
        "Ibis for each event": max(5, events // 5_000),
    }
    rows = [event(number) for number in range(events)]
    for number in (0, 3, 11, 17):
        expected = by_hand(rows[number])
        assert all(way(rows[number]) == expected for way in ways.values()), {
            name: way(rows[number]) for name, way in ways.items()
        }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            for row in rows[: counts[name]]:
                way(row)
            took[name].append((time.process_time() - start) / counts[name])
    costs = {name: statistics.median(found) for name, found in took.items()}
    lines = [
        (name, f"{1 / cost:,.0f}", f"{cost * 1e6:,.1f}", f"{cost / costs['by hand']:.1f} ×", f"{cost / costs['closures']:.1f} ×")
        for name, cost in costs.items()
    ]
    reached = 1 / costs["closures"]
    verdict = "reached" if reached >= WANTED else "MISSED"
    text = table(("way", "events/s", "µs CPU", "to by hand", "to closures"), lines)
    text += f"\n\nWanted: {WANTED:,} events/s through five nodes in one process, one event a call; {verdict} with {reached:,.0f}."
    print(text)
    return {"title": "Rows", "text": text}


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
