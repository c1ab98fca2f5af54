"""List the files of a folder by pattern: one row a file."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.sdk import Config, Context, Discovery, FolderPath, NodeError, Reader, Schema, msg
from tisserand.sdk.scan import fingerprint
from tisserand_nodes.file import sources

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8192
SCHEMA = Schema.of({"path": "string", "name": "string", "folder": "string", "size": "int64", "modified": "timestamp('UTC', 6)"})


class ListFolderConfig(Config):
    folder: FolderPath
    """The folder to look into."""
    pattern: str = "*"
    """Which files, for example `*.csv` or `sales-2024-??.xlsx`."""
    recursive: bool = False
    """Look into the folders inside, too."""


class ListFolder(Reader[ListFolderConfig]):
    """List the files of a folder that fit a pattern: path, name, folder, size in bytes and when each was changed last.

    The rows are sorted by path. Links that lead outside the allowed folders are left out and said in the log.
    """

    kind, title, icon = "file.list_folder", "List files of a folder", "folder"

    def discover(self, ctx: Context, config: ListFolderConfig) -> Discovery:
        return Discovery(SCHEMA, {}, fingerprint([_folder(ctx, config)]))

    def read(self, ctx: Context, config: ListFolderConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from tisserand.sdk.arrow import to_arrow

        schema = to_arrow(found.schema)
        rows: list[tuple[str, str, str, int, datetime.datetime]] = []
        for path, shown in _entries(ctx, config):
            state = path.stat()
            changed = datetime.datetime.fromtimestamp(state.st_mtime_ns // 1000 / 1e6, datetime.UTC)
            rows.append((shown, path.name, str(Path(shown).parent), state.st_size, changed))
            if len(rows) == BATCH:
                ctx.progress(rows=BATCH)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema
                )
                rows = []
        if rows:
            ctx.progress(rows=len(rows))
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema
            )


def _folder(ctx: Context, config: ListFolderConfig) -> Path:
    folder = ctx.path(config.folder)
    if folder.is_file():
        raise NodeError("“{path}” is a file, a folder is needed.", path=config.folder, field="folder")
    if not folder.is_dir():
        raise NodeError("There is no folder “{path}”.", path=config.folder, field="folder", fix=sources.near(folder))
    if ".." in Path(config.pattern).parts or Path(config.pattern).is_absolute():
        raise NodeError("A pattern may not lead out of its folder.", field="pattern", fix="Name another folder.")
    return folder


def _entries(ctx: Context, config: ListFolderConfig) -> Iterator[tuple[Path, str]]:
    """Each file with its path as another node can use it: below the folder as the config names it."""
    folder = _folder(ctx, config)
    try:
        paths = sorted(folder.rglob(config.pattern) if config.recursive else folder.glob(config.pattern))
    except (ValueError, NotImplementedError) as error:
        raise NodeError(
            "The pattern “{path}” is not understood: {reason}", path=config.pattern, reason=str(error), field="pattern"
        ) from None
    except PermissionError:
        raise NodeError("The folder “{path}” may not be read.", path=config.folder, field="folder") from None
    for path in paths:
        if not path.is_file():
            continue
        try:
            ctx.path(str(path))
        except NodeError as error:
            ctx.log(msg("Left out: {reason}", reason=error.message), "warning")
            continue
        yield path, str(Path(config.folder) / path.relative_to(folder))
