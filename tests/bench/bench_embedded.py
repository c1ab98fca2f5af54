"""Embedded gateway bench: what it adds to a call, as a ratio to the same call without it, and how soon a change is live.

Usage: bench_embedded.py [SECONDS APIS]. wrk calls a service that answers at once: directly, through the gateway without a proof, with
a key, and with a token (RS256). Every round asks all ways in turn; the median round counts.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from measure import table

from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.process import EnvoyProcess
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.apis.model import Api, Consumer, Plan, Rate, Subscription
from tisserand.apis.neutral import Declared, fingerprint

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.servers.quick import Quick

CONNECTIONS = (1, 32)
ROUNDS = 3
CHANGES = 20
LIVE = 1.0
"""Seconds within which a change must be live."""
KEY = "k" * 32


def api(url: str, id: str, security: Mapping[str, Any]) -> Api:
    data = {"id": id, "version": "1", "lifecycle": "published", "route": {"base_path": f"/{id}"}, "security": [security],
            "upstream": {"targets": [{"url": url}]}}  # fmt: skip
    return Api.model_validate(data)


def declared(url: str, key: rsa.RSAPrivateKey, apis: int) -> Declared:
    """Three APIs that are called, and others that stand beside them."""
    public = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "one", "alg": "RS256"}
    made = [
        api(url, "open", {"kind": "open", "approved_by": "bench"}),
        api(url, "keyed", {"kind": "api_key"}),
        api(url, "signed", {"kind": "jwt", "issuer": "https://id.example", "audiences": ["bench"], "jwks": "keys"}),
        *(api(url, f"other-{number}", {"kind": "api_key"}) for number in range(apis)),
    ]
    credential = {
        "id": "main",
        "secret": "secret:x",
        "fingerprint": fingerprint(KEY),
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Declared(
        made,
        {"gold": Plan(rate=[Rate.model_validate({"count": 100_000_000, "per": "1s"})])},
        {"acme": Consumer.model_validate({"credentials": [credential]})},
        {each.id: Subscription(api=each.id, plan="gold", consumer="acme", state="active") for each in made},
        {"acme/main": KEY},
        {"keys": {"keys": [public]}},
    )


def asked(url: str, headers: Mapping[str, str], connections: int, seconds: int) -> tuple[float, float, float]:
    """Calls a second, and the latencies of half and of 99 in 100 of them, in ms."""
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *words, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text and "Socket errors" not in text, text
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate is not None, text
    return float(rate[1]), _ms(text, "50%"), _ms(text, "99%")


def _ms(text: str, which: str) -> float:
    found = re.search(rf"{which}\s+([\d.]+)(us|ms|s)", text)
    assert found is not None, text
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def until_live(gateway: EnvoyGateway, base: Declared, address: str) -> list[float]:
    """Seconds from the beginning of a push to the first call that meets the change."""
    found, url = [], f"{address}/keyed/v1/x"
    with requests.Session() as session:
        for number in range(CHANGES):
            policies = {"response_headers": {"set": {"x-change": str(number)}}}
            changed = Api.model_validate({**base.apis[1].model_dump(), "policies": policies})
            told = replace(base, apis=[base.apis[0], changed, *base.apis[2:]])
            pushing = threading.Thread(target=gateway.apply, args=(told, []))
            begun = time.perf_counter()
            pushing.start()
            while session.get(url, headers={"x-api-key": KEY}, timeout=10).headers.get("x-change") != str(number):
                time.sleep(0.01)  # asking takes time from the push, which runs in this process too
            found.append(time.perf_counter() - begun)
            pushing.join()
    return found


def main(seconds: int = 4, apis: int = 997) -> dict[str, Any]:
    if shutil.which("wrk") is None:
        return {"title": "Embedded gateway", "text": "wrk is not installed: nothing was measured."}
    key, root = rsa.generate_private_key(public_exponent=65537, key_size=2048), Path(tempfile.mkdtemp(prefix="bench-gateway-"))
    gateway = EnvoyGateway("bench", EnvoySettings(), Place(root, root / "state", lambda name: name))
    process, service = EnvoyProcess(gateway), Quick("bench")
    try:
        process.start()
        address = str(gateway.state()["address"])
        small = declared(service.url, key, 0)
        gateway.apply(small, [])
        token = jwt.encode(
            {"iss": "https://id.example", "aud": "bench", "sub": "acme", "exp": int(time.time()) + 3600},
            key,
            "RS256",
            {"kid": "one"},
        )
        ways: dict[str, tuple[str, dict[str, str]]] = {
            "direct": (f"{service.url}/x", {}), "gateway, open": (f"{address}/open/v1/x", {}),
            "gateway, key": (f"{address}/keyed/v1/x", {"x-api-key": KEY}),
            "gateway, token": (f"{address}/signed/v1/x", {"authorization": f"Bearer {token}"}),
        }  # fmt: skip
        figures: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        for _ in range(ROUNDS):
            for connections in CONNECTIONS:
                for way, (url, headers) in ways.items():
                    figures.setdefault((way, connections), []).append(asked(url, headers, connections, seconds))
        live = {len(small.apis): until_live(gateway, small, address)}
        if apis:
            large = declared(service.url, key, apis)
            gateway.apply(large, [])
            live[len(large.apis)] = until_live(gateway, large, address)
    finally:
        process.stop()
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    rows = []
    for connections in CONNECTIONS:
        plain = [statistics.median(each) for each in zip(*figures["direct", connections], strict=True)]
        for way in ways:
            rate, half, most = (statistics.median(each) for each in zip(*figures[way, connections], strict=True))
            rows.append(
                [
                    str(connections),
                    way,
                    f"{rate:,.0f}",
                    f"{rate / plain[0]:.2f}",
                    f"{half:.2f}",
                    f"{half - plain[1]:+.2f}",
                    f"{most:.2f}",
                ]
            )
    told = "; ".join(
        f"with {count:,} APIs half of them within {statistics.median(each):.3f} s, the slowest {max(each):.3f} s"
        for count, each in live.items()
    )
    verdict = "met" if all(max(each) < LIVE for count, each in live.items()) else "MISSED"
    head = ["connections", "way", "calls/s", "ratio to direct", "p50 ms", "added ms", "p99 ms"]
    text = (
        f"wrk, {seconds} s each, median of {ROUNDS} rounds; wrk, the gateway (one worker) and the service share the processor.\n\n"
        f"{table(head, rows)}\n\nFrom the beginning of a push of one change until a call meets it, {CHANGES} times: {told}. "
        f"Wanted: below {LIVE:g} s, {verdict}."
    )
    found = {"ways": {f"{way} {connections}": each for (way, connections), each in figures.items()}, "live": live}
    return {"title": "Embedded gateway", "text": text, "found": found}


if __name__ == "__main__":
    report = main(*(int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else ())
    print(report["text"])
    print(json.dumps(report.get("found")))
