"""What the tests of the gateway declare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tisserand.apis.model import Api, Consumer, Credential, Operation, Plan, Quota, Rate, Route, Subscription, Target, Upstream
from tisserand.apis.neutral import Declared, fingerprint

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def credential(id: str, value: str) -> Credential:
    return Credential(id=id, secret=f"secret:{id}", fingerprint=fingerprint(value), created=NOW)  # type: ignore[arg-type]


def api(url: str, id: str = "orders", version: str = "1", **more: Any) -> Api:
    """A published API before a service."""
    route = more.pop("route", None) or {"base_path": f"/{id}"}
    upstream = more.pop("upstream", None) or {"targets": [{"url": url}]}
    data = {"id": id, "version": version, "lifecycle": "published", "since": NOW, "route": route, "upstream": upstream, **more}
    return Api.model_validate(data)


def declared(*apis: Api, **more: Any) -> Declared:
    """With two consumers: acme is subscribed to everything, other to nothing."""
    plan: Plan = more.pop("plan", Plan())
    subscriptions = {
        f"acme-{id}": Subscription(api=id, plan="gold", consumer="acme", state="active") for id in {each.id for each in apis}
    }
    return Declared(
        apis=apis,
        plans={"gold": plan},
        consumers={
            "acme": Consumer(name="Acme", credentials=[credential("k1", "key-of-acme")]),
            "other": Consumer(name="Other", credentials=[credential("k2", "key-of-other")]),
            **more.pop("consumers", {}),
        },
        subscriptions={**subscriptions, **more.pop("subscriptions", {})},
        values={"acme/k1": "key-of-acme", "other/k2": "key-of-other", **more.pop("values", {})},
        **more,
    )


__all__ = ["NOW", "Operation", "Quota", "Rate", "Route", "Target", "Upstream", "api", "credential", "declared"]
