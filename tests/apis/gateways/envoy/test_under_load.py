"""Pushes while many call: no request is lost, whatever is changed."""

import re
import shutil
import subprocess
import time

import pytest
from tests.apis.gateways.envoy.declaring import api, declared
from tests.servers.quick import Quick

from tisserand.apis.model import Consumer, Plan, Rate, Subscription

SECONDS = 4


@pytest.fixture
def services():
    made = [Quick("one"), Quick("two")]
    yield made
    for each in made:
        each.stop()


def figures(text):
    """Requests, answers that were no success, and socket errors, as wrk tells them."""
    requests = int(re.search(r"(\d+) requests in", text)[1])
    odd = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return requests, int(odd[1]) if odd else 0, sum(map(int, errors.groups())) if errors else 0


def test_pushes_under_load_lose_no_request(site, services):
    if shutil.which("wrk") is None:
        pytest.skip("needs server: wrk")
    one, two = services
    other = api(two.url, "second")
    site.push(declared(api(one.url), other))
    command = [
        "wrk",
        "-t1",
        "-c16",
        f"-d{SECONDS}s",
        "--timeout",
        "20s",
        "-H",
        "x-api-key: key-of-acme",
        f"{site.url}/orders/v1/x",
    ]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pushes, end = 0, time.monotonic() + SECONDS - 0.5
    variants = [
        declared(api(two.url), other), declared(api(one.url)), declared(api("", upstream={"targets": [{"url": one.url}, {"url": two.url}]})),
        declared(api(one.url, policies={"max_body": "1MB", "ip_deny": ["10.0.0.0/8"]}), other),
        declared(api(one.url), plan=Plan(rate=[Rate(count=1_000_000, per="1s")])),
        declared(api(one.url), consumers={"new": Consumer()}, subscriptions={
            "new-orders": Subscription(api="orders", plan="gold", consumer="new", state="active")}),
        declared(api(one.url, security=[{"kind": "api_key"}, {"kind": "basic"}], lifecycle="deprecated"), other),
    ]  # fmt: skip
    while time.monotonic() < end:
        told = variants[pushes % len(variants)]
        site.gateway.apply(told, [])
        pushes += 1
        time.sleep(0.02)
    text, _ = load.communicate(timeout=30)
    requests, odd, errors = figures(text)
    assert requests > 100 and pushes > 3, text
    assert (odd, errors) == (0, 0), text
    # The same measure sees a loss: one push that takes the API away.
    load = subprocess.Popen([*command[:3], "-d2s", *command[4:]], stdout=subprocess.PIPE, text=True)
    site.gateway.apply(declared(other), [])
    text, _ = load.communicate(timeout=30)
    assert figures(text)[1] > 0, text
