"""Triggers that other programs call: the executor listens and answers; the node says who may call and what an event is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tisserand.sdk.config import Config
from tisserand.sdk.context import ListenContext
from tisserand.sdk.node import Arrivals, Arrived, Trigger
from tisserand.texts import Message

C = TypeVar("C", bound=Config)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request."""

    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes
    time: float
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a call's body."""

    field: str
    message: Message


class NotAllowed(Exception):  # noqa: N818 - an answer
    """Whoever called may not. Why is not told: it would help to guess."""


class NotTaken(Exception):  # noqa: N818 - an answer
    """The call is none that an event can be made of."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.field}: {fault.message.text('en')}" for fault in faults))


class Receiver:
    """Takes the calls of one node while its flow is on; used by several threads at once."""

    path: str = ""
    """Behind the flow's id in the address; segments with `/` between them."""
    largest: int = 1_000_000
    """Bytes of a body."""

    def admit(self, headers: Mapping[str, str]) -> None:
        """Raise `NotAllowed` for who may not call, as far as the headers alone tell: then no body is read."""

    def key(self, call: Call) -> str | None:
        """Check who calls, over the body too, and give the key of the event. Raises `NotAllowed`, or `NotTaken` for a bad key."""
        raise NotImplementedError

    def arrived(self, call: Call, key: str | None) -> Arrived:
        """The event. Its row is checked against the trigger's columns by the executor. Raises `NotTaken`."""
        raise NotImplementedError


class CalledTrigger(Trigger[C]):
    """A trigger whose events are calls."""

    def receiver(self, ctx: ListenContext, config: C) -> Receiver:
        """Made when the flow is switched on; raises `NodeError` where it cannot be called (a secret is missing)."""
        raise NotImplementedError

    def listen(self, ctx: ListenContext, config: C) -> Iterator[Arrivals]:
        """Nothing to listen to: the executor's own listener hands the calls to `receiver`."""
        return iter(())
