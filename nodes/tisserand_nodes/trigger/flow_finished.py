"""Flow finished: the end of another flow's run starts this one."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from tisserand.sdk import (
    Arrivals,
    Arrived,
    Config,
    EndedRun,
    FollowingTrigger,
    NodeError,
    Picks,
    RunsContext,
    Schema,
    Words,
)

LOOK = 0.5
"""Seconds between two looks at what ended."""
FAR = 1000
"""So many numbers may pass by before the place is kept although nothing fitted."""


class FlowFinishedConfig(Config):
    flows: list[Annotated[str, Picks("flow")]]
    """The ids of the flows whose runs are waited for."""
    states: Annotated[
        Literal["done", "failed", "any"],
        Words(done="It ended well", failed="It failed", any="It ended, well or not, or was cancelled"),
    ] = "done"
    """Which ends start this flow."""


class FlowFinished(FollowingTrigger[FlowFinishedConfig]):
    """Start the flow once for every run of other flows that has ended.

    Runs that end while this flow is on, or while the executor is not there, are all counted, each once; those of before it was
    first switched on are not. Runs that were part of another run do not count. Flows that start each other in a circle are
    stopped after ten runs.
    """

    kind, title, icon = "trigger.flow_finished", "Another flow finished", "workflow"

    def event(self, config: FlowFinishedConfig) -> Schema:
        return Schema.of(
            {
                "flow": "string",
                "run": "string",
                "state": "string",
                "started": "timestamp(6)",
                "finished": "timestamp(6)",
                "rows": "int64",
            }
        )

    def check(self, config: FlowFinishedConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        if not config.flows:
            yield NodeError("No flow is named.", field="flows", fix="Name the flows whose runs are waited for.")

    def listen(self, ctx: RunsContext, config: FlowFinishedConfig) -> Iterator[Arrivals]:  # type: ignore[override]
        for error in self.check(config, {}):
            raise error
        at: int | None = ctx.mark
        if at is None:
            at = ctx.last_ended()
            yield Arrivals((), at)
        kept = at
        while ctx.room():
            found, after = ctx.ended_runs(at, frozenset(config.flows))
            events = [_arrived(run) for run in found if config.states in ("any", run.state)]
            if events or after - kept >= FAR:
                yield Arrivals(events, after)
                kept = after
            if after == at:
                ctx.sleep(LOOK)
            at = after


def _arrived(run: EndedRun) -> Arrived:
    row = {
        "flow": run.flow,
        "run": run.run,
        "state": run.state,
        "started": _moment(run.started),
        "finished": _moment(run.finished),
        "rows": run.rows,
    }
    return Arrived(row, f"{run.run}|{run.number}")


def _moment(time: float | None) -> str | None:
    return datetime.fromtimestamp(time, UTC).replace(tzinfo=None).isoformat(timespec="microseconds") if time is not None else None
