"""Due times with calendars, jitter, start and end: compared with tables and with a scanner that looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from tisserand.service.schedule.spec import read_specs
from tisserand.workspace.folder import Workspace

CALENDARS = """\
office: {country: FR, timezone: Europe/Paris, hours: ["08:00-12:00", "13:00-18:00"]}
days: {country: FR, timezone: Europe/Paris}
"""


def spec(folder: Path, config: str, kind: str = "trigger.cron", head: str = ""):
    root = Workspace.create(folder).root
    (root / "calendars.yaml").write_text(CALENDARS)
    text = f"tisserand: 1\nid: f\n{head}nodes:\n  t: {{kind: {kind}, config: {{{config}}}}}\n"
    found = read_specs(Workspace(root), "flows/f.yaml", text)
    assert not found.problems, [problem.line() for problem in found.problems]
    return found.specs["t"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(found, after: str, count: int) -> list[str]:
    return [
        f"{due.at:%m-%d %H:%M}{'!' if due.closed else ''}{'>' if due.at != due.scheduled else ''}"
        for due in islice(found.dues(utc(after)), count)
    ]


# 2026-05: Fri 1 (holiday), Fri 8 (holiday), Thu 14 (holiday). Paris is UTC+2.
def test_closed_days_are_left_out_or_moved(tmp_path: Path) -> None:
    daily = "cron: '0 6 * * *', calendar: days, closed: "
    assert times(spec(tmp_path, daily + "skip"), "2026-04-30 00:00", 6) == [
        "04-30 04:00", "05-01 04:00!", "05-02 04:00!", "05-03 04:00!", "05-04 04:00", "05-05 04:00",
    ]  # fmt: skip
    first = "cron: '0 6 1 * *', calendar: days, closed: "
    # 1 January holiday (Thu) → Fri 2 / Wed 31 Dec; 1 Feb Sunday → Mon 2 / Fri 30 Jan; 1 Mar Sunday; 1 Apr Wednesday; 1 May holiday, Fri.
    assert times(spec(tmp_path, first + "next"), "2025-12-31 12:00", 5) == [
        "01-02 05:00>", "02-02 05:00>", "03-02 05:00>", "04-01 04:00", "05-04 04:00>",
    ]  # fmt: skip
    assert times(spec(tmp_path, first + "previous"), "2025-12-31 00:00", 5) == [
        "12-31 05:00>", "01-30 05:00>", "02-27 05:00>", "04-01 04:00", "04-30 04:00>",
    ]  # fmt: skip
    # Two that fall on one are one.
    assert times(spec(tmp_path, daily + "next"), "2026-04-30 12:00", 2) == ["05-04 04:00", "05-05 04:00"]


def test_opening_hours(tmp_path: Path) -> None:
    found = spec(tmp_path, "cron: '30 7,12,20 * * *', calendar: office, closed: next")
    assert times(found, "2026-11-26 18:00", 4) == ["11-27 07:00>", "11-27 12:00>", "11-30 07:00>", "11-30 12:00>"]
    found = spec(tmp_path, "cron: '30 7,12,20 * * *', calendar: office, closed: previous")
    assert times(found, "2026-11-26 18:00", 4) == ["11-27 10:59>", "11-27 16:59>", "11-30 10:59>", "11-30 16:59>"]


def test_moving_is_the_same_from_wherever_it_is_asked(tmp_path: Path) -> None:
    for way in ("next", "previous", "skip"):
        for calendar in ("office", "days"):
            found = spec(tmp_path, f"cron: '10 */5 * * *', calendar: {calendar}, closed: {way}, jitter: 3h")
            whole = list(islice(found.dues(utc("2026-04-20 00:00")), 150))
            assert [due.at for due in whole] == sorted({due.at for due in whole})
            for index in range(0, 100, 7):
                asked = list(islice(found.dues(whole[index].at), 3))
                assert asked == whole[index + 1 : index + 4], (way, calendar, index)
                asked = list(islice(found.dues(whole[index].at - timedelta(seconds=1)), 3))
                assert asked == whole[index : index + 3], (way, calendar, index)


def test_jitter_is_the_same_every_time_and_never_reaches_the_next(tmp_path: Path) -> None:
    found = spec(tmp_path, "cron: '*/5 * * * *', jitter: 1h")
    dues = list(islice(found.dues(utc("2026-11-25 00:00")), 200))
    offsets = [(due.starts - due.at).total_seconds() for due in dues]
    assert all(0 <= offset < 300 for offset in offsets) and len(set(offsets)) > 150
    assert 100 < sum(offsets) / len(offsets) < 200
    again = spec(tmp_path, "cron: '*/5 * * * *', jitter: 1h")
    assert dues == list(islice(again.dues(utc("2026-11-25 00:00")), 200))


def test_start_and_end_are_due_times_themselves(tmp_path: Path) -> None:
    bounds = "timezone: Europe/Paris, start: '2026-11-26 06:00', end: '2026-11-28 06:00'"
    found = spec(tmp_path, f"cron: '0 6 * * *', {bounds}")
    assert times(found, "2026-11-01 00:00", 9) == ["11-26 05:00", "11-27 05:00", "11-28 05:00"]


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    root = Workspace.create(tmp_path).root
    (root / "calendars.yaml").write_text(CALENDARS + "bad: {country: ZZ}\n")
    text = """\
tisserand: 1
id: f
nodes:
  a: {kind: trigger.cron, config: {cron: "61 * * * *"}}
  b: {kind: trigger.cron, config: {cron: "0 6 30 2 *"}}
  c: {kind: trigger.cron, config: {cron: "0 6 * * *", calendar: ofice}}
  d: {kind: trigger.cron, config: {cron: "0 6 * * *", calendar: bad}}
  e: {kind: trigger.cron, config: {cron: "0 6 * * *"}}
  f: {kind: trigger.cron, config: {cron: "0 6 * * *"}, disabled: true}
"""
    found = read_specs(Workspace(root), "flows/f.yaml", text)
    assert [problem.place.node for problem in found.problems] == ["a", "b", "c", "d"]
    assert list(found.specs) == ["e"] and found.nodes == {"a", "b", "c", "d", "e"}
    assert read_specs(Workspace(root), "flows/f.yaml", "tisserand: [").nodes is None
