"""What a column holds, beside the grid: counts, range, quartiles, a histogram and the most frequent values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from tisserand.texts import language
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.icons import icon
from tisserand.ui.scrolling import scrolled
from tisserand.ui.theme import font, theme

WIDTH, WIDE = 250, 470
LOW = 260
"""Points of height below which the parts stand side by side."""


class ProfilePanel(QFrame):
    """Shows one column; hidden until it is asked for."""

    def __init__(self, *, beside: bool = True) -> None:
        """`beside`: at the side of the rows, as high as they are; else under them, as wide."""
        super().__init__()
        self.column = ""
        self._beside = beside
        self._page: _Page | None = None
        self.setObjectName("profile")
        if beside:
            self.setFixedWidth(WIDTH)
        else:
            self.setFixedHeight(LOW - 20)
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
        self._area = scrolled()
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
        self._page = None
        self._show(column, told)

    def show_profile(self, column: str, found: Mapping[str, Any]) -> None:
        figures = QWidget()
        figures.setObjectName("page")
        grid = QGridLayout(figures)
        grid.setContentsMargins(0, 0, 0, 0)
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
        parts: list[QWidget] = []
        if found.get("bins"):
            ends = (_value(found, found["minimum"]), _value(found, found["maximum"])) if "minimum" in found else ("", "")
            parts.append(_Histogram(list(found["bins"]), *ends))
        if found.get("frequent"):
            heading = QLabel(_("Most frequent"))
            heading.setProperty("role", "muted")
            parts += [
                heading,
                _Bars([(_value(found, value), int(count)) for value, count in found["frequent"]], int(found["rows"])),
            ]
        self._page = _Page(figures, parts)
        self._show(column, self._page)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Where it is low, what would stand out of sight below stands at the side."""
        if self._page is None:
            return
        low = self.height() < LOW
        self._page.arrange(low)
        if self._beside:
            self.setFixedWidth(WIDE if low else WIDTH)

    def _show(self, column: str, page: QWidget) -> None:
        self.column = column
        self.title.setText(self.title.fontMetrics().elidedText(column, Qt.TextElideMode.ElideMiddle, WIDTH - 60))
        self.title.setToolTip(column)
        self._area.setWidget(page)
        self.show()


class _Page(QWidget):
    """The figures, and what is drawn of the column: one under the other, or side by side."""

    def __init__(self, figures: QWidget, drawn: list[QWidget]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.figures = figures
        self.pictures = QWidget()
        self.pictures.setObjectName("page")
        under = QVBoxLayout(self.pictures)
        under.setContentsMargins(0, 0, 0, 0)
        under.setSpacing(8)
        for part in drawn:
            under.addWidget(part)
        under.addStretch(1)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(14, 6, 14, 12)
        self._box.setSpacing(14)
        self._box.addWidget(figures, 1, Qt.AlignmentFlag.AlignTop)
        self._box.addWidget(self.pictures, 1, Qt.AlignmentFlag.AlignTop)
        self._box.addStretch(0)

    def arrange(self, low: bool) -> None:
        self._box.setDirection(QBoxLayout.Direction.LeftToRight if low else QBoxLayout.Direction.TopToBottom)


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
        made += [(_("Smallest"), _value(found, found["minimum"])), (_("Largest"), _value(found, found["maximum"]))]
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


def _value(found: Mapping[str, Any], value: Any) -> str:
    """A value of the column as the table shows it: numbers in the manner of the language."""
    text = _short(value)
    return text.replace(".", ",") if "mean" in found and language() == "fr" else text


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


class _Histogram(QWidget):
    HEIGHT = 64

    def __init__(self, bins: list[int], low: str, high: str) -> None:
        super().__init__()
        self._bins = bins
        self.ends = (low, high)
        self.setMinimumWidth(120)
        self.setFixedHeight(self.HEIGHT + (18 if low or high else 0))
        self.setAccessibleName(_("Histogram"))
        self.setAccessibleDescription(f"{low} – {high}: " + ", ".join(map(str, bins)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("transform"))
        most = max(self._bins) or 1
        step = self.width() / len(self._bins)
        for index, count in enumerate(self._bins):
            height = (self.HEIGHT - 2) * count / most
            if count:
                height = max(height, 1.5)
            painter.drawRect(QRectF(index * step + 0.5, self.HEIGHT - height - 1, max(step - 1.5, 1), height))
        painter.setBrush(theme().colour("border"))
        painter.drawRect(QRectF(0, self.HEIGHT - 1, self.width(), 1))
        painter.setFont(font(11))
        painter.setPen(theme().colour("muted"))
        under = QRectF(0, self.HEIGHT + 1, self.width(), 16)
        for text, side in zip(self.ends, (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight), strict=True):
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, self.width() // 2 - 4)
            painter.drawText(under, side | Qt.AlignmentFlag.AlignVCenter, shown)
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
