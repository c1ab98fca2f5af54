"""What stands in a mail, however broken it is: headers, texts and attachments."""

from __future__ import annotations

import binascii
import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Mail
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from tisserand.sdk import Message, msg

MOST_PARTS = 1000
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass
class Content:
    """A mail taken apart. `wrong` says what could not be read; the rest is filled in as far as it goes."""

    sender: str | None = None
    receivers: str | None = None
    copies: str | None = None
    subject: str | None = None
    date: datetime | None = None
    message_id: str | None = None
    text: str | None = None
    html: str | None = None
    files: list[tuple[str, bytes]] = field(default_factory=list)
    wrong: list[Message] = field(default_factory=list)


def read(raw: bytes) -> Content:
    """Take a mail apart; never raises for what stands in it."""
    content = Content()
    try:
        mail = email.message_from_bytes(raw)
    except (RecursionError, ValueError, LookupError, TypeError) as error:
        content.wrong.append(msg("The mail cannot be taken apart: {reason}", reason=str(error) or type(error).__name__))
        mail = email.message_from_bytes(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        for name in ("content-type", "content-transfer-encoding"):
            del mail[name]
    _headers(mail, content)
    try:
        _parts(mail, content)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, binascii.Error) as error:
        content.wrong.append(msg("The mail cannot be taken apart: {reason}", reason=str(error) or type(error).__name__))
    return content


def _headers(mail: Mail, content: Content) -> None:
    content.sender = _people(mail, "from")
    content.receivers = _people(mail, "to")
    content.copies = _people(mail, "cc")
    content.subject = _line(decoded(mail.get("subject")))
    content.message_id = _line(decoded(mail.get("message-id")))
    written = decoded(mail.get("date"))
    if written is None:
        content.wrong.append(msg("The mail has no date."))
        return
    try:
        moment = parsedate_to_datetime(written)
        content.date = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        content.wrong.append(msg("“{date}” is not a date.", date=written[:80]))


def _people(mail: Mail, name: str) -> str | None:
    texts = [decoded(value) or "" for value in mail.get_all(name, [])]
    try:
        pairs = [(shown, address) for shown, address in getaddresses(texts) if address or shown]
    except (ValueError, TypeError, IndexError, RecursionError):
        return _line(", ".join(texts))
    return _line(", ".join(f"{shown} <{address}>" if shown else address for shown, address in pairs)) or None


def decoded(value: Any) -> str | None:
    """A header as text, whatever charset it claims."""
    if value is None:
        return None
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError, binascii.Error):
        return _sound(str(value))
    return _sound("".join(_text(part, charset)[0] if isinstance(part, bytes) else part for part, charset in parts))


def _line(text: str | None) -> str | None:
    """In one line: a break in a header would be another header where it is used again."""
    return None if text is None else re.sub(r"[\r\n\t\0]+\s*", " ", text).strip()


def _parts(mail: Mail, content: Content) -> None:
    for number, part in enumerate(_leaves(mail)):
        if number >= MOST_PARTS:
            content.wrong.append(msg("The mail has more than {count} parts; the rest was left out.", count=MOST_PARTS))
            return
        kind, name = part.get_content_type(), _named(part)
        if part.get_content_maintype() == "message" and part.is_multipart():
            inner = part.get_payload()
            body = inner[0].as_bytes() if isinstance(inner, list) and inner and isinstance(inner[0], Mail) else b""
            content.files.append((name or "mail.eml", body))
            continue
        payload = part.get_payload(decode=True)
        body = payload if isinstance(payload, bytes) else b""
        shown = kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment" and name is None
        if not shown:
            content.files.append((name or f"part-{number + 1}", body))
            continue
        text, wrong = _text(body, part.get_content_charset())
        if wrong is not None:
            content.wrong.append(wrong)
        text = _sound(text).replace("\r\n", "\n")
        if kind == "text/html":
            content.html = text if content.html is None else f"{content.html}\n{text}"
        else:
            content.text = text if content.text is None else f"{content.text}\n{text}"


def _leaves(mail: Mail) -> Iterator[Mail]:
    """The parts that hold something, mails inside the mail whole; without recursion, however deep it is nested."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list) and part.get_content_maintype() != "message":
            waiting += [one for one in reversed(inner) if isinstance(one, Mail)]
        else:
            yield part


def _named(part: Mail) -> str | None:
    """The name of an attached file as the mail has it: not to be trusted."""
    name = part.get_filename()
    return None if name is None else decoded(name)


def safe_name(name: str) -> str:
    """A name that is one plain file name on every system, whatever a stranger wrote: no folder, no drive, no device, not hidden."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[\x00-\x1f\x7f<>:\"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]", "_", last).strip(" .")
    if _RESERVED.fullmatch(plain):
        plain = f"_{plain}"
    stem, dot, ending = plain.rpartition(".")
    if len(plain.encode()) > 120:
        ending = ending[:20] if dot and stem else ""
        keep = (stem or plain).encode()[: 120 - len(ending.encode()) - 1].decode("utf-8", "ignore")
        plain = f"{keep}.{ending}" if ending else keep
    return plain or "file"


def _text(raw: bytes, charset: str | None) -> tuple[str, Message | None]:
    """Bytes as text, and what was wrong with their charset."""
    try:
        return raw.decode(charset or "utf-8"), None
    except (LookupError, UnicodeDecodeError, ValueError):
        pass
    try:
        guess = raw.decode("utf-8")
    except UnicodeDecodeError:
        guess = raw.decode("cp1252", "replace")
    wrong = msg("The text is not in the charset “{charset}” that the mail claims.", charset=str(charset or "utf-8"))
    return guess, wrong


def _sound(text: str) -> str:
    """Without the halves of characters that broken headers leave, and without zero bytes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")
