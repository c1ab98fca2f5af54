"""Alerts of real runs: through both executors, the control API and the command line; and of an executor that is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tisserand.cli.main import call
from tisserand.engine.launch import Refused
from tisserand.service import serve
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest

BROKEN = (
    "tisserand: 1\nid: broken\ntitle: Broken\nnodes:\n"
    "  read: {kind: file.read_csv, config: {path: data/none.csv}}\n"
    "  write: {kind: file.write_csv, inputs: {table: read}, config: {path: data/out.csv}}\n"
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tisserand.yaml").write_text("id: served-alerts\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "flows" / "broken.yaml").write_text(BROKEN)
    return tmp_path


@pytest.fixture
def process(root):
    begun = []

    def start():
        command = [sys.executable, "-m", "tisserand.cli.main", "serve", "--workspace", str(root)]
        made = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun.append(made)
        end = time.monotonic() + 30
        while serve.running(root) is None:
            assert made.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        return made

    yield start
    for made in begun:
        made.kill()
        made.wait()


def until(condition, seconds=50):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def printed(capsys, *argv):
    code = call(list(argv))
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_real_failure_is_told_once_though_the_executor_is_killed(root, process, capsys):
    first = process()
    executor = serve.connect(root)
    assert type(executor).__name__ == "HttpExecutor"
    run = executor.start(RunRequest(file="flows/broken.yaml"))
    until(lambda: executor.run(run).final)
    first.send_signal(signal.SIGKILL)
    first.wait()
    executor.close()
    process()
    executor = serve.connect(root)
    until(lambda: executor.alerts.list())
    (alert,) = executor.alerts.list()
    assert (alert.rule, alert.flow, alert.run, alert.count) == ("failed", "broken", run, 1)
    assert "none.csv" in alert.message.text("en")
    code, document = printed(capsys, "alerts", "list", "--json", "--workspace", str(root))
    assert code == 0 and [found["id"] for found in document["alerts"]] == [alert.id]
    assert "none.csv" in document["alerts"][0]["text"]
    code, document = printed(capsys, "alerts", "ack", str(alert.id), "--why", "on it", "--json", "--workspace", str(root))
    assert code == 0 and document["acknowledged_why"] == "on it"
    code, document = printed(capsys, "alerts", "silence", "--flow", "broken", "--for", "2h", "--json", "--workspace", str(root))
    assert code == 0 and document["silences"][0]["flow"] == "broken"
    silence = document["silences"][0]["id"]
    assert executor.alerts.list()[0].silent
    code, document = printed(capsys, "alerts", "silence", "--off", str(silence), "--json", "--workspace", str(root))
    assert (code, document) == (0, {"silences": []})
    (root / "data" / "none.csv").write_text("a\n1\n")
    again = executor.start(RunRequest(file="flows/broken.yaml"))
    until(lambda: executor.run(again).state == "done")
    until(lambda: not executor.alerts.list())
    assert executor.alerts.list("resolved")[0].id == alert.id
    executor.close()


def test_both_executors_answer_alike(served):
    local = LocalExecutor(served.root)
    remote = serve.connect(served.root)
    (served.root / "alerts.yaml").write_text("channels:\n  desk: {type: desktop}\n  bad: {type: mail}\n")
    try:
        assert remote.alerts.rules() == local.alerts.rules()
        made = remote.alerts.silence(time.time() + 60, "x", "failed", "ann", "why")
        assert remote.alerts.silences() == local.alerts.silences() == [made]
        remote.alerts.unsilence(made.id, "ann")
        assert remote.alerts.list(None) == local.alerts.list(None) == []
        asks = [
            lambda one: one.alerts.acknowledge(77), lambda one: one.alerts.unsilence(77), lambda one: one.alerts.test_channel("none"),
            lambda one: one.alerts.silence(1.0, "x"), lambda one: one.alerts.list(rule="none"),
        ]  # fmt: skip
        for ask in asks:
            told = []
            for one in (local, remote):
                with pytest.raises(Refused) as refused:
                    ask(one)
                told.append(([problem.line() for problem in refused.value.problems], refused.value.missing))
            assert told[0] == told[1]
    finally:
        (served.root / "alerts.yaml").unlink()
        remote.close()
        local.close()


def test_the_command_line_says_it_in_words(root, capsys):
    assert call(["alerts", "list", "--workspace", str(root)]) == 0
    assert capsys.readouterr().out == "There is no alert.\n"
    assert call(["alerts", "silence", "--flow", "x", "--workspace", str(root)]) == 2
    assert "--for" in capsys.readouterr().err
    assert call(["alerts", "silence", "--flow", "x", "--for", "soon", "--workspace", str(root)]) == 2
    assert call(["alerts", "test", "none", "--workspace", str(root)]) == 2
    assert "There is no channel “none”." in capsys.readouterr().err
