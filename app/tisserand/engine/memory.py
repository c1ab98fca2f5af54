"""Keeping a run inside its memory: the backend's share of it, and staging, then fewer threads, when a query does not fit."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tisserand.engine.backends.base import Base, Query
from tisserand.engine.plan import Unit, blocking
from tisserand.engine.resolve import Port
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.sdk.scan import fingerprint
from tisserand.sdk.scan_whole import too_wide
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.engine.backends.duckdb import DuckDB
    from tisserand.engine.run import FlowRun

T = TypeVar("T")

OVERSHOOT = 1.35
"""Peak resident memory over DuckDB's own limit, at worst (measured: 1.18–1.31)."""
BESIDE = 40_000_000
"""What a worker comes to hold besides, while it works: Arrow's batches, code that is loaded late (measured: 25–40 MB)."""
PER_THREAD = 250_000_000
SMALLEST = 100_000_000


def share(budget: int) -> int:
    """The backend's memory limit, in bytes, for a worker that may use `budget` of resident memory in all."""
    import psutil

    return max(SMALLEST, int((budget - psutil.Process().memory_info().rss - BESIDE) / OVERSHOOT))


def too_little(budget: int) -> Problem | None:
    """Why a worker cannot keep within `budget`: what it takes before the first row, with the least that the backend works with,
    is more already (measured: 300–350 MB, by how the system maps libraries)."""
    import psutil

    taken = psutil.Process().memory_info().rss
    least = int(taken + BESIDE + OVERSHOOT * SMALLEST)
    if budget >= least:
        return None
    given, needed = f"{budget // 1_000_000}MB", f"{-(-least // 10_000_000) * 10}MB"
    message = msg("A run cannot keep within {given}: it needs {needed}, however few its rows.", given=given, needed=needed)
    return Problem("run.memory", message, msg("Give it at least {needed}.", needed=needed), Place(field="limits.memory"))


def thread_count(budget: int | None, asked: int | None) -> int | None:
    """Fewer threads where memory is short: each needs its own buffers."""
    if asked is not None or budget is None:
        return asked
    return max(1, min(os.cpu_count() or 1, budget // PER_THREAD))


def guarded(run: FlowRun, unit: Unit, port: Port, do: Callable[[Query, DuckDB], T]) -> T:
    """Run a query; when it does not fit into memory, staged at its blocking nodes, and then with one thread."""
    import duckdb

    with run.query_lock:
        try:
            result = _within(run, unit, port, do)
        except duckdb.InvalidInputException as error:
            if not too_wide(str(error)):
                raise
            result = _within(run, unit, port, lambda query, backend: do(query.exact(), backend))
    unchanged(run, unit)
    return result


def alone(run: FlowRun, unit: Unit, do: Callable[[int | None], T]) -> T:
    """Run user's SQL, which has a backend and so a memory limit of its own: while no other query runs, and with one thread when it
    does not fit."""
    import duckdb

    with run.query_lock:
        try:
            return do(run.backend.threads)
        except duckdb.OutOfMemoryException:
            run.log(msg("The memory does not hold two threads: it goes on with one."), "warning", unit.node)
            return do(1)


def unchanged(run: FlowRun, unit: Unit) -> None:
    """Refuse rows read from a file that was replaced meanwhile; raises `NodeError`."""
    for name in (*unit.covers, unit.node, *(port[0] for port in unit.bases)):
        scan, before = run.scans.get(name), run.fingerprints.get(name)
        if scan is not None and fingerprint(scan.paths) != before:
            raise NodeError(
                "“{file}” was changed while the flow read it.",
                fix="Run the flow again when the file is at rest.",
                file=", ".join(path.name for path in scan.paths),
            )


def _within(run: FlowRun, unit: Unit, port: Port, do: Callable[[Query, DuckDB], T]) -> T:
    import duckdb

    try:
        return do(Query(run.resolution, port, run.bases), run.backend)
    except duckdb.OutOfMemoryException:
        run.log(msg("The memory does not hold this query at once: it goes on in stages."), "warning", unit.node)
    extra: list[Path] = []
    thread = threading.get_ident()
    try:
        try:
            return do(Query(run.resolution, port, _staged(run, unit, port, run.backend, extra)), run.backend)
        except duckdb.OutOfMemoryException:
            run.log(msg("The memory does not hold two threads: it goes on with one."), "warning", unit.node)
        single = run.backend.with_threads(1)
        run.stop.on_pull(lambda: single.interrupt(thread))
        try:
            return do(Query(run.resolution, port, _staged(run, unit, port, single, extra)), single)
        finally:
            single.close()
    finally:
        for path in extra:
            path.unlink(missing_ok=True)


def _staged(run: FlowRun, unit: Unit, port: Port, backend: DuckDB, extra: list[Path]) -> dict[Port, Base]:
    """Write down what goes into and comes out of the blocking nodes of one query; what is written already stays."""
    bases: dict[Port, Base] = dict(run.bases)
    done = {path.name: path for path in extra}
    missing: list[tuple[Port, Path]] = []
    nodes = run.resolution.nodes
    for name in unit.covers:
        node = nodes[name]
        if node.role != "transform":
            continue
        users = [user for out in node.outputs for user, _ in run.resolution.consumers((name, out.name)) if user.id in unit.covers]
        feeds_blocking = any(user.role == "transform" and blocking(user) for user in users)
        if not (blocking(node) or feeds_blocking):
            continue
        for out in node.outputs:
            here = (name, out.name)
            wanted = any(here in ports for user in users for ports in user.inputs.values())
            if here == port or here in bases or not wanted:
                continue
            path = run.folder / "tmp" / f"stage.{name}.{out.name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name in done:
                bases[here] = path
            else:
                missing.append((here, path))
    for index, (here, path) in enumerate(missing):
        run.progress.parts_left(len(missing) - index + 1)
        # What is staged is not tried again: it takes numbers of any width at once.
        backend.spool(Query(run.resolution, here, bases).exact(), path, "lz4")
        extra.append(path)
        bases[here] = path
    run.progress.parts_left(1)
    return bases
