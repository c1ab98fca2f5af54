"""The bars of a run on a terminal: as far as the share that its nodes tell."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tisserand.cli.progress import Bars
from tisserand.engine.journal import Event


def test_a_bar_is_as_far_as_the_share_and_full_at_the_end() -> None:
    moving = Progress(console=Console(file=io.StringIO(), force_terminal=True))
    bars = Bars("r", moving)

    def tell(kind: str, **data: Any) -> tuple[float | None, float, str]:
        bars.event(Event(None if kind == "progress" else 1, "r", 0.0, kind, "sorted", data))
        (task,) = moving.tasks
        return task.total, task.completed, str(task.fields["rows"])

    bars.event(Event(1, "r", 0.0, "plan.ready", None, {"nodes": ["sorted", "out"]}))
    assert moving.tasks == []
    assert tell("node.started") == (None, 0, "")
    assert tell("progress", rows=1234) == (None, 0, "1,234 rows")
    assert tell("progress", share=0.43) == (1, 0.43, "1,234 rows")
    assert tell("progress", share=0.2, rows=2000) == (1, 0.43, "2,000 rows")
    assert tell("progress", share=1.0) == (1, 0.99, "2,000 rows")
    assert tell("node.done", rows={"table": 3000}) == (1, 1, "3,000 rows")
