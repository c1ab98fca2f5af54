"""Runs are killed at random moments and resumed until they are done; then every target holds exactly what it would without a kill."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tisserand.engine.journal import FINAL
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

ROWS = 20_000
REPORTS = Path(__file__).parent / "reports"

FLOW = """\
tisserand: 1
id: killed
parameters:
  round: {type: integer}
nodes:
  numbers:
    kind: file.read_csv
    config: {path: numbers.csv}
  computed:
    kind: table.formula
    inputs: {table: numbers}
    config: {columns: {square: id * id, round: $round}}
  lines:
    kind: file.write_json
    inputs: {table: computed}
    config: {path: "out/lines.jsonl", format: lines}
  wide:
    kind: file.write_csv
    inputs: {table: computed}
    config: {path: "out/wide.csv"}
  replaced:
    kind: sql.write
    inputs: {table: computed}
    config: {connection: base, table: replaced, mode: replace}
  appended:
    kind: sql.write
    inputs: {table: computed}
    after: {replaced: done}
    config: {connection: base, table: appended, mode: append}
  upserted:
    kind: sql.write
    inputs: {table: computed}
    after: {appended: done}
    config: {connection: base, table: upserted, mode: upsert, key: [id]}
  totals:
    kind: table.aggregate
    inputs: {table: computed}
    config: {by: [], values: {rows: count(), sum: sum(square)}}
  sheet:
    kind: file.write_excel
    inputs: {table: totals}
    config: {path: "out/totals.xlsx"}
"""


class Field:
    """A workspace in which one flow runs again and again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "flows").mkdir(parents=True)
        (root / "tisserand.yaml").write_text("")
        (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
        (root / "flows" / "killed.yaml").write_text(FLOW)
        (root / "numbers.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(ROWS)))
        self.executor = LocalExecutor(root)
        self.kills: list[str] = []

    def round(self, number: int, random: random.Random) -> int:
        """One run, killed until it is left alone; gives how often it was."""
        run = self.executor.start(RunRequest(file="flows/killed.yaml", parameters={"round": number}))
        killed = 0
        left = random.randint(1, 4)
        while True:
            if killed < left:
                # The first second is starting; what follows is the work, where a kill hurts.
                time.sleep(random.choice((random.uniform(0, 1.2), random.uniform(0.8, 2.5))))
                killed += self._kill(run)
            found = self.executor.wait(run)
            if found.state == "done":
                return killed
            assert found.state in ("failed", "interrupted"), found
            self.kills.append(",".join(sorted(name for name, node in found.nodes.items() if node.state == "running")) or "–")
            assert found.error is not None and "killed" in found.error.message.text("en"), found.error
            assert found.uncertain == (), found  # every target of the flow can be looked up
            self.executor.resume(run)

    def _kill(self, run: str) -> int:
        record = self.executor.journal.run(run)
        if record is None or record.state in FINAL or record.owner_pid is None:
            return 0
        try:
            os.kill(record.owner_pid, signal.SIGKILL)
        except ProcessLookupError:
            return 0
        return 1

    def found(self) -> dict[str, Any]:
        """What the targets hold, read without anything of ours."""
        import openpyxl

        with (self.root / "out" / "wide.csv").open() as file:
            wide = [tuple(map(int, (row["id"], row["square"], row["round"]))) for row in csv.DictReader(file)]
        lines = [json.loads(line) for line in (self.root / "out" / "lines.jsonl").read_text().splitlines()]
        sheet = openpyxl.load_workbook(self.root / "out" / "totals.xlsx").active
        assert sheet is not None
        base = sqlite3.connect(self.root / "base.sqlite")
        try:
            tables = {
                name: sorted(base.execute(f"SELECT id, square, round FROM {name}").fetchall())
                for name in ("replaced", "appended", "upserted")
            }
        finally:
            base.close()
        totals = [tuple(row) for row in sheet.iter_rows(values_only=True)]
        return {
            "wide": sorted(wide),
            "lines": sorted((r["id"], r["square"], r["round"]) for r in lines),
            "totals": totals,
            **tables,
        }


def expected(number: int) -> dict[str, Any]:
    rows = [(n, n * n, number) for n in range(ROWS)]
    every = sorted((n, n * n, r) for r in range(number + 1) for n in range(ROWS))
    totals = [("rows", "sum"), (ROWS, sum(n * n for n in range(ROWS)))]
    return {"wide": rows, "lines": rows, "totals": totals, "replaced": rows, "appended": every, "upserted": rows}


def _same(field: Field, number: int, seed: int) -> None:
    found, wanted = field.found(), expected(number)
    different = [name for name in wanted if found[name] != wanted[name]]
    assert not different, f"round {number}, seed {seed}: {[(name, len(found[name]), len(wanted[name])) for name in different]}"
    left = [str(path) for path in field.root.rglob("*.part") if ".tisserand" not in path.parts]
    assert left == [], f"round {number}, seed {seed}"


def test_some_kills(tmp_path: Path) -> None:
    """The small one: a seed a day would find more, this one is always the same."""
    field = Field(tmp_path / "field")
    generator = random.Random(7)
    try:
        for number in range(2):
            field.round(number, generator)
            _same(field, number, 7)
    finally:
        field.executor.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_kills(tmp_path: Path) -> None:
    """`SOAK_SECONDS` (300) of it with a new seed; the report says where the kills hit."""
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
    seconds = float(os.environ.get("SOAK_SECONDS") or 300)
    field = Field(tmp_path / "field")
    generator = random.Random(seed)
    begun, number, killed = time.monotonic(), 0, 0
    try:
        while time.monotonic() - begun < seconds:
            killed += field.round(number, generator)
            _same(field, number, seed)
            number += 1
    finally:
        field.executor.close()
    assert killed > 0
    hit = {name: field.kills.count(name) for name in sorted(set(field.kills))}
    today = datetime.now(UTC).date().isoformat()
    REPORTS.mkdir(exist_ok=True)
    lines = [
        f"# Random kills, {today}",
        "",
        f"Seed {seed}, {seconds:.0f} s: {number} runs of six targets, {killed} kills, all contents exact.",
    ]
    lines += [
        "",
        "| nodes that were running | kills |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in hit.items()),
    ]
    (REPORTS / f"{today}.md").write_text("\n".join(lines) + "\n")
