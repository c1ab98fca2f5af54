"""The rows of the list of runs: fetched by the page, renewed where they are seen, without moving what stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from tisserand.texts import translate as _
from tisserand.ui.supervision import words
from tisserand.ui.supervision.paging import Paging, Stretch
from tisserand.ui.supervision.table import KEY, ROLE, SHADE, SIGN, Column, Index, head_data

if TYPE_CHECKING:
    from tisserand.service.figures.calls import Asked
    from tisserand.service.protocol import RunInfo
    from tisserand.ui.supervision.ground import Ground

STATE, FLOW, STARTED, DURATION, WHY, ERROR = range(6)


def columns() -> tuple[Column, ...]:
    return (
        Column(_("State"), 128),
        Column(_("Flow"), 170, 3),
        Column(_("Started"), 116),
        Column(_("Duration"), 96, right=True),
        Column(_("Why and by whom"), 180, 2),
        Column(_("What went wrong"), 160, 5),
    )


class RunsModel(QAbstractTableModel):
    """Asks for a page when one of its rows is looked at."""

    came = Signal()
    """An answer: how many rows there are may have changed."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.paging = Paging()
        self.columns = columns()
        self._asked: Asked | None = None
        self._generation = 0
        self._under_way: set[int] = set()
        ground.titled.connect(lambda: self._say_changed(0, self.paging.total - 1))

    # -- asking --------------------------------------------------------------------------------------------------------
    def show(self, asked: Asked) -> None:
        """Other runs, from the latest on."""
        self.beginResetModel()
        self._asked = asked
        self._generation += 1
        self._under_way.clear()
        self.paging = Paging()
        self.endResetModel()
        self.fetch([self.paging.stretches[0]])

    def fetch_more(self) -> None:
        """The next page, where there is one."""
        if not self.paging.whole:
            self.fetch([self.paging.stretches[-1]])

    def renew(self, asked: Asked, first: int, last: int) -> None:
        """Look anew at what is seen, and at the latest ones. `asked` is the same filter; “the last hour” is another one by now."""
        if self._asked is None:
            return
        self._asked = asked
        wanted = [self.paging.stretches[0]]
        for row in range(first, last + 1):
            stretch = self.paging.stretch_at(row)
            if stretch is not wanted[-1]:
                wanted.append(stretch)
        self.fetch(list(dict.fromkeys(wanted)))
        now = [row for row in range(first, last + 1) if (run := self.paging.run_at(row)) is not None and not run.final]
        for row in now:
            # What is under way gets older with every look.
            self.dataChanged.emit(self.index(row, DURATION), self.index(row, DURATION))

    def fetch(self, stretches: Sequence[Stretch]) -> None:
        """Ask for the runs of some stretches."""
        asked, generation = self._asked, self._generation
        for stretch in stretches:
            if asked is None or id(stretch) in self._under_way:
                continue
            limit, before = self.paging.question(stretch)

            def question(executor: Any, limit: int = limit, before: str | None = before) -> Any:
                return executor.figures.runs(asked, limit, before)

            def come(answer: list[RunInfo], stretch: Stretch = stretch, limit: int = limit, before: str | None = before) -> None:
                self._under_way.discard(id(stretch))
                if generation == self._generation and stretch in self.paging.stretches:
                    if self.paging.question(stretch)[1] == before:
                        self._take(stretch, answer, limit)
                    self.came.emit()

            def failed(problems: Any, stretch: Stretch = stretch) -> None:
                self._under_way.discard(id(stretch))
                self.ground.complain(problems)

            if self.ground.ask(self, question, come, failed):
                self._under_way.add(id(stretch))

    def _take(self, stretch: Stretch, answer: list[RunInfo], limit: int) -> None:
        new = self.paging.split(stretch, answer, limit)
        start = self.paging.start(stretch)
        self.paging.use(stretch)
        if stretch.runs is None:
            self._refill(stretch, start, new)
        else:
            self._merge(stretch, start, new)

    def _refill(self, stretch: Stretch, start: int, new: list[RunInfo]) -> None:
        """Runs for rows of which only the number was known."""
        none, known = QModelIndex(), stretch.count
        stretch.runs = new[:known]
        if len(new) > known:
            self.beginInsertRows(none, start + known, start + len(new) - 1)
            stretch.runs, stretch.count = new, len(new)
            self.paging.recount()
            self.endInsertRows()
        elif len(new) < known:
            self.beginRemoveRows(none, start + len(new), start + known - 1)
            stretch.count = len(new)
            self.paging.recount()
            self.endRemoveRows()
        self._say_changed(start, start + min(known, len(new)) - 1)

    def _merge(self, stretch: Stretch, start: int, new: list[RunInfo]) -> None:
        """What is gone goes, what is new comes in its place, what changed is said to have changed; everything else stays."""
        none, runs = QModelIndex(), stretch.runs
        assert runs is not None
        keep = {run.id for run in new}
        for at in reversed(range(len(runs))):
            if runs[at].id not in keep:
                self.beginRemoveRows(none, start + at, start + at)
                del runs[at]
                self._counted(stretch)
                self.endRemoveRows()
        known = {run.id for run in runs}
        at = 0
        while at < len(new):
            if new[at].id in known:
                if runs[at] != new[at]:
                    runs[at] = new[at]
                    self._say_changed(start + at, start + at)
                at += 1
                continue
            end = at
            while end < len(new) and new[end].id not in known:
                end += 1
            self.beginInsertRows(none, start + at, start + end - 1)
            runs[at:at] = new[at:end]
            self._counted(stretch)
            self.endInsertRows()
            at = end

    def _counted(self, stretch: Stretch) -> None:
        stretch.count = len(stretch.runs or ())
        self.paging.recount()

    def _say_changed(self, first: int, last: int) -> None:
        if last >= first:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    # -- what Qt asks --------------------------------------------------------------------------------------------------
    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else self.paging.total

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        return head_data(self.columns, section, orientation, role)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        if not index.isValid():
            return None
        run = self.paging.run_at(index.row())
        if run is None:
            if role == ROLE.DisplayRole:
                self.fetch([self.paging.stretch_at(index.row())])
                return "…" if index.column() == FLOW else None
            return None
        if role == KEY:
            return run
        if role == ROLE.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight if self.columns[index.column()].right else Qt.AlignmentFlag.AlignLeft
        return self._of(run, index.column(), role)

    def _of(self, run: RunInfo, column: int, role: int) -> Any:
        if role == ROLE.DisplayRole:
            return _TEXTS[column](self, run)
        if role == ROLE.AccessibleTextRole:
            # A reader stands in the first column, and is told the row.
            return ", ".join(filter(None, (call(self, run) for call in _TEXTS))) if column == STATE else _TEXTS[column](self, run)
        if role == ROLE.ToolTipRole:
            return self._more(run, column)
        sign, token, _word = words.face(run.state)
        if column == STATE:
            return sign if role == SIGN else token if role == SHADE else None
        if role == SHADE:
            return "failed" if column == ERROR else "muted" if column in (STARTED, WHY) else None
        return None

    def _more(self, run: RunInfo, column: int) -> str | None:
        moment = run.started or run.created
        if column == STARTED:
            return f"{words.whole(moment)} · {words.ago(moment)}"
        if column == FLOW:
            return "\n".join(part for part in (self.ground.title(run.flow), run.file, run.id) if part)
        if column == ERROR and run.error is not None:
            return "\n\n".join(part.text() for part in (run.error.message, run.error.fix) if part is not None)
        return None


_TEXTS: tuple[Callable[[RunsModel, RunInfo], str], ...] = (
    lambda _model, run: words.face(run.state)[2],
    lambda model, run: model.ground.title(run.flow),
    lambda _model, run: words.when(run.started or run.created),
    lambda _model, run: words.lasted(words.duration(run, time.time())),
    lambda _model, run: words.why(run),
    lambda _model, run: words.sentence(run),
)
