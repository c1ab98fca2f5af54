"""Plans, consumers and subscriptions: the entries of the catalogue, and what must be true of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tisserand.apis.catalogue.credentials import Secrets, forget
from tisserand.apis.catalogue.files import Catalogue, Entries
from tisserand.apis.catalogue.references import OVER
from tisserand.apis.catalogue.search import folded
from tisserand.apis.catalogue.writing import write_entry
from tisserand.apis.model import ID, Api, Consumer, Plan, Subscription
from tisserand.engine.launch import Refused
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.service.apis.calls import Kind
from tisserand.service.apis.valid import valid

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
        self._texts: dict[tuple[Kind, str], tuple[Config, str]] = {}
        """Entries and what is searched in them."""

    def entries(self, kind: Kind, text: str, limit: int, offset: int) -> tuple[dict[str, Mapping[str, Any]], int]:
        words = folded(text).split()
        known = self._of(kind).by_id
        found = [id for id, entry in known.items() if not words or self._holds(kind, id, entry, words)]
        return {id: known[id].model_dump(mode="json") for id in found[offset : offset + limit]}, len(found)

    def _holds(self, kind: Kind, id: str, entry: Config, words: list[str]) -> bool:
        known = self._texts.get((kind, id))
        if known is None or known[0] is not entry:
            said = (
                str(getattr(entry, name, "") or "") for name in ("name", "summary", "contact", "api", "consumer", "plan", "state")
            )
            known = self._texts[kind, id] = entry, folded(" ".join((id, *said)))
        return all(word in known[1] for word in words)

    def save(self, kind: Kind, id: str, data: Mapping[str, Any], note: Callable[[], object]) -> None:
        """`note` is called before anything is done, and after all that could be refused; so it is in the others."""
        file, model = FILES[kind]
        self._named(kind, id)
        given = dict(data)
        known = self._of(kind).by_id.get(id)
        if kind == "consumer":
            # Credentials go their own way: what stands there stays.
            given.pop("credentials", None)
        entry = valid(given, model, file, id)
        if isinstance(known, Consumer) and isinstance(entry, Consumer):
            entry = entry.model_copy(update={"credentials": known.credentials})
        if isinstance(entry, Subscription):
            self._possible(entry)
            entry = self._decided(id, entry, known)
        self.whole(kind, id)
        write_entry(self._catalogue, file, id, entry, note)

    def remove(self, kind: Kind, id: str, note: Callable[[], object]) -> None:
        file, _model = FILES[kind]
        self.whole(kind, id)
        known = self._of(kind).by_id.get(id)
        if known is None:
            raise NodeError("There is no {kind} “{id}”.", kind=kind, id=id[:100])
        used = [
            name
            for name, each in self._catalogue.subscriptions().by_id.items()
            if each.state not in OVER and ((kind == "plan" and each.plan == id) or (kind == "consumer" and each.consumer == id))
        ]
        if used:
            raise NodeError(
                "“{id}” has subscriptions: {subscriptions}.", id=id, subscriptions=used[:10], fix="Remove or end them first."
            )
        write_entry(self._catalogue, file, id, None, note)
        if isinstance(known, Consumer):
            forget(self._catalogue, self._secrets(), id, known)

    def subscribe(self, api: str, plan: str, consumer: str, version: str, by: str, note: Callable[[str], object]) -> str:
        given = {"api": api, "version": version, "plan": plan, "consumer": consumer}
        entry = valid(given, Subscription, "subscriptions.yaml")
        self._possible(entry)
        state = self._first(entry)
        known = self._catalogue.subscriptions().by_id
        self._single("", entry)
        id = base = f"{consumer}-{api}"[:58]
        number = 2
        while id in known:
            id, number = f"{base}-{number}", number + 1
        self.whole("subscription", id)
        made = entry.model_copy(update={"state": state, "decided_by": by if state == "active" else ""})
        write_entry(self._catalogue, "subscriptions.yaml", id, made, lambda: note(id))
        return id

    def decide(self, id: str, state: str, by: str, note: Callable[[], object]) -> None:
        self.whole("subscription", id)
        known = self._catalogue.subscriptions().by_id.get(id)
        if known is None:
            raise NodeError("There is no subscription “{id}”.", id=id[:100])
        if state not in DECISIONS[known.state]:
            raise NodeError(
                "The subscription “{id}” is {state}: it cannot become {to}.",
                id=id, state=known.state, to=state[:50], fix="From there: {steps}.", steps=list(DECISIONS[known.state]) or ["–"],
            )  # fmt: skip
        if known.state == "rejected":
            self._single(id, known)
        changed = known.model_copy(update={"state": state, "decided_by": by})
        write_entry(self._catalogue, "subscriptions.yaml", id, changed, note)

    def unsubscribed(self, api: Api) -> None:
        """Nobody is subscribed to a version that is to be removed: whoever takes its id next would find them there."""
        last = not any(
            each.api.id == api.id and each.api.key != api.key for each in self._catalogue.apis() if each.api is not None
        )
        used = [
            name
            for name, each in self._catalogue.subscriptions().by_id.items()
            if each.api == api.id and each.state not in OVER and (each.version == api.version or (last and not each.version))
        ]
        if used:
            raise NodeError(
                "“{id}” has subscriptions: {subscriptions}.", id=api.key, subscriptions=used[:10], fix="End them first."
            )

    def _of(self, kind: Kind) -> Entries[Any]:
        of: Mapping[Kind, Callable[[], Entries[Any]]] = {
            "plan": self._catalogue.plans, "consumer": self._catalogue.consumers, "subscription": self._catalogue.subscriptions,
        }  # fmt: skip
        return of[kind]()

    def whole(self, kind: Kind, id: str) -> None:
        """A file that is wrong is not written to, nor is an entry: what is wrong could be lost, the keys of a consumer above all.
        Raises `Refused`."""
        broken = [
            each
            for each in self._of(kind).problems
            if each.code.startswith("file.") or (each.place.field or "").split(".")[0] == id
        ]
        if broken:
            raise Refused(broken)

    def _first(self, entry: Subscription) -> Literal["active", "pending"]:
        """The state of a subscription that nobody decided on."""
        return "active" if self._catalogue.plans().by_id[entry.plan].approval == "automatic" else "pending"

    def _decided(self, id: str, entry: Subscription, known: Subscription | None) -> Subscription:
        """Decisions go their own way: what was decided stays, unless it was decided on something else."""
        asked = ("api", "version", "plan", "consumer")
        if known is not None and all(getattr(entry, name) == getattr(known, name) for name in asked):
            return entry.model_copy(update={"state": known.state, "decided_by": known.decided_by})
        self._single(id, entry)
        return entry.model_copy(update={"state": self._first(entry), "decided_by": ""})

    def _single(self, id: str, entry: Subscription) -> None:
        """A consumer is subscribed to a version once."""
        for other, each in self._catalogue.subscriptions().by_id.items():
            same = (each.consumer, each.api, each.version) == (entry.consumer, entry.api, entry.version)
            if other != id and same and each.state not in OVER:
                raise NodeError(
                    "“{consumer}” is subscribed to “{api}” already: {subscription}.",
                    consumer=entry.consumer, api=entry.api, subscription=other,
                )  # fmt: skip

    def _named(self, kind: Kind, id: str) -> None:
        if not re.fullmatch(ID, id):
            raise NodeError(
                "“{id}” is not an id: small letters, digits, “_” and “-” only, at most 63, a letter or digit first.",
                id=id[:100],
                field="id",
            )

    def _possible(self, entry: Subscription) -> None:
        apis = [each.api for each in self._catalogue.apis() if each.api is not None and each.api.id == entry.api]
        found = []
        if not apis:
            found.append(NodeError("There is no API “{api}”.", api=entry.api, field="api"))
        elif entry.version and entry.version not in {api.version for api in apis}:
            found.append(NodeError("“{api}” has no version “{version}”.", api=entry.api, version=entry.version, field="version"))
        if entry.plan not in self._catalogue.plans().by_id:
            found.append(NodeError("There is no plan “{plan}”.", plan=entry.plan, field="plan"))
        elif apis and not any(not api.plans or entry.plan in api.plans for api in apis if entry.version in ("", api.version)):
            found.append(
                NodeError("“{api}” is not offered under the plan “{plan}”.", api=entry.api, plan=entry.plan, field="plan")
            )
        if entry.consumer not in self._catalogue.consumers().by_id:
            found.append(NodeError("There is no consumer “{consumer}”.", consumer=entry.consumer, field="consumer"))
        if found:
            raise Refused([Problem("subscription.wrong", each.message, None, Place(field=each.field)) for each in found])
