"""A workspace, workers made for the occasion, and both executors over the same workspace."""

import sys
import textwrap
import threading

import pytest

from tisserand.engine import launch
from tisserand.engine.launch import journal_path
from tisserand.service import serve
from tisserand.service.local import LocalExecutor

FLOW = "tisserand: 1\nid: sample\ntitle: Sample\nnodes:\n  wait:\n    kind: flow.wait\n    config: {seconds: 60}\n"


def workspace(folder):
    # A process for each run: what stands in for the engine in these tests does one run only.
    (folder / "tisserand.yaml").write_text("id: test-workspace\nexecutor: {warm: false}\n")
    (folder / "flows").mkdir()
    (folder / "flows" / "sample.yaml").write_text(FLOW)
    return folder


@pytest.fixture
def root(tmp_path):
    return workspace(tmp_path)


HEAD = """
import json, os, signal, sys, time
from pathlib import Path
from tisserand.engine.journal import Journal
from tisserand.engine.launch import process_started
folder = Path(sys.argv[1])
asked = json.loads((folder / "request.json").read_text())
run = asked["run"]
journal = Journal(Path(asked["workspace"]) / ".tisserand" / "journal.sqlite")
assert journal.claim(run, os.getpid(), process_started(os.getpid()))
"""


@pytest.fixture
def worker(monkeypatch):
    """Let runs be done by this text of Python instead of the engine: launching knows nothing of what a worker does."""

    def use(body: str) -> None:
        program = HEAD + textwrap.dedent(body)
        monkeypatch.setattr(launch, "worker_command", lambda folder: [sys.executable, "-c", program, str(folder)])

    return use


class Served:
    """An executor served by a thread of this process."""

    def __init__(self, root):
        self.root = root
        self.url = ""
        ready = threading.Event()

        def answer(url: str) -> None:
            self.url = url
            ready.set()

        self.server = None
        self._keep_the_server()
        self.thread = threading.Thread(target=serve.serve, args=(root,), kwargs={"ready": answer, "grace": 2}, daemon=True)
        self.thread.start()
        assert ready.wait(20)

    def _keep_the_server(self) -> None:
        from tisserand.service import server

        outer, made = self, server.Server

        class Kept(made):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                outer.server = self

        self._patched = pytest.MonkeyPatch()
        self._patched.setattr(server, "Server", Kept)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self._patched.undo()
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One for all tests of a module: they only ask."""
    found = Served(workspace(tmp_path_factory.mktemp("served")))
    yield found
    found.stop()


@pytest.fixture(params=["local", "http"])
def executor(request, root):
    if request.param == "local":
        made = LocalExecutor(root, grace=2)
        yield made
        made.close()
        return
    found = Served(root)
    made = serve.connect(root)
    assert type(made).__name__ == "HttpExecutor"
    yield made
    made.close()
    found.stop()


@pytest.fixture
def journal(root):
    from tisserand.engine.journal import Journal

    with Journal(journal_path(root)) as journal:
        yield journal
