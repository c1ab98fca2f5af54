"""A connection to a broker that hands messages over and acknowledges each only when it is told to."""

from __future__ import annotations

import collections
import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tisserand.sdk import NodeError
from tisserand_nodes.mqtt.buffered import Buffered

if TYPE_CHECKING:
    from tisserand_nodes.mqtt.connection import Mqtt

TURN = 500
"""Packets that are read before acknowledgements get their turn."""
LOOK = 0.5
"""Seconds between two looks at whether the connection still lives."""


class Taken(NamedTuple):
    """A message as it came."""

    mid: int
    qos: int
    topic: str
    payload: bytes
    retained: bool
    at: datetime
    trace: str | None


class _Paho(paho.Client):
    """paho with a socket that costs one call of the system for many messages."""

    def _create_socket(self) -> Any:
        return Buffered(super()._create_socket())


class Client:
    """One connection, served by a thread of its own: it answers the broker's pings also while the one who takes the messages is busy.

    It never connects again by itself: after a loss every call raises `NodeError`, and a new client goes on with the same session.
    Acknowledgements can thus never reach another connection, where the same number may stand for another message.
    """

    def __init__(
        self, broker: Mqtt, name: str, context: ssl.SSLContext | None, *, fresh: bool = False, ahead: int = 100, keep: int = 0
    ) -> None:
        self._broker = broker
        self._fresh, self._ahead, self._keep = fresh, ahead, keep
        self._five = broker.protocol == "5"
        options: dict[str, Any] = {} if self._five else {"clean_session": fresh}
        self._paho = _Paho(
            CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5 if self._five else paho.MQTTv311,
            reconnect_on_failure=False, manual_ack=True, **options,
        )  # fmt: skip
        self._paho.connect_timeout = broker.timeout
        if context is not None:
            self._paho.tls_set_context(context)
        if broker.user:
            self._paho.username_pw_set(broker.user, broker.password.reveal() if broker.password else None)
        self._paho.on_connect = self._connected
        self._paho.on_disconnect = self._disconnected
        self._paho.on_message = self._message
        self._paho.on_subscribe = self._subscribed
        self._paho.on_unsubscribe = self._unsubscribed
        self._taken: collections.deque[Taken] = collections.deque()
        self._news = False
        self._asked: collections.deque[Any] = collections.deque()
        self._answers: dict[int, list[Any]] = {}
        self._there = threading.Condition()
        self._lost: NodeError | None = None
        self._open = False
        self._over = threading.Event()
        self.known = False
        """Whether the broker still had the session of this name, with its subscriptions."""
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name=f"mqtt {name}", daemon=True)

    def open(self) -> None:
        """Connect; raises `NodeError` with what the broker said."""
        where = self._broker.place()
        made: Any = Properties  # without types
        properties = made(PacketTypes.CONNECT) if self._five else None
        if properties is not None:
            properties.SessionExpiryInterval = self._keep
            properties.ReceiveMaximum = self._ahead
        more: dict[str, Any] = {"clean_start": self._fresh, "properties": properties} if self._five else {}
        try:
            self._paho.connect(self._broker.host, self._broker.port, self._broker.keepalive, **more)
        except ssl.SSLError as error:
            reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason or str(error)
            raise NodeError("{where}: the encryption fails: {reason}", where=where, reason=reason, retry=True) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NodeError("{where} cannot be reached: {reason}", where=where, reason=reason, retry=True) from None
        self._thread.start()
        self._wait(lambda: self._open)

    def subscribe(self, topics: Sequence[str], qos: int) -> Mapping[str, int]:
        """Subscribe to topics; gives the quality that the broker grants each. Raises `NodeError` for a topic that it refuses."""
        wanted: list[Any]
        # Retained messages come with a subscription that is new only, not again with each connection.
        wanted = [(t, SubscribeOptions(qos=qos, retainHandling=1)) for t in topics] if self._five else [(t, qos) for t in topics]
        codes = self._ask(lambda: self._paho.subscribe(wanted), topics)
        for topic, code in zip(topics, codes, strict=True):
            if code.is_failure:
                raise NodeError(
                    "{where} refuses the topic “{topic}”: {reason}",
                    where=self._broker.place(), topic=topic, reason=str(code), field="topics", retry=True,
                )  # fmt: skip
        return {topic: int(code.value) for topic, code in zip(topics, codes, strict=True)}

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self._ask(lambda: self._paho.unsubscribe(list(topics)), topics)

    def take(self, most: int, seconds: float) -> list[Taken]:
        """What has come, at most so many; waits so long for the first. Raises `NodeError` once all is taken and the line is cut."""
        taken = self._taken
        with self._there:
            if not taken and self._lost is None:
                self._there.wait(seconds)
            if not taken and self._lost is not None:
                raise self._lost
            return [taken.popleft() for _ in range(min(most, len(taken)))]

    def acknowledge(self, messages: Sequence[Taken]) -> None:
        """Tell the broker that these are kept. After a loss nothing is told: the broker brings them again."""
        pairs = [(message.mid, message.qos) for message in messages if message.qos]
        if pairs:
            self._do(lambda: [self._paho.ack(mid, qos) for mid, qos in pairs])

    def close(self) -> None:
        """Say goodbye; a session that is to be kept stays at the broker."""
        if self._thread.is_alive() and self._lost is None:
            self._do(self._paho.disconnect)
        self._over.set()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join(self._broker.timeout)
        for end in (self._ear, self._mouth):
            end.close()

    def _ask(self, question: Any, topics: Sequence[str]) -> list[Any]:
        """Send a request and wait for the answer to it."""
        numbers: list[Any] = []

        def ask() -> None:
            try:
                numbers.append(question())
            except ValueError:
                numbers.append(None)
            with self._there:
                self._there.notify_all()

        self._do(ask)
        self._wait(lambda: numbers)
        if numbers[0] is None or numbers[0][1] is None:
            raise NodeError("“{topic}” is not a topic to subscribe to.", topic=", ".join(topics), field="topics")
        number = numbers[0][1]
        self._wait(lambda: number in self._answers)
        return self._answers.pop(number)

    def _wait(self, ready: Any) -> None:
        with self._there:
            done = self._there.wait_for(lambda: self._lost is not None or ready(), self._broker.timeout)
            if self._lost is not None and not ready():
                raise self._lost
        if not done:
            raise NodeError(
                "{where} does not answer within {seconds} s.",
                where=self._broker.place(),
                seconds=self._broker.timeout,
                retry=True,
            )

    def _do(self, what: Any) -> None:
        """Have the thread of the connection do something: paho is used from there only."""
        self._asked.append(what)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # closed, or full: then it is awake already
            self._mouth.send(b".")

    def _serve(self) -> None:
        line: Any = self._paho.socket()
        try:
            while not self._over.is_set() and self._lost is None and line.fileno() >= 0:
                full = len(self._taken) >= 4 * self._ahead
                self._turn(line, full)
            while self._asked and self._lost is None and line.fileno() >= 0:
                self._asked.popleft()()
        except (OSError, ValueError) as error:
            self._cut(str(error) or type(error).__name__)
        finally:
            self._cut("")
            with contextlib.suppress(OSError):
                line.close()

    def _turn(self, line: Any, full: bool) -> None:
        while self._asked:
            self._asked.popleft()()
        if not full:
            for _ in range(TURN):
                if not line.pending():
                    break
                self._paho.loop_read()
            self._paho.loop_misc()
        sent = line.flush() if line.fileno() >= 0 else True
        if self._news:
            self._news = False
            with self._there:
                self._there.notify_all()
        if line.fileno() < 0 or self._lost is not None:
            return
        # While too much waits here, nothing is read: the broker then waits too.
        pause = 0.0 if self._asked or self._news or (line.pending() and not full) else min(LOOK, self._broker.keepalive / 4)
        heard = [self._ear] if full else [self._ear, line]
        readable, _, _ = select.select(heard, [] if sent else [line], [], 0.01 if full else pause)
        if self._ear in readable:
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(4096)
        if line in readable and not line.pending():
            self._paho.loop_read()

    def _cut(self, reason: str) -> None:
        with self._there:
            if self._lost is None:
                self._lost = NodeError(
                    "The connection to {where} was lost: {reason}", where=self._broker.place(), reason=reason or "–", retry=True
                )
            self._there.notify_all()

    def _connected(self, _client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        with self._there:
            if code.is_failure:
                self._lost = NodeError(
                    "{where} does not let “{user}” in: {reason}",
                    where=self._broker.place(), user=self._broker.user or "–", reason=str(code), retry=True,
                )  # fmt: skip
            self.known = bool(flags.session_present)
            self._open = not code.is_failure
            self._there.notify_all()

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._cut(str(code))

    def _message(self, _client: Any, _data: Any, message: Any) -> None:
        self._news = True
        trace = None
        if self._five and message.properties is not None:
            pairs = getattr(message.properties, "UserProperty", None)
            trace = next((value for name, value in pairs if name == "traceparent"), None) if pairs else None
        self._taken.append(
            Taken(message.mid, message.qos, message.topic, message.payload, message.retain, datetime.now(UTC), trace)
        )

    def _subscribed(self, _client: Any, _data: Any, number: int, codes: Any, _properties: Any) -> None:
        self._answer(number, codes)

    def _unsubscribed(self, _client: Any, _data: Any, number: int, codes: Any, _properties: Any) -> None:
        self._answer(number, codes)

    def _answer(self, number: int, codes: Any) -> None:
        with self._there:
            self._answers[number] = list(codes or ())
            self._there.notify_all()
