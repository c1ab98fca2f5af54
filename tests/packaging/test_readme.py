"""The README's tour is true: every command in it runs, in its order, and every file that it names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_command_of_the_tour_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("out", ".tisserand"))
    # The environment of the tests is the active one, as in the tour.
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]}
    commands = _commands()
    assert len(commands) > 8
    folder = tmp_path
    said: dict[str, str] = {}
    for command in commands:
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
            continue
        done = subprocess.run(
            command.split(), cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[command] = done.stdout
    assert (tmp_path / "flows" / "showcase" / "out" / "latest-airlines.csv").is_file()
    assert (folder / "my-workspace" / "tisserand.yaml").is_file()
    rows = next(text for command, text in said.items() if command.startswith("tisserand data"))
    assert "origin" in rows and "bad" in rows
    why = next(text for command, text in said.items() if command.startswith("tisserand schedule why"))
    assert "Noël" in why or "Christmas" in why, why


def test_every_make_target_and_file_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)`", README)) | set(re.findall(r"^    make ([a-z]+)$", README, re.MULTILINE))
    assert {"run", "test"} <= named <= targets
    paths = re.findall(r"`((?:app|nodes|flows|tests|resources)/[\w/.-]+)`", README) + re.findall(r"\]\(([\w/.-]+)\)", README)
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]
    assert (ROOT / "LICENSE").is_file()


def test_it_tells_the_number_of_showcase_flows() -> None:
    assert len(list((ROOT / "flows" / "showcase" / "flows").glob("*.yaml"))) == 12
    assert "twelve flows" in README
