"""Mails that arrive in a mailbox start the flow."""

from __future__ import annotations

import imaplib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import (
    Arrivals,
    Arrived,
    Config,
    Duration,
    FolderPath,
    Grouping,
    ListenContext,
    NodeError,
    Schema,
    Size,
    Trigger,
    Unit,
    When,
    Words,
    msg,
)
from tisserand_nodes.mail.imap import Imap, ImapConnection, idle, quoted, select_folder, session, uid
from tisserand_nodes.mail.reading import read, safe_name

TOGETHER = 50
"""The most mails that are kept in one transaction."""
HEAVY = 5_000_000
"""So many bytes of mails are kept in one transaction, or one mail."""
SPAN = 10_000
"""So many numbers are searched at a time: the answer to a search must fit into one line."""


class ImapConfig(Config):
    connection: ImapConnection
    """The mailbox."""
    folder: str = "INBOX"
    """The folder whose mails count."""
    begin: Annotated[Literal["now", "all"], Words(now="With what comes from now on", all="With all that is there")] = "now"
    """What counts when the flow is switched on for the first time."""
    unseen: bool = False
    """Only mails that nobody has read yet."""
    every: Duration = Duration("1min")
    """How often the folder is looked at. Where the server can tell by itself that a mail came (IDLE), it is looked at once more then."""
    key: Annotated[Literal["uid", "message_id"], Words(uid="Its number in the folder", message_id="Its Message-ID")] = "uid"
    """What names a mail: its number in the folder, or its Message-ID, so that a mail that comes twice counts once."""
    attachments: FolderPath | None = None
    """The folder of the workspace that attached files are saved in; empty to leave them in the mail."""
    largest: Size = Size("50MB")
    """Of larger mails only the headers are read; `error` says so."""
    when_done: Annotated[
        Literal["leave", "seen", "move", "delete"], Words(leave="Leave it", seen="Mark as read", move="Move", delete="Delete")
    ] = "leave"
    """What becomes of a mail once its run is done well."""
    move_to: Annotated[str, When(when_done="move", required=True)] = ""
    """The folder of the mailbox that it is moved to."""
    most: Annotated[int, Unit("mails"), Field(ge=1)] = 1
    """The most mails that one run takes."""


class Mails(Trigger[ImapConfig]):
    """Start the flow for every mail that arrives in a mailbox. A mail that is broken starts it too: `error` says what could not be
    read, and the other columns hold what could."""

    kind, title, icon = "trigger.imap", "Mails of a mailbox", "inbox"

    def event(self, config: ImapConfig) -> Schema:
        return Schema.of({
            "uid": "int64", "validity": "int64", "received_at": "timestamp(6)", "sender": "string", "receivers": "string",
            "copies": "string", "subject": "string", "date": "timestamp(6)", "message_id": "string", "text": "string",
            "html": "string", "attachments": "array<string>", "size": "int64", "error": "string",
        })  # fmt: skip

    def check(self, config: ImapConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        if config.every.seconds <= 0:
            yield NodeError("The time between two looks must be longer than nothing.", field="every")
        if config.when_done == "move" and config.move_to == config.folder:
            yield NodeError("A mail cannot be moved to the folder that it is in.", field="move_to")

    def grouping(self, config: ImapConfig) -> Grouping:
        return Grouping(config.most)

    def listen(self, ctx: ListenContext, config: ImapConfig) -> Iterator[Arrivals]:
        """Yield the mails above the mark, which is the highest UID that was read, in the order of arrival."""
        imap = _mailbox(ctx, config)
        if config.attachments is not None:
            ctx.path(config.attachments)
        with session(imap) as box:
            validity, following = select_folder(box, imap, config.folder, "folder", write=False)
            mark = dict(ctx.mark or {})
            since = ""
            if not mark:
                mark = {"validity": validity, "uid": 0 if config.begin == "all" else following - 1}
                yield Arrivals(mark=dict(mark))
            elif mark["validity"] != validity:
                # The server numbered the mails anew: what came since the last look, and a day before it, is read again.
                since = (
                    (datetime.fromisoformat(mark["at"]) - timedelta(days=1)).strftime("SINCE %d-%b-%Y") if "at" in mark else ""
                )
                mark = {"validity": validity, "uid": 0}
            while not ctx.cancelled():
                box.noop()
                at = datetime.now(UTC).isoformat()
                for events, last in _pages(ctx, config, box, mark, since):
                    mark |= {"uid": last, "at": at}
                    yield Arrivals(events, dict(mark))
                since = ""
                if ctx.cancelled():
                    return
                if "IDLE" in box.capabilities:
                    idle(box, min(config.every.seconds, 25 * 60), ctx.cancelled)
                else:
                    ctx.sleep(config.every.seconds)

    def ended(self, ctx: ListenContext, config: ImapConfig, rows: Sequence[Mapping[str, Any]], done: bool) -> None:
        """Mark, move or delete the mails of a run that is done; those that are gone already are left alone."""
        if not done or config.when_done == "leave":
            return
        imap = _mailbox(ctx, config)
        with session(imap) as box:
            validity, _next = select_folder(box, imap, config.folder, "folder", write=True)
            numbers = sorted({int(row["uid"]) for row in rows if row["validity"] == validity})
            for start in range(0, len(numbers), 200):
                _finish(box, imap, config, ",".join(str(number) for number in numbers[start : start + 200]))


def _mailbox(ctx: ListenContext, config: ImapConfig) -> Imap:
    imap = ctx.connection(config.connection)
    if not isinstance(imap, Imap):
        raise NodeError("The connection “{name}” is not a mailbox.", name=config.connection, field="connection")
    return imap


def _pages(
    ctx: ListenContext, config: ImapConfig, box: imaplib.IMAP4, mark: Mapping[str, Any], since: str
) -> Iterator[tuple[list[Arrived], int]]:
    """The mails above the mark, some at a time, each time with the highest UID."""
    events: list[Arrived] = []
    weight = 0
    for number in _numbers(config, box, int(mark["uid"]), since):
        if not ctx.room():
            return
        found = _mail(ctx, config, box, number, int(mark["validity"]))
        if found is None:
            continue
        events.append(found)
        weight += min(int(found.row["size"]), HEAVY)
        if len(events) >= TOGETHER or weight >= HEAVY:
            yield events, number
            events, weight = [], 0
    if events:
        yield events, int(events[-1].row["uid"])


def _numbers(config: ImapConfig, box: imaplib.IMAP4, above: int, since: str) -> Iterator[int]:
    """The UIDs of the mails that count, in order."""
    last = _last(box)
    for low in range(above + 1, last + 1, SPAN):
        words = ["UID", f"{low}:{min(low + SPAN - 1, last)}", *(["UNSEEN"] if config.unseen else []), *since.split()]
        found = uid(box, "SEARCH", *words)
        yield from sorted(int(number) for number in (found[0] or b"").split())


def _last(box: imaplib.IMAP4) -> int:
    """The highest UID in the folder; 0 where it is empty."""
    found = uid(box, "SEARCH", "UID", "*")
    return max((int(number) for number in (found[0] or b"").split()), default=0)


def _mail(ctx: ListenContext, config: ImapConfig, box: imaplib.IMAP4, number: int, validity: int) -> Arrived | None:
    """One mail as an event; None where it is gone."""
    about = b" ".join(_flat(uid(box, "FETCH", str(number), "(RFC822.SIZE INTERNALDATE)")))
    size = re.search(rb"RFC822\.SIZE (\d+)", about)
    if size is None:
        return None
    large = int(size[1]) > config.largest.bytes
    body = uid(box, "FETCH", str(number), "(BODY.PEEK[HEADER])" if large else "(BODY.PEEK[])")
    raw = next((part[1] for part in body if isinstance(part, tuple)), None)
    if raw is None:
        return None
    content = read(raw)
    wrong = (
        [msg("The mail is larger than {size}; only its headers were read.", size=str(config.largest))] if large else content.wrong
    )
    files = [] if large else _saved(ctx, config, f"{validity}-{number}", content.files)
    arrived = imaplib.Internaldate2tuple(about)
    moment = datetime(*arrived[:6]).astimezone(UTC) if arrived else datetime.now(UTC)
    row = {
        "uid": number, "validity": validity, "received_at": moment.isoformat(), "sender": content.sender,
        "receivers": content.receivers, "copies": content.copies, "subject": content.subject,
        "date": content.date.isoformat() if content.date else None, "message_id": content.message_id,
        "text": None if large else content.text, "html": None if large else content.html, "attachments": files,
        "size": int(size[1]), "error": " ".join(one.text("en") for one in wrong) or None,
    }  # fmt: skip
    named = content.message_id if config.key == "message_id" else None
    return Arrived(row, named or f"{validity}/{number}")


def _flat(found: Sequence[Any]) -> list[bytes]:
    return [part if isinstance(part, bytes) else b" ".join(part) for part in found if part]


def _saved(ctx: ListenContext, config: ImapConfig, folder: str, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """Write attached files under names of our own making; the same mail read again writes the same files."""
    if config.attachments is None or not files:
        return []
    home = ctx.path(f"{config.attachments}/{folder}")
    home.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (name, content) in enumerate(files, 1):
        path = home / f"{number}-{safe_name(name)}"
        _write(path, content)
        paths.append(str(path))
    return paths


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def _finish(box: imaplib.IMAP4, imap: Imap, config: ImapConfig, numbers: str) -> None:
    if config.when_done == "seen":
        uid(box, "STORE", numbers, "+FLAGS.SILENT", r"(\Seen)")
        return
    if config.when_done == "move":
        target = quoted(config.move_to)
        try:
            if "MOVE" in box.capabilities:
                uid(box, "MOVE", numbers, target)
                return
            uid(box, "COPY", numbers, target)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise NodeError(
                "The mails cannot be moved to “{folder}” at {where}: {reason}",
                folder=config.move_to, where=imap.place(), reason=str(error), field="move_to",
            ) from None  # fmt: skip
    uid(box, "STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)")
    if "UIDPLUS" in box.capabilities:
        uid(box, "EXPUNGE", numbers)
    # Otherwise they stay marked as deleted: a plain EXPUNGE would take what others have marked along.
