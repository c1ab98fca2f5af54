"""Compensation: what a run that is cancelled had done is undone by the nodes that the flow names for it, the latest first.

A node that comes `after: {pay: undo}` has no part in the normal course. Once `pay` is done and the run is cancelled, it runs, and so
does everything behind it. A kill in the middle loses nothing: the mark in the run's folder says that the run is on its way back, and
resuming goes on with what is not undone yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.control import Cancelled, Stop
from tisserand.engine.journal import Journal
from tisserand.engine.launch import AT_ONCE, UNDOING, run_folder
from tisserand.files import write_text
from tisserand.model.flow import Flow
from tisserand.model.graph import undoing
from tisserand.model.problem import Place, Problem
from tisserand.model.yamlfile import read_flow
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.engine.plan import Unit
    from tisserand.engine.run import FlowRun

LOOK = 0.2
"""Seconds between two looks whether somebody did."""


def marked(folder: Path) -> bool:
    """Whether a run is on its way back."""
    return (folder / UNDOING).exists()


def undo(run: FlowRun) -> Problem | None:
    """Undo what a cancelled run has done; gives what could not be undone, as a problem. Does nothing where the flow names nothing."""
    names = undoing(run.flow)
    units = [unit for unit in run.plan.units if unit.node in names]
    if not any(unit.id not in run.ended for unit in units) or not _targets(run.flow, run.journal, run.id):
        return None
    write_text(run.folder / UNDOING, "")
    order = _latest_first(run, units)
    run.note(None, "run.undoing", {"nodes": list(dict.fromkeys(unit.node for unit in order))})
    for unit in order:  # passed over when the normal course ended
        for name in (*unit.covers, unit.node):
            if run.states.get(name) == "skipped":
                del run.states[name]
    run.begin_again(Stop())
    over = threading.Event()
    watch = threading.Thread(target=_obey, args=(run.folder, run.stop, over), name="undo", daemon=True)
    watch.start()
    try:
        with run.progress:
            for unit in order:
                run.do(unit)
                run.stopping = False  # one that cannot be undone must not keep the others from it
    except Cancelled:
        left = [unit.node for unit in order if run.ended.get(unit.id) != "done"]
        return _left(run, left, run.failure)
    finally:
        over.set()
        watch.join()
    return _left(run, [name for name in names if run.states.get(name) == "failed"], run.failure)


def _left(run: FlowRun, nodes: Iterable[str], cause: Problem | None) -> Problem | None:
    named = list(dict.fromkeys(nodes))
    if not named:
        return None
    message = msg("The run was cancelled, but “{nodes}” did not undo what it had done.", nodes=named)
    if cause is not None:
        message = msg(
            "The run was cancelled, but “{nodes}” did not undo what it had done: {reason}", nodes=named, reason=cause.message
        )
    fix = msg("Repair the cause and resume the run: it goes on undoing.")
    return Problem("run.undo", message, fix, Place(flow=run.flow.id, node=named[0]))


def _latest_first(run: FlowRun, units: list[Unit]) -> list[Unit]:
    """What was done last is undone first; what comes behind an undoing node follows it, in the order of the plan."""
    done = {event.node: n for n, event in enumerate(run.journal.all_events(run.id)) if event.kind == "node.done" and event.node}
    rank: dict[str, int] = {}
    for unit in units:
        node = run.resolution.nodes[unit.node]
        own = [done.get(source, -1) for source, condition in node.spec.after.items() if condition == "undo"]
        above = [rank[source] for source in _behind(run, unit.node) if source in rank]
        rank[unit.node] = max(own) if own and not above else min([*above, *own], default=-1)
    return sorted(units, key=lambda unit: -rank[unit.node])


def _behind(run: FlowRun, name: str) -> list[str]:
    """The nodes that a node takes rows from or comes after."""
    node = run.resolution.nodes[name]
    return [*(source for ports in node.inputs.values() for source, _ in ports), *node.spec.after]


def _obey(folder: Path, stop: Stop, over: threading.Event) -> None:
    while not over.wait(LOOK):
        if at_once(folder):
            stop.pull()
            return


def at_once(folder: Path) -> bool:
    """Whether undoing is to stop, too."""
    try:
        return (folder / "cancel").read_text(encoding="utf-8") == AT_ONCE
    except FileNotFoundError:
        return False


def pending(root: Path, run: str, journal: Journal) -> list[str]:
    """The nodes whose doings a run that is not done would undo if it were cancelled."""
    path = run_folder(root, run) / "flow.yaml"
    if not path.exists():
        return []
    flow = read_flow(path.read_text(encoding="utf-8"), None).flow
    return _targets(flow, journal, run) if flow is not None and undoing(flow) else []


def turn_back(root: Path, run: str, journal: Journal) -> bool:
    """Mark a run that has stopped on its way, and the runs that it called and that wait, to undo what they did; whether there is
    anything to undo."""
    involved = [run]
    for each in involved:
        involved += [record.id for record in journal.runs(state="waiting", parent=each)]
    if not any(pending(root, each, journal) for each in involved):
        return False
    for each in involved:
        write_text(run_folder(root, each) / UNDOING, "")
    return True


def calls_back(run: FlowRun) -> bool:
    """Whether a flow that the run called, and that waited, has something to undo first."""
    waiting = run.journal.runs(state="waiting", parent=run.id)
    return any(marked(run_folder(run.workspace.root, record.id)) for record in waiting)


def _targets(flow: Flow, journal: Journal, run: str) -> list[str]:
    wanted = {s: node.id for node in flow.nodes.values() for s, condition in node.after.items() if condition == "undo"}
    done = {event.node for event in journal.all_events(run) if event.kind == "node.done"}
    return [source for source, node in wanted.items() if source in done and node not in done]
