"""Processes that add connections at once, as two terminals do: none is lost to another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tisserand.workspace.folder import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PROGRAM = """
import os, sys
from pathlib import Path
from tisserand.sdk.registry import registry
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace

place, known = Workspace(Path(sys.argv[1])), registry()
Connections(place, known).faults("x", "http", {"base_url": "http://x"})
ready, go = os.pipe()
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)  # all begin when the other end is closed
        for turn in range(5):
            Connections(place, known).save(f"c{number}-{turn}", "http", {"base_url": "http://x"})
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_no_connection_is_lost_between_processes(tmp_path: Path) -> None:
    root = Workspace.create(tmp_path / "place").root
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM, str(root)], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load((root / "connections.yaml").read_text())
    assert found.keys() == {f"c{number}-{turn}" for number in range(4) for turn in range(5)}
