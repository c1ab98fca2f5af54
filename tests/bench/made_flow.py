"""Large flows as people build them, made for the model and plan benches: cells of twenty nodes of all common kinds, wired on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

CELL = 20
"""Nodes of one cell."""

CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF")
STATES = ("open", "paid", "sent", "cancelled", "returned")

ORDERS = "order_id,customer_id,article,ordered,state,currency,quantity,price,weight\n"
ORDER_ROW = "{0},{1},A-{0},2026-0{2}-11,paid,EUR,{2},{0}.5,0.{1}\n"
CUSTOMERS = "customer_id,name,country,segment,since\n1,Ada,FR,shop,2020-01-01\n2,Bo,DE,office,2021-05-01\n"


def _cell(number: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Names, thresholds and new columns differ from cell to cell, so that nothing is the same text twice."""
    n = number
    state, currency = STATES[n % 5], CURRENCIES[n % 5]
    yield f"orders_{n}", {"kind": "file.read_csv", "config": {"path": f"{{{{ workspace }}}}/data/orders_{n % 5}.csv"}}
    yield f"customers_{n}", {"kind": "file.read_csv", "config": {"path": "{{ workspace }}/data/customers.csv"}}
    yield (
        f"wanted_{n}",
        _node("table.filter", f"orders_{n}", where=f"state <> '{state}' and quantity >= {n % 7} and price > $least"),
    )
    amounts = {
        f"gross_{n}": "price * quantity",
        f"tax_{n}": f"round(price * quantity * 0.{n % 20 + 5:02}, 2)",
        "month": "month(ordered)",
    }
    yield f"priced_{n}", _node("table.formula", f"wanted_{n}.kept", columns=amounts)
    chosen = [
        "order_id",
        "customer_id",
        {"column": "article", "name": f"item_{n}"},
        "month",
        "currency",
        f"gross_{n}",
        f"tax_{n}",
    ]
    yield f"chosen_{n}", _node("table.select", f"priced_{n}", columns=chosen)
    known = {"kind": "table.filter", "inputs": {"table": f"customers_{n}"}, "config": {"where": f"length(trim(name)) > {n % 3}"}}
    yield f"known_{n}", known
    join = {
        "kind": "table.join",
        "inputs": {"left": f"chosen_{n}", "right": f"known_{n}.kept"},
        "config": {"on": ["customer_id"], "how": "left"},
    }
    yield f"named_{n}", join
    labels = {f"label_{n}": f"upper(country) || '-' || coalesce(segment, 'none {n}')", f"net_{n}": f"gross_{n} - tax_{n}"}
    yield f"labelled_{n}", _node("table.formula", f"named_{n}.matched", columns=labels)
    rules = [{"name": "large", "where": f"net_{n} > {1000 + n}"}, {"name": "local", "where": f"currency = '{currency}'"}]
    yield f"parted_{n}", _node("table.split", f"labelled_{n}", rules=rules)
    yield (
        f"best_{n}",
        _node(
            "table.top_n", f"parted_{n}.large", n=10 + n, by=[{"column": f"net_{n}", "direction": "descending"}], per=["country"]
        ),
    )
    yield f"unique_{n}", _node("table.dedupe", f"parted_{n}.local", keys=["customer_id", "month"], by=["order_id"], keep="last")
    both = {"kind": "table.union", "inputs": {"tables": [f"best_{n}", f"unique_{n}"]}, "config": {"columns": "common"}}
    yield f"both_{n}", both
    yield f"hidden_{n}", _node("table.mask", f"both_{n}", columns=[{"column": "name", "method": "partial"}])
    values = {f"orders_{n}": "count()", f"net_{n}": f"sum(net_{n})", f"largest_{n}": f"max(gross_{n})"}
    yield f"totals_{n}", _node("table.aggregate", f"hidden_{n}", by=["country", "segment", "month"], values=values)
    # From cell to cell: what the one before found is joined in.
    carried = f"totals_{n - 1}" if n else "totals_0"
    back = {
        "kind": "table.join",
        "inputs": {"left": f"totals_{n}", "right": carried},
        "config": {"on": ["country", "segment", "month"], "how": "left", "suffix": "_before"},
    }
    yield f"compared_{n}", back
    yield (
        f"shares_{n}",
        _node(
            "table.formula", f"compared_{n}.matched", columns={f"share_{n}": f"if(orders_{n} > 0, net_{n} / orders_{n}, null)"}
        ),
    )
    yield f"sorted_{n}", _node("table.sort", f"shares_{n}", by=["country", {"column": f"share_{n}", "direction": "descending"}])
    yield f"report_{n}", _node("file.write_csv", f"sorted_{n}", path=f"{{{{ workspace }}}}/out/report_{n}.csv")
    yield f"detail_{n}", _node("file.write_parquet", f"hidden_{n}", path=f"{{{{ workspace }}}}/out/detail_{n}.parquet")
    told = {"kind": "flow.log", "inputs": {"table": f"report_{n}.result"}, "config": {"message": f"Report {n} is written"}}
    yield f"told_{n}", told


def _node(kind: str, source: str, **config: object) -> dict[str, object]:
    return {"kind": kind, "inputs": {"table": source}, "config": config}


def flow_data(nodes: int) -> dict[str, object]:
    made = {name: node for number in range(nodes // CELL) for name, node in _cell(number)}
    return {
        "tisserand": 1,
        "id": "large",
        "title": f"{len(made)} nodes",
        "parameters": {"least": {"type": "number", "default": 1.5, "title": "Smallest price"}},
        "nodes": made,
        "layout": {name: [index % CELL * 220, index // CELL * 120] for index, name in enumerate(made)},
    }


def flow_text(nodes: int) -> str:
    """In the form that Tisserand writes."""
    from tisserand.model.yamlfile import read_flow, write_flow

    plain = yaml.dump(flow_data(nodes), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    reading = read_flow(plain)
    assert reading.flow is not None and not reading.problems, [problem.line() for problem in reading.problems[:5]]
    return write_flow(reading.flow)


def make_workspace(root: Path, nodes: int) -> Path:
    """A workspace with the flow and small files with the columns it reads; gives the flow file."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "flows").mkdir(exist_ok=True)
    (root / "tisserand.yaml").write_text("", encoding="utf-8")
    (root / "data" / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    for number in range(5):
        rows = "".join(ORDER_ROW.format(index, index % 2 + 1, index % 9 + 1) for index in range(1, 40))
        (root / "data" / f"orders_{number}.csv").write_text(ORDERS + rows, encoding="utf-8")
    file = root / "flows" / "large.yaml"
    file.write_text(flow_text(nodes), encoding="utf-8")
    return file


if __name__ == "__main__":
    print(json.dumps(flow_data(CELL), indent=1))
