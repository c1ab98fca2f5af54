"""What alerts ask of other parts of the executor: lengths of queues, verdicts on due times, which flows rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

_FLOW_ID = re.compile(r"^id:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Missed:
    """A due time that was judged: its run did not begin."""

    flow: str
    file: str
    due: float
    why: Message | None = None


class Sources(Protocol):
    """All are asked every few seconds, and answer at once."""

    def queued(self) -> int:
        """Runs that wait for their turn."""

    def inbox(self) -> Mapping[str, int]:
        """Flow file → events that no run has taken yet."""

    def missed(self, since: float, until: float) -> Sequence[Missed]:
        """The verdicts *missed* on due times in `[since, until]`. Some may be given late: what was told once is not told again."""

    def scheduled(self) -> frozenset[str]:
        """The flow files whose due times are judged by a schedule: their rhythm is not."""

    def rests(self, file: str, trigger: str) -> bool:
        """Whether nothing is missed of a flow that is usually started so: it is paused, or started by itself and is switched off."""


class OwnSources:
    """What the other areas of an executor in this process tell."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def queued(self) -> int:
        found = self._executor.journal.row("SELECT count(*) FROM runs WHERE state = 'queued'")
        return int(found[0]) if found else 0

    def inbox(self) -> Mapping[str, int]:
        return {one.file: one.counts.get("waiting", 0) for one in self._executor.inbox.counts()}

    def missed(self, since: float, until: float) -> Sequence[Missed]:
        found = self._executor.schedules.verdicts(None, since, until, "missed")
        return [Missed(self._flow(one.file), one.file, one.due, one.reason) for one in found]

    def scheduled(self) -> frozenset[str]:
        in_force = self._executor.schedules.ledger.in_force()
        return frozenset(file for (file, _node), segment in in_force.items() if segment.spec is not None)

    def rests(self, file: str, trigger: str) -> bool:
        ledger = self._executor.ledger
        return file in ledger.paused() or (trigger not in ("manual", "flow") and file not in ledger.on())

    def _flow(self, file: str) -> str:
        return flow_id(self._executor.root, file)


def flow_id(root: Path, file: str) -> str:
    """The id of the flow in a file; the file's name where it cannot be read."""
    try:
        match = _FLOW_ID.search((root / file).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        match = None
    return match[1] if match else Path(file).stem
