"""What a gateway holds since the last push, with the values that no store keeps; and which credentials must not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tisserand.apis.catalogue.declaring import runs, valid
from tisserand.apis.model import Consumer, Subscription
from tisserand.apis.neutral import Declared, fingerprint
from tisserand.service.gateways.calls import Pushed
from tisserand.service.gateways.store import Held, PushStore

Values = Callable[[Iterable[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Holding:
    """The last good push of one gateway."""

    pushed: Pushed
    held: Held
    declared: Declared
    """Without the credentials of `lost`."""
    lost: frozenset[str]
    """`consumer/credential` of those whose value is not among the secrets of this machine any more."""


class Holdings:
    """Of every gateway, read anew when something was pushed."""

    def __init__(self, store: PushStore, values: Values) -> None:
        self._store = store
        self._values = values
        self._known: dict[str, tuple[Mapping[str, str], Holding]] = {}

    def of(self, gateway: str, credential: Mapping[str, str]) -> Holding | None:
        """None where nothing was pushed yet. `credential`: the headers by which published flows know a gateway."""
        last = self._store.last_good(gateway)
        if last is None:
            return None
        known = self._known.get(gateway)
        if known is None or known[1].pushed != last or known[0] != credential:
            held = self._store.held(gateway, last.number)
            if held is None:
                return None
            values = credential_values(held, self._values)
            lost = frozenset(name for name in credentials(held) if name not in values)
            known = self._known[gateway] = credential, Holding(last, held, held.declared(values, credential, lost), lost)
        return known[1]


def credentials(held: Held) -> dict[str, Mapping[str, str]]:
    """`consumer/credential` → what was kept of it."""
    return {f"{id}/{each['id']}": each for id, data in held.entries["consumers"].items() for each in data["credentials"]}


def credential_values(held: Held, values: Values) -> dict[str, str]:
    """The values of its credentials, of those that are still there and the same."""
    named = {
        name: (each["secret"].removeprefix("secret:").strip(), each["fingerprint"]) for name, each in credentials(held).items()
    }
    found = values(secret for secret, _ in named.values())
    return {
        name: found[secret] for name, (secret, known) in named.items() if secret in found and fingerprint(found[secret]) == known
    }  # fmt: skip


def ended(held: Held, consumers: Mapping[str, Consumer], now: datetime) -> frozenset[str]:
    """The credentials that were revoked or have expired since they were pushed."""
    found = set()
    for id, data in held.entries["consumers"].items():
        current = {each.id: each for each in consumers[id].credentials} if id in consumers else {}
        for each in data["credentials"]:
            known = current.get(each["id"])
            state = known.state if known is not None else each["state"]
            expires = known.expires if known is not None else _moment(each["expires"])
            if not valid(state, expires, now):
                found.add(f"{id}/{each['id']}")
    return frozenset(found)


def run_out(subscriptions: Mapping[str, Subscription], today: date) -> frozenset[str]:
    """The subscriptions that do not run on a day (UTC): who pushed them said when they end."""
    return frozenset(id for id, each in subscriptions.items() if not runs(each, today))


def fingerprints(held: Held, names: frozenset[str]) -> frozenset[str]:
    """Of credentials, `consumer/credential`."""
    return frozenset(each["fingerprint"] for name, each in credentials(held).items() if name in names)


def gone(held: Held, consumers: Mapping[str, Consumer]) -> frozenset[str]:
    """The credentials that the catalogue does not know any more, or that have another value now."""
    now = {f"{id}/{each.id}": each.fingerprint for id, consumer in consumers.items() for each in consumer.credentials}
    return frozenset(name for name, each in credentials(held).items() if now.get(name) != each["fingerprint"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
