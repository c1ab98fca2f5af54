"""How far a run is: shares that only rise, rows counted once, nothing of it left in the journal; and what a reader makes of it."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tisserand.engine.control import Stop
from tisserand.engine.journal import Event
from tisserand.engine.plan import Unit
from tisserand.engine.progress import Progress
from tisserand.service.protocol import NodeInfo
from tisserand.service.states import fold


class Notes:
    """A journal that keeps every note."""

    def __init__(self) -> None:
        self.kept: list[dict[str, dict[str, Any]]] = []
        self.forgotten = 0

    def progress_of_nodes(self, _run: str, nodes: dict[str, dict[str, Any]]) -> None:
        self.kept.append(nodes)

    def forget_progress(self, _run: str) -> None:
        self.forgotten += 1

    def shares(self, node: str) -> list[float]:
        return [found[node]["share"] for found in self.kept if "share" in found.get(node, {})]


def run_of(*units: Unit, **sinks: object) -> Any:
    backend = SimpleNamespace(shares={}, progress=lambda: dict(backend.shares))
    return SimpleNamespace(id="r", plan=SimpleNamespace(units=units), journal=Notes(), backend=backend, sinks=sinks)


def told(run: Any, share: float, then: int) -> None:
    """Let the backend say how far the query of this thread is, until it was noted `then` times."""
    run.backend.shares = {threading.get_ident(): share}
    end = time.monotonic() + 10
    while len(run.journal.kept) < then:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_share_goes_to_every_node_of_the_query_and_never_falls() -> None:
    unit = Unit("out", "sink", "out", covers=("read", "sort"))
    run = run_of(unit, out=object())
    with Progress(run) as progress:
        with progress.of(unit, Stop()):
            told(run, 0.2, 1)
            told(run, 0.6, 2)
            # It did not fit at once: the same work in two queries begins at nothing.
            progress.parts_left(2)
            told(run, 0.5, 3)
            run.backend.shares = {threading.get_ident(): 0.1}
            time.sleep(0.6)
            told(run, 1.0, 4)
            progress.parts_left(1)
            told(run, 1.0, 5)
        assert run.journal.forgotten == 1
    assert run.journal.shares("out") == run.journal.shares("read") == run.journal.shares("sort") == [0.2, 0.6, 0.7, 0.8, 0.99]
    assert run.journal.forgotten == 2


def test_each_port_of_a_node_is_a_part_of_it() -> None:
    first, second = Unit("split.a", "spool", "split", "a"), Unit("split.b", "spool", "split", "b")
    run = run_of(first, second)
    with Progress(run) as progress:
        with progress.of(first, Stop()):
            told(run, 0.8, 1)
        with progress.of(second, Stop()):
            told(run, 0.5, 2)
    assert run.journal.shares("split") == [0.4, 0.75]


def test_where_the_query_is_only_a_part_of_what_a_unit_does_it_tells_no_share() -> None:
    unit = Unit("mail", "sink", "mail")
    run = run_of(unit, mail=None)
    with Progress(run) as progress, progress.of(unit, Stop()):
        run.backend.shares = {threading.get_ident(): 0.9}
        progress.count("mail", 3, 30)
        time.sleep(0.6)
    assert run.journal.kept == [{"mail": {"rows": 3, "bytes": 30}}]


def test_another_attempt_begins_at_nothing() -> None:
    unit = Unit("read", "spool", "read", "table")
    run = run_of(unit)
    with Progress(run) as progress:
        with progress.of(unit, Stop()):
            told(run, 0.8, 1)
        progress.start_over(unit)
        assert run.journal.kept[-1] == {"read": {}}


def test_a_stopped_unit_is_interrupted_until_it_ends() -> None:
    unit, stop = Unit("read", "spool", "read", "table"), Stop()
    run = run_of(unit)
    interrupted: list[int] = []
    run.backend.interrupt = interrupted.append
    with Progress(run) as progress:
        with progress.of(unit, stop):
            time.sleep(0.4)
            assert interrupted == []
            stop.pull()
            end = time.monotonic() + 10
            while len(interrupted) < 2:
                assert time.monotonic() < end
                time.sleep(0.01)
        assert set(interrupted) == {threading.get_ident()}
        said = len(interrupted)
        time.sleep(0.6)
        assert len(interrupted) == said


# -- what a reader makes of it -----------------------------------------------------------------------------------------


def folded(*events: tuple[str, dict[str, Any]]) -> NodeInfo:
    nodes: Any = {}
    for kind, data in events:
        nodes = fold(nodes, Event(None if kind == "progress" else 1, "r", 0.0, kind, "a", data))
    found: NodeInfo = nodes["a"]
    return found


@pytest.mark.parametrize(
    ("told", "shown"),
    [([0.1, 0.4], 0.4), ([0.4, 0.1], 0.4), ([1.0], 0.99), ([0.999], 0.99), ([0.0], 0.0), ([], None)],
)
def test_the_share_of_a_node_under_way_neither_falls_nor_is_whole(told: list[float], shown: float | None) -> None:
    found = folded(("node.started", {}), *(("progress", {"share": share}) for share in told))
    assert (found.state, found.share) == ("running", shown)


def test_rows_and_share_come_one_by_one_or_together() -> None:
    found = folded(
        ("node.started", {}), ("progress", {"rows": 5}), ("progress", {"share": 0.5}), ("progress", {"rows": 9, "bytes": 90})
    )
    assert (found.rows, found.share, found.bytes) == ({"": 9}, 0.5, 90)


def test_a_retry_begins_at_nothing_and_the_end_leaves_no_share() -> None:
    begun = (("node.started", {}), ("progress", {"rows": 5, "share": 0.8}), ("node.retry", {"attempt": 2, "error": None}))
    assert folded(*begun) == NodeInfo("running", attempt=2)
    assert folded(*begun, ("progress", {"share": 0.1})).share == 0.1
    done = folded(*begun, ("node.done", {"rows": {"table": 7}}), ("progress", {"rows": 3, "share": 0.5}))
    assert (done.state, done.rows, done.share) == ("done", {"table": 7}, None)
    # What comes late, of a node that nobody knows, begins nothing.
    assert fold({}, Event(None, "r", 0.0, "progress", "a", {"share": 0.5})) == {}


def test_planned_nodes_wait_until_they_begin() -> None:
    nodes = fold({"a": NodeInfo("running")}, Event(1, "r", 0.0, "plan.ready", None, {"nodes": ["a", "b"]}))
    assert {id: info.state for id, info in nodes.items()} == {"a": "running", "b": "waiting"}
