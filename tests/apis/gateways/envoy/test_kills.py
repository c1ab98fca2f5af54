"""Whoever pushes is killed at every file that it writes: the gateway serves on, tells the truth, and the next push finishes it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.apis.gateways.envoy.declaring import api, declared

from tisserand.apis.gateways.compare import without

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PUSH = """
import os, signal, sys
from pathlib import Path
from tisserand import files
from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.settings import EnvoySettings

sys.path.insert(0, sys.argv[1])
from tests.apis.gateways.envoy.test_kills import after
root, left = Path(sys.argv[2]), int(sys.argv[4])
replace = Path.replace

def counted(self, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return replace(self, target)

Path.replace = counted
gateway = EnvoyGateway("local", EnvoySettings(), Place(root, root / ".tisserand" / "gateways" / "local", lambda name: name))
gateway.apply(after(sys.argv[3]), [])
"""


def after(url):
    """What the push is to make live."""
    changed = api(url, policies={"ip_deny": ["10.0.0.0/8"]})
    return declared(changed, api(url, "new"))


def pushed(site, writes):
    """Push in a process of its own that is killed before its write number `writes`; whether it got to the end."""
    here = str(Path(__file__).resolve().parents[4])
    words = [here, str(site.gateway.place.root), site.two.url, str(writes)]
    done = subprocess.run([sys.executable, "-c", PUSH, *words], check=False, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode == 0


def test_a_push_killed_anywhere(site):
    before = declared(api(site.one.url), api(site.one.url, "gone"))
    wanted = {name: without(told.items, ()) for name, told in (("before", before), ("after", after(site.two.url)))}
    site.push(before)
    statuses, over = [], threading.Event()

    def call():
        while not over.wait(0.005):
            statuses.append(site.call("/orders/v1/x").status_code)

    calling = threading.Thread(target=call)
    calling.start()
    try:
        finished, writes = False, 0
        while not finished:
            site.push(before)
            finished = pushed(site, writes)
            live = site.gateway.read().items
            if not finished and live not in wanted.values():
                assert any("changed_by_hand" in content or name not in wanted["before"] for name, content in live.items()) or (
                    live.keys() != wanted["before"].keys()
                )
            writes += 1
        assert site.gateway.read().items == wanted["after"]
    finally:
        over.set()
        calling.join()
    assert writes > 4, "more than one file was written"
    assert {*statuses} == {200}, "served all the time"
    site.push(before)
    assert site.gateway.read().items == wanted["before"]
