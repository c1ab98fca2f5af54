"""From relations to values: what each column and each condition is, over the columns of the row that comes in.

A stage has one row at its start. Projections and filters stay inside of it, however many nodes they come from; where a list becomes
rows, another stage begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tisserand.engine.rows.operations.casts import never_fails
from tisserand.engine.rows.operations.documents import Document
from tisserand.engine.rows.operations.table import family, meanings
from tisserand.engine.rows.rules import COMPARISONS, relaxed, settled_choice
from tisserand.engine.rows.shapes import null
from tisserand.engine.rows.unrowable import Unrowable, unknown
from tisserand.engine.rows.values import Closure, Value, column, constant, too_deep
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg


@dataclass(eq=False)
class Stage:
    """Rows that share their start: `width` columns come in, in this order."""

    width: int
    known: dict[Any, Value] = field(default_factory=dict)
    """Equal operations over equal values are one value."""
    places: int = 0
    """Cells of a row, once closures are made."""

    def __post_init__(self) -> None:
        self.places = self.width


@dataclass(frozen=True, eq=False)
class Table:
    """A relation inside of a stage: the rows for which all conditions hold, with these columns."""

    stage: Stage
    columns: Mapping[str, Value]
    conditions: tuple[Value, ...] = ()
    before: Unnested | None = None
    """Where the stage of this table is not the first."""


@dataclass(frozen=True, eq=False)
class Unnested:
    """A list that becomes rows: the columns of `table`, the entry, and its place (from 0) make the rows of the next stage."""

    table: Table
    entries: Value
    keep_empty: bool


def base(operation: Any) -> Table:
    """The rows that come in, for an unbound table."""
    stage = Stage(len(operation.schema))
    columns = {}
    for index, (name, type) in enumerate(operation.schema.items()):
        _representable(type, name)
        columns[name] = _arriving(stage, operation.to_expr()[name].op(), type, index)
    return Table(stage, columns)


def _representable(type: Any, name: str) -> None:
    kind = family(type)
    inner = [type.value_type] if kind in ("array", "map") else list(type.values()) if kind == "struct" else []
    if kind == "other" or any(part.is_json() for part in inner):
        raise Unrowable(
            "Field",
            msg("The column “{column}” is of the type {type}, which single events cannot hold.", column=name, type=str(type)),
        )
    if type.is_timestamp() and type.scale not in (None, 6):
        raise Unrowable(
            "Field",
            msg("The column “{column}” is of the type {type}, which single events cannot hold.", column=name, type=str(type)),
        )
    for part in inner:
        _representable(part, name)


def _arriving(stage: Stage, operation: Any, type: Any, index: int) -> Value:
    raw = column(operation, type, index)
    if family(type) != "json":
        return raw
    made = Value(operation, type)
    made.args, made.nodes, made.emit = (raw,), (operation,), _as_document
    return made


def _as_document(value: Value) -> Closure:
    inner = value.args[0].closure

    def document(cells: list[Any]) -> Any:
        text = inner(cells)
        return text if text is None or type(text) is Document else Document(text)

    return document


class Lowering:
    """Reads relations over tables that are known; `tables` are those by the name of their placeholder."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = dict(tables)
        self._relations: dict[Any, Table] = {}
        self._lambdas: dict[Any, Value] = {}

    def table(self, relation: Any) -> Table:
        """What a relation is; raises `Unrowable`."""
        found = self._relations.get(relation)
        if found is None:
            try:
                found = self._relations[relation] = self._table(relation)
            except RecursionError:
                raise too_deep(type(relation).__name__) from None
        return found

    def _table(self, relation: Any) -> Table:
        name = type(relation).__name__
        if name == "UnboundTable":
            if relation.name not in self._tables:
                raise Unrowable(name, msg("It reads another table as well."))
            return self._tables[relation.name]
        if name == "Project":
            parent = self.table(relation.parent)
            columns = {column: self._value(value, parent) for column, value in relation.values.items()}
            return Table(parent.stage, columns, parent.conditions, parent.before)
        if name == "DropColumns":
            parent = self.table(relation.parent)
            kept = {column: value for column, value in parent.columns.items() if column not in relation.columns_to_drop}
            return Table(parent.stage, kept, parent.conditions, parent.before)
        if name == "Filter":
            parent = self.table(relation.parent)
            conditions = tuple(self._value(predicate, parent) for predicate in relation.predicates)
            return Table(parent.stage, parent.columns, (*parent.conditions, *conditions), parent.before)
        if name == "TableUnnest":
            return self._unnested(relation)
        raise unknown(name)

    def _unnested(self, relation: Any) -> Table:
        parent = self.table(relation.parent)
        entries = self._value(relation.column, parent)
        if family(entries.type) != "array":
            raise unknown("TableUnnest")
        stage = Stage(len(parent.columns) + 2)
        fields = relation.to_expr()
        columns: dict[str, Value] = {}
        for index, (name, value) in enumerate(parent.columns.items()):
            columns[name] = _arriving(stage, fields[name].op() if name in relation.schema else value.operation, value.type, index)
        names = list(relation.schema.names)
        entry = _arriving(stage, fields[relation.column_name].op(), relation.schema[relation.column_name], len(parent.columns))
        columns[relation.column_name] = entry
        if relation.offset is not None:
            columns[relation.offset] = column(
                fields[relation.offset].op(), relation.schema[relation.offset], len(parent.columns) + 1
            )
        return Table(stage, {name: columns[name] for name in names}, (), Unnested(parent, entries, bool(relation.keep_empty)))

    # -- values

    def _value(self, operation: Any, table: Table) -> Value:
        """What an operation over the columns of `table` is."""
        name = type(operation).__name__
        if name == "Field":
            source = self.table(operation.rel)
            if source.stage is not table.stage:
                raise Unrowable(name, msg("It reads another table as well."))
            return source.columns[operation.name]
        if name == "Literal":
            return _literal(operation)
        if name == "Argument":
            return self._lambdas[operation]
        if name == "TimestampNow":
            return self._made(operation, (), (), table.stage)
        if name == "ArrayMap":
            return self._mapped(operation, table)
        if name == "Cast" and _needless(operation.arg.dtype, operation.to):
            return self._value(operation.arg, table)
        if name == "Cast" and type(operation.arg).__name__ == "ExtractEpochSeconds" and operation.to.is_float64():
            seconds = self._operation(operation.arg, table)
            # Ibis says a whole number, the database gives a float.
            seconds.type = operation.to
            return seconds
        if name == "ExtractEpochSeconds":
            raise Unrowable(name, msg("The operation {operation} is known to the database only.", operation=name))
        if name == "Alias":
            return self._value(operation.arg, table)
        return self._operation(operation, table)

    def _operation(self, operation: Any, table: Table) -> Value:
        import ibis.expr.operations as ops

        name = type(operation).__name__
        if name not in meanings():
            raise unknown(name, "reduction" if isinstance(operation, ops.Reduction) else "")
        nodes = tuple(_children(operation, ops))
        args = tuple(self._value(node, table) for node in nodes if not isinstance(node, ops.Relation))
        if any(isinstance(node, ops.Relation) for node in nodes):
            raise unknown(name)
        if name in ("DateAdd", "TimestampAdd") and type(operation.right).__name__ == "IntervalFromInteger":
            # A span of time is its count in rows; the addition knows the unit.
            nodes = (operation.left, operation.right.arg)
        if name in COMPARISONS:
            args = relaxed(name, args)
        if name == "NullIf":
            args = args[0], relaxed("Equals", args)[1]  # what it gives is computed as it stands
        return self._made(operation, nodes, args, table.stage)

    def _made(self, operation: Any, nodes: tuple[Any, ...], args: tuple[Value, ...], stage: Stage) -> Value:
        key = (type(operation), _settings(operation), tuple(_identity(arg) for arg in args), operation.dtype)
        found = stage.known.get(key)
        if found is not None:
            return found
        meaning = meanings()[type(operation).__name__]
        value = Value(operation, operation.dtype)
        value.args, value.nodes, value.emit = args, nodes, meaning.emit
        value.local = any(arg.local for arg in args)
        value.fails = any(arg.fails for arg in args) or (meaning.fails and not _safe_cast(operation))
        if meaning.check is not None:
            meaning.check(value)
        simpler = _simplified(value)
        stage.known[key] = simpler
        return simpler

    def _mapped(self, operation: Any, table: Table) -> Value:
        if operation.index is not None:
            raise unknown("ArrayMap")
        entries = self._value(operation.arg, table)
        if family(entries.type) != "array":
            raise unknown("ArrayMap")
        place = table.stage.places
        table.stage.places += 1
        entry = column(operation.param, operation.param.dtype, place)
        entry.local = True
        self._lambdas[operation.param] = entry
        body = self._value(operation.body, table)
        value = Value(operation, operation.dtype)
        value.args, value.nodes = (entries, body), (operation.arg, operation.body)
        value.fails = entries.fails or body.fails
        value.local = entries.local
        value.emit = _each(place)
        return value


def _each(place: int) -> Any:
    def emit(value: Value) -> Closure:
        entries, body = value.args[0].closure, value.args[1].closure

        def mapped(cells: list[Any]) -> Any:
            found = entries(cells)
            if found is None:
                return None
            outer, made = cells[place], []
            for entry in found:
                cells[place] = entry
                made.append(body(cells))
            cells[place] = outer
            return made

        return mapped

    return emit


def _needless(source: Any, target: Any) -> bool:
    if source.is_timestamp() and target.is_timestamp():
        return (source.timezone is None) == (target.timezone is None) and {source.scale, target.scale} <= {None, 6}
    return bool(source.copy(nullable=True) == target.copy(nullable=True))


def _safe_cast(operation: Any) -> bool:
    name = type(operation).__name__
    return (name == "Cast" and never_fails(operation.arg.dtype, operation.to)) or (
        name in ("Add", "Subtract", "Multiply") and operation.dtype.is_floating()
    )


def _children(operation: Any, ops: Any) -> list[Any]:
    found: list[Any] = []
    for arg in operation.__args__:
        if isinstance(arg, ops.Node):
            found.append(arg)
        elif isinstance(arg, tuple):
            found.extend(one for one in arg if isinstance(one, ops.Node))
    return found


def _settings(operation: Any) -> tuple[Any, ...]:
    """The arguments that are no values, and how many values stand in each of the others."""
    from ibis.common.graph import Node

    return tuple(
        len(arg)
        if isinstance(arg, tuple) and any(isinstance(one, Node) for one in arg)
        else None
        if isinstance(arg, Node)
        else arg
        for arg in operation.__args__
    ) + ((operation.right.unit,) if type(operation).__name__ in ("DateAdd", "TimestampAdd") else ())


def _identity(value: Value) -> Any:
    if value.is_constant:
        # 0.0 and -0.0, 1 and True are equal in Python.
        return ("constant", value.type, repr(value.constant))
    return id(value)


def _literal(operation: Any) -> Value:
    from decimal import Decimal

    value = operation.value
    if operation.dtype.is_decimal() and value is not None:
        value = Decimal(value)
    if operation.dtype.is_floating() and value is not None:
        value = float(value)
    if family(operation.dtype) == "timestamp" and value is not None:
        value = value.replace(tzinfo=None)
    if value is not None and family(operation.dtype) in ("other", "array", "struct", "map", "json", "zoned", "interval", "uuid"):
        raise Unrowable("Literal", msg("A constant of the type {type} is known to the database only.", type=str(operation.dtype)))
    return constant(operation, operation.dtype, value)


def _is_null(value: Value) -> bool:
    """Whether one constant NULL makes it NULL. Its other arguments were not made yet: an operation that asks for them first is not so."""
    assert value.emit is not None
    try:
        return value.emit(value) is null
    except AssertionError:
        return False


def _simplified(value: Value) -> Value:
    """A constant, or one of its arguments, where that comes out whatever the row is."""
    name = type(value.operation).__name__
    if name in ("And", "Or"):
        decides = name == "Or"
        if any(arg.is_constant and arg.constant is decides for arg in value.args):
            return constant(value.operation, value.type, decides)
    chosen = settled_choice(name, value)
    if chosen is not None:
        return chosen
    if any(arg.is_constant and arg.constant is None for arg in value.args) and _is_null(value):
        return constant(value.operation, value.type, None)
    if name == "TimestampNow" or value.local or not all(arg.is_constant for arg in value.args):
        return value
    assert value.emit is not None
    try:
        return constant(value.operation, value.type, value.emit(value)([]))
    except NodeError:
        # What cannot be computed is told of a row, not of the flow.
        return value
