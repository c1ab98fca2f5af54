"""Gateways bench: a large catalogue from its files into a gateway: plan, push, read back, again with nothing to do, and one change.

Usage: bench_gateways.py [APIS CONSUMERS SUBSCRIPTIONS]. The gateway is the embedded Envoy where its adapter is installed; otherwise
the stand-in of the tests, which writes one file, and the report says so: then it is our own part only that is measured.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from measure import table

from tisserand.apis.gateways import kinds
from tisserand.apis.neutral import fingerprint
from tisserand.service.gateways.embedded import Embedded
from tisserand.service.local import LocalExecutor
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import FileStore

BUDGET = 60.0
"""Seconds for the first plan and the first push together."""
AT_ONCE = 1.0
"""Seconds from a change that is declared until it is live; the middle one of `CHANGES`."""
CHANGES = 5
STAND_IN = "tests.service.gateways.fake:FakeGateway"


def gateway_type() -> str:
    if "envoy" in kinds.ADAPTERS:
        return "envoy"
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    kinds.ADAPTERS["stand-in"] = STAND_IN
    return "stand-in"


def api(number: int, host: str = "127.0.0.1:9") -> dict[str, Any]:
    return {
        "id": f"api-{number}", "version": "1", "name": f"API {number}", "lifecycle": "published", "owner": f"team {number % 20}",
        "tags": [f"t{number % 30}"], "route": {"base_path": f"/api-{number}"}, "upstream": {"targets": [{"url": f"http://{host}"}]},
        "plans": ["gold", "free"],
        "policies": {"max_body": "1MB", "cors": {"origins": ["https://shop.example.org"]}} if number % 3 == 0 else {},
    }  # fmt: skip


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False))


def catalogue(root: Path, apis: int, consumers: int, subscriptions: int, kind: str) -> None:
    """The files, and the keys in the store of secrets."""
    rnd = random.Random(7)
    write(root / "gateways.yaml", {"main": {"type": kind}})
    write(root / "plans.yaml", {"gold": {"rate": [{"count": 100, "per": "1s"}], "quota": {"count": 1_000_000, "period": "month"}},
                                "free": {"rate": [{"count": 5, "per": "1s"}], "quota": {"count": 1000, "period": "day"}}})  # fmt: skip
    for number in range(apis):
        write(root / "apis" / f"api-{number}.yaml", api(number))
    store = FileStore(Workspace(root).id)
    values = {f"consumer-{number}.main": rnd.randbytes(24).hex() for number in range(consumers)}
    # One write for all: what a person issues key by key.
    write_all(store, values)
    write(root / "consumers.yaml", {
        name.removesuffix(".main"): {"name": name, "credentials": [{
            "id": "main", "secret": f"secret:{name}", "fingerprint": fingerprint(value), "created": "2026-01-01T00:00:00Z",
        }]} for name, value in values.items()
    })  # fmt: skip
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < subscriptions:
        pairs[rnd.randrange(consumers), rnd.randrange(apis)] = None
    write(root / "subscriptions.yaml", {
        f"s-{who}-{what}": {"api": f"api-{what}", "plan": rnd.choice(("gold", "free")), "consumer": f"consumer-{who}", "state": "active"}
        for who, what in pairs
    })  # fmt: skip


def write_all(store: FileStore, values: dict[str, str]) -> None:
    import base64
    import secrets

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data = store._read()
    cipher = AESGCM(store._key(data))
    for name, value in values.items():
        nonce = secrets.token_bytes(12)
        data["secrets"][name] = base64.b64encode(nonce + cipher.encrypt(nonce, value.encode(), store._bound_to(name))).decode()
    store._write(data)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = call()
    return time.perf_counter() - begun, found


def main(apis: int = 1000, consumers: int = 5000, subscriptions: int = 20_000) -> dict[str, Any]:
    kind = gateway_type()
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        os.environ.update({"TISSERAND_SECRETS": "file", "XDG_CONFIG_HOME": f"{folder}/config"})
        root = Workspace.create(Path(folder) / "w").root
        catalogue(root, apis, consumers, subscriptions, kind)
        executor = LocalExecutor(root)
        gateways = executor.gateways
        serving = Embedded(executor)
        try:
            serving.work()  # where it is Envoy, it runs: files are live before the next is written
            found: dict[str, float] = {}
            found["first plan, all files read"], plan = timed(lambda: gateways.plan("main"))
            assert len(plan.changes) == apis + consumers + subscriptions + 2 and not plan.problems, plan.problems[:3]
            accept = sorted({each.name for each in plan.dropped if each.weight != "other"})
            found["first push, read back and compared"], pushed = timed(lambda: gateways.push("main", accept))
            assert pushed.changes == len(plan.changes)
            found["plan with nothing to do"], plan = timed(lambda: gateways.plan("main"))
            assert plan.changes == ()
            pushes = []
            for number in range(CHANGES):
                write(root / "apis" / "api-1.yaml", api(1, f"127.0.0.1:{10 + number}"))
                seconds, pushed = timed(lambda: gateways.push("main", accept))
                assert pushed.changes == 1
                pushes.append(seconds)
            found["push of one change, until it is live"] = statistics.median(pushes)
            terms = executor.apis
            found["subscribe one more"], subscription = timed(lambda: terms.subscribe("api-1", "gold", "consumer-1"))
            found["suspend it"], _ = timed(lambda: terms.decide(subscription, "suspended"))
            found["issue a key"], _ = timed(lambda: terms.issue("consumer-1"))
            found["push of a new key, until it opens"], pushed = timed(lambda: gateways.push("main", accept))
            assert pushed.changes == 1
            found["rollback"], pushed = timed(lambda: gateways.rollback("main"))
            assert pushed.changes == 1
            gateways.follow()
            found["one pass of the executor, nothing to do"], _ = timed(gateways.follow)
            size = (root / ".tisserand" / "gateways.sqlite").stat().st_size
        finally:
            serving.end()
            executor.close()
    both = found["first plan, all files read"] + found["first push, read back and compared"]
    change = found["push of one change, until it is live"]
    verdict = "met" if both <= BUDGET else "MISSED"
    quick = "met" if change <= AT_ONCE else "MISSED"
    rows = [[name, f"{seconds:.2f}"] for name, seconds in found.items()]
    where = "the embedded Envoy, which runs" if kind == "envoy" else "a stand-in that writes one file (no Envoy adapter here)"
    text = (
        f"{apis:,} APIs, {consumers:,} consumers, {subscriptions:,} subscriptions, pushed to {where}.\n\n"
        f"{table(['what', 'seconds'], rows)}\n\nPlan and push: {both:.1f} s of {BUDGET:.0f} s, {verdict}. A change live: {change:.2f} s of "
        f"{AT_ONCE:.0f} s (the middle one of {CHANGES}), {quick}. "
        f"The store of the pushes then takes {size / 1e6:.1f} MB."
    )
    return {"title": "Gateways", "text": text, "gateway": kind, "found": found}


if __name__ == "__main__":
    report = main(*(int(argument.replace("_", "")) for argument in sys.argv[1:4]))
    print(report["text"])
    print(json.dumps(report["found"]))
