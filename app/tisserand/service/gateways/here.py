"""Gateways in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tisserand.apis.catalogue.declaring import Before, declared
from tisserand.apis.gateways.adapter import Change, Gateway, Plan
from tisserand.apis.gateways.kinds import FILE, GatewayError, adapter
from tisserand.apis.model import ID, Consumer, GatewayEntry
from tisserand.apis.neutral import Declared
from tisserand.apis.usage import UsageQuery, UsageRow, UsageSum
from tisserand.apis.usage_store import FILE as USAGE
from tisserand.apis.usage_store import UsageSource, UsageStore
from tisserand.engine.launch import Refused, refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.gateways.calls import GatewayInfo, Pushed
from tisserand.service.gateways.collecting import Collecting
from tisserand.service.gateways.entries import Entries
from tisserand.service.gateways.following import Blocking, Following
from tisserand.service.gateways.holding import Holdings, credential_values, credentials, ended, gone, run_out
from tisserand.service.gateways.pushing import Pushing
from tisserand.service.gateways.store import GOOD, PushStore
from tisserand.service.gateways.surroundings import Around
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.gateways.pushing import Audit
    from tisserand.service.local import LocalExecutor

LARGEST_PAGE = 10_000


class HereGateways:
    """Implements `Gateways`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._catalogue = executor.catalogue
        self._state = executor.root / ".tisserand"
        self.around = Around(executor)
        self._made: dict[str, tuple[GatewayEntry, Gateway]] = {}
        self._before: dict[str, Before] = {}

    @cached_property
    def pushing(self) -> Pushing:
        return Pushing(PushStore(self._state / "gateways.sqlite"))

    @cached_property
    def store(self) -> UsageStore:
        return UsageStore(self._state / USAGE)

    @cached_property
    def collecting(self) -> Collecting:
        return Collecting(self.store)

    @cached_property
    def blocking(self) -> Blocking:
        return Blocking(self.store)

    @cached_property
    def following(self) -> Following:
        return Following(self.pushing)

    @cached_property
    def _entries(self) -> Entries:
        return Entries(self._catalogue, lambda: self.around.secret_store, self.around.place)

    @cached_property
    def _holdings(self) -> Holdings:
        return Holdings(self.pushing.store, self.around.values)

    def close(self) -> None:
        if "pushing" in self.__dict__:
            self.pushing.store.close()
        if "store" in self.__dict__:
            self.store.close()

    # -- the protocol

    def list(self) -> Sequence[GatewayInfo]:
        found = self._catalogue.gateways()
        whole = [each for each in found.problems if not each.place.field]
        if whole:
            raise Refused(whole)
        broken = {(each.place.field or "").partition(".")[0]: each for each in reversed(found.problems)}
        wrong = [GatewayInfo(name, "", "", problem=problem) for name, problem in broken.items() if name not in found.by_id]
        return [*(self._info(name, entry) for name, entry in found.by_id.items()), *wrong]

    def entry(self, name: str) -> Mapping[str, Any]:
        return self._entries.read(name)

    def save_entry(self, name: str, data: Mapping[str, Any], secrets: Mapping[str, str] = {}, by: str = "") -> None:
        self._entries.save(name, data, secrets, lambda: self._audit(name, by)("gateway.saved", {"type": data.get("type")}))
        self._made.pop(name, None)

    def remove_entry(self, name: str, by: str = "") -> None:
        self._entries.remove(name, lambda: self._audit(name, by)("gateway.removed", {}))
        self._made.pop(name, None)

    def plan(self, name: str) -> Plan:
        gateway = self.gateway(name)
        with _asked():
            declared, problems = self.declared(name)
            return self.pushing.plan(gateway, declared, problems)

    def push(self, name: str, accept: Sequence[str] = (), by: str = "") -> Pushed:
        gateway = self.gateway(name)
        with _asked():
            declared, problems = self.declared(name)
            return self.pushing.push(
                gateway, declared, by=by, audit=self._audit(name, by), accept=tuple(accept), problems=problems
            )  # fmt: skip

    def drift(self, name: str) -> Sequence[Change]:
        gateway = self.gateway(name)
        with _asked():
            return self.pushing.drift(gateway)

    def rollback(self, name: str, number: int = 0, by: str = "") -> Pushed:
        gateway = self.gateway(name)
        with _asked():
            self.pushing.recover(gateway)
            target = self._target(name, number)
            held = self.pushing.store.held(name, target.number)
            if held is None:
                message = msg("What push {number} to “{gateway}” held is not kept any more.", number=target.number, gateway=name)
                raise refusal("gateway.not_kept", message)
            values = credential_values(held, self.around.values)
            consumers = self._catalogue.consumers().by_id
            left_out = ended(held, consumers, datetime.now(UTC)) | gone(held, consumers)
            left_out |= {each for each in credentials(held) if each not in values}
            declared = held.declared(values, self.around.credential(), left_out)
            ended_ones = self._ended_subscriptions(declared)
            running = {id: each for id, each in declared.subscriptions.items() if id not in ended_ones}
            declared = replace(declared, subscriptions=running)
            return self.pushing.push(
                gateway,
                replace(declared, exhausted=self.blocking.exhausted(declared)),
                by=by,
                audit=self._audit(name, by, to=target.number),
                carried=target.dropped,
                rollback=True,
                note=_left_out(left_out | {f"subscription/{id}" for id in ended_ones}),
            )

    def history(self, name: str, limit: int = 50) -> Sequence[Pushed]:
        self._entry(name)
        return self.pushing.store.history(name, max(0, min(limit, LARGEST_PAGE)))

    def usage(self, query: UsageQuery) -> Sequence[UsageSum]:
        with _asked():
            return self.store.usage(query)

    def collect(self, name: str = "") -> int:
        return self.collecting.collect([self.gateway(name)] if name else self.sources())

    def usage_rows(self, query: UsageQuery) -> Sequence[UsageRow]:
        with _asked():
            return [row for _, row in self.store.found(query)]

    # -- for the parts of the executor process

    def gateways(self) -> Iterator[Gateway]:
        """Those that can be made of their entries; what is wrong with the others, `list` tells."""
        for name in self._catalogue.gateways().by_id:
            with suppress(Refused):
                yield self.gateway(name)

    def sources(self) -> Sequence[UsageSource]:
        """All that tell of usage."""
        told: Sequence[UsageSource] = [gateway for gateway in self.gateways() if gateway.capabilities().usage]
        return [*told, *self.around.flow_usage()]

    def recover(self) -> bool:
        """Find out how pushes ended whose process died. False where a gateway cannot tell yet."""
        told = True
        for gateway in self.gateways():
            try:
                self.pushing.recover(gateway)
            except NodeError:
                told = False
        return told

    def follow(self) -> None:
        """Once: collect usage, block and let in again, and keep true what was pushed."""
        sources = self.sources()
        news = bool(sources) and self.collecting.collect(sources) > 0
        consumers = self._catalogue.consumers()
        for gateway in self.gateways():
            # What is done here starts from the last push: none may come in between.
            with self.pushing.alone(gateway.name) as free:
                if free:
                    self._follow(gateway, consumers.by_id, news)

    def _follow(self, gateway: Gateway, consumers: Mapping[str, Consumer], news: bool) -> None:
        holding = self._holdings.of(gateway.name, self.around.credential())
        if holding is None:
            return
        try:
            blocked = self.blocking.look(gateway, holding, news)
            audit = self._audit(gateway.name, "")
            self.following.look(gateway, holding, self.around.addresses(), consumers, blocked, audit)
        except Refused as refused:
            self.following.problems[gateway.name] = refused.problems[0]
        except NodeError as error:
            self.following.problems[gateway.name] = Problem("gateway.failed", error.message, error.fix)

    # -- inside

    def gateway(self, name: str) -> Gateway:
        """The adapter of an entry; the same one as long as the entry stays as it is."""
        entry = self._entry(name)
        if not re.fullmatch(ID, name):
            message = msg("“{name}” cannot be the name of a gateway: small letters, digits, “_” and “-” only.", name=name)
            raise refusal("gateway.name", message, file=FILE, field=name)
        known = self._made.get(name)
        if known is None or known[0] != entry:
            try:
                known = self._made[name] = entry, adapter(name, entry, self.around.place(name))
            except GatewayError as error:
                raise Refused([*error.problems]) from None
        return known[1]

    def declared(self, name: str) -> tuple[Declared, Sequence[Problem]]:
        """What a gateway is to hold, and what is wrong with it."""
        before = self._before.setdefault(name, Before())
        found, problems = declared(self._catalogue, name, self.around.now(), before)
        return replace(found, exhausted=self.blocking.exhausted(found)), problems

    def _entry(self, name: str) -> GatewayEntry:
        found = self._catalogue.gateways()
        if name in found.by_id:
            return found.by_id[name]
        if found.problems:
            raise Refused([*found.problems])
        message = msg("There is no gateway “{name}”. Gateways: {known}.", name=name, known=sorted(found.by_id) or ["–"])
        raise refusal("gateway.unknown", message, msg("Gateways stand in “gateways.yaml”."), missing=True)

    def _info(self, name: str, entry: GatewayEntry) -> GatewayInfo:
        last = self.pushing.store.last_good(name)
        problem = self.following.problems.get(name) or self.collecting.problems.get(name)
        address, alive = "", None
        try:
            state = self.gateway(name).state()
            address, alive = str(state.get("address") or ""), state.get("alive")
        except Refused as refused:
            problem = refused.problems[0]
        except NodeError as error:
            alive, problem = False, Problem("gateway.unreachable", error.message, error.fix)
        revision, at = (last.revision, last.at) if last is not None else ("", None)
        return GatewayInfo(name, entry.type, entry.title, address, alive, revision, at, None, problem)

    def _target(self, name: str, number: int) -> Pushed:
        """The push that is to be live again."""
        store = self.pushing.store
        if number:
            found = store.pushed(name, number)
            if found is None or found.result not in GOOD:
                message = msg("No push {number} to “{gateway}” went well.", number=number, gateway=name)
                raise refusal("gateway.no_push", message, msg("See “tisserand gateway history {name}”.", name=name), missing=True)
            return found
        last = store.last_good(name)
        before = store.before(name, last) if last is not None else None
        if before is None:
            message = msg("Nothing was pushed to “{gateway}” before what is live now.", gateway=name)
            raise refusal("gateway.no_push", message, missing=True)
        return before

    def _ended_subscriptions(self, declared: Declared) -> frozenset[str]:
        """Of an earlier push: those whose last day is over, and those that somebody has suspended or ended since. One that is in no
        file any more comes back: that may be the mistake that is rolled back."""
        today = datetime.now(UTC).date()
        current = {id: each for id, each in self._catalogue.subscriptions().by_id.items() if id in declared.subscriptions}
        return run_out(declared.subscriptions, today) | run_out(current, today)

    def _audit(self, name: str, by: str, **more: object) -> Audit:
        def note(what: str, data: Mapping[str, object]) -> None:
            self._executor.audit.note(what, name, {**data, **more}, by=by)

        return note


def _left_out(names: frozenset[str]) -> Problem | None:
    if not names:
        return None
    message = msg("Revoked, expired or gone, so it did not come back: {names}", names=sorted(names))
    return Problem("gateway.credentials", message, msg("Issue new credentials where they are needed."), severity="warning")


@contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except NodeError as error:
        raise refusal("gateway.refused", error.message, error.fix) from error
