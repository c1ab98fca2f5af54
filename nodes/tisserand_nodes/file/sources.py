"""From the `path` of a config to the files that are there, or to a sentence that says why not."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from tisserand.sdk import Context, Message, NodeError, msg

PATTERN = frozenset("*?[")


def is_pattern(text: str) -> bool:
    return any(sign in PATTERN for sign in text)


def files(ctx: Context, text: str, field: str = "path") -> tuple[Path, ...]:
    """The file of that path, or the files of that pattern in the order of their names; every one readable."""
    if not text.strip():
        raise NodeError("No file is named.", fix="Choose a file.", field=field)
    if is_pattern(text) and not _is_file(ctx.path(text)):
        found = matching(ctx, text, field)
        if not found:
            raise NodeError("No file fits the pattern “{path}”.", path=text, field=field, fix="Correct the pattern.")
    else:
        found = (ctx.path(text),)
        check_readable(found[0], field, shown=text)
        return found
    for path in found:
        check_readable(path, field)
    return found


def matching(ctx: Context, text: str, field: str = "path") -> tuple[Path, ...]:
    """The files that a pattern finds, sorted; links that lead outside the allowed folders raise."""
    parts = Path(text).parts
    fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
    base = Path(*parts[:fixed]) if fixed else Path()
    folder = ctx.path(str(base))
    if ".." in parts[fixed:]:
        raise NodeError("A pattern may not contain “..”.", field=field)
    if not folder.is_dir():
        raise NodeError("There is no folder “{path}”.", path=str(base), field=field, fix=near(folder))
    try:
        matches = sorted(path for path in folder.glob("/".join(parts[fixed:])) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise NodeError("The pattern “{path}” is not understood: {reason}", path=text, reason=str(error), field=field) from None
    return tuple(ctx.path(str(path)) for path in matches)


def check_readable(path: Path, field: str = "path", shown: str | None = None) -> None:
    """Raise a sentence if a file is missing, is a folder, or may not be read; it calls a missing one `shown`, as it was asked for."""
    try:
        if path.is_dir():
            raise NodeError("“{path}” is a folder, a file is needed.", path=path.name, field=field, fix="Choose a file in it.")
        if not path.exists():
            raise NodeError("There is no file “{path}”.", path=shown or _shown(path), field=field, fix=near(path))
        if not path.is_file():
            raise NodeError("“{path}” is not an ordinary file.", path=path.name, field=field)
        readable = os.access(path, os.R_OK)
    except PermissionError:
        readable = False
    if not readable:
        raise NodeError("The file “{path}” may not be read.", path=path.name, field=field, fix="Change its permissions.")


def near(path: Path) -> Message | None:
    """Names beside a missing file that look like it, as a way out."""
    if not path.parent.is_dir():
        return None
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return None
    alike = difflib.get_close_matches(path.name, names, 3, 0.6)
    return msg("Did you mean “{near}”?", near=alike) if alike else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name
