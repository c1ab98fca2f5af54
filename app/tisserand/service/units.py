"""Starting the executor with the session of its user: a systemd user unit, or an autostart entry where there is no systemd."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tisserand.engine.launch import refusal
from tisserand.files import write_text
from tisserand.texts import msg

UNIT = """\
# Written by “tisserand executor install”; “tisserand executor uninstall” removes it.
[Unit]
Description=Tisserand executor of {about}
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=2
# Runs under way go on by themselves, and are found again at the next start.
KillMode=process
TimeoutStopSec=40
UMask=0077
# What a flow may do it may do here too, but become somebody else.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
"""

ENTRY = """\
[Desktop Entry]
Type=Application
Name=Tisserand executor
Comment={about}
Exec={command}
Terminal=false
NoDisplay=true
X-GNOME-Autostart-enabled=true
"""


def name(root: Path) -> str:
    """The name of a workspace's unit: readable, and of no other workspace."""
    root = root.resolve()
    plain = re.sub(r"[^A-Za-z0-9]+", "-", root.name).strip("-")[:40] or "workspace"
    return f"tisserand-{plain}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}.service"


def path(root: Path) -> Path:
    """Where the unit's file stands."""
    return _config() / "systemd" / "user" / name(root)


def entry(root: Path) -> Path:
    """Where the autostart entry stands."""
    return _config() / "autostart" / f"{name(root).removesuffix('.service')}.desktop"


def unit(root: Path) -> str:
    """The unit's text."""
    command = " ".join(_quoted(word).replace("$", "$$") for word in _command(root))
    passed = "".join(f"Environment={_quoted(f'{key}={value}')}\n" for key, value in _environment())
    return UNIT.format(about=_line(str(root.resolve())).replace("%", "%%"), command=command, environment=passed)


def autostart(root: Path) -> str:
    """The autostart entry's text."""
    words = [f"{key}={value}" for key, value in _environment()]
    command = " ".join(_desktop(word) for word in [*(("env", *words) if words else ()), *_command(root)])
    return ENTRY.format(about=_line(str(root.resolve())).replace("\\", "\\\\"), command=command)


def install(root: Path, serving: bool) -> Path:
    """Let the executor start with the user's session; where it is not `serving` already it starts now. Gives the file written."""
    if not has_systemd():
        write_text(entry(root), autostart(root), 0o600)
        return entry(root)
    write_text(path(root), unit(root), 0o600)
    systemctl("daemon-reload")
    systemctl("enable", *(() if serving else ("--now",)), name(root))
    return path(root)


def uninstall(root: Path) -> list[Path]:
    """Take back what `install` did; the executor that runs goes on. Gives the files removed."""
    removed = []
    if path(root).exists():
        if has_systemd():
            systemctl("disable", name(root))
        path(root).unlink()
        removed.append(path(root))
        if has_systemd():
            systemctl("daemon-reload")
    if entry(root).exists():
        entry(root).unlink()
        removed.append(entry(root))
    return removed


def has_systemd() -> bool:
    """Whether this user has a systemd of their own that answers."""
    if shutil.which("systemctl") is None:
        return False
    done = subprocess.run(["systemctl", "--user", "show", "--property=Version"], capture_output=True, check=False, timeout=20)
    return done.returncode == 0


def systemctl(*words: str) -> str:
    """Ask the user's systemd; raises `Refused` with what it says."""
    done = subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[0] if done.stderr.strip() else str(done.returncode)
        raise refusal("unit.refused", msg("systemd refuses “{what}”: {reason}", what=" ".join(words), reason=reason))
    return done.stdout


def main_pid(unit: str) -> int | None:
    """The process that systemd runs for a unit."""
    if shutil.which("systemctl") is None:
        return None
    command = ["systemctl", "--user", "show", "--property=MainPID", "--value", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    text = done.stdout.strip()
    return int(text) if done.returncode == 0 and text.isdigit() and text != "0" else None


def _command(root: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(root.resolve())]


def _environment() -> list[tuple[str, str]]:
    """A checkout that is not installed is found by this alone."""
    known = os.environ.get("PYTHONPATH")
    return [("PYTHONPATH", known)] if known else []


def _config() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _quoted(word: str) -> str:
    """A word of a systemd command line: quoted, with nothing in it that systemd replaces."""
    for sign, safe in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("\n", "\\n")):
        word = word.replace(sign, safe)
    return f'"{word}"'


def _desktop(word: str) -> str:
    """A word of a desktop entry's command: quoted, and escaped once more, as every value there."""
    for sign in ("\\", '"', "`", "$"):
        word = word.replace(sign, f"\\{sign}")
    return '"' + word.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n") + '"'
