"""A layered layout: columns by the longest way from a source, rows ordered so that few wires cross."""

from __future__ import annotations

from collections.abc import Iterable

from tisserand.model.flow import Flow
from tisserand.ui.canvas.look import COLUMN, ROW

SWEEPS = 6


def tidy(flow: Flow, only: Iterable[str] | None = None) -> dict[str, tuple[float, float]]:
    """A place for every node (or for those of `only`), the first column at 0, columns centred on each other."""
    chosen = set(only) if only is not None else None
    ids = [id for id in flow.nodes if chosen is None or id in chosen]
    known = set(ids)
    before: dict[str, list[str]] = {id: [] for id in ids}
    behind: dict[str, list[str]] = {id: [] for id in ids}
    for id in ids:
        node = flow.nodes[id]
        for other in [ref.node for _port, ref in node.refs()] + list(node.after):
            if other in known and other != id and other not in before[id]:
                before[id].append(other)
                behind[other].append(id)
    columns = _columns(ids, before, behind)
    _uncross(columns, before, behind)
    return _place(columns, before, behind)


def _columns(ids: list[str], before: dict[str, list[str]], behind: dict[str, list[str]]) -> list[list[str]]:
    """Nodes by the longest way from a source (Kahn); a cycle's nodes are put behind what is known of them."""
    level = dict.fromkeys(ids, 0)
    waiting = {id: len(before[id]) for id in ids}
    ready = [id for id in ids if not waiting[id]]
    done = 0
    while done < len(ready):
        id = ready[done]
        done += 1
        for other in behind[id]:
            level[other] = max(level[other], level[id] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    # A source stands right before the first node that uses it, not far away at the left edge.
    for id in ids:
        if not before[id] and behind[id]:
            level[id] = max(0, min(level[other] for other in behind[id]) - 1)
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=0) + 1)]
    for id in ids:
        columns[level[id]].append(id)
    return columns


def _uncross(columns: list[list[str]], before: dict[str, list[str]], behind: dict[str, list[str]]) -> None:
    """Order each column by the middle of its neighbours, to and fro."""
    rank = {id: float(index) for column in columns for index, id in enumerate(column)}
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        near = before if forward else behind
        for column in columns if forward else reversed(columns):
            middle = {id: sum(rank[other] for other in near[id]) / len(near[id]) if near[id] else rank[id] for id in column}
            column.sort(key=middle.__getitem__)
            for index, id in enumerate(column):
                rank[id] = float(index)


def _place(
    columns: list[list[str]], before: dict[str, list[str]], behind: dict[str, list[str]]
) -> dict[str, tuple[float, float]]:
    """Rows: each node near the middle of its neighbours, never closer than one row to the next."""
    y = {id: (index - (len(column) - 1) / 2) * ROW for column in columns for index, id in enumerate(column)}
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {}
            for id in column:
                near = before[id] + behind[id] if sweep > 1 else before[id] or behind[id]
                wanted[id] = sum(y[other] for other in near) / len(near) if near else y[id]
            _spread(column, wanted, y)
    top = min(y.values(), default=0.0)
    return {id: (index * COLUMN, float(round((y[id] - top) / 8) * 8)) for index, column in enumerate(columns) for id in column}


def _spread(column: list[str], wanted: dict[str, float], y: dict[str, float]) -> None:
    """Put a column's nodes as near to where they want as one row apart allows (blocks pushed apart around their mean)."""
    blocks: list[tuple[float, list[str]]] = []
    for id in column:
        blocks.append((wanted[id], [id]))
        while len(blocks) > 1:
            (upper, first), (lower, second) = blocks[-2], blocks[-1]
            if upper + (len(first) + len(second)) * ROW / 2 <= lower:
                break
            joined = first + second
            middle = (upper * len(first) + lower * len(second)) / len(joined)
            blocks[-2:] = [(middle, joined)]
    for middle, ids in blocks:
        for index, id in enumerate(ids):
            y[id] = middle + (index - (len(ids) - 1) / 2) * ROW
