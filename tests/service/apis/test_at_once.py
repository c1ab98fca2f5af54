"""Processes that change the catalogue at once, as two terminals do: each change is a whole one, and none is lost to another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.service.apis.conftest import Shop

from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PROGRAM = """
import json, os, sys
from pathlib import Path
from tisserand.service.local import LocalExecutor
import tisserand.workspace.secrets, tisserand.service.apis.here

root, processes, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ready, go = os.pipe()
children = []
for number in range(processes):
    child = os.fork()
    if child == 0:
        os.close(go)
        executor = LocalExecutor(root)
        os.read(ready, 1)  # all begin when the other end is closed
        keys = []
        for turn in range(rounds):
            executor.apis.save_entry("consumer", f"c{number}-{turn}", {"name": "C"})
            keys.append(executor.apis.issue("acme").credential)
            executor.apis.save({"id": f"a{number}", "version": str(turn), "route": {"base_path": "/a"}, "upstream": {"flow": "f"}})
        os.write(1, (json.dumps(keys) + "\\n").encode())
        executor.close()
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_nothing_is_lost_between_processes(shop: Shop) -> None:
    processes, rounds = 4, 4
    shop.apis.save_entry("consumer", "acme", {"name": "Acme"})
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(shop.root), str(processes), str(rounds)],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    told = {key for line in done.stdout.splitlines() for key in json.loads(line)}
    found = yaml.safe_load((shop.root / "consumers.yaml").read_text())
    assert found.keys() == {"acme", *(f"c{number}-{turn}" for number in range(processes) for turn in range(rounds))}
    named = {each["id"] for each in found["acme"]["credentials"]}
    assert named == told and len(told) == processes * rounds
    store = secret_store(Workspace(shop.root).id)
    assert {*store.names()} == {f"api-key.acme.{key}" for key in told}, "and none of the values was swept away"
    assert len([*Path(shop.root / "apis").glob("*.yaml")]) == processes * rounds
