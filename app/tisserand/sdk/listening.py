"""The kit for testing triggers: let one listen, without the executor, and look at what it brings.

    with Listening(MyTrigger, {"topic": "a"}, tmp_path, connections={"broker": broker}) as heard:
        publish("a", "1")
        assert heard.rows(1)[0]["payload"] == "1"
    assert heard.mark == …                      # what a restart would give it back: Listening(…, mark=heard.mark)

As in the executor, events with a key that came before count once, and the trigger is asked for more only when what it brought is
kept; `hold` keeps it waiting there, as a full inbox would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.node import Arrived, Trigger
from tisserand.sdk.testing import LoneContext, config_of
from tisserand.texts import Message


class ListenLone(LoneContext):
    """The context of a trigger that listens alone."""

    def begin(self, mark: Any, hold: threading.Event) -> None:
        self.mark = mark
        self._hold = hold
        self._cut = threading.Event()

    def cut(self) -> None:
        self._cut.set()

    def cancelled(self) -> bool:
        return self._cut.is_set()

    def sleep(self, seconds: float) -> None:
        self._cut.wait(seconds)

    def room(self) -> bool:
        while self._hold.is_set() and not self._cut.wait(0.01):
            pass
        return not self._cut.is_set()


class Listening:
    """A trigger that listens in a thread of its own until the block ends. What it raises is raised by `rows`, `wait` and the end."""

    def __init__(
        self,
        node: type[Trigger[Any]],
        raw: Mapping[str, Any],
        workspace: Path,
        *,
        mark: Any = None,
        connections: Mapping[str, ConnectionType] | None = None,
        parameters: Mapping[str, Any] | None = None,
        known: frozenset[str] = frozenset(),
        **context: Any,
    ) -> None:
        values = {"workspace": str(workspace.resolve()), **(parameters or {})}
        self.ctx = ListenLone(workspace, connections=connections or {}, parameters=parameters or {}, **context)
        self._hold = threading.Event()
        self.ctx.begin(mark, self._hold)
        self._trigger, self._config = node(), config_of(node, raw, values)
        self.events: list[Arrived] = []
        """What was kept: each key once."""
        self.delivered = 0
        """How many events came, those that were known too."""
        self.batches = 0
        """How many times something was kept."""
        self.error: BaseException | None = None
        self._keys = set(known)
        self._there = threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="listening", daemon=True)

    @property
    def mark(self) -> Any:
        return self.ctx.mark

    @property
    def keys(self) -> frozenset[str]:
        """The keys that are known: for a later `Listening(known=…)`."""
        return frozenset(self._keys)

    @property
    def logs(self) -> list[tuple[str, Message]]:
        return self.ctx.logs

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if kind is None and self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Switch it off and wait for its end."""
        self.ctx.cut()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the trigger does not end when it is cancelled"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Meanwhile the inbox takes nothing."""
        self._hold.set()
        try:
            yield
        finally:
            self._hold.clear()

    def wait(self, ready: Any, seconds: float = 30) -> None:
        """Until `ready()`; raises what the trigger raises, `TimeoutError` where it takes longer."""
        with self._there:
            done = self._there.wait_for(lambda: self.error is not None or ready(), seconds)
        if self.error is not None and not ready():
            raise self.error
        if not done:
            raise TimeoutError(f"{len(self.events)} events so far")

    def rows(self, count: int, seconds: float = 30) -> list[Mapping[str, Any]]:
        """The rows of the events, as soon as there are `count`."""
        self.wait(lambda: len(self.events) >= count, seconds)
        return [event.row for event in self.events]

    def failure(self, seconds: float = 30) -> BaseException:
        """What the trigger raises; it does not come up again at the end."""
        with self._there:
            self._there.wait_for(lambda: self.error is not None, seconds)
        found, self.error = self.error, None
        assert found is not None, "the trigger raised nothing"
        return found

    def ended(self, rows: list[Mapping[str, Any]], done: bool = True) -> None:
        """Tell the trigger how the run of these events ended."""
        self._trigger.ended(self.ctx, self._config, rows, done)

    def _listen(self) -> None:
        over = False
        try:
            for arrivals in self._trigger.listen(self.ctx, self._config):
                with self._there:
                    for event in arrivals.events:
                        self.delivered += 1
                        if event.key is None or event.key not in self._keys:
                            self.events.append(event)
                        if event.key is not None:
                            self._keys.add(event.key)
                    self.batches += 1
                    if arrivals.mark is not None:
                        self.ctx.mark = arrivals.mark
                    self._there.notify_all()
                if over:
                    return
                over = self.ctx.cancelled()  # it is asked once more, so that it acknowledges what was kept
        except BaseException as error:  # noqa: BLE001 - handed to the test, which raises it
            with self._there:
                self.error = error
                self._there.notify_all()
