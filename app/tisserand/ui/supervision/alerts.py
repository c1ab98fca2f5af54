"""The page of alerts: what is unusual now, since when and how often; somebody knows of it, or it is silent until some time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tisserand.service.person import person
from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, allow, chip, open_run
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.silence import ask_silence
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent
    from typing_extensions import TypeIs

    from tisserand.service.alerts.calls import Alert, Silence
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

SEVERITIES: dict[str, tuple[str, str, str]] = {
    "error": ("octagon-x", "failed", N_("Serious")),
    "warning": ("triangle-alert", "warning", N_("Warning")),
    "known": ("check", "muted", N_("Known")),
    "silent": ("eye-off", "muted", N_("Silent")),
    "resolved": ("circle-check", "done", N_("Over")),
}
"""How an alert stands: icon, colour token, word."""
RULES: dict[str, str] = {
    "failed": N_("Run failed"),
    "missing": N_("Run is missing"),
    "duration": N_("Took too long"),
    "rows": N_("Number of rows"),
    "no_rows": N_("No rows"),
    "rejects": N_("Rejected rows"),
    "drift": N_("Columns changed"),
    "queue": N_("Queue grows"),
    "inbox": N_("Inbox grows"),
    "cause": N_("One cause"),
}
"""What alerts are about, in two or three words."""
ACTIONS = ("alert_acknowledge", "alert_silence", "alert_unsilence", "its_run")
MOST = 500


def standing(alert: Alert) -> str:
    """The key in `SEVERITIES`."""
    if alert.state == "resolved":
        return "resolved"
    if alert.silent:
        return "silent"
    return "known" if alert.acknowledged is not None else alert.severity


def is_alert(one: Alert | Silence) -> TypeIs[Alert]:
    """Whether it is no silence."""
    return hasattr(one, "severity")


def rule_word(rule: str) -> str:
    """A rule in a few words."""
    return _(RULES[rule]) if rule in RULES else rule


class AlertsView(View):
    """A list, and below it the one that is chosen."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.which = QButtonGroup(self)
        self.chips = {"open": chip(_("Open alerts")), "resolved": chip(_("Past alerts")), "silences": chip(_("Silences"))}
        self.chips["open"].setChecked(True)
        head = QHBoxLayout()
        head.setContentsMargins(10, 12, 10, 10)
        head.setSpacing(4)
        for button in self.chips.values():
            self.which.addButton(button)
            head.addWidget(button)
        head.addStretch(1)
        columns = (
            Column(_("State"), 124),
            Column(_("What"), 146),
            Column(_("Flow"), 110, 2),
            Column(_("Told"), 160, 6),
            Column(_("Since"), 110),
            Column(_("Times"), 56, right=True),
        )
        self.table = Table(columns, _("Alerts"))
        self.model = Listed(columns)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.detail = _Detail(ground)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.stack)
        self.split.addWidget(self.detail)
        self.split.setSizes([360, 170])
        self.split.setStretchFactor(0, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(self.split, 1)
        follow(self.table, self.model, self._chosen)
        self.which.buttonClicked.connect(lambda _button: self._turned())
        self.table.activated.connect(lambda _index: self._to_run())
        actions = ground.window_.actions_
        actions.bind("alert_acknowledge", self._acknowledge)
        actions.bind("alert_silence", self._silence)
        actions.bind("alert_unsilence", self._unsilence)
        actions.bind("its_run", self._to_run)
        ground.titled.connect(self._named)
        self._say(_("Looking …"))

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.table if self.stack.currentWidget() is self.table else self.chips["open"]

    def shown(self) -> str:
        """`open`, `resolved` or `silences`."""
        return next(name for name, button in self.chips.items() if button.isChecked())

    def refresh(self) -> None:
        if self.ground.root is None:
            self._say(self.ground.nothing())
            return
        which = self.shown()

        def work(executor: Executor) -> Sequence[Alert | Silence]:
            if which == "silences":
                return executor.alerts.silences()
            return executor.alerts.list("open" if which == "open" else "resolved", limit=MOST)

        def come(found: Sequence[Alert | Silence]) -> None:
            if which == self.shown():
                self._take(found)

        self.ground.ask(self, work, come, once=f"alerts {which}")

    def forget(self) -> None:
        self.model.take([])
        self.detail.show_one(None, "")

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        allow(self.ground, ACTIONS, ())

    def _turned(self) -> None:
        self.model.take([])
        self.refresh()

    def _named(self) -> None:
        if self.model.lines:
            self._take([line.item for line in self.model.lines])

    def _say(self, text: str) -> None:
        self.empty.say(text, "")
        self.stack.setCurrentWidget(self.empty)
        self.detail.hide()

    def _take(self, found: Sequence[Alert | Silence]) -> None:
        lines = [self._line(each) for each in found]
        if self.shown() == "open":
            # What nobody knows of comes first, and of that the worst.
            order = {"error": 0, "warning": 1, "known": 2, "silent": 3}
            lines.sort(key=lambda line: order[standing(line.item)])
        self.model.take(lines)
        if not lines:
            self._say(
                {
                    "open": _("Nothing is unusual: no alert is open."),
                    "resolved": _("No alert was ever over: nothing has been unusual yet."),
                    "silences": _("Nothing is silent: every alert is told."),
                }[self.shown()]
            )
            self._chosen()
            return
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        waited = self.stack.currentWidget() is self.empty and self.chips["open"].hasFocus()
        self.stack.setCurrentWidget(self.table)
        self.detail.show()
        if waited:
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._chosen()

    def about(self, one: Alert | Silence) -> str:
        """The flow, or the flows, that it is about."""
        flows = getattr(one, "flows", ())
        if flows:
            return ngettext("{count} flow", "{count} flows", len(flows)).format(count=number(len(flows)))
        return self.ground.title(one.flow) if one.flow else _("All flows")

    def _line(self, one: Alert | Silence) -> Line:
        if not is_alert(one):
            return self._silence_line(one)
        sign, token, word = SEVERITIES[standing(one)]
        text = " ".join(one.message.text().split())
        since = Cell(words.when(one.opened), more=f"{words.whole(one.opened)} · {words.ago(one.opened)}")
        what = rule_word(one.rule)
        cells = (
            Cell(_(word), sign, token),
            Cell(what),
            Cell(self.about(one), more="\n".join(self.ground.title(flow) for flow in one.flows)),
            Cell(text, more=text),
            since,
            Cell(number(one.count)),
        )
        times = ngettext("{count} time", "{count} times", one.count).format(count=number(one.count))
        spoken = ", ".join((_(word), what, self.about(one), text, _("since {time}").format(time=words.when(one.opened)), times))
        return Line(one.id, one, cells, spoken)

    def _silence_line(self, one: Silence) -> Line:
        sign, token, word = SEVERITIES["silent"]
        what = rule_word(one.rule) if one.rule is not None else _("Everything")
        until = _("until {time}").format(time=words.when(one.until))
        told = " · ".join(part for part in (until, words.person(one.by), one.why) if part)
        cells = (Cell(_(word), sign, token), Cell(what), Cell(self.about(one)), Cell(told), Cell(words.when(one.made)), Cell())
        return Line(("silence", one.id), one, cells)

    # -- what is chosen ------------------------------------------------------------------------------------------------
    def chosen(self) -> Alert | Silence | None:
        found: Alert | Silence | None = self.table.chosen()
        return found

    def alert(self) -> Alert | None:
        """The alert that is chosen; None for a silence."""
        found = self.chosen()
        return found if found is not None and is_alert(found) else None

    def _chosen(self) -> None:
        one, alert = self.chosen(), self.alert()
        self.detail.show_one(one, self.about(one) if one is not None else "")
        on = []
        if alert is not None:
            if alert.state == "open":
                on.append("alert_silence")
                if alert.acknowledged is None:
                    on.append("alert_acknowledge")
            if alert.run is not None:
                on.append("its_run")
        elif one is not None:
            on.append("alert_unsilence")
        self.detail.allow(on)
        if self.isVisible():
            allow(self.ground, ACTIONS, on)

    def _acknowledge(self) -> None:
        alert = self.alert()
        if alert is None:
            return
        why = self.detail.remark.text().strip()

        def come(_alert: Alert) -> None:
            self.detail.remark.clear()
            self.ground.say(_("The alert is known: it is not told any more while it lasts."))
            self.refresh()

        self.ground.ask(self, lambda executor: executor.alerts.acknowledge(alert.id, person(), why), come)

    def _silence(self) -> None:
        alert = self.alert()
        if alert is None:
            return
        asked = alert

        def chosen(until: float, flow: str | None, rule: str | None, why: str) -> None:
            def come(silence: Silence) -> None:
                self.ground.say(_("Silent until {time}.").format(time=words.when(silence.until)))
                self.refresh()

            self.ground.ask(self, lambda executor: executor.alerts.silence(until, flow, rule, person(), why), come)

        ask_silence(self.ground.window_, self.about(asked), asked.flow, asked.rule, rule_word(asked.rule), chosen)

    def _unsilence(self) -> None:
        one = self.chosen()
        if one is None or self.alert() is not None:
            return

        def come(_none: None) -> None:
            self.ground.say(_("It is told again."))
            self.refresh()

        self.ground.ask(self, lambda executor: executor.alerts.unsilence(one.id, person()), come)

    def _to_run(self) -> None:
        alert = self.alert()
        if alert is not None and alert.run is not None and self.isVisible():
            open_run(self.ground, alert.run)


class _Detail(QFrame):
    """The whole of an alert, and what can be done."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.title, self.text, self.fix, self.more = (_label(role) for role in ("heading", "", "muted", "muted"))
        self.remark = QLineEdit()
        self.remark.setPlaceholderText(_("A remark, where you like"))
        self.remark.setAccessibleName(_("Remark"))
        self.buttons = {id: acting(ground, id, primary=id == "alert_acknowledge") for id in ACTIONS}
        foot = QHBoxLayout()
        foot.addWidget(self.remark, 1)
        for button in self.buttons.values():
            foot.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 10, 12)
        box.setSpacing(4)
        for label in (self.title, self.text, self.fix, self.more):
            box.addWidget(label)
        box.addStretch(1)
        box.addLayout(foot)

    def show_one(self, one: Alert | Silence | None, about: str) -> None:
        """Show an alert, a silence, or nothing."""
        if one is None or not is_alert(one):
            self.title.setText(about)
            self.text.setText(one.why if one is not None else "")
            self.fix.setText("")
            self.more.setText("")
            return
        self.title.setText(f"{rule_word(one.rule)} · {about}")
        self.text.setText(one.message.text())
        self.fix.setText(one.fix.text() if one.fix is not None else "")
        parts = [
            _("since {time}").format(time=words.when(one.opened)),
            ngettext("{count} time", "{count} times", one.count).format(count=number(one.count)),
            _("last {time}").format(time=f"{words.when(one.last)} ({words.ago(one.last)})"),
            ", ".join(self.ground.title(flow) for flow in one.flows),
        ]
        if one.acknowledged is not None:
            name = words.person(one.acknowledged_by or "") or "–"
            known = _("known to {name} since {time}").format(name=name, time=words.when(one.acknowledged))
            parts.append(known)
            parts.append(one.acknowledged_why)
        self.more.setText(" · ".join(part for part in parts if part))
        self.fix.setVisible(bool(self.fix.text()))

    def allow(self, on: Sequence[str]) -> None:
        """Only the buttons that make sense are there."""
        for id, button in self.buttons.items():
            button.setVisible(id in on)
        self.remark.setVisible("alert_acknowledge" in on)


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def serious(alerts: Sequence[Alert]) -> list[Alert]:
    """Those that somebody should look at: neither known nor silent."""
    return [alert for alert in alerts if standing(alert) in ("error", "warning")]


def told(alert: Alert, title: str) -> str:
    """An alert in a few lines, for a message of the desktop."""
    return f"{title}: {' '.join(alert.message.text().split())}" if title else " ".join(alert.message.text().split())
