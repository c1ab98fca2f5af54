"""From alerts to messages: what is new, or over, is put into the outbox for each channel that takes it, once."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from tisserand.service.alerts.calls import Alert
from tisserand.service.alerts.settings import Settings
from tisserand.service.alerts.store import AlertStore, plain


def tell(store: AlertStore, settings: Settings, now: float, zone: tzinfo | None = None) -> None:
    """What is open and nobody was told of yet, unless somebody knows of it or it is silent; and what was told and is over."""
    fresh = store.alerts(
        {"state = ?": "open", 'told IS NULL AND ack_at IS NULL AND "group" IS NULL AND ready <= ?': now}, 1000, now
    )
    fresh = [alert for alert in fresh if not alert.silent]
    over = store.alerts({"state = ?": "resolved", "told IS NOT NULL AND over_told = ?": 0}, 1000, now)
    # What was over before anybody was told, and what another alert spoke for, is not told at all.
    passed = store.alerts({"state = ?": "resolved", "told IS NULL AND resolved < ? AND over_told = 0": now}, 1000, now)
    if not fresh and not over and not passed:
        return
    with store.writing("alerts.told") as db:
        for alert in reversed(fresh):
            for name, channel in settings.channels.items():
                if channel.takes(alert.rule, alert.flow, alert.severity):
                    at = channel.quiet.over(now, alert.severity, zone) if channel.quiet else now
                    _put(db, alert, name, "opened", now, at)
            db.execute("UPDATE alerts SET told = ? WHERE id = ?", (now, alert.id))
        for alert in reversed(over):
            for name, channel in settings.channels.items():
                if channel.resolved and channel.takes(alert.rule, alert.flow, alert.severity):
                    waiting = db.execute(
                        "UPDATE outbox SET state = 'dropped' WHERE alert = ? AND channel = ? AND kind = 'opened' AND "
                        "state = 'pending' AND tries = 0 AND next > ?",
                        (alert.id, name, now),
                    ).rowcount
                    if not waiting:
                        _put(db, alert, name, "resolved", now, now)
            db.execute("UPDATE alerts SET over_told = 1 WHERE id = ?", (alert.id,))
        for alert in passed:
            db.execute("UPDATE alerts SET over_told = 1 WHERE id = ?", (alert.id,))


def _put(db: Any, alert: Alert, channel: str, kind: str, now: float, at: float) -> None:
    payload = {"kind": kind, "alert": alert.to_json()}
    db.execute(
        "INSERT INTO outbox (alert, channel, kind, payload, made, next) VALUES (?, ?, ?, ?, ?, ?)",
        (alert.id, channel, kind, plain(payload), now, at),
    )
