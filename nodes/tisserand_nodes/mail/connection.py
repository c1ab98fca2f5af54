"""The connection to a mail server."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Annotated, ClassVar, Literal

from tisserand.sdk import Connection, ConnectionType, Message, NodeError, Secret, Unit, When, msg


class Smtp(ConnectionType):
    """A mail server that takes mail to send."""

    type: ClassVar[str] = "smtp"
    title: ClassVar[str] = "Mail server"
    icon: ClassVar[str] = "mail"

    host: str
    """Name or address of the server."""
    port: int = 587
    """Port of the server: usually 587 with STARTTLS, 465 with TLS from the start."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted. With `none`, everything is sent in the clear, and a password is refused."""
    ca_file: Annotated[str | None, When(tls=("starttls", "tls"))] = None
    """A file with the certificates that are trusted, where the server's own is not signed by a public authority."""
    user: str | None = None
    """Name to log in with; empty where the server lets everybody in."""
    password: Secret | None = None
    """The password, as a reference to a secret."""
    sender: str = ""
    """The address that mail comes from where a node names none."""
    timeout: Annotated[int, Unit("s")] = 30
    """How long an answer of the server may take."""

    def check(self) -> Message:
        with session(self) as server:
            server.noop()
            secure = server.sock is not None and isinstance(server.sock, ssl.SSLSocket)
        lock = {"starttls": "STARTTLS", "tls": "TLS", "none": "–"}[self.tls] if secure or self.tls == "none" else "–"
        return msg("Mail server at {host}:{port}, encryption {lock}, logged in: {user}",
                   host=self.host, port=self.port, lock=lock, user=self.user or "–")  # fmt: skip

    def deliver(self, mail: EmailMessage, receivers: Sequence[str]) -> None:
        """Send one mail; raises `NodeError` where nobody gets it."""
        with session(self) as server:
            try:
                server.send_message(mail, to_addrs=list(receivers))
            except smtplib.SMTPRecipientsRefused as error:
                who, (code, text) = next(iter(error.recipients.items()))
                reason = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
                raise NodeError(
                    "The server does not take mail for {who}: {code} {reason}",
                    who=who,
                    code=code,
                    reason=reason,
                    retry=code < 500,
                ) from None


class SmtpConnection(Connection):
    types = ("smtp",)


@contextmanager
def session(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """A session with the server, encrypted and logged in as the connection says; what goes wrong is a sentence."""
    where = f"{smtp.host}:{smtp.port}"
    if smtp.tls == "none" and smtp.user:
        raise NodeError(
            "A password is not sent to {where} in the clear.", fix="Choose STARTTLS or TLS.", where=where, field="tls"
        )
    try:
        context = ssl.create_default_context(cafile=str(smtp.near(smtp.ca_file)) if smtp.ca_file else None)
    except OSError as error:
        raise NodeError("The certificates in “{file}” cannot be read: {reason}", file=smtp.ca_file, reason=str(error)) from None
    server: smtplib.SMTP | None = None
    try:
        if smtp.tls == "tls":
            server = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.timeout, context=context)
        else:
            server = smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout)
        if smtp.tls == "starttls":
            server.starttls(context=context)
        if smtp.user:
            server.login(smtp.user, smtp.password.reveal() if smtp.password else "")
        yield server
    except smtplib.SMTPAuthenticationError as error:
        raise NodeError(
            "{where} does not let “{user}” in (code {code}).", where=where, user=smtp.user, code=error.smtp_code
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise NodeError("{where} cannot do what is asked: {reason}", where=where, reason=str(error)) from None
    except ssl.SSLError as error:
        raise NodeError("{where}: the encryption fails: {reason}", where=where, reason=error.reason or str(error)) from None
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        again = 400 <= error.smtp_code < 500
        raise NodeError("{where} refuses: {code} {reason}", where=where, code=error.smtp_code, reason=text, retry=again) from None
    except (smtplib.SMTPServerDisconnected, TimeoutError, OSError) as error:
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            raise
        raise NodeError(
            "{where} cannot be reached: {reason}", where=where, reason=str(error) or type(error).__name__, retry=True
        ) from None
    finally:
        if server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()  # the mail is with the server already; a missing goodbye changes nothing
            server.close()
