"""Business keys of a run: the values of a flow's key columns go into the index as soon as the node's rows are there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tisserand.engine.backends.base import Query
from tisserand.engine.keystore import FILE, LONGEST, MOST, KeyStore
from tisserand.engine.plan import Unit
from tisserand.engine.resolve import Port, Resolution, ResolvedNode
from tisserand.model.check import PARAMETERS
from tisserand.model.problem import Place, Problem
from tisserand.sdk.scan import fingerprint
from tisserand.store import StoreError
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun


def key_column(node: ResolvedNode, column: str) -> tuple[Port, str] | None:
    """The port and column that `node.column` means: the first port that has the column, or `node.port.column`."""
    for out in node.outputs:
        if out.name in node.schemas and column in node.schemas[out.name].names:
            return (node.id, out.name), column
    port, dot, rest = column.partition(".")
    if dot and port in node.schemas and rest in node.schemas[port].names:
        return (node.id, port), rest
    return None


def wrong_keys(resolution: Resolution) -> list[Problem]:
    """Keys that name no column of their node, where its columns are known."""
    found = []
    for name, target in resolution.flow.keys.items():
        node = resolution.nodes.get(target.partition(".")[0])
        if node is None or not node.schemas or not all(out.name in node.schemas for out in node.outputs):
            continue
        if key_column(node, target.partition(".")[2]) is None:
            columns = list(dict.fromkeys(column for schema in node.schemas.values() for column in schema.names))
            message = msg("The business key “{key}” names “{target}”, but the node has no such column.", key=name, target=target)
            fix = msg("Columns: {columns}.", columns=columns[:20] or ["–"])
            found.append(Problem("key.column", message, fix, Place(flow=resolution.flow.id, field=f"keys.{name}")))
    return found


class Keyed:
    """The keys of one run, each entered once."""

    def __init__(self, run: FlowRun) -> None:
        self._run = run
        self._left = dict(run.flow.keys)

    def begin(self) -> None:
        """The keys that are parameters."""
        for name, target in list(self._left.items()):
            at, _dot, parameter = target.partition(".")
            if at == PARAMETERS and at not in self._run.flow.nodes:
                self._left.pop(name)
                value = self._run.parameters.get(parameter)
                if value is not None:
                    try:
                        self._keep(name, PARAMETERS, [_text(value)[:LONGEST]])
                    except (sqlite3.Error, StoreError) as error:
                        self._tell(name, error, None)

    def ahead(self, unit: Unit) -> None:
        """Before a unit is done: the keys of what is computed inside its query. They are found then, also where the unit fails, and
        its sources still are as they were planned. What cannot be asked now is asked again afterwards, and told then."""
        self._enter(unit, unit.covers, tell=False)

    def behind(self, unit: Unit) -> None:
        """After a unit is done, before that is journalled: a key is in the index when its node is done."""
        self._enter(unit, (*unit.covers, unit.node), tell=True)

    def _enter(self, unit: Unit, nodes: tuple[str, ...], tell: bool) -> None:
        import duckdb

        for name, node, port, column in self._due(nodes):
            try:
                if not self._there(port) or not self._as_planned(unit):
                    continue
                with self._run.query_lock:
                    values = self._run.backend.distinct(
                        Query(self._run.resolution, port, self._run.bases), column, LONGEST, MOST + 1
                    )
                self._keep(name, node.id, values)
            except (duckdb.Error, sqlite3.Error, StoreError, OSError) as error:
                if self._run.stop.pulled() or not tell:
                    continue
                self._tell(name, error, node.id)
            self._left.pop(name, None)

    def _tell(self, name: str, error: Exception, node: str | None) -> None:
        reason = str(error).partition("\n")[0]
        told = msg("The values of the business key “{key}” could not be entered: {reason}", key=name, reason=reason)
        self._run.log(told, "warning", node)

    def _due(self, nodes: tuple[str, ...]) -> Iterator[tuple[str, ResolvedNode, Port, str]]:
        for name, target in list(self._left.items()):
            at, _dot, column = target.partition(".")
            node = self._run.resolution.nodes.get(at)
            if node is None or at not in nodes:
                continue
            place = key_column(node, column)
            if place is None:
                self._left.pop(name, None)
                told = wrong_keys(self._run.resolution)
                message = next((problem.message for problem in told if problem.place.field == f"keys.{name}"), None)
                if message is not None:
                    self._run.log(message, "warning", at)
                continue
            yield name, node, *place

    def _there(self, port: Port) -> bool:
        """Whether the rows stand somewhere, or follow from what does."""
        if port in self._run.bases:
            return True
        node = self._run.resolution.nodes[port[0]]
        return (
            port not in self._run.closed
            and node.role == "transform"
            and all(self._there(source) for ports in node.inputs.values() for source in ports)
        )

    def _as_planned(self, unit: Unit) -> bool:
        """Whether the files that are scanned still are those of the plan: a flow may write over what it has read."""
        scans = ((name, self._run.scans.get(name)) for name in (*unit.covers, unit.node, *(port[0] for port in unit.bases)))
        return all(scan is None or fingerprint(scan.paths) == self._run.fingerprints.get(name) for name, scan in scans)

    def _keep(self, name: str, node: str, values: list[str]) -> None:
        cut = len(values) > MOST
        store = KeyStore(self._run.workspace.state / FILE)
        try:
            store.put(self._run.id, self._run.flow.id, node, name, values[:MOST], cut)
        finally:
            store.close()
        about: dict[str, object] = {"name": name, "values": min(len(values), MOST), "cut": cut}
        place = node if node in self._run.flow.nodes else None
        self._run.note(place, "keys.entered", about)
        if cut:
            self._run.log(_cut(name), "warning", place)


def _text(value: Any) -> str:
    """A parameter as a column's values are written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _cut(name: str) -> Message:
    return msg("The business key “{key}” has more than {most} values here: only these many can be searched.", key=name, most=MOST)
