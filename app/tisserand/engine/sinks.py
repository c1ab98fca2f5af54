"""Putting a sink's work into place exactly once: files by rename, and what an interrupted attempt left, found and settled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.context import NodeContext
from tisserand.engine.resolve import RESULT, Port, ResolvedNode
from tisserand.engine.reuse import clear, repeats, warned
from tisserand.files import sync, sync_folder
from tisserand.sdk.node import Written

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun

Rows = dict[Port, int]


def commit(run: FlowRun, node: ResolvedNode, context: NodeContext, written: Written) -> None:
    """Make staged files durable, journal them, rename them into place, journal that."""
    facts = {"rows": written.rows, "where": written.where, "bytes": written.bytes}
    for staged in context.staged:
        mode = staged.final.stat().st_mode & 0o777 if staged.final.exists() else 0o644
        staged.temporary.chmod(mode)
        sync(staged.temporary)
    if context.staged:
        run.note(node.id, "sink.staged", {**facts, "files": [staged.to_json() for staged in context.staged]})
    for staged in context.staged:
        staged.temporary.replace(staged.final)
        sync_folder(staged.final.parent)
    context.staged.clear()
    run.note(node.id, "sink.done", facts)


def sink_result(run: FlowRun, node: ResolvedNode, written: Written, seconds: float) -> Rows:
    """The one row of the `result` port, and the count of rows that went in."""
    run.written[node.id] = written.bytes
    port = next(((node.id, out.name) for out in node.outputs if out.kind == "result"), None)
    counted: Rows = {(node.id, ""): written.rows}
    if port is not None:
        row = {"rows": written.rows, "bytes": written.bytes, "where": written.where, "seconds": round(seconds, 3)}
        run.spools.write_rows(port, RESULT, [row])
        run.bases[port] = run.spools.path(port)
        counted[port] = 1
    return counted


def settle_earlier(run: FlowRun, node: ResolvedNode) -> Rows | None:
    """What an earlier, interrupted attempt of this sink came to; None when it must be done (again).

    A file that was staged is put into place now, or is there already: told by its inode and size, which a rename keeps. A sink
    that nobody can ask is uncertain: it is repeated with the same key, or left alone, as the run was told.
    """
    begun: dict[str, Any] | None = None
    staged: dict[str, Any] | None = None
    for event in run.earlier.get(node.id, ()):
        if event.kind == "sink.begun":
            begun, staged = dict(event.data), None
        elif event.kind == "sink.staged":
            staged = dict(event.data)
        elif event.kind == "sink.done":
            return _done(run, node, dict(event.data))
    if staged is not None and all(_in_place(file) for file in staged["files"]):
        run.note(node.id, "sink.done", {name: staged[name] for name in ("rows", "where", "bytes")})
        return _done(run, node, staged)
    clear(run.earlier.get(node.id, ()))
    uncertain = begun is not None and begun.get("delivery") == "at least once"
    if uncertain and begun is not None:
        tell_uncertain(run, node, str(begun["key"]))
    if run.options.uncertain == "skip" and (uncertain or repeats(run, node)):
        return _done(run, node, {"rows": 0, "where": "", "bytes": None})
    return None


def tell_uncertain(run: FlowRun, node: ResolvedNode, key: str) -> None:
    """Journal that an earlier attempt may have taken effect, and what follows from it."""
    run.note(node.id, "sink.uncertain", {"key": key, "then": run.options.uncertain or "repeat"})
    run.log(warned(key), "warning", node.id)


def _done(run: FlowRun, node: ResolvedNode, facts: dict[str, Any]) -> Rows:
    return sink_result(run, node, Written(facts["rows"], facts["where"] or "", facts["bytes"]), 0.0)


def _in_place(file: dict[str, Any]) -> bool:
    temporary, final = Path(file["temporary"]), Path(file["final"])
    for path in (temporary, final):
        try:
            state = path.stat()
        except OSError:
            continue
        if (state.st_ino, state.st_size) == (file["inode"], file["size"]):
            if path == temporary:
                temporary.replace(final)
                sync_folder(final.parent)
            return True
    return False
