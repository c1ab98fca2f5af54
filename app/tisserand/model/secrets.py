"""Secrets that stand in a flow file in plain text: found by their keys and by their looks."""

from __future__ import annotations

import re
from typing import Any

from tisserand.model.problem import Problem
from tisserand.model.yamltext import Path, place_of, texts_in
from tisserand.texts import Message, msg

_KEY = re.compile(
    r"(?:^|[_\-. ])(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|private[_-]?key|access[_-]?key|client[_-]?secret)$",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"""-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    |\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s/@:{}]*:(?!\s*(?:\{\{|secret:|@))[^\s/@]+@
    |\bsk-[A-Za-z0-9_\-]{16,}
    |\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}
    |\bAKIA[0-9A-Z]{12,}
    |\bxox[abprs]-[A-Za-z0-9\-]{10,}
    |\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+""",
    re.VERBOSE,
)
_SUSPECT = re.compile(
    r"passw|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|PRIVATE KEY|://|sk-|gh[pousr]_|github_pat|AKIA|xox|eyJ",
    re.IGNORECASE,
)
# Below these keys stand names of columns that people choose: a column may well be called `token`.
_NAMES_OF_COLUMNS = {"columns", "rename", "names", "types", "cast", "fields", "mapping", "formulas", "keys", "inputs", "after"}

FIX = msg("Store it with the workspace's secrets and write secret:NAME here.")


def secret_problems(text: str, data: Any) -> list[Problem]:
    """One problem for each text in `data` that is or holds a secret. `text` is the file, for a quick way out."""
    if not _SUSPECT.search(text) and "\\" not in text:
        return []
    found: list[Problem] = []
    for path, value in texts_in(data):
        message = _secret(path, value)
        if message is not None:
            found.append(Problem("flow.secret", message, FIX, place_of(path)))
    return found


def holds_secret(path: Path, value: Any) -> bool:
    """Whether a value to be set at this path would bring a secret into the file."""
    return any(_secret((*path, *below), text) is not None for below, text in texts_in(value))


def _secret(path: Path, value: str) -> Message | None:
    if _LOOKS.search(value):
        return msg("A secret stands here in plain text; a flow file must not hold one.")
    # The default of a parameter is named by the parameter.
    names = path[:2] if path[:1] == ("parameters",) and path[2:] == ("default",) else path
    if not names:
        return None
    if not _KEY.search(names[-1]) or not value.strip() or value.startswith("secret:") or "{{" in value:
        return None
    if path[:1] == ("keys",) or set(names[:-1]) & _NAMES_OF_COLUMNS:
        return None
    return msg("“{field}” holds a secret in plain text; a flow file must not hold one.", field=names[-1])
