"""Gateways of the executor on the other side of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from tisserand.apis.gateways.adapter import Change, Plan
from tisserand.apis.usage import UsageQuery, UsageRow, UsageSum
from tisserand.service.gateways.calls import GatewayInfo, Pushed, change_from_json, plan_from_json

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 3600.0)


class RemoteGateways:
    """Implements `Gateways`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def list(self) -> Sequence[GatewayInfo]:
        return [GatewayInfo.from_json(each) for each in self._executor.call("GET", "/gateways", timeout=LONG).json()]

    def entry(self, name: str) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._executor.call("GET", _path(name, "entry")).json())

    def save_entry(self, name: str, data: Mapping[str, Any], secrets: Mapping[str, str] = {}, by: str = "") -> None:
        self._executor.call("POST", _path(name, "entry"), {"data": dict(data), "secrets": dict(secrets), "by": by}, timeout=LONG)

    def remove_entry(self, name: str, by: str = "") -> None:
        self._executor.call("POST", _path(name, "remove"), {"by": by}, timeout=LONG)

    def plan(self, name: str) -> Plan:
        return plan_from_json(self._executor.call("GET", _path(name, "plan"), timeout=LONG).json())

    def push(self, name: str, accept: Sequence[str] = (), by: str = "") -> Pushed:
        body = {"accept": [*accept], "by": by}
        return Pushed.from_json(self._executor.call("POST", _path(name, "push"), body, timeout=LONG).json())

    def drift(self, name: str) -> Sequence[Change]:
        return [change_from_json(each) for each in self._executor.call("GET", _path(name, "drift"), timeout=LONG).json()]

    def rollback(self, name: str, number: int = 0, by: str = "") -> Pushed:
        body = {"number": number, "by": by}
        return Pushed.from_json(self._executor.call("POST", _path(name, "rollback"), body, timeout=LONG).json())

    def history(self, name: str, limit: int = 50) -> Sequence[Pushed]:
        answer = self._executor.call("GET", _path(name, "history"), params={"limit": limit})
        return [Pushed.from_json(each) for each in answer.json()]

    def usage(self, query: UsageQuery) -> Sequence[UsageSum]:
        answer = self._executor.call("POST", "/usage/sums", asdict(query), timeout=LONG)
        return [UsageSum.from_json(each) for each in answer.json()]

    def collect(self, name: str = "") -> int:
        return cast(int, self._executor.call("POST", "/usage/collect", {"gateway": name}, timeout=LONG).json()["rows"])

    def usage_rows(self, query: UsageQuery) -> Sequence[UsageRow]:
        answer = self._executor.call("POST", "/usage/rows", asdict(query), timeout=LONG)
        return [UsageRow(**{**each, "latency": tuple(each["latency"])}) for each in answer.json()]


def _path(name: str, what: str) -> str:
    """A name cannot climb out of its place."""
    quoted = quote(name, safe="")
    return f"/gateways/{quoted if quoted.strip('.') else quoted.replace('.', '%2E') or '%20'}/{what}"
