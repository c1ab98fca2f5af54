"""What goes through a wire, at a glance: its columns and three of its rows, while the pointer rests on it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QToolTip

from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import rows
from tisserand.ui.canvas.wire import AFTER, Key
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.ui.panels.cells import Cells
    from tisserand.ui.window import Window

COLUMNS = 6
ROWS = 3
LONGEST = 24
_AFTER = {
    "done": N_("Runs when “{node}” is done"),
    "failed": N_("Runs when “{node}” has failed"),
    "always": N_("Runs after “{node}”, however it ends"),
    "undo": N_("Undoes “{node}” when the run is cancelled"),
}


class Peek(QObject):
    """Asks for rows only where a run left some."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self._wire: Key | None = None
        window.canvas.peek_asked.connect(self.show)

    def show(self, wire: Key, place: QPoint) -> None:
        w = self.window_
        self._wire = wire
        card = w.scene.cards.get(wire[0])
        if card is None:
            return
        if wire[3] == AFTER:
            QToolTip.showText(place, after_text(wire[1], card.shown.title), w.canvas)
            return
        port = wire[1] or (card.shown.outputs[0].name if card.shown.outputs else "")
        schema = w.desk.findings.schemas.get(wire[0], {}).get(port, ())
        columns = [(column.name, column.type) for column in schema]
        self._tell(place, card.shown.title, columns, None)
        standings = w.desk.standings
        if standings.run is None or not standings.done(w.document.flow, wire[0]):
            return

        def come(found: Cells) -> None:
            if self._wire == wire and QToolTip.isVisible():
                self._tell(place, card.shown.title, list(zip(found.names, found.types, strict=True)), found)

        # Rows that are gone are no news here: the data pane tells it.
        w.runner.page(standings.run, wire[0], port, 0, ROWS, come, lambda _problems: None)

    def _tell(self, place: QPoint, title: str, columns: list[tuple[str, str]], found: Any) -> None:
        QToolTip.showText(place, as_html(title, columns, found), self.window_.canvas)


def after_text(when: str, title: str) -> str:
    """What an order without data means."""
    text = _AFTER.get(when)
    return _(text).format(node=title) if text is not None else f"{title}: {when}"


def as_html(title: str, columns: list[tuple[str, str]], found: Any) -> str:
    """The glance as a little table."""
    muted = theme().colour("muted").name()
    head = f"<b>{escape(_short(title))}</b>"
    if found is not None:
        head += f" <span style='color:{muted}'>· {escape(rows(found.total))}</span>"
    if not columns:
        return f"{head}<br>{escape(_('Its columns are not known yet.'))}"
    shown = columns[:COLUMNS]
    cells = "".join(
        f"<td style='padding-right:12px'><b>{escape(_short(name))}</b><br>"
        f"<span style='color:{muted}'>{escape(_(type))}</span></td>"
        for name, type in shown
    )
    lines = [f"<tr>{cells}</tr>"]
    for index in range(min(ROWS, found.rows) if found is not None else 0):
        values = (column[index] for column in found.columns[:COLUMNS])
        texts = (f"<i style='color:{muted}'>null</i>" if value is None else escape(_short(value)) for value in values)
        lines.append("<tr>" + "".join(f"<td style='padding-right:12px'>{text}</td>" for text in texts) + "</tr>")
    more = len(columns) - len(shown)
    rest = f"<span style='color:{muted}'>{escape(_('and {count} more columns').format(count=more))}</span>" if more > 0 else ""
    return f"{head}<table style='margin-top:4px'>{''.join(lines)}</table>{rest}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
