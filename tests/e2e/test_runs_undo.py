"""Compensation: a cancelled run undoes what it had done, the latest first, also when it is killed on the way."""

from __future__ import annotations

import os
import signal
import time

import pytest


def step(name: str, word: str, source: str = "", after: str = "", more: str = "") -> str:
    """A node with its own row that appends a word to the one list: what the list holds at the end, and in which order, is what happened."""
    order = f", after: {{{after}}}" if after else ""
    table = f"  {name}_row: {{kind: data.table, config: {{columns: {{step: string}}, rows: [[{word}]]}}}}\n"
    return table + (
        f"  {name}: {{kind: file.write_csv, inputs: {{table: {source or name + '_row'}}}{order}, "
        f"config: {{path: out/list.csv, mode: append, header: false{more}}}}}\n"
    )


BOOKED = (
    step("flight", "flight")
    + step("hotel", "hotel", after="flight: done")
    + step("flight_back", "no-flight", after="flight: undo")
    + step("hotel_back", "no-hotel", after="hotel: undo")
)
WAIT = "  pause: {kind: flow.wait, after: {hotel: done}, config: {duration: %s}}\n"
CAR = step("car", "car", after="pause: done") + step("car_back", "no-car", after="car: undo")


def words(place) -> list[str]:
    path = place.root / "out" / "list.csv"
    return path.read_text().split() if path.exists() else []


def test_what_was_done_is_undone_the_latest_first_and_nothing_else(place):
    run = place.start("trip", BOOKED + WAIT % "28s" + CAR)
    place.until(run, lambda found: "pause" in found.nodes and found.nodes["pause"].state == "running")
    place.executor.cancel(run)
    found = place.executor.wait(run)
    assert found.state == "cancelled" and found.error is None, (found, place.log(run))
    assert words(place) == ["flight", "hotel", "no-hotel", "no-flight"]
    states = {name: node.state for name, node in found.nodes.items()}
    assert (states["hotel_back"], states["flight_back"], states.get("car")) == ("done", "done", None)
    assert states["car_back"] == "skipped" and "nothing to undo" in found.nodes["car_back"].reason.text("en")


def test_a_run_that_ends_well_undoes_nothing(place):
    found = place.run("trip", BOOKED)
    assert found.state == "done"
    assert words(place) == ["flight", "hotel"]
    assert found.nodes["hotel_back"].state == "skipped"


def test_a_failed_run_keeps_what_it_did_until_it_is_given_up(place):
    broken = "  breaks: {kind: flow.fail, after: {hotel: done}, config: {message: no}}\n"
    run = place.start("trip", BOOKED + broken)
    assert place.executor.wait(run).state == "failed"
    assert words(place) == ["flight", "hotel"]
    place.executor.cancel(run)
    place.until(run, lambda found: found.state == "cancelled")
    assert words(place) == ["flight", "hotel", "no-hotel", "no-flight"]
    place.executor.cancel(run)  # there is nothing left
    assert place.executor.run(run).state == "cancelled"
    assert words(place) == ["flight", "hotel", "no-hotel", "no-flight"]


def test_killed_while_it_undoes_it_goes_on_undoing(place):
    slow = BOOKED.replace("after: {flight: undo}", "after: {flight: undo, rest: done}")
    slow += "  rest: {kind: flow.wait, after: {hotel_back: done}, config: {duration: 28s}}\n"
    run = place.start("trip", slow + WAIT % "28s")
    place.until(run, lambda found: "pause" in found.nodes and found.nodes["pause"].state == "running")
    place.executor.cancel(run)
    place.until(run, lambda found: "rest" in found.nodes and found.nodes["rest"].state == "running")
    time.sleep(0.2)
    os.kill(place.owner(run), signal.SIGKILL)
    place.until(run, lambda found: found.final)
    found = place.executor.run(run)
    assert (found.state, found.error.code) == ("interrupted", "run.undoing")
    assert words(place) == ["flight", "hotel", "no-hotel"]
    # What is already undone is not undone twice; the way back goes on where it broke off.
    text = (place.root / ".tisserand" / "runs" / run / "flow.yaml").read_text().replace("duration: 28s", "duration: 100ms")
    place.executor.resume(run, "repeat", text=text)
    place.until(run, lambda found: found.state == "cancelled")
    assert words(place) == ["flight", "hotel", "no-hotel", "no-flight"]


def test_what_cannot_be_undone_is_said_and_can_be_tried_again(place):
    nodes = (
        BOOKED
        + "  breaks: {kind: flow.fail, after: {hotel: undo}, config: {message: the hotel does not answer}}\n"
        + WAIT % "28s"
    )
    run = place.start("trip", nodes)
    place.until(run, lambda found: "pause" in found.nodes and found.nodes["pause"].state == "running")
    place.executor.cancel(run)
    found = place.executor.wait(run)
    assert (found.state, found.error.code) == ("cancelled", "run.undo")
    assert "the hotel does not answer" in found.error.message.text("en")
    assert sorted(words(place)[2:]) == ["no-flight", "no-hotel"], "one that fails must not keep the others from being undone"


def test_cancelled_once_more_it_stops_undoing(place):
    slow = BOOKED + "  rest: {kind: flow.wait, after: {hotel: undo}, config: {duration: 28s}}\n" + WAIT % "28s"
    slow = slow.replace("after: {flight: undo}", "after: {flight: undo, rest: done}")
    run = place.start("trip", slow)
    place.until(run, lambda found: "pause" in found.nodes and found.nodes["pause"].state == "running")
    place.executor.cancel(run)
    place.until(run, lambda found: "rest" in found.nodes and found.nodes["rest"].state == "running")
    place.executor.cancel(run)
    found = place.executor.wait(run)
    assert (found.state, found.error.code) == ("cancelled", "run.undo")
    assert "no-flight" not in words(place)


@pytest.mark.parametrize("kind", ["undo", "done"])
def test_what_undoes_cannot_itself_be_undone(place, kind):
    nodes = BOOKED + step("again", "again", after=f"hotel_back: {kind}")
    problems = place.executor.check(file=place.flow("trip", nodes))
    assert [problem.code for problem in problems if problem.severity == "error"] == (["after.undo"] if kind == "undo" else [])
