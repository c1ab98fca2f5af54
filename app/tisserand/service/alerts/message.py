"""An alert as a message to people and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tisserand import texts
from tisserand.service.alerts.calls import Alert
from tisserand.texts import Message, msg


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the outbox. `id` is the same for every attempt to deliver it."""

    id: str
    kind: str
    """`opened`, `resolved` or `test`."""
    alert: Alert
    workspace: str

    def subject(self) -> str:
        """One line, in the language of the executor."""
        name = self.alert.flow or self.alert.rule
        if self.kind == "resolved":
            return msg("Over: {flow}: {message}", flow=name, message=self.alert.message).text()
        return msg("{flow}: {message}", flow=name, message=self.alert.message).text()

    def body(self) -> str:
        """What, where, what to do: a line each."""
        alert = self.alert
        lines: list[Message] = [alert.message]
        if alert.fix is not None and self.kind != "resolved":
            lines.append(alert.fix)
        lines.append(msg("Rule: {rule}", rule=alert.rule))
        if alert.flow:
            lines.append(msg("Flow: {flow}", flow=alert.flow))
        if alert.flows:
            lines.append(msg("Flows: {flows}", flows=list(alert.flows)))
        if alert.run:
            lines.append(msg("Run: {run}", run=alert.run))
        lines.append(msg("Workspace: {workspace}", workspace=self.workspace))
        lines.append(msg("Since: {time}", time=_time(alert.opened)))
        if alert.resolved is not None:
            lines.append(msg("Until: {time}", time=_time(alert.resolved)))
        return "\n".join(line.text() for line in lines)

    def document(self) -> bytes:
        """The JSON of a webhook."""
        alert = self.alert
        found: dict[str, Any] = {
            "id": self.id,
            "event": f"alert.{self.kind}",
            "workspace": self.workspace,
            "language": texts.language(),
            "subject": self.subject(),
            "text": alert.message.text(),
            "fix": alert.fix.text() if alert.fix else None,
            "alert": alert.to_json(),
        }
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def told(id: str, payload: Mapping[str, Any], workspace: str) -> Told:
    return Told(id, payload["kind"], Alert.from_json(payload["alert"]), workspace)


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
