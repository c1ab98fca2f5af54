"""The areas of the protocol as the executor in this process has them: each is made, and its module loaded, when it is first asked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tisserand.apis.catalogue.files import Catalogue
    from tisserand.service.alerts.here import HereAlerts
    from tisserand.service.apis.here import HereApis
    from tisserand.service.figures.here import HereFigures
    from tisserand.service.gateways.here import HereGateways
    from tisserand.service.inbox.here import LocalInbox
    from tisserand.service.keys.here import HereKeys
    from tisserand.service.local import LocalExecutor
    from tisserand.service.published.here import HerePublished
    from tisserand.service.queue.here import HereQueue
    from tisserand.service.retention.here import HereRetention
    from tisserand.service.schedule.here import LocalSchedules
    from tisserand.service.telemetry.here import HereTelemetry
    from tisserand.service.waits.here import HereWaits


class HereAreas:
    """What `LocalExecutor` has besides runs, flows, data and connections."""

    @cached_property
    def catalogue(self: LocalExecutor) -> Catalogue:  # type: ignore[misc]
        """The files of APIs, read once for all who look at them."""
        from tisserand.apis.catalogue.files import Catalogue

        return Catalogue(self.root)

    @cached_property
    def alerts(self: LocalExecutor) -> HereAlerts:  # type: ignore[misc]
        from tisserand.service.alerts.here import HereAlerts

        return HereAlerts(self)

    @cached_property
    def telemetry(self: LocalExecutor) -> HereTelemetry:  # type: ignore[misc]
        from tisserand.service.telemetry.here import HereTelemetry

        return HereTelemetry(self)

    @cached_property
    def queue(self: LocalExecutor) -> HereQueue:  # type: ignore[misc]
        from tisserand.service.queue.here import HereQueue

        return HereQueue(self)

    @cached_property
    def published(self: LocalExecutor) -> HerePublished:  # type: ignore[misc]
        from tisserand.service.published.here import HerePublished

        return HerePublished(self)

    @cached_property
    def inbox(self: LocalExecutor) -> LocalInbox:  # type: ignore[misc]
        from tisserand.service.inbox.here import LocalInbox

        return LocalInbox(self)

    @cached_property
    def schedules(self: LocalExecutor) -> LocalSchedules:  # type: ignore[misc]
        from tisserand.service.schedule.here import LocalSchedules

        return LocalSchedules(self)

    @cached_property
    def figures(self: LocalExecutor) -> HereFigures:  # type: ignore[misc]
        from tisserand.service.figures.here import HereFigures

        return HereFigures(self)

    @cached_property
    def keys(self: LocalExecutor) -> HereKeys:  # type: ignore[misc]
        from tisserand.service.keys.here import HereKeys

        return HereKeys(self)

    @cached_property
    def retention(self: LocalExecutor) -> HereRetention:  # type: ignore[misc]
        from tisserand.service.retention.here import HereRetention

        return HereRetention(self)

    @cached_property
    def waits(self: LocalExecutor) -> HereWaits:  # type: ignore[misc]
        from tisserand.service.waits.here import HereWaits

        return HereWaits(self)

    @cached_property
    def apis(self: LocalExecutor) -> HereApis:  # type: ignore[misc]
        from tisserand.service.apis.here import HereApis

        return HereApis(self)

    @cached_property
    def gateways(self: LocalExecutor) -> HereGateways:  # type: ignore[misc]
        from tisserand.service.gateways.here import HereGateways

        return HereGateways(self)
