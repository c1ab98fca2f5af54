"""The process of many runs, one at a time: `python -m tisserand.engine.pooled` reads the folders of runs from its input.

Each line of the input is the folder of a run. When that is done, a line on the output says so, and how much memory the process
holds by then. A run that ends in any other way ends the process, with the exit code of a worker; so does the end of the input,
which comes with the end of whoever started it: what is under way then goes on to its end first.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path


def serve() -> int:
    """Do runs until one does not end well or no more come; gives the exit code."""
    orders = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    _point(0, os.open(os.devnull, os.O_RDONLY))
    _point(1, os.open(os.devnull, os.O_WRONLY))
    if "--ahead" in sys.argv:
        _load()
    home = Path.cwd()
    for line in orders:
        folder = Path(json.loads(line)["folder"])
        code = _one(folder)
        if code:
            return code
        os.chdir(home)
        _clear()
        try:
            answers.write(json.dumps({"done": folder.name, "memory": memory()}).encode() + b"\n")
        except BrokenPipeError:
            return 0  # nobody is there to send more
    return 0


def _one(folder: Path) -> int:
    from tisserand.engine.worker import main

    os.chdir(folder)
    for number in (1, 2):
        _point(number, os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    try:
        return main(folder)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for name in ("SIGTERM", "SIGINT"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_DFL)


def _clear() -> None:
    """Nothing of a run stays: neither the processes that it started nor what it wrote to nor what only waits to be collected."""
    if _has_children():
        import psutil

        for child in psutil.Process().children(recursive=True):
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
    for number in (1, 2):
        _point(number, os.open(os.devnull, os.O_WRONLY))
    gc.collect()
    gc.freeze()  # what is left are libraries: the next collection need not go through them again


def _has_children() -> bool:
    """Quickly where the system tells; True where it does not."""
    try:
        return any(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    except OSError:
        return True


def memory() -> int:
    """The resident memory of this process, in bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _load() -> None:
    """What every run needs, before the first one comes."""
    import importlib

    from tisserand.sdk.registry import registry
    from tisserand.sdk.without_pandas import spare_pandas

    spare_pandas()
    for name in ("ibis.backends.duckdb", "pyarrow.parquet", "tisserand.engine.worker", "tisserand.engine.prepare"):
        importlib.import_module(name)
    registry()


def _point(number: int, handle: int) -> None:
    """Let a standard stream be another file."""
    os.dup2(handle, number)
    if handle != number:
        os.close(handle)


if __name__ == "__main__":
    code = serve()
    sys.stdout.flush()
    # Interpreter shutdown may wait for threads of libraries; everything of the runs is on the disk by now.
    os._exit(code)
