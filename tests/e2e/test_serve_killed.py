"""`tisserand serve` is killed in the middle of a run: the run goes on without it, or is found interrupted and resumed, and nothing doubles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tisserand.service.client import HttpExecutor
from tisserand.service.protocol import RunRequest
from tisserand.service.serve import connect, running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def nodes(web, path):
    return (
        "  three: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2], [3]]}}\n"
        "  early: {kind: sql.write, inputs: {table: three}, config: {connection: base, table: early, mode: append}}\n"
        f"  slow: {{kind: http.call, inputs: {{table: three}}, after: {{early: done}}, config: {{url: '{web.url}{path}'}}}}\n"
        "  late: {kind: sql.write, inputs: {table: slow}, config: {connection: base, table: late, mode: append}}\n"
    )


@pytest.fixture
def serve(place):
    begun = []

    def start():
        command = [sys.executable, "-c", "from tisserand.cli.main import main; main()", "serve", "--workspace", str(place.root)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun.append(process)
        end = time.monotonic() + 30
        while running(place.root) is None:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        remote = connect(place.root)
        assert isinstance(remote, HttpExecutor)
        return process, remote

    yield start
    for process in begun:
        process.kill()
        process.wait()


def killed(process):
    process.kill()
    process.wait()


def rows(place, table):
    return sorted(a for (a,) in place.ask(f"SELECT a FROM {table}"))


def ended(place, run):
    end = time.monotonic() + 60
    while (found := place.executor.run(run)).state in ("queued", "running"):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_the_run_goes_on_without_its_executor(place, web, serve):
    process, remote = serve()
    run = remote.start(RunRequest(file=place.flow("goes", nodes(web, "/slow-2"))))
    place.until(run, lambda _found: "/slow-2" in web.counts())
    killed(process)
    remote.close()
    assert running(place.root) is None
    assert ended(place, run).state == "done" and rows(place, "early") == rows(place, "late") == [1, 2, 3]
    process, remote = serve()  # neither its lock nor its address is in the way of the next one
    assert remote.run(run).state == "done"
    remote.close()


def test_both_killed_and_the_run_resumed_by_the_next_executor(place, web, serve):
    process, remote = serve()
    run = remote.start(RunRequest(file=place.flow("both", nodes(web, "/slow-2"))))
    place.until(run, lambda _found: "/slow-2" in web.counts())
    worker = place.owner(run)
    killed(process)
    os.kill(worker, signal.SIGKILL)
    remote.close()
    assert rows(place, "early") == [1, 2, 3]
    process, remote = serve()
    assert remote.run(run).state == "interrupted"
    remote.resume(run)
    assert ended(place, run).state == "done" and rows(place, "early") == rows(place, "late") == [1, 2, 3]
    remote.close()
