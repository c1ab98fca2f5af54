"""The loop: rows through conditions and closures to the tables that are wanted."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tisserand.engine.rows.operations.table import family
from tisserand.engine.rows.stages import Stage, Table
from tisserand.engine.rows.values import MISSING, Cells, Closure, Value, counted, emitted
from tisserand.sdk.errors import NodeError

Row = tuple[Any, ...]


class Machine:
    """`tables` are computed together from the rows of the first stage: what several need is computed once for each row."""

    def __init__(self, first: Stage, tables: Sequence[Table]) -> None:
        self._tables = list(tables)
        exits: dict[int, list[_Exit]] = {}
        stages: dict[int, Stage] = {id(first): first}
        waiting = [(table, index) for index, table in enumerate(tables)]
        inner: dict[int, _Exit] = {}
        for table, index in waiting:
            stages[id(table.stage)] = table.stage
            exits.setdefault(id(table.stage), []).append(_Exit(table, answer=index))
            before = table.before
            while before is not None and id(table.stage) not in inner:
                leaving = _Exit(before.table, entries=before.entries, keep_empty=before.keep_empty, into=table.stage)
                inner[id(table.stage)] = leaving
                stages[id(before.table.stage)] = before.table.stage
                exits.setdefault(id(before.table.stage), []).append(leaving)
                table, before = before.table, before.table.before
        runs: dict[int, _Run] = {}
        # Stages behind others are made first, so that those before can lead into them.
        for key in sorted(exits, key=lambda key: -_depth(exits[key][0].table)):
            runs[key] = _Run(stages[key], exits[key], runs)
        self._run = runs.get(id(first))

    def run(self, rows: Iterable[Row]) -> list[list[Row]]:
        """The rows of each table. Raises `NodeError`; `row` counts from 1."""
        answers: list[list[Row]] = [[] for _ in self._tables]
        if self._run is not None:
            self._run(rows, answers)
        return answers


def _depth(table: Table) -> int:
    return 0 if table.before is None else 1 + _depth(table.before.table)


class _Exit:
    """Where rows leave a stage: as rows of a table, or into the next stage."""

    def __init__(
        self, table: Table, answer: int = -1, entries: Value | None = None, keep_empty: bool = False, into: Stage | None = None
    ) -> None:
        self.table, self.answer, self.entries, self.keep_empty, self.into = table, answer, entries, keep_empty, into

    def roots(self) -> list[Value]:
        return [*self.table.conditions, *self.table.columns.values(), *([] if self.entries is None else [self.entries])]


class _Run:
    """The rows of one stage."""

    def __init__(self, stage: Stage, exits: Sequence[_Exit], runs: dict[int, _Run]) -> None:
        roots = [root for leaving in exits for root in leaving.roots()]
        counted(roots)
        stage.places = emitted(roots, stage.places)
        self._leave = [_leaving(leaving, stage, runs) for leaving in exits]
        self._blank = [MISSING] * (stage.places - stage.width)

    def __call__(self, rows: Iterable[Row], answers: list[list[Row]]) -> None:
        blank = self._blank
        number = 0
        try:
            if len(self._leave) == 1:
                leave = self._leave[0]
                for number, row in enumerate(rows, 1):  # noqa: B007 - told of the row that fails
                    leave([*row, *blank], answers)
                return
            for number, row in enumerate(rows, 1):  # noqa: B007
                cells = [*row, *blank]
                for leave in self._leave:
                    leave(cells, answers)
        except NodeError as error:
            # What fails behind a list that became rows is told of the row that it came from.
            error.row = number
            raise


def _leaving(leaving: _Exit, stage: Stage, runs: dict[int, _Run]) -> Callable[[Cells, list[list[Row]]], None]:
    conditions = [condition.closure for condition in leaving.table.conditions]
    make = _row_of(list(leaving.table.columns.values()), stage)
    if leaving.into is None:
        answer = leaving.answer
        if not conditions:
            return lambda cells, answers: answers[answer].append(make(cells))
        if len(conditions) == 1:
            [condition] = conditions

            def filtered(cells: Cells, answers: list[list[Row]]) -> None:
                if condition(cells):
                    answers[answer].append(make(cells))

            return filtered

        def passed(cells: Cells, answers: list[list[Row]]) -> None:
            for condition in conditions:
                if not condition(cells):
                    return
            answers[answer].append(make(cells))

        return passed
    assert leaving.entries is not None
    entries, keep_empty, following = leaving.entries.closure, leaving.keep_empty, runs[id(leaving.into)]

    def unnest(cells: Cells, answers: list[list[Row]]) -> None:
        for condition in conditions:
            if not condition(cells):
                return
        found, row = entries(cells), make(cells)
        if found:
            following([(*row, entry, place) for place, entry in enumerate(found)], answers)
        elif keep_empty:
            following([(*row, None, None)], answers)

    return unnest


def _row_of(columns: list[Value], stage: Stage) -> Callable[[Cells], Row]:
    """What makes the row that leaves: columns that came in are taken by their place, all at once."""
    computed = [(value, _outgoing(value)) for value in columns if value.index is None]
    start = stage.places
    stage.places += len(computed)
    closures = [closure for _, closure in computed]
    places = iter(range(start, stage.places))
    indexes = [value.index if value.index is not None else next(places) for value in columns]
    stop = stage.places
    if len(indexes) == 1:
        [only] = indexes
        if not closures:
            return lambda cells: (cells[only],)
        [closure] = closures
        return lambda cells: (closure(cells),)
    pick: Callable[[Cells], Row] = operator.itemgetter(*indexes)
    if not closures:
        return pick
    if len(closures) == len(columns):
        return lambda cells: tuple([closure(cells) for closure in closures])

    def row(cells: Cells) -> Row:
        cells[start:stop] = [closure(cells) for closure in closures]
        return pick(cells)

    return row


def _outgoing(value: Value) -> Closure:
    closure, convert = value.closure, _texts(value.type)
    if convert is None:
        return closure

    def outgoing(cells: Cells) -> Any:
        found = closure(cells)
        return None if found is None else convert(found)

    return outgoing


def _texts(type: Any) -> Callable[[Any], Any] | None:
    """What makes texts of the JSON documents in a value; None where there are none."""
    kind = family(type)
    if kind == "json":
        return operator.attrgetter("text")
    if kind in ("array", "map"):
        inner = _texts(type.value_type)
        if inner is None:
            return None
        if kind == "array":
            return lambda found: [None if part is None else inner(part) for part in found]
        return lambda found: {name: None if part is None else inner(part) for name, part in found.items()}
    parts = {name: made for name, one in type.items() if (made := _texts(one)) is not None} if kind == "struct" else {}
    if not parts:
        return None
    return lambda found: {name: part if part is None or name not in parts else parts[name](part) for name, part in found.items()}
