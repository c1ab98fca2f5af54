"""The protocol, held by both executors alike: what one answers, the other answers."""

import itertools
import json
import os
import stat
import time

import pytest

from tisserand.service.protocol import Refused, RunRequest

WORK = """
journal.append(run, "plan.ready", None, {"nodes": ["a", "b"]})
journal.append(run, "node.started", "a")
journal.progress(run, "a", {"rows": 5})
time.sleep(0.4)
journal.append(run, "node.done", "a", {"rows": {"table": 7}, "bytes": 70, "seconds": 0.4})
journal.append(run, "node.skipped", "b", {"reason": {"id": "Nobody asked.", "args": {}}})
journal.set_state(run, "done")
"""

HANG = 'journal.append(run, "node.started", "a")\ntime.sleep(60)\n'

DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HANG


def state_of(executor, run, wanted, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = executor.run(run)
        if found.state in wanted:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{executor.run(run)}")


def started_node(executor, run):
    return next(event for event in executor.events(run, follow=True) if event.kind == "node.started")


def test_a_run_is_started_and_followed_to_its_end(executor, worker, root):
    worker(WORK)
    run = executor.start(RunRequest("flows/sample.yaml", parameters={"n": 3}, by="ann", keep="all", until="a"))
    events = list(executor.events(run, follow=True))
    durable = [event for event in events if event.seq is not None]
    assert [event.kind for event in durable] == [
        "run.queued", "run.started", "plan.ready", "node.started", "node.done", "node.skipped", "run.done",
    ]  # fmt: skip
    assert [event.seq for event in durable] == sorted({event.seq for event in durable})
    assert [(event.node, event.data) for event in events if event.seq is None] == [("a", {"rows": 5})]
    found = executor.run(run)
    assert (found.state, found.flow, found.file, found.by, found.parameters) == (
        "done", "sample", "flows/sample.yaml", "ann", {"n": 3},
    )  # fmt: skip
    assert {name: node.state for name, node in found.nodes.items()} == {"a": "done", "b": "skipped"}
    assert found.nodes["a"].rows == {"table": 7}
    assert found.nodes["b"].reason.id == "Nobody asked."
    asked = json.loads((root / ".tisserand" / "runs" / run / "request.json").read_text())
    assert (asked["keep"], asked["until"], asked["parameters"]) == ("all", "a", {"n": 3})
    assert (root / ".tisserand" / "runs" / run / "flow.yaml").read_text() == (root / "flows" / "sample.yaml").read_text()


def test_events_can_be_taken_up_again_after_any_number(executor, worker):
    worker(WORK)
    run = executor.start(RunRequest("flows/sample.yaml"))
    first = list(itertools.islice((e for e in executor.events(run, follow=True) if e.seq is not None), 3))
    rest = [event for event in executor.events(run, after=first[-1].seq, follow=True) if event.seq is not None]
    whole = list(executor.events(run))
    assert first + rest == whole
    assert list(executor.events(run, after=whole[-1].seq)) == []
    assert list(executor.events(run, after=whole[-1].seq, follow=True)) == []


def test_a_flow_that_is_not_saved_runs_too(executor, worker, root):
    worker(WORK)
    run = executor.start(RunRequest(text="tisserand: 1\nid: unsaved-one\nnodes: {}\n"))
    assert state_of(executor, run, ["done"]).flow == "unsaved-one"
    asked = (root / ".tisserand" / "runs" / run / "request.json").read_text()
    assert json.loads(asked)["text"] is None


def test_runs_are_listed_latest_first(executor, worker):
    worker(WORK)
    runs = [executor.start(RunRequest("flows/sample.yaml")) for _ in range(3)]
    for run in runs:
        state_of(executor, run, ["done"])
    assert [run.id for run in executor.runs()] == runs[::-1]
    assert [run.id for run in executor.runs(limit=1, before=runs[2])] == [runs[1]]
    assert [run.id for run in executor.runs(flow="other")] == []
    assert len(executor.runs(state="done")) == 3


def test_cancel_is_polite_first(executor, worker):
    worker("""
        def polite(*_):
            journal.append(run, "log", None, {"message": "stopping"})
            journal.set_state(run, "cancelled")
            sys.exit(130)
        signal.signal(signal.SIGTERM, polite)
        journal.append(run, "node.started", "a")
        while True:
            time.sleep(1)
    """)
    run = executor.start(RunRequest("flows/sample.yaml"))
    started_node(executor, run)
    executor.cancel(run)
    assert state_of(executor, run, ["cancelled"])
    assert [event.kind for event in executor.events(run)][-2:] == ["log", "run.cancelled"]
    executor.cancel(run)  # a second time is no fault


def test_cancel_ends_what_does_not_listen(executor, worker):
    worker(DEAF)
    run = executor.start(RunRequest("flows/sample.yaml"))
    started_node(executor, run)
    pid = next(event.data["pid"] for event in executor.events(run) if event.kind == "run.started")
    executor.cancel(run)
    assert state_of(executor, run, ["cancelled"])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("end", "code", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "worker.killed", "out of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "worker.died", "SIGSEGV"),
        ("os._exit(3)", "worker.died", "code 3"),
    ],
)
def test_a_worker_that_dies_is_recorded_with_its_cause(executor, worker, end, code, sentence):
    worker(HANG.replace("time.sleep(60)", end))
    run = executor.start(RunRequest("flows/sample.yaml"))
    events = list(executor.events(run, follow=True))
    assert events[-1].kind == "run.failed"
    found = executor.run(run)
    assert (found.state, found.error.code) == ("failed", code)
    assert sentence in found.error.message.text("en")


def test_what_a_worker_leaves_behind_goes_with_it(executor, worker):
    worker("""
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        journal.append(run, "log", None, {"pid": child.pid})
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    run = executor.start(RunRequest("flows/sample.yaml"))
    child = next(event.data["pid"] for event in executor.events(run, follow=True) if event.kind == "log")
    end = time.monotonic() + 10
    import psutil

    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_failed_run_is_resumed_under_its_id(executor, worker, root):
    worker(HANG.replace("time.sleep(60)", "os._exit(3)"))
    run = executor.start(RunRequest("flows/sample.yaml"))
    last = list(executor.events(run, follow=True))[-1].seq
    worker(WORK)
    assert executor.resume(run) == run
    assert list(executor.events(run, after=last, follow=True))[-1].kind == "run.done"
    found = executor.run(run)
    assert (found.state, found.error) == ("done", None)
    with pytest.raises(Refused, match="nothing to resume"):
        executor.resume(run)


def test_uncertain_sinks_need_a_decision(executor, worker, root):
    worker('journal.append(run, "sink.uncertain", "mail")\nos._exit(1)\n')
    run = executor.start(RunRequest("flows/sample.yaml"))
    list(executor.events(run, follow=True))
    assert executor.run(run).uncertain == ("mail",)
    with pytest.raises(Refused, match="mail"):
        executor.resume(run)
    worker(WORK)
    executor.resume(run, "skip")
    state_of(executor, run, ["done"])
    assert json.loads((root / ".tisserand" / "runs" / run / "request.json").read_text())["uncertain"] == "skip"
    with pytest.raises(Refused):
        executor.resume(run, "perhaps")


def test_a_running_run_is_not_resumed(executor, worker):
    worker(HANG)
    run = executor.start(RunRequest("flows/sample.yaml"))
    started_node(executor, run)
    with pytest.raises(Refused, match="still running"):
        executor.resume(run)
    executor.cancel(run)
    state_of(executor, run, ["cancelled"])


def test_an_unknown_or_wicked_run_is_refused(executor):
    for run in ["20260101-000000-abc123", "..", "../../etc/passwd", "a/b", "", "%2e%2e", "x\x00y", "20260101-000000-abc123\n"]:
        calls = [
            lambda run=run: executor.run(run),
            lambda run=run: list(executor.events(run)),
            lambda run=run: executor.cancel(run),
            lambda run=run: executor.resume(run),
            lambda run=run: executor.page(run, "a"),
        ]
        for call in calls:
            with pytest.raises(Refused):
                call()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (RunRequest("flows/none.yaml"), "no flow file"),
        (RunRequest("../outside.yaml"), "outside the workspace"),
        (RunRequest("/etc/passwd"), "outside the workspace"),
        (RunRequest(), "Neither"),
        (RunRequest("flows"), "cannot be read"),
    ],
)
def test_what_is_no_flow_of_the_workspace_is_refused_and_leaves_nothing(executor, root, request_, sentence):
    with pytest.raises(Refused, match=sentence):
        executor.start(request_)
    assert executor.runs() == []
    assert not list((root / ".tisserand").glob("runs/*"))


def test_a_link_out_of_the_workspace_is_not_followed(executor, root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("id: s\n")
    (root / "flows" / "link.yaml").symlink_to(outside)
    with pytest.raises(Refused, match="outside the workspace"):
        executor.start(RunRequest("flows/link.yaml"))


def test_connections_are_listed_and_unknown_ones_refused(executor):
    assert executor.connections() == []
    with pytest.raises(Refused, match="no connection “crm”"):
        executor.test_connection("crm")
    with pytest.raises(Refused, match="no environment"):
        executor.connections("nowhere")


def test_a_dead_owner_is_found_while_following(executor, worker, journal):
    """The worker's starter is gone too: nobody but the journal knows of the run."""
    from tisserand.engine.journal import RunRecord, new_run_id

    run = new_run_id()
    journal.create_run(RunRecord(run, "sample"))
    journal.claim(run, 2**22 + 5, 1.0)
    assert list(executor.events(run, follow=True))[-1].kind == "run.interrupted"


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_the_state_folder_is_private(executor, worker, root):
    worker(WORK)
    run = executor.start(RunRequest("flows/sample.yaml"))
    state_of(executor, run, ["done"])
    assert stat.S_IMODE((root / ".tisserand").stat().st_mode) == 0o700
    assert stat.S_IMODE((root / ".tisserand" / "runs" / run / "request.json").stat().st_mode) == 0o600
    assert (root / ".tisserand" / ".gitignore").read_text() == "*\n"
