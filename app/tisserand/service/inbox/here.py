"""The inbox of this process's executor: what it holds, and what people do with it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tisserand.engine.launch import refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.inbox.calls import Hook, InboxCounts, InboxEvent
from tisserand.service.inbox.store import EventState, InboxStore
from tisserand.service.ledger import Watch
from tisserand.service.protocol import Refused
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

FILE = "inbox.sqlite"
LARGEST_PAGE = 10_000
STATES: tuple[str, ...] = get_args(EventState)
NAMES = {
    "waiting": msg("waiting"), "taken": msg("taken"), "done": msg("done"), "dead": msg("given up"), "discarded": msg("discarded"),
}  # fmt: skip
"""The states as people read them."""

_SELECT = (
    "SELECT e.id, s.file, s.node, e.key, e.row, e.received, e.state, e.trace, e.batch, e.run, e.attempts, e.due, e.error, "
    "e.edited_by, e.edited_at FROM events AS e JOIN sources AS s ON s.id = e.source"
)


class LocalInbox:
    """Implements `Inbox`. `arrived` wakes who starts runs."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.store = InboxStore(executor.root / ".tisserand" / FILE)
        self.arrived = threading.Event()
        self.adopted = threading.Event()
        """Batches were taken over whose runs are to be found, or begun."""
        self.addresses: Callable[[], list[Hook]] = list
        """Filled by who listens for calls from outside."""

    # -- looking -------------------------------------------------------------------------------------------------------
    def events(
        self,
        file: str | None = None,
        state: str | None = None,
        text: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[InboxEvent]:
        if state is not None and state not in STATES:
            raise refusal("call.state", msg("“{value}” is not one of {choices}.", value=state, choices=list(STATES)))
        wanted: dict[str, Any] = {
            "e.source IN (SELECT id FROM sources WHERE file = ?)": file,
            "e.state = ?": state,
            "e.id < ?": before,
            "(e.key || ' ' || e.row) LIKE ? ESCAPE '!'": _pattern(text) if text else None,
        }
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        found = self.store.rows(
            f"{_SELECT}{where} ORDER BY e.id DESC LIMIT ?", (*given.values(), max(0, min(limit, LARGEST_PAGE)))
        )
        return [_event(row) for row in found]

    def event(self, id: int) -> InboxEvent:
        found = self.store.row(f"{_SELECT} WHERE e.id = ?", (id,))
        if found is None:
            raise refusal(
                "inbox.unknown",
                msg("There is no event {id} in the inbox.", id=id),
                msg("“tisserand inbox list” lists the events."),
                missing=True,
            )
        return _event(found)

    def counts(self) -> list[InboxCounts]:
        from tisserand.service.inbox.triggers import most_waiting
        from tisserand.workspace.folder import Workspace

        most = self._asked_settings(lambda: most_waiting(Workspace(self._executor.root)))
        oldest = dict(
            self.store.rows(
                "SELECT s.file, min(e.received) FROM sources AS s JOIN events AS e ON e.id = "
                "(SELECT min(id) FROM events WHERE source = s.id AND state = 'waiting') GROUP BY s.file"
            )
        )
        counted = self._counted()
        return [InboxCounts(file, counted[file], oldest.get(file), most) for file in sorted(counted)]

    def _counted(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for file, state, count in self.store.rows(
            "SELECT s.file, e.state, count(*) FROM events AS e JOIN sources AS s ON s.id = e.source GROUP BY e.source, e.state"
        ):
            counts = found.setdefault(file, {})
            counts[state] = counts.get(state, 0) + count
        return found

    def watches(self, watches: Iterable[Watch]) -> list[Watch]:
        """The flows that are on with how many of their events stand how, and the run that was started last for one."""
        counted = self._counted()
        words = {"waiting": "waiting", "taken": "waiting", "done": "done", "dead": "failed"}
        made = []
        for watch in watches:
            counts: dict[str, int] = {}
            for state, count in counted.get(watch.file, {}).items():
                if state in words:
                    counts[words[state]] = counts.get(words[state], 0) + count
            last = self.store.row(
                "SELECT max(e.run) FROM sources AS s JOIN events AS e ON e.id = "
                "(SELECT max(id) FROM events WHERE source = s.id AND run IS NOT NULL) WHERE s.file = ?",
                (watch.file,),
            )
            made.append(replace(watch, counts=counts, last=last[0] if last else None))
        return made

    def hooks(self) -> list[Hook]:
        return self.addresses()

    # -- doing ---------------------------------------------------------------------------------------------------------
    def edit(self, id: int, row: Mapping[str, Any], by: str = "") -> InboxEvent:
        event = self.event(id)
        self._may([event], ("waiting", "dead"))
        self._fits(event, row)
        changed = sorted(name for name in {*event.row, *row} if event.row.get(name) != row.get(name))
        self._executor.audit.note("inbox.edited", str(id), {"file": event.file, "node": event.node, "columns": changed}, by)
        with self.store.writing("inbox.edited") as db:
            done = db.execute(
                "UPDATE events SET row = ?, edited_by = ?, edited_at = ? WHERE id = ? AND state IN ('waiting', 'dead')",
                (json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")), by, time.time(), id),
            )
        if done.rowcount != 1:
            self._may([self.event(id)], ("waiting", "dead"))
        return self.event(id)

    def resubmit(self, ids: Sequence[int], by: str = "") -> int:
        return self._move(
            "inbox.resubmitted", ids, ("dead", "discarded"), by, "state = 'waiting', batch = NULL, attempts = 0, due = 0"
        )

    def discard(self, ids: Sequence[int], by: str = "") -> int:
        return self._move("inbox.discarded", ids, ("waiting", "dead"), by, "state = 'discarded', batch = NULL")

    def _move(self, what: str, ids: Sequence[int], states: tuple[str, ...], by: str, change: str) -> int:
        wanted = sorted(set(ids))
        events = [self.event(id) for id in wanted]
        self._may(events, states)
        if not events:
            return 0
        for file in sorted({event.file for event in events}):
            self._executor.audit.note(what, file, {"events": [event.id for event in events if event.file == file]}, by)
        places = ", ".join("?" * len(states))
        with self.store.writing(what) as db:
            moved = 0
            for id in wanted:
                done = db.execute(f"UPDATE events SET {change} WHERE id = ? AND state IN ({places})", (id, *states))  # noqa: S608 - our own texts
                moved += done.rowcount
            if moved != len(wanted):
                raise refusal(
                    "inbox.moved", msg("Some of the events were taken meanwhile; nothing was changed."), msg("Look again.")
                )
        self.arrived.set()
        return moved

    @staticmethod
    def _may(events: Iterable[InboxEvent], states: tuple[str, ...]) -> None:
        for event in events:
            if event.state not in states:
                message = msg(
                    "The event {id} is {state}; this can be done with events that are {states}.",
                    id=event.id,
                    state=NAMES[event.state],
                    states=[NAMES[state] for state in states],
                )
                raise refusal("inbox.state", message)

    def _fits(self, event: InboxEvent, row: Mapping[str, Any]) -> None:
        """Raise `Refused` unless a row fits the columns that the trigger has now."""
        from tisserand.engine.values import typed
        from tisserand.service.inbox import triggers
        from tisserand.workspace.folder import Workspace

        root: Path = self._executor.root
        try:
            flow = triggers.read(root, event.file)
            spec = flow.nodes.get(event.node)
            if spec is None or spec.id not in {node.id for node in triggers.nodes_of(flow)}:
                raise NodeError("The trigger “{node}” is gone.", node=event.node)
            found = triggers.listener(Workspace(root), flow, spec)
            schema = found.node.event(found.config)
            unknown = [name for name in row if name not in schema]
            if unknown:
                raise NodeError("There is no column “{name}”. Columns: {columns}.", name=unknown[0], columns=list(schema.names))
            typed([row], schema)
        except NodeError as error:
            raise refusal("inbox.row", error.message, error.fix, node=event.node) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise refusal("call.unreadable", msg("“{path}” cannot be read: {reason}.", path=event.file, reason=reason)) from None

    @staticmethod
    def _asked_settings(call: Any) -> int:
        try:
            return int(call())
        except NodeError as error:
            raise Refused([Problem("call.refused", error.message, error.fix)]) from None


def _pattern(text: str) -> str:
    escaped = "".join(f"!{letter}" if letter in "!%_" else letter for letter in text)
    return f"%{escaped}%"


def _event(row: tuple[Any, ...]) -> InboxEvent:
    id, file, node, key, text, received, state, trace, batch, run, attempts, due, error, edited_by, edited_at = row
    problem = Problem.from_json(json.loads(error)) if error else None
    return InboxEvent(
        id, file, node, key, json.loads(text), received, state, trace, batch, run, attempts, due, problem, edited_by, edited_at
    )
