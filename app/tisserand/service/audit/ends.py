"""The seal of the audit log's end: a file beside it that says where it ends, so that entries cut off there are missed."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path

from tisserand.files import write_text
from tisserand.service.keyfile import workspace_key


class ForgedEnd(Exception):  # noqa: N818 - what was found, not a failure
    """The file was not made with the key of this workspace."""


@dataclass(frozen=True, slots=True)
class End:
    """Where the log ends: number and seal of the last entry, and the seal of the one before."""

    id: int
    hash: str
    before: str
    sure: bool
    """Whether the entry is known to be in the log; else it was about to be entered."""


def write(path: Path, end: End) -> None:
    """Replace the seal at once, durably."""
    text = json.dumps([end.id, end.hash, end.before, end.sure])
    write_text(path, json.dumps({"end": text, "seal": _seal(path, text)}), 0o600)


def read(path: Path) -> End | None:
    """The seal; None where there is none. Raises `ForgedEnd`."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        text, sealed = str(known["end"]), str(known["seal"])
        if not hmac.compare_digest(sealed, _seal(path, text)):
            raise ForgedEnd
        id, last, before, sure = json.loads(text)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise ForgedEnd from None
    return End(int(id), str(last), str(before), bool(sure))


def _seal(path: Path, text: str) -> str:
    return hmac.new(workspace_key(path.parent), text.encode(), hashlib.sha256).hexdigest()
