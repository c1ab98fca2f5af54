"""Moving a file to a folder without ever overwriting one there, so that doing it again after a kill does no harm."""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}


def put_away(source: Path, folder: Path) -> Path | None:
    """Move `source` into `folder`, under its name or, where that is taken, with a number behind it. Gives where it is now; None
    where there is nothing to move any more. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for target in _free(source, folder):
        try:
            os.link(source, target)
        except FileNotFoundError:
            return None
        except FileExistsError:
            if not _is_it(source, target):
                continue  # somebody else's; ours gets the next number
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not source.exists():
                return None
            if not _copied(source, target):
                continue
        _sync(folder)
        source.unlink(missing_ok=True)
        return target
    return None


def _free(source: Path, folder: Path) -> itertools.chain[Path]:
    """The names to try, in turn."""
    numbered = (folder / f"{source.stem} ({number}){source.suffix}" for number in itertools.count(2))
    return itertools.chain([folder / source.name], numbered)


def _is_it(source: Path, target: Path) -> bool:
    """Whether a move was begun before and only the old name is left to take away."""
    with suppress(FileNotFoundError):
        return source.samefile(target)
    return False


def _copied(source: Path, target: Path) -> bool:
    """Copy to another file system, whole or not at all; False where another file has the name."""
    if target.exists():
        return target.stat().st_mtime_ns == source.stat().st_mtime_ns and filecmp.cmp(source, target, shallow=False)
    part = target.with_name(f".{target.name}.part")
    shutil.copy2(source, part)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # No links there at all: the name is taken first, so that nobody else's file can be lost.
        try:
            target.open("xb").close()
        except FileExistsError:
            return False
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
