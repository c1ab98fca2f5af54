"""Screens of the supervision for the pictures: runs of every kind in a list, a run that failed, flows with their load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tisserand.engine import journal as journals
from tisserand.engine.journal import RunRecord, new_run_id
from tisserand.model.problem import Place, Problem
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.texts import msg
from tisserand.ui.supervision.flows import FlowsView
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.window import Window

Until = Callable[..., bool]

WAITS = """tisserand: 1
id: patience
title: Patience with the slow supplier
nodes:
  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}
  pause: {kind: flow.wait, title: Wait for the supplier, inputs: {table: one}, config: {duration: 29s}}
  out: {kind: file.write_csv, inputs: {table: pause}, config: {path: out/one.csv}}
"""
CALLS = """tisserand: 1
id: monthly
title: Monthly closing
parameters:
  month: {type: text, default: 2026-11}
nodes:
  orders: {kind: flow.call, title: Orders by customer, config: {flow: late-orders}}
  later: {kind: flow.wait, title: A moment of rest, after: {orders: done}, config: {duration: 1s}}
"""


def supervision(window: Window, shooter: Any, until: Until, flow: Path) -> None:
    """Everything that ran in a small workspace."""
    root = flow.parent.parent
    _runs(root, flow)
    window.desk.load(flow)
    until(lambda: not window.desk.disk.loading)
    view = window.desk.supervising.show("runs_page")
    runs = view.page
    assert isinstance(runs, RunsView)
    until(lambda: runs.model.rowCount() >= 6, 20)
    shooter.take(window, "runs")
    runs.filters.search.setText("nowhere")
    until(lambda: runs.stack.currentWidget() is runs.empty, 10)
    shooter.take(window, "runs-none")
    runs.filters.clear()
    until(lambda: runs.model.rowCount() >= 6, 20)
    found = [runs.model.paging.run_at(row) for row in range(runs.model.rowCount())]
    screens = {(run.flow, run.state): run for run in reversed(found) if run is not None}
    for key, screen in (
        (("late-orders", "failed"), "run-failed"),
        (("late-orders", "done"), "run-done"),
        (("monthly", "done"), "run-called"),
        (("patience", "running"), "run-live"),
    ):
        runs.open(screens[key])
        until(lambda: bool(runs.run.timeline.lines.top) and bool(runs.run._faces), 10)
        until(lambda: False, 0.5)
        if screen == "run-called":
            timeline = runs.run.timeline
            index = next(index for index, line in timeline.lines.walk() if line.children)
            timeline.expand(index)
            timeline.expand(timeline.lines.index(0, 0, index))
            until(lambda: False, 1)
        if screen == "run-done":
            runs.run.timeline.choose_node("named")
            runs.run.tabs.setCurrentWidget(runs.run.data)
            until(lambda: runs.run.data.grid.total > 0, 10)
        shooter.take(window, screen)
        runs.run.tabs.setCurrentIndex(0)
        runs.back()
    executor = LocalExecutor(root)
    executor.cancel(screens["patience", "running"].id)
    executor.close()
    until(lambda: False, 1)
    flows = view.turn_to("flows_page")
    assert isinstance(flows, FlowsView)
    until(lambda: flows.detail.plots is not None, 20)
    flows._wanted = "late-orders"
    flows._choose_again()
    for at, screen in ((0, "flows-day"), (2, "flows-month")):
        flows.spans.button(at).click()
        until(lambda: False, 1)
        shooter.take(window, screen)
    window.desk.supervising.leave()


def _runs(root: Path, flow: Path) -> None:
    """Runs that are done, failed, cancelled, under way, started by hand, by schedules and by files."""
    (root / "flows" / "patience.yaml").write_text(WAITS)
    (root / "flows" / "monthly.yaml").write_text(CALLS)
    executor = LocalExecutor(root)
    _past(executor)
    orders = root / "data" / "orders.csv"
    whole = orders.read_text()
    file = flow.relative_to(root).as_posix()

    def run(**asked: Any) -> str:
        started = executor.start(RunRequest(**{"file": file, "keep": "all", **asked}))
        executor.wait(started)
        return started

    run(by="ann")
    run(by="", trigger="schedule", cause={"kind": "schedule", "node": "start", "due": 1790000000.0})
    orders.write_text(whole + "99999,1,2,not a day,too,many\n")
    run(by="", trigger="event", cause={"kind": "event", "node": "start", "file": "inbox/orders-17.csv"})
    orders.write_text(whole)
    run(file="flows/monthly.yaml", by="designer", parameters={"month": "2026-10"})
    cancelled = executor.start(RunRequest(file="flows/patience.yaml", by="bob"))
    while executor.run(cancelled).state == "queued":
        pass
    executor.cancel(cancelled)
    executor.wait(cancelled)
    executor.start(RunRequest(file="flows/patience.yaml", by="cli"))
    executor.close()


def _past(executor: LocalExecutor) -> None:
    """A month in which the flows ran by schedule, by day more than by night; some runs failed. Written by the journal's own calls,
    on a clock of that time."""
    chance, now = random.Random(7), time.time()
    clock = SimpleNamespace(now=0.0, time=lambda: clock.now)
    lost = Problem("http.failed", msg("The shop did not answer: {status}.", status=502), None, Place(node="orders"))
    journals.time = clock  # type: ignore[assignment]
    executor.journal._durable.execute("PRAGMA synchronous = OFF")
    try:
        for hour in range(30 * 24, 1, -1):
            at = now - hour * 3600
            for flow in ("late-orders", "monthly"):
                busy = 3 if 7 <= time.localtime(at).tm_hour <= 19 else 1
                for _number in range(chance.randint(0, busy)):
                    clock.now = at + chance.random() * 3000
                    run = new_run_id(clock.now)
                    cause = {"kind": "schedule", "node": "start", "due": round(clock.now / 60) * 60}
                    executor.journal.create_run(
                        RunRecord(run, flow, flow_file=f"flows/{flow}.yaml", trigger="schedule", cause=cause, created=clock.now)
                    )
                    clock.now += 0.4
                    executor.journal.claim(run, 1, 1.0)
                    clock.now += chance.lognormvariate(0.6 if flow == "monthly" else 2.4, 0.5)
                    if chance.random() < 0.06:
                        executor.journal.set_state(run, "failed", lost)
                    else:
                        executor.journal.append(run, "sink.done", "lake", {"rows": chance.randint(500, 9000), "bytes": 9})
                        executor.journal.set_state(run, "done")
    finally:
        journals.time = time
