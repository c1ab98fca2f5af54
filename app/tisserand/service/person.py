"""Who asks the executor for something: the name that runs, pauses and the audit log show."""

from __future__ import annotations

import getpass


def person() -> str:
    """The user of the operating system; "" where it has no name (the numeric user of a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
