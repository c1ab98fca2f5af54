"""A small catalogue for the tests of adapters: one API, two consumers, a plan; each test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.adapter import Gateway, Place
from tisserand.apis.gateways.compare import without
from tisserand.apis.model import Api, Consumer, Plan, Subscription
from tisserand.apis.neutral import Declared, Items, fingerprint
from tisserand.sdk.errors import NodeError

KEYS = {
    "acme/first": "acme-key-4711-0123456789",
    "bolt/first": "bolt-key-0815-0123456789",
    "carl/first": "carl-key-0007-0123456789",
}
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def consumer(id: str, kind: str = "api_key", value: str | None = None) -> Consumer:
    secret = value or KEYS[f"{id}/first"]
    credential = {"id": "first", "kind": kind, "secret": f"secret:{id}", "fingerprint": fingerprint(secret), "created": CREATED}
    return Consumer.model_validate({"name": id.title(), "credentials": [credential]})


def api(*targets: str, id: str = "orders", version: str = "1", **more: Any) -> Api:
    route = {"base_path": f"/{id}", **more.pop("route", {})}
    upstream = {"targets": [{"url": each} for each in targets or ("http://127.0.0.1:9",)], **more.pop("upstream", {})}
    data = {"id": id, "version": version, "lifecycle": "published", "route": route, "upstream": upstream, **more}
    return Api.model_validate(data)


def declared(*apis: Api, plan: dict[str, Any] | None = None, subscribed: tuple[str, ...] = ("acme",), **more: Any) -> Declared:
    """`acme` and `bolt` are known; those of `subscribed` may call the first API."""
    subscriptions = {
        f"{who}-{apis[0].id}": Subscription(api=apis[0].id, plan="gold", consumer=who, state="active") for who in subscribed
    }
    made = Declared(
        apis=apis, plans={"gold": Plan.model_validate(plan or {"name": "Gold"})}, values=KEYS, subscriptions=subscriptions,
        consumers={id: consumer(id) for id in ("acme", "bolt")},
    )  # fmt: skip
    return replace(made, **more)


def place(root: Path, secrets: dict[str, str] | None = None) -> Place:
    state = root / ".tisserand" / "gateways"
    state.mkdir(parents=True, exist_ok=True)

    def secret(name: str) -> str:
        if name not in (secrets or {}):
            raise NodeError("There is no secret “{name}”.", name=name)
        return (secrets or {})[name]

    return Place(root, state, secret)


def expected(gateway: Gateway, what: Declared) -> Items:
    """What must be live after a push."""
    return without(what.items, gateway.dropped(what))
