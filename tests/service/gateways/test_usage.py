"""Usage: each call counted once across kills, sums equal to those of plain Python, quotas kept and let go."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.service.gateways.conftest import ID, call

from tisserand.apis import periods
from tisserand.apis.usage import BOUNDS_MS, UsageQuery, UsageRow
from tisserand.apis.usage_store import UsageStore, read
from tisserand.engine.launch import process_started
from tisserand.service.gateways.trends import trends
from tisserand.service.protocol import Refused
from tisserand.service.published.calls import Serving
from tisserand.service.published.credential import gateway_credential
from tisserand.service.published.folder import ADDRESS, SERVE, made, write
from tisserand.service.published.history import HistoryStore
from tisserand.workspace.secrets import secret_store

HOUR = int(time.time()) // 3600 * 3600


def made_rows(count, seed=5):
    """Rows of nine days, many with the same key."""
    rnd = random.Random(seed)
    begin = 1_764_547_200  # 2025-12-01T00:00:00Z, a Monday
    for _ in range(count):
        latency = tuple(rnd.randrange(5) for _ in range(16)) if rnd.random() < 0.9 else ()
        yield UsageRow(
            begin + 3600 * rnd.randrange(9 * 24), rnd.choice(("orders", "stock", "")), rnd.choice("12"),
            rnd.choice(("GET /o", "POST /o", "")), rnd.choice(("acme", "globex", "")), rnd.choice(("gold", "free")),
            rnd.choice((200, 201, 401, 403, 404, 413, 429, 500, 503)), rnd.randrange(1, 50), rnd.randrange(1000), rnd.randrange(9000),
            latency,
        )  # fmt: skip


def prometheus(counts, share):
    """`histogram_quantile` written out anew, on cumulative counts."""
    total = sum(counts)
    if not total:
        return None
    rank, cumulative = share * total, 0
    for index, count in enumerate(counts):
        if count and cumulative + count >= rank:
            if index == len(BOUNDS_MS):
                return BOUNDS_MS[-1]
            lower = 0.0 if index == 0 else BOUNDS_MS[index - 1]
            return lower + (BOUNDS_MS[index] - lower) * ((rank - cumulative) / count)
        cumulative += count
    raise AssertionError


@pytest.fixture
def store(tmp_path):
    made = UsageStore(tmp_path / "usage.sqlite")
    yield made
    made.close()


def test_sums_are_those_of_plain_python_over_the_raw_rows(store):
    rows = list(made_rows(3000))
    for at in range(0, 3000, 500):
        assert store.take("main", rows[at : at + 500], str(at or ""), str(at + 500))
    low, high = 1_764_547_200 + 86_400, 1_764_547_200 + 6 * 86_400
    cases = [
        ({}, lambda row: True, ()),
        ({"by": ("day", "api")}, lambda row: True, ("day", "api")),
        ({"by": ("hour",), "api": "orders", "start": low, "end": high},
         lambda row: row.api == "orders" and low <= row.hour < high, ("hour",)),
        ({"by": ("consumer", "plan"), "status": "4xx"}, lambda row: 400 <= row.status < 500, ("consumer", "plan")),
        ({"by": ("status", "version", "operation"), "consumer": "acme", "plan": "gold"},
         lambda row: (row.consumer, row.plan) == ("acme", "gold"), ("status", "version", "operation")),
        ({"status": "429"}, lambda row: row.status == 429, ()),
    ]  # fmt: skip
    for asked, wanted, by in cases:
        expected = defaultdict(lambda: [0, 0, 0, 0, 0, [0] * 16])
        for row in rows:
            if not wanted(row):
                continue
            key = tuple(row.hour - row.hour % 86_400 if name == "day" else getattr(row, name) for name in by)
            sums = expected[key]
            sums[0] += row.requests
            sums[1] += row.requests * (row.status >= 500)
            sums[2] += row.requests * (row.status in (401, 403, 413, 429))
            sums[3] += row.bytes_in
            sums[4] += row.bytes_out
            sums[5] = [a + b for a, b in zip(sums[5], row.latency or [0] * 16, strict=True)]
        found = store.usage(UsageQuery(**asked, limit=100_000))
        assert len(found) == len(expected) > 0
        for each in found:
            *sums, classes = expected[tuple(each.group[name] for name in by)]
            assert [each.requests, each.errors, each.rejected, each.bytes_in, each.bytes_out] == sums
            assert (each.p50, each.p99) == pytest.approx((prometheus(classes, 0.5), prometheus(classes, 0.99)))
        order = [each.group[by[0]] if by and by[0] in ("hour", "day") else -each.requests for each in found]
        assert order == sorted(order)


def test_nothing_gives_no_sum_and_a_wrong_question_a_sentence(store, executor):
    assert store.usage(UsageQuery()) == []
    for query, said in (
        (UsageQuery(by=("colour",)), "colour"),
        (UsageQuery(status="wrong"), "429"),
        (UsageQuery(status="9xx"), "429"),
    ):
        with pytest.raises(Refused, match=said):
            executor.gateways.usage(query)


def test_an_hour_counts_where_a_part_of_it_lies_between(store):
    store.take("main", [UsageRow(HOUR, "a", "1", "", "c", "", 200, 1)], "", "1")
    assert store.usage(UsageQuery(start=HOUR + 1800, end=HOUR + 1801))[0].requests == 1
    assert store.usage(UsageQuery(start=HOUR + 3600)) == [] == store.usage(UsageQuery(end=HOUR))


def test_rows_come_back_as_they_were_told(store):
    rows = {(row.hour, row.api, row.version, row.operation, row.consumer, row.plan, row.status): row for row in made_rows(300)}
    store.take("main", list(rows.values()), "", "1")
    found = [row for gateway, row in store.found(UsageQuery(limit=1000)) if gateway == "main"]
    assert set(found) == {
        row if any(row.latency) else UsageRow(*(getattr(row, name) for name in row.__dataclass_fields__ if name != "latency"))
        for row in rows.values()
    }
    assert [row for _, row in read(store.path, UsageQuery(limit=1000))] == found
    assert list(read(store.path.with_name("none.sqlite"), UsageQuery())) == []


def test_what_somebody_else_took_meanwhile_is_not_counted_again(store):
    row = UsageRow(HOUR, "a", "1", "", "c", "", 200, 1)
    assert store.take("main", [row], "", "5") and not store.take("main", [row], "", "5")
    assert store.usage(UsageQuery())[0].requests == 1


COLLECT = """
import os, signal, sys
from pathlib import Path
from tisserand.apis.gateways import kinds
kinds.ADAPTERS["fake"] = "tests.service.gateways.fake:FakeGateway"
from tisserand.service.local import LocalExecutor
executor = LocalExecutor(Path(sys.argv[1]))
store, left = executor.gateways.store, [int(sys.argv[2])]
whole = store.writing
def written(what):
    left[0] -= 1
    if left[0] == 0 and sys.argv[3] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
store._on_write = written
class Dying:
    def __init__(self, db): self.db = db
    def execute(self, sql, *values):
        if sql.startswith("INSERT INTO marks") and left[0] == 1 and sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.db.execute(sql, *values)
    def __getattr__(self, name): return getattr(self.db, name)
from contextlib import contextmanager
@contextmanager
def dying(*args, **more):
    with whole(*args, **more) as db:
        yield Dying(db)
store.writing = dying
print(executor.gateways.collect())
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_call_is_counted_once_whatever_write_is_killed(desk, executor, when):
    desk.log(*(call(HOUR - 3600 * (n % 7), status=200 + n % 3, requests=n % 5 + 1) for n in range(160)))
    expected = sum(n % 5 + 1 for n in range(160))
    repo = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repo), os.environ.get("PYTHONPATH", "")])}
    killed = 0
    for number in range(1, 6):  # 160 lines, 50 at a time: four writes at most are left
        done = subprocess.run(
            [sys.executable, "-c", COLLECT, str(desk.root), "1" if when == "after" else str(number), when],
            env=env, capture_output=True, timeout=60,
        )  # fmt: skip
        killed += done.returncode == -signal.SIGKILL
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    assert killed >= 3
    executor.gateways.collect()
    assert executor.gateways.usage(UsageQuery())[0].requests == expected
    assert executor.gateways.collect() == 0


def test_a_source_that_fails_holds_up_no_other_and_is_told_of(desk, executor, monkeypatch):
    from tests.service.gateways.fake import FakeGateway

    from tisserand.sdk.errors import NodeError

    desk.write("gateways.yaml", {"broken": {"type": "fake"}, "main": {"type": "fake"}})
    whole = FakeGateway.usage

    def usage(self, mark):
        if self.name == "broken":
            raise NodeError("It tells nothing.")
        return whole(self, mark)

    monkeypatch.setattr(FakeGateway, "usage", usage)
    desk.log(call(HOUR))
    assert executor.gateways.collect() == 1
    assert [each.problem and each.problem.message.text("en") for each in executor.gateways.list()] == ["It tells nothing.", None]


def test_trend(store):
    day = 86_400
    begin = HOUR - 2 * day
    rows = [
        UsageRow(begin + 3600, "a", "1", "", "acme", "", 200, 10),
        UsageRow(begin + day + 3600, "a", "1", "", "acme", "", 200, 15),
    ]
    rows += [UsageRow(begin + day, "a", "1", "", "globex", "", 200, 3), UsageRow(begin, "a", "1", "", "gone", "", 200, 1)]
    store.take("main", rows, "", "1")
    found = trends(store.usage, UsageQuery(start=begin + day, end=begin + 2 * day, by=("consumer",)))
    assert [(each.sum.group["consumer"], each.sum.requests, each.before, each.change) for each in found] == [
        ("acme", 15, 10, 0.5), ("globex", 3, 0, None),
    ]  # fmt: skip
    found = trends(store.usage, UsageQuery(start=begin + day, end=begin + 2 * day, by=("hour",)))
    assert [(each.sum.requests, each.before) for each in found] == [(3, 1), (15, 10)]


@pytest.mark.parametrize(
    ("period", "at", "begin", "end"),
    [
        ("hour", "2025-12-31T23:59:59", "2025-12-31T23:00:00", "2026-01-01T00:00:00"),
        ("day", "2024-02-28T12:00:00", "2024-02-28T00:00:00", "2024-02-29T00:00:00"),
        ("week", "2026-01-01T00:00:00", "2025-12-29T00:00:00", "2026-01-05T00:00:00"),
        ("week", "2025-12-28T23:59:59", "2025-12-22T00:00:00", "2025-12-29T00:00:00"),
        ("month", "2024-02-29T01:00:00", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("month", "2025-12-31T23:59:59", "2025-12-01T00:00:00", "2026-01-01T00:00:00"),
    ],
)
def test_calendar_periods(period, at, begin, end):
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(periods.begin(period, moment), UTC).isoformat() == f"{begin}+00:00"
    assert datetime.fromtimestamp(periods.end(period, moment), UTC).isoformat() == f"{end}+00:00"


def blocked(desk):
    file = desk.state / "blocked.json"
    return [tuple(each) for each in json.loads(file.read_text())] if file.exists() else None


def test_who_used_up_a_quota_is_blocked_and_let_in_when_the_period_turns(desk, executor):
    desk.consumer("globex", "k-globex")
    subscribed = {
        f"{who}-orders": {"api": "orders", "plan": "gold", "consumer": who, "state": "active"} for who in ("acme", "globex")
    }
    desk.write("subscriptions.yaml", subscribed)
    gateways, now = executor.gateways, [float(HOUR + 5)]
    gateways.blocking._clock = lambda: now[0]
    gateways.follow()
    assert blocked(desk) is None  # nothing was pushed yet
    gateways.push("main")
    gateways.follow()
    assert blocked(desk) == []
    # Refused calls do not count, nor do those of the day before.
    desk.log(
        call(HOUR, requests=99),
        call(HOUR, requests=500, status=429),
        call(HOUR - 86_400, requests=900),
        call(HOUR, "globex", 404),
    )
    gateways.follow()
    assert blocked(desk) == []
    desk.log(call(HOUR))
    gateways.follow()
    assert blocked(desk) == [("acme", "orders")]
    # Another executor after a kill blocks the same.
    (desk.state / "blocked.json").unlink()
    from tisserand.service.local import LocalExecutor

    other = LocalExecutor(desk.root)
    other.gateways.blocking._clock = lambda: now[0]
    other.gateways.follow()
    assert blocked(desk) == [("acme", "orders")]
    other.close()
    now[0] = float(periods.end("day", HOUR))
    gateways.follow()
    assert blocked(desk) == []


def test_a_quota_that_is_declared_but_not_pushed_blocks_nobody(desk, executor):
    executor.gateways.push("main")
    desk.write("plans.yaml", {"gold": {"quota": {"count": 1, "period": "month"}}})
    desk.log(call(HOUR, requests=5))
    executor.gateways.follow()
    assert blocked(desk) == []
    executor.gateways.push("main")
    executor.gateways.follow()
    assert blocked(desk) == [("acme", "orders")]


def test_a_revoked_or_expired_key_goes_without_a_push_and_nothing_else_does(desk, executor):
    desk.consumer("globex", "k-globex", expires="2999-01-01T00:00:00Z")
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://not-pushed"}]})
    executor.gateways.follow()
    assert desk.applied() == 1
    desk.consumer("globex", "k-globex", state="revoked")
    executor.gateways.follow()
    assert json.loads((desk.state / "keys.json").read_text()) == {"acme/main": "k-acme-1"}
    assert desk.live()["api/orders@1"]["upstream"]["targets"][0]["url"] == "http://orders.example.org"
    last = executor.gateways.history("main")[0]
    assert (last.number, last.by, last.result) == (2, "", "done")
    executor.gateways.follow()
    assert desk.applied() == 2


def test_a_gateway_that_somebody_changed_is_not_overwritten_unasked(desk, executor):
    executor.gateways.push("main")
    desk.edit_live("plan/gold", None)
    desk.consumer(state="revoked")
    executor.gateways.follow()
    assert desk.applied() == 1
    assert "plan/gold" in executor.gateways.list()[0].problem.message.text("en")
    executor.gateways.push("main")
    executor.gateways.follow()
    assert executor.gateways.list()[0].problem is None and json.loads((desk.state / "keys.json").read_text()) == {}


def answers(desk, port):
    """As the process of a published flow says where it is: this process lives."""
    folder = made(desk.root, "orders@1")
    told = {"host": "127.0.0.1", "port": port, "pid": os.getpid(), "started": process_started(os.getpid()), "since": 0.0}
    write(folder / ADDRESS, told)
    return folder


def test_a_flow_that_answers_elsewhere_is_followed(desk, executor):
    def target():
        return desk.live()["api/orders@1"]["upstream"]["targets"][0]["url"]

    desk.api(upstream={"flow": "answers"})
    with pytest.raises(Refused, match="does not answer yet"):
        executor.gateways.push("main")
    folder = answers(desk, 4001)
    executor.gateways.push("main", by="ann")
    credential = gateway_credential(ID)
    assert target() == "http://127.0.0.1:4001" and len(credential) > 40
    assert json.loads((desk.state / "upstreams.json").read_text()) == {"orders@1": {"x-tisserand-gateway": credential}}
    answers(desk, 4002)
    executor.gateways.follow()
    assert target() == "http://127.0.0.1:4002"
    assert [(each.what, each.by) for each in executor.audit.entries() if each.what.startswith("gateway.")] == [
        ("gateway.pushed", ""), ("gateway.pushed", "ann"),
    ]  # fmt: skip
    (folder / ADDRESS).unlink()
    executor.gateways.follow()
    assert desk.applied() == 2 and target() == "http://127.0.0.1:4002"
    secret_store(ID).set("tisserand.gateway-credential", "another")
    executor.gateways.follow()
    assert json.loads((desk.state / "upstreams.json").read_text()) == {"orders@1": {"x-tisserand-gateway": "another"}}
    executor.gateways.follow()
    assert desk.applied() == 3
    for path in (desk.root / ".tisserand").glob("*.sqlite*"):
        assert credential.encode() not in path.read_bytes()


def test_flows_tell_of_the_calls_that_came_past_no_gateway(desk, executor):
    def asked(times):
        store.add([(HOUR + 5.0, "i", "", "acme", "gold", "GET /x", 200, 1.5, 10, 20, "")] * times)

    folder = made(desk.root, "direct@1")
    write(folder / SERVE, Serving("direct", "1", "flows/f.yaml", "sync", 5.0).to_json())
    store = HistoryStore(folder / "usage.sqlite")
    asked(2)
    executor.gateways.collect()
    asked(3)
    executor.gateways.collect()
    assert executor.gateways.collect() == 0
    (found,) = executor.gateways.usage(UsageQuery(by=("gateway", "api", "operation")))
    assert (found.group, found.requests) == ({"gateway": "flow:direct@1", "api": "direct", "operation": "GET /x"}, 5)
    # Behind a gateway, the gateway counts; what it counted does not come again when it is taken away.
    write(folder / SERVE, Serving("direct", "1", "flows/f.yaml", "sync", 5.0, gateway="0" * 64).to_json())
    asked(7)
    executor.gateways.collect()
    write(folder / SERVE, Serving("direct", "1", "flows/f.yaml", "sync", 5.0).to_json())
    asked(1)
    executor.gateways.collect()
    assert executor.gateways.usage(UsageQuery())[0].requests == 6
    store.close()
