"""The ledger of due times: what becomes of each under every circumstance, and what is said of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("schedules_of_tests", Path(__file__).with_name("schedules.py"))
schedules = importlib.util.module_from_spec(_spec)
sys.modules["schedules_of_tests"] = schedules
_spec.loader.exec_module(schedules)
World, at = schedules.World, schedules.at

HOURLY = "cron: '0 * * * *', timezone: UTC"


@pytest.fixture
def world(tmp_path):
    made = []

    def make(**settings):
        made.append(World(tmp_path / f"w{len(made)}", **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def begun(world, config=HOURLY, now="2026-11-25 00:30", **more):
    made = world(now=now, **more)
    made.on(made.flow(config))
    made.up()
    return made


def test_what_is_due_runs_once_and_says_so(world):
    w = begun(world)
    w.until("2026-11-25 02:30")
    assert w.verdicts() == [("11-25 01:00", "ran"), ("11-25 02:00", "ran")]
    request = w.requests[0]
    assert request.file == "flows/f.yaml" and request.trigger == "schedule"
    assert request.cause == {"kind": "schedule", "node": "t", "due": "2026-11-25T01:00:00+00:00"}
    assert request.event["node"] == "t" and request.event["rows"][0]["due"] == "2026-11-25T01:00:00+00:00"
    assert request.label.startswith("due:")
    w.tick()
    w.tick()
    assert len(w.started) == 2


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("all", ["ran", "ran", "ran", "ran"]),
        ("latest", ["missed", "missed", "missed", "ran"]),
        ("none", ["missed", "missed", "missed", "missed"]),
        ("ask", ["asking", "asking", "asking", "asking"]),
    ],
)
def test_the_policies_for_what_was_missed(world, policy, expected):
    w = begun(world, f"{HOURLY}, missed: {policy}")
    w.down()
    w.now = at("2026-11-25 04:30")
    w.up()
    assert [verdict for _due, verdict in w.verdicts()] == expected
    assert len(w.started) == expected.count("ran")
    said = w.reason("2026-11-25 01:00")
    assert "The executor was not running from 2026-11-25 00:30 (UTC) to 2026-11-25 04:30 (UTC)." in said
    w.until("2026-11-25 05:10")
    assert w.verdicts()[-1] == ("11-25 05:00", "ran")


def test_what_is_older_than_the_window_is_missed(world):
    w = begun(world, f"{HOURLY}, missed: all, catch_up: 2h")
    w.down()
    w.now = at("2026-11-25 04:30")
    w.up()
    assert [verdict for _due, verdict in w.verdicts()] == ["missed", "missed", "ran", "ran"]
    assert "longer ago than the 2h" in w.reason("2026-11-25 01:00")


def test_a_due_time_just_now_takes_the_place_of_those_before(world):
    w = begun(world)
    w.down()
    w.now = at("2026-11-25 03:00") + 20
    w.up()
    assert [verdict for _due, verdict in w.verdicts()] == ["missed", "missed", "ran"]
    assert "A later due time took its place." in w.reason("2026-11-25 02:00")
    assert w.reason("2026-11-25 03:00") == "It was due."


def test_a_person_decides_where_it_asks(world):
    w = begun(world, f"{HOURLY}, missed: ask")
    w.down()
    w.now = at("2026-11-25 03:30")
    w.up()
    ask = w.executor.schedules.answer
    with pytest.raises(Exception, match="No due time"):
        ask("flows/f.yaml", "t", int(at("2026-11-25 01:30")), True)
    ask("flows/f.yaml", "t", int(at("2026-11-25 01:00")), True, "ann")
    ask("flows/f.yaml", "t", int(at("2026-11-25 02:00")), False, "bob")
    with pytest.raises(Exception, match="Nobody is asked"):
        ask("flows/f.yaml", "t", int(at("2026-11-25 01:00")), False)
    w.tick()
    assert w.verdicts() == [("11-25 01:00", "ran"), ("11-25 02:00", "missed"), ("11-25 03:00", "asking")]
    assert len(w.started) == 1
    assert w.reason("2026-11-25 02:00") == "bob decided at 2026-11-25 03:30 (UTC) not to run it any more."
    assert [entry.by for entry in w.executor.audit.entries()] == ["bob", "ann"]


def test_paused_and_off(world):
    w = begun(world)
    w.until("2026-11-25 01:30")
    w.pause("flows/f.yaml", "ann")
    w.until("2026-11-25 02:30")
    w.unpause("flows/f.yaml")
    w.until("2026-11-25 03:30")
    w.off("flows/f.yaml")
    w.until("2026-11-25 05:30")
    w.on("flows/f.yaml")
    w.until("2026-11-25 06:30")
    assert w.verdicts() == [
        ("11-25 01:00", "ran"), ("11-25 02:00", "skipped"), ("11-25 03:00", "ran"), ("11-25 06:00", "ran"),
    ]  # fmt: skip
    assert w.reason("2026-11-25 02:00") == "The flow was paused by ann since 2026-11-25 01:30 (UTC)."


def test_what_was_missed_is_not_made_up_for_while_paused_or_off(world):
    w = begun(world, f"{HOURLY}, missed: all")
    w.down()
    w.now = at("2026-11-25 01:30")
    w.pause("flows/f.yaml", "ann")
    w.now = at("2026-11-25 02:30")
    w.up()
    assert w.verdicts() == [("11-25 01:00", "skipped"), ("11-25 02:00", "skipped")]
    w.unpause("flows/f.yaml")
    w.down()
    w.now = at("2026-11-25 03:30")
    w.off("flows/f.yaml")
    w.now = at("2026-11-25 04:30")
    w.up()
    assert w.verdicts()[2:] == [("11-25 03:00", "missed")]
    assert "switched off at 2026-11-25 03:30 (UTC), before it could be made up for" in w.reason("2026-11-25 03:00")
    assert w.started == []


def test_an_edit_counts_from_when_the_file_changed(world):
    w = begun(world, f"{HOURLY}, missed: all")
    w.down()
    w.now = at("2026-11-25 02:30")
    w.flow("cron: '15 * * * *', timezone: UTC, missed: all")
    w.now = at("2026-11-25 04:30")
    w.up()
    assert w.verdicts() == [
        ("11-25 01:00", "ran"), ("11-25 02:00", "ran"), ("11-25 03:15", "ran"), ("11-25 04:15", "ran"),
    ]  # fmt: skip
    w.flow("cron: '45 * * * *', timezone: UTC")
    w.until("2026-11-25 06:30")
    assert w.verdicts()[4:] == [("11-25 04:45", "ran"), ("11-25 05:45", "ran")]


def test_a_trigger_that_is_taken_out_and_put_back(world):
    w = begun(world)
    w.until("2026-11-25 01:30")
    w.flow("", kind="trigger.manual")
    w.until("2026-11-25 03:30")
    w.flow(HOURLY)
    w.until("2026-11-25 04:30")
    assert w.verdicts() == [("11-25 01:00", "ran"), ("11-25 04:00", "ran")]


@pytest.mark.parametrize("how", ["yaml", "cron", "calendar", "gone"])
def test_a_broken_file_is_told_and_its_due_times_are_missed(world, how):
    w = begun(world)
    w.until("2026-11-25 01:30")
    file = "flows/f.yaml"
    if how == "gone":
        (w.root / file).unlink()
    else:
        w.flow({"yaml": "", "cron": "cron: 61 * * * *", "calendar": f"{HOURLY}, calendar: nowhere"}[how], broken=how == "yaml")
    w.until("2026-11-25 03:30")
    told = w.executor.ledger.watches()[0].problem
    assert told is not None
    w.flow(HOURLY)
    w.until("2026-11-25 04:30")
    assert w.executor.ledger.watches()[0].problem is None
    assert w.verdicts() == [
        ("11-25 01:00", "ran"), ("11-25 02:00", "missed"), ("11-25 03:00", "missed"), ("11-25 04:00", "ran"),
    ]  # fmt: skip
    assert "could not be run as its file was" in w.reason("2026-11-25 02:00")


def test_a_run_under_way_makes_it_skipped_where_the_flow_says_so(world):
    from tisserand.engine.records import RunRecord

    w = world(now="2026-11-25 00:30")
    w.on(w.flow(HOURLY, head="limits: {overlap: skip}\n"))
    w.executor.journal.create_run(
        RunRecord("20261125-003000-abcdef", "f", flow_file="flows/f.yaml", state="running", created=w.now)
    )
    w.up()
    w.until("2026-11-25 01:30")
    assert w.verdicts() == [("11-25 01:00", "skipped")]
    assert "20261125-003000-abcdef" in w.reason("2026-11-25 01:00")
    w.executor.journal.set_state("20261125-003000-abcdef", "done")
    w.until("2026-11-25 02:30")
    assert w.verdicts()[1:] == [("11-25 02:00", "ran")]


def test_several_triggers_of_one_flow_all_count(world):
    w = world(now="2026-11-25 00:30")
    file = w.flow(HOURLY)
    (w.root / file).write_text(
        "tisserand: 1\nid: f\nnodes:\n  a: {kind: trigger.cron, config: {cron: '0 * * * *', timezone: UTC}}\n"
        "  b: {kind: trigger.interval, config: {every: 30min, timezone: UTC}}\n"
        "  c: {kind: trigger.dates, config: {dates: ['2026-11-25 01:00', '2026-11-25 01:10'], timezone: UTC}}\n"
    )
    w.on(file)
    w.up()
    w.until("2026-11-25 01:40")
    found = w.executor.schedules.ledger.verdicts(file, 0, 4e9)
    assert sorted((each.node, schedules.shown(each.due)) for each in found) == [
        ("a", "11-25 01:00"), ("b", "11-25 01:00"), ("b", "11-25 01:30"), ("c", "11-25 01:00"), ("c", "11-25 01:10"),
    ]  # fmt: skip


def test_a_clock_that_is_set_doubles_and_loses_nothing(world):
    w = begun(world, f"{HOURLY}, missed: all")
    w.until("2026-11-25 02:30")
    w.jump("2026-11-25 00:30")
    w.until("2026-11-25 03:30")
    assert [due for due, _verdict in w.verdicts()] == ["11-25 01:00", "11-25 02:00", "11-25 03:00"]
    w.jump("2026-11-25 06:30")
    assert [due for due, _verdict in w.verdicts()][3:] == ["11-25 04:00", "11-25 05:00", "11-25 06:00"]
    assert "held up" in w.reason("2026-11-25 04:00")
    assert len(w.started) == 6


def test_jitter_puts_the_start_off_and_survives_a_restart(world):
    w = begun(world, f"{HOURLY}, jitter: 30min")
    (coming,) = w.executor.schedules.upcoming(w.now, w.now + 3600, "flows/f.yaml")
    assert coming.due == at("2026-11-25 01:00") < coming.starts < coming.due + 1800
    w.now = coming.starts - 5
    w.tick()
    assert w.verdicts() == []
    w.down()
    w.up()
    assert w.verdicts() == []
    w.now = coming.starts + 1
    w.tick()
    assert w.verdicts() == [("11-25 01:00", "ran")]


def test_closed_days_are_skipped_with_the_reason(world):
    calendars = "c: {exclude: [{date: 2026-11-26, reason: Inventory}]}\n"
    w = begun(world, "cron: '0 6 * * *', timezone: UTC, calendar: c", calendars=calendars)
    w.until("2026-11-28 12:00", 600)
    assert w.verdicts() == [
        ("11-25 06:00", "ran"), ("11-26 06:00", "skipped"), ("11-27 06:00", "ran"), ("11-28 06:00", "skipped"),
    ]  # fmt: skip
    assert w.reason("2026-11-26 06:00") == "2026-11-26 is excluded by the calendar “c”: Inventory."


def test_a_changed_calendar_counts(world):
    import os

    w = begun(world, "cron: '0 6 * * *', timezone: UTC, calendar: c", calendars="c: {}\n")
    w.until("2026-11-25 12:00", 600)
    (w.root / "calendars.yaml").write_text("c: {exclude: [{date: 2026-11-26}]}\n")
    os.utime(w.root / "calendars.yaml", (w.now, w.now))
    w.until("2026-11-26 12:00", 600)
    assert w.verdicts() == [("11-25 06:00", "ran"), ("11-26 06:00", "skipped")]


def test_what_was_decided_before_a_kill_is_started_after_it(world):
    w = begun(world)
    w.executor.start, start = None, w.executor.start
    with pytest.raises(TypeError):
        w.until("2026-11-25 01:00")
    assert w.verdicts() == [("11-25 01:00", "ran")]
    w.executor.start = start
    w.down()
    w.now = at("2026-11-25 05:30")
    w.up()
    assert len(w.started) == 2  # 01:00, and 05:00 as the latest of those that were missed
    # Started, and killed before it was written down: it is found by its label.
    w.executor.journal.labelled = lambda label: "20261125-000000-000001"
    w.until("2026-11-25 06:00")
    assert len(w.started) == 2 and w.executor.schedules.ledger.to_start() == []


def test_what_cannot_be_started_is_missed_with_the_reason(world):
    from tisserand.engine.launch import refusal
    from tisserand.texts import msg

    w = begun(world)

    def refused(_request):
        raise refusal("x", msg("No."))

    w.executor.start = refused
    w.until("2026-11-25 01:10")
    assert w.verdicts() == [("11-25 01:00", "missed")]
    assert w.reason("2026-11-25 01:00") == "It could not be started: No."


def test_a_long_absence_is_judged_whole(world):
    w = begun(world, "cron: '*/5 * * * *', timezone: UTC")
    w.down()
    w.now = at("2026-12-25 00:32")
    w.up()
    found = [verdict for _due, verdict in w.verdicts()]
    assert len(found) == 30 * 288 and found.count("ran") == 1 and found[-1] == "ran"


# Why


def test_why_in_the_past(world):
    calendars = "c: {exclude: [{date: 2026-11-26, reason: Inventory}], timezone: UTC}\n"
    w = begun(world, "cron: '0 6 * * *', timezone: UTC, calendar: c", calendars=calendars)
    w.until("2026-11-26 12:00", 600)
    w.pause("flows/f.yaml", "ann")
    w.until("2026-11-27 12:00", 600)
    w.unpause("flows/f.yaml")
    w.off("flows/f.yaml")
    w.until("2026-11-30 12:00", 600)
    w.on("flows/f.yaml")
    w.down()
    w.now = at("2026-12-02 12:00")
    run = "20261125-000000-000001"
    assert w.why("2026-11-25 06:00") == (
        f"It ran for 2026-11-25 06:00 (UTC) as the run “{run}”, which is no longer kept. It was due."
    )
    assert w.why("2026-11-26 06:00") == (
        "It did not run at 2026-11-26 06:00 (UTC), it was skipped: 2026-11-26 is excluded by the calendar “c”: Inventory."
    )
    assert "was skipped: The flow was paused by ann since 2026-11-26 12:00 (UTC)." in w.why("2026-11-27 06:00")
    assert w.why("2026-11-28 06:00") == "The flow was off: it had been switched off at 2026-11-27 12:00 (UTC)."
    assert w.why("2026-11-24 06:00") == "The flow was off: it was switched on for the first time at 2026-11-25 00:30 (UTC)."
    assert w.why("2026-11-25 07:00") == (
        "It was not due then. The nearest due times are 2026-11-25 06:00 (UTC) and 2026-11-26 06:00 (UTC)."
    )
    assert "is not judged yet: the executor has not been running since" in w.why("2026-12-01 06:00")
    w.up()
    assert "was missed: The executor was not running from 2026-11-30 12:00 (UTC) to 2026-12-02 12:00 (UTC)." in w.why(
        "2026-12-01 06:00"
    )
    assert w.why("2026-12-02 06:00").startswith("It ran for 2026-12-02 06:00 (UTC)")


def test_why_tells_the_run(world):
    from tisserand.engine.records import RunRecord

    w = begun(world)
    w.until("2026-11-25 01:10")
    run = "20261125-000000-000001"
    w.executor.journal.create_run(
        RunRecord(run, "f", flow_file="flows/f.yaml", state="failed", created=at("2026-11-25 01:00") + 2)
    )
    assert w.why("2026-11-25 01:00") == (
        f"It ran: due at 2026-11-25 01:00 (UTC), it was started at 2026-11-25 01:00:02 (UTC) (0:00:02 later) as the run “{run}”; "
        "it failed. It was due."
    )


def test_why_in_the_very_minute_of_a_switch_or_an_edit(world):
    w = world(now="2026-11-25 00:30:50")
    w.flow("cron: '* * * * *', timezone: UTC")
    w.on("flows/f.yaml")
    w.up()
    w.until("2026-11-25 00:40:20")
    assert w.why("2026-11-25 00:30") == "The flow was off: it was switched on for the first time at 2026-11-25 00:30:50 (UTC)."
    assert "was not due then" not in w.why("2026-11-25 00:31")
    w.off("flows/f.yaml")
    w.until("2026-11-25 00:50:20")
    w.on("flows/f.yaml")
    w.until("2026-11-25 00:55:30")
    assert w.why("2026-11-25 00:50") == "The flow was off: it had been switched off at 2026-11-25 00:40:20 (UTC)."
    w.flow("cron: '*/5 * * * *', timezone: UTC")
    w.until("2026-11-25 01:00:20")
    w.flow("cron: '* * * * *', timezone: UTC")
    w.until("2026-11-25 01:05:00", 10)
    assert "The nearest due times" in w.why("2026-11-25 00:57")
    w.flow("cron: '*/5 * * * *', timezone: UTC")
    w.until("2026-11-25 01:06:30", 10)
    w.flow("cron: '* * * * *', timezone: UTC")
    w.until("2026-11-25 01:08:00", 10)
    assert w.why("2026-11-25 01:06") == "Its schedule is in force since 2026-11-25 01:06:30 (UTC) only."


def test_why_in_the_future(world):
    calendars = "c: {exclude: [{date: 2026-11-26, reason: Inventory}], timezone: UTC}\n"
    for way, said in (
        (
            "skip",
            "That lies ahead. 2026-11-26 06:00 (UTC) will be left out: 2026-11-26 is excluded by the calendar “c”: Inventory.",
        ),
        (
            "next",
            "That lies ahead. 2026-11-26 06:00 (UTC) is moved to 2026-11-27 06:00 (UTC): 2026-11-26 is excluded by the calendar “c”: Inventory.",
        ),
    ):
        w = begun(world, f"cron: '0 6 * * *', timezone: UTC, calendar: c, closed: {way}", calendars=calendars)
        assert w.why("2026-11-26 06:00") == said
        assert w.why("2026-11-25 06:00") == "That lies ahead. It is due at 2026-11-25 06:00 (UTC)."
        assert w.why("2026-11-25 07:00").startswith(
            "That lies ahead: it will not be due then. The nearest due times are 2026-11-25 06:00"
        )
    w.pause("flows/f.yaml", "ann")
    assert "It is paused since 2026-11-25 00:30 (UTC), though" in w.why("2026-11-25 06:00")
    w.off("flows/f.yaml")
    assert w.why("2026-11-25 06:00") == (
        "That lies ahead, and the flow is off: it will not run by itself. It is due at 2026-11-25 06:00 (UTC)."
    )


def test_why_of_what_never_was_on_and_of_what_has_no_schedule(world):
    w = world(now="2026-11-25 00:30")
    w.flow(HOURLY)
    assert w.why("2026-11-24 06:00") == "The flow was off: it has never been switched on."
    w.flow("", kind="trigger.manual")
    w.on("flows/f.yaml")
    w.up()
    assert w.why("2026-11-25 00:30").startswith("That lies ahead. The flow has no schedule")
    w.until("2026-11-25 02:00", 600)
    assert w.why("2026-11-25 01:00") == "The flow has no schedule that was ever in force: nothing made it run then."


# Ahead


def test_a_year_ahead_comes_in_pages(world):
    w = begun(world, "cron: '*/5 * * * *', timezone: UTC")
    since, until = at("2026-11-25 00:00"), at("2027-11-25 00:00")
    found, pages = [], 0
    while page := w.executor.schedules.upcoming(since, until, "flows/f.yaml", limit=5000):
        found += page
        since, pages = page[-1].due, pages + 1
    assert [each.due for each in found] == [int(at("2026-11-25 00:05")) + 300 * n for n in range(365 * 288)]
    assert pages == 22


def test_ahead_of_all_flows_that_are_on(world):
    w = world(now="2026-11-25 00:30")
    for name, minute in (("a", 10), ("b", 20), ("c", 10)):
        w.on(w.flow(f"cron: '{minute} * * * *', timezone: UTC", name))
    w.flow(HOURLY, "off")
    found = w.executor.schedules.upcoming(w.now, w.now + 7200)
    assert [(schedules.shown(each.due), each.file[6]) for each in found] == [
        ("11-25 01:10", "a"), ("11-25 01:10", "c"), ("11-25 01:20", "b"), ("11-25 02:10", "a"), ("11-25 02:10", "c"), ("11-25 02:20", "b"),
    ]  # fmt: skip
    # A page ends behind all that are due at the same moment.
    assert len(w.executor.schedules.upcoming(w.now, w.now + 7200, limit=1)) == 2
    text = "tisserand: 1\nid: f\nnodes:\n  t: {kind: trigger.cron, config: {cron: '0 9 * * *', timezone: UTC}}\n"
    assert [schedules.shown(each.due) for each in w.executor.schedules.upcoming(w.now, w.now + 86400, text=text)] == [
        "11-25 09:00"
    ]
    assert w.executor.schedules.next_due("flows/a.yaml") == at("2026-11-25 01:10")
    assert w.executor.schedules.next_due("flows/off.yaml") is None


# Load


def test_a_hundred_flows_due_in_the_same_minute_have_a_verdict_each(world):
    w = world(now="2026-11-25 00:30")
    files = [w.flow("cron: '0 1 * * *', timezone: UTC", f"f{number}") for number in range(100)]
    for file in files:
        w.on(file)
    w.up()
    w.until("2026-11-25 00:59")
    writes = []
    w.executor.schedules.ledger._on_write = writes.append
    w.until("2026-11-25 01:00")
    found = w.executor.schedules.ledger.verdicts(None, 0, 4e9)
    assert sorted(each.file for each in found) == sorted(files) and {each.verdict for each in found} == {"ran"}
    assert len(w.started) == 100 and writes.count("judged") == 1  # one wait for the disk for all of them


def test_files_that_do_not_change_are_not_read_again(world, monkeypatch):
    from tisserand.service.schedule import clock

    w = world(now="2026-11-25 00:30")
    for number in range(20):
        w.on(w.flow(HOURLY, f"f{number}"))
    read = []
    whole = clock.read_specs
    monkeypatch.setattr(clock, "read_specs", lambda *given: read.append(given[1]) or whole(*given))
    w.up()
    assert len(read) == 20
    w.until("2026-11-25 03:30", 60)
    assert len(read) == 20
    w.flow(HOURLY, "f7")
    w.until("2026-11-25 03:40", 60)
    assert read[20:] == ["flows/f7.yaml"]
