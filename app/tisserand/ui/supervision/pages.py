"""The pages of the supervision: one registry, from which list, actions and window are made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from tisserand.texts import N_

if TYPE_CHECKING:
    from tisserand.ui.supervision.ground import Ground


class View(QWidget):
    """What a page shows. It is made when its page is first turned to."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground

    def refresh(self) -> None:
        """Look anew, beside the window; called every other second while the view is seen, and when it is turned to. Where nothing
        changed, nothing may move: selection and scroll stay."""

    def first(self) -> QWidget:
        """The widget that gets the keyboard when the page is turned to."""
        return self

    def forget(self) -> None:
        """Another workspace is looked at: nothing of the one before may stay."""

    def unsaved(self) -> Collection[str]:
        """What something was written about that is not kept: the window asks before it closes."""
        return ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it is declared. `action` is its id in the registry of actions, `title` a gettext id."""

    action: str
    title: str
    icon: str
    make: Callable[[Ground], View]


def _runs(ground: Ground) -> View:
    from tisserand.ui.supervision.runs import RunsView

    return RunsView(ground)


def _flows(ground: Ground) -> View:
    from tisserand.ui.supervision.flows import FlowsView

    return FlowsView(ground)


def _inbox(ground: Ground) -> View:
    from tisserand.ui.supervision.inbox import InboxView

    return InboxView(ground)


def _schedules(ground: Ground) -> View:
    from tisserand.ui.supervision.schedules import SchedulesView

    return SchedulesView(ground)


def _alerts(ground: Ground) -> View:
    from tisserand.ui.supervision.alerts import AlertsView

    return AlertsView(ground)


def _search(ground: Ground) -> View:
    from tisserand.ui.supervision.search import SearchView

    return SearchView(ground)


def _approvals(ground: Ground) -> View:
    from tisserand.ui.supervision.approvals import ApprovalsView

    return ApprovalsView(ground)


def _apis(ground: Ground) -> View:
    from tisserand.ui.apis.catalogue import CatalogueView

    return CatalogueView(ground)


def _terms(ground: Ground) -> View:
    from tisserand.ui.apis.terms import TermsView

    return TermsView(ground)


def _gateways(ground: Ground) -> View:
    from tisserand.ui.apis.gateways import GatewaysView

    return GatewaysView(ground)


def _usage(ground: Ground) -> View:
    from tisserand.ui.apis.usage import UsageView

    return UsageView(ground)


PAGES: tuple[Page, ...] = (
    Page("runs_page", N_("Runs"), "list", _runs),
    Page("flows_page", N_("Flows"), "workflow", _flows),
    Page("inbox_page", N_("Inbox"), "inbox", _inbox),
    Page("schedules_page", N_("Schedules"), "calendar-clock", _schedules),
    Page("alerts_page", N_("Alerts"), "bell", _alerts),
    Page("search_page", N_("Search"), "fingerprint-pattern", _search),
    Page("approvals_page", N_("Approvals"), "badge-check", _approvals),
    Page("apis_page", N_("APIs"), "globe", _apis),
    Page("terms_page", N_("Consumers"), "key-round", _terms),
    Page("gateways_page", N_("Gateways"), "shield-check", _gateways),
    Page("usage_page", N_("Usage"), "chart-column", _usage),
)
