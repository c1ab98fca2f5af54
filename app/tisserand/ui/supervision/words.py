"""Runs in words: their state, when, how long, who and why."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QDateTime, QLocale

from tisserand.texts import N_, language, ngettext, translate
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number, seconds

if TYPE_CHECKING:
    from tisserand.service.protocol import RunInfo

STATES: dict[str, tuple[str, str, str]] = {
    "running": ("loader-circle", "running", N_("Running")),
    "queued": ("list-ordered", "waiting", N_("Queued")),
    "waiting": ("hourglass", "waiting", N_("Waiting")),
    "done": ("circle-check", "done", N_("Done")),
    "failed": ("circle-x", "failed", N_("Failed")),
    "cancelled": ("circle-stop", "warning", N_("Cancelled")),
    "interrupted": ("unlink", "failed", N_("Broken off")),
}
"""Every state of a run: icon, colour token, word."""
_NODE_STATES: dict[str, tuple[str, str, str]] = {
    **STATES,
    "skipped": ("skip-forward", "skipped", N_("Skipped")),
    "unrun": ("circle-dashed", "skipped", N_("Not run")),
    "uncertain": ("circle-alert", "warning", N_("Uncertain")),
    "stopped": ("circle-stop", "warning", N_("Stopped")),
}
TRIGGERS: dict[str, str] = {
    "manual": N_("By hand"),
    "schedule": N_("Schedule"),
    "event": N_("Event"),
    "flow": N_("Another flow"),
    "resubmit": N_("Resubmitted event"),
    "again": N_("Once more"),
    "api": N_("API"),
}
"""What starts runs, in words."""


def face(state: str) -> tuple[str, str, str]:
    """Icon, colour token and word of a run's or a node's state."""
    sign, token, word = _NODE_STATES.get(state, ("circle", "waiting", state))
    return sign, token, translate(word)


def locale() -> QLocale:
    """Dates as the language in use writes them, whatever the system's is."""
    return QLocale(QLocale.Language.French if language() == "fr" else QLocale.Language.English)


def dated(moment: float, pattern: str) -> str:
    """A moment in local time as a pattern of Qt has it, with the names of days and months in the language in use."""
    return locale().toString(QDateTime.fromMSecsSinceEpoch(round(moment * 1000)), pattern)


def when(moment: float | None, now: float | None = None) -> str:
    """A moment in local time, as short as it is clear: `14:03:22`, `23 Nov 14:03`, `2025-12-24 14:03`."""
    if moment is None:
        return "–"
    shown, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(time.time() if now is None else now)
    if shown.date() == today.date():
        return f"{shown:%H:%M:%S}"
    if abs((shown - today).days) < 300:
        return dated(moment, "d MMM HH:mm")
    return f"{shown:%Y-%m-%d %H:%M}"


def whole(moment: float) -> str:
    """A moment to the second, with its date."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"


def ago(moment: float, now: float | None = None) -> str:
    """How far off a moment is: `4 min ago`, `in 2 h`."""
    off = (time.time() if now is None else now) - moment
    text = _rough(abs(off))
    if abs(off) < 1:
        return _("now")
    return (_("{time} ago") if off > 0 else _("in {time}")).format(time=text)


def _rough(span: float) -> str:
    """The largest unit that fits."""
    if span < 60:
        return f"{int(span)} s"
    if span < 3600:
        return f"{int(span // 60)} min"
    if span < 48 * 3600:
        return f"{int(span // 3600)} h"
    days = int(span // 86400)
    return ngettext("{count} day", "{count} days", days).format(count=number(days))


def lasted(span: float | None) -> str:
    """How long something took, from a millisecond to days."""
    if span is None:
        return "–"
    if span < 3600:
        return seconds(max(0.0, span))
    if span < 48 * 3600:
        return f"{int(span // 3600)} h {int(span % 3600 // 60):02d} min"
    return _rough(span)


def short(value: float) -> str:
    """A count that has little room: `999`, `12.5 k`, `3 M`."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            scaled = f"{value / size:.1f}".removesuffix(".0") if value / size < 100 else f"{value / size:.0f}"
            return (scaled.replace(".", ",") if language() == "fr" else scaled) + f" {sign}"
    return number(round(value))


def duration(run: RunInfo, now: float | None = None) -> float | None:
    """Seconds from its begin to its end, or to now; None for a run that never began."""
    if run.started is None:
        return None
    return (run.finished or (time.time() if now is None else now)) - run.started


def who(run: RunInfo) -> str:
    """Who asked for it, in words; empty where nobody did."""
    return person(run.by)


def person(by: str) -> str:
    """A person, or which of our programs acted for somebody."""
    known = {"designer": N_("the designer"), "cli": N_("the command line")}
    return translate(known[by]) if by in known else by


def why(run: RunInfo) -> str:
    """Why a run was started and by whom, in a few words: `Schedule, due 06:00`, `File orders-17.csv`, `By ann`."""
    cause = run.cause or {}
    kind = str(cause.get("kind") or ("flow" if run.parent else run.trigger))
    told = _told(kind, cause, run)
    person = who(run)
    if kind == "manual":
        return _("By {name}").format(name=person) if person else translate(TRIGGERS["manual"])
    return f"{told} · {person}" if person else told


def _told(kind: str, cause: Mapping[str, Any], run: RunInfo) -> str:
    word = translate(TRIGGERS.get(kind, kind))
    if kind == "schedule":
        due = cause.get("due", cause.get("time"))
        return _("Schedule, due {time}").format(time=_moment(due)) if due is not None else word
    if kind == "flow":
        origin = cause.get("flow") or cause.get("run") or run.parent
        return _("Flow {name}").format(name=origin) if origin else word
    if kind in ("event", "resubmit"):
        about = cause.get("file") or cause.get("path") or cause.get("name") or cause.get("key")
        if cause.get("file") or cause.get("path"):
            return _("File {name}").format(name=str(about).rpartition("/")[2])
        if about:
            return f"{word} {about}"
        count, node = cause.get("events"), cause.get("node")
        if isinstance(count, int) and node:
            return ngettext("{count} event at {node}", "{count} events at {node}", count).format(count=number(count), node=node)
        return word
    return word


def _moment(due: Any) -> str:
    """A due time as the ledger has it: seconds, or an ISO text."""
    if isinstance(due, int | float):
        return when(float(due)).removesuffix(":00")
    try:
        return when(datetime.fromisoformat(str(due)).timestamp()).removesuffix(":00")
    except ValueError:
        return str(due)


def sentence(run: RunInfo) -> str:
    """What went wrong, in one line."""
    return " ".join(run.error.message.text().split()) if run.error is not None else ""
