"""What is asked of tokens changes while many call with one: no request is lost."""

import shutil
import subprocess
import time

import pytest
from tests.apis.gateways.envoy.declaring import api, declared
from tests.apis.gateways.envoy.test_forged_tokens import SIGNER, WAY, public, token
from tests.apis.gateways.envoy.test_under_load import figures
from tests.servers.quick import Quick

from tisserand.apis.model import Consumer

SECONDS = 2


def test_pushes_of_other_demands_on_tokens(site):
    if shutil.which("wrk") is None:
        pytest.skip("needs server: wrk")
    service = Quick("one")
    ways = [WAY, {**WAY, "audiences": ["orders", "more"]}, {**WAY, "consumer_claim": "sub", "audiences": []}]
    variants = [
        declared(
            api(service.url, security=list(each)), consumers={"acme": Consumer(subject="acme-app")}, values={},
            jwks={"keys.json": {"keys": [public(SIGNER, alg="RS256")]}},
        )
        for each in ([ways[0]], [ways[1]], [ways[2], ways[0]], [ways[1], {"kind": "api_key"}])
    ]  # fmt: skip
    try:
        site.push(variants[0])
        header = f"authorization: Bearer {token()}"
        command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "--timeout", "20s", "-H", header, f"{site.url}/orders/v1/x"]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        pushes, end = 0, time.monotonic() + SECONDS - 0.3
        while time.monotonic() < end:
            pushes += 1
            site.gateway.apply(variants[pushes % len(variants)], [])
        text, _ = load.communicate(timeout=30)
        requests, odd, errors = figures(text)
        assert requests > 50 and pushes > 3, text
        assert (odd, errors) == (0, 0), text
        # What is no longer asked for is not kept.
        site.push(variants[0])
        assert len(site.gateway.folder.path.joinpath("filter-jwt_authn.json").read_text().split('"issuer"')) == 2
    finally:
        service.stop()
