"""The plan of a flow, readable: what fuses, what is written down and why, the SQL, the columns."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tisserand.engine.backends.base import Base, Query
from tisserand.engine.backends.duckdb import chain_sql
from tisserand.engine.check import check_text, looking
from tisserand.engine.launch import Refused
from tisserand.engine.native import scan_natively
from tisserand.engine.plan import make_plan, plan_json
from tisserand.engine.resolve import Port
from tisserand.engine.rows.request import answers, by_row
from tisserand.workspace.folder import Workspace


def explain(workspace: Workspace, text: str, env: str | None = None, file: str | None = None) -> dict[str, Any]:
    """The plan as plain values: `units` in order (with `sql` where there is a query), `spooled`, `reused`, `schemas`; and, for a flow
    that answers requests, `rows`: its transforms, each with the reason why it needs a batch, or None where it works row by row."""
    checked = check_text(workspace, text, env, file, locked=False)
    if checked.resolution is None or checked.flow is None or any(problem.severity == "error" for problem in checked.problems):
        raise Refused(checked.problems)
    if any(problem.code == "source.unasked" for problem in checked.problems):
        raise Refused(checked.problems)
    with tempfile.TemporaryDirectory(prefix="tisserand-explain-") as folder:
        run = looking(workspace, checked.flow, env, Path(folder))
        run.resolution = checked.resolution
        refused = scan_natively(run)
        run.journal.close()
    if refused:
        raise Refused(refused)
    plan = make_plan(run.resolution, run.scans, run.sinks)
    shown = plan_json(plan)
    bases: dict[Port, Base] = dict(run.bases)
    for unit in plan.units:
        for base in unit.bases:
            bases.setdefault(base, Path("spool") / f"{base[0]}.{base[1]}.parquet")
    port: Port | None
    for unit, entry in zip(plan.units, shown["units"], strict=True):
        port = (
            (unit.node, unit.port)
            if unit.port
            else next((p for ports in run.resolution.nodes[unit.node].inputs.values() for p in ports), None)
        )
        if unit.kind in ("spool", "sink", "step") and port is not None:
            entry["sql"] = chain_sql(
                Query(run.resolution, port, {p: known for p, known in bases.items() if p != port or unit.kind != "spool"})
            )
    if answers(run.resolution):
        shown["rows"] = {name: None if why is None else why.to_json() for name, why in by_row(run.resolution).items()}
    shown["schemas"] = {
        name: {port: schema.to_json() for port, schema in ports.items()} for name, ports in checked.schemas.items()
    }
    return shown
