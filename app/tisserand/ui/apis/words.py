"""What the pages of API management call things, with icon and colour: never a colour alone."""

from __future__ import annotations

from collections.abc import Sequence

from tisserand.model.problem import Problem
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number

LIFE: dict[str, tuple[str, str, str]] = {
    "draft": ("pencil", "skipped", N_("Draft")),
    "published": ("circle-check", "done", N_("Published")),
    "deprecated": ("hourglass", "warning", N_("Deprecated")),
    "retired": ("circle-slash", "failed", N_("Retired")),
}
"""Stage of life → icon, colour token, word."""

STATES: dict[str, tuple[str, str, str]] = {
    "pending": ("circle-alert", "warning", N_("Waits for approval")),
    "active": ("circle-check", "done", N_("Active")),
    "suspended": ("circle-pause", "skipped", N_("Suspended")),
    "rejected": ("circle-x", "failed", N_("Rejected")),
    "ended": ("circle-slash", "skipped", N_("Ended")),
}
"""State of a subscription."""

RESULTS: dict[str, tuple[str, str, str]] = {
    "done": ("circle-check", "done", N_("Done")),
    "refused": ("circle-slash", "warning", N_("Refused")),
    "failed": ("circle-x", "failed", N_("Failed")),
    "begun": ("loader-circle", "running", N_("Under way")),
    "rolled back": ("undo-2", "warning", N_("Rolled back")),
}
"""How a push ended."""

CHANGES: dict[str, tuple[str, str, str]] = {
    "create": ("plus", "done", N_("Create")),
    "change": ("pencil", "warning", N_("Change")),
    "delete": ("minus", "failed", N_("Delete")),
    "dropped": ("triangle-alert", "warning", N_("Not enforced")),
}
"""What a push does with an item."""

PERIODS: dict[str, str] = {"hour": N_("hour"), "day": N_("day"), "week": N_("week"), "month": N_("month")}
QUOTAS: dict[str, str] = {
    "hour": N_("{count} an hour"), "day": N_("{count} a day"), "week": N_("{count} a week"), "month": N_("{count} a month"),
}  # fmt: skip


def sentences(problems: Sequence[Problem]) -> str:
    """Problems as lines, each with what to do."""
    return "\n".join(
        f"{problem.message.text()} {problem.fix.text() if problem.fix is not None else ''}".rstrip() for problem in problems
    )


def rate(data: dict[str, object]) -> str:
    """The rates of a plan."""
    listed = data.get("rate") or []
    assert isinstance(listed, list)
    return ", ".join(_("{count} in {time}").format(count=number(each["count"]), time=each["per"]) for each in listed)


def quota(data: dict[str, object]) -> str:
    """The quota of a plan."""
    told = data.get("quota")
    if not isinstance(told, dict):
        return ""
    return _(QUOTAS[str(told["period"])]).format(count=number(told["count"]))
