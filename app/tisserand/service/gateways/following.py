"""What changes in a gateway without a push that somebody asked for: blocks of used up quotas, addresses of published flows, and
credentials and subscriptions that have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from tisserand.apis import periods
from tisserand.apis.gateways.adapter import Gateway
from tisserand.apis.gateways.quotas import Blocks, Closes, exhausted
from tisserand.apis.model import Consumer, Target
from tisserand.apis.neutral import Declared, now
from tisserand.apis.usage_store import UsageStore
from tisserand.model.problem import Problem
from tisserand.service.gateways.calls import Pushed
from tisserand.service.gateways.holding import Holding, ended, fingerprints, run_out
from tisserand.service.gateways.pushing import Audit, Pushing
from tisserand.service.gateways.store import CREDENTIAL, header_digest
from tisserand.texts import msg


class Blocking:
    """Who used up a quota is refused within a pass of becoming known, and let in again when the period turns."""

    def __init__(self, usage: UsageStore, clock: Callable[[], float] = time.time) -> None:
        self._usage = usage
        self._clock = clock
        self._told: dict[str, tuple[int, int, frozenset[tuple[str, str]]]] = {}
        """Gateway → the push, the hour, and who was blocked in it."""

    def exhausted(self, declared: Declared) -> frozenset[tuple[str, str]]:
        return exhausted(declared, self._usage.calls, self._clock())

    def look(self, gateway: Gateway, holding: Holding, news: bool) -> frozenset[tuple[str, str]]:
        """Tell the gateway, if others are to be blocked than it was told; gives who is. `news`: calls were counted since then."""
        number, hour = holding.pushed.number, periods.begin("hour", self._clock())
        told = self._told.get(gateway.name)
        if told is not None and not news and told[:2] == (number, hour):
            return told[2]
        found = self.exhausted(holding.declared)
        # After the start, and after each push, it is told in any case: nobody knows what it remembers.
        if isinstance(gateway, Blocks) and (told is None or (told[0], told[2]) != (number, found)):
            gateway.block(replace(holding.declared, exhausted=found), found)
        self._told[gateway.name] = number, hour, found
        return found


class Following:
    """Keeps what was pushed true to what cannot wait for a push. Everything else that was declared since then stays undone."""

    def __init__(self, pushing: Pushing, clock: Callable[[], datetime] = now) -> None:
        self._pushing = pushing
        self._clock = clock
        self.problems: dict[str, Problem] = {}
        """Gateway → why it could not be kept true."""

    def look(
        self,
        gateway: Gateway,
        holding: Holding,
        addresses: Mapping[str, str],
        consumers: Mapping[str, Consumer],
        blocked: frozenset[tuple[str, str]],
        audit: Audit,
    ) -> Pushed | None:
        """Push what was pushed last with the flows' addresses of today and without the credentials that were revoked or have
        expired, and the subscriptions whose last day is over; None where that is what is live already. Raises `Refused` and
        `NodeError` as a push does."""
        moment = self._clock()
        over = ended(holding.held, consumers, moment)
        past = run_out(holding.declared.subscriptions, moment.date())
        moved = _moved(holding.declared, addresses)
        if not over and not past and moved is None and not _other_credential(holding):
            self.problems.pop(gateway.name, None)
            return None
        if lost := sorted(holding.lost - over):
            message = msg(
                "The values of credentials that were pushed are not among the secrets of this machine: {names}", names=lost
            )
            self.problems[gateway.name] = Problem("gateway.credentials", message, msg("Push again."), severity="warning")
            return None
        declared = _without(moved or holding.declared, over, past)
        if gateway.capabilities().reads_back and (drifted := self._pushing.drift(gateway, hanging=False)):
            # Somebody changed it there, perhaps in an emergency: that is not overwritten unasked. What was revoked goes all the same.
            if over and isinstance(gateway, Closes):
                gateway.close(fingerprints(holding.held, over))
            message = msg(
                "Addresses, credentials or subscriptions have changed, but {items} were changed in the gateway itself.",
                items=[change.item for change in drifted[:5]],
            )
            fix = msg("See “tisserand gateway drift {name}”, then push.", name=gateway.name)
            self.problems[gateway.name] = Problem("gateway.drifted", message, fix, severity="warning")
            return None
        done = self._pushing.push(
            gateway, replace(declared, exhausted=blocked), by="", audit=audit, carried=holding.pushed.dropped
        )  # fmt: skip
        self.problems.pop(gateway.name, None)
        return done


def _other_credential(holding: Holding) -> bool:
    """Whether published flows want to see another credential than was pushed."""
    return any(
        holding.held.beside.get(f"api/{key}", {}).get(CREDENTIAL) != header_digest(headers)
        for key, headers in holding.declared.upstream_headers.items()
    )


def _moved(declared: Declared, addresses: Mapping[str, str]) -> Declared | None:
    """With the addresses of today; None where they are the same. A flow that does not answer now keeps the address it had."""
    apis, changed = [], False
    for api in declared.apis:
        address = addresses.get(api.key) if api.upstream.flow else None
        if address is not None and [each.url for each in api.upstream.targets] != [address]:
            api = api.model_copy(update={"upstream": api.upstream.model_copy(update={"targets": [Target(url=address)]})})
            changed = True
        apis.append(api)
    return replace(declared, apis=apis) if changed else None


def _without(declared: Declared, over: frozenset[str], past: frozenset[str]) -> Declared:
    """Without some credentials, `consumer/credential`, and some subscriptions."""
    consumers = {
        id: consumer.model_copy(update={"credentials": [each for each in consumer.credentials if f"{id}/{each.id}" not in over]})
        for id, consumer in declared.consumers.items()
    }
    values = {name: value for name, value in declared.values.items() if name not in over}
    subscriptions = {id: each for id, each in declared.subscriptions.items() if id not in past}
    return replace(declared, consumers=consumers, values=values, subscriptions=subscriptions)
