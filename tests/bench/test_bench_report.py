"""The bench report keeps the sections of benches that were not run, and no path of a person."""

from __future__ import annotations

import getpass
import importlib.util
from pathlib import Path
from typing import Any


def bench() -> Any:
    spec = importlib.util.spec_from_file_location("bench_run", Path(__file__).with_name("run.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_later_bench_replaces_its_own_section_only(tmp_path: Path) -> None:
    report = tmp_path / "2026-01-02.md"
    run = bench()
    run.write_report(report, {"Model": "first", "Batch": "| a |\n| --- |"})
    run.write_report(report, {"Model": "second"})
    text = report.read_text(encoding="utf-8")
    found = run.sections(text)
    assert list(found) == ["Machine", "Model", "Batch"]
    assert (found["Model"], found["Batch"]) == ("second", "| a |\n| --- |")
    assert "duckdb" in found["Machine"]
    assert text.startswith("# Benches of 2026-01-02\n")
    for private in (str(Path.home()), f"/{getpass.getuser()}/"):
        assert private not in text


def test_every_bench_is_run() -> None:
    there = {path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")}
    assert set(bench().BENCHES) == there
