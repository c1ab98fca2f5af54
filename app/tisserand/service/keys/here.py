"""Business keys of this process's executor: the way of a value, from the index, the journal and the inbox."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tisserand.engine.journal import RunRecord
from tisserand.engine.keystore import FILE, Found, KeyStore
from tisserand.engine.launch import refusal
from tisserand.service.keys.calls import Erased, Erasure, Held, Relation, Step, Trail
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.keys.erase import Erasing
    from tisserand.service.local import LocalExecutor

CALLED = 100
"""Called runs that are shown of one run."""

MOST = 1000


class HereKeys:
    """Implements `Keys`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.store = KeyStore(executor.root / ".tisserand" / FILE)

    def close(self) -> None:
        self.store.close()

    # -- searching

    def search(self, value: str, prefix: bool = False, name: str | None = None, limit: int = 200) -> Trail:
        if not value.strip():
            raise refusal("call.value", msg("An empty value is not looked for."))
        limit = max(1, min(limit, MOST))
        found = self.store.find(value, prefix, name, limit + 1)
        cut, found = len(found) > limit, found[:limit]
        held: dict[str, list[Found]] = {}
        for each in found:
            held.setdefault(each.run, []).append(each)
        partly = self.store.cut_in(held)
        steps: dict[str, Step] = {}
        for record in self._records(held):
            keys = tuple(Held(each.name, each.value, each.node, (each.run, each.name) in partly) for each in held[record.id])
            steps[record.id] = _step(record, "holds", keys)
        for each_run in self._records(held):
            self._relatives(each_run, steps)
        events = self._events(value, prefix, steps)
        return Trail(tuple(sorted([*steps.values(), *events], key=lambda step: (step.time, step.id))), cut)

    def names(self) -> Sequence[str]:
        from tisserand.workspace.folder import Workspace, raw_flows

        found: set[str] = set()
        for _path, data in raw_flows(Workspace(self._executor.root)):
            keys = data.get("keys")
            found.update(str(name) for name in keys) if isinstance(keys, Mapping) else None
        return sorted(found)

    def _records(self, ids: Iterable[str]) -> list[RunRecord]:
        return [record for id in ids if (record := self._executor.journal.run(id)) is not None]

    def _relatives(self, record: RunRecord, steps: dict[str, Step]) -> None:
        journal = self._executor.journal
        for called in journal.runs(parent=record.id, limit=CALLED):
            steps.setdefault(called.id, _step(called, "called"))
        at: RunRecord | None = record
        while at is not None:
            cause = (at.cause or {}).get("run")
            relation: Relation = "caller" if at.parent else "cause"
            before = at.parent or (cause if isinstance(cause, str) else None)
            at = journal.run(before) if before is not None and before not in steps else None
            if at is not None:
                steps[at.id] = _step(at, relation)

    def _events(self, value: str, prefix: bool, steps: Mapping[str, Step]) -> list[Step]:
        """Events that wait or are given up and hold the value, and those that the runs found here took and that hold it."""
        inbox = self._executor.inbox
        found = {}
        for state in ("waiting", "taken", "dead"):
            found.update({event.id: event for event in inbox.events(state=state, text=value, limit=MOST)})
        for run in steps:
            for (id,) in inbox.store.rows("SELECT id FROM events WHERE run = ? LIMIT ?", (run, CALLED)):
                found.setdefault(id, inbox.event(id))
        return [
            Step(event.received, "event", str(event.id), event.file, event.file, event.state, node=event.node, run=event.run)
            for event in found.values()
            if event.run in steps or holds(dict(event.row), value, prefix) or holds(event.key, value, prefix)
        ]

    # -- erasing

    @cached_property
    def erasing(self) -> Erasing:
        from tisserand.service.keys.erase import Erasing

        return Erasing(self._executor, self.store)

    def erasure(self, name: str, value: str) -> Erasure:
        return self.erasing.plan(name, value)

    def erase(self, name: str, value: str, by: str, reason: str) -> Erasure:
        return self.erasing.erase(name, value, by, reason)

    def erasures(self) -> list[Erased]:
        rows = self.store.rows('SELECT id, name, hash, "by", reason, since, finished FROM erasures ORDER BY id DESC LIMIT 1000')
        return [Erased(*row) for row in rows]


def _step(record: RunRecord, relation: Relation, keys: tuple[Held, ...] = ()) -> Step:
    return Step(
        record.created, "run", record.id, record.flow, record.flow_file, record.state, relation, keys, run=record.parent
    )  # fmt: skip


def holds(value: Any, wanted: str, prefix: bool = False) -> bool:
    """Whether a plain JSON value is, or has somewhere inside, this value."""
    if isinstance(value, Mapping):
        return any(holds(each, wanted, prefix) for each in value.values())
    if isinstance(value, list | tuple):
        return any(holds(each, wanted, prefix) for each in value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text.startswith(wanted) if prefix else text == wanted
