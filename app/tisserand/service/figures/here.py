"""The figures over the journal in this process."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path, refusal, run_folder, unknown_run
from tisserand.service.figures.calls import Asked, FlowFigures, Load, Span
from tisserand.service.figures.elsewhere import Known, known_elsewhere
from tisserand.service.figures.sql import Listing
from tisserand.service.figures.sums import Sum, Sums
from tisserand.service.figures.timeline import spans
from tisserand.service.figures.words import Words
from tisserand.service.protocol import RunInfo
from tisserand.service.states import info
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

STRETCHES = 20_000
"""The most stretches of one load plot."""

_ID = re.compile(r"(?m)^id:[ \t]*[\"']?([^\s\"'#]+)")
_TITLE = re.compile(r"(?m)^title:[ \t]*(.+?)[ \t]*$")


class HereFigures:
    """Implements `Figures`. It reads through a connection of its own: a long look holds up nobody who writes."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._journal = Journal(journal_path(executor.root))
        # The upper levels of the indexes of a million runs: without them every look reads the file anew.
        self._journal.row("PRAGMA cache_size = -65536")
        self.words = Words(self._journal)
        self.sums = Sums(self._journal)
        self.listing = Listing(self._journal, self.words)
        self._files: dict[Path, tuple[tuple[int, int], str, str]] = {}

    def close(self) -> None:
        self._journal.close()

    def flows(self, since: float, until: float | None = None) -> list[FlowFigures]:
        end = time.time() if until is None else until
        _in_order(since, end)
        sums = self.sums.by_flow(since, end)
        live: dict[tuple[str, str], int] = {
            (flow, state): count for flow, state, count in self._journal.rows(LIVE)
        }  # fmt: skip
        files = self._flow_files()
        titles = {flow: title for flow, (_file, title) in files.items()}
        ran = {flow for (flow,) in self._journal.rows(FLOWS)}
        elsewhere = known_elsewhere(self._executor)
        found = []
        for flow in {*files, *ran}:
            last = self._journal.row(LAST, (flow,))
            if last is None and flow not in files and flow not in sums:
                continue  # only ever called by other flows, or all its runs are removed
            file = files[flow][0] if flow in files else (last[3] if last else None)
            total = sums.get(flow, Sum())
            known = elsewhere.get(file or "", Known())
            found.append(
                FlowFigures(
                    flow,
                    file,
                    titles.get(flow, ""),
                    on=known.on,
                    paused=known.paused,
                    problem=known.problem,
                    running=live.get((flow, "running"), 0),
                    queued=live.get((flow, "queued"), 0),
                    waiting=live.get((flow, "waiting"), 0),
                    inbox=known.inbox,
                    dead=known.dead,
                    runs=total.runs,
                    done=total.done,
                    failed=total.failed,
                    p50=total.percentile(0.5),
                    p95=total.percentile(0.95),
                    rows=total.rows,
                    bytes=total.bytes,
                    last=last[0] if last else None,
                    last_state=last[1] if last else None,
                    last_time=last[2] if last else None,
                    next_due=known.next_due,
                )
            )
        return sorted(found, key=lambda each: ((each.title or each.flow).casefold(), each.flow))

    def load(self, since: float, until: float, seconds: float, flow: str | None = None) -> list[Load]:
        _in_order(since, until)
        if not (math.isfinite(seconds) and seconds > 0) or (until - since) / seconds > STRETCHES:
            raise refusal("call.stretch", msg("At most {most} stretches of time, each longer than nothing.", most=STRETCHES))
        sums = self.sums.by_time(since, until, seconds, flow)
        return [
            Load(
                since + place * seconds,
                seconds,
                each.runs,
                each.done,
                each.failed,
                each.rows,
                each.bytes,
                each.percentile(0.5),
                each.percentile(0.95),
            )
            for place, each in enumerate(sums)
        ]

    def runs(self, asked: Asked, limit: int = 100, before: str | None = None) -> list[RunInfo]:
        return [info(record) for record in self.listing.page(asked, limit, before)]

    def count(self, asked: Asked) -> int:
        return self.listing.count(asked)

    def timeline(self, run: str) -> Sequence[Span]:
        run_folder(self._executor.root, run)  # refuses what is no run id
        if self._journal.run(run) is None:
            raise unknown_run(run)
        return spans(self._journal.all_events(run))

    def _flow_files(self) -> dict[str, tuple[str, str]]:
        """Flow → file and title, of every flow file; files that did not change are not read again."""
        from tisserand.workspace.folder import Workspace

        place = Workspace(self._executor.root)
        found: dict[str, tuple[str, str]] = {}
        known: dict[Path, tuple[tuple[int, int], str, str]] = {}
        for path in place.flow_files():
            try:
                state = path.stat()
                seen = (state.st_mtime_ns, state.st_size)
                before = self._files.get(path)
                known[path] = before if before is not None and before[0] == seen else (seen, *_head(path))
            except OSError:
                continue  # removed a moment ago
            _seen, flow, title = known[path]
            found.setdefault(flow, (path.relative_to(place.root).as_posix(), title))
        self._files = known
        return found


LIVE = (
    "SELECT flow, state, count(*) FROM runs INDEXED BY runs_live "
    "WHERE state IN ('queued', 'running', 'waiting') AND parent IS NULL GROUP BY 1, 2"
)
FLOWS = "SELECT DISTINCT flow FROM named"
LAST = (
    "SELECT id, state, created, flow_file FROM runs INDEXED BY top_by_flow WHERE flow = ? AND parent IS NULL "
    "ORDER BY created DESC, id DESC LIMIT 1"
)


def _head(path: Path) -> tuple[str, str]:
    """Id and title as they stand in a flow file; the file's name where it is too broken to have an id."""
    text = path.read_text(encoding="utf-8", errors="replace")
    flow, title = _ID.search(text), _TITLE.search(text)
    return flow[1] if flow else path.stem, _plain(title[1]) if title else ""


def _plain(text: str) -> str:
    """A YAML scalar on one line as text."""
    import yaml

    from tisserand.model.lenient_yaml import Loader

    try:
        value = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError:
        return text
    return value if isinstance(value, str) else text


def _in_order(since: float, until: float) -> None:
    if not (math.isfinite(since) and math.isfinite(until) and since <= until):
        raise refusal("call.stretch", msg("The stretch of time ends before it begins."))
