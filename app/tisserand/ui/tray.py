"""An icon in the tray of the desktop: how the executor does, new alerts as messages, and the few things to do in a hurry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import translate as _
from tisserand.ui.icons import pixmap
from tisserand.ui.lookout import Lookout, told
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tisserand.service.alerts.calls import Alert
    from tisserand.ui.window import Window

SIZE = 64
LASTS = 10_000
"""Milliseconds that a message is shown, where the desktop does as it is asked."""
MOST = 3
"""Alerts that one message tells one by one."""


class Tray(QObject):
    """Belongs to a window, and goes with it."""

    said = Signal(str, str)
    """A message was shown: its title and text."""

    def __init__(self, window: Window, lookout: Lookout) -> None:
        super().__init__(window)
        self.window_ = window
        self.lookout = lookout
        self.icon = QSystemTrayIcon(self)
        self.menu = QMenu(window)
        self.open = self.menu.addAction(_("Open the window"), self.show_window)
        self.supervise = self.menu.addAction(_("Supervision"), self._supervise)
        self.menu.addSeparator()
        self.pause = self.menu.addAction(_("Pause everything"), self._pause)
        self.end = self.menu.addAction(_("Stop the executor"), self._end)
        for action in self.menu.actions():
            action.setObjectName("tray")
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(lambda: self._supervise("alerts_page"))
        lookout.changed.connect(self.renew)
        lookout.alerted.connect(self.tell)
        theme().changed.connect(self.renew)
        self.renew()
        self.icon.show()

    def state(self) -> str:
        """`stopped`, `alerts`, `paused` or `ok`."""
        seen = self.lookout.seen
        if not seen.running:
            return "stopped"
        return "alerts" if seen.alerts else "paused" if seen.paused else "ok"

    def renew(self) -> None:
        """Icon, words and menu as things stand."""
        state, seen = self.state(), self.lookout.seen
        sign, token = {
            "stopped": ("circle-stop", "skipped"),
            "alerts": ("triangle-alert", "failed"),
            "paused": ("circle-pause", "warning"),
            "ok": ("activity", "done"),
        }[state]
        self.icon.setIcon(QIcon(pixmap(sign, theme().colour(token), SIZE, 1.0)))
        words = {
            "stopped": _("The executor is not running"),
            "alerts": told(seen),
            "paused": _("Everything is paused"),
            "ok": told(seen) or _("All is well"),
        }[state]
        self.icon.setToolTip(f"Tisserand · {words}")
        self.pause.setText(_("Go on with everything") if seen.paused else _("Pause everything"))
        there = self.window_.runner.root is not None
        self.pause.setEnabled(there)
        self.end.setEnabled(seen.running)

    def tell(self, alerts: Sequence[Alert]) -> None:
        """New alerts as a message of the desktop."""
        from tisserand.ui.supervision.alerts import rule_word
        from tisserand.ui.supervision.alerts import told as sentence

        lines = [sentence(alert, alert.flow) for alert in alerts[:MOST]]
        if len(alerts) > MOST:
            lines.append("…")
        title = rule_word(alerts[0].rule) if len(alerts) == 1 else _("Alerts")
        worst = any(alert.severity == "error" for alert in alerts)
        sign = QSystemTrayIcon.MessageIcon.Critical if worst else QSystemTrayIcon.MessageIcon.Warning
        text = "\n".join(lines)
        self.icon.showMessage(f"Tisserand · {title}", text, sign, LASTS)
        self.said.emit(title, text)

    # -- doing ---------------------------------------------------------------------------------------------------------
    def show_window(self) -> None:
        """The window before all others."""
        w = self.window_
        if w.isMinimized():
            w.showNormal()
        w.show()
        w.raise_()
        w.activateWindow()

    def _activated(self, why: QSystemTrayIcon.ActivationReason) -> None:
        if why in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.show_window()

    def _supervise(self, page: str | None = None) -> None:
        self.show_window()
        self.window_.desk.supervising.show(page)

    def _pause(self) -> None:
        root = self.window_.runner.root
        if root is None:
            return
        paused, runner = self.lookout.seen.paused, self.window_.runner

        def work() -> bool:
            queue = runner.executor(root).queue
            return queue.unpause(None, person()) if paused else queue.pause(None, person())

        self._do(work, _("Everything goes on.") if paused else _("Everything is paused: nothing is begun until it goes on."))

    def _end(self) -> None:
        root = self.window_.runner.root
        if root is None:
            return
        asked: Path = root

        def work() -> bool:
            from tisserand.service.life import stop

            return stop(asked)

        self._do(work, _("The executor was stopped. Runs under way go on by themselves."))

    def _do(self, work: Callable[[], bool], said: str) -> None:
        def come(_answer: object) -> None:
            self.window_.desk.say(said)
            self.lookout.look()

        def failed(problems: list[Problem]) -> None:
            self.window_.notice.tell("\n".join(problem.message.text() for problem in problems), [])

        self.window_.background.do(work, come, failed)
