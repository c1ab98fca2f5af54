"""The size of what a node wrote is told while other units of the run write theirs: neither gets in the other's way."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

from tisserand.engine.run import FlowRun


def test_a_size_is_told_while_others_write(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"12345")
    bases: dict[tuple[str, str], Path] = {("a", str(number)): file for number in range(20)}
    run = SimpleNamespace(written={}, bases=bases)
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            bases[("b", str(number % 5000))] = file
            bases.pop(("b", str((number + 2500) % 5000)), None)
            number += 1

    thread = threading.Thread(target=write)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)  # else the one that writes keeps Python to itself
    thread.start()
    try:
        sizes = {FlowRun._size(run, "a") for _round in range(20)}  # type: ignore[arg-type]
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)
    assert sizes == {100}
