"""The executor process from outside: status, ps, logs, pause, drain, restart, stop; a user unit that systemd understands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.service.queue.conftest import SINK, held, waits

from tisserand.service import serve, units
from tisserand.service.client import HttpExecutor
from tisserand.service.life import life
from tisserand.service.protocol import RunRequest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def said(desk, *words, code=0):
    """What a command prints as JSON."""
    command = [sys.executable, "-P", "-m", "tisserand.cli.main", *words, "--workspace", str(desk.root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == code, done
    return json.loads(done.stdout)


def text(desk, *words):
    command = [sys.executable, "-P", "-m", "tisserand.cli.main", *words, "--workspace", str(desk.root)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=90, env=os.environ | {"TISSERAND_LANG": "en"}
    )


@pytest.fixture
def served(desk):
    desk.settings("runs: 1")
    serve.ensure(desk.root)
    desk.executor = serve.connect(desk.root)
    assert isinstance(desk.executor, HttpExecutor)
    yield desk
    said(desk, "executor", "stop")
    desk.executor.close()
    desk.executor = None


def test_an_executor_from_start_to_end(served):
    desk = served
    sink, long = desk.flow("sink", SINK), desk.flow("long", waits("held"))
    first = desk.executor.start(RunRequest(file=long, by="ann"))
    desk.node(first, "hold")
    second = desk.executor.start(RunRequest(file=sink))
    found = {turn["run"]: turn for turn in said(desk, "ps")["turns"]}
    assert found[first]["state"] == "running" and found[first]["memory"] > 10_000_000 and found[first]["age"] >= 0
    assert (found[second]["state"], found[second]["reason"]["text"]) == ("queued", "runs under way: 1 of 1")
    shown = text(desk, "ps").stdout
    assert first in shown and "runs under way: 1 of 1" in shown
    assert said(desk, "pause", "sink") == {"target": "flows/sink.yaml", "paused": True, "changed": True}
    before = said(desk, "executor", "status")
    assert (before["running"], before["queued"]) == (1, 1)

    after = said(desk, "executor", "restart")
    now = life(desk.root)
    assert after["url"] == desk.executor.url == now.url and now.pid != before["executor"]["pid"]
    held.set()
    assert desk.until(first).state == "done", "it went on by itself"
    assert desk.turn(second).state == "paused", "it is still queued, and its flow still paused"
    assert said(desk, "unpause", "sink")["changed"]
    assert desk.until(second).state == "done" and desk.written() == 1

    logs = said(desk, "logs", second, "-f")
    assert [event["text"] for event in logs["events"] if "text" in event][-1] == "The run is done."
    assert "out: done in" in text(desk, "logs", second).stdout
    third = desk.executor.start(RunRequest(file=desk.flow("longer", waits(60))))
    desk.until(third, "running")
    said(desk, "cancel", third)
    assert desk.until(third).state == "cancelled"
    entries = said(desk, "executor", "status")
    assert entries["running"] == 0


def test_drain_waits_for_what_is_under_way_and_begins_nothing(served):
    desk = served
    first = desk.executor.start(RunRequest(file=desk.flow("long", waits(8))))
    desk.node(first, "hold")
    second = desk.executor.start(RunRequest(file=desk.flow("sink", SINK)))
    assert said(desk, "executor", "drain") == {"stopped": True, "left": 0}
    assert said(desk, "executor", "status", code=1)["executor"] is None
    desk.executor.close()
    desk.open(work=False)
    assert desk.executor.run(first).state == "done"
    assert desk.executor.run(second).state == "queued"
    what = [entry.what for entry in desk.executor.audit.entries()]
    desk.close()
    assert what[0] == "queue.drained"
    desk.executor = serve.connect(desk.root)


def test_one_stream_tells_of_all_runs_and_is_taken_up_again(served):
    desk = served
    file = desk.flow("sink", SINK)
    seen, over = [], threading.Event()

    def follow():
        for event in desk.executor.tail(0, follow=True):
            seen.append(event)
            if sum(each.kind == "run.done" for each in seen) == 2:
                break
        over.set()

    threading.Thread(target=follow, daemon=True).start()
    runs = [desk.executor.start(RunRequest(file=file))]
    desk.until(runs[0])
    said(desk, "executor", "restart")
    runs.append(desk.executor.start(RunRequest(file=file)))
    assert over.wait(40)
    whole = [event for event in desk.executor.tail(0) if event.seq <= seen[-1].seq]
    assert seen == whole and {event.run for event in seen} == set(runs)
    assert [event.seq for event in seen] == sorted({event.seq for event in seen})
    assert list(desk.executor.tail()) == []


def test_the_unit_is_one_that_systemd_understands(tmp_path, monkeypatch):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs server: systemd-analyze")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(units, "has_systemd", lambda: True)
    asked = []
    monkeypatch.setattr(units, "systemctl", lambda *words: asked.append(words) or "")
    root = tmp_path / 'a place, 100 % of $HOME and a "quote"'
    root.mkdir()
    file = units.install(root, serving=False)
    assert asked == [("daemon-reload",), ("enable", "--now", units.name(root))]
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 and file.name not in done.stderr, done
    broken = file.with_name("tisserand-broken.service")
    broken.write_text(file.read_text().replace("ExecStart=", "ExecStrat="))
    again = subprocess.run(["systemd-analyze", "--user", "verify", str(broken)], capture_output=True, text=True, check=False)
    assert again.returncode != 0 or "ExecStrat" in again.stderr
    assert units.uninstall(root) == [file] and not file.exists()


def test_without_systemd_the_desktop_starts_it(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no systemctl here
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = said(desk, "executor", "install")["file"]
    assert file == str(units.entry(desk.root)) and file.endswith(".desktop")
    (command,) = [line for line in Path(file).read_text().splitlines() if line.startswith("Exec=")]
    assert f'"serve" "--workspace" "{desk.root}"' in command
    assert said(desk, "executor", "uninstall")["removed"] == [file]
    assert said(desk, "executor", "uninstall")["removed"] == []
