"""The lines of the page of gateways: the gateways, the difference that a push would make, and the pushes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.apis.words import CHANGES, RESULTS, sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.listed import Cell, Line

if TYPE_CHECKING:
    from tisserand.apis.gateways.adapter import Plan
    from tisserand.service.gateways.calls import GatewayInfo, Pushed

LONGEST = 80
"""Characters of a value in the difference."""
WEIGHTS = {"security": N_("Security: refuses the push"), "limit": N_("Limit: refuses the push"), "other": ""}


def with_lines(plan: Plan) -> tuple[Plan, list[Line]]:
    """Thousands of lines are made beside the window."""
    return plan, differences(plan)


def gateway_line(info: GatewayInfo) -> Line:
    alive = {
        True: Cell(_("Yes"), "circle-check", "done"), False: Cell(_("No"), "circle-x", "failed"), None: Cell(""),
    }[info.alive]  # fmt: skip
    name = info.title or info.name
    trouble = info.problem
    first = Cell(name, "triangle-alert", "warning", sentences([trouble])) if trouble is not None else Cell(name)
    return Line(
        info.name, info, (first, Cell(info.type), alive, Cell(info.address), Cell(_moment(info.pushed_at)), Cell(info.revision))
    )


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def differences(plan: Plan) -> list[Line]:
    lines = []
    for change in plan.changes:
        sign, shade, word = CHANGES[change.action]
        what = Cell(_(word), sign, shade)
        item = Cell(change.item)
        if change.drift:
            item = Cell(change.item, "user", "warning", _("Others changed it in the gateway since the last push."))
        if not change.fields:
            lines.append(Line((change.item, ""), change, (what, item, Cell(), Cell(), Cell())))
        for at, (field, live, wanted) in enumerate(change.fields):
            first = (what, item) if at == 0 else (Cell(), Cell())
            lines.append(Line((change.item, field), change, (*first, Cell(field, more=field), _value(live), _value(wanted))))
    sign, shade, word = CHANGES["dropped"]
    for dropped in plan.dropped:
        reason = dropped.reason.text()
        cells = (
            Cell(_(word), sign, "failed" if dropped.weight != "other" else shade), Cell(dropped.item), Cell(dropped.field),
            Cell(reason, more=reason), Cell(_(WEIGHTS[dropped.weight])),
        )  # fmt: skip
        lines.append(Line(("dropped", dropped.name), dropped, cells))
    return lines


def _value(value: Any) -> Cell:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Cell(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", more=text if len(text) > LONGEST else "")


def pushed_line(pushed: Pushed) -> Line:
    sign, shade, word = RESULTS.get(pushed.result, RESULTS["failed"])
    why = pushed.problem.message.text() if pushed.problem is not None else ", ".join(pushed.dropped)
    cells = (
        Cell(str(pushed.number)), Cell(_moment(pushed.at)), Cell(_(word), sign, shade), Cell(pushed.by), Cell(number(pushed.changes)), Cell(why),
    )  # fmt: skip
    return Line(pushed.number, pushed, cells)
