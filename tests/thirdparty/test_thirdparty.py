"""Nodes of a third party: its own distribution is installed, found by its entry point, and used in a flow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

PACKAGE = Path(__file__).with_name("tisserand_example_nodes")

FLOW = """\
tisserand: 1
id: greetings
nodes:
  numbers:
    kind: example.count_up
    config: {to: 2500}
  greeted:
    kind: example.greet
    inputs: {table: numbers}
    config: {name: n, word: Bonjour}
  kept:
    kind: file.write_csv
    inputs: {table: greeted}
    config: {path: "{{ workspace }}/out/greetings.csv"}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built and installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", str(target), str(PACKAGE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def _tisserand(installed: Path, folder: Path, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "TISSERAND_LANG": language}
    command = [sys.executable, "-m", "tisserand.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_flow_uses_nodes_of_another_distribution(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "tisserand.yaml").touch()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greetings.yaml").write_text(FLOW)
    done = _tisserand(installed, tmp_path, "run", "flows/greetings.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "out" / "greetings.csv").read_text().splitlines()
    assert lines[0] == "n,greeting"
    assert sorted(lines[1:]) == sorted(f"{n},Bonjour {n}" for n in range(1, 2501))


def test_the_node_list_shows_them_in_their_own_french(installed: Path, tmp_path: Path) -> None:
    done = _tisserand(installed, tmp_path, "nodes", "--json")
    assert done.returncode == 0, done.stderr
    assert "example.greet" in json.dumps(json.loads(done.stdout))
    shown = _tisserand(installed, tmp_path, "nodes", "example.greet", language="fr")
    assert "Saluer" in shown.stdout, shown.stdout + shown.stderr


def test_the_schema_of_flow_files_knows_them(installed: Path, tmp_path: Path) -> None:
    schema = json.loads(_tisserand(installed, tmp_path, "schema", "flow").stdout)
    flow = yaml.safe_load(FLOW)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(flow)] == []
    flow["nodes"]["greeted"]["config"]["wrod"] = "Salut"
    assert list(Draft202012Validator(schema).iter_errors(flow))
    without = json.loads(_tisserand(tmp_path, tmp_path, "schema", "flow").stdout)
    assert list(Draft202012Validator(without).iter_errors(yaml.safe_load(FLOW)))


def test_they_import_the_sdk_only() -> None:
    for path in PACKAGE.rglob("*.py"):
        lines = [line.strip() for line in path.read_text().splitlines()]
        ours = [line for line in lines if line.startswith(("import tisserand", "from tisserand"))]
        assert all(line.startswith("from tisserand.sdk import ") for line in ours), path


def test_without_the_package_the_flow_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tisserand.yaml").touch()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greetings.yaml").write_text(FLOW)
    done = _tisserand(tmp_path / "nowhere", tmp_path, "check", "flows/greetings.yaml")
    assert done.returncode == 2
    assert "example.count_up" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
