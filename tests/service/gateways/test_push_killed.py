"""The executor is killed at each write of a push to the embedded gateway: the next start explains it, and the next push finishes it."""

import os
import subprocess
import sys

import pytest
from tests.servers import envoy
from tests.service.gateways.conftest import ID, Desk

from tisserand.apis.gateways.envoy import adapter
from tisserand.service.local import LocalExecutor

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PUSHES = """
import os, shutil, signal, sys
from itertools import count
from pathlib import Path
from tisserand.apis.gateways.envoy import adapter
from tisserand.service.local import LocalExecutor

adapter.refused = lambda *_told: ""  # nothing is wrong, and looking takes long
replace = Path.replace

def push(root, left, what):
    def counted(*_told):
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    gateways = LocalExecutor(root).gateways
    gateways.gateway("main")
    gateways.pushing.store._on_write = counted
    Path.replace = lambda self, target: (counted(), replace(self, target))[1]
    getattr(gateways, what)("main", by="ann")
    os._exit(0)

for writes in count():
    root = Path(shutil.copytree(sys.argv[1], Path(sys.argv[2]) / str(writes)))
    child = os.fork()
    if not child:
        push(root, writes, sys.argv[3])
    status = os.waitpid(child, 0)[1]
    if status != signal.SIGKILL:
        sys.exit(status)
"""
"""In each of its own, of which number n is killed before its write n, until one gets to the end. Nothing runs when they are forked."""


@pytest.fixture
def desk(tmp_path, secrets_in_a_file):
    envoy.needed()
    (tmp_path / "tisserand.yaml").write_text(f"id: {ID}\nexecutor: {{warm: false}}\n")
    (tmp_path / "flows").mkdir()
    desk = Desk(tmp_path)
    desk.write("gateways.yaml", {"main": {"type": "envoy"}})
    desk.write("plans.yaml", {"gold": {"rate": [{"count": 5, "per": "1s"}]}})
    desk.consumer("acme", "key-of-acme")
    desk.write("subscriptions.yaml", {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}})
    desk.api()
    return desk


def converges(root, told):
    """The next start explains what is there, and doing it again finishes it."""
    executor = LocalExecutor(root)
    gateways = executor.gateways
    try:
        assert gateways.recover()  # the next start
        live, last = gateways.gateway("main").read().items, gateways.history("main")[0]
        if last.by != "ann":
            told.append("not begun")
        elif last.result == "failed":
            told.append("a part" if "a part of it is live" in last.problem.line() else "nothing")
        else:
            told.append("all" if last.problem is None else "all, not written down")
            assert last.problem is None or "all of it was live already" in last.problem.line()
        good = next(each for each in gateways.history("main") if each.result in ("done", "rolled back"))
        as_told = live == gateways.pushing.store.held("main", good.number).items
        assert as_told == (told[-1] != "a part") == (gateways.drift("main") == [])
        gateways.push("main", by="bob")
        assert gateways.plan("main").changes == () == tuple(gateways.drift("main"))
        assert [each.result for each in gateways.history("main") if each.result == "begun"] == []
        numbers = [each.number for each in gateways.history("main")]
        assert numbers == list(range(len(numbers), 0, -1)), "no push is lost from the record"
    finally:
        executor.close()


@pytest.mark.parametrize("what", ["push", pytest.param("rollback", marks=pytest.mark.soak)])
def test_killed_at_each_write(desk, tmp_path_factory, monkeypatch, what):
    """`on_write` of the store and every file that is moved into its place are counted alike."""
    monkeypatch.setattr(adapter, "refused", lambda *_told: "")
    executor = LocalExecutor(desk.root)
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://new.example.org"}]})
    desk.api(id="second", route={"base_path": "/second"})
    desk.write("plans.yaml", {"gold": {"rate": [{"count": 7, "per": "1s"}]}})
    if what == "rollback":
        executor.gateways.push("main")
    executor.close()
    places, told = tmp_path_factory.mktemp("killed"), []
    subprocess.run([sys.executable, "-c", PUSHES, str(desk.root), str(places), what], check=True, timeout=90)
    for place in sorted(places.iterdir(), key=lambda each: int(each.name)):
        converges(place, told)
    assert {"nothing", "a part", "all"} <= {*told} and len(told) > 5, told
