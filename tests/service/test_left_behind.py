"""Files that a kill left half-written: the next executor process removes what is old and nobody's, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tisserand.files import PARTIAL, replacing
from tisserand.service.local import LocalExecutor
from tisserand.service.retention import left
from tisserand.service.retention.part import Keeping
from tisserand.workspace.secrets import config_folder

HALF = """
import os, signal, sys
from pathlib import Path
from tisserand.files import replacing
for name in sys.argv[1:]:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    context = replacing(path, 0o600)
    context.__enter__().write_text("half")
    kept = globals().setdefault("kept", [])
    kept.append(context)
os.kill(os.getpid(), signal.SIGKILL)
"""


def age(path: Path) -> None:
    then = time.time() - left.OLD - 60
    os.utime(path, (then, then))


def partial(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if PARTIAL.fullmatch(path.name))


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_the_next_start_removes_what_is_old_and_nobodys(root: Path) -> None:
    secrets = config_folder() / "secrets"
    long = "x" * 250
    names = ["consumers.yaml", "flows/deep/a.yaml", f"apis/{long}", ".tisserand/published/a@1/serve.json", "data/theirs.txt",
             ".tisserand/runs/one/x.json"]  # fmt: skip
    command = [sys.executable, "-P", "-c", HALF, *(str(root / name) for name in names), str(secrets / "w.json")]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    found = partial(root)
    assert len(found) == len(names) and len(partial(secrets)) == 1
    local = LocalExecutor(root)
    part = Keeping(local)
    part.work()
    assert partial(root) == found, "they are of a moment ago"
    for path in [*found, *partial(secrets)]:
        age(path)
    # What only looks alike stays.
    alike = [root / "flows" / name for name in (".x.part", ".a.yaml.abcdefgh.part", "a.1-abcdefgh.part", ".a.run.node.part")]
    for path in alike:
        path.write_text("x")
    for path in alike:
        age(path)
    # The number of a process that is no more, which another has by now.
    again = root / f".consumers.yaml.{os.getppid()}-abcdefgh.part"
    again.write_text("x")
    os.utime(again, (1_000_000_000, 1_000_000_000))
    part.work()
    assert [path.parent.name for path in partial(root)] == ["one", "data"] and partial(secrets) == []
    assert all(path.exists() for path in alike)
    local.close()


def test_one_that_somebody_still_writes_stays_however_long_he_paused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left, "OLD", 0.0)
    with replacing(root / "flows" / "new.yaml") as temporary:
        temporary.write_text("half")
        assert left.sweep(root) == [] and temporary.exists()
    # Without a look at the process it would be gone.
    orphan = temporary.with_name(temporary.name.replace(f".{os.getpid()}-", ".4194305-"))
    orphan.write_text("half")
    assert left.sweep(root) == [orphan]


def test_names_are_known_whatever_the_file_is_called(tmp_path: Path) -> None:
    for name in ("a", ".hidden", "ä" * 60, "a.1-2.part", "line\nbreak"):
        with replacing(tmp_path / name) as temporary:
            match = PARTIAL.fullmatch(temporary.name)
            assert match is not None and int(match[1]) == os.getpid()
        assert (tmp_path / name).exists() and partial(tmp_path) == []
