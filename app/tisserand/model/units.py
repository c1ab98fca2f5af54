"""Durations and sizes as people write them: `30s`, `5min`, `2h`, `3d`; `512MB`, `1GB`."""

from __future__ import annotations

import re

from tisserand.texts import msg

_DURATION = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


class UnitError(ValueError):
    """A duration or size that cannot be read; `message` is the sentence."""

    def __init__(self, text: str, known: dict[str, float] | dict[str, int]) -> None:
        self.message = msg("“{text}” is not understood. Write a number and a unit: {units}.", text=text, units=list(known))
        super().__init__(self.message.text("en"))


def seconds(text: str) -> float:
    """Read a duration in seconds; raises `UnitError`."""
    match = _FORM.fullmatch(text)
    if not match or match[2] not in _DURATION:
        raise UnitError(text, _DURATION)
    return float(match[1]) * _DURATION[match[2]]


def size(text: str) -> int:
    """Read a size in bytes (`GB` is 10⁹, `GiB` is 2³⁰); raises `UnitError`."""
    match = _FORM.fullmatch(text)
    if not match or match[2] not in _SIZE:
        raise UnitError(text, _SIZE)
    return int(float(match[1]) * _SIZE[match[2]])
