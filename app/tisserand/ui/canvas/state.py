"""How a node stands, as a person reads it: an icon, a colour and a word, and a second line that lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tisserand.texts import N_, language, ngettext, translate


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one card. `rows` counts by output port ("" while it runs), `share` is how much of it is done while it runs."""

    state: str = "ready"
    detail: str = ""
    rows: tuple[tuple[str, int], ...] = ()
    share: float | None = None


READY = Standing()
WRONG = Standing("wrong")
ATTENTION = Standing("attention")
STOPPED = Standing("stopped")

_FACES: dict[str, tuple[str, str, str]] = {
    "ready": ("circle", "waiting", N_("Ready")),
    "wrong": ("triangle-alert", "warning", N_("Not configured")),
    "attention": ("triangle-alert", "warning", N_("Needs attention")),
    "waiting": ("clock", "waiting", N_("Waiting")),
    "suspended": ("hourglass", "waiting", N_("Suspended")),
    "running": ("loader-circle", "running", N_("Running")),
    "done": ("circle-check", "done", N_("Done")),
    "stale": ("rotate-ccw", "skipped", N_("Outdated")),
    "failed": ("circle-x", "failed", N_("Failed")),
    "skipped": ("skip-forward", "skipped", N_("Skipped")),
    "uncertain": ("circle-alert", "warning", N_("Uncertain")),
    "stopped": ("circle-stop", "warning", N_("Stopped")),
    "disabled": ("ban", "skipped", N_("Switched off")),
    "listening": ("radio", "running", N_("On")),
    "paused": ("pause", "warning", N_("Paused")),
}


def face(state: str) -> tuple[str, str, str]:
    """Icon, colour token and word of a state."""
    icon, token, word = _FACES.get(state, _FACES["ready"])
    return icon, token, translate(word)


def told(state: str, detail: str) -> str:
    """A state in words, as where there is no picture: `Done · 12,480 rows · 0.4 s`."""
    word = face(state)[2]
    return f"{word} · {detail}" if detail and state != "disabled" else word


def number(value: int) -> str:
    """A count with the thousands set apart as the language does it."""
    text = f"{value:,}"
    return text.replace(",", "\u202f") if language() == "fr" else text


def percent(share: float) -> str:
    """A share as the language writes it: `86%`, `86 %`."""
    return f"{round(share * 100)}" + ("\u202f%" if language() == "fr" else "%")


def seconds(value: float) -> str:
    """A duration for a card: `40 ms`, `0.4 s`, `3 min 05 s`."""
    if value < 0.0995:
        return f"{max(1, round(value * 1000))} ms"
    if value < 60:
        text = f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
        return (text.replace(".", ",") if language() == "fr" else text) + " s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def rows(count: int) -> str:
    return ngettext("{count} row", "{count} rows", count).format(count=number(count))


def standing(info: Any, written: int | None = None) -> Standing:
    """From the executor's answer about one node to what its card shows; `written` is what went into a writer."""
    counts = tuple(info.rows.items())
    parts: list[str] = []
    share = info.share if info.state == "running" else None
    if share is not None:
        # Rounded, the last half percent would be said to be whole.
        parts.append(percent(min(share, 0.99)))
    if written is not None or counts:
        parts.append(rows(written if written is not None else dict(counts).get("", counts[0][1])))
    if info.seconds is not None:
        parts.append(seconds(info.seconds))
    if info.attempt > 1:
        parts.append(translate("attempt {number}").format(number=info.attempt))
    detail = " · ".join(parts)
    if info.error is not None:
        detail = info.error.message.text()
    elif info.reason is not None:
        detail = info.reason.text()
    return Standing(info.state, detail, counts, share)


def second_lines(standing: Standing) -> tuple[str, ...]:
    """The card's second line, the fullest first: a card shows the first that has room. The word always stands in it."""
    word = face(standing.state)[2]
    if not standing.detail:
        return (word,)
    parts = (
        [word, *standing.detail.split(" · ")]
        if standing.state in {"done", "running", "listening", "stale"}
        else [word, standing.detail]
    )
    return tuple(" · ".join(parts[:count]) for count in range(len(parts), 1, -1))
