"""What nobody foresaw: the full report goes into a file, the person gets one sentence and the file's place."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tisserand import __version__
from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.texts import msg


def report(error: BaseException, root: Path | None = None) -> Problem:
    """Write a crash report (into the workspace's state where there is one) and give the problem that names it.

    Only the traceback is written, never the values of variables: they may hold data or secrets.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    folder = root / ".tisserand" if root is not None else None
    if folder is None or not folder.is_dir():
        folder = Path(tempfile.gettempdir())
    path = folder / "crashes" / f"{stamp}.txt" if folder.name == ".tisserand" else folder / f"tisserand-crash-{stamp}.txt"
    head = f"Tisserand {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n"
    text = head + "".join(traceback.format_exception(error))
    fix = msg("The report stands in “{path}”.", path=str(path))
    try:
        write_text(path, text, 0o600)
    except OSError as refused:
        print(text, file=sys.stderr)
        fix = msg("The report could not be written: {reason}.", reason=str(refused))
    name = type(error).__name__
    return Problem("internal", msg("Something went wrong that Tisserand did not foresee ({error}).", error=name), fix)
