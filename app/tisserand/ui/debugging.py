"""Step by step through a flow: run to a node, stop at breakpoints, one node more, go on after a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from tisserand.model.command import Several
from tisserand.model.edit_nodes import SetNode
from tisserand.model.graph import order
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import Standing

if TYPE_CHECKING:
    from tisserand.ui.window import Window

OVER = {"done", "skipped"}


class Debugging(QObject):
    """The debugger of one window. What is done stays done from stop to stop: each goes on with the same run."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.paused: str | None = None
        """The node that is next, while the debugger has stopped before it."""
        self._stepping = False
        self._show: str | None = None
        for id, call in {
            "run_to": self.run_to,
            "breakpoint": self.toggle,
            "step": self.step,
            "go_on": self.go_on,
        }.items():
            window.actions_.bind(id, call)

    # -- what is next --------------------------------------------------------------------------------------------------
    def _left(self) -> list[str]:
        """The nodes that are still to be done, in the order in which they run."""
        w = self.window_
        flow, standings = w.document.flow, w.desk.standings
        done = {id for id, info in standings.infos.items() if info.state in OVER and standings.fresh(flow, id)}
        stale: set[str] = set()
        left = []
        for id in order(flow):
            node = flow.nodes[id]
            # What stands behind something that is to be done again is to be done again itself.
            behind = any(ref.node in stale for _port, ref in node.refs()) or any(other in stale for other in node.after)
            if not node.disabled and (id not in done or behind):
                left.append(id)
                stale.add(id)
        return left

    def _begun(self) -> str | None:
        """The run that can go on."""
        standings = self.window_.desk.standings
        return standings.run if standings.run is not None and standings.over and self._resumable else None

    _resumable = False

    def _start(self, until: str | None) -> None:
        w = self.window_
        run = self._begun()
        if run is not None:
            w.desk.runs.go_on(run, until)
        else:
            w.desk.runs.start(until)

    # -- actions -------------------------------------------------------------------------------------------------------
    def run_to(self) -> None:
        """Run what the selected node needs, and the node."""
        w = self.window_
        chosen = list(w.scene.selection)
        if len(chosen) != 1:
            w.desk.say(_("Select the node to run to first."))
            return
        self._stepping, self._show = False, chosen[0]
        w.desk.runs.start(chosen[0])

    def toggle(self) -> None:
        """Set breakpoints on the selected nodes, or take them away."""
        w = self.window_
        flow = w.document.flow
        ids = [id for id in w.scene.selection if id in flow.nodes]
        if ids:
            on = not all(flow.nodes[id].breakpoint for id in ids)
            commands = tuple(SetNode(node=id, changes={"breakpoint": on}) for id in ids)
            w.document.do(Several(commands, msg("Setting of a breakpoint") if on else msg("Removal of a breakpoint")))

    def step(self) -> None:
        """One node more."""
        w = self.window_
        left = self._left()
        if w.runner.running or not w.document.flow.nodes:
            return
        if not left:
            w.desk.say(_("Every node is done. F5 runs the flow anew."))
            return
        self._stepping, self._show = True, left[0]
        self._start(left[0])

    def go_on(self) -> None:
        """On to the next breakpoint, or to the end: from the start, from where the debugger stopped, or after a failure."""
        w = self.window_
        flow = w.document.flow
        if w.runner.running or not flow.nodes:
            return
        left = self._left()
        if not left:
            w.desk.say(_("Every node is done. F5 runs the flow anew."))
            return
        stop = next((id for id in left if flow.nodes[id].breakpoint and id != self.paused), None)
        self._stepping, self._show = stop is not None, None
        if stop is None:
            self._start(None)
            return
        # Up to the breakpoint, not through it: everything that runs before it.
        before = left[: left.index(stop)]
        if before:
            self._start(",".join(before))
        else:
            self._pause_at(stop)

    # -- what a run tells ----------------------------------------------------------------------------------------------
    def began(self) -> None:
        if self.paused is not None:
            self.window_.notice.hide()
        self.paused = None

    def ended(self, state: str) -> None:
        """A run of the shown flow is over."""
        w = self.window_
        left = self._left()
        self._resumable = bool(left)
        if state == "done" and self._stepping and left:
            self._pause_at(left[0])
        if self._show is not None and self._show in w.scene.cards and state == "done":
            w.scene.select([self._show])
            w.show_side("bottom", w.data)
        self._stepping, self._show = False, None

    def _pause_at(self, id: str) -> None:
        w = self.window_
        self.paused = id
        w.desk.show_standings()
        if id in w.scene.cards:
            w.canvas.reveal(w.scene.cards[id].frame())
        text = _("Paused before “{node}”").format(node=w.scene.cards[id].shown.title if id in w.scene.cards else id)
        w.state.setText(text)
        ways = ((_("Go on"), "go_on"), (_("One node more"), "step"))
        choices = [(f"{word} ({w.actions_.keys(name)})", w.actions_[name].trigger) for word, name in ways]
        w.notice.tell(text, choices, ("pause", "warning"))

    def forget(self) -> None:
        """Another flow is shown."""
        self.paused, self._resumable, self._stepping, self._show = None, False, False, None

    def standing(self) -> tuple[str, Standing] | None:
        """What the card that the debugger stopped before shows."""
        if self.paused is None or self.paused not in self.window_.document.flow.nodes:
            return None
        return self.paused, Standing("paused")
