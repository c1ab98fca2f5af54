"""Rows to look at: a page of an edge of a run, and the first rows that a node would give."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import edges
from tisserand.sdk.errors import NodeError

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.workspace.folder import Workspace

SAMPLE = 10_000
"""Rows of each source that a preview reads."""


def page(
    folder: Path, node: str, port: str | None, offset: int, limit: int, order: str | None = None, where: str | None = None
) -> tuple[pa.Table, int]:
    """Rows `offset` … of one kept edge, and how many there are in all; `order` is a column, `-column` for descending, `where` a
    formula that is true for the rows that count."""
    path = kept(folder, node, port)
    return _slice(path, offset, limit) if order is None and not where else edges.rows(path, offset, limit, order, where)


def kept(folder: Path, node: str, port: str | None) -> Path:
    """The file that holds the rows of an edge of a run; raises `NodeError` where they were not kept."""
    import json

    files: dict[str, str] = {}
    from tisserand.engine.journal import Journal

    state = folder.parent.parent / "journal.sqlite"
    with Journal(state) as journal:
        for event in journal.all_events(folder.name):
            if event.kind == "segment.done":
                files.update(event.data.get("files", {}))
    names = [name for name in files if name.split(".", 1)[0] == node]
    wanted = f"{node}.{port}" if port else next(iter(names), None)
    path = Path(files[wanted]) if wanted in files else folder / "spool" / f"{node}.{port or 'table'}.parquet"
    if path.is_file():
        return path
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8")) if (folder / "plan.json").exists() else {}
    fused = any(node in unit.get("fuses", ()) for unit in plan.get("units", ()))
    kept = sorted(name for name, file in files.items() if Path(file).is_file())
    raise NodeError(
        "The rows of “{port}” were not kept in this run. Kept: {kept}.",
        fix="Run it with “--keep all”." if fused or not names else None,
        port=f"{node}.{port}" if port else node,
        kept=kept or ["–"],
    )


def _slice(path: Path, offset: int, limit: int) -> tuple[pa.Table, int]:
    """Only the row groups that hold the page are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        total = file.metadata.num_rows
        groups: list[int] = []
        start = first = 0
        for index in range(file.num_row_groups):
            rows = file.metadata.row_group(index).num_rows
            if start + rows > offset and start < offset + limit:
                if not groups:
                    first = start
                groups.append(index)
            start += rows
        if not groups:
            return pa.Table.from_batches([], schema=file.schema_arrow), total
        return file.read_row_groups(groups).slice(max(0, offset - first), limit), total


def preview(
    workspace: Workspace, text: str, node: str, port: str | None, limit: int, env: str | None = None, file: str | None = None
) -> pa.Table:
    """The first rows that a reader or transform would give over the first rows of its sources: no run, no effect."""
    import pyarrow as pa

    from tisserand.engine import pinned, types
    from tisserand.engine.backends.base import Base, Query
    from tisserand.engine.backends.duckdb import DuckDB
    from tisserand.engine.check import check_text, looking
    from tisserand.engine.context import NodeContext
    from tisserand.engine.launch import Refused
    from tisserand.engine.plan import make_plan
    from tisserand.engine.resolve import Port
    from tisserand.engine.spool import SpoolWriter

    checked = check_text(workspace, text, env, file, locked=False)
    if checked.resolution is None or checked.flow is None or node not in checked.resolution.nodes:
        raise Refused(checked.problems)
    resolution = checked.resolution
    target = resolution.nodes[node]
    if not target.schemas:
        raise Refused(
            [problem for problem in checked.problems if problem.severity == "error" or problem.code == "source.unasked"]
        )
    name = port or target.outputs[0].name
    with tempfile.TemporaryDirectory(prefix="tisserand-preview-") as folder:
        run = looking(workspace, checked.flow, env, Path(folder))
        bases: dict[Port, Base] = {}
        backend = DuckDB(None, None, Path(folder))
        try:
            behind = make_plan(resolution, {}, {}, until=node)
            wanted = {n for unit in behind.units for n in (*unit.covers, unit.node)} | {node}
            for reader in resolution.nodes.values():
                if reader.id not in wanted or reader.role == "transform":
                    continue
                instance: Any = reader.node
                # Where a file stands for the node, nothing is asked.
                harmless = reader.spec.pinned is not None or (reader.role == "reader" and instance.harmless(reader.config))
                if not harmless or reader.found is None:
                    raise NodeError(
                        "“{node}” has effects: a preview does not run it.", fix="Run the flow up to here.", node=reader.id
                    )
                context = NodeContext(run, reader, run.stop)
                path = Path(folder) / f"{reader.id}.parquet"
                taken = 0
                with SpoolWriter(path, reader.schemas[reader.outputs[0].name]) as writer:
                    stands = pinned.batches(run, reader) if reader.spec.pinned is not None else None
                    for batch in stands or instance.read(context, reader.config, reader.found):
                        writer.write(batch.slice(0, SAMPLE - taken))
                        taken += batch.num_rows
                        if taken >= SAMPLE:
                            break
                bases[reader.id, reader.outputs[0].name] = path
            rows: list[Any] = []
            for batch in backend.batches(Query(resolution, (node, name), bases)):
                rows.append(batch)
                if sum(b.num_rows for b in rows) >= limit:
                    break
            return pa.Table.from_batches(rows, schema=types.to_arrow(target.schemas[name])).slice(0, limit)
        finally:
            backend.close()
            run.journal.close()
