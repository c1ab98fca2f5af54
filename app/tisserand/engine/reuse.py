"""What an earlier attempt of a run completed and what of it still holds: digests tell apart what an edit of the flow changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand import __version__
from tisserand.engine.journal import Event
from tisserand.engine.plan import Unit
from tisserand.engine.resolve import Resolution, ResolvedNode
from tisserand.engine.undo import marked
from tisserand.model.graph import undoing
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun

_WORD = re.compile(r"\w+")


def digests(resolution: Resolution, values: Mapping[str, Any], version: str = __version__) -> dict[str, str]:
    """Node → a digest of all that its rows follow from: its settings with the values they name, its type, what it reads, what it comes
    after. `version` is that of the Tisserand that began the run: a run that waits may be gone on with by a later one."""
    found: dict[str, str] = {}
    for node in resolution.nodes.values():
        settings = json.dumps(dict(node.spec.config), sort_keys=True, default=str)
        # The names of values stand behind `$` or between `{{ }}`; a word too many does no harm, these values stay as they are.
        words = set(_WORD.findall(settings)) if "$" in settings or "{{" in settings else set()
        named = {name: str(values[name]) for name in sorted(words & values.keys())}
        read = {name: [(found.get(source, ""), port) for source, port in ports] for name, ports in node.inputs.items()}
        # What comes after a node may read what that wrote: an order is a dependency as an input is.
        after = {source: [condition, found.get(source, "")] for source, condition in node.spec.after.items()}
        kind = [version, node.spec.kind, node.type.version, node.spec.pinned]
        raw = json.dumps([kind, settings, named, read, after], sort_keys=True)
        found[node.id] = hashlib.sha256(raw.encode()).hexdigest()[:20]
    return found


class Stale(Exception):  # noqa: N818 - the answer "not like this", with its reasons
    """What is left cannot be done as asked; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(problem.line() for problem in problems))


def take_over(run: FlowRun) -> None:
    """Take units as done that an earlier attempt of the same run finished, from the same settings and rows, where their files are
    still there; raises `Stale` where going on would mix or repeat what must not be."""
    units = {unit.id: unit for unit in run.plan.units}
    read: dict[str, str] = {}
    for event, sources in _finished(run, units):
        unit = units[event.data["unit"]]
        files = {tuple(name.split(".", 1)): Path(path) for name, path in event.data["files"].items()}
        if event.data.get("digest") != run.digests[unit.node] or not all(path.exists() for path in files.values()):
            continue
        for port, path in files.items():
            run.bases[port[0], port[1]] = path
        run.closed.update((str(port).split(".", 1)[0], str(port).split(".", 1)[1]) for port in event.data["closed"])
        run.ended[unit.id] = "done"
        read.update({name: sources[name] for name in unit.covers if name in sources})
        for name, rows in event.data["rows"].items():
            node, _, port_name = name.partition(".")
            run.rows.setdefault(node, {})[port_name] = rows
    problems = [*_mixed(run, read), *_repeated(run)]
    if problems:
        raise Stale(problems)
    for name in {name for unit in run.plan.units if unit.id in run.ended for name in (*unit.covers, unit.node)}:
        run.states[name] = "done"
    if run.ended:
        run.log(msg("Resumed: {done} of {all} steps were done already.", done=len(run.ended), all=len(units)))
        # Followers of what is done must not wait for it: the plan keeps only what is still to do.
        run.plan = replace(run.plan, units=tuple(unit for unit in run.plan.units if unit.id not in run.ended))


def _finished(run: FlowRun, units: Mapping[str, Unit]) -> Iterable[tuple[Event, Mapping[str, str]]]:
    """The last end of every unit, with the fingerprints of the files that were read then. Sorts the events of effects: those of
    the rows that the node gets now into `run.earlier`, others into `run.former`."""
    sources: Mapping[str, str] = {}
    found: dict[str, tuple[Event, Mapping[str, str]]] = {}
    worked: dict[str, str] = {}
    for event in run.journal.all_events(run.id):
        unit, node = str(event.data.get("unit")), event.node
        if event.kind == "plan.ready":
            sources = event.data.get("sources", {})
        elif event.kind in ("run.waiting", "run.failed", "run.cancelled", "run.interrupted"):
            run.woken = event.kind == "run.waiting"
        elif event.kind == "source.looked" and node:
            sources = {**sources, node: event.data["fingerprint"]}
        elif event.kind == "segment.started" and node:
            digest = str(event.data.get("digest"))
            if unit in found and found[unit][0].data.get("digest") != digest:
                del found[unit]  # its files were written over
            if worked.get(node, digest) != digest:
                _other_rows(run, node)
            worked[node] = digest
        elif event.kind == "segment.done" and unit in units:
            found[unit] = (event, sources)
        elif node and (event.kind.startswith("sink.") or event.kind in ("node.failed", "child.started")):
            run.earlier.setdefault(node, []).append(event)
            if event.kind == "child.started":
                run.children[node, str(event.data.get("label"))] = (str(event.data["run"]), str(event.data.get("digest")))
    for node, digest in worked.items():
        if run.digests.get(node) != digest:
            _other_rows(run, node)
    return found.values()


def _other_rows(run: FlowRun, node: str) -> None:
    """From here on the node gets other rows than before, and its effects another key."""
    run.generations[node] = run.generations.get(node, 1) + 1
    events = run.earlier.pop(node, [])
    run.former.setdefault(node, []).extend(events)
    clear(events)


def clear(events: Iterable[Event]) -> None:
    """Remove temporary files that an interrupted attempt left beside their place."""
    for event in events:
        name = event.data.get("temporary")
        if event.kind == "sink.begun" and name and str(name).endswith(".part"):
            Path(str(name)).unlink(missing_ok=True)


def _comes(run: FlowRun, unit: Unit) -> bool:
    """Whether the run may still come to a unit: on its way back it does only what undoes."""
    return not marked(run.folder) or unit.node in undoing(run.flow)


def _mixed(run: FlowRun, read: Mapping[str, str]) -> list[Problem]:
    """Files of which one part of the run has taken other rows than the rest would."""
    left = {name for unit in run.plan.units if unit.id not in run.ended and _comes(run, unit) for name in unit.covers}
    found = []
    for name in sorted(left & read.keys()):
        scan = run.scans.get(name)
        if scan is not None and run.fingerprints.get(name) != read[name]:
            message = msg("“{file}” was changed while the flow read it.", file=", ".join(path.name for path in scan.paths))
            fix = msg("Run the flow again when the file is at rest.")
            found.append(Problem("source.error", message, fix, Place(flow=run.flow.id, node=name)))
    return found


def _repeated(run: FlowRun) -> list[Problem]:
    """Effects that were had with the rows of before an edit, and would be had a second time."""
    found = []
    for unit in run.plan.units:
        node = run.resolution.nodes[unit.node]
        if unit.id in run.ended or not _comes(run, unit):
            continue
        if unit.kind in ("step", "control") and run.options.uncertain == "skip" and (repeats(run, node) or unfinished(run, node)):
            run.left_alone[node.id] = msg("It may have taken effect already and was not to be repeated.")
        if repeats(run, node) and run.options.uncertain is None:
            message = msg("“{node}” took effect before the edit, with other rows, and would do so once more.", node=node.id)
            fix = msg("Look at its target, then resume with “--uncertain repeat” or “--uncertain skip”.")
            found.append(Problem("run.uncertain", message, fix, Place(flow=run.flow.id, node=node.id)))
    return found


def repeats(run: FlowRun, node: ResolvedNode) -> bool:
    """Whether the node had an effect with other rows, to which another one would add."""
    events = run.former.get(node.id, ())
    # What a called flow does is its own matter, and it may be anything.
    if any(event.kind == "child.started" for event in events):
        return True
    return adding(node) and _had(events)


def _had(events: Iterable[Event]) -> bool:
    """Whether an effect was had, or may have been."""
    begun = _begun(events)
    if begun is None or begun.data["delivery"] != "atomic":
        return begun is not None
    staged = [file for event in events if event.kind == "sink.staged" for file in event.data["files"]]
    return any(event.kind == "sink.done" for event in events) or any(_is_there(file) for file in staged)


def _is_there(file: Mapping[str, Any]) -> bool:
    """Whether a staged file was put into place; a rename keeps its inode."""
    try:
        return Path(file["final"]).stat().st_ino == int(file["inode"])
    except OSError:
        return False


def unfinished(run: FlowRun, node: ResolvedNode) -> str | None:
    """The key of an effect that was begun with the same rows and not ended, where nobody can look up whether it was had."""
    begun = _begun(run.earlier.get(node.id, ()))
    if begun is None or begun.data["delivery"] != "at least once":
        return None
    return str(begun.data["key"]) if not any(e.kind == "sink.done" for e in run.earlier[node.id]) else None


def _begun(events: Iterable[Event]) -> Event | None:
    """The last effect that was begun and not taken back."""
    begun = None
    for event in events:
        if event.kind == "sink.begun" and "delivery" in event.data:
            begun = event
        elif event.kind == "node.failed" and begun is not None and begun.data["delivery"] == "transactional":
            begun = None  # rolled back
    return begun


def adding(node: ResolvedNode) -> bool:
    """Whether doing the node twice is more than doing it once."""
    instance: Any = node.node
    if node.role == "writer":
        return bool(instance.adds(node.config))
    return node.role == "step" and not instance.repeats(node.config)


def warned(key: str) -> Message:
    return msg("Nobody knows whether the interrupted attempt took effect. Its key: {key}", key=key)
