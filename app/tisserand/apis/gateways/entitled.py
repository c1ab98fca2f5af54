"""Who may call which API, and with what: what is declared, looked up from the side of the gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tisserand.apis.model import Api, Plan, Rate, Subscription
from tisserand.apis.neutral import Declared


@dataclass(frozen=True, slots=True)
class Entitled:
    """One consumer who may call one version of an API."""

    consumer: str
    subscriptions: Sequence[str]
    """Ids; the one that names the version first, then by id. All their limits hold."""
    plans: Sequence[str]
    rates: Sequence[Rate]
    over: bool
    """Its quota is used up at the moment."""


@dataclass(frozen=True, slots=True)
class Login:
    """A credential with its value."""

    consumer: str
    id: str
    kind: str
    value: str

    @property
    def user(self) -> str:
        """The name that goes with the password of a `basic` one."""
        return self.consumer


def entitled(declared: Declared, api: Api) -> list[Entitled]:
    """Those who may call, by consumer."""
    by_consumer: dict[str, list[str]] = {}
    for id, each in declared.subscriptions.items():
        if each.api == api.id and each.version in ("", api.version) and each.consumer in declared.consumers:
            by_consumer.setdefault(each.consumer, []).append(id)
    found = []
    for consumer, ids in sorted(by_consumer.items()):
        ids.sort(key=lambda id: (not declared.subscriptions[id].version, id))
        plans = list(dict.fromkeys(declared.subscriptions[id].plan for id in ids))
        known: list[Plan] = [declared.plans[plan] for plan in plans if plan in declared.plans]
        rates = [rate for plan in known for rate in plan.rate]
        found.append(Entitled(consumer, ids, plans, rates, (consumer, api.id) in declared.exhausted))
    return found


def entitled_by_api(declared: Declared) -> Mapping[str, list[Entitled]]:
    """`entitled` of every version, each subscription looked at once."""
    by_api: dict[str, dict[str, Subscription]] = {}
    for id, each in declared.subscriptions.items():
        by_api.setdefault(each.api, {})[id] = each
    return {api.key: entitled(replace(declared, subscriptions=by_api.get(api.id, {})), api) for api in declared.apis}


def logins(declared: Declared) -> Mapping[str, list[Login]]:
    """The credentials of each consumer whose values are known."""
    found: dict[str, list[Login]] = {}
    for id, consumer in declared.consumers.items():
        found[id] = [
            Login(id, each.id, each.kind, declared.values[f"{id}/{each.id}"])
            for each in consumer.credentials
            if f"{id}/{each.id}" in declared.values
        ]
    return found
