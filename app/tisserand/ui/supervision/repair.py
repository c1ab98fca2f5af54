"""From a run to the canvas: its flow, its states on the cards, and the way on from where it broke."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from tisserand.texts import translate as _

if TYPE_CHECKING:
    from tisserand.model.flow import Flow
    from tisserand.service.protocol import Event, Executor, RunInfo
    from tisserand.ui.window import Window


@dataclass(frozen=True, slots=True)
class Seen:
    """A run with what it did: its flow as it was then, and what happened."""

    run: RunInfo
    flow: Flow | None
    events: tuple[Event, ...]


def look(executor: Executor, run: str) -> Seen:
    """Everything that the canvas shows of a run; asked beside the window."""
    from tisserand.model.yamlfile import read_flow

    text = executor.flow_text(run)
    return Seen(executor.run(run), read_flow(text).flow, tuple(executor.events(run)))


class Repair(QObject):
    """Puts runs on the canvas of a window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window

    def open_file(self, path: Path) -> None:
        """A flow file, in the editor."""
        w = self.window_
        w.desk.supervising.leave()
        w.desk.load(path)

    def open_copy(self, seen: Seen) -> None:
        """The flow of a run as it was then, without a file, in a tab of its own."""
        w = self.window_
        if seen.flow is None:
            w.desk.say(_("The flow of this run cannot be read any more."))
            return
        w.desk.supervising.leave()
        if not w.desk.sheets.is_blank():
            w.desk.sheets.add()
        w.document.show(seen.flow)

    def begin(self, seen: Seen, root: Path) -> None:
        """Open the flow, from its file where there is one, and show there how the run went."""
        w = self.window_
        path = root / seen.run.file if seen.run.file is not None else None
        w.desk.supervising.leave()
        if path is None or not path.is_file():
            self.open_copy(seen)
            self._show(seen)
            return
        if w.desk.sheets.place_of(path) is not None:
            w.desk.load(path)
            self._show(seen)
        else:
            w.desk.disk.load(path, lambda: self._show(seen))

    def _show(self, seen: Seen) -> None:
        """The run on the cards, its log, and the keyboard at the node that failed."""
        w, run = self.window_, seen.run
        if seen.flow is None or w.document.source is not None or w.runner.running:
            return
        desk = w.desk
        desk.standings.begin(seen.flow)
        desk.standings.run, desk.standings.infos = run.id, run.nodes
        desk.standings.end(run.error)
        desk.debugging.ended(run.state)
        w.log.begin({id: card.shown for id, card in w.scene.cards.items()})
        for event in seen.events:
            w.log.add_event(event)
        desk.show_problems()
        broken = failed_node(run)
        if broken is not None and broken in w.scene.cards:
            w.scene.select([broken])
            w.canvas.reveal(w.scene.cards[broken].frame())
            w.show_side("inspector")
            w.show_side("bottom", w.problems)
            way = w.actions_.keys("go_on")
            desk.say(
                _("Mend “{node}”, then go on from there with {key}.").format(node=w.scene.cards[broken].shown.title, key=way)
            )
        w.canvas.setFocus()


def failed_node(run: RunInfo) -> str | None:
    """The node at which a run broke: the one that failed, else the one that its error names."""
    failed = next((id for id, info in run.nodes.items() if info.state in ("failed", "uncertain")), None)
    return failed or (run.error.place.node if run.error is not None else None)
