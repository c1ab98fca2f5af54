"""Usage where the world is not as it should be: damaged logs, clocks that jump, weeks and months that end, usage that nobody keeps."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from tests.service.gateways.conftest import call

from tisserand.apis import periods, usage_store
from tisserand.apis.gateways.envoy import accesslog
from tisserand.apis.gateways.envoy.accesslog import AccessLog
from tisserand.apis.gateways.traefik import access_log
from tisserand.apis.usage import UsageQuery, UsageRow
from tisserand.apis.usage_store import UsageStore
from tisserand.service.gateways.collecting import Collecting
from tisserand.service.gateways.trends import trends
from tisserand.service.published.history import HistoryStore

HOUR, DAY = 3600, 86_400
ITEMS = {
    "api/orders@1": {
        "version": "1", "route": {"base_path": "/orders", "versioning": "path", "operations": [{"method": "GET", "path": "/o/{id}"}]},
    },
    "subscription/acme": {"api": "orders", "version": "1", "consumer": "acme", "plan": "gold"},
}  # fmt: skip
MARRED = [
    b"", b"\xff\xfe\x00garbage", b"[" * 100_000, b"null", b"7", b'"text"', b"[1]", b"{}", b'{"t": 1}', b"\x00" * 5_000,
    *(
        json.dumps({
            "t": 7200, "api": "a", "version": "1", "operation": "", "consumer": "", "plan": "", "status": 200,
            "StartUTC": "2026-11-25T10:00:00.123456789Z", "RouterName": "main~orders~1~c~acme@file", "DownstreamStatus": 200, **wrong,
        }).encode()
        for wrong in (
            {"t": 1e400, "StartUTC": "soon"}, {"t": 10**30, "StartUTC": "9999-99-99T00:00:00Z"}, {"t": -5, "StartUTC": 5},
            {"api": ["a"], "RouterName": ["main"]}, {"api": 5, "RouterName": "main~"}, {"api": "\ud800", "RouterName": "main~\ud800~1~c~x"},
            {"status": 10**20, "DownstreamStatus": 10**20}, {"status": "x", "DownstreamStatus": "x"}, {"status": -1, "DownstreamStatus": None},
            {"in": 2**70, "RequestContentSize": 2**70}, {"out": -1, "DownstreamContentSize": -1}, {"ms": "long", "Duration": "long"},
            {"ms": {}, "Duration": {}},
        )
    ),
]  # fmt: skip


@pytest.fixture
def store(tmp_path):
    made = UsageStore(tmp_path / "usage.sqlite")
    yield made
    made.close()


class Source:
    """Reads as the adapters do."""

    def __init__(self, name, ask):
        self.name, self.usage = name, ask


def envoy_line(moment, consumer="acme", status=200, ms=3.0, operation="GET /o"):
    return json.dumps({
        "t": str(moment), "api": "orders", "version": "1", "operation": operation, "consumer": consumer, "plan": "gold", "status": status,
        "in": 10, "out": 20, "ms": ms,
    }).encode() + b"\n"  # fmt: skip


def traefik_line(moment, consumer="acme", status=200, ms=3.0, path="/orders/v1/o/5"):
    return json.dumps({
        "StartUTC": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z"), "DownstreamStatus": status,
        "RouterName": f"main~orders~1~c~{consumer}@file" if consumer else "main~orders~1~any@file", "RequestMethod": "GET",
        "RequestPath": path, "RequestContentSize": 10, "DownstreamContentSize": 20, "Duration": int(ms * 1e6),
    }).encode() + b"\n"  # fmt: skip


def requests(store, **asked):
    return sum(each.requests for each in store.usage(UsageQuery(**asked)))


@pytest.mark.parametrize("kind", ["envoy", "traefik"])
@pytest.mark.parametrize("marred", MARRED, ids=range(len(MARRED)))
def test_a_damaged_line_costs_no_other(tmp_path, store, kind, marred):
    path = tmp_path / "access.log"
    made = envoy_line if kind == "envoy" else traefik_line
    path.write_bytes(made(HOUR) + marred + b"\n" + made(2 * HOUR))
    if kind == "envoy":
        log = AccessLog(tmp_path, 1_000_000, lambda: None)
        source = Source("main", log.rows)
    else:
        source = Source("main", lambda mark: access_log.read(path, mark, "main", lambda: ITEMS))
    collecting = Collecting(store)
    collecting.collect([source])
    with path.open("ab") as stream:
        stream.write(made(3 * HOUR) + made(4 * HOUR)[:40])
    collecting.collect([source])
    assert not collecting.problems
    good = {each.group["hour"]: each.requests for each in store.usage(UsageQuery(by=("hour",), consumer="acme"))}
    assert {hour: good.get(hour) for hour in (HOUR, 2 * HOUR, 3 * HOUR)} == dict.fromkeys((HOUR, 2 * HOUR, 3 * HOUR), 1)
    assert sum(good.values()) <= 4


@pytest.mark.parametrize("kind", ["envoy", "traefik"])
def test_a_hole_without_end_of_line_is_passed_over(tmp_path, store, monkeypatch, kind):
    """As a crash of the machine leaves them: what was not yet on the disk is all NUL."""
    monkeypatch.setattr(accesslog, "PART", 4096)
    monkeypatch.setattr(access_log, "AT_ONCE", 4096)
    path = tmp_path / "access.log"
    made = envoy_line if kind == "envoy" else traefik_line
    path.write_bytes(made(HOUR) + b"\0" * 20_000 + b"\n" + made(HOUR))
    log = AccessLog(tmp_path, 1_000_000, lambda: None)
    ask = log.rows if kind == "envoy" else lambda mark: access_log.read(path, mark, "main", lambda: ITEMS)
    for _ in range(10):
        Collecting(store).collect([Source("main", ask)])
    assert requests(store) == 2


@pytest.mark.parametrize("seed", range(12))
def test_traefiks_log_is_read_whole_however_it_is_put_aside(tmp_path, store, seed):
    """Moved aside (logrotate `create`), with Traefik told of it later or at once; the oldest removed, so that its number is given again."""
    draw = random.Random(seed)
    path, written = tmp_path / "access.log", 0
    source = Source("main", lambda mark: access_log.read(path, mark, "main", lambda: ITEMS))
    collecting = Collecting(store)
    stream = path.open("ab")
    moment, untold = 0, False

    def aside(number):
        return tmp_path / f"access.log.{number}"

    for _ in range(150):
        step = draw.random()
        if step < 0.6:
            for _ in range(draw.randint(1, 5)):
                written, moment = written + 1, moment + draw.choice((1, 400))
                stream.write(traefik_line(moment))
            stream.flush()
        elif step < 0.7 and not untold:
            collecting.collect([source])  # what is removed unread is lost: two older ones are kept
            aside(2).unlink(missing_ok=True)
            if aside(1).exists():
                aside(1).rename(aside(2))
            path.rename(aside(1))
            untold = True
        elif step < 0.8 and untold:
            stream.close()
            stream = path.open("ab")
            untold = False
        elif step > 0.9:
            collecting.collect([source])
    stream.close()
    path.open("ab").close()
    with path.open("ab") as stream:
        stream.write(traefik_line(moment))
    for _ in range(5):
        collecting.collect([source])
    assert not collecting.problems and requests(store) == written + 1


def test_traefiks_log_that_was_cut_and_is_longer_again_is_read_from_its_beginning(tmp_path, store):
    path = tmp_path / "access.log"
    source = Source("main", lambda mark: access_log.read(path, mark, "main", lambda: ITEMS))
    path.write_bytes(traefik_line(1) * 3)
    Collecting(store).collect([source])
    with path.open("rb+") as stream:  # logrotate `copytruncate`
        stream.truncate(0)
        stream.write(traefik_line(2 * HOUR) * 5)
    Collecting(store).collect([source])
    assert requests(store) == 8
    # A mark of before this was looked at goes on where it was.
    rows, mark = access_log.read(path, f"{path.stat().st_ino}:{len(traefik_line(2 * HOUR)) * 4}", "main", lambda: ITEMS)
    assert sum(row.requests for row in rows) == 1 and access_log.read(path, mark, "main", lambda: ITEMS) == ((), mark)


def test_a_log_of_a_flow_that_was_removed_and_begun_anew(tmp_path):
    def asked(count):
        store.add([(5.0, "i", "", "acme", "gold", "GET /x", 200, 1.5, 10, 20, "")] * count)

    store = HistoryStore(tmp_path / "one.sqlite")
    for _ in range(5):
        asked(1)
    _rows, mark = store.usage("", "a", "1")
    store.close()
    store = HistoryStore(tmp_path / "two.sqlite")
    asked(3)
    rows, mark = store.usage(mark, "a", "1")
    assert sum(row.requests for row in rows) == 3
    asked(2)
    assert sum(row.requests for row in store.usage(mark, "a", "1")[0]) == 2
    store.close()


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Pacific/Apia"])
def test_days_and_periods_are_those_of_utc_whatever_the_zone_and_the_season(store, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        # Around the last Sundays of March and October, and the ends of months, in 2026.
        moments = [
            int(datetime.fromisoformat(text + "+00:00").timestamp())
            for text in (
                "2026-03-28T23:00", "2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T23:59", "2026-03-31T23:59", "2026-04-01T00:00",
                "2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-31T23:59", "2026-11-01T00:00", "2026-11-01T05:30",
            )
        ]  # fmt: skip
        rows = [UsageRow(at // HOUR * HOUR, "a", "1", "", "acme", "", 200, 1) for at in moments]
        monkeypatch.setattr(usage_store.time, "time", lambda: float(moments[-1]))
        store.take("main", rows, "", "1")
        found = {each.group["day"]: each.requests for each in store.usage(UsageQuery(by=("day",)))}
        expected = Counter(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") for at in moments)
        assert {datetime.fromtimestamp(day, UTC).strftime("%Y-%m-%d"): n for day, n in found.items()} == expected
        months = {
            (year, month): sum(n for *_, n in store.calls("month", int(datetime(year, month, 1, tzinfo=UTC).timestamp())))
            for year, month in ((2026, 10), (2026, 11))
        }
        assert months == {(2026, 10): 4, (2026, 11): 2}
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_a_clock_that_was_ahead_does_not_give_quotas_back(store, monkeypatch):
    now = [datetime(2026, 11, 25, 10, tzinfo=UTC).timestamp()]
    monkeypatch.setattr(usage_store.time, "time", lambda: now[0])

    def took(mark, requests, status=200):
        at = int(now[0]) // HOUR * HOUR
        assert store.take("main", [UsageRow(at, "a", "1", "GET /", "acme", "", status, requests)], store.mark("main"), mark)

    def counted(period):
        return sum(n for *_, n in store.calls(period, periods.begin(period, now[0])))

    took("1", 70)
    took("2", 9, 429)
    assert counted("month") == 70
    true, now[0] = now[0], now[0] + 100 * DAY
    took("3", 1)
    assert counted("month") == 1
    now[0] = true + 60
    took("4", 5)
    assert {period: counted(period) for period in periods.PERIODS} == dict.fromkeys(periods.PERIODS, 75)
    now[0] += HOUR
    took("5", 1)
    assert (counted("hour"), counted("day")) == (1, 76)
    # A clock that goes back by less than the shortest period takes nothing away either.
    now[0] -= 1800
    took("6", 2)
    assert counted("day") == 78


def test_a_trend_by_day_finds_the_days_before(store):
    """`--from 7d` at ten past six: the span begins and ends within a day, and is no whole number of days."""
    first = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    rows = [UsageRow(first + day * DAY + 12 * HOUR, "a", "1", "", "acme", "", 200, 10 + day) for day in range(20)]
    store.take("main", rows, "", "1")
    end = first + 18 * DAY + 18 * HOUR + 600
    found = trends(store.usage, UsageQuery(start=end - 7 * DAY, end=end, by=("day",)))
    told = {(each.sum.group["day"] - first) // DAY: (each.sum.requests, each.before) for each in found}
    # Seven days and an hour: laid over those of eight days before.
    assert told == {day: (10 + day, 10 + day - 8) for day in range(12, 19)}
    found = trends(store.usage, UsageQuery(start=first + 7 * DAY, end=first + 14 * DAY, by=("day",)))
    assert [(each.sum.requests, each.before) for each in found] == [(10 + day, 3 + day) for day in range(7, 14)]


def test_usage_goes_by_whole_days_and_quotas_keep_their_count(desk, executor, capsys):
    from tisserand.cli.main import call as command

    now = time.time()
    today = int(now) // DAY * DAY
    ages = (0, 1, 29, 30, 31, 45, 399, 400, 401, 900)
    desk.log(*(call(today - age * DAY + HOUR, requests=age + 1) for age in ages))
    executor.gateways.collect()
    calls = executor.gateways.store.calls("month", periods.begin("month", now))

    def settings(text):
        (desk.root / "tisserand.yaml").write_text(text)

    marker = (desk.root / "tisserand.yaml").read_text()
    settings(marker + "executor: {retention: {usage: null}}\n")
    assert (executor.retention.plan().usage, executor.retention.sweep().usage) == (0, 0)
    settings(marker)
    assert executor.retention.plan().usage == executor.retention.sweep().usage == 2
    settings(marker + "executor: {retention: {usage: 30d}}\n")
    assert executor.retention.plan().usage == 4
    assert command(["retention", "--dry-run", "--workspace", str(desk.root)]) == 0
    assert "4 rows of usage of APIs go." in capsys.readouterr().out
    assert executor.retention.sweep().usage == 4 and executor.retention.plan().usage == 0
    left = {(today - each.group["day"]) // DAY: each.requests for each in executor.gateways.usage(UsageQuery(by=("day",)))}
    assert left == {age: age + 1 for age in (0, 1, 29, 30)}
    assert executor.gateways.store.calls("month", periods.begin("month", now)) == calls
    assert executor.gateways.collect() == 0


FORGET = """
import os, signal, sys
from pathlib import Path
from tisserand.apis.usage_store import UsageStore
left = [int(sys.argv[2])]
def written(what):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
UsageStore(Path(sys.argv[1]), written).forget(float(sys.argv[3]))
"""


def test_a_kill_while_usage_goes_leaves_the_rest_for_the_next_time(store):
    begin = 1_764_547_200
    rows = [UsageRow(begin + hour * HOUR, "a", "1", "", who, "", 200, 1) for hour in range(10 * 24) for who in ("acme", "globex")]
    store.take("main", rows, "", "1")
    before = begin + 7 * DAY + 5 * HOUR
    assert store.old(before) == 7 * 24 * 2
    for number in (1, 3):
        command = [sys.executable, "-c", FORGET, str(store.path), str(number), str(before)]
        assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert 0 < store.old(before) < 7 * 24 * 2
    store.forget(before)
    left = {each.group["day"]: each.requests for each in store.usage(UsageQuery(by=("day",)))}
    assert left == {begin + day * DAY: 48 for day in (7, 8, 9)}


@pytest.mark.parametrize("kind", ["envoy", "traefik"])
@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_many_lines_in_little_memory(tmp_path, store, kind, count):
    """The large one prints its figures."""
    draw = random.Random(3)
    made = envoy_line if kind == "envoy" else traefik_line
    consumers = [f"c{n}" for n in range(200)]
    path, expected = tmp_path / "access.log", Counter()
    with path.open("wb") as stream:
        for number in range(count):
            who, status = draw.choice(consumers), draw.choice((200, 200, 200, 404, 429, 503))
            moment = 1_764_547_200 + number * 10 * DAY // count
            expected[moment // DAY * DAY, who, status] += 1
            stream.write(made(moment, who, status, draw.choice((0.5, 7.0, 80.0))))
    if kind == "envoy":
        log = AccessLog(tmp_path, 1_000_000_000, lambda: None)
        source = Source("main", log.rows)
    else:
        source = Source("main", lambda mark: access_log.read(path, mark, "main", lambda: ITEMS))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    Collecting(store).collect([source])
    took = time.process_time() - began
    most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    began = time.process_time()
    found = store.usage(UsageQuery(by=("day", "consumer", "status"), limit=1_000_000))
    asked = time.process_time() - began
    assert {(each.group["day"], each.group["consumer"], each.group["status"]): each.requests for each in found} == expected
    assert most < 400
    print(
        f"\n{kind}: {count:,} lines, {path.stat().st_size / 1e6:.0f} MB: {took:.1f} s CPU, {most:.0f} MB more; asked {asked:.2f} s"
    )
