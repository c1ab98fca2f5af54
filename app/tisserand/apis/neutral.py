"""What a gateway is to enforce, in words of no gateway: items with ids and contents, so that declared, pushed and live can be compared.

An item is named `kind/id`: `api/orders@1`, `plan/gold`, `consumer/acme`, `subscription/acme-orders`. Its content is plain JSON: what
`model_dump(mode="json")` gives, without what no gateway is concerned with, empty values left out; values of credentials never, their
fingerprints instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

import orjson

from tisserand.apis.model import Api, Consumer, Plan, Subscription

Items = Mapping[str, Mapping[str, Any]]
"""Item name → content."""

UNENFORCED: Mapping[str, frozenset[str]] = {
    "api": frozenset({"summary", "owner", "tags", "openapi", "since", "plans", "gateways"}),
    "plan": frozenset({"summary", "price", "approval"}),
    "consumer": frozenset({"contact", "tags"}),
    "subscription": frozenset({"decided_by", "start", "end", "state"}),
}
"""Fields that concern people only: no gateway is told."""


Kind = Literal["api", "plan", "consumer", "subscription"]


class Contents:
    """What items are made of entries, as long as the entries are the same objects: where one of many changed, one is made anew."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Api | Plan | Consumer | Subscription, dict[str, Any], Mapping[str, Any]]] = {}

    def dumped(self, kind: Kind, entries: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
        """Id → what the model dumps: to be read only."""
        return {id: self._of(kind, id, entry)[1] for id, entry in entries.items()}

    def items(self, kind: Kind, entries: Mapping[str, Any]) -> Items:
        return {f"{kind}/{id}": self._of(kind, id, entry)[2] for id, entry in entries.items()}

    def keep(self, names: Collection[str]) -> None:
        """Forget all others."""
        if len(self._known) > len(names):
            self._known = {name: known for name, known in self._known.items() if name in names}

    def _of(self, kind: Kind, id: str, entry: Any) -> tuple[Any, dict[str, Any], Mapping[str, Any]]:
        name = f"{kind}/{id}"
        known = self._known.get(name)
        if known is None or known[0] is not entry:
            data = entry.model_dump(mode="json")
            told = data
            if kind == "consumer":
                kept = ("id", "kind", "fingerprint", "expires")
                told = {**data, "credentials": [{name: each[name] for name in kept} for each in data["credentials"]]}
            known = self._known[name] = entry, data, content(kind, told)
        return known


@dataclass(frozen=True)
class Declared:
    """All that one gateway is to hold, resolved: drafts, pending subscriptions, revoked and expired credentials are left out."""

    apis: Sequence[Api] = ()
    """Published, deprecated and retired ones; their `upstream.targets` are filled in, also where a flow answers, and their
    `route.operations` from the document."""
    plans: Mapping[str, Plan] = field(default_factory=dict)
    consumers: Mapping[str, Consumer] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    """Active ones only."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`consumer/credential` → its value, for those who must write it into a gateway."""
    jwks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`jwks` of a `Jwt` → the keys (RFC 7517)."""
    upstream_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """API key → headers that the upstream wants to see from the gateway: the credential of published flows."""
    exhausted: frozenset[tuple[str, str]] = frozenset()
    """`(consumer, api id)` pairs whose quota is used up at the moment. Not part of the items: it changes by the minute."""
    contents: Contents = field(default_factory=Contents, repr=False, compare=False)
    """What is known of entries that were declared before."""

    @cached_property
    def items(self) -> Items:
        """To be read only."""
        kinds: tuple[tuple[Kind, Mapping[str, Any]], ...] = (
            ("api", {api.key: api for api in self.apis}), ("plan", self.plans), ("consumer", self.consumers),
            ("subscription", self.subscriptions),
        )  # fmt: skip
        found = {name: each for kind, entries in kinds for name, each in self.contents.items(kind, entries).items()}
        self.contents.keep(found)
        return found


def content(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of an entry concerns gateways, without empty values."""
    kept = {name: value for name, value in data.items() if name not in UNENFORCED.get(kind, frozenset())}
    cleaned: dict[str, Any] = _without_empty(kept)
    return cleaned


def _without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        cleaned = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in cleaned.items() if each not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_without_empty(each) for each in value]
    return value


def digest(value: Any) -> str:
    """Equal for equal contents: SHA-256 over canonical JSON, 16 hex digits."""
    try:
        text = orjson.dumps(value, str, orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # numbers of more than 64 bits, and half characters
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def fingerprint(secret: str) -> str:
    """How a credential is recognised without its value."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


def now() -> datetime:
    return datetime.now(UTC)
