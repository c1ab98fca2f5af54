"""Where shipped files stand, and how files are replaced without ever being half-written or lost to who writes at the same time."""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def shipped(name: str) -> Path:
    """The folder `name` (`flows`, `resources`) that ships with Tisserand, from a checkout or from an installed wheel."""
    package = Path(__file__).resolve().parent
    installed = package / "_shipped" / name
    return installed if installed.exists() else package.parent.parent / name


Stamp = tuple[int, int, int]
"""By which a change of a file is seen: time of change, size, inode."""


def stamp_of(stat: os.stat_result) -> Stamp:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def stamp(path: Path) -> Stamp | None:
    """None where it is not there."""
    try:
        return stamp_of(path.stat())
    except FileNotFoundError:
        return None


PARTIAL = re.compile(r"\..{0,40}\.(\d{1,10})-[a-z0-9_]{8}\.part", re.DOTALL)
"""Names of files that are being written, by the process with this number. A kill leaves them; `retention.left` removes them later."""


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving without an error fsync it and rename it into place.

    On an error, `path` keeps its old content and the temporary file is gone. Without `mode` a file that is there keeps who may
    read it, and a new one may be read by all.
    """
    path = path.resolve()  # behind a link the file itself is replaced, not the link
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        if not mode & 0o200:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name as long as the system takes leaves no room for more.
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.{os.getpid()}-", suffix=".part", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # people know the file, not the name that it has meanwhile
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        sync(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int | None = None) -> None:
    """Replace the content of `path` at once with `text` (UTF-8, newlines as given)."""
    with replacing(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def sync(path: Path) -> None:
    """Force a file's content to the disk."""
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Force a folder's entries (a rename) to the disk; Windows has no such call and needs none."""
    if os.name != "nt":
        sync(path)


_UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, getattr(errno, "EOPNOTSUPP", errno.ENOSYS)})
"""What systems say whose disks know no locks, as some shared ones."""
_mine = threading.local()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path`, an empty file that is made and stays, alone among all threads and processes; waits for whoever holds it.

    Who holds it already may take it again. The system lets go of it when the process dies. Where the disk knows no locks, nothing is
    held.
    """
    held: set[Path] = _mine.__dict__.setdefault("held", set())
    path = path.absolute()
    if path in held:
        yield
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(handle)
        held.add(path)
        yield
    finally:
        held.discard(path)
        os.close(handle)


def _hold(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK:  # what it says after ten seconds
                    raise
            else:
                return
    else:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
