"""The log of a real executor process: a line for what happens, put aside when it is large, without secrets."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tisserand.service import serve
from tisserand.service.protocol import RunRequest
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

SECRET = "planted-log-secret-551"
SAYS = (
    "tisserand: 1\nid: says\ntitle: Says\nnodes:\n  say: {kind: flow.log, config: {message: 'key planted-log-secret-551 seen'}}\n"
)


def until(condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def ran(root, flow):
    executor = serve.connect(root)
    run = executor.start(RunRequest(file=f"flows/{flow}.yaml"))
    until(lambda: executor.run(run).final)
    executor.close()
    return run


def started(root, *more, **streams):
    command = [sys.executable, "-m", "tisserand.cli.main", "serve", "--workspace", str(root), *more]
    process = subprocess.Popen(command, **streams)
    until(lambda: serve.running(root) is not None)
    return process


def test_json_lines_on_standard_error(place):
    secret_store(Workspace(place).id).set("log", SECRET)
    (place / "connections.yaml").write_text("api: {type: http, base_url: 'http://localhost', auth: bearer, secret: secret:log}\n")
    (place / "flows" / "says.yaml").write_text(SAYS)
    process = started(place, "--log", "json", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(1.5)
        good, bad, _says = ran(place, "orders"), ran(place, "broken"), ran(place, "says")
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        _out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in err.splitlines()]
    assert all(set(line) == {"time", "level", "event", "run", "flow", "node", "message"} for line in lines)
    assert (lines[0]["event"], lines[-1]["event"]) == ("executor.started", "executor.stopped")
    assert {"run.started", "run.done"} <= {line["event"] for line in lines if line["run"] == good and line["flow"] == "orders"}
    failed = next(line for line in lines if line["event"] == "run.failed")
    assert (failed["run"], failed["flow"], failed["level"]) == (bad, "broken", "error") and "none.csv" in failed["message"]
    assert any(line["event"] == "log" and "seen" in line["message"] for line in lines)
    assert SECRET not in err


def test_serve_log_is_put_aside(place):
    (place / "tisserand.yaml").write_text("id: told\nexecutor: {telemetry: {log: {size: 600B, files: 2}}}\n")
    (place / ".tisserand").mkdir(exist_ok=True)
    log = place / ".tisserand" / "serve.log"
    with log.open("ab") as stream:
        process = started(place, stdout=stream, stderr=stream)
    try:
        time.sleep(1.5)
        runs = [ran(place, "broken") for _ in range(8)]
        until(lambda: runs[-1] in "".join(path.read_text() for path in log.parent.glob("serve.log*")))
        until(lambda: (log.parent / "serve.log.2").exists())
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    assert sorted(path.name for path in log.parent.glob("serve.log*")) == ["serve.log", "serve.log.1", "serve.log.2"]
    newest = "".join((log.parent / name).read_text() for name in ("serve.log.2", "serve.log.1", "serve.log"))
    assert "executor.stopped" in newest.splitlines()[-1] and " ERROR run.failed broken " in newest
