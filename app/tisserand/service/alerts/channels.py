"""The ways out: the desktop, mail, a webhook. Each sends one message or raises a sentence that says why not."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from pathlib import Path
from typing import Any, Protocol, cast

from tisserand.sdk.errors import NodeError
from tisserand.service.alerts.message import Told
from tisserand.service.alerts.settings import AnyChannel, DesktopChannel, MailChannel, WebhookChannel
from tisserand.workspace.connections import Connections

SHOWN = 15.0
"""Seconds that the program which shows notifications may take."""


class Postal(Protocol):
    """A connection that mail can be handed to (`smtp`)."""

    sender: str
    user: str | None

    def deliver(self, mail: EmailMessage, receivers: Sequence[str]) -> None:
        """Raises `NodeError`; `retry` says whether it may go better later."""


def send(channel: AnyChannel, message: Told, root: Path, clock: Callable[[], float] = time.time) -> None:
    """Send one message; raises `NodeError`."""
    if isinstance(channel, DesktopChannel):
        _show(message)
    elif isinstance(channel, MailChannel):
        _mail(channel, message, _connections(root))
    else:
        _post(channel, message, _connections(root), clock)


def _connections(root: Path) -> Connections:
    from tisserand.sdk.registry import registry
    from tisserand.workspace.folder import Workspace

    return Connections(Workspace(root), registry())


def _show(message: Told) -> None:
    program = shutil.which("notify-send")
    if program is None:
        raise NodeError("The program “notify-send” is not there to show notifications.", fix="Install it (libnotify).")
    urgency = "critical" if message.alert.severity == "error" and message.kind != "resolved" else "normal"
    # What stands behind “--” is never taken for an option, and the daemon may read the body as markup.
    body = message.body().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    command = [program, "--app-name=Tisserand", f"--urgency={urgency}", "--", message.subject(), body]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SHOWN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeError("The notification could not be shown: {reason}", reason=str(error), retry=True) from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [str(done.returncode)])[0]
        raise NodeError("The notification could not be shown: {reason}", reason=reason, retry=True)


def _mail(channel: MailChannel, message: Told, connections: Connections) -> None:
    environment = connections.workspace.environment(None)
    found = connections.get(channel.connection, environment)
    if not hasattr(found, "deliver"):
        raise NodeError("The connection “{name}” is not a mail server.", name=channel.connection)
    postal = cast(Postal, found)
    sender = channel.sender or postal.sender or (postal.user if postal.user and "@" in postal.user else "")
    if not sender:
        raise NodeError("The mail has no sender.", fix="Name one here or in the connection.")
    receivers = [address for _name, address in getaddresses([channel.to]) if address]
    if not receivers:
        raise NodeError("Nobody is named to send the mail to.")
    mail = EmailMessage()
    domain = sender.rpartition("@")[2].strip("> ") or "localhost"
    mail["From"], mail["To"] = sender, channel.to
    mail["Subject"] = " ".join(message.subject().split())[:250]
    from datetime import UTC, datetime

    mail["Date"] = format_datetime(datetime.now(UTC))
    # The same for each attempt: mail programs show a mail that came twice once.
    mail["Message-ID"] = f"<{hashlib.sha256(message.id.encode()).hexdigest()[:32]}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body())
    postal.deliver(mail, receivers)


def _post(channel: WebhookChannel, message: Told, connections: Connections, clock: Callable[[], float]) -> None:
    import requests

    url = channel.url
    if url.startswith("secret:"):
        url = connections.secret(url)
    body = message.document()
    moment = str(int(clock()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tisserand",
        "X-Tisserand-Delivery": message.id,
        "X-Tisserand-Timestamp": moment,
    }
    if channel.secret is not None:
        key = connections.secret(str(channel.secret)).encode()
        sealed = hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers["X-Tisserand-Signature"] = f"sha256={sealed}"
    seconds = channel.timeout.seconds
    try:
        # The empty `auth` keeps requests from looking for passwords in a .netrc file; a redirect is not followed with the signature.
        with requests.post(
            url, data=body, headers=headers, timeout=seconds, allow_redirects=False, auth=_nobody, stream=True
        ) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        raise NodeError("The webhook cannot be reached: {reason}", reason=type(error).__name__, retry=True) from None
    if not 200 <= status < 300:
        again = status >= 500 or status in (408, 425, 429)
        raise NodeError("The webhook answers with the HTTP status {status}.", status=status, retry=again)


def _nobody(request: Any) -> Any:
    return request
