"""Wait: go on after a while, or at a moment."""

import datetime as dt
import time
from typing import Annotated

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import Awaited, Config, Control, ControlContext, Duration, Formula, In, NodeError, Out, Outcome, When, msg
from tisserand_nodes.flow.conditions import passed_on


class WaitConfig(Config):
    duration: Duration | None = None
    """How long to wait: `30s`, `5min`, `2h`, `3d`."""
    until: Annotated[Formula | None, When(duration=None)] = None
    """Wait until a moment instead (UTC): a formula for a timestamp, such as `$start` or `to_timestamp('2030-01-01 06:00:00')`. A
    moment that is over is not waited for."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "WaitConfig":
        if (self.duration is None) == (self.until is None):
            raise PydanticCustomError("wait_one", "Give a duration or a moment, and not both.")
        return self


class Wait(Control[WaitConfig]):
    """Wait for a while, or until a moment, then go on. Arriving rows go on unchanged.

    Waiting for more than half a minute takes neither a process nor memory: the run is set aside, for days if need be, also while
    the machine is off or Tisserand is replaced by a newer one, and the executor goes on with it in time.
    """

    kind, title, icon = "flow.wait", "Wait", "timer"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("table", "Rows"),)

    def run(self, ctx: ControlContext, config: WaitConfig) -> Outcome:
        now = time.time()
        until = now + config.duration.seconds if config.duration is not None else self._until(ctx, config)
        if until > now:
            ctx.log(msg("Waiting {seconds} s.", seconds=round(until - now, 1)))
            ctx.wait(Awaited("time", until))
        return Outcome(passes=passed_on(ctx, "table"))

    def _until(self, ctx: ControlContext, config: WaitConfig) -> float:
        assert config.until is not None
        moment = ctx.values(config.until)
        if isinstance(moment, dt.date) and not isinstance(moment, dt.datetime):
            moment = dt.datetime.combine(moment, dt.time())
        if not isinstance(moment, dt.datetime):
            raise NodeError("The formula gives “{value}”, not a moment.", value=str(moment), field="until")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.timestamp()
