"""The connection to a mailbox that is read over IMAP."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import select
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

from tisserand.sdk import Connection, ConnectionType, Message, NodeError, Secret, Unit, When, msg

LOOK = 0.5
"""Seconds between two looks at whether waiting is over."""


class Imap(ConnectionType):
    """A mailbox on a server, read over IMAP."""

    type: ClassVar[str] = "imap"
    title: ClassVar[str] = "Mailbox"
    icon: ClassVar[str] = "inbox"

    host: str
    """Name or address of the server."""
    port: int = 993
    """Port of the server: usually 993 with TLS from the start, 143 with STARTTLS."""
    tls: Literal["tls", "starttls", "none"] = "tls"
    """How the connection is encrypted. With `none`, a password is sent to this machine only."""
    ca_file: Annotated[str | None, When(tls=("starttls", "tls"))] = None
    """A file with the certificates that are trusted, where the server's own is not signed by a public authority."""
    user: str
    """Name to log in with."""
    password: Secret
    """The password, as a reference to a secret."""
    timeout: Annotated[int, Unit("s")] = 30
    """How long an answer of the server may take."""

    def check(self) -> Message:
        with session(self) as box:
            _, found = box.list()
        return msg("Mailbox of {user} at {where}, {folders} folders",
                   user=self.user, where=self.place(), folders=len([line for line in found if line]))  # fmt: skip

    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.host}:{self.port}"


class ImapConnection(Connection):
    types = ("imap",)


@contextmanager
def session(imap: Imap) -> Iterator[imaplib.IMAP4]:
    """A session with the server, encrypted and logged in; what goes wrong is a sentence."""
    where = imap.place()
    if imap.tls == "none" and imap.host not in ("localhost", "127.0.0.1", "::1"):
        raise NodeError(
            "A password is not sent to {where} in the clear.", fix="Choose STARTTLS or TLS.", where=where, field="tls"
        )
    try:
        context = ssl.create_default_context(cafile=str(imap.near(imap.ca_file)) if imap.ca_file else None)
    except OSError as error:
        raise NodeError("The certificates in “{file}” cannot be read: {reason}", file=imap.ca_file, reason=str(error)) from None
    box: imaplib.IMAP4 | None = None
    try:
        if imap.tls == "tls":
            box = imaplib.IMAP4_SSL(imap.host, imap.port, ssl_context=context, timeout=imap.timeout)
        else:
            box = imaplib.IMAP4(imap.host, imap.port, timeout=imap.timeout)
        if imap.tls == "starttls":
            box.starttls(context)
        try:
            box.login(imap.user, imap.password.reveal())
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            reason = said(error)
            raise NodeError(
                "{where} does not let “{user}” in: {reason}", where=where, user=imap.user, reason=reason, retry=True
            ) from None
        _, able = box.capability()  # a server may tell more of itself to those it knows
        box.capabilities = tuple((able[0] or b"").decode("ascii", "replace").upper().split())
        yield box
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            box.logout()  # all is done; a missing goodbye changes nothing
    except ssl.SSLError as error:
        reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason or str(error)
        raise NodeError("{where}: the encryption fails: {reason}", where=where, reason=reason, retry=True) from None
    except imaplib.IMAP4.abort as error:
        raise NodeError("The connection to {where} was lost: {reason}", where=where, reason=said(error), retry=True) from None
    except imaplib.IMAP4.error as error:
        raise NodeError("{where} refuses: {reason}", where=where, reason=said(error), retry=True) from None
    except OSError as error:
        raise NodeError(
            "{where} cannot be reached: {reason}",
            where=where,
            reason=error.strerror or str(error) or type(error).__name__,
            retry=True,
        ) from None
    finally:
        if box is not None:
            with contextlib.suppress(OSError):
                box.shutdown()


def said(error: BaseException) -> str:
    """What the server said, without the dress of the driver."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    return text or type(error).__name__


def select_folder(box: imaplib.IMAP4, imap: Imap, folder: str, field: str, *, write: bool) -> tuple[int, int]:
    """Open a folder; gives its UIDVALIDITY and the UID that the next mail will have."""
    answer, found = box.select(quoted(folder), readonly=not write)
    if answer != "OK":
        text = (found[0] or b"").decode("utf-8", "replace") if found else ""
        raise NodeError(
            "{where} has no folder “{folder}”: {reason}", where=imap.place(), folder=folder, reason=text, field=field, retry=True
        )
    return _number(box, "UIDVALIDITY"), _number(box, "UIDNEXT")


def _number(box: imaplib.IMAP4, name: str) -> int:
    _, found = box.response(name)
    return int(found[0]) if found and found[0] else 0


def quoted(name: str) -> str:
    """A folder's name as the protocol writes it: quoted, and in its own UTF-7."""
    if re.search(r"[\r\n\0]", name):
        raise NodeError("“{folder}” is not the name of a folder.", folder=name)
    text = re.sub(r"[^\x20-\x7e]+", lambda match: _shifted(match[0]), name.replace("&", "&-"))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(text: str) -> str:
    return "&" + base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def uid(box: imaplib.IMAP4, command: str, *arguments: str) -> Sequence[Any]:
    """A command on mails by their UID; raises imaplib's error where the server says no."""
    answer, found = box.uid(command, *arguments)
    if answer != "OK":
        raise imaplib.IMAP4.error(found[0] if found and found[0] else command)
    return found


def idle(box: imaplib.IMAP4, seconds: float, over: Callable[[], bool]) -> None:
    """Wait until the server says that something happened in the folder (IDLE, RFC 2177), so long at most."""
    box.send(b"idle IDLE\r\n")
    line = box.readline()
    while line.startswith(b"*"):
        line = box.readline()
    if not line.startswith(b"+"):
        raise imaplib.IMAP4.error(line.strip() or b"IDLE")
    end = time.monotonic() + seconds
    while not over() and time.monotonic() < end:
        left = min(LOOK, max(0.0, end - time.monotonic()))
        if (isinstance(box.sock, ssl.SSLSocket) and box.sock.pending()) or select.select([box.sock], [], [], left)[0]:
            break
    box.send(b"DONE\r\n")
    while True:
        line = box.readline()
        if not line:
            raise imaplib.IMAP4.abort("EOF")
        if line.startswith(b"idle "):
            return
        if line.upper().startswith(b"* BYE"):
            raise imaplib.IMAP4.abort(line[6:].strip().decode("utf-8", "replace"))
