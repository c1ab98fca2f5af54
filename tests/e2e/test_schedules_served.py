"""A served workspace runs a flow by its schedule: on time, once for each due time, with the event at the trigger's port."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tisserand.service.serve import connect, running
from tisserand.workspace.folder import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def test_it_runs_when_it_is_due(tmp_path: Path) -> None:
    root = Workspace.create(tmp_path / "w").root
    (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
    due = int(time.time()) + 8
    moments = [datetime.fromtimestamp(due + later, UTC).strftime("%Y-%m-%d %H:%M:%S") for later in (0, 2)]
    (root / "flows" / "f.yaml").write_text(
        "tisserand: 1\nid: f\nlimits: {overlap: queue}\nnodes:\n"
        f"  t: {{kind: trigger.dates, config: {{dates: ['{moments[0]}', '{moments[1]}'], timezone: UTC}}}}\n"
        "  put: {kind: sql.write, inputs: {table: t}, config: {connection: base, table: done, mode: append}}\n"
    )
    command = [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while running(root) is None:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        remote = connect(root)
        remote.watch("flows/f.yaml")
        assert remote.schedules.next_due("flows/f.yaml") == due or time.time() >= due
        end = time.monotonic() + 90
        while [run.state for run in remote.runs()] != ["done", "done"]:
            assert time.monotonic() < end, (remote.runs(), remote.schedules.verdicts("flows/f.yaml", 0, 4e9))
            time.sleep(0.1)
        found = remote.schedules.verdicts("flows/f.yaml", 0, 4e9)
        assert [(each.due, each.verdict) for each in found] == [(due + 2, "ran"), (due, "ran")]
        assert [each.run for each in found] == [run.id for run in remote.runs()]
        assert {run.trigger for run in remote.runs()} == {"schedule"}
        assert remote.runs()[0].cause["node"] == "t"
        said = remote.schedules.why("flows/f.yaml", due).text("en")
        assert "It ran: due at" in said and "it is done" in said
        remote.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    with sqlite3.connect(root / "base.sqlite") as db:
        held = db.execute("SELECT due, scheduled, timezone FROM done ORDER BY due").fetchall()
    assert [str(row[0])[:19].replace("T", " ") for row in held] == moments
    assert [row[2] for row in held] == ["UTC", "UTC"]
