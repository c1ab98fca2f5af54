"""Whose quota is used up: counted from the store of usage, which survives what gateways forget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from tisserand.apis import periods
from tisserand.apis.model import Period
from tisserand.apis.neutral import Declared

Calls = Callable[[Period, int], Iterable[tuple[str, str, str, int]]]
"""A period and its beginning (seconds since 1970, UTC) → `(consumer, api id, version, calls that were let through)`."""


@runtime_checkable
class Blocks(Protocol):
    """A gateway that lets itself be told whose quota is used up, without a push."""

    def block(self, declared: Declared, exhausted: frozenset[tuple[str, str]]) -> None:
        """Refuse these `(consumer, api id)` and nobody else, from now on. `declared` is what was pushed last."""


@runtime_checkable
class Closes(Protocol):
    """A gateway that takes single credentials away, whatever else was changed there."""

    def close(self, fingerprints: frozenset[str]) -> None:
        """Whatever opens with a value of these fingerprints opens nothing from now on. Nothing else changes."""


def exhausted(declared: Declared, calls: Calls, now: float) -> frozenset[tuple[str, str]]:
    """`(consumer, api id)` of those who used up the quota of their plan in its current period.

    A subscription of one version counts the calls of that version only, one of every version all of them. Where somebody has
    several subscriptions of one API, the first quota that is used up blocks: gateways block a consumer and an API.
    """
    found = set()
    counted: dict[Period, Counter[tuple[str, str, str]]] = {}
    for each in declared.subscriptions.values():
        plan = declared.plans.get(each.plan)
        if plan is None or plan.quota is None:
            continue
        period = plan.quota.period
        if period not in counted:
            sums: Counter[tuple[str, str, str]] = Counter()
            for consumer, api, version, requests in calls(period, periods.begin(period, now)):
                sums[consumer, api, version] += requests
                if version:
                    sums[consumer, api, ""] += requests
            counted[period] = sums
        if counted[period][each.consumer, each.api, each.version] >= plan.quota.count:
            found.add((each.consumer, each.api))
    return frozenset(found)
