"""Whatever happens to an executor, its clock and its flows: the verdicts are exactly the due times that a scanner finds which
looks at every minute and knows nothing of the ledger."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

_spec = importlib.util.spec_from_file_location("schedules_of_tests", Path(__file__).with_name("schedules.py"))
schedules = importlib.util.module_from_spec(_spec)
sys.modules["schedules_of_tests"] = schedules
_spec.loader.exec_module(schedules)
World, at = schedules.World, schedules.at

BEGIN = "2026-11-09 00:30"  # a Monday
PARIS = ZoneInfo("Europe/Paris")
CLOSED = {date(2026, 11, 11), date(2026, 11, 12)}  # Armistice Day, and a day that the calendar takes out
CALENDARS = "office: {country: FR, timezone: Europe/Paris, exclude: [{date: 2026-11-12}]}\n"
MINUTES = 60.0
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Making a long story short takes longer than reading it."""


# The scanner. A spec is (minutes, hours, weekdays or None, calendar, way, jitter).


def fits(spec, moment: datetime) -> bool:
    """Whether the cron text itself names a minute."""
    minutes, hours, weekdays, _calendar, _way, _jitter = spec
    local = moment.astimezone(PARIS)
    return local.minute in minutes and local.hour in hours and (weekdays is None or local.weekday() in weekdays)


def is_open(day: date) -> bool:
    return day.weekday() < 5 and day not in CLOSED


def moved(moment: datetime, way: str) -> datetime:
    local = moment.astimezone(PARIS)
    day = local.date()
    while not is_open(day):
        day += timedelta(days=1 if way == "next" else -1)
    return datetime.combine(day, local.time(), PARIS).astimezone(UTC)


def scanned(spec, first: float, last: float) -> dict[int, bool]:
    """Every due time in first < due ≤ last → whether it is closed, by looking at every minute of the weeks around."""
    found: dict[int, bool] = {}
    moment = datetime.fromtimestamp(first - 7 * 86400, UTC).replace(second=0)
    end = datetime.fromtimestamp(last + 7 * 86400, UTC)
    while moment <= end:
        if fits(spec, moment):
            open_then = not spec[3] or is_open(moment.astimezone(PARIS).date())
            due = moment if open_then or spec[4] == "skip" else moved(moment, spec[4])
            if first < due.timestamp() <= last:
                found[int(due.timestamp())] = not open_then and spec[4] == "skip"
        moment += timedelta(minutes=1)
    return found


def written(spec, missed: str) -> str:
    minutes, hours, weekdays, calendar, way, jitter = spec
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    days = "*" if weekdays is None else ",".join(names[day] for day in sorted(weekdays))
    text = f"cron: '{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * {days}', timezone: Europe/Paris"
    text += f", missed: {missed}, catch_up: 6h"
    if calendar:
        text += f", calendar: office, closed: {way}"
    return text + (f", jitter: {jitter}min" if jitter else "")


SPEC = st.tuples(
    st.sets(st.integers(0, 59), min_size=1, max_size=2),
    st.sets(st.integers(0, 23), min_size=1, max_size=6),
    st.none() | st.sets(st.integers(0, 6), min_size=1),
    st.booleans(),
    st.sampled_from(["skip", "next", "previous"]),
    st.sampled_from([0, 0, 7, 45]),
)
STEP = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 2000)),
    st.tuples(st.just("away"), st.integers(1, 2500)),
    st.tuples(st.just("forward"), st.integers(2, 900)),
    st.tuples(st.just("back"), st.integers(1, 600)),
    st.tuples(st.sampled_from(["pause", "unpause", "off", "on", "restart"]), st.just(0)),
    st.tuples(st.just("edit"), SPEC),
    st.tuples(st.just("edit while away"), SPEC),
)


def play(root: Path, spec, missed: str, steps) -> None:
    w = World(root, now=BEGIN, calendars=CALENDARS)
    try:
        file = w.flow(written(spec, missed))
        w.on(file)
        w.up()
        w.clock._executor.ledger.tell(file, None)
        # What the scanner is told: when which schedule counted, and when the flow was on or paused.
        begin = highest = w.now
        in_force = [(begin, spec)]
        on, paused = [(begin, True)], [(begin, False)]
        for what, how in steps:
            if what == "pass":
                for _minute in range(0, how, 20):
                    w.now += 20 * MINUTES
                    w.tick()
            elif what == "away":
                w.down()
                w.now += how * MINUTES
                highest = max(highest, w.now)
                w.up()
            elif what == "forward":
                w.now += how * MINUTES
                w.tick()
            elif what == "back":
                w.now -= how * MINUTES
                w.tick()
            elif what == "restart":
                w.down()
                w.up()
            elif w.now < highest:
                continue  # what a person does while the clock is behind has no one right answer
            elif what == "edit":
                w.now += 1  # the change is not at a due time
                in_force.append((w.now, how))
                w.flow(written(how, missed))
                w.tick()
            elif what == "edit while away":
                w.down()
                w.now += 200 * MINUTES + 1
                in_force.append((w.now, how))
                w.flow(written(how, missed))
                w.now += 300 * MINUTES
                w.up()
            elif what in ("pause", "unpause"):
                w.now += 1
                (w.pause if what == "pause" else w.unpause)(file)
                paused.append((w.now, what == "pause"))
            else:
                w.now += 1
                (w.on if what == "on" else w.off)(file)
                on.append((w.now, what == "on"))
                w.tick()
            highest = max(highest, w.now)
        if w.now < highest:
            w.now = highest
            w.tick()
        _compare(w, begin, highest, in_force, on, paused)
    finally:
        w.close()


def _at(changes, moment: float):
    return [value for since, value in changes if since <= moment][-1]


def _compare(w, begin, highest, in_force, on, paused) -> None:
    expected: dict[int, str | None] = {}
    jitter: dict[int, float] = {}
    for index, (since, spec) in enumerate(in_force):
        until = in_force[index + 1][0] if index + 1 < len(in_force) else highest
        for due, closed in scanned(spec, since, until).items():
            expected[due] = "skipped" if closed else None
            jitter[due] = spec[5] * MINUTES
    found = {each.due: each for each in w.executor.schedules.ledger.verdicts("flows/f.yaml", 0, 4e9, limit=100_000)}
    for due, kind in expected.items():
        # With jitter a due time counts where it starts; where that is not clear, either is right.
        states = {(_at(on, moment), _at(paused, moment)) for moment in (due, min(due + jitter[due], highest))}
        if due + jitter[due] > highest or len({state for state, _paused in states}) > 1:
            assert due not in found or found[due].verdict in ("ran", "skipped", "missed", "asking")
            found.pop(due, None)
        elif not next(iter(states))[0]:
            assert due not in found, (due, found[due])
        else:
            assert due in found, (schedules.shown(due), sorted(map(schedules.shown, found)))
            verdict = found.pop(due).verdict
            if kind is not None or all(is_paused for _on, is_paused in states):
                assert verdict == "skipped", (schedules.shown(due), verdict)
            elif not any(is_paused for _time, is_paused in paused):
                assert verdict in ("ran", "missed", "asking"), (schedules.shown(due), verdict)
    assert not found, sorted(map(schedules.shown, found))
    ran = w.executor.schedules.ledger.verdicts("flows/f.yaml", 0, 4e9, "ran", 100_000)
    assert len(w.started) == len(ran) == len(set(w.started))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(spec=SPEC, missed=st.sampled_from(["all", "latest", "none", "ask"]), steps=st.lists(STEP, min_size=2, max_size=8))
def test_verdicts_are_what_a_scanner_of_minutes_finds(spec, missed, steps) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder) / "w", spec, missed, steps)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=400, deadline=None, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck), print_blob=True)
@given(spec=SPEC, missed=st.sampled_from(["all", "latest", "none", "ask"]), steps=st.lists(STEP, min_size=2, max_size=14))
def test_verdicts_are_what_a_scanner_of_minutes_finds_at_length(spec, missed, steps) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder) / "w", spec, missed, steps)
