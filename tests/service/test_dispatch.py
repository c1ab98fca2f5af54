"""Events in the inbox become runs: in order, grouped, tried again, given up, and found again after a restart."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tisserand.sdk import Arrivals, Arrived, Config, Grouping, Schema, Trigger
from tisserand.sdk.registry import RegisteredNode, registry
from tisserand.service.inbox.dispatch import Dispatch
from tisserand.service.inbox.hooks import Hooks
from tisserand.service.inbox.listening import Listening
from tisserand.service.local import LocalExecutor

FLOW = """\
tisserand: 1
id: served
parameters:
  n: {type: integer}
nodes:
  source:
    kind: test.source
RETRY    config: CONFIG
"""

WORKER = """
rows = json.loads((folder / "event.json").read_text())["rows"]
root = Path(asked["workspace"])
with (root / "out.jsonl").open("a") as out:
    out.write(json.dumps({"rows": [row["n"] for row in rows], "given": asked["parameters"], "cause": asked["cause"]}) + "\\n")
bad = any(row["n"] < 0 for row in rows) or (root / "fail").exists()
while (root / "hold").exists():
    time.sleep(0.02)
if bad:
    journal.set_state(run, "failed", {"code": "x", "message": {"id": "It broke.", "args": {}}})
else:
    journal.set_state(run, "done")
"""

ENDED: list[tuple[list[int], bool]] = []


class SourceConfig(Config):
    most: int = 1
    seconds: float = 0.0
    at_once: int = 1
    count: int = 0
    batch: int = 1


class Source(Trigger[SourceConfig]):
    """Events as the config says."""

    kind, title = "test.source", "Source"

    def event(self, config):
        return Schema.of({"n": "int64"})

    def grouping(self, config):
        return Grouping(config.most, config.seconds)

    def listen(self, ctx, config):
        at = ctx.mark or 0
        while at < config.count and ctx.room():
            numbers = range(at, min(config.count, at + config.batch))
            at = numbers.stop
            yield Arrivals([Arrived({"n": n}, str(n), f"00-{n:032x}-{n:016x}-01") for n in numbers], at)
        while not ctx.cancelled():
            ctx.sleep(1)

    def ended(self, ctx, config, rows, done):
        ENDED.append(([row["n"] for row in rows], done))


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry()._nodes, "test.source", RegisteredNode(Source, "test"))
    ENDED.clear()


def write(root: Path, config: str = "{}", retry: str = "") -> None:
    text = FLOW.replace("CONFIG", config).replace("RETRY", f"    retry: {retry}\n" if retry else "")
    (root / "flows" / "served.yaml").write_text(text)


FILE = "flows/served.yaml"


class Serving:
    """An executor with the two parts that belong to the inbox."""

    def __init__(self, root: Path, listen: bool = False) -> None:
        self.executor = LocalExecutor(root, grace=2)
        self.parts = [Dispatch(self.executor), *([Listening(self.executor, Hooks(self.executor))] if listen else [])]
        for part in self.parts:
            part.start()

    def __enter__(self) -> LocalExecutor:
        return self.executor

    def __exit__(self, *_error: object) -> None:
        for part in reversed(self.parts):
            part.stop()
        self.executor.close()


@contextlib.contextmanager
def prepared(root: Path) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(root, grace=2)
    executor.ledger.switch_on(FILE)
    assert executor.inbox.counts() is not None
    yield executor
    executor.close()


def until(ready: Callable[[], object], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.02)
    return bool(ready())


def served(root: Path) -> list[dict]:
    path = root / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def states(root: Path) -> dict[str, int]:
    db = sqlite3.connect(root / ".tisserand" / "inbox.sqlite")
    try:
        return dict(db.execute("SELECT state, count(*) FROM events GROUP BY state"))
    finally:
        db.close()


def arrive(executor: LocalExecutor, *numbers: int) -> None:
    executor.inbox.store.keep(FILE, "source", [Arrived({"n": n}, str(n)) for n in numbers])


def test_each_event_is_one_run_in_the_order_of_arrival(root: Path, worker) -> None:
    worker(WORKER)
    write(root, "{count: 5, batch: 2}")
    with prepared(root):
        pass
    with Serving(root, listen=True):
        assert until(lambda: states(root) == {"done": 5}), states(root)
    found = served(root)
    assert [line["rows"] for line in found] == [[0], [1], [2], [3], [4]]
    assert [line["given"] for line in found] == [{"n": n} for n in range(5)]
    assert found[3]["cause"] == {"kind": "event", "node": "source", "events": 1, "first": 4, "trace": f"00-{3:032x}-{3:016x}-01"}
    assert ENDED == [([0], True), ([1], True), ([2], True), ([3], True), ([4], True)]
    # Another executor takes up the mark, and serves nothing twice.
    with Serving(root, listen=True) as executor:
        time.sleep(1.0)
        assert executor.watches()[0].counts == {"done": 5}
        assert executor.inbox.store.mark(FILE, "source") == 5
    assert len(served(root)) == 5


def test_one_run_takes_as_many_as_the_grouping_says(root: Path, worker) -> None:
    worker(WORKER)
    write(root, "{most: 4}")
    with prepared(root) as executor:
        arrive(executor, *range(10))
    with Serving(root):
        assert until(lambda: states(root) == {"done": 10})
    assert [line["rows"] for line in served(root)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {json.dumps(line["given"]) for line in served(root)} == {"{}"}, "a parameter has one value"


def test_the_events_of_a_window_go_into_one_run_once_it_is_over(root: Path, worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker(WORKER)
    write(root, "{most: 100, seconds: 3600}")
    hour = (time.time() // 3600 - 5) * 3600
    with prepared(root) as executor:
        for n, moment in enumerate((hour + 1, hour + 3599, hour + 3600, hour + 3700, None)):
            with monkeypatch.context() as patched:
                if moment is not None:
                    patched.setattr("tisserand.service.inbox.store.time.time", lambda moment=moment: moment)
                arrive(executor, n)
    with Serving(root):
        assert until(lambda: states(root) == {"done": 4, "waiting": 1})
        time.sleep(0.5)
    assert [line["rows"] for line in served(root)] == [[0, 1], [2, 3]], "the hour that is not over waits"


def test_what_fails_is_tried_again_in_its_place_then_given_up(root: Path, worker) -> None:
    worker(WORKER)
    write(root, retry="{attempts: 3, wait: 300ms, factor: 1}")
    with prepared(root) as executor:
        arrive(executor, 1, -2, 3)
    with Serving(root) as executor:
        assert until(lambda: states(root) == {"done": 2, "dead": 1}), states(root)
        dead = executor.inbox.events(state="dead")[0]
    assert [line["rows"] for line in served(root)] == [[1], [-2], [-2], [-2], [3]], "order is kept while one is tried again"
    assert dead.attempts == 3
    assert dead.error.message.text("en") == "It broke."
    assert ENDED == [([1], True), ([-2], False), ([3], True)], "the trigger hears of the end only"


def test_a_dead_event_whose_run_is_resumed_to_its_end_is_done(root: Path, worker) -> None:
    worker(WORKER)
    write(root)
    (root / "fail").touch()
    with prepared(root) as executor:
        arrive(executor, 7)
    with Serving(root) as executor:
        assert until(lambda: states(root) == {"dead": 1})
        (root / "fail").unlink()
        executor.resume(executor.inbox.events()[0].run)
        assert until(lambda: states(root) == {"done": 1})


def test_resumed_while_no_executor_follows_it_is_done_as_well(root: Path, worker) -> None:
    worker(WORKER)
    write(root)
    (root / "fail").touch()
    with prepared(root) as executor:
        arrive(executor, 7)
    with Serving(root):
        assert until(lambda: states(root) == {"dead": 1})
    (root / "fail").unlink()
    with prepared(root) as executor:
        run = executor.inbox.events()[0].run
        executor.resume(run)
        assert executor.wait(run).state == "done"
    with Serving(root):
        assert until(lambda: states(root) == {"done": 1})


def test_resubmitted_edited_and_discarded(root: Path, worker) -> None:
    worker(WORKER)
    write(root)
    with prepared(root) as executor:
        arrive(executor, -1, -2, -3)
    with Serving(root) as executor:
        assert until(lambda: states(root) == {"dead": 3})
        inbox = executor.inbox
        third, second, first = inbox.events()
        with pytest.raises(Exception, match="fit"):
            inbox.edit(first.id, {"n": "x"}, "ann")
        with pytest.raises(Exception, match="There is no column"):
            inbox.edit(first.id, {"m": 1}, "ann")
        edited = inbox.edit(first.id, {"n": 1}, "ann")
        assert (edited.edited_by, edited.row) == ("ann", {"n": 1})
        assert inbox.resubmit([first.id], "ann") == 1
        assert until(lambda: states(root) == {"dead": 2, "done": 1})
        assert inbox.discard([second.id], "bob") == 1
        with pytest.raises(Exception, match=r"is done; this .* that are given up, discarded") as refused:
            inbox.resubmit([third.id, first.id], "bob")
        said = refused.value.problems[0].message.args
        assert [each.id for each in (said["state"], *said["states"])] == ["done", "given up", "discarded"], "each is translated"
        assert states(root) == {"dead": 1, "discarded": 1, "done": 1}, "all or none"
        told = [(entry.what, entry.by, entry.target) for entry in executor.audit.entries()]
        assert told == [
            ("inbox.discarded", "bob", FILE), ("inbox.resubmitted", "ann", FILE), ("inbox.edited", "ann", str(first.id)),
        ]  # fmt: skip
    assert served(root)[-1]["rows"] == [1]


def test_a_paused_flow_keeps_its_events_and_an_off_one_too(root: Path, worker) -> None:
    worker(WORKER)
    write(root)
    with prepared(root) as executor:
        executor.ledger.pause(FILE, "ann")
        arrive(executor, 1)
    with Serving(root) as executor:
        time.sleep(0.6)
        assert states(root) == {"waiting": 1}
        executor.ledger.switch_off(FILE)
        executor.ledger.unpause(FILE)
        time.sleep(0.6)
        assert states(root) == {"waiting": 1}
        executor.ledger.switch_on(FILE)
        assert until(lambda: states(root) == {"done": 1})


def test_a_run_that_waits_for_days_lets_the_next_begin(root: Path, worker) -> None:
    worker(
        """
        rows = json.loads((folder / "event.json").read_text())["rows"]
        if rows[0]["n"] == 1 and not (folder / "told").exists():
            (folder / "told").touch()
            journal.set_state(run, "waiting")
            os._exit(0)
        journal.set_state(run, "done")
        """
    )
    write(root)
    with prepared(root) as executor:
        arrive(executor, 1, 2)
    with Serving(root) as executor:
        assert until(lambda: states(root) == {"taken": 1, "done": 1}), states(root)
        run = executor.inbox.events()[-1].run
        assert executor.run(run).state == "waiting"
        executor.journal.set_state(run, "done")
        assert until(lambda: states(root) == {"done": 2})


def test_taken_and_not_begun_is_begun_after_a_restart_and_begun_is_found_again(root: Path, worker) -> None:
    worker(WORKER)
    write(root)
    with prepared(root) as executor:
        arrive(executor, 1, 2)
        store = executor.inbox.store
        # The executor died after it took the first event, and after the run of the second was journalled but not yet noted.
        store.take(FILE, "source", 1, float("inf"))
        second = store.take(FILE, "source", 1, float("inf"))
        from tisserand.service.protocol import RunRequest

        event = {"node": "source", "rows": [{"n": 2}]}
        executor.wait(executor.start(RunRequest(file=FILE, label=second.label, event=event, cause={})))
    with Serving(root) as executor:
        assert until(lambda: states(root) == {"done": 2})
    assert sorted(line["rows"] for line in served(root)) == [[1], [2]]


def test_back_pressure_holds_the_trigger_until_some_are_done(root: Path, worker) -> None:
    worker(WORKER)
    write(root, "{count: 9, batch: 1}")
    (root / "tisserand.yaml").write_text("id: test\nexecutor: {inbox: {most_waiting: 3}}\n")
    (root / "hold").touch()
    with prepared(root):
        pass
    with Serving(root, listen=True) as executor:
        assert until(lambda: states(root) == {"taken": 1, "waiting": 3})
        time.sleep(0.8)
        assert states(root) == {"taken": 1, "waiting": 3}, "no more is taken in"
        counts = executor.inbox.counts()[0]
        assert (counts.counts, counts.most_waiting) == ({"taken": 1, "waiting": 3}, 3)
        (root / "hold").unlink()
        assert until(lambda: states(root) == {"done": 9})


def test_several_triggers_of_one_flow_and_a_change_of_the_file(root: Path, worker) -> None:
    worker(WORKER)
    text = FLOW.replace("CONFIG", "{count: 2}").replace("RETRY", "")
    both = text + "  other:\n    kind: test.source\n    config: {count: 1}\n"
    (root / "flows" / "served.yaml").write_text(both)
    with prepared(root):
        pass
    with Serving(root, listen=True) as executor:
        assert until(lambda: states(root) == {"done": 3})
        assert {event.node for event in executor.inbox.events()} == {"source", "other"}
        (root / "flows" / "served.yaml").write_text(both.replace("{count: 1}", "{count: wrong}"))
        assert until(lambda: executor.watches()[0].problem is not None)
        assert executor.watches()[0].problem.place.node == "other"
        (root / "flows" / "served.yaml").write_text(both.replace("{count: 1}", "{count: 4}"))
        assert until(lambda: states(root) == {"done": 6})
        assert until(lambda: executor.watches()[0].problem is None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("listening", "dispatching"))]


def test_events_of_the_old_ledger_move_over_and_are_not_served_again(root: Path, worker) -> None:
    import hashlib

    worker(WORKER)
    write(root, "{count: 3}")
    label = f"event:{hashlib.sha256(f'{FILE}|1'.encode()).hexdigest()[:32]}"
    with prepared(root) as executor:
        from tisserand.service.protocol import RunRequest

        event = {"node": "source", "rows": [{"n": 1}]}
        run = executor.start(RunRequest(file=FILE, label=label, event=event, cause={}))
        executor.wait(run)
    db = sqlite3.connect(root / ".tisserand" / "ledger.sqlite")
    # 0 was served; of 1 the run is done and nobody noted it; 2 was entered and nothing begun.
    db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", [
        (FILE, "0", '{"n": 0}', 1.0, "20250101-000000-0000000", "done"), (FILE, "1", '{"n": 1}', 2.0, None, None),
        (FILE, "2", '{"n": 2}', 3.0, None, None)])  # fmt: skip
    db.commit()
    db.close()
    with Serving(root, listen=True) as executor:
        assert until(lambda: states(root) == {"done": 3}), states(root)
        assert executor.ledger.old_events(FILE) == []
    assert [line["rows"] for line in served(root)] == [[1], [2]]


def test_a_start_that_breaks_off_is_tried_again_and_what_cannot_be_written_is_given_up(
    root: Path, worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tisserand.service.inbox import dispatch

    worker(WORKER)
    monkeypatch.setattr(dispatch, "AGAIN", 0.3)
    write(root)
    (root / "flows" / "other.yaml").write_text((root / "flows" / "served.yaml").read_text().replace("id: served", "id: other"))
    real, broken = LocalExecutor.start, []

    def start(self: LocalExecutor, request):
        number = request.event["rows"][0]["n"]
        if number == 1:
            raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
        if number in (2, 3) and broken.count(number) < 2:
            broken.append(number)
            if number == 3:  # entered, and broken off behind it: it must not run twice
                real(self, request)
            raise OSError(28, "No space left on device")
        return real(self, request)

    monkeypatch.setattr(LocalExecutor, "start", start)
    with Serving(root) as executor:
        executor.watch(FILE)
        executor.watch("flows/other.yaml")
        arrive(executor, 1, 2, 3, 4)
        executor.inbox.store.keep("flows/other.yaml", "source", [Arrived({"n": 9}, "9")])
        assert until(lambda: states(root) == {"dead": 1, "done": 4})
        dead = executor.inbox.events(state="dead")[0]
        assert (dead.row["n"], dead.error.code) == (1, "internal")
    rows = [line["rows"][0] for line in served(root)]
    assert sorted(rows) == [2, 3, 4, 9]
    assert [row for row in rows if row != 9] == [2, 3, 4]
