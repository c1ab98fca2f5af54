"""A private dovecot on free loopback ports, with one mailbox and a certificate of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def program() -> str | None:
    """Distributions keep the server off the path of ordinary users."""
    return shutil.which("dovecot") or next((p for p in ("/usr/sbin/dovecot",) if os.access(p, os.X_OK)), None)


@dataclass
class Mailbox:
    folder: Path
    port: int
    plain_port: int
    ca_file: str
    host: str = "127.0.0.1"
    user: str = "post"
    password: str = "p0st-word"
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        found = program()
        assert found is not None
        log = (self.folder / "out").open("ab")
        self._process = subprocess.Popen(
            [found, "-F", "-c", str(self.folder / "dovecot.conf")], stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.plain_port), 1):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self.folder / "out").read_text() + (self.folder / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """With every session at once, as a power cut would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None


@contextmanager
def running(certificate: tuple[Path, Path], *, capability: str = "") -> Iterator[Mailbox]:
    """Start the server; `capability` takes the place of what it says that it can."""
    if program() is None:
        pytest.skip("needs server: dovecot (make servers)")
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    port, plain = (probe.getsockname()[1] for probe in probes)
    for probe in probes:
        probe.close()
    folder = Path(tempfile.mkdtemp(prefix="tisserand-imap-"))
    root = os.geteuid() == 0
    mail = folder / "mail"
    mail.mkdir()
    me = "nobody" if root else str(os.getuid())
    if root:
        folder.chmod(0o755)
        shutil.chown(mail, "nobody", "nogroup")
        ids = (65534, 65534)
    else:
        ids = (os.getuid(), os.getgid())
    box = Mailbox(folder, port, plain, str(certificate[0]))
    (folder / "users").write_text(f"{box.user}:{{PLAIN}}{box.password}:{ids[0]}:{ids[1]}::{mail}\n")
    own = "" if root else f"default_login_user = {me}\ndefault_internal_user = {me}\n"
    (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate[0]}
ssl_key = <{certificate[1]}
disable_plaintext_auth = no
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:{mail}/Maildir
{own}{f"imap_capability = {capability}" if capability else ""}
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
""")
    try:
        box.start()
        yield box
    finally:
        box.stop()
        shutil.rmtree(folder, ignore_errors=True)
