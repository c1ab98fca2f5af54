"""The one error that a node raises on purpose: a sentence, where, and whether trying again helps."""

from __future__ import annotations

from typing import Any

from tisserand.texts import N_, Message


class NodeError(Exception):
    """`NodeError("There is no column “{name}”. Columns: {columns}.", name=…, columns=…)`.

    The text is a gettext id: literal, in English, with `{places}`. `field` names the config field at fault, `row` the row
    (counted from 1), `line` the line of a file; `retry` says whether the same attempt may succeed later.
    """

    def __init__(
        self,
        text: str | Message,
        /,
        *,
        fix: str | Message | None = None,
        field: str | None = None,
        row: int | None = None,
        line: int | None = None,
        retry: bool = False,
        retry_after: float | None = None,
        **args: Any,
    ) -> None:
        self.message = text if isinstance(text, Message) else Message(text, args)
        self.fix = fix if isinstance(fix, Message) or fix is None else Message(fix, args)
        self.field = field
        self.row = row
        self.line = line
        self.retry = retry
        self.retry_after = retry_after
        """Seconds to wait before trying again, where the other side said so (`Retry-After`)."""
        super().__init__(self.message.text("en"))


OUTSIDE = N_("“{path}” lies outside the workspace and outside the folders that the environment allows.")
