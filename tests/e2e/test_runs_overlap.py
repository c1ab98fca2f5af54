"""`limits: overlap`: what a run does while another run of its flow is under way."""

from __future__ import annotations

import os
import signal

import pytest

from tisserand.service.protocol import RunRequest


def nodes(web, seconds="1.5"):
    return (
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
        f"  slow: {{kind: http.call, inputs: {{table: one}}, config: {{url: '{web.url}/slow-{seconds}'}}}}\n"
    )


def head(rule):
    return f"limits: {{overlap: {rule}}}\n"


def under_way(place, web, run):
    place.until(run, lambda found: web.counts().get("/slow-1.5") == 1)


def span(place, run):
    (begun,) = [event.seq for event in place.events(run, "node.started") if event.node == "slow"]
    return begun, place.events(run, "run.done")[0].seq


def test_skip_does_not_run_and_says_why(place, web):
    first = place.start("same", nodes(web), head("skip"))
    under_way(place, web, first)
    second = place.again("flows/same.yaml")
    assert (second.state, second.error.code, dict(second.nodes)) == ("cancelled", "run.overlap", {})
    assert first in second.error.message.text("en")
    assert place.executor.wait(first).state == "done" and web.counts()["/slow-1.5"] == 1
    assert place.resume(second.id).state == "done"


def test_queue_waits_and_a_waiting_run_can_be_cancelled(place, web):
    runs = [place.start("same", nodes(web), head("queue"))]
    under_way(place, web, runs[0])
    runs += [place.executor.start(RunRequest(file="flows/same.yaml")) for _ in range(2)]
    place.until(runs[2], lambda found: bool(place.events(runs[2], "log")))
    place.executor.cancel(runs[2])
    assert place.executor.wait(runs[2]).state == "cancelled"
    assert [place.executor.wait(run).state for run in runs[:2]] == ["done", "done"]
    assert span(place, runs[0])[1] < span(place, runs[1])[0]
    assert web.counts()["/slow-1.5"] == 2


def test_replace_cancels_the_run_before(place, web):
    first = place.start("same", nodes(web, "30"), head("replace"))
    place.until(first, lambda found: "/slow-30" in web.counts())
    second = place.run("same", nodes(web, "0"), head("replace"))
    assert (second.state, place.executor.wait(first).state) == ("done", "cancelled")


def test_without_a_rule_runs_go_side_by_side(place, web):
    first = place.start("same", nodes(web))
    under_way(place, web, first)
    second = place.executor.start(RunRequest(file="flows/same.yaml"))
    assert [place.executor.wait(run).state for run in (first, second)] == ["done", "done"]
    assert not place.events(second, "log") and web.counts()["/slow-1.5"] == 2


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_dead_run_is_not_waited_for(place, web):
    first = place.start("same", nodes(web, "30"), head("queue"))
    place.until(first, lambda found: "/slow-30" in web.counts())
    owner = place.owner(first)
    os.kill(owner, signal.SIGSTOP)  # still there, so it is waited for …
    second = place.start("same", nodes(web, "0"), head("queue"))
    place.until(second, lambda found: bool(place.events(second, "log")))
    os.kill(owner, signal.SIGKILL)  # … until it is gone
    assert place.executor.wait(second).state == "done"
