"""Business calendars: what is open when, from tables written by hand, and everything that is wrong at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tisserand.sdk.errors import NodeError
from tisserand.workspace.calendars import Calendars
from tisserand.workspace.folder import Workspace

TEXT = """\
france:
  country: FR
  timezone: Europe/Paris
  hours: ["08:00-12:00", "13:30-18:00"]
  exclude:
    - {date: 2026-12-24, reason: Inventory}
    - {date: 2026-08-03, until: 2026-08-14, reason: Summer closing}
  include:
    - {date: 2026-07-14, reason: Big move}
    - {date: 2026-11-28}
moselle: {country: FR, subdivision: "57", timezone: Europe/Paris}
plain: {}
shop: {open: [tue, wed, thu, fri, sat], timezone: America/New_York}
"""


def calendars(folder: Path, text: str = TEXT) -> Calendars:
    root = Workspace.create(folder).root
    (root / "calendars.yaml").write_text(text)
    return Calendars(Workspace(root))


# In 2026: Easter Monday is 6 April, Ascension 14 May, Whit Monday 25 May, Good Friday 3 April.
@pytest.mark.parametrize(
    ("calendar", "day", "open"),
    [
        ("france", "2026-11-25", True),
        ("france", "2026-11-21", False),  # Saturday
        ("france", "2026-11-28", True),  # a Saturday put in
        ("france", "2026-01-01", False), ("france", "2026-04-06", False), ("france", "2026-05-01", False),
        ("france", "2026-05-08", False), ("france", "2026-05-14", False), ("france", "2026-05-25", False),
        ("france", "2026-07-14", True),  # a holiday put in
        ("france", "2026-11-11", False), ("france", "2026-12-25", False),
        ("france", "2026-12-24", False), ("france", "2026-08-03", False), ("france", "2026-08-14", False),
        ("france", "2026-08-17", True),
        ("france", "2026-04-03", True), ("moselle", "2026-04-03", False), ("moselle", "2025-12-26", False),
        ("plain", "2026-05-01", True), ("plain", "2026-05-02", False),
        ("shop", "2026-11-23", False), ("shop", "2026-11-28", True),
    ],
)  # fmt: skip
def test_days(tmp_path: Path, calendar: str, day: str, open: bool) -> None:
    reason = calendars(tmp_path).get(calendar).closed_day(date.fromisoformat(day))
    assert (reason is None) == open, reason


def test_reasons_are_told(tmp_path: Path) -> None:
    found = calendars(tmp_path).get("france")
    said = {day: found.closed_day(date.fromisoformat(day)) for day in ("2026-12-24", "2026-05-01", "2026-11-21")}
    assert said["2026-12-24"].text("en") == "2026-12-24 is excluded by the calendar “france”: Inventory"
    assert said["2026-05-01"].text("en").startswith("2026-05-01 is a public holiday in the calendar “france”: ")
    assert said["2026-11-21"].text("en") == "2026-11-21 is a Saturday, on which the calendar “france” is closed"
    assert "08:00-12:00" in found.closed(datetime(2026, 11, 25, 11, 30, tzinfo=UTC)).text("en")  # 12:30 in Paris


# Times are UTC; Paris is an hour ahead in winter and two in summer.
@pytest.mark.parametrize(
    ("calendar", "moment", "next", "previous"),
    [
        ("france", "2026-11-25 08:00", "2026-11-25 08:00", "2026-11-25 08:00"),  # open
        ("france", "2026-11-25 11:30", "2026-11-25 12:30", "2026-11-25 10:59"),  # the lunch break
        ("france", "2026-11-25 18:00", "2026-11-26 07:00", "2026-11-25 16:59"),  # after closing
        ("france", "2026-11-25 05:00", "2026-11-25 07:00", "2026-11-24 16:59"),  # before opening
        ("france", "2026-11-29 09:00", "2026-11-30 09:00", "2026-11-28 09:00"),  # Sunday; Saturday 28 is put in
        ("france", "2026-11-29 21:00", "2026-12-01 07:00", "2026-11-28 16:59"),  # Sunday, and late: opens on Tuesday? see below
        ("plain", "2026-11-28 06:00", "2026-11-30 06:00", "2026-11-27 06:00"),
        ("france", "2026-10-24 08:00", "2026-10-26 09:00", "2026-10-23 08:00"),  # the clocks change in between
    ],
)
def test_moving(tmp_path: Path, calendar: str, moment: str, next: str, previous: str) -> None:
    """The time of day stays: 22:00 on a closed Sunday is 22:00 on Monday, which is after closing, so it opens on Tuesday."""
    found = calendars(tmp_path).get(calendar)
    at = datetime.fromisoformat(moment + "+00:00")
    assert found.following(at).strftime("%Y-%m-%d %H:%M") == next
    assert found.preceding(at).strftime("%Y-%m-%d %H:%M") == previous


def test_everything_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """\
one:
  country: ZZ
two:
  country: FR
  subdivision: Nowhere
three:
  hours: ["18:00-08:00"]
  open: [mon, monday]
four:
  exclude:
    - {date: tomorrow}
    - {date: 2026-02-02, until: 2026-02-01}
  opne: [mon]
five:
  exclude: [{date: 2020-01-01, until: 2099-01-01}]
6: {}
seven: always
fine: {}
"""
    found = calendars(tmp_path, text)
    lines = sorted((problem.place.line, problem.place.file) for problem in found.problems())
    wanted = [2, 5, 7, 8, 11, 12, 13, 14, 16, 17]
    assert [line for line, _file in lines] == wanted, [problem.line() for problem in found.problems()]
    assert {file for _line, file in lines} == {"calendars.yaml"}
    assert found.names() == ["fine"]
    with pytest.raises(NodeError, match="Nowhere"):
        found.get("two")
    with pytest.raises(NodeError, match="no calendar “fin”"):
        found.get("fin")


def test_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    found = calendars(tmp_path, "one:\n  country: [FR\n")
    assert [problem.place.file for problem in found.problems()] == ["calendars.yaml"]
    assert calendars(tmp_path, "").problems() == []
