"""Delivery: each channel has a thread of its own that empties its part of the outbox, at least once, with patience, not for ever."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.alerts.channels import send
from tisserand.service.alerts.message import told
from tisserand.service.alerts.settings import AnyChannel, Settings
from tisserand.service.alerts.store import AlertStore, plain
from tisserand.texts import Message, msg

FIRST, LONGEST = 5.0, 3600.0
"""Seconds before the second attempt, doubled from then on, and at most."""
EVERY = 1.0

Clock = Callable[[], float]


class Delivery:
    """The threads of the channels; one that is slow holds up nobody but itself."""

    def __init__(self, root: Path, store: AlertStore, settings: Callable[[], Settings], clock: Clock = time.time) -> None:
        self._root = root
        self._store = store
        self._settings = settings
        self._clock = clock
        self._stopped = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def look(self) -> None:
        """A thread for each channel for which something waits."""
        waiting = self._store.rows("SELECT DISTINCT channel FROM outbox WHERE state = 'pending' AND next <= ?", (self._clock(),))
        for (name,) in waiting:
            thread = self._threads.get(name)
            if (thread is None or not thread.is_alive()) and not self._stopped.is_set():
                thread = threading.Thread(target=self._empty, args=(name,), name=f"alerts to {name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def stop(self, seconds: float = 3.0) -> None:
        """What is on its way may arrive; what does not in time is sent again after the next start."""
        self._stopped.set()
        for thread in self._threads.values():
            thread.join(seconds)

    def _empty(self, name: str) -> None:
        try:
            while not self._stopped.is_set() and self.deliver(name):
                pass
        except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and begun anew with the next look
            crash.report(error, self._root)
            self._stopped.wait(FIRST)

    def deliver(self, name: str) -> bool:
        """Send the next message of a channel that is due; whether there was one."""
        now = self._clock()
        found = self._store.row(
            "SELECT id, kind, payload, tries FROM outbox WHERE channel = ? AND state = 'pending' AND next <= ? ORDER BY id LIMIT 1",
            (name, now),
        )
        if found is None:
            return False
        id, kind, payload, tries = found
        channel = self._settings().channels.get(name)
        if channel is None:
            self._mark(
                id, "failed", tries, msg("There is no channel “{name}” in “{file}” any more.", name=name, file="alerts.yaml")
            )
            return True
        if kind == "opened" and not tries and self._over(id):
            self._mark(id, "dropped", tries, None)
            return True
        try:
            send(
                channel, told(f"{self._store.mark('since')}-{id}", json.loads(payload), str(self._root)), self._root, self._clock
            )
        except NodeError as error:
            self._failed(id, channel, tries + 1, error)
        else:
            self._mark(id, "sent", tries + 1, None)
        return True

    def _over(self, id: int) -> bool:
        """Whether what was held back in quiet hours is over by now."""
        found = self._store.row(
            "SELECT 1 FROM outbox JOIN alerts ON alerts.id = outbox.alert "
            "WHERE outbox.id = ? AND outbox.next > outbox.made AND alerts.state = 'resolved'",
            (id,),
        )
        return found is not None

    def _failed(self, id: int, channel: AnyChannel, tries: int, error: NodeError) -> None:
        if error.retry and tries < channel.attempts:
            pause = min(LONGEST, FIRST * 2 ** (tries - 1))
            with self._store.writing("outbox.later") as db:
                db.execute(
                    "UPDATE outbox SET tries = ?, next = ?, error = ? WHERE id = ?",
                    (tries, self._clock() + pause, plain(error.message.to_json()), id),
                )
            return
        self._mark(id, "failed", tries, error.message)

    def _mark(self, id: int, state: str, tries: int, error: Message | None) -> None:
        with self._store.writing(f"outbox.{state}") as db:
            db.execute(
                "UPDATE outbox SET state = ?, tries = ?, error = ?, sent = CASE WHEN ? = 'sent' THEN ? END WHERE id = ?",
                (state, tries, plain(error.to_json()) if error else None, state, self._clock(), id),
            )
