"""The tables of the page of terms: plans, consumers and subscriptions, each with its buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet, squeeze
from tisserand.ui.apis.words import STATES, quota, rate
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.listed import Cell, Line, Listed
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from tisserand.service.apis.calls import Kind


class Part(QWidget):
    """One table with its buttons."""

    def __init__(self, kind: Kind, title: str, columns: Sequence[Column]) -> None:
        super().__init__()
        self.kind, self.title = kind, title
        self.table = Table(columns, title)
        self.model = Listed(columns)
        self.buttons: dict[str, QPushButton] = {}
        self.total = 0
        self.asked: str | None = None
        """What was searched for when these were found; None before the first answer."""
        self.none = QLabel()
        self.none.setProperty("role", "muted")
        self.none.setContentsMargins(40, 20, 40, 60)
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.none.setWordWrap(True)
        self.none.hide()
        self.count = quiet()
        self.count.setWordWrap(False)
        self.row = QHBoxLayout()
        self.row.setContentsMargins(10, 8, 10, 8)
        self.row.setSpacing(8)
        self.row.addStretch(1)
        self.row.addWidget(self.count)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(self.row)
        box.addWidget(self.none, 1)
        box.addWidget(self.table, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where the words of all buttons have no room, only the first keeps them; the others tell theirs when pointed at."""
        super().resizeEvent(event)
        room = event.size().width() - 20 - self.count.sizeHint().width() - 16
        squeeze([*self.buttons.values()], [self.buttons["new"]], room)

    def take(self, at: int | None, entries: Mapping[str, Mapping[str, Any]], total: int, text: str) -> None:
        """Entries from row `at` on (None: in the place of all), of `total` that hold the `text`."""
        told = {"plan": _plan, "consumer": _consumer, "subscription": _subscription}[self.kind]
        lines = [Line(id, (id, data), told(id, data)) for id, data in entries.items()]
        self.total, self.asked = total, text
        if at is None:
            self.model.take(lines)
        else:
            self.model.put(at, lines)
        here = len(self.model.lines)
        if here < total:
            self.count.setText(_("{first} to {last} of {count}").format(first=1, last=number(here), count=number(total)))
        else:
            self.count.setText(_("{count} in all").format(count=number(total)) if total > 1 else "")
        if here and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        words = {
            "plan": _("There is no plan yet. A plan says how often one may call, and for what price."),
            "consumer": _(
                "There is no consumer yet. A consumer is a program that calls: of a partner, a department, a customer."
            ),
            "subscription": _("Nobody is subscribed. A subscription lets a consumer call an API under a plan."),
        }
        self.none.setText(_("Nothing fits what is searched for.") if text else words[self.kind])
        self.none.setVisible(not here)
        self.table.setVisible(bool(here))

    def chosen(self) -> tuple[str, Mapping[str, Any]] | None:
        found: tuple[str, Mapping[str, Any]] | None = self.table.chosen()
        return found


def approvals() -> list[tuple[str, str]]:
    return [("automatic", _("are active at once")), ("manual", _("wait for approval"))]


def live_keys(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in data["credentials"] if each["state"] == "active"]


def _plan(id: str, data: Mapping[str, Any]) -> tuple[Cell, ...]:
    approval = dict(approvals())[data["approval"]]
    return (
        Cell(id),
        Cell(data["name"], more=data["summary"]),
        Cell(rate(dict(data))),
        Cell(quota(dict(data))),
        Cell(data["price"]),
        Cell(approval),
    )


def _consumer(id: str, data: Mapping[str, Any]) -> tuple[Cell, ...]:
    keys = ", ".join(f"{each['id']} ({each['fingerprint'].removeprefix('sha256:')[:8]})" for each in live_keys(data))
    more = "\n".join(
        _("{key}: until {date}").format(key=each["id"], date=each["expires"][:10]) if each["expires"] else each["id"]
        for each in live_keys(data)
    )
    return (
        Cell(id),
        Cell(data["name"]),
        Cell(data["contact"]),
        Cell(keys, "key-round" if keys else None, "muted" if keys else None, more),
    )


def _subscription(id: str, data: Mapping[str, Any]) -> tuple[Cell, ...]:
    sign, shade, word = STATES[data["state"]]
    api = f"{data['api']}@{data['version']}" if data["version"] else data["api"]
    return Cell(_(word), sign, shade), Cell(data["consumer"], more=id), Cell(api), Cell(data["plan"]), Cell(data["decided_by"])
