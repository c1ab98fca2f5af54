"""Reading usage: the hours asked for, the latencies as quantiles, from the store that the executor fills."""

import csv
import datetime as dt
import shutil
import time
from pathlib import Path

import pytest

from tisserand.apis.usage import UsageRow
from tisserand.apis.usage_store import UsageStore
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import config_of, run_reader
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest

EXAMPLES = Path(__file__).resolve().parents[3] / "flows" / "examples"
HOUR = int(time.time()) // 3600 * 3600


def node():
    return registry().get("api.read_usage").node


def row(hour, **over):
    return {
        "hour": hour, "gateway": "main", "api": "orders", "version": "1", "operation": "GET /o", "consumer": "acme",
        "plan": "gold", "status": 200, "requests": 3, "bytes_in": 1, "bytes_out": 2, "p50": 1.5, "p99": None, **over,
    }  # fmt: skip


def hours(tmp_path, used, **config):
    return [each["hour"] for each in run_reader(node(), config, tmp_path, used=used).rows()]


def test_the_span_and_the_filters(tmp_path):
    used = [row(HOUR - 3600 * n, consumer="acme" if n % 2 else "globex") for n in range(5)]
    moments = [dt.datetime.fromtimestamp(each["hour"], dt.UTC) for each in used]
    assert hours(tmp_path, used) == moments
    now = dt.datetime.now(dt.UTC)
    latest = hours(tmp_path, used, last="1h")
    if dt.datetime.now(dt.UTC).hour == now.hour:  # an hour that turns meanwhile may be told either way
        assert latest == [
            each for each in moments if each >= now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)
        ]
    assert hours(tmp_path, used, consumer="acme") == moments[1::2]
    assert hours(tmp_path, used, api="other") == []
    start, end = (dt.datetime.fromtimestamp(HOUR - 3600 * n, dt.UTC) for n in (3, 1))
    assert hours(tmp_path, used, start=start.isoformat(), end=end.isoformat()) == moments[2:4]
    # Without a time zone UTC is meant, wherever the machine stands.
    assert hours(tmp_path, used, start=start.replace(tzinfo=None).isoformat()) == moments[:4]


def test_a_duration_or_moments():
    with pytest.raises(Exception, match="not both"):
        config_of(node(), {"last": "1h", "start": "2026-12-01"})


def test_the_example_reads_what_the_store_holds(tmp_path):
    root = tmp_path / "examples"
    shutil.copytree(EXAMPLES, root, ignore=shutil.ignore_patterns("out", ".tisserand"))
    store = UsageStore(root / ".tisserand" / "usage.sqlite")
    latency = (0, 0, 10, *[0] * 13)
    calls = [("acme", 200, 3), ("acme", 500, 1), ("globex", 200, 7)]
    store.take(
        "main", [UsageRow(HOUR, "orders", "1", "GET /o", who, "gold", code, n, 5, 10, latency) for who, code, n in calls], "", "x"
    )
    store.take("edge", [UsageRow(HOUR - 40 * 86_400, "orders", "1", "", "acme", "gold", 200, 99)], "", "x")
    executor = LocalExecutor(root)
    try:
        run = executor.wait(executor.start(RunRequest(file="flows/api-read-usage.yaml", keep="all")))
        assert run.state == "done", run.error
        (page,) = [executor.page(run.id, "usage", limit=10)]
        import pyarrow as pa

        rows = pa.ipc.open_stream(page.data).read_all().to_pylist()
    finally:
        executor.close()
        store.close()
    assert [(each["consumer"], each["status"], each["requests"], each["p50"], each["p99"]) for each in rows] == [
        ("acme", 200, 3, 3.5, pytest.approx(4.97)), ("acme", 500, 1, 3.5, pytest.approx(4.97)),
        ("globex", 200, 7, 3.5, pytest.approx(4.97)),
    ]  # fmt: skip
    with (root / "out" / "api-read-usage" / "calls.csv").open() as stream:
        found = {each["consumer"]: (each["calls"], each["bytes"]) for each in csv.DictReader(stream)}
    assert found == {"acme": ("4", "20"), "globex": ("7", "10")}


def test_a_workspace_that_nobody_called(tmp_path):
    assert hours(tmp_path, []) == []
