"""`/metrics`: figures that equal SQL over the journal, survive restarts and retention, and stay few."""

import shutil
import sqlite3
import subprocess

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tisserand.engine.launch import journal_path
from tisserand.service import guard
from tisserand.service.local import LocalExecutor


def samples(text):
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.items())] = sample.value
    return found


def fill(root, runs, flows=5, start=0):
    """Runs as the engine journals them."""
    db = sqlite3.connect(journal_path(root))
    for n in range(start, start + runs):
        run, state = f"20260101-000000-{n:07x}", ["done", "done", "failed", "cancelled", "interrupted"][n % 5]
        took = [0.05, 0.7, 45.0, 4000.0, 30000.0][n % 5] * (1 + n % 3)
        db.execute(
            'INSERT INTO runs (id, flow, flow_hash, "by", "trigger", parameters, state, created, started, finished) '
            "VALUES (?, ?, '', '', 'manual', '{}', ?, 0, 1000, ?)",
            (run, f"flow-{n % flows}", state, 1000 + took),
        )
        for kind, at, data in [
            ("run.started", 1000, "{}"),
            ("sink.done", 1001, f'{{"rows": {n}}}'),
            (f"run.{state}", 1000 + took, "{}"),
        ]:
            db.execute("INSERT INTO events (run, time, kind, data) VALUES (?, ?, ?, ?)", (run, at, kind, data))
    db.commit()
    db.close()


def compare(root, found):
    """The same figures, asked of the journal in SQL."""
    db = sqlite3.connect(journal_path(root))
    join = "FROM events JOIN runs ON runs.id = events.run"
    for flow, state, n in db.execute(
        f"SELECT flow, substr(kind, 5), count(*) {join} WHERE kind IN ('run.done','run.failed','run.cancelled','run.interrupted') GROUP BY 1, 2"
    ):
        assert found["tisserand_runs_total", ("flow", flow), ("state", state)] == n
    for flow, n in db.execute(f"SELECT flow, sum(json_extract(data, '$.rows')) {join} WHERE kind = 'sink.done' GROUP BY 1"):
        assert found["tisserand_rows_written_total", ("flow", flow)] == n
    long = db.execute(f"SELECT flow, time - started {join} WHERE kind = 'run.done'").fetchall()
    for flow in {flow for flow, _ in long}:
        own = [seconds for name, seconds in long if name == flow]
        assert found["tisserand_run_duration_seconds_count", ("flow", flow)] == len(own)
        assert found["tisserand_run_duration_seconds_sum", ("flow", flow)] == pytest.approx(sum(own))
        for end in ("0.1", "1.0", "60.0", "21600.0"):
            counted = sum(seconds <= float(end) for seconds in own)
            assert found["tisserand_run_duration_seconds_bucket", ("flow", flow), ("le", end)] == counted
    for state in ("queued", "running"):
        (n,) = db.execute("SELECT count(*) FROM runs WHERE state = ?", (state,)).fetchone()
        assert found["tisserand_runs_current", ("state", state)] == n
    db.close()


def test_figures_equal_sql(place, executor, ran):
    fill(place, 200)
    compare(place, samples(executor.telemetry.metrics()))
    assert ran("orders").state == "done" and ran("broken").state == "failed"
    fill(place, 100, start=1000)
    found = samples(executor.telemetry.metrics())
    compare(place, found)
    assert found["tisserand_rows_written_total", ("flow", "orders")] == 2
    # Another process goes on counting where this one was; what retention takes away stays counted.
    before = {key: value for key, value in found.items() if key[0].endswith(("_total", "_count", "_sum", "_bucket"))}
    with sqlite3.connect(journal_path(place)) as db:
        db.execute("DELETE FROM events WHERE run LIKE '2026%'")
    other = LocalExecutor(place)
    again = samples(other.telemetry.metrics())
    other.close()
    assert {key: again[key] for key in before} == before


def test_many_flows_are_told_together(place, executor):
    (place / "tisserand.yaml").write_text("id: told\nexecutor: {telemetry: {metrics: {flows: 10}}}\n")
    fill(place, 500, flows=100)
    found = samples(executor.telemetry.metrics())
    flows = {dict(key[1:])["flow"] for key in found if key[0] == "tisserand_runs_total"}
    assert len(flows) == 11 and "(others)" in flows
    assert sum(value for key, value in found.items() if key[0] == "tisserand_runs_total") == 500


def test_over_http_with_the_token_only(served):
    fill(served.root, 10)
    assert requests.get(f"{served.url}/metrics", timeout=20).status_code == 401
    answer = requests.get(f"{served.url}/metrics", headers={"Authorization": f"Bearer {guard.token(served.root)}"}, timeout=20)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    compare(served.root, samples(answer.content))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs server: prometheus (promtool)")
def test_promtool_finds_nothing_to_say(place, executor, ran):
    ran("orders")
    done = subprocess.run(["promtool", "check", "metrics"], input=executor.telemetry.metrics(), capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_wrong_settings_are_a_sentence(place, executor):
    from tisserand.sdk.errors import NodeError

    (place / "tisserand.yaml").write_text("id: told\nexecutor: {telemetry: {otlp: {endpoint: ftp://x}}}\n")
    with pytest.raises(NodeError, match=r"executor\.telemetry\.otlp\.endpoint"):
        executor.telemetry.metrics()
