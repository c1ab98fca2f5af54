"""What a column holds, beside the grid: counts, range, quartiles, a histogram and the most frequent values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from tisserand.texts import language
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.icons import icon
from tisserand.ui.theme import font, theme

WIDTH = 250


class ProfilePanel(QFrame):
    """Shows one column; hidden until it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("profile")
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(_("Statistics of a column"))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        head = QHBoxLayout()
        head.setContentsMargins(14, 8, 8, 0)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        head.addWidget(self.title, 1)
        self._close = QToolButton()
        self._close.setToolTip(_("Close"))
        self._close.setAccessibleName(_("Close"))
        self._close.setIconSize(QSize(14, 14))
        self._close.clicked.connect(self.hide)
        head.addWidget(self._close)
        box.addLayout(head)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        box.addWidget(self._area, 1)
        theme().changed.connect(self._recolour)
        self._recolour()
        self.hide()

    def _recolour(self) -> None:
        self._close.setIcon(icon("x", "muted"))

    def say(self, column: str, text: str) -> None:
        """A sentence instead of figures."""
        told = QLabel(text)
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        told.setContentsMargins(14, 6, 14, 6)
        told.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._show(column, told)

    def show_profile(self, column: str, found: Mapping[str, Any]) -> None:
        page = QWidget()
        page.setObjectName("page")
        box = QVBoxLayout(page)
        box.setContentsMargins(14, 6, 14, 12)
        box.setSpacing(10)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(3)
        for row, (label, value) in enumerate(_figures(found)):
            name = QLabel(label)
            name.setProperty("role", "muted")
            text = QLabel(value)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setAlignment(Qt.AlignmentFlag.AlignRight)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setWordWrap(True)
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        grid.setColumnStretch(1, 1)
        if found.get("bins"):
            box.addWidget(_Histogram(list(found["bins"])))
        box.addLayout(grid)
        if found.get("frequent"):
            heading = QLabel(_("Most frequent"))
            heading.setProperty("role", "muted")
            box.addWidget(heading)
            box.addWidget(_Bars([(str(value), int(count)) for value, count in found["frequent"]], int(found["rows"])))
        box.addStretch(1)
        self._show(column, page)

    def _show(self, column: str, page: QWidget) -> None:
        self.title.setText(self.title.fontMetrics().elidedText(column, Qt.TextElideMode.ElideMiddle, WIDTH - 60))
        self.title.setToolTip(column)
        self._area.setWidget(page)
        self.show()


def _figures(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures as (name, text)."""
    rows = int(found["rows"])
    nulls = int(found["nulls"])
    share = f" ({nulls / rows:.1%})" if rows and nulls else ""
    about = "" if found.get("exact") else "≈ "
    made = [
        (_("Type"), str(found["type"]).lower()),
        (_("Rows"), number(rows)),
        (_("Missing"), number(nulls) + share),
        (_("Different"), about + number(int(found["distinct"]))),
    ]
    if "minimum" in found:
        made += [(_("Smallest"), _short(found["minimum"])), (_("Largest"), _short(found["maximum"]))]
    if "mean" in found:
        made += [(_("Mean"), decimal(found["mean"])), (_("Standard deviation"), decimal(found["deviation"]))]
        quarter, median, three = found["quartiles"]
        made += [(_("Lower quartile"), decimal(quarter)), (_("Median"), decimal(median)), (_("Upper quartile"), decimal(three))]
    return made


def decimal(value: float | None) -> str:
    """A figure with few digits, in the manner of the language."""
    if value is None:
        return "–"
    text = f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 1e-2 or not value else f"{value:.3g}"
    return text.replace(",", "\u202f").replace(".", ",") if language() == "fr" else text


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


class _Histogram(QWidget):
    def __init__(self, bins: list[int]) -> None:
        super().__init__()
        self._bins = bins
        self.setFixedHeight(64)
        self.setAccessibleName(_("Histogram"))
        self.setAccessibleDescription(", ".join(map(str, bins)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("transform"))
        most = max(self._bins) or 1
        step = self.width() / len(self._bins)
        for index, count in enumerate(self._bins):
            height = (self.height() - 2) * count / most
            if count:
                height = max(height, 1.5)
            painter.drawRect(QRectF(index * step + 0.5, self.height() - height - 1, max(step - 1.5, 1), height))
        painter.setBrush(theme().colour("border"))
        painter.drawRect(QRectF(0, self.height() - 1, self.width(), 1))
        painter.end()


class _Bars(QWidget):
    """Values with a bar as long as their share."""

    ROW = 24

    def __init__(self, values: list[tuple[str, int]], rows: int) -> None:
        super().__init__()
        self._values = values
        self._rows = max(rows, 1)
        self.setFixedHeight(self.ROW * len(values))
        self.setAccessibleName(_("Most frequent"))
        self.setAccessibleDescription(", ".join(f"{value}: {count}" for value, count in values))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font(12))
        metrics = painter.fontMetrics()
        most = max(count for _value, count in self._values)
        for index, (value, count) in enumerate(self._values):
            top = index * self.ROW
            box = QRectF(0, top + 2, self.width() * count / most, self.ROW - 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().colour("accent_soft"))
            painter.drawRoundedRect(box, 4, 4)
            told = number(count)
            room = self.width() - metrics.horizontalAdvance(told) - 24
            painter.setPen(theme().colour("text"))
            shown = metrics.elidedText(value.replace("\n", "⏎") or "“”", Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(6, top, self.width() - 12, self.ROW), Qt.AlignmentFlag.AlignVCenter, shown)
            painter.setPen(theme().colour("muted"))
            align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(QRectF(6, top, self.width() - 12, self.ROW), align, told)
        painter.end()
