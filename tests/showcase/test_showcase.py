"""The showcase's flows, run from the command line on the shipped data, beside plain SQL over the same files."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWCASE = ROOT / "flows" / "showcase"


def _expected() -> ModuleType:
    spec = importlib.util.spec_from_file_location("showcase_expected", Path(__file__).with_name("expected.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPECTED = _expected()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("showcase") / "showcase"
    shutil.copytree(SHOWCASE, folder, ignore=shutil.ignore_patterns("out", ".tisserand"))
    return folder


def _run(workspace: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "tisserand.cli.main", *arguments]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_flow_has_expected_results() -> None:
    assert {path.stem for path in (SHOWCASE / "flows").glob("*.yaml")} == EXPECTED.RESULTS.keys()


def test_the_flows_are_right_and_in_their_fixed_form(workspace: Path) -> None:
    _run(workspace, "check")
    _run(workspace, "fmt", "--check")


@pytest.mark.parametrize("flow", sorted(EXPECTED.RESULTS))
def test_flow_gives_what_sql_gives(flow: str, workspace: Path) -> None:
    _run(workspace, "run", f"flows/{flow}.yaml")
    con = EXPECTED.database(workspace)
    for name, query in EXPECTED.RESULTS[flow].items():
        names, rows = EXPECTED.expected(con, query)
        seen_names, seen = EXPECTED.found(con, workspace / "out" / name)
        if names == ["count"]:
            assert len(seen) == rows[0][0] > 0, name
            continue
        assert seen_names == names, name
        assert rows, name
        assert EXPECTED.alike(EXPECTED.in_order(seen), EXPECTED.in_order(rows)), name
        if name in EXPECTED.ORDERED:
            column, falling = EXPECTED.ORDERED[name]
            values = [row[seen_names.index(column)] for row in seen]
            assert values == sorted(values, reverse=falling), name


def test_a_parameter_changes_the_answer(workspace: Path) -> None:
    _run(workspace, "run", "flows/worst-routes.yaml", "-p", "min_flights=5000")
    con = EXPECTED.database(workspace)
    query = EXPECTED.RESULTS["worst-routes"]["worst-routes.xlsx"].replace(">= 200", ">= 5000")
    _, rows = EXPECTED.expected(con, query)
    _, seen = EXPECTED.found(con, workspace / "out" / "worst-routes.xlsx")
    assert EXPECTED.alike(seen, rows)
