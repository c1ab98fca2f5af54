"""Gateways by themselves: pushes that a kill broke off are explained, usage is collected, quotas are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tisserand.service.periodic import Periodic

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


class Attending(Periodic):
    """Every second. A quota is overshot by what comes in the time from a call to the block: until the gateway tells of the call, one
    pass, and until the block is live there."""

    name = "gateways"
    first = 0.5
    every = 1.0

    SLOWEST = 600.0
    """Seconds between two passes at most, while something that nobody foresaw goes wrong in each: every time is reported."""

    def __init__(self, executor: LocalExecutor) -> None:
        super().__init__(executor)
        self._recovered = False

    def work(self) -> None:
        gateways = self.executor.gateways
        try:
            if not self._recovered:
                self._recovered = gateways.recover()
            gateways.follow()
        except BaseException:
            vars(self)["every"] = min(self.every * 2, self.SLOWEST)
            raise
        vars(self).pop("every", None)
