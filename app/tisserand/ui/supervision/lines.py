"""The lines of a run's timeline: a node each, and below it the flows that it called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt

from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.supervision import words
from tisserand.ui.supervision.table import KEY, ROLE, SHADE, SIGN, Column, Index, head_data

if TYPE_CHECKING:
    from tisserand.service.figures.calls import Span
    from tisserand.service.protocol import NodeInfo, RunInfo

NODE, STATE, ROWS, TOOK, TIME = range(5)
LINE = ROLE.UserRole + 20
"""The line of an index."""


def columns() -> tuple[Column, ...]:
    return (
        Column(_("Node"), 210),
        Column(_("State"), 120),
        Column(_("Rows"), 130, right=True),
        Column(_("Took"), 84, right=True),
        Column("", 200, 1),
    )


@dataclass(eq=False, slots=True)
class Line:
    """A node of a run, or (without a node) a run that a node called."""

    owner: str
    """The run that it belongs to."""
    node: str
    run: str | None = None
    """The called run, where it is the line of one."""
    title: str = ""
    state: str = "waiting"
    rows: Mapping[str, int] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    error: str = ""
    parent: Line | None = None
    children: list[Line] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.owner, self.node, self.run or ""

    @property
    def took(self) -> float | None:
        """Seconds at work, all attempts together."""
        if not self.spans or self.state == "skipped":
            return None
        now = time.time()
        return sum((span.end if span.end is not None else now) - span.begin for span in self.spans)

    @property
    def rows_text(self) -> str:
        """Rows per port, where there are several."""
        return " · ".join(number(count) for count in self.rows.values())

    @property
    def ports_text(self) -> str:
        """The same with the ports' names."""
        return ", ".join(f"{port} {number(count)}" for port, count in self.rows.items())

    @property
    def text(self) -> str:
        """All of it, as a screen reader tells it."""
        parts = [self.title, words.face(self.state)[2]]
        if len(self.rows) == 1:
            parts.append(row_count(next(iter(self.rows.values()))))
        elif self.rows:
            parts.append(self.ports_text)
        if self.took is not None:
            parts.append(words.lasted(self.took))
        return ", ".join([*parts, *([self.error] if self.error else [])])

    def same(self, other: Line) -> bool:
        """Whether both show the same."""
        return (self.title, self.state, dict(self.rows), self.spans, self.error) == (
            other.title, other.state, dict(other.rows), other.spans, other.error,
        )  # fmt: skip


def lines_of(
    run: RunInfo, spans: Sequence[Span], title: Callable[[str], str], nodes: Sequence[str] = (), parent: Line | None = None
) -> list[Line]:
    """The lines of one run: its nodes in the order in which they began, then those that did not begin; `nodes` are all that its
    flow has, where that is known."""
    order = dict.fromkeys([*(span.node for span in spans), *run.nodes, *nodes])
    found = []
    for node in order:
        own = tuple(span for span in spans if span.node == node and span.kind == "node")
        line = _node_line(run, node, own, title)
        line.parent = parent
        called = [span for span in spans if span.node == node and span.kind == "child"]
        if called:
            line.children = [_child_line(run, node, span, title, line) for span in called]
        found.append(line)
    return found


def _node_line(run: RunInfo, node: str, spans: tuple[Span, ...], title: Callable[[str], str]) -> Line:
    info: NodeInfo | None = run.nodes.get(node)
    last = spans[-1] if spans else None
    state = info.state if info is not None else last.state if last is not None else "waiting"
    broke = run.error if info is None and run.error is not None and run.error.place.node == node else None
    if broke is not None:
        state = "failed"  # before any node began
    elif run.final and state in ("running", "waiting"):
        state = "stopped" if state == "running" else "unrun"
    rows = info.rows if info is not None and info.rows else last.rows if last is not None else {}
    error, reason = (info.error, info.reason) if info is not None else (broke, None)
    text = error.message.text() if error is not None else reason.text() if reason is not None else ""
    # What was skipped was never at work: it has no bar.
    shown = () if state == "skipped" else tuple(replace(span, state=state) if span is last else span for span in spans)
    return Line(run.id, node, None, title(node), state, rows, shown, " ".join(text.split()))


def _child_line(run: RunInfo, node: str, span: Span, title: Callable[[str], str], parent: Line) -> Line:
    return Line(run.id, "", span.run, title(f"@{span.run}"), span.state, {}, (span,), "", parent, [])


class Lines(QAbstractItemModel):
    """Qt's view of the lines. What stays keeps its line, so that it stays chosen and open."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = columns()
        self.top: list[Line] = []

    # -- filling -------------------------------------------------------------------------------------------------------
    def show(self, run: RunInfo, spans: Sequence[Span], title: Callable[[str], str], nodes: Sequence[str] = ()) -> None:
        """The lines of the run itself."""
        self._merge(QModelIndex(), self.top, lines_of(run, spans, title, nodes))

    def show_children(self, run: RunInfo, spans: Sequence[Span], title: Callable[[str], str]) -> None:
        """The lines of a run that is called somewhere here."""
        for index, line in list(self.walk()):
            if line.node == "" and line.run == run.id and line.children is not None:
                self._merge(index, line.children, lines_of(run, spans, title, parent=line))

    def _merge(self, parent: QModelIndex, old: list[Line], new: list[Line]) -> None:
        """Lines only come, in the order in which they begin; where they come in between, the lines are laid anew."""
        if old and [line.key for line in old] != [line.key for line in new[: len(old)]]:
            self.beginRemoveRows(parent, 0, len(old) - 1)
            old.clear()
            self.endRemoveRows()
        for row, line in enumerate(new[: len(old)]):
            mine = old[row]
            if not mine.same(line):
                mine.title, mine.state, mine.rows, mine.spans, mine.error = (
                    line.title, line.state, line.rows, line.spans, line.error,
                )  # fmt: skip
                at = self.index(row, 0, parent)
                self.dataChanged.emit(at, at.siblingAtColumn(TIME))
            if line.children is not None and mine.node:
                if mine.children is None:
                    mine.children = []
                for child in line.children:
                    child.parent = mine
                self._merge(self.index(row, 0, parent), mine.children, line.children)
        if len(new) > len(old):
            self.beginInsertRows(parent, len(old), len(new) - 1)
            for line in new[len(old) :]:
                line.parent = self._line(parent)
                old.append(line)
            self.endInsertRows()

    def clear(self) -> None:
        self.beginResetModel()
        self.top = []
        self.endResetModel()

    # -- finding -------------------------------------------------------------------------------------------------------
    def walk(self, parent: QModelIndex | None = None) -> Iterator[tuple[QModelIndex, Line]]:
        """Every line with its index."""
        at = parent or QModelIndex()
        for row in range(self.rowCount(at)):
            index = self.index(row, 0, at)
            line = self._line(index)
            if line is not None:
                yield index, line
                yield from self.walk(index)

    def find(self, node: str) -> QModelIndex:
        """The line of a node of the run itself."""
        row = next((row for row, line in enumerate(self.top) if line.node == node), -1)
        return self.index(row, 0) if row >= 0 else QModelIndex()

    def _line(self, index: Index | None) -> Line | None:
        if index is None or not index.isValid():
            return None
        found = index.internalPointer()
        return found if isinstance(found, Line) else None

    def _siblings(self, line: Line) -> list[Line]:
        return self.top if line.parent is None else line.parent.children or []

    # -- what Qt asks --------------------------------------------------------------------------------------------------
    def index(self, row: int, column: int, parent: Index | None = None) -> QModelIndex:
        line = self._line(parent)
        lines = self.top if line is None else line.children or []
        return self.createIndex(row, column, lines[row]) if 0 <= row < len(lines) else QModelIndex()

    def parent(self, child: Any = None) -> Any:
        if child is None:
            return QObject.parent(self)
        line = self._line(child)
        if line is None or line.parent is None:
            return QModelIndex()
        return self.createIndex(self._siblings(line.parent).index(line.parent), 0, line.parent)

    def rowCount(self, parent: Index | None = None) -> int:
        if parent is not None and parent.isValid() and parent.column() > 0:
            return 0
        line = self._line(parent)
        return len(self.top if line is None else line.children or [])

    def hasChildren(self, parent: Index | None = None) -> bool:
        line = self._line(parent)
        # A called run has lines, though they are not asked for yet.
        return bool(self.top) if line is None else line.children is not None

    def columnCount(self, parent: Index | None = None) -> int:
        return len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        return head_data(self.columns, section, orientation, role)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        line = self._line(index)
        if line is None:
            return None
        column = index.column()
        if role == LINE:
            return line
        if role == KEY:
            return line.key
        if role == ROLE.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight if self.columns[column].right else Qt.AlignmentFlag.AlignLeft
        if role == ROLE.DisplayRole:
            if column == TOOK:
                return words.lasted(line.took) if line.took is not None else ""
            return (line.title, words.face(line.state)[2], line.rows_text, "", "")[column]
        if role == ROLE.AccessibleTextRole:
            return line.text if column == NODE else self.data(index, ROLE.DisplayRole)
        if role == ROLE.ToolTipRole:
            return self._more(line, column)
        if column == STATE:
            sign, token, _word = words.face(line.state)
            return sign if role == SIGN else token if role == SHADE else None
        if column == NODE and line.node == "":
            return "workflow" if role == SIGN else "text" if role == SHADE else None
        return None

    @staticmethod
    def _more(line: Line, column: int) -> str | None:
        if column == STATE and line.error:
            return line.error
        if column == ROWS and len(line.rows) > 1:
            return "\n".join(f"{port}: {number(count)}" for port, count in line.rows.items())
        if column == TIME and line.spans:
            return "\n".join(_span_text(span) for span in line.spans[-12:])
        return None


def _span_text(span: Span) -> str:
    took = words.lasted(span.end - span.begin) if span.end is not None else _("still under way")
    text = f"{words.whole(span.begin)} · {words.face(span.state)[2]} · {took}"
    return text if span.attempt < 2 else f"{text} · " + _("attempt {number}").format(number=span.attempt)
