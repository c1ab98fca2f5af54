"""Which of the nodes fused into one query made it fail: their rows are asked for one after the other until one refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tisserand.engine.backends.base import Query
from tisserand.engine.plan import Unit
from tisserand.engine.resolve import Port

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun

PATIENCE = 15.0
"""Seconds that the search may take; a query that ran for hours is not run again to find the node."""


def guilty(run: FlowRun, unit: Unit) -> str | None:
    """The first node of a failed query that fails by itself, or None where that cannot be told in time."""
    import duckdb

    thread = threading.get_ident()
    late = threading.Event()

    def stop() -> None:
        late.set()
        run.backend.interrupt(thread)

    timer = threading.Timer(PATIENCE, stop)
    timer.daemon = True
    timer.start()
    try:
        for port in _asked(run, unit):
            try:
                # Every row and column is taken: a count would let the backend leave out what fails.
                for _batch in run.backend.batches(Query(run.resolution, port, run.bases)):
                    if late.is_set() or run.stop.pulled():
                        return None
            except duckdb.Error:
                return None if late.is_set() or run.stop.pulled() else port[0]
    finally:
        timer.cancel()
    return None


def _asked(run: FlowRun, unit: Unit) -> Iterator[Port]:
    """The ports of the fused nodes that the query reads, in order."""
    nodes = run.resolution.nodes
    inside = (*unit.covers, unit.node)
    read = {port for name in inside for ports in nodes[name].inputs.values() for port in ports}
    for name in inside:
        if nodes[name].role == "transform":
            yield from ((name, out.name) for out in nodes[name].outputs if (name, out.name) in read or name == unit.node)
