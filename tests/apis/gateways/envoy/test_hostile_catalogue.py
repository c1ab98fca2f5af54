"""A catalogue in which each value in turn is replaced by something that nobody expects there: it is refused with a sentence, or Envoy takes
what is made of it; never is there a traceback."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.apis.gateways.envoy.conftest import Site

from tisserand.apis.catalogue.declaring import Surroundings, declared
from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy import adapter
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.apis.neutral import Declared, fingerprint

KEY = {
    "kty": "EC", "kid": "one", "alg": "ES256", "crv": "P-256",  # RFC 7515, A.3
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip
POLICIES = {
    "cors": {"origins": ["https://a.example"], "methods": ["GET"], "headers": ["x-a"], "expose": ["x-b"], "credentials": True, "max_age": "1min"},
    "max_body": "1MB", "ip_allow": ["10.0.0.0/8"], "ip_deny": ["203.0.113.7"], "cache": 0,
    "request_headers": {"set": {"x-c": "c"}, "remove": ["x-d"]}, "response_headers": {"set": {"x-e": "e"}, "remove": ["x-f"]},
}  # fmt: skip
API = {
    "id": "orders", "version": "1", "name": "Orders", "summary": "All of them", "lifecycle": "deprecated", "since": "2026-01-01T00:00:00Z",
    "sunset": "2027-01-01", "owner": "ann", "tags": ["a"], "openapi": "", "policies": POLICIES, "plans": ["gold"], "gateways": ["main"],
    "route": {"base_path": "/orders", "versioning": "path", "name": "version", "hosts": ["api.example"], "strip": True,
              "operations": [{"method": "POST", "path": "/items/{id}", "id": "add", "policies": POLICIES}]},
    "upstream": {"flow": "", "targets": [{"url": "http://127.0.0.1:9/base", "weight": 2}], "mode": "sync", "timeout": "5s", "retries": 2,
                 "verify": True, "health": {"path": "/health", "every": "10s", "timeout": "1s", "unhealthy": 2, "healthy": 2}},
    "security": [{"kind": "api_key", "place": "header", "name": "x-key"}, {"kind": "basic"},
                 {"kind": "jwt", "issuer": "https://id.example", "audiences": ["a"], "jwks": "keys.json", "consumer_claim": "sub"}],
}  # fmt: skip
FILES: dict[str, Any] = {
    "apis/orders-1.yaml": API,
    "plans.yaml": {"gold": {"name": "Gold", "summary": "", "rate": [{"count": 5, "per": "1s"}], "quota": {"count": 9, "period": "day"},
                            "price": "0", "approval": "manual"}},
    "consumers.yaml": {"acme": {"name": "Acme", "contact": "a@example.org", "subject": "acme-app", "tags": ["a"], "credentials": [
        {"id": "k1", "kind": "api_key", "secret": "secret:k1", "fingerprint": fingerprint("key-of-acme"), "created": "2026-01-01T00:00:00Z",
         "expires": "2999-01-01T00:00:00Z", "state": "active"}]}},
    "subscriptions.yaml": {"acme-orders": {"api": "orders", "version": "1", "plan": "gold", "consumer": "acme", "state": "active",
                                           "start": "2026-01-01", "end": "2999-01-01", "decided_by": "ann"}},
}  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 10**30, 1e308, math.nan, math.inf, "", " ", "0", "0s", "1ms", "999999999d", "0B", "é", "a\nb", "\r\nx-evil: 1", "%REQ(x)%",
    "{}", "{a", "(.*", "[", "*", "..", "/..", "/a/{b}", "//", "\\", "]] os.exit()", "' or 1=1 --", "x" * 300, "/" + "y" * 3000, "\u202e\u0000",
    "http://[::1", "https://a:99999", "http://169.254.169.254", "::ffff:0:0/0", "2026-02-30", [], {}, [[]], {"a": {"b": "c"}}, ["a"] * 50,
]  # fmt: skip
AROUND = Surroundings(
    lambda names: dict.fromkeys(names, "key-of-acme"),
    {},
    {},
    lambda _place: {"keys": [KEY]},
    datetime(2026, 11, 1, tzinfo=UTC),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands, names of entries among it."""
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def changed(path: tuple[Any, ...], odd: Any, name: bool) -> Any:
    """The file with an odd value in one place, or an odd name instead of the one there."""
    data = copy.deepcopy(FILES)
    inner: Any = data
    for step in path[:-1]:
        inner = inner[step]
    if name:
        inner[odd if isinstance(odd, str) else repr(odd)] = inner.pop(path[-1])
    else:
        inner[path[-1]] = odd
    return data[path[0]]


def attempts(file: str) -> Iterator[tuple[str, Any]]:
    """What is tried, and the file that it makes."""
    for path in places(FILES[file], (file,)):
        for odd in ODD:
            if len(path) > 1:
                yield f"{path} = {odd!r}"[:200], changed(path, odd, False)
        if isinstance(path[-1], str) and len(path) > 1:
            for odd in ODD[8:32]:
                yield f"{path} named {odd!r}"[:200], changed(path, odd, True)


SOME, ALL = 120, 100_000
"""How many attempts at each file: some of them, drawn by chance but the same each time, or all."""


@pytest.mark.parametrize("most", [SOME, pytest.param(ALL, marks=pytest.mark.soak)])
@pytest.mark.parametrize("file", FILES)
def test_any_value_anywhere(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, file: str, most: int) -> None:
    real = adapter.refused
    monkeypatch.setattr(adapter, "refused", lambda *_told: "")
    state = tmp_path / "state"
    state.mkdir()
    gateway = EnvoyGateway("main", EnvoySettings(), Place(tmp_path, state, lambda name: name))
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(data))
    taken: dict[str, Declared] = {}
    refused = 0
    tried = list(attempts(file))
    drawn = random.Random(1).sample(tried, min(most, len(tried)))
    for number, (what, data) in enumerate([("as it is", FILES[file]), *drawn]):
        (tmp_path / file).write_text(f"# {number}\n" + yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True))
        told, problems = declared(Catalogue(tmp_path), "main", AROUND)
        problems += gateway.validate(told)
        for each in problems:
            text = each.message.text("en")
            assert text and "Traceback" not in text and "key-of-acme" not in text and len(text) < 5000, what
        if any(each.severity == "error" for each in problems):
            refused += 1
        else:
            gateway.dropped(told), told.items
            taken[what] = told
    assert refused > 20 and "as it is" in taken
    # All of them in one: what is taken, Envoy takes too.
    everything = together([*taken.values()])
    monkeypatch.setattr(adapter, "refused", real)
    wrong = [each.message.text("en") for each in site.gateway.validate(everything)]
    assert wrong == [], [what for what, told in taken.items() if site.gateway.validate(together([told]))]


def together(all_of: list[Declared]) -> Declared:
    """Many catalogues as one, each under names of its own."""
    apis, plans, consumers, values = [], {}, {}, {}
    for number, told in enumerate(all_of):
        for api in told.apis:
            route = api.route.model_copy(update={"base_path": f"/n{number}{api.route.base_path}"})
            apis.append(api.model_copy(update={"id": f"n{number}", "route": route}))
        for id, plan in told.plans.items():
            plans[f"n{number}-{id}"[:63]] = plan
        for id, consumer in told.consumers.items():
            consumers[f"n{number}-{id}"[:63]] = consumer.model_copy(update={"subject": f"n{number}"})
            values |= {f"n{number}-{id}"[:63] + f"/{each.id}": f"key-{number}" for each in consumer.credentials}
    return Declared(
        apis,
        plans,
        consumers,
        {},
        values,
        {each.jwks: {"keys": [KEY]} for api in apis for each in api.security if each.kind == "jwt"},
    )
