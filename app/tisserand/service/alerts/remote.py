"""Alerts of an executor on the other side of HTTP."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tisserand.service.alerts.calls import Alert, AlertState, Rules, Sent, Silence

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor


class RemoteAlerts:
    """Implements `Alerts` over the control API."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._call = executor.call

    def list(
        self,
        state: AlertState | None = "open",
        flow: str | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: int | None = None,
        members: bool = False,
    ) -> list[Alert]:
        params: dict[str, Any] = {"state": state or "all", "flow": flow, "rule": rule, "limit": limit, "before": before}
        params["members"] = str(members).lower()
        return [Alert.from_json(alert) for alert in self._call("GET", "/alerts", params=params).json()]

    def acknowledge(self, alert: int, by: str = "", why: str = "") -> Alert:
        return Alert.from_json(self._call("POST", f"/alerts/{alert}/acknowledge", {"by": by, "why": why}).json())

    def silence(self, until: float, flow: str | None = None, rule: str | None = None, by: str = "", why: str = "") -> Silence:
        body = {"until": until, "flow": flow, "rule": rule, "by": by, "why": why}
        return Silence.from_json(self._call("POST", "/alerts/silences", body).json())

    def unsilence(self, silence: int, by: str = "") -> None:
        self._call("DELETE", f"/alerts/silences/{silence}", params={"by": by})

    def silences(self) -> builtins.list[Silence]:
        return [Silence.from_json(silence) for silence in self._call("GET", "/alerts/silences").json()]

    def rules(self) -> Rules:
        return Rules.from_json(self._call("GET", "/alerts/rules").json())

    def test_channel(self, name: str, by: str = "") -> Sent:
        path = f"/alerts/channels/{quote(name, safe='')}/test"
        return Sent.from_json(self._call("POST", path, {"by": by}, timeout=(5.0, 120.0)).json())
