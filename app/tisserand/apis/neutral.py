"""What a gateway is to enforce, in words of no gateway: items with ids and contents, so that declared, pushed and live can be compared.

An item is named `kind/id`: `api/orders@1`, `plan/gold`, `consumer/acme`, `subscription/acme-orders`. Its content is plain JSON: what
`model_dump(mode="json")` gives, without what no gateway is concerned with, empty values left out; values of credentials never, their
fingerprints instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

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

    @cached_property
    def items(self) -> Items:
        found: dict[str, Mapping[str, Any]] = {}
        for api in self.apis:
            found[f"api/{api.key}"] = content("api", api.model_dump(mode="json"))
        for kind, entries in (("plan", self.plans), ("consumer", self.consumers), ("subscription", self.subscriptions)):
            for id, entry in entries.items():
                data = entry.model_dump(mode="json")
                if kind == "consumer":
                    data["credentials"] = [
                        {name: each[name] for name in ("id", "kind", "fingerprint", "expires")} for each in data["credentials"]
                    ]
                found[f"{kind}/{id}"] = content(kind, data)
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
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(secret: str) -> str:
    """How a credential is recognised without its value."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


def now() -> datetime:
    return datetime.now(UTC)
