"""Making live in a gateway what is declared: compared three ways, written down before the effect, read back afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from tisserand.apis.gateways.adapter import Change, Dropped, Gateway, Live, Plan
from tisserand.apis.gateways.compare import changes, drifted, without
from tisserand.apis.model import Jwt
from tisserand.apis.neutral import Declared, Items, digest
from tisserand.engine.launch import Refused, process_alive, process_started, refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.gateways.calls import Pushed
from tisserand.service.gateways.store import CREDENTIAL, Held, PushStore, header_digest
from tisserand.texts import Message, msg

SHOWN = 5
"""Names in a sentence."""

PATIENCE = 30.0
"""Seconds that a push waits for what the executor does at the gateway by itself."""

Audit = Callable[[str, Mapping[str, object]], None]
"""Called with what is about to be done, before it is."""


@dataclass(frozen=True)
class Wanted:
    """What a gateway is to hold."""

    declared: Declared
    dropped: tuple[Dropped, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Found while it was put together."""

    @cached_property
    def items(self) -> Items:
        return without(self.declared.items, self.dropped)

    @cached_property
    def beside(self) -> Mapping[str, Mapping[str, str]]:
        """As `Held.beside`."""
        found: dict[str, dict[str, str]] = {}
        for api in self.declared.apis:
            facts = {
                f"security.{index}.jwks": digest(self.declared.jwks[each.jwks])
                for index, each in enumerate(api.security)
                if isinstance(each, Jwt) and each.jwks in self.declared.jwks
            }
            if headers := self.declared.upstream_headers.get(api.key):
                facts[CREDENTIAL] = header_digest(headers)
            if facts:
                found[f"api/{api.key}"] = facts
        return found

    @property
    def content_hash(self) -> str:
        return digest([self.items, self.beside])


_LOCKS: dict[tuple[str, str], threading.RLock] = {}
"""Of this process: store and gateway → held by whoever changes the gateway."""
_UNDER_WAY: set[tuple[str, str]] = set()
"""Of those, where a push has begun."""
_GUARD = threading.Lock()


class Pushing:
    """The pushes of one workspace. One push to a gateway at a time, whoever asks for it."""

    def __init__(self, store: PushStore) -> None:
        self.store = store

    def plan(self, gateway: Gateway, declared: Declared, problems: Sequence[Problem] = ()) -> Plan:
        """What a push would do. Raises `NodeError` where the gateway cannot be read."""
        wanted = Wanted(declared, tuple(gateway.dropped(declared)), tuple(problems))
        return self._compared(gateway, wanted)[0]

    def push(
        self,
        gateway: Gateway,
        declared: Declared,
        *,
        by: str,
        audit: Audit,
        accept: Sequence[str] = (),
        carried: Sequence[str] = (),
        problems: Sequence[Problem] = (),
        rollback: bool = False,
        note: Problem | None = None,
    ) -> Pushed:
        """Make it live; gives the record, which is the last one where nothing was to be done. `carried` was accepted before, and
        may name what is not dropped any more. `note` is kept with the record. Raises `Refused`, and `NodeError` where the gateway
        cannot be read."""
        with self._alone(gateway):
            wanted = Wanted(declared, tuple(gateway.dropped(declared)), tuple(problems))
            plan, last, live = self._compared(gateway, wanted)
            accepted = self._accepted(plan, last, accept, carried)
            self._refuse(gateway, plan, wanted, accepted, by)
            if not plan.changes:
                return (
                    replace(last, changes=0)
                    if last
                    else Pushed(gateway.name, 0, live.revision, plan.content_hash, 0, by, "done", 0)
                )
            audit_data = {
                "changes": len(plan.changes),
                "content": plan.content_hash,
                "accepted": sorted(accepted),
                "drifted": len(plan.drifted),
            }
            audit("gateway.rolled_back" if rollback else "gateway.pushed", audit_data)
            return self._make_live(gateway, wanted, plan, live, by, sorted(accepted), rollback, note)

    def drift(self, gateway: Gateway, hanging: bool = True) -> list[Change]:
        """From what was pushed to what is live; nothing where it was never pushed. With what others hung on it, unless it is not asked
        for: a push does not touch that."""
        self.recover(gateway)
        last, held = self._last(gateway)
        if last is None or held is None:
            return []
        live = gateway.read()
        added = [Change("create", name, (("live", None, content),)) for name, content in sorted(live.hanging.items())]
        return [*changes(live.items, None, held.items), *(added if hanging else ())]

    def recover(self, gateway: Gateway) -> None:
        """Say of pushes whose process died how they ended: what is live tells it. Raises `NodeError` where that cannot be read."""
        for pushed, pid, started in self.store.begun(gateway.name):
            ours = pid == os.getpid()
            if (self._key(gateway.name) in _UNDER_WAY) if ours else process_alive(pid, started):
                continue
            self._settle_broken_off(gateway, pushed)

    @contextmanager
    def alone(self, name: str, wait: float = 0.0) -> Iterator[bool]:
        """Nobody else in this process changes the gateway meanwhile. Gives False where somebody is doing so for longer than `wait`
        seconds."""
        with _GUARD:
            lock = _LOCKS.setdefault(self._key(name), threading.RLock())
        if not lock.acquire(timeout=wait):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    # -- inside

    def _last(self, gateway: Gateway) -> tuple[Pushed | None, Held | None]:
        last = self.store.last_good(gateway.name)
        return last, self.store.held(gateway.name, last.number) if last is not None else None

    def _compared(self, gateway: Gateway, wanted: Wanted) -> tuple[Plan, Pushed | None, Live]:
        """Declared, last pushed and live."""
        self.recover(gateway)
        last, held = self._last(gateway)
        pushed = held.items if held is not None else None
        live = self._live(gateway, held)
        found = changes(wanted.items, pushed, live.items)
        named = {change.item for change in found}
        # Keys and credentials stand in no item: their digests of the last push tell whether they are others now.
        for item, facts in wanted.beside.items():
            before = (held.beside if held is not None else {}).get(item, {})
            fields = tuple((name, before.get(name), value) for name, value in facts.items() if before.get(name) != value)
            if fields and item not in named:
                found.append(Change("change", item, fields))
        problems = wanted.problems
        if not any(each.severity == "error" for each in problems):
            problems = (*problems, *gateway.validate(wanted.declared))
        plan = Plan(
            gateway.name, tuple(found), wanted.dropped, problems, (*drifted(pushed, live.items), *sorted(live.hanging)),
            wanted.content_hash,
        )  # fmt: skip
        return plan, last, live

    def _live(self, gateway: Gateway, held: Held | None) -> Live:
        if gateway.capabilities().reads_back:
            return gateway.read()
        return Live(held.items if held is not None else {})

    def _accepted(self, plan: Plan, last: Pushed | None, accept: Sequence[str], carried: Sequence[str]) -> frozenset[str]:
        """Of what is dropped, what somebody took upon himself: now, or with the last push."""
        names = {each.name for each in plan.dropped}
        unknown = sorted(set(accept) - names)
        if unknown:
            known = sorted(each.name for each in plan.dropped if each.weight != "other") or ["–"]
            message = msg("“{names}” is not dropped, so it cannot be accepted. Dropped: {known}.", names=unknown, known=known)
            raise refusal("gateway.accept", message)
        return frozenset(names & {*accept, *carried, *(last.dropped if last is not None else ())})

    def _refuse(self, gateway: Gateway, plan: Plan, wanted: Wanted, accepted: frozenset[str], by: str) -> None:
        """Raise with everything that stands in the way."""
        found = [each for each in plan.problems if each.severity == "error"]
        for each in plan.refused(accepted):
            message = msg(
                "The gateway “{gateway}” cannot enforce “{name}”: {reason}",
                gateway=gateway.name,
                name=each.name,
                reason=each.reason,
            )
            fix = msg("Change what is declared, or take it upon yourself: --accept {name}", name=each.name)
            found.append(Problem("gateway.dropped", message, fix))
        if not found:
            return
        self.store.refuse(gateway.name, plan.content_hash, by, len(plan.changes), found[0])
        raise Refused(found)

    def _make_live(
        self,
        gateway: Gateway,
        wanted: Wanted,
        plan: Plan,
        before: Live,
        by: str,
        accepted: Sequence[str],
        rollback: bool,
        note: Problem | None,
    ) -> Pushed:
        name = gateway.name
        held = Held.of(wanted.declared, wanted.items, wanted.beside)
        started = process_started(os.getpid()) or 0.0
        number = self.store.begin(
            name, held, plan.content_hash, by, len(plan.changes), accepted, started, process_alive
        )  # fmt: skip
        if number is None:
            raise self._busy(name)
        _UNDER_WAY.add(self._key(name))
        try:
            self._apply(gateway, wanted, plan, before, number, "rolled back" if rollback else "done", note)
        finally:
            _UNDER_WAY.discard(self._key(name))
        done = self.store.pushed(name, number)
        assert done is not None  # it was written above
        return done

    def _apply(
        self, gateway: Gateway, wanted: Wanted, plan: Plan, before: Live, number: int, result: str, note: Problem | None
    ) -> None:
        try:
            revision = gateway.apply(wanted.declared, plan.changes)
        except NodeError as error:
            problem = Problem("gateway.failed", error.message, error.fix or self._serving(gateway, before))
            self.store.settle(gateway.name, number, "failed", problem=problem)
            raise Refused([problem]) from error
        difference = self._difference(gateway, wanted.items)
        if difference is not None:
            self.store.settle(gateway.name, number, "failed", revision, difference)
            raise Refused([difference])
        self.store.settle(gateway.name, number, result, revision, note)

    def _serving(self, gateway: Gateway, before: Live) -> Message:
        """After a push that failed: what the gateway holds now."""
        try:
            same = not gateway.capabilities().reads_back or gateway.read().items == before.items
        except NodeError as error:
            return msg("What it holds now cannot be read: {reason}", reason=error.message)
        if same:
            return msg("What was live before serves on.")
        return msg("It holds something else than before: see “tisserand gateway drift {name}”.", name=gateway.name)

    def _difference(self, gateway: Gateway, expected: Items) -> Problem | None:
        """What is live and should be otherwise, or None."""
        if not gateway.capabilities().reads_back:
            return None
        try:
            live = gateway.read().items
        except NodeError as error:
            message = msg("The gateway took the push, but cannot be read back: {reason}", reason=error.message)
            return Problem("gateway.unread", message, error.fix)
        if live == expected:
            return None
        wrong = [change.item for change in changes(expected, None, live)]
        message = msg(
            "The gateway “{gateway}” took the push, but holds something else in {count} places: {items}",
            gateway=gateway.name, count=len(wrong), items=wrong[:SHOWN],
        )  # fmt: skip
        return Problem("gateway.differs", message, msg("See “tisserand gateway plan {name}”.", name=gateway.name))

    def _settle_broken_off(self, gateway: Gateway, pushed: Pushed) -> None:
        held = self.store.held(gateway.name, pushed.number)
        last, before = self._last(gateway)
        if not gateway.capabilities().reads_back:
            message = msg("The executor ended during the push, and the gateway does not tell what it holds.")
            problem = Problem("gateway.broken_off", message, msg("Push again."))
            self.store.settle(gateway.name, pushed.number, "failed", problem=problem)
            return
        live = gateway.read()
        if held is not None and live.items == held.items:
            message = msg("The executor ended during the push; all of it was live already.")
            problem = Problem("gateway.broken_off", message, severity="warning")
            self.store.settle(gateway.name, pushed.number, "done", live.revision, problem)
            return
        if last is not None and before is not None and live.items == before.items:
            message = msg(
                "The executor ended during the push, before it had an effect: push {number} is live.", number=last.number
            )
        elif last is None and not live.items:
            message = msg("The executor ended during the push, before it had an effect: nothing is live.")
        else:
            message = msg("The executor ended during the push: a part of it is live.")
        problem = Problem("gateway.broken_off", message, msg("Push again."))
        self.store.settle(gateway.name, pushed.number, "failed", live.revision, problem)

    @contextmanager
    def _alone(self, gateway: Gateway) -> Iterator[None]:
        """One push to a gateway at a time: who comes second is told so."""
        with self.alone(gateway.name, 0.0 if self._key(gateway.name) in _UNDER_WAY else PATIENCE) as free:
            if not free:
                raise self._busy(gateway.name)
            self.recover(gateway)
            yield

    def _key(self, name: str) -> tuple[str, str]:
        return str(self.store.path), name

    @staticmethod
    def _busy(name: str) -> Refused:
        return refusal(
            "gateway.busy", msg("A push to “{gateway}” is under way.", gateway=name), msg("Try again when it is over.")
        )
