"""Watch a folder: every file that arrives there and is whole starts the flow."""

import time
from collections.abc import Iterator
from pathlib import Path

from tisserand.sdk import Arrivals, Arrived, Config, Duration, FolderPath, ListenContext, NodeError, Schema, Trigger

LOOK = 0.5
"""Seconds between two looks into the folder."""


class FolderConfig(Config):
    folder: FolderPath
    """The folder to watch."""
    pattern: str = "*.csv"
    """Which files, for example `*.csv` or `sales-*.xlsx`. Files whose name begins with a dot are left alone."""
    settle: Duration = Duration("2s")
    """So long a file must stay as it is before it counts as whole."""


class Folder(Trigger[FolderConfig]):
    """Start the flow once for every file that arrives in a folder.

    Declare the parameter `file` in the flow: it holds the path of the file. `stem`, where it is declared, holds the file's name
    without its ending. Each file starts the flow exactly once, also across restarts; a file that is changed later counts as
    another one.
    """

    kind, title, icon = "trigger.folder", "Watch a folder", "folder-search"

    def event(self, config: FolderConfig) -> Schema:
        return Schema.of({"file": "string", "stem": "string"})

    def listen(self, ctx: ListenContext, config: FolderConfig) -> Iterator[Arrivals]:
        """Yield `{file, stem}` for each file that has settled; the key names this content of the file. Ends when cancelled."""
        seen: dict[Path, tuple[tuple[int, int], float]] = {}
        told: set[tuple[Path, tuple[int, int]]] = set()
        while not ctx.cancelled():
            now = time.monotonic()
            there = _files(ctx, config)
            for path in [path for path in seen if path not in there]:
                del seen[path]
            for path, state in there.items():
                known = seen.get(path)
                if known is None or known[0] != state:
                    seen[path] = (state, now)
                elif now - known[1] >= config.settle.seconds and (path, state) not in told:
                    told.add((path, state))
                    row = {"file": str(path), "stem": path.stem}
                    yield Arrivals([Arrived(row, f"{path}|{state[0]}|{state[1]}")])
            ctx.sleep(min(LOOK, max(config.settle.seconds / 2, 0.05)))


def _files(ctx: ListenContext, config: FolderConfig) -> dict[Path, tuple[int, int]]:
    """Each file that fits, with its size and the time of its last change."""
    if ".." in Path(config.pattern).parts or Path(config.pattern).is_absolute():
        raise NodeError("A pattern may not lead out of its folder.", field="pattern", fix="Name another folder.")
    folder = ctx.path(config.folder)
    if not folder.is_dir():
        raise NodeError("There is no folder “{path}”.", path=config.folder, field="folder")
    try:
        paths = sorted(folder.glob(config.pattern))
    except (ValueError, NotImplementedError, OSError) as error:
        raise NodeError("The folder “{path}” cannot be watched: {reason}", path=config.folder, reason=str(error)) from None
    found: dict[Path, tuple[int, int]] = {}
    for path in paths:
        if path.name.startswith(".") or path.is_symlink():
            continue
        try:
            state = path.stat()
        except FileNotFoundError:
            continue  # it went between the two looks
        if path.is_file():
            found[path] = (state.st_size, state.st_mtime_ns)
    return found
