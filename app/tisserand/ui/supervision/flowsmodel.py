"""The rows of the page of flows: how each of them does over a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, Qt

from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number, percent
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.supervision import words
from tisserand.ui.supervision.table import KEY, ROLE, SHADE, SHARE, SIGN, Column, Index, head_data

if TYPE_CHECKING:
    from tisserand.service.figures.calls import FlowFigures

FLOW, ITSELF, NOW, SUCCESS, TOOK, ROWS, LAST, NEXT, INBOX = range(9)


def columns() -> tuple[Column, ...]:
    return (
        Column(_("Flow"), 134, 5),
        Column(_("By itself"), 78),
        Column(_("Now"), 76, 2),
        Column(_("Success"), 140),
        Column(_("p50 · p95"), 104, right=True),
        Column(_("Rows"), 64, right=True),
        Column(_("Last run"), 104, 1),
        Column(_("Next due"), 82, 1),
        Column(_("Inbox"), 74, right=True),
    )


class FlowsModel(QAbstractTableModel):
    """Takes the figures as they come; what did not change is not painted anew."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = columns()
        self.all: list[FlowFigures] = []
        self.shown: list[FlowFigures] = []
        self._text = ""

    def take(self, flows: Sequence[FlowFigures]) -> None:
        """New figures."""
        self.all = list(flows)
        self._show()

    def look_for(self, text: str) -> None:
        """Only the flows whose title, id or file holds a text."""
        self._text = text.strip().casefold()
        self._show()

    def _show(self) -> None:
        new = [flow for flow in self.all if self._text in f"{flow.title} {flow.flow} {flow.file or ''}".casefold()]
        if [flow.flow for flow in new] != [flow.flow for flow in self.shown]:
            self.beginResetModel()
            self.shown = new
            self.endResetModel()
            return
        for row, flow in enumerate(new):
            if flow != self.shown[row]:
                self.shown[row] = flow
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def row_of(self, flow: str) -> int | None:
        return next((row for row, found in enumerate(self.shown) if found.flow == flow), None)

    # -- what Qt asks --------------------------------------------------------------------------------------------------
    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        if role == ROLE.ToolTipRole and orientation == Qt.Orientation.Horizontal and section == TOOK:
            return _("Half of the runs that ended well took no longer than the first, 95 of 100 no longer than the second.")
        return head_data(self.columns, section, orientation, role)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.shown):
            return None
        flow, column = self.shown[index.row()], index.column()
        if role == KEY:
            return flow
        if role == ROLE.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight if self.columns[column].right else Qt.AlignmentFlag.AlignLeft
        if role == ROLE.DisplayRole:
            return text(flow, column)
        if role == ROLE.AccessibleTextRole:
            return spoken(flow, self.columns) if column == FLOW else text(flow, column)
        if role == ROLE.ToolTipRole:
            return _more(flow, column)
        if role in (SIGN, SHADE):
            sign, token = _face(flow, column)
            return sign if role == SIGN else token
        if role == SHARE and column == SUCCESS:
            return flow.success
        return None


def text(flow: FlowFigures, column: int) -> str:
    """What a cell says."""
    match column:
        case 0:
            return flow.title or flow.flow
        case 1:
            return (
                _("Paused") if flow.paused is not None else _("Problem") if flow.problem else _("Active") if flow.on else _("Off")
            )
        case 2:
            return _now(flow)
        case 3:
            ran = ngettext("{count} run", "{count} runs", flow.runs).format(count=number(flow.runs)) if flow.runs else ""
            return f"{_floor(flow.success)} · {number(flow.runs)}" if flow.success is not None else ran
        case 4:
            return f"{words.lasted(flow.p50)} · {words.lasted(flow.p95)}" if flow.p50 is not None else ""
        case 5:
            return words.short(flow.rows) if flow.rows else ""
        case 6:
            return words.when(flow.last_time) if flow.last_time is not None else _("never")
        case 7:
            return words.when(flow.next_due).removesuffix(":00") if flow.next_due is not None else ""
        case _:
            dead = _("{count} dead").format(count=number(flow.dead)) if flow.dead else ""
            return " · ".join(part for part in (number(flow.inbox) if flow.inbox else "", dead) if part)


def _floor(share: float) -> str:
    """Only what is whole is said to be so."""
    return percent(min(share, 0.99) if share < 1 else 1)


def _now(flow: FlowFigures) -> str:
    parts = [
        (flow.running, _("{count} running")),
        (flow.queued, _("{count} queued")),
        (flow.waiting, _("{count} waiting")),
    ]
    return " · ".join(word.format(count=number(count)) for count, word in parts if count)


def _face(flow: FlowFigures, column: int) -> tuple[str | None, str | None]:
    """Icon and colour of a cell."""
    if column == ITSELF:
        if flow.paused is not None:
            return "pause", "warning"
        if flow.problem is not None:
            return "triangle-alert", "failed"
        return ("radio", "running") if flow.on else ("circle", "skipped")
    if column == LAST and flow.last_state is not None:
        sign, token, _word = words.face(flow.last_state)
        return sign, token
    if column == NOW:
        return None, "running" if flow.running else "waiting"
    if column == INBOX and flow.dead:
        return None, "failed"
    return None, None


def spoken(flow: FlowFigures, heads: Sequence[Column]) -> str:
    """A row as a screen reader tells it."""
    parts = [text(flow, FLOW), text(flow, ITSELF), text(flow, NOW)]
    for column in (SUCCESS, TOOK, ROWS, LAST, NEXT, INBOX):
        told = text(flow, column)
        if told:
            parts.append(f"{heads[column].title} {told}")
    if flow.last_state is not None:
        parts.append(words.face(flow.last_state)[2])
    return ", ".join(part for part in parts if part)


def _more(flow: FlowFigures, column: int) -> str | None:
    if column == FLOW:
        return "\n".join(part for part in (flow.title, flow.file, flow.flow) if part)
    if column == ITSELF:
        if flow.paused is not None:
            return _("Paused by {name}: it starts nothing meanwhile.").format(name=flow.paused or "–")
        return flow.problem.text() if flow.problem is not None else None
    if column == SUCCESS and flow.runs:
        told = _("{done} done, {failed} failed, of {all} runs")
        return told.format(done=number(flow.done), failed=number(flow.failed), all=number(flow.runs))
    if column == ROWS and flow.rows:
        return row_count(flow.rows)
    if column == LAST and flow.last_time is not None:
        return f"{words.face(flow.last_state or '')[2]} · {words.whole(flow.last_time)} · {words.ago(flow.last_time)}"
    if column == NEXT and flow.next_due is not None:
        return f"{words.whole(flow.next_due)} · {words.ago(flow.next_due)}"
    return None
