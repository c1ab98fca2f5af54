"""One expression over one placeholder table as a function of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tisserand.engine.rows.running import Machine
from tisserand.engine.rows.stages import Lowering, base
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.texts import msg

if TYPE_CHECKING:
    import ibis

    from tisserand.model.schema import Schema

__all__ = ["Row", "RowFunction", "Unrowable", "compile_rows"]

Row = tuple[Any, ...]
"""The values of a row in the order of its columns, as Python has them: `int`, `float`, `str`, `bool`, `Decimal`, `date`, `time`, `list`,
`dict`, `bytes`, `None`; `datetime` without zone for a timestamp without one, in UTC with one; JSON as its text."""


class RowFunction:
    """What an expression makes of one row. A tuple has the values in the order of `columns`; a mapping has them by name, and what it
    has not is NULL. Safe to be called from several threads."""

    def __init__(self, machine: Machine, columns: tuple[str, ...], result: tuple[str, ...], many: bool) -> None:
        self.columns = columns
        """Of the row that goes in."""
        self.result = result
        """Of the rows that come out."""
        self.many = many
        """Whether one row can become several: the answer is then a list, else a row or None (filtered out)."""
        self._machine = machine

    def __call__(self, row: Row | Mapping[str, Any]) -> Row | list[Row] | None:
        """Raises `NodeError` where a value cannot be computed."""
        if not isinstance(row, tuple):
            row = tuple(row.get(name) for name in self.columns)
        found = self._machine.run((row,))[0]
        return found if self.many else found[0] if found else None


def compile_rows(expr: ibis.Table, inputs: Mapping[str, Schema | str] | None = None) -> RowFunction:
    """Compile an expression over one unbound table. `inputs` names the placeholders it may read, with their columns (or a name for
    them), and may be left out. Raises `Unrowable`."""
    import ibis.expr.operations as ops

    relation = expr.op()
    found = sorted(relation.find(ops.UnboundTable), key=lambda table: str(table.name))
    if len(found) != 1 or (inputs and found[0].name not in inputs):
        raise Unrowable("UnboundTable", msg("It reads another table as well."))
    source = base(found[0])
    table = Lowering({found[0].name: source}).table(relation)
    return RowFunction(Machine(source.stage, [table]), found[0].schema.names, relation.schema.names, table.before is not None)
