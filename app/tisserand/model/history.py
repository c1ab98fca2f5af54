"""Undo and redo of edit commands over one flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from tisserand.model.command import Command
from tisserand.model.flow import Flow
from tisserand.texts import Message

Listener = Callable[[Flow, Flow, Command], None]


@dataclass
class _Step:
    command: Command
    before: Flow
    after: Flow


class History:
    """The flow being edited, with everything done to it since it was opened."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._saved: Flow | None = flow
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._sealed = True
        self._listeners: list[Listener] = []

    @property
    def flow(self) -> Flow:
        """The flow as it is now."""
        return self._flow

    def do(self, command: Command) -> Flow:
        """Apply a command; raises `EditError` and changes nothing where it cannot be done. An edit that changes nothing
        leaves no step behind."""
        before = self._flow
        after = command.apply(before)
        if after is before or (after == before and _alike(before, after)):
            return before
        last = self._done[-1] if self._done and not self._undone and not self._sealed else None
        joined = last.command.merged(command) if last is not None and last.after is not self._saved else None
        if last is not None and joined is not None:
            last.command, last.after = joined, after
        else:
            self._done.append(_Step(command, before, after))
        self._undone.clear()
        self._sealed = False
        self._become(after, command)
        return after

    def seal(self) -> None:
        """The next command begins a step of its own (the pointer was released, the field left)."""
        self._sealed = True

    def undo(self) -> Flow:
        """Take the last step back; nothing happens where there is none."""
        if self._done:
            step = self._done.pop()
            self._undone.append(step)
            self._sealed = True
            self._become(step.before, step.command.undo(step.before, step.after))
        return self._flow

    def redo(self) -> Flow:
        if self._undone:
            step = self._undone.pop()
            self._done.append(step)
            self._sealed = True
            self._become(step.after, step.command)
        return self._flow

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def undo_name(self) -> Message | None:
        return self._done[-1].command.name if self._done else None

    @property
    def redo_name(self) -> Message | None:
        return self._undone[-1].command.name if self._undone else None

    @property
    def last_step(self) -> object | None:
        """What `undo` would take back, to be told from other steps by identity; edits that join it leave it the same."""
        return self._done[-1] if self._done else None

    def mark_saved(self) -> None:
        """What there is now is what the file holds. Undo and redo go on across it."""
        self._saved = self._flow
        self._sealed = True

    def mark_unsaved(self) -> None:
        """The file holds something else (it was changed or removed on the disk)."""
        self._saved = None

    def rewrite(self, change: Callable[[Flow], Flow]) -> None:
        """Change the flow as if it had always been so: every state of it, no step of its own. Tells nobody."""
        states = [self._flow, *(state for step in (*self._done, *self._undone) for state in (step.before, step.after))]
        # Each state once: whether it is the saved one is asked by identity.
        made = {id(state): change(state) for state in states}
        for step in (*self._done, *self._undone):
            step.before, step.after = made[id(step.before)], made[id(step.after)]
        self._saved = made.get(id(self._saved), self._saved)
        self._flow = made[id(self._flow)]

    @property
    def is_saved(self) -> bool:
        return self._flow is self._saved

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(before, after, command)` after every change; returns a function that ends it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def ignore(self, listener: Listener) -> None:
        """Call `listener` no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _become(self, flow: Flow, command: Command) -> None:
        before, self._flow = self._flow, flow
        for listener in list(self._listeners):
            listener(before, flow, command)


def _alike(before: Flow, after: Flow) -> bool:
    """Whether two equal flows are written alike: 1, 1.0 and true are equal in Python, not in a file."""
    for part in fields(Flow):
        one, other = getattr(before, part.name), getattr(after, part.name)
        if one is other:
            continue
        if not isinstance(one, Mapping):
            if repr(one) != repr(other):
                return False
        elif any(value is not other[name] and repr(value) != repr(other[name]) for name, value in one.items()):
            return False
    return True
