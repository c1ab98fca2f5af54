"""The wheel: built, installed in an empty environment outside the checkout, and a shipped flow run from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("tisserand-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has only the wheel; what it depends on is lent by this one, to save minutes of installing.

    The packages of this environment are linked one by one, without its editable tisserand: nothing of the checkout can be seen.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "tisserand" not in entry.name and entry.suffix != ".pth" and entry.name != "__pycache__":
            (site / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin" / "python"),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def _run(command: list[str], cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_code_flows_and_resources_and_nothing_left_behind(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name.removeprefix("tisserand/_shipped/") for name in names if name.startswith("tisserand/_shipped/")}
    listed = subprocess.run(["git", "ls-files", "flows", "resources"], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = set(listed.stdout.splitlines()) or {"flows/showcase/flows/latest-airlines.yaml"}
    assert tracked <= shipped
    assert not [name for name in names if "/out/" in name or "/.tisserand/" in name or name.startswith("tests")]
    assert "tisserand/cli/main.py" in names
    assert "tisserand_nodes/table/join.py" in names


def test_a_shipped_flow_runs_from_the_installed_wheel(environment: Path, tmp_path: Path) -> None:
    python = str(environment / "bin" / "python")
    where = "import tisserand.files as f; print(f.__file__); print(f.shipped('flows')); print(f.shipped('resources'))"
    code, flows, resources = _run([python, "-c", where], tmp_path).split()
    assert all(Path(path).is_relative_to(environment) for path in (code, flows, resources))
    assert (Path(resources) / "icons").is_dir()
    shutil.copytree(Path(flows) / "showcase", tmp_path / "showcase")
    _run([str(environment / "bin" / "tisserand"), "run", "flows/latest-airlines.yaml"], tmp_path / "showcase")
    lines = (tmp_path / "showcase" / "out" / "latest-airlines.csv").read_text().splitlines()
    assert len(lines) == 17
    assert "Frontier" in lines[1]
    assert str(ROOT) not in _run(
        [python, "-c", "import sys, tisserand_nodes; print(sys.path, tisserand_nodes.__file__)"], tmp_path
    )


def test_the_installed_commands_speak_french_and_know_the_nodes(environment: Path, tmp_path: Path) -> None:
    tisserand = str(environment / "bin" / "tisserand")
    told = _run([tisserand, "--lang", "fr", "--help"], tmp_path)
    assert "tisse des flux de données" in told and "Codes de sortie" in told
    assert "Filtrer des lignes" in _run([tisserand, "--lang", "fr", "nodes"], tmp_path)
    nodes = json.loads(_run([tisserand, "nodes", "--json"], tmp_path))
    schema = json.loads(_run([tisserand, "schema", "flow"], tmp_path))
    Draft202012Validator.check_schema(schema)
    flow = yaml.safe_load((ROOT / "flows" / "showcase" / "flows" / "cancellations.yaml").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(flow)] == []
    flow["nodes"][next(iter(flow["nodes"]))]["kind"] = "no.such"
    assert list(Draft202012Validator(schema).iter_errors(flow))
    assert len(nodes["nodes"] if isinstance(nodes, dict) else nodes) >= 41
    _run([str(environment / "bin" / "python"), "-c", "import tisserand.ui.window"], tmp_path)
