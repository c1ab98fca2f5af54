"""Catalogues drawn by chance, in everything that a file may say; the same for the same seed."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

from tisserand.apis.model import Api, Consumer, Plan, Subscription
from tisserand.apis.neutral import Declared, fingerprint


def declared(seed: int, apis: int = 5, consumers: int = 6, subscriptions: int = 10) -> Declared:
    draw = random.Random(seed)
    made = [_api(draw, number) for number in range(apis)]
    plans = {f"plan-{number}": _plan(draw) for number in range(3)}
    people, values = {}, {}
    for number in range(consumers):
        id = f"consumer-{number}"
        people[id], secrets = _consumer(draw, id)
        values |= secrets
    pairs = sorted({(draw.choice(made).key, draw.choice(sorted(people))) for _ in range(subscriptions)})
    bought = {}
    for number, (key, consumer) in enumerate(pairs):
        id, _, version = key.partition("@")
        bought[f"sub-{number}"] = Subscription(
            api=id, version=draw.choice(["", version]), plan=draw.choice(sorted(plans)), consumer=consumer, state="active"
        )
    jwks = {each.jwks: {"keys": []} for api in made for each in api.security if each.kind == "jwt"}
    return Declared(made, plans, people, bought, values, jwks)


def _maybe(draw: random.Random, value: Any, otherwise: Any = None, chance: float = 0.4) -> Any:
    return value if draw.random() < chance else otherwise


def _policies(draw: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cors": _maybe(draw, {"origins": draw.sample(["https://a.example", "https://b.example"], 1), "credentials": draw.random() < 0.5}),
        "max_body": _maybe(draw, draw.choice(["10KB", "1MiB", "3MB"])),
        "ip_allow": _maybe(draw, draw.sample(["10.0.0.0/8", "192.168.1.1", "2001:db8::/32"], 2), [], 0.2),
        "ip_deny": _maybe(draw, ["203.0.113.0/24"], [], 0.2),
        "request_headers": {"set": _maybe(draw, {"x-from": "a: b, “c” `d`"}, {}), "remove": _maybe(draw, ["x-debug"], [])},
        "response_headers": {"set": _maybe(draw, {"x-frame-options": "DENY"}, {}), "remove": _maybe(draw, ["server"], [])},
        "cache": _maybe(draw, 30, 0, 0.2),
    }  # fmt: skip
    return found


def _api(draw: random.Random, number: int) -> Api:
    operations = [
        {
            "method": draw.choice(["GET", "POST", "PUT", "DELETE"]),
            "path": path,
            "policies": _maybe(draw, _policies(draw), None, 0.3),
        }
        for path in draw.sample(["/", "/items", "/items/{id}", "/items/{id}/lines.csv", "/a-b/{x}.{y}"], draw.randint(0, 3))
    ]
    ways: list[dict[str, Any]] = [
        {"kind": "api_key"}, {"kind": "api_key", "place": "query", "name": "key"}, {"kind": "basic"}, {"kind": "mtls"},
        {"kind": "jwt", "issuer": "https://id.example", "audiences": ["orders"], "jwks": "keys.json"},
    ]  # fmt: skip
    lifecycle = draw.choice(["published", "published", "deprecated", "retired"])
    secure = draw.random() < 0.3
    data = {
        "id": f"api-{number // 2}", "version": f"{number % 2 + 1}.0", "name": f"API “{number}”, ü", "lifecycle": lifecycle,
        "since": datetime(2026, 1, 1, tzinfo=UTC), "sunset": _maybe(draw, date(2027, 1, 1)) if lifecycle != "published" else None,
        "route": {
            "base_path": f"/api-{number // 2}", "versioning": draw.choice(["path", "header", "query"]),
            "hosts": _maybe(draw, ["api.example"], [], 0.2), "strip": draw.random() < 0.7, "operations": operations,
        },
        "upstream": {
            "targets": [
                {"url": f"http{'s' * secure}://back-{each}.example:{8000 + each}/base", "weight": draw.randint(1, 9)}
                for each in range(draw.randint(1, 3))
            ],
            "timeout": draw.choice(["500ms", "15s"]), "retries": draw.choice([0, 0, 2]), "verify": draw.random() < 0.7,
            "health": _maybe(draw, {"path": "/health", "every": "30s"}, None, 0.3),
        },
        "security": [{"kind": "open", "approved_by": "root"}] if draw.random() < 0.1 else draw.sample(ways, draw.randint(1, 3)),
        "policies": _policies(draw),
    }  # fmt: skip
    return Api.model_validate(data)


def _plan(draw: random.Random) -> Plan:
    rates = draw.sample(
        [{"count": 10, "per": "1s"}, {"count": 100, "per": "1min"}, {"count": 7, "per": "90s"}], draw.randint(0, 2)
    )
    quota = _maybe(draw, {"count": 10_000, "period": draw.choice(["hour", "day", "week", "month"])})
    return Plan.model_validate({"name": "Plan", "rate": rates, "quota": quota})


def _consumer(draw: random.Random, id: str) -> tuple[Consumer, dict[str, str]]:
    credentials, values = [], {}
    for each in range(draw.randint(0, 2)):
        value = f"{id}-{draw.getrandbits(128):032x}"
        kind = draw.choice(["api_key", "api_key", "api_key" if each else "basic"])
        credentials.append({
            "id": f"key-{each}", "kind": kind, "secret": f"secret:{id}.{each}", "fingerprint": fingerprint(value),
            "created": datetime(2026, 1, 1, tzinfo=UTC), "expires": _maybe(draw, datetime(2030, 1, 1, tzinfo=UTC)),
        })  # fmt: skip
        values[f"{id}/key-{each}"] = value
    return Consumer.model_validate({"name": id, "subject": _maybe(draw, f"sub-{id}", ""), "credentials": credentials}), values
