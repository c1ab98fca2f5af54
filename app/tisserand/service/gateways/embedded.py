"""The embedded gateways of a workspace: for each entry of the type `envoy` in gateways.yaml one Envoy, as a child of the executor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tisserand.sdk.errors import NodeError
from tisserand.service.periodic import Periodic

if TYPE_CHECKING:
    from tisserand.apis.gateways.adapter import Gateway
    from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
    from tisserand.apis.gateways.envoy.process import EnvoyProcess
    from tisserand.service.local import LocalExecutor

FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
"""Seconds until an Envoy that ended is started again: doubled each time, up to the longest."""
STEADY = 60.0
"""Seconds that it must have run for the waits to begin anew."""
SILENT = 10.0
"""Seconds without an answer of its admin interface after which it is taken for stuck, and killed."""


class Embedded(Periodic):
    """Starts, watches, restarts and ends them. Everything is done in its one thread, which lives as long as the children: they are
    ended by the system when it does (see `process`)."""

    name = "embedded gateways"
    first = 0.0
    every = 0.25

    def __init__(self, executor: LocalExecutor) -> None:
        super().__init__(executor)
        self._children: dict[str, Child] = {}

    def work(self) -> None:
        wanted = {gateway.name: gateway for gateway in self.executor.gateways.gateways() if gateway.kind == "envoy"}
        for name in self._children.keys() - wanted.keys():
            self._children.pop(name).end()
        for name, gateway in wanted.items():
            if self.over.is_set():
                return
            self._child(name, gateway).look()

    def stop(self) -> None:
        super().stop()
        self.end()

    def end(self) -> None:
        """End all of them."""
        for child in self._children.values():
            child.end()
        self._children.clear()

    def _child(self, name: str, gateway: Gateway) -> Child:
        from tisserand.apis.gateways.envoy.adapter import EnvoyGateway

        assert isinstance(gateway, EnvoyGateway)
        known = self._children.get(name)
        if known is None:
            known = self._children[name] = Child(gateway)
        known.gateway = gateway
        return known


class Child:
    """One Envoy, and what is known of how it does."""

    def __init__(self, gateway: EnvoyGateway) -> None:
        from tisserand.apis.gateways.envoy.process import EnvoyProcess

        self.process: EnvoyProcess = EnvoyProcess(gateway)
        self._failures = 0
        self._next = 0.0
        self._began = 0.0
        self._heard = 0.0
        """When it last answered."""
        self._asked = 0.0

    @property
    def gateway(self) -> EnvoyGateway:
        return self.process.gateway

    @gateway.setter
    def gateway(self, gateway: EnvoyGateway) -> None:
        if gateway is not self.process.gateway:
            self.process.gateway = gateway
            self._next = 0.0  # other settings: what failed before may go well now

    def look(self) -> None:
        """See how it does, and do what is needed."""
        now = time.monotonic()
        if self.process.running():
            self._watch(now)
        elif now >= self._next:
            if self._began:
                self._failed(NodeError("The embedded gateway “{name}” ended: {reason}",
                                       name=self.gateway.name, reason=self.process.why()), now)  # fmt: skip
            if now >= self._next:
                self._start(now)

    def end(self) -> None:
        self.process.stop()

    def _start(self, now: float) -> None:
        try:
            self.process.start()
        except NodeError as error:
            self._failed(error, now)
        except OSError as error:  # a full disk, no more processes: the others are looked after all the same
            reason = error.strerror or str(error)
            self._failed(
                NodeError("The embedded gateway “{name}” cannot start: {reason}.", name=self.gateway.name, reason=reason), now
            )
        else:
            self._began = self._heard = self._asked = time.monotonic()

    def _failed(self, error: NodeError, now: float) -> None:
        if self._began and now - self._began > STEADY:
            self._failures = 0
        self._began = 0.0
        self._next = now + min(LONGEST_WAIT, FIRST_WAIT * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self.process.trouble(error)

    def _watch(self, now: float) -> None:
        try:
            if self.process.outdated():
                self.process.stop()
                self._began = 0.0
                self._start(now)
                return
            self.process.look()
        except NodeError as error:
            self.process.trouble(error)  # it serves on with the certificate that it has
        if now - self._asked < SILENT / 5:
            return
        self._asked = now
        if self.process.answers():
            self._heard = time.monotonic()
        elif now - self._heard > SILENT:
            self.process.stop(0)
            self._failed(NodeError("The embedded gateway “{name}” did not answer for {seconds} s, and was started again.",
                                   name=self.gateway.name, seconds=SILENT), now)  # fmt: skip
