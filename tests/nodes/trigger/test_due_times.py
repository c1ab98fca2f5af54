"""When the trigger nodes are due: tables written by hand, with the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from tisserand.sdk.registry import registry


def due(kind: str, config: dict, after: str, zone: str = "UTC", count: int = 5) -> list[str]:
    node = registry().get(kind)
    moments = node.node().due(node.read_config(config, {}), datetime.fromisoformat(after), ZoneInfo(zone))
    return [moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for moment in islice(moments, count)]


PARIS, NEW_YORK = "Europe/Paris", "America/New_York"

# Paris: 2026-03-29 02:00 CET → 03:00 CEST (01:00 UTC); 2026-10-25 03:00 CEST → 02:00 CET (01:00 UTC).
# New York: 2026-03-08 02:00 EST → 03:00 EDT (07:00 UTC); 2026-11-01 02:00 EDT → 01:00 EST (06:00 UTC).
CRON = [
    # 0 6 * * 1 is Monday (2026-11-23 is one).
    ("0 6 * * 1", "2026-11-20T12:00+00:00", "UTC", ["2026-11-23 06:00", "2026-11-30 06:00", "2026-12-07 06:00"]),
    ("0 6 * * mon", "2026-11-20T12:00+00:00", "UTC", ["2026-11-23 06:00", "2026-11-30 06:00"]),
    ("0 6 * * 0", "2026-11-20T12:00+00:00", "UTC", ["2026-11-22 06:00", "2026-11-29 06:00"]),
    ("0 6 * * 7", "2026-11-20T12:00+00:00", "UTC", ["2026-11-22 06:00", "2026-11-29 06:00"]),
    ("0 6 * * mon-fri", "2026-11-19T12:00+00:00", "UTC", ["2026-11-20 06:00", "2026-11-23 06:00", "2026-11-24 06:00"]),
    # Both days given: either will do.
    ("0 6 1 * mon", "2026-11-25T12:00+00:00", "UTC", ["2026-11-30 06:00", "2026-12-01 06:00", "2026-12-07 06:00"]),
    ("*/15 8-9 * * *", "2026-11-25T09:20+00:00", "UTC", ["2026-11-25 09:30", "2026-11-25 09:45", "2026-11-26 08:00"]),
    ("0 6 29 2 *", "2026-11-25T12:00+00:00", "UTC", ["2028-02-29 06:00", "2032-02-29 06:00"]),
    ("0 6 L * *", "2026-11-25T12:00+00:00", "UTC", ["2026-11-30 06:00", "2026-12-31 06:00", "2027-01-31 06:00", "2027-02-28 06:00"]),
    # A due time is not due again at its own moment.
    ("0 6 * * *", "2026-11-25T06:00:00+00:00", "UTC", ["2026-11-26 06:00"]),
    ("0 6 * * *", "2026-11-25T05:59:59.999999+00:00", "UTC", ["2026-11-25 06:00"]),
    # Paris, spring: 02:30 does not exist on 29 March and runs right after the jump; two such times run once.
    ("30 2 * * *", "2026-03-27T12:00+00:00", PARIS, ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]),
    ("0,30 2 * * *", "2026-03-28T12:00+00:00", PARIS, ["2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 00:30"]),
    ("0 2,3 * * *", "2026-03-28T12:00+00:00", PARIS, ["2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 01:00"]),
    ("30 * * * *", "2026-03-29T00:00+00:00", PARIS, ["2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 02:30"]),
    # Paris, autumn: 02:30 comes twice on 25 October and runs once, what runs hourly runs in both.
    ("30 2 * * *", "2026-10-23T12:00+00:00", PARIS, ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"]),
    ("30 2 * * *", "2026-10-25T00:30:00+00:00", PARIS, ["2026-10-26 01:30"]),
    ("30 2 * * *", "2026-10-25T01:10:00+00:00", PARIS, ["2026-10-26 01:30"]),
    ("*/30 * * * *", "2026-10-25T00:10+00:00", PARIS, ["2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-25 02:00"]),
    ("0 6 * * *", "2026-10-24T00:00+00:00", PARIS, ["2026-10-24 04:00", "2026-10-25 05:00", "2026-10-26 05:00"]),
    # New York, spring and autumn.
    ("30 2 * * *", "2026-03-07T00:00+00:00", NEW_YORK, ["2026-03-07 07:30", "2026-03-08 07:00", "2026-03-09 06:30"]),
    ("30 1 * * *", "2026-10-31T00:00+00:00", NEW_YORK, ["2026-10-31 05:30", "2026-11-01 05:30", "2026-11-02 06:30"]),
    ("0 9 * * 1-5", "2026-03-06T00:00+00:00", NEW_YORK, ["2026-03-06 14:00", "2026-03-09 13:00", "2026-03-10 13:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("cron", "after", "zone", "expected"), CRON)
def test_cron(cron: str, after: str, zone: str, expected: list[str]) -> None:
    assert due("trigger.cron", {"cron": cron}, after, zone, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 6 * *", ["has 4 fields", "0 6 * * mon-fri"]),
        ("0 0 6 * * *", ["has 6 fields"]),
        ("", ["has 0 fields"]),
        ("61 6 * * *", ["“61”", "minute", "0 to 59"]),
        ("0 24 * * *", ["“24”", "hour", "0 to 23"]),
        ("0 6 32 * *", ["“32”", "day of the month"]),
        ("0 6 * foo *", ["“foo”", "month", "jan"]),
        ("0 6 * * fri-mon", ["“fri-mon”", "day of the week", "mon-fri"]),
        ("*/0 * * * *", ["“*/0”", "minute"]),
    ],
)
def test_a_wrong_cron_text_is_told_with_its_field(cron: str, words: list[str]) -> None:
    found = registry().get("trigger.cron").check_config({"cron": cron}, {})
    assert len(found) == 1 and found[0].place.field == "config.cron"
    assert all(word in found[0].message.text("en") for word in words), found[0].message.text("en")


@pytest.mark.parametrize("cron", ["0 6 30 2 *", "0 6 31 4,6 *", "0 6 31 2,4,6,9,11 *"])
def test_a_day_that_never_comes_is_refused(cron: str) -> None:
    node = registry().get("trigger.cron")
    config = node.read_config({"cron": cron}, {})
    assert [error.field for error in node.node().check(config, {})] == ["cron"]
    assert due("trigger.cron", {"cron": cron}, "2026-01-01T00:00+00:00") == []


def test_intervals_count_from_their_anchor() -> None:
    config = {"every": "90min", "anchor": "2026-11-25 01:00"}
    assert due("trigger.interval", config, "2026-11-25T00:00+00:00", PARIS, 3) == [
        "2026-11-25 01:30", "2026-11-25 03:00", "2026-11-25 04:30",
    ]  # fmt: skip
    # Backwards, too, and never at `after` itself.
    assert due("trigger.interval", config, "2026-11-24T22:30+00:00", PARIS, 2) == ["2026-11-25 00:00", "2026-11-25 01:30"]
    # Without one: midnight of 2000-01-01 in the zone. 24 hours stay 24 hours when the clocks change.
    assert due("trigger.interval", {"every": "1d"}, "2026-10-24T12:00+00:00", PARIS, 2) == [
        "2026-10-24 23:00",
        "2026-10-25 23:00",
    ]


@pytest.mark.parametrize("every", ["500ms", "1500ms", "0s", "soon"])
def test_an_interval_is_whole_seconds(every: str) -> None:
    assert [problem.place.field for problem in registry().get("trigger.interval").check_config({"every": every}, {})] == [
        "config.every"
    ]


def test_dates_are_local_unless_they_say_otherwise() -> None:
    config = {
        "dates": ["2026-12-31 23:00", "2026-03-29 02:30", "2026-10-25 02:30", "2026-12-31T23:00+01:00", "2026-06-01T00:00Z"]
    }
    assert due("trigger.dates", config, "2026-01-01T00:00+00:00", PARIS, 9) == [
        "2026-03-29 01:30", "2026-06-01 00:00", "2026-10-25 00:30", "2026-12-31 22:00",
    ]  # fmt: skip
    assert registry().get("trigger.dates").check_config({"dates": []}, {})
    found = registry().get("trigger.dates").check_config({"dates": ["tomorrow"]}, {})
    assert "“tomorrow” is not a moment" in found[0].message.text("en")


def test_shared_settings_are_checked() -> None:
    node = registry().get("trigger.cron")
    told = node.check_config({"cron": "0 6 * * *", "timezone": "Paris"}, {})
    assert "no time zone “Paris”" in told[0].message.text("en")
    assert node.check_config({"cron": "0 6 * * *", "timezone": "../../etc/passwd"}, {})
    told = node.check_config({"cron": "0 6 * * *", "start": "2026-02-01", "end": "2026-01-01"}, {})
    assert "would never run" in told[0].message.text("en")
