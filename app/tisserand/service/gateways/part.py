"""Gateways by themselves: pushes that a kill broke off are explained, usage is collected, quotas are kept."""

from __future__ import annotations

from tisserand.service.periodic import Periodic


class Attending(Periodic):
    """Every second. A quota is overshot by what comes in the time from a call to the block: until the gateway tells of the call, one
    pass, and until the block is live there."""

    name = "gateways"
    first = 0.5
    every = 1.0

    _recovered = False

    def work(self) -> None:
        gateways = self.executor.gateways
        if not (self.executor.root / "gateways.yaml").exists():
            return
        if not self._recovered:
            self._recovered = gateways.recover()
        gateways.follow()
