"""A flow that follows others: each end starts it once, also across restarts, and circles come to an end."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tisserand.service.inbox.dispatch import Dispatch
from tisserand.service.inbox.hooks import Hooks
from tisserand.service.inbox.listening import Listening
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest

WORKER = """
root = Path(asked["workspace"])
kept = folder / "event.json"
rows = json.loads(kept.read_text())["rows"] if kept.exists() else None
with (root / "out.jsonl").open("a") as out:
    out.write(json.dumps({"flow": journal.run(run).flow, "run": run, "rows": rows, "cause": asked["cause"]}) + "\\n")
journal.append(run, "sink.done", "write", {"rows": 5})
journal.append(run, "sink.done", "write", {"rows": 7})
journal.append(run, "sink.done", "other", {"rows": 3})
if asked["parameters"].get("fail"):
    journal.set_state(run, "failed", {"code": "x", "message": {"id": "It broke.", "args": {}}})
else:
    journal.set_state(run, "done")
"""


def flow(root: Path, name: str, follows: str = "", states: str = "done") -> str:
    node = f"    kind: trigger.flow_finished\n    config: {{flows: [{follows}], states: {states}}}\n"
    text = f"tisserand: 1\nid: {name}\nnodes:\n  start:\n" + (node if follows else "    kind: trigger.manual\n")
    (root / "flows" / f"{name}.yaml").write_text(text)
    return f"flows/{name}.yaml"


@contextlib.contextmanager
def serving(root: Path, *on: str) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(root)
    for file in on:
        executor.ledger.switch_on(file)
    hooks = Hooks(executor)
    parts = [Dispatch(executor), hooks, Listening(executor, hooks)]
    for part in parts:
        part.start()
    # Until every trigger has kept its first place: what ends from now on counts.
    until(lambda: all(executor.inbox.store.mark(file, "start") is not None for file in on))
    yield executor
    for part in reversed(parts):
        part.stop()
    executor.close()


def until(ready: Callable[[], object], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.02)
    return bool(ready())


def served(root: Path, name: str) -> list[dict]:
    path = root / "out.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line["flow"] == name]


def test_each_end_starts_it_once_also_those_of_while_nobody_was_there(root: Path, worker) -> None:
    worker(WORKER)
    first, other = flow(root, "first"), flow(root, "other")
    well, badly, both = (flow(root, name, "first", states) for name, states in
                         (("well", "done"), ("badly", "failed"), ("both", "any")))  # fmt: skip
    executor = LocalExecutor(root)
    executor.wait(executor.start(RunRequest(file=first)))  # before anybody listened
    executor.close()
    with serving(root, well, badly, both) as executor:
        done = executor.wait(executor.start(RunRequest(file=first)))
        executor.wait(executor.start(RunRequest(file=other)))
        assert until(lambda: (len(served(root, "well")), len(served(root, "both"))) == (1, 1))
    event = served(root, "well")[0]["rows"][0]
    assert {name: event[name] for name in ("flow", "run", "state", "rows")} == {
        "flow": "first", "run": done.id, "state": "done", "rows": 10,
    }  # fmt: skip
    assert served(root, "well")[0]["cause"]["run"] == done.id
    executor = LocalExecutor(root)
    executor.wait(executor.start(RunRequest(file=first, parameters={"fail": "yes"})))
    executor.wait(executor.start(RunRequest(file=first)))
    executor.close()
    with serving(root):
        assert until(lambda: [len(served(root, name)) for name in ("well", "badly", "both")] == [2, 1, 3])
        time.sleep(1.0)
    assert [len(served(root, name)) for name in ("well", "badly", "both")] == [2, 1, 3]
    assert [line["rows"][0]["state"] for line in served(root, "both")] == ["done", "failed", "done"]


def test_a_circle_comes_to_an_end_with_a_sentence(root: Path, worker) -> None:
    worker(WORKER)
    ping, pong = flow(root, "ping", "pong"), flow(root, "pong", "ping")
    with serving(root, ping, pong) as executor:
        executor.wait(executor.start(RunRequest(file=ping)))
        assert until(lambda: [event.state for event in executor.inbox.events()][:1] == ["dead"], 60)
        dead = executor.inbox.events()[0]
        assert "ping → pong → ping" in dead.error.message.text("en")
        told = {watch.file: watch.problem for watch in executor.watches()}
        assert told[dead.file].code == "inbox.circle"
        time.sleep(1.0)
    assert len(served(root, "ping")) + len(served(root, "pong")) == 10
