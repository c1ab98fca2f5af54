"""The whole product with its embedded gateway: `tisserand serve` starts Envoy, `tisserand gateway push` opens an API, a kill loses neither."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import requests
from tests.service.gateways.conftest import secrets_in_a_file
from tests.service.gateways.test_embedded import desk, envoys, soon

from tisserand.service.serve import running

__all__ = ["desk", "secrets_in_a_file"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
MAIN = [sys.executable, "-c", "from tisserand.cli.main import main; main()"]


@pytest.fixture
def serve(desk):
    begun = []

    def start():
        process = subprocess.Popen(
            [*MAIN, "serve", "--workspace", str(desk.root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        begun.append(process)
        soon(lambda: running(desk.root) is not None, seconds=30)
        return process

    yield start
    for process in begun:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tisserand(desk, *words):
    done = subprocess.run([*MAIN, *words, "--workspace", str(desk.root), "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def status(desk):
    try:
        port = json.loads((desk.state / "address.json").read_text())["port"]
        return requests.get(f"http://127.0.0.1:{port}/orders/v1/x", headers={"x-api-key": "key-of-acme"}, timeout=5).status_code
    except (OSError, ValueError):
        return None


def test_served_pushed_killed_and_served_again(desk, serve):
    first = serve()
    soon(lambda: status(desk), 404)
    tisserand(desk, "gateway", "push", "main", "--yes")
    soon(lambda: status(desk), 200)
    time.sleep(0.5)  # what is lost by a kill are the calls of the last moment
    first.kill()
    first.wait()
    soon(lambda: envoys(desk.root), [])
    assert status(desk) is None
    second = serve()
    soon(lambda: status(desk), 200)  # at the same address, with what was pushed
    assert len(envoys(desk.root)) == 1
    sent = desk.echo.asked
    end = time.monotonic() + 15
    while time.monotonic() < end:
        found = tisserand(desk, "gateway", "usage", "--by", "consumer")
        if sum(each["requests"] for each in found["usage"] if each["group"]["consumer"] == "acme") >= sent:
            break
        time.sleep(0.3)
    assert sum(each["requests"] for each in found["usage"] if each["group"]["consumer"] == "acme") >= sent
    second.send_signal(signal.SIGTERM)
    second.wait(20)
    assert envoys(desk.root) == []
