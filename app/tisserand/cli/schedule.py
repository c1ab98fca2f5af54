"""`tisserand schedule`: what comes due, what became of what was due, why, and the answers that are waited for."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, translate

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor
    from tisserand.service.schedule.calls import Upcoming, Verdict

schedule = Group("schedule", help=N_("Show when flows come due, and why one ran or did not."))

MONTH = 30.5 * 86_400
LAST = 4_102_444_800.0
VERDICTS = ("ran", "skipped", "missed", "asking")
WORDS = {"ran": N_("ran"), "skipped": N_("skipped"), "missed": N_("missed"), "asking": N_("asking")}

limit_option = option("--limit", type=click.IntRange(1, 5000), default=100, help=N_("How many at most."))


@schedule.command("list", help=N_("List the flows that are on, and when each is due next."))
@workspace_option
@json_option
def list_schedules(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        problems = executor.schedules.problems()
        asking = executor.schedules.verdicts(None, 0, LAST, "asking", 5000)
        found = [
            (watch.file, executor.schedules.next_due(watch.file), _zone(executor, watch.file)) for watch in executor.watches()
        ]
    counts = {file: sum(each.file == file for each in asking) for file, _due, _zone in found}
    if as_json:
        session.print_json(
            {
                "flows": [{"file": file, "next_due": due, "timezone": zone, "asking": counts[file]} for file, due, zone in found],
                "problems": [session.problem_json(problem) for problem in problems],
            }
        )
        return 0
    if not found:
        click.echo(msg("No flow is on.").text())
    else:
        titles = [translate(N_("flow")), translate(N_("next due")), translate(N_("asking"))]
        rows = [[file, _shown(due, zone) if due is not None else "–", str(counts[file])] for file, due, zone in found]
        session.print_table(titles, rows, right=(2,))
    session.print_problems(problems)
    return 0


@schedule.command("preview", help=N_("Show the due times of FLOW to come (of all flows that are on without it), and what the calendar leaves out."))  # fmt: skip
@click.argument("flow", required=False, metavar="[FLOW]")
@option("--since", metavar="TIME", help=N_("From when on, for example 2026-12-01; now without it."))
@option("--months", type=click.FloatRange(0, 60, min_open=True), default=12.0, help=N_("How many months."))
@limit_option
@workspace_option
@json_option
def preview(flow: str | None, since: str | None, months: float, limit: int, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace, flow)
    file = session.flow_file(place, flow) if flow is not None else None
    with session.executor(place) as executor:
        begin = max(0, _moment(since, ZoneInfo(_zone(executor, file))) - 1) if since is not None else time.time()
        end = min(LAST, begin + months * MONTH)
        found = executor.schedules.upcoming(begin, end, file, limit=limit)
        more = bool(found) and bool(executor.schedules.upcoming(found[-1].due, end, file, limit=1))
    if as_json:
        session.print_json({"due": [_coming_json(each) for each in found], "more": more})
        return 0
    if not found:
        click.echo(msg("Nothing comes due in that time.").text())
        return 0
    titles = [translate(N_("due")), translate(N_("flow")), translate(N_("node")), ""]
    session.print_table(titles, [[_shown(each.due, each.zone), each.file, each.node, _note(each)] for each in found])
    if more:
        click.echo(msg("There are more: raise --limit, or go on with --since.").text(), err=True)
    return 0


@schedule.command("why", help=N_("Say in a sentence why FLOW ran or did not run at TIME, for example “2026-12-01 06:00”."))
@click.argument("flow", metavar="FLOW")
@click.argument("moment", metavar="TIME")
@workspace_option
@json_option
def why(flow: str, moment: str, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace, flow)
    file = session.flow_file(place, flow)
    with session.executor(place) as executor:
        asked = _moment(moment, ZoneInfo(_zone(executor, file)))
        found = executor.schedules.why(file, asked)
    if as_json:
        session.print_json({"file": file, "time": asked, "why": found.to_json() | {"text": found.text()}})
    else:
        click.echo(found.text())
    return 0


@schedule.command("verdicts", help=N_("List what became of each due time, the latest first, of FLOW or of all flows."))
@click.argument("flow", required=False, metavar="[FLOW]")
@option("--since", metavar="TIME", help=N_("Only due times from then on."))
@option("--until", metavar="TIME", help=N_("Only due times before."))
@option("--verdict", type=click.Choice(VERDICTS), help=N_("Only these."))
@limit_option
@workspace_option
@json_option
def verdicts(
    flow: str | None, since: str | None, until: str | None, verdict: Any, limit: int, workspace: str | None, as_json: bool
) -> int:
    place = session.workspace(workspace, flow)
    file = session.flow_file(place, flow) if flow is not None else None
    with session.executor(place) as executor:
        zone = ZoneInfo(_zone(executor, file))
        begin = _moment(since, zone) if since is not None else 0.0
        end = _moment(until, zone) if until is not None else LAST
        found = executor.schedules.verdicts(file, begin, end, verdict, limit)
    if as_json:
        session.print_json({"verdicts": [_verdict_json(each) for each in found]})
        return 0
    if not found:
        click.echo(msg("No due time was judged in that time.").text())
        return 0
    titles = [
        translate(N_("due")),
        translate(N_("flow")),
        translate(N_("node")),
        translate(N_("verdict")),
        translate(N_("run")),
        "",
    ]
    session.print_table(
        titles,
        [
            [
                _shown(each.due, each.zone),
                each.file,
                each.node,
                translate(WORDS[each.verdict]),
                each.run or "",
                each.reason.text(),
            ]
            for each in found
        ],
    )
    return 0


@schedule.command(
    "answer", help=N_("Decide on the missed due times of FLOW that wait for a person: on the one at TIME, or on all.")
)
@click.argument("flow", metavar="FLOW")
@click.argument("moment", required=False, metavar="[TIME]")
@option("--run/--leave", "run", default=None, help=N_("Run it now, or leave it."))
@option("--all", "every", is_flag=True, help=N_("All that wait, in place of a time."))
@workspace_option
@json_option
def answer(flow: str, moment: str | None, run: bool | None, every: bool, workspace: str | None, as_json: bool) -> int:
    if run is None:
        raise click.UsageError(msg("Say --run or --leave.").text())
    if (moment is None) != every:
        raise click.UsageError(msg("Give the due time, or --all.").text())
    from tisserand.engine.launch import refusal
    from tisserand.service.serve import ensure

    place = session.workspace(workspace, flow)
    file = session.flow_file(place, flow)
    with session.executor(place) as executor:
        begin, end = 0.0, LAST
        if moment is not None:
            begin = _moment(moment, ZoneInfo(_zone(executor, file)))
            end = begin + 60
        waiting = executor.schedules.verdicts(file, begin, end, "asking", 5000)
        if not waiting:
            raise refusal("schedule.none", msg("No due time of “{file}” waits for an answer there.", file=file), missing=True)
        found = [executor.schedules.answer(file, each.node, each.due, run, session.user()) for each in reversed(waiting)]
    if run:
        ensure(place.root)
    if as_json:
        session.print_json({"verdicts": [_verdict_json(each) for each in found]})
    else:
        for each in found:
            click.echo(f"{_shown(each.due, each.zone)}  {each.reason.text()}")
    return 0


def _zone(executor: Executor, file: str | None) -> str:
    """Where the schedule of a flow means its times; the machine’s zone where nothing tells."""
    if file is not None:
        from tisserand.engine.launch import Refused

        try:
            coming = executor.schedules.upcoming(time.time(), time.time() + 60 * MONTH, file, limit=1)
        except Refused:
            coming = []  # a schedule that is wrong has no zone; why it is wrong is told by the command itself
        if coming:
            return coming[0].zone
        judged = executor.schedules.verdicts(file, 0, LAST, limit=1)
        if judged:
            return judged[0].zone
    from tisserand.service.schedule.spec import machine_zone

    return machine_zone()


def _moment(text: str, zone: tzinfo) -> float:
    """A time as a person types it: with a date or, for today, without."""
    today = datetime.now(zone).date().isoformat()
    for tried in (text, f"{today} {text}"):
        try:
            found = datetime.fromisoformat(tried)
        except ValueError:
            continue
        moment = (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
        if not 0 <= moment <= LAST:
            raise NodeError(msg("{value} is not a time between 1970 and 2100.", value=text))
        return moment
    raise NodeError(msg("“{text}” is not a time. Write it like 2026-12-01 06:00, or 06:00 for today.", text=text))


def _shown(moment: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %z}"


def _note(coming: Upcoming) -> str:
    if coming.closed and coming.reason is not None:
        return msg("left out: {reason}", reason=coming.reason).text()
    if coming.reason is not None:
        return msg("moved from {time}: {reason}", time=_shown(coming.scheduled, coming.zone), reason=coming.reason).text()
    return ""


def _coming_json(coming: Upcoming) -> dict[str, Any]:
    reason = coming.reason.to_json() | {"text": coming.reason.text()} if coming.reason is not None else None
    return coming.to_json() | {"reason": reason}


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return verdict.to_json() | {"reason": verdict.reason.to_json() | {"text": verdict.reason.text()}}
