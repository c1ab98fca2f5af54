"""Plans, consumers and subscriptions: the entries of the catalogue, and what must be true of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from tisserand.apis.catalogue.credentials import Secrets, sweep
from tisserand.apis.catalogue.files import Catalogue, Entries
from tisserand.apis.catalogue.search import folded
from tisserand.apis.catalogue.writing import write_entry
from tisserand.apis.model import ID, Consumer, Plan, Subscription
from tisserand.engine.launch import Refused
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.problems import config_problems
from tisserand.service.apis.calls import Kind

FILES: Mapping[Kind, tuple[str, type[Config]]] = {
    "plan": ("plans.yaml", Plan),
    "consumer": ("consumers.yaml", Consumer),
    "subscription": ("subscriptions.yaml", Subscription),
}

DECISIONS: Mapping[str, tuple[str, ...]] = {
    "pending": ("active", "rejected", "ended"),
    "active": ("suspended", "ended"),
    "suspended": ("active", "ended"),
    "rejected": ("pending",),
    "ended": (),
}
"""From each state of a subscription, where it may go."""


class Terms:
    """The entries of one catalogue. Raises `NodeError`, or `Refused` with all problems of an entry."""

    def __init__(self, catalogue: Catalogue, secrets: Callable[[], Secrets]) -> None:
        self._catalogue = catalogue
        self._secrets = secrets

    def entries(self, kind: Kind, text: str, limit: int, offset: int) -> tuple[dict[str, Mapping[str, Any]], int]:
        words = folded(text).split()
        found = {
            id: data
            for id, entry in self._of(kind).by_id.items()
            for data in (entry.model_dump(mode="json"),)
            if not words or _holds(id, data, words)
        }
        return dict(list(found.items())[offset : offset + limit]), len(found)

    def save(self, kind: Kind, id: str, data: Mapping[str, Any]) -> None:
        file, model = FILES[kind]
        self._named(kind, id)
        given = dict(data)
        known = self._of(kind).by_id.get(id)
        if kind == "consumer":
            # Credentials go their own way: what stands there stays.
            given.pop("credentials", None)
        try:
            entry = model.model_validate(given)
        except ValidationError as error:
            raise Refused([_placed(each, file, id) for each in config_problems(error, model)]) from None
        if isinstance(known, Consumer) and isinstance(entry, Consumer):
            entry = entry.model_copy(update={"credentials": known.credentials})
        if isinstance(entry, Subscription):
            self._possible(entry)
        self._whole(kind)
        write_entry(self._catalogue.root, file, id, entry)

    def remove(self, kind: Kind, id: str) -> None:
        file, _model = FILES[kind]
        known = self._of(kind).by_id.get(id)
        if known is None:
            raise NodeError("There is no {kind} “{id}”.", kind=kind, id=id[:100])
        used = [
            name
            for name, each in self._catalogue.subscriptions().by_id.items()
            if (kind == "plan" and each.plan == id) or (kind == "consumer" and each.consumer == id)
        ]
        if used:
            raise NodeError(
                "“{id}” has subscriptions: {subscriptions}.", id=id, subscriptions=used[:10], fix="Remove or end them first."
            )
        self._whole(kind)
        write_entry(self._catalogue.root, file, id, None)
        if isinstance(known, Consumer):
            sweep(self._secrets(), id, [])

    def subscribe(self, api: str, plan: str, consumer: str, version: str, by: str) -> str:
        plans = self._catalogue.plans().by_id
        entry = self._subscription({"api": api, "version": version, "plan": plan, "consumer": consumer})
        self._possible(entry)
        state = "active" if plans[plan].approval == "automatic" else "pending"
        known = self._catalogue.subscriptions().by_id
        for id, each in known.items():
            if (each.consumer, each.api, each.version) == (consumer, api, version) and each.state not in ("ended", "rejected"):
                raise NodeError(
                    "“{consumer}” is subscribed to “{api}” already: {subscription}.", consumer=consumer, api=api, subscription=id
                )
        id = base = f"{consumer}-{api}"[:58]
        number = 2
        while id in known:
            id, number = f"{base}-{number}", number + 1
        self._whole("subscription")
        decided = by if state == "active" else ""
        write_entry(
            self._catalogue.root, "subscriptions.yaml", id, entry.model_copy(update={"state": state, "decided_by": decided})
        )
        return id

    def decide(self, id: str, state: str, by: str) -> None:
        known = self._catalogue.subscriptions().by_id.get(id)
        if known is None:
            raise NodeError("There is no subscription “{id}”.", id=id[:100])
        if state not in DECISIONS[known.state]:
            raise NodeError(
                "The subscription “{id}” is {state}: it cannot become {to}.",
                id=id, state=known.state, to=state[:50], fix="From there: {steps}.", steps=list(DECISIONS[known.state]) or ["–"],
            )  # fmt: skip
        self._whole("subscription")
        changed = known.model_copy(update={"state": state, "decided_by": by})
        write_entry(self._catalogue.root, "subscriptions.yaml", id, changed)

    def _of(self, kind: Kind) -> Entries[Any]:
        of: Mapping[Kind, Callable[[], Entries[Any]]] = {
            "plan": self._catalogue.plans, "consumer": self._catalogue.consumers, "subscription": self._catalogue.subscriptions,
        }  # fmt: skip
        return of[kind]()

    def _whole(self, kind: Kind) -> None:
        """A file that is wrong is not written to: what is wrong could be lost."""
        broken = [each for each in self._of(kind).problems if each.code.startswith("file.")]
        if broken:
            raise Refused(broken)

    def _named(self, kind: Kind, id: str) -> None:
        if not re.fullmatch(ID, id):
            raise NodeError(
                "“{id}” is not an id: small letters, digits, “_” and “-” only, at most 63, a letter or digit first.",
                id=id[:100],
                field="id",
            )

    def _subscription(self, data: Mapping[str, Any]) -> Subscription:
        try:
            return Subscription.model_validate(data)
        except ValidationError as error:
            raise Refused([_placed(each, "subscriptions.yaml", "") for each in config_problems(error, Subscription)]) from None

    def _possible(self, entry: Subscription) -> None:
        apis = [each.api for each in self._catalogue.apis() if each.api is not None and each.api.id == entry.api]
        found = []
        if not apis:
            found.append(NodeError("There is no API “{api}”.", api=entry.api, field="api"))
        elif entry.version and entry.version not in {api.version for api in apis}:
            found.append(NodeError("“{api}” has no version “{version}”.", api=entry.api, version=entry.version, field="version"))
        if entry.plan not in self._catalogue.plans().by_id:
            found.append(NodeError("There is no plan “{plan}”.", plan=entry.plan, field="plan"))
        elif apis and not any(not api.plans or entry.plan in api.plans for api in apis):
            found.append(
                NodeError("“{api}” is not offered under the plan “{plan}”.", api=entry.api, plan=entry.plan, field="plan")
            )
        if entry.consumer not in self._catalogue.consumers().by_id:
            found.append(NodeError("There is no consumer “{consumer}”.", consumer=entry.consumer, field="consumer"))
        if found:
            raise Refused([Problem("subscription.wrong", each.message, None, Place(field=each.field)) for each in found])


def _holds(id: str, data: Any, words: list[str]) -> bool:
    text = folded(
        f"{id} {data.get('name', '')} {data.get('summary', '')} {data.get('api', '')} {data.get('consumer', '')} {data.get('plan', '')} {data.get('state', '')}"
    )
    return all(word in text for word in words)


def _placed(problem: Problem, file: str, id: str) -> Problem:
    inner = (problem.place.field or "").removeprefix("config").lstrip(".")
    field = ".".join(part for part in (id, inner) if part)
    return Problem(problem.code, problem.message, problem.fix, Place(file=file, field=field or None))
