"""Watch a folder: every file that arrives there and is whole starts the flow."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from tisserand.sdk import (
    Arrivals,
    Arrived,
    Config,
    Duration,
    FolderPath,
    ListenContext,
    NodeError,
    Schema,
    Trigger,
    When,
    Words,
    msg,
)
from tisserand_nodes.trigger._listing import State, Watched, state_of
from tisserand_nodes.trigger._moving import put_away

LOOK = 0.5
"""Seconds between two looks into the folder."""
MOST = 1000
"""Files that are told of at once."""


class FolderConfig(Config):
    folder: FolderPath
    """The folder to watch."""
    pattern: str = "*.csv"
    """Which files, for example `*.csv` or `sales-*.xlsx`. Files whose name begins with a dot, or is not UTF-8 text, are left alone."""
    subfolders: bool = False
    """Watch the folders inside it too, but those whose name begins with a dot."""
    settle: Duration = Duration("2s")
    """So long a file must stay as it is before it counts as whole."""
    when_done: Annotated[
        Literal["leave", "move", "delete"],
        Words(leave="Leave it where it is", move="Move it to a folder", delete="Delete it"),
    ] = "leave"
    """What happens to the file once its run ended well. A file that was changed meanwhile is left where it is: it is another one."""
    done_folder: Annotated[FolderPath | None, When(when_done="move", required=True)] = None
    """Where files go whose run ended well. It is made where it is missing; a file that has the name already is never overwritten."""
    failed_folder: FolderPath | None = None
    """Where files go whose run failed for good; without it they stay where they are."""


class Folder(Trigger[FolderConfig]):
    """Start the flow once for every file that arrives in a folder.

    Declare the parameter `file` in the flow: it holds the path of the file. `stem`, where it is declared, holds the file’s name
    without its ending; `size` its bytes, and `modified` when it was last changed. Each file starts the flow exactly once, also
    across restarts; a file that is changed later counts as another one.
    """

    kind, title, icon = "trigger.folder", "Watch a folder", "folder-search"

    def event(self, config: FolderConfig) -> Schema:
        return Schema.of({"file": "string", "stem": "string", "size": "int64", "modified": "timestamp(6)"})

    def check(self, config: FolderConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        for field in ("done_folder", "failed_folder"):
            if getattr(config, field) == config.folder:
                yield NodeError("Files cannot be put away into the folder that is watched.", field=field)

    def listen(self, ctx: ListenContext, config: FolderConfig) -> Iterator[Arrivals]:
        """Yield a row for each file that has settled; the key names this content of the file. Ends when cancelled."""
        watched = Watched(_folder(ctx, config), config.pattern, config.subfolders, _left_out(ctx, config))
        while ctx.room():
            ready = [file for file in watched.settled(time.monotonic(), config.settle.seconds) if _named(ctx, file[0])]
            for at in range(0, len(ready), MOST):
                yield Arrivals([_arrived(path, state) for path, state in ready[at : at + MOST]])
            ctx.sleep(min(LOOK, max(config.settle.seconds / 2, 0.05)))

    def ended(self, ctx: ListenContext, config: FolderConfig, rows: Sequence[Mapping[str, Any]], done: bool) -> None:
        """Put the files away as the config says."""
        if config.when_done == "leave" if done else config.failed_folder is None:
            return
        for row in rows:
            path = ctx.path(str(row["file"]))
            if not _the_same(path, row):
                continue
            if done and config.when_done == "delete":
                path.unlink(missing_ok=True)
                continue
            target = ctx.path(str(config.done_folder if done else config.failed_folder))
            watched = ctx.path(config.folder)
            inside = path.parent.relative_to(watched) if path.is_relative_to(watched) else Path()
            try:
                put_away(path, target / inside)
            except OSError as error:
                reason = error.strerror or str(error)
                raise NodeError(
                    "“{path}” cannot be moved to “{target}”: {reason}.", path=path.name, target=str(target), reason=reason
                ) from None


def _folder(ctx: ListenContext, config: FolderConfig) -> Path:
    if ".." in Path(config.pattern).parts or Path(config.pattern).is_absolute():
        raise NodeError("A pattern may not lead out of its folder.", field="pattern", fix="Name another folder.")
    folder = ctx.path(config.folder)
    if not folder.is_dir():
        raise NodeError("There is no folder “{path}”.", path=config.folder, field="folder")
    return folder


def _left_out(ctx: ListenContext, config: FolderConfig) -> frozenset[Path]:
    """The folders into which files are put away: what lies there has been served."""
    return frozenset(ctx.path(str(folder)) for folder in (config.done_folder, config.failed_folder) if folder)


def _named(ctx: ListenContext, path: Path) -> bool:
    """Whether the name is text; one that is not could be told to no run, and would hold up all other files."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="backslashreplace").decode()
        ctx.log(msg("“{path}” is left alone: its name is not UTF-8 text. Rename it.", path=shown), "warning")
        return False
    return True


def _arrived(path: Path, state: State) -> Arrived:
    size, changed = state
    row = {"file": str(path), "stem": path.stem, "size": size, "modified": _moment(changed)}
    return Arrived(row, f"{path}|{size}|{changed}")


def _moment(changed: int) -> str:
    """Nanoseconds since 1970 as the event tells them."""
    return datetime.fromtimestamp(changed // 1000 / 1_000_000, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _the_same(path: Path, row: Mapping[str, Any]) -> bool:
    """Whether a file is still the one that the run was started for: what took its place has not been read."""
    state = state_of(path)
    return state is not None and (row.get("size"), row.get("modified")) == (state[0], _moment(state[1]))
