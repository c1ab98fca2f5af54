"""Twelve months of due times as a grid: a row for each month, a cell for each day, for the eyes, the keyboard and screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from PySide6.QtCore import QAbstractTableModel, QDate, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.table import KEY, ROLE, Index
from tisserand.ui.theme import font, theme

if TYPE_CHECKING:
    from tisserand.service.schedule.calls import Upcoming

MONTHS, DAYS = 12, 31
Kind = Literal["none", "due", "moved", "closed", "holiday"]
LEGEND: tuple[tuple[Kind, str], ...] = (
    ("due", N_("Due")),
    ("moved", N_("Moved here by the calendar")),
    ("closed", N_("Closed")),
    ("holiday", N_("Public holiday")),
)
TOLD = 8
"""Due times of one day that a tooltip tells one by one."""


def day_of(coming: Upcoming) -> date:
    """The day of a due time where its schedule means it."""
    return datetime.fromtimestamp(coming.due, ZoneInfo(coming.zone)).date()


def spelled(day: date, pattern: str) -> str:
    """A day as a pattern of Qt has it, in the language in use."""
    return words.locale().toString(QDate(day.year, day.month, day.day), pattern)


def kind_of(dues: Sequence[Upcoming]) -> Kind:
    """How a day is shown: something is due, or why nothing is."""
    if not dues:
        return "none"
    still = [each for each in dues if not each.closed]
    if still:
        return "moved" if any(each.reason is not None for each in still) else "due"
    holiday = any(each.reason is not None and "holiday" in each.reason.args for each in dues)
    return "holiday" if holiday else "closed"


class YearModel(QAbstractTableModel):
    """The days of twelve months, the first of them the one of `begin`."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = date.today().replace(day=1)
        self.today = date.today()
        self.days: dict[date, list[Upcoming]] = {}

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.begin.replace(year=self.begin.year + 1)

    def take(self, dues: Sequence[Upcoming], today: date) -> None:
        """Show these due times."""
        days: dict[date, list[Upcoming]] = {}
        for each in dues:
            days.setdefault(day_of(each), []).append(each)
        if today.replace(day=1) != self.begin:
            self.beginResetModel()
            self.begin, self.today, self.days = today.replace(day=1), today, days
            self.endResetModel()
        elif (days, today) != (self.days, self.today):
            self.days, self.today = days, today
            self.dataChanged.emit(self.index(0, 0), self.index(MONTHS - 1, DAYS - 1))

    def day(self, row: int, column: int) -> date | None:
        """The day of a cell; None where the month has no such day."""
        months = self.begin.month - 1 + row
        try:
            return date(self.begin.year + months // 12, months % 12 + 1, column + 1)
        except ValueError:
            return None

    def place(self, day: date) -> tuple[int, int]:
        """Row and column of a day."""
        return (day.year - self.begin.year) * 12 + day.month - self.begin.month, day.day - 1

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else MONTHS

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else DAYS

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        if role != ROLE.DisplayRole:
            return None
        if orientation == Qt.Orientation.Horizontal:
            return str(section + 1)
        first = self.day(section, 0)
        return spelled(first, "MMM yyyy") if first is not None else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        there = self.day(index.row(), index.column()) is not None
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable if there else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        day = self.day(index.row(), index.column()) if index.isValid() else None
        if day is None:
            return None
        dues = self.days.get(day, [])
        if role == KEY:
            return day
        if role == ROLE.DisplayRole:
            still = sum(not each.closed for each in dues)
            return {"none": "", "closed": "–", "holiday": "×"}.get(kind_of(dues)) or (number(still) if still else "")
        if role == ROLE.AccessibleTextRole:
            return self.told(day)
        if role == ROLE.ToolTipRole:
            return self.told(day, "\n")
        return None

    def told(self, day: date, between: str = ". ") -> str:
        """A day in words: its date, its due times, and why one is left out or was moved."""
        lines = [spelled(day, "dddd d MMMM yyyy")]
        dues = self.days.get(day, [])
        for each in dues[:TOLD]:
            clock = f"{datetime.fromtimestamp(each.due, ZoneInfo(each.zone)):%H:%M}"
            reason = each.reason.text() if each.reason is not None else ""
            if each.closed:
                lines.append(_("{time}, left out: {reason}").format(time=clock, reason=reason))
            else:
                lines.append(_("{time}, moved: {reason}").format(time=clock, reason=reason) if reason else clock)
        if len(dues) > TOLD:
            more = len(dues) - TOLD
            lines.append(ngettext("and {count} more", "and {count} more", more).format(count=number(more)))
        if not dues:
            lines.append(_("nothing is due"))
        return between.join(lines)


class _Days(QStyledItemDelegate):
    """Paints a day: filled where something is due, crossed out where the calendar is closed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(22, 20)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, YearModel)
        box: QRect = option.rect
        colour = theme().colour
        day = model.day(index.row(), index.column())
        state: Any = option.state
        chosen = day is not None and bool(state & QStyle.StateFlag.State_Selected)
        painter.fillRect(box, colour("surface" if day is not None else "chrome"))
        if day is None:
            return
        if day.weekday() >= 5:
            painter.fillRect(box, colour("sunken"))
        paint_day(painter, box.adjusted(1, 1, -2, -2), kind_of(model.days.get(day, [])), str(index.data() or ""), option.font)
        if day == model.today or chosen:
            painter.setPen(QPen(colour("accent" if chosen else "border_strong"), 2 if chosen else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(1, 1, -2, -2))


def paint_day(painter: QPainter, box: QRect, kind: Kind, text: str, face: Any) -> None:
    """The sign of one day, also for the legend."""
    colour = theme().colour
    token = {"due": "done", "moved": "accent", "closed": "skipped", "holiday": "warning"}.get(kind)
    if token is None:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    filled = kind in ("due", "moved")
    ground = QColor(colour(token))
    if not filled:
        ground.setAlphaF(0.16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(colour("surface" if filled else token))
    painter.setFont(face)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text if len(text) < 4 else "…")
    painter.restore()


class YearGrid(QTableView):
    """The grid; arrows go from day to day, Page up and down from month to month."""

    def __init__(self) -> None:
        super().__init__()
        self.days = YearModel()
        self.setModel(self.days)
        self.setObjectName("year")
        self.setAccessibleName(_("Due times of the next twelve months"))
        self.setItemDelegate(_Days(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setStyleSheet("QTableCornerButton::section { background: transparent; border: none; }")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFont(font(11))
        for head in (self.horizontalHeader(), self.verticalHeader()):
            head.setFont(font(11))
            head.setSectionsClickable(False)
            head.setHighlightSections(False)
            head.setStyleSheet("QHeaderView::section { padding: 0 2px; }")
            head.setMinimumSectionSize(14)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setMinimumSectionSize(17)
        self.verticalHeader().setFixedWidth(76)
        self.horizontalHeader().setFixedHeight(22)
        self.setMinimumHeight(232)
        theme().changed.connect(self.viewport().update)

    def choose(self, day: date) -> None:
        """Choose a day."""
        self.setCurrentIndex(self.days.index(*self.days.place(day)))


class Legend(QWidget):
    """What the colours and signs of the grid mean."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(24)
        self.setFont(font(11))
        self.setAccessibleName(", ".join(_(word) for _kind, word in LEGEND))
        theme().changed.connect(self.update)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        left = 4
        signs = {"due": "1", "moved": "1", "closed": "–", "holiday": "×"}
        for kind, word in LEGEND:
            paint_day(painter, QRect(left, 4, 16, 16), kind, signs[kind], self.font())
            painter.setPen(theme().colour("muted"))
            painter.setFont(self.font())
            width = self.fontMetrics().horizontalAdvance(_(word))
            painter.drawText(QRect(left + 22, 0, width + 2, 24), Qt.AlignmentFlag.AlignVCenter, _(word))
            left += width + 44


def until(begin: date) -> datetime:
    """The end of the last of twelve months, a day late: zones differ."""
    return datetime.combine(begin.replace(year=begin.year + 1), datetime.min.time()) + timedelta(days=1)
