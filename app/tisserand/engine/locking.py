"""The lock file at work: checks read it instead of calling sources, runs hold their sources to it and add what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.resolve import DriftError, ResolvedNode
from tisserand.files import write_text
from tisserand.model.edit_group import named
from tisserand.model.lock import Lock, Locked, drift, lock_file, read_lock, settings_of, write_lock
from tisserand.model.problem import Problem
from tisserand.sdk.node import Discovery
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.model.flow import Flow
    from tisserand.sdk.registry import Registry


class SourceLock:
    """The lock of one flow. A flow that has no file has none: then nothing is known and nothing is kept."""

    def __init__(self, root: Path, file: str | None, flow: Flow) -> None:
        self.file = lock_file(file) if file is not None else None
        self.flow_file = file
        self._open = open_parameters(flow)
        self.path = root / self.file if self.file is not None else None
        self.problems: list[Problem] = []
        self.known: Lock = {}
        self._learned: dict[str, Locked] = {}
        if self.path is not None and self.file is not None and self.path.is_file():
            try:
                text = self.path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                text = ""
                reason = getattr(error, "strerror", None) or str(error)
                self.problems.append(Problem("lock.unreadable", msg("The lock file cannot be read: {reason}", reason=reason)))
            else:
                self.known, self.problems = read_lock(text, self.file)

    def _locks(self, node: ResolvedNode) -> bool:
        """What only a run knows (the file that arrived) is another source each time: no columns can be held against it."""
        return locks(node) and not (named(node.spec.config) & self._open)

    def answer(self, node: ResolvedNode) -> Discovery | None:
        """What the lock says of a source, so that nobody needs to call it; None where it says nothing, or of other settings."""
        known = self.known.get(node.id)
        if known is None or not self._locks(node) or known.settings != settings_of(node.spec):
            return None
        return Discovery(known.schema, known.detected)

    def hold(self, node: ResolvedNode, found: Discovery) -> Discovery:
        """What was found, if its columns are those of the lock; raises `DriftError` otherwise."""
        known = self.known.get(node.id)
        if self._locks(node) and known is not None and known.settings == settings_of(node.spec):
            changes = drift(known.schema, found.schema)
            if changes is not None:
                raise DriftError(
                    "The columns of the source are no longer those that the flow was made for: {changes}.",
                    fix="Repair the source, or accept the new columns: tisserand check --relock {flow}",
                    changes=changes,
                    flow=self.flow_file,
                )
        else:
            self.learn(node, found)
        return found

    def learn(self, node: ResolvedNode, found: Discovery) -> None:
        if self._locks(node):
            self._learned[node.id] = Locked(settings_of(node.spec), found.schema, found.detected)

    def save(self, flow: Flow, registry: Registry, clean: Callable[[Any], Any], anew: bool = False) -> None:
        """Write what was learned, without the entries of readers that are gone; `anew` forgets all that was known before.
        `clean` takes secrets out of what was detected. Raises `OSError`."""
        if self.path is None or (self.problems and not anew):
            return
        readers = {
            id for id, node in flow.nodes.items() if (kind := registry.get(node.kind)) and kind.role in ("reader", "trigger")
        }
        learned = {name: Locked(one.settings, one.schema, clean(dict(one.detected))) for name, one in self._learned.items()}
        kept = {} if anew else self.known
        lock = {name: one for name, one in {**kept, **learned}.items() if name in readers}
        if lock or self.path.exists():
            text = write_lock(lock)
            if not self.path.exists() or self.path.read_text(encoding="utf-8", errors="replace") != text:
                write_text(self.path, text)


def open_parameters(flow: Flow) -> set[str]:
    """The parameters that only a run gives a value."""
    return {name for name, parameter in flow.parameters.items() if parameter.default is None}


def locks(node: ResolvedNode) -> bool:
    """Whether the columns of a reader come from outside, and not from its settings alone."""
    looks = node.role == "reader" or (node.role == "trigger" and getattr(node.node, "looks", False))
    return looks and not getattr(node.node, "columns_in_settings", False) and node.spec.pinned is None
