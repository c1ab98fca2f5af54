"""A line of 100 MB, in CSV and in JSON lines: a sentence with the line, no result touched, and memory that holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest

pytestmark = pytest.mark.soak
LONG = "x" * 100_000_000


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("file.read_csv", "long.csv", f"a,b\n1,{LONG}\n"),
        ("file.read_json", "long.jsonl", '{"a": 1}\n{"a": "' + LONG + '"}\n'),
    ],
    ids=["csv", "json lines"],
)
def test_a_line_of_100_mb(tmp_path: Path, kind: str, name: str, text: str) -> None:
    (tmp_path / "tisserand.yaml").write_text("id: long\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / name).write_text(text)
    (tmp_path / "flows" / "long.yaml").write_text(
        "tisserand: 1\nid: long\nnodes:\n"
        f"  rows: {{kind: {kind}, config: {{path: {name}}}}}\n"
        "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out.csv}}\n"
    )
    (tmp_path / "out.csv").write_text("old\n")
    executor = LocalExecutor(tmp_path)
    found = executor.wait(executor.start(RunRequest(file="flows/long.yaml", memory="1GB")))
    executor.close()
    if kind == "file.read_json" and found.state == "done":  # JSON has no longest line: then it is there, whole
        assert LONG in (tmp_path / "out.csv").read_text()
        return
    assert found.error is not None and found.error.place.node == "rows" and found.error.fix is not None, found
    assert len(found.error.line()) < 500 and "Traceback" not in found.error.line()
    assert (tmp_path / "out.csv").read_text() == "old\n"
