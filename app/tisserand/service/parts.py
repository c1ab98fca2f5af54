"""What works by itself in the executor process, in the order in which it is started; it is stopped the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


class Part(Protocol):
    """One of them. It has threads of its own, and reports through the stores only."""

    def start(self) -> None:
        """Begin; returns at once. What was left unfinished by a kill is taken up here."""

    def stop(self) -> None:
        """Begin nothing new and let go of everything, within a few seconds. Runs under way go on."""


def parts(executor: LocalExecutor, log: str | None = None) -> Sequence[Part]:
    """The parts of one workspace's executor process, of which there is one. `log` is the form of its log, as `Logging` takes it."""
    from tisserand.service.alerts.part import Alerting
    from tisserand.service.figures.ahead import Ahead
    from tisserand.service.gateways.embedded import Embedded
    from tisserand.service.gateways.part import Attending
    from tisserand.service.inbox.dispatch import Dispatch
    from tisserand.service.inbox.hooks import Hooks
    from tisserand.service.inbox.listening import Listening
    from tisserand.service.keys.finishing import Finishing
    from tisserand.service.published.part import Publishing
    from tisserand.service.queue.line import Line
    from tisserand.service.retention.part import Keeping
    from tisserand.service.schedule.clock import Clock
    from tisserand.service.telemetry.logs import Logging
    from tisserand.service.telemetry.part import Exporting
    from tisserand.service.waits.waking import Waking

    hooks = Hooks(executor)
    # The queue first: what the others start is begun by it.
    return [
        Line(executor),
        Dispatch(executor),
        hooks,
        Listening(executor, hooks),
        Clock(executor),
        Waking(executor),
        Publishing(executor),
        Finishing(executor),
        Ahead(executor),
        Keeping(executor),
        Embedded(executor),
        Attending(executor),
        Alerting(executor),
        Exporting(executor),
        Logging(executor, log),
    ]
