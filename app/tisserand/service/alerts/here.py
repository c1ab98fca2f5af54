"""Alerts, as the executor in this process has them."""

from __future__ import annotations

import builtins
import json
import time
from functools import cached_property
from typing import TYPE_CHECKING

from tisserand.engine.launch import refusal
from tisserand.sdk.errors import NodeError
from tisserand.service.alerts import settings
from tisserand.service.alerts.calls import Alert, AlertState, ChannelInfo, RuleInfo, Rules, Sent, Silence
from tisserand.service.alerts.rules import RULES
from tisserand.service.alerts.store import AlertStore
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

FILE = "alerts.sqlite"


class HereAlerts:
    """Implements `Alerts` for a `LocalExecutor`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    @cached_property
    def store(self) -> AlertStore:
        return AlertStore(self._executor.root / ".tisserand" / FILE)

    def list(
        self,
        state: AlertState | None = "open",
        flow: str | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: int | None = None,
        members: bool = False,
    ) -> list[Alert]:
        if state not in (None, "open", "resolved"):
            raise refusal("call.state", msg("“{value}” is not one of open, resolved.", value=str(state)))
        if rule is not None:
            self._known(rule)
        where = {"state = ?": state, "flow = ?": flow, "rule = ?": rule, "id < ?": before}
        if not members and flow is None:
            where['"group" IS NULL AND 1 = ?'] = 1
        return self.store.alerts(where, max(0, min(limit, 10_000)), time.time())

    def acknowledge(self, alert: int, by: str = "", why: str = "") -> Alert:
        self._alert(alert)
        self._executor.audit.note("alert.acknowledged", str(alert), {"why": why}, by=by)
        self.store.acknowledge(alert, by, why, time.time())
        return self._alert(alert)

    def silence(self, until: float, flow: str | None = None, rule: str | None = None, by: str = "", why: str = "") -> Silence:
        now = time.time()
        if flow is None and rule is None:
            raise refusal("alert.silence", msg("A silence needs a flow, a rule, or both."))
        if rule is not None:
            self._known(rule)
        if not until > now:
            raise refusal("alert.until", msg("The end of the silence has passed already."))
        target = ":".join((rule or "*", flow or "*"))
        self._executor.audit.note("alert.silenced", target, {"until": until, "why": why}, by=by)
        return self.store.silence(flow, rule, until, by, why, now)

    def unsilence(self, silence: int, by: str = "") -> None:
        found = next((one for one in self.silences() if one.id == silence), None)
        if found is None:
            raise refusal("alert.silence", msg("There is no silence {id}.", id=silence), missing=True)
        self._executor.audit.note("alert.unsilenced", ":".join((found.rule or "*", found.flow or "*")), {"id": silence}, by=by)
        self.store.unsilence(silence)

    def silences(self) -> builtins.list[Silence]:
        return self.store.silences(time.time())

    def rules(self) -> Rules:
        read = settings.read(self._executor.root)
        off = read.settings.off
        counted = {
            name: (pending, failed)
            for name, pending, failed in self.store.rows(
                "SELECT channel, sum(state = 'pending'), sum(state = 'failed') FROM outbox GROUP BY channel"
            )
        }
        errors = {
            name: Message.from_json(json.loads(error))
            for name, error in self.store.rows(
                "SELECT channel, error FROM outbox WHERE id IN (SELECT max(id) FROM outbox GROUP BY channel) AND error IS NOT NULL"
            )
        }
        channels = [
            ChannelInfo(name, channel.type, *counted.get(name, (0, 0)), error=errors.get(name))
            for name, channel in read.settings.channels.items()
        ]
        return Rules(tuple(RuleInfo(id, help, id in off) for id, help in RULES.items()), tuple(channels), read.problems)

    def test_channel(self, name: str, by: str = "") -> Sent:
        from tisserand.service.alerts.channels import send
        from tisserand.service.alerts.message import Told

        channel = settings.read(self._executor.root).settings.channels.get(name)
        if channel is None:
            known = builtins.list(settings.read(self._executor.root).settings.channels) or ["–"]
            message = msg("There is no channel “{name}”. Channels: {known}.", name=name, known=known)
            raise refusal("alert.channel", message, msg("Channels stand in “{file}”.", file=settings.FILE), missing=True)
        self._executor.audit.note("alert.tested", name, by=by)
        now = time.time()
        text = msg("This is a test. Alerts of this workspace will arrive here.")
        alert = Alert(0, "test", "", "warning", "open", now, now, 1, text)
        try:
            send(channel, Told(f"test-{now}", "test", alert, str(self._executor.root)), self._executor.root)
        except NodeError as error:
            return Sent(False, error.message)
        return Sent(True, msg("The test message was sent."))

    def close(self) -> None:
        if "store" in self.__dict__:
            self.store.close()

    def _alert(self, id: int) -> Alert:
        found = self.store.alert(id, time.time())
        if found is None:
            raise refusal("alert.unknown", msg("There is no alert {id}.", id=id), missing=True)
        return found

    @staticmethod
    def _known(rule: str) -> None:
        if rule not in RULES:
            raise refusal("alert.rule", msg("“{name}” is not a rule. Rules: {known}.", name=rule, known=builtins.list(RULES)))
