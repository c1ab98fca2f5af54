"""The executor keeps its Envoy: started, watched, restarted, ended with it however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import requests
from tests.apis.gateways.envoy.conftest import Echo
from tests.servers import envoy
from tests.service.gateways.conftest import ID, Desk

from tisserand.apis.gateways.envoy.process import FLUSH
from tisserand.apis.usage import UsageQuery
from tisserand.service.gateways.embedded import Embedded
from tisserand.service.local import LocalExecutor

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

SERVE = """
import sys, threading, time
from pathlib import Path
from tisserand.apis.gateways.envoy.process import FLUSH
from tisserand.apis.usage import UsageQuery
from tisserand.service.gateways.embedded import Embedded
from tisserand.service.local import LocalExecutor
part = Embedded(LocalExecutor(Path(sys.argv[1])))
part.start()
print("started", flush=True)
time.sleep(600)
"""


def soon(ask, wanted=True, seconds=20):
    end = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted


@pytest.fixture
def desk(tmp_path, secrets_in_a_file):
    envoy.needed()
    (tmp_path / "tisserand.yaml").write_text(f"id: {ID}\nexecutor: {{warm: false}}\n")
    (tmp_path / "flows").mkdir()
    made = Desk(tmp_path)
    made.echo = Echo("one")
    made.write("gateways.yaml", {"main": {"type": "envoy"}})
    made.write("plans.yaml", {"gold": {}})
    made.consumer("acme", "key-of-acme")
    made.write("subscriptions.yaml", {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}})
    made.api(upstream={"targets": [{"url": made.echo.url}]})
    yield made
    made.echo.shutdown()
    for process in envoys(tmp_path):
        process.kill()


@pytest.fixture
def executor(desk):
    made = LocalExecutor(desk.root)
    yield made
    made.close()


@pytest.fixture
def part(executor):
    made = Embedded(executor)
    made.start()
    yield made
    made.stop()


def envoys(root):
    """Every Envoy that works for a workspace, whoever started it."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        if str(root) in " ".join(line) and "--disable-hot-restart" in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def info(executor):
    (found,) = executor.gateways.list()
    return found


def status(executor, path="/orders/v1/x", key="key-of-acme"):
    try:
        return requests.get(info(executor).address + path, headers={"x-api-key": key}, timeout=5).status_code
    except requests.RequestException:
        return None


def test_nothing_starts_without_an_entry(desk, executor):
    desk.write("gateways.yaml", {})
    part = Embedded(executor)
    part.work()
    assert envoys(desk.root) == [] and not desk.state.exists()
    desk.write("gateways.yaml", {"main": {"type": "envoy"}})
    part.work()
    assert len(envoys(desk.root)) == 1
    desk.write("gateways.yaml", {})
    part.work()
    assert envoys(desk.root) == []
    part.end()


def test_what_was_pushed_before_it_ran_is_served_from_its_start(desk, executor):
    assert executor.gateways.push("main").result == "done"
    assert info(executor).alive is False
    part = Embedded(executor)
    part.work()
    assert info(executor).alive is True and status(executor) == 200
    part.end()
    assert envoys(desk.root) == [] and info(executor).alive is False


def test_a_killed_envoy_is_started_again_at_its_port_and_every_call_is_counted_once(desk, executor, part):
    soon(lambda: info(executor).alive)
    executor.gateways.push("main")
    soon(lambda: status(executor), 200)
    address, sent = info(executor).address, desk.echo.asked
    for _ in range(2):
        for _ in range(20):
            assert status(executor) == 200
            sent += 1
        soon(lambda: counted(executor), sent)  # what was counted is never lost, nor counted again
        (before,) = envoys(desk.root)
        before.kill()
        soon(lambda: [each.pid for each in envoys(desk.root)] not in ([], [before.pid]))  # noqa: B023
        soon(lambda: info(executor).alive)
        assert info(executor).address == address
        soon(lambda: status(executor), 200)
        sent += 1

    soon(lambda: counted(executor), desk.echo.asked)
    assert desk.echo.asked == sent


def test_what_a_kill_can_lose_are_the_calls_of_the_last_moment(desk, executor, part):
    """Lines of the access log are in the file FLUSH milliseconds after their call; nothing older is lost."""
    soon(lambda: info(executor).alive)
    executor.gateways.push("main")
    soon(lambda: status(executor), 200)
    done = []
    url, session = info(executor).address + "/orders/v1/x", requests.Session()
    (process,) = envoys(desk.root)
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        assert session.get(url, headers={"x-api-key": "key-of-acme"}, timeout=5).status_code == 200
        done.append(time.monotonic())
    killed = time.monotonic()
    process.kill()
    process.wait(10)
    soon(lambda: info(executor).alive)
    # A busy machine may be late to write: a second more is granted.
    sure = sum(moment < killed - FLUSH / 1000 - 1 for moment in done)
    soon(lambda: counted(executor) >= sure)
    assert 10 < sure <= counted(executor) <= desk.echo.asked


def test_after_a_restart_a_rate_is_overshot_by_one_bucket_at_most(desk, executor, part):
    desk.write("plans.yaml", {"gold": {"rate": [{"count": 3, "per": "1h"}]}})
    soon(lambda: info(executor).alive)
    executor.gateways.push("main")
    answers = []
    for _ in range(2):
        soon(lambda: status(executor, "/nowhere"), 404)
        answers += [status(executor) for _ in range(5)]
        (process,) = envoys(desk.root)
        process.kill()
        process.wait(10)
        soon(lambda: info(executor).alive)
    assert answers == [200, 200, 200, 429, 429] * 2


def counted(executor):
    executor.gateways.collect("main")
    return sum(each.requests for each in executor.gateways.usage(UsageQuery(status="200", consumer="acme")))


def test_a_killed_executor_leaves_no_envoy_behind(desk):
    environment = {**os.environ, "TISSERAND_SECRETS": "file"}
    outer = subprocess.Popen([sys.executable, "-c", SERVE, str(desk.root)], stdout=subprocess.PIPE, env=environment)
    try:
        outer.stdout.readline()
        soon(lambda: len(envoys(desk.root)), 1)
        soon(lambda: (desk.state / "envoy.json").exists())
        outer.send_signal(signal.SIGKILL)
        outer.wait(10)
        soon(lambda: envoys(desk.root), [])
    finally:
        outer.kill()
        outer.wait()
        outer.stdout.close()


def test_one_that_was_left_behind_is_ended_by_the_next_executor(desk, executor):
    """As where the system knows no signal for the death of a parent."""
    part = Embedded(executor)
    part.work()
    (left,) = envoys(desk.root)
    known = (desk.state / "envoy.json").read_text()
    part._children.clear()
    assert json.loads(known)["pid"] == left.pid
    other = LocalExecutor(desk.root)
    second = Embedded(other)
    second.work()
    assert [each.pid for each in envoys(desk.root)] != [left.pid] and len(envoys(desk.root)) == 1
    second.end()
    other.close()
    # The pid file alone kills nobody: another process may have the number by now.
    stranger = subprocess.Popen(["sleep", "60"])
    (desk.state / "envoy.json").write_text(json.dumps({"pid": stranger.pid, "created": 1.0}))
    third = Embedded(executor)
    third.work()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    third.end()


def test_a_port_that_is_taken_is_told_and_tried_again(desk, executor):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        desk.write("gateways.yaml", {"main": {"type": "envoy", "settings": {"port": port}}})
        part = Embedded(executor)
        part.work()
        found = info(executor)
        assert found.alive is False and found.problem is not None
        assert found.problem.message.args["port"] == port and envoys(desk.root) == []
    part.start()
    soon(lambda: info(executor).alive)
    assert info(executor).address.endswith(f":{port}") and info(executor).problem is None
    part.stop()


def test_one_that_cannot_start_holds_up_no_other(desk, executor, monkeypatch):
    from tisserand.apis.gateways.envoy.process import EnvoyProcess

    start = EnvoyProcess.start

    def full(self):
        if self.gateway.name == "first":
            raise OSError(28, "No space left on device")
        start(self)

    monkeypatch.setattr(EnvoyProcess, "start", full)
    desk.write("gateways.yaml", {"first": {"type": "envoy"}, "main": {"type": "envoy"}})
    part = Embedded(executor)
    part.work()
    first, main = executor.gateways.list()
    assert main.alive is True and first.alive is False
    assert "No space left on device" in first.problem.message.text("en")
    part.end()


def test_other_settings_restart_it_in_place(desk, executor, part):
    soon(lambda: info(executor).alive)
    executor.gateways.push("main")
    soon(lambda: status(executor), 200)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before = info(executor).address
    desk.write("gateways.yaml", {"main": {"type": "envoy", "settings": {"port": port}}})
    soon(lambda: status(executor), 200)
    assert info(executor).address == f"http://127.0.0.1:{port}"
    soon(lambda: len(envoys(desk.root)), 1)
    with pytest.raises(requests.ConnectionError):
        requests.get(before, timeout=5)


def test_the_executor_has_it_among_its_parts(executor):
    from tisserand.service.parts import parts

    assert any(isinstance(each, Embedded) for each in parts(executor))
