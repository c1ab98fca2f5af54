"""Grouping, acknowledging, silences, storms; and that nothing is lost or told twice, wherever the process is killed."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest

from tisserand.engine.launch import Refused
from tisserand.service.alerts.sources import Missed
from tisserand.texts import msg

HOOK = "channels:\n  hook: {type: webhook, url: 'http://127.0.0.1:9/'}\n"


def fail(plant, flow, error=None, state="failed", folder=None):
    run = plant.begin(flow, plant.now)
    if folder is not None:
        made = plant.root / ".tisserand" / "runs" / run
        made.mkdir(parents=True)
        (made / "flow.yaml").write_text(folder)
    plant.now += 1
    plant.end(run, plant.now, state, error=error)
    return run


def well(plant, flow, rows=100):
    run = plant.begin(flow, plant.now)
    plant.now += 1
    plant.end(run, plant.now, rows=rows)


def outbox(plant):
    found = plant.executor.alerts.store.rows("SELECT kind, alert, channel, state FROM outbox ORDER BY id")
    return [tuple(row) for row in found]


@pytest.fixture
def plant(plants):
    made = plants()
    (made.root / "alerts.yaml").write_text(HOOK)
    made.add_flow("orders")
    made.following.look()
    return made


def test_one_alert_while_it_lasts_and_none_when_it_is_over(plant, plants):
    for _ in range(4):
        fail(plant, "orders", plants.problem("node.error"))
        plant.following.look()
        plant.now += 60
    (alert,) = plant.alerts()
    assert (alert.rule, alert.flow, alert.count, alert.state) == ("failed", "orders", 4, "open")
    assert alert.message.text("en") == "At its node “read”: It does not work."
    well(plant, "orders")
    plant.following.look()
    (alert,) = plant.alerts()
    assert alert.state == "resolved"
    assert [kind for kind, *_ in outbox(plant)] == ["opened", "resolved"]
    fail(plant, "orders", plants.problem("node.error"))
    plant.following.look()
    assert [alert.state for alert in plant.alerts()] == ["resolved", "open"]


def test_runs_that_do_not_count(plant, plants):
    """Called flows (their caller fails as well), flows without a file, cancelled runs, runs up to a node; by hand, if so wished."""
    outer = fail(plant, "orders", plants.problem("node.error"))
    inner = plant.begin("called", plant.now, parent=outer)
    plant.end(inner, plant.now, "failed", error=plants.problem("node.error"))
    run = plant.begin("loose", plant.now)
    plant.db.execute("UPDATE runs SET flow_file = NULL WHERE id = ?", (run,))
    plant.end(run, plant.now, "failed")
    plant.end(plant.begin("stopped", plant.now), plant.now, "cancelled")
    partial = plant.begin("partial", plant.now)
    folder = plant.root / ".tisserand" / "runs" / partial
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps({"until": "read"}))
    plant.end(partial, plant.now, "failed")
    plant.following.look()
    assert [alert.flow for alert in plant.alerts()] == ["orders"]
    (plant.root / "alerts.yaml").write_text(HOOK + "by_hand: false\ndisabled: [drift, 'failed:noisy*']\n")
    plant.end(plant.begin("tried", plant.now, "manual"), plant.now, "failed")
    plant.end(plant.begin("noisy-one", plant.now), plant.now, "failed")
    plant.end(plant.begin("drifted", plant.now), plant.now, "failed", error=plants.problem("source.drift"))
    plant.end(plant.begin("other", plant.now), plant.now, "failed")
    plant.following.look()
    assert [alert.flow for alert in plant.alerts()] == ["orders", "other"]


def test_interrupted_and_resumed(plant):
    run = fail(plant, "orders", state="interrupted")
    plant.following.look()
    (alert,) = plant.alerts()
    assert (alert.rule, alert.state, alert.run) == ("failed", "open", run)
    assert f"tisserand resume {run}" in alert.fix.text("en")
    plant.event(run, plant.now, "run.started")
    plant.end(run, plant.now, rows=1)
    plant.following.look()
    assert plant.alerts()[0].state == "resolved"


def test_silenced_and_told_afterwards(plant, plants, monkeypatch):
    monkeypatch.setattr("time.time", lambda: plant.now)
    alerts = plant.executor.alerts
    silence = alerts.silence(plant.now + 600, "orders", None, by="ann", why="planned work")
    fail(plant, "orders", plants.problem("node.error"))
    plant.following.look()
    assert outbox(plant) == [] and alerts.list()[0].silent
    plant.pass_to(plant.now + 900)
    assert [kind for kind, *_ in outbox(plant)] == ["opened"] and not alerts.list()[0].silent
    assert [silence.id for silence in alerts.silences()] == []
    again = alerts.silence(plant.now + 600, None, "failed", by="ann")
    well(plant, "orders")
    fail(plant, "orders", plants.problem("node.error"))
    plant.following.look()
    assert [kind for kind, *_ in outbox(plant)] == ["opened", "resolved"]
    alerts.unsilence(again.id, by="bob")
    plant.following.look()
    assert [kind for kind, *_ in outbox(plant)] == ["opened", "resolved", "opened"]
    noted = [(entry.what, entry.target, entry.by) for entry in plant.executor.audit.entries()]
    assert noted == [
        ("alert.unsilenced", "failed:*", "bob"), ("alert.silenced", "failed:*", "ann"), ("alert.silenced", "*:orders", "ann"),
    ]  # fmt: skip
    assert silence.why == "planned work"
    for wrong in [
        lambda: alerts.silence(plant.now - 1, "orders"), lambda: alerts.silence(plant.now + 1), lambda: alerts.unsilence(99),
        lambda: alerts.silence(plant.now + 1, None, "nonsense"), lambda: alerts.acknowledge(99), lambda: alerts.list(rule="x"),
    ]:  # fmt: skip
        with pytest.raises(Refused):
            wrong()


def test_what_is_known_is_not_told(plant, plants):
    fail(plant, "orders", plants.problem("node.error"))
    (plant.root / "alerts.yaml").unlink()
    plant.following._take(plant.now)  # the alert is there, and before anybody is told of it …
    (alert,) = plant.alerts()
    known = plant.executor.alerts.acknowledge(alert.id, "ann", "on it")  # … somebody knows
    assert (known.acknowledged_by, known.acknowledged_why) == ("ann", "on it")
    (plant.root / "alerts.yaml").write_text(HOOK)
    plant.following.look()
    well(plant, "orders")
    plant.following.look()
    assert outbox(plant) == []


CONNECTED = "nodes:\n  read: {kind: sql.read, config: {connection: crm, table: x}}\n"


def test_a_storm_is_one_message(plant, plants):
    for n in range(50):
        plant.add_flow(f"flow-{n:02d}")
        fail(plant, f"flow-{n:02d}", plants.problem("node.error"), folder=CONNECTED)
        plant.now += 0.2
        plant.following.look()
    plant.now += 30
    plant.following.look()
    (group,) = plant.executor.alerts.list()
    assert (group.rule, group.cause, group.count, len(group.flows)) == ("cause", "connection:crm", 50, 50)
    assert "50 flows fail that use the connection “crm”" in group.message.text("en")
    assert [(kind, alert) for kind, alert, *_ in outbox(plant)] == [("opened", group.id)]
    assert len(plant.executor.alerts.list(members=True)) == 51
    for n in range(50):
        assert plant.executor.alerts.list()[0].state == "open"
        well(plant, f"flow-{n:02d}")
        plant.following.look()
    assert plant.executor.alerts.list() == []
    assert [(kind, alert) for kind, alert, *_ in outbox(plant)] == [("opened", group.id), ("resolved", group.id)]


def test_two_flows_are_no_storm(plant, plants):
    for flow in ("one", "two"):
        fail(plant, flow, plants.problem("node.error"), folder=CONNECTED)
    plant.following.look()
    assert outbox(plant) == []  # each waits a moment for others
    plant.now += 30
    plant.following.look()
    assert [alert.rule for alert in plant.alerts()] == ["failed", "failed"]
    assert len(outbox(plant)) == 2


def test_verdicts_of_schedules(plant):
    due = plant.now
    plant.sources.told.schedules = frozenset({"flows/orders.yaml"})
    plant.sources.told.verdicts = [Missed("orders", "flows/orders.yaml", due, msg("the machine was off"))]
    plant.now += 30
    plant.following.look()
    plant.following.look()
    (alert,) = plant.alerts()
    assert (alert.rule, alert.count) == ("missing", 1) and "the machine was off" in alert.message.text("en")
    well(plant, "orders")
    plant.following.look()
    assert plant.alerts()[0].state == "resolved"


@pytest.mark.parametrize("name", ["", "flows/orders.yaml"])
def test_a_growing_queue(plant, name):
    def hold(length):
        plant.sources.told.queued = length if not name else 0
        plant.sources.told.waiting = {name: length} if name else {}

    for minute in range(600):  # bursts that are taken away again
        hold([0, 5, 60, 40, 20, 5][minute % 6])
        plant.now += 60
        plant.following.look()
    assert plant.alerts() == []
    for minute in range(30):
        hold(10 * minute)
        plant.now += 60
        plant.following.look()
        if plant.alerts():
            break
    assert 10 <= minute <= 11  # it has only grown for ten minutes
    (alert,) = plant.alerts()
    assert (alert.rule, alert.flow, alert.count) == (("inbox", "orders", 1) if name else ("queue", "", 1))
    for _ in range(5):
        hold(0)
        plant.now += 60
        plant.following.look()
    assert [alert.state for alert in plant.alerts()] == ["resolved"]


def test_paused_and_scheduled_flows_are_not_missed_by_rhythm(plants):
    plant = plants()
    plant.learn(["nightly"], 60)
    plant.sources.told.rests = frozenset({"flows/nightly.yaml"})
    plant.pass_to(plant.now + 3 * 86400)
    assert plant.alerts() == []


def test_an_old_journal_is_learned_and_not_told(plants):
    plant = plants()
    plant.add_flow("orders")
    for _ in range(20):
        fail(plant, "orders", plants.problem("node.error"))
    plant.now += 60
    plant.following.look()
    assert plant.alerts() == []


CHILD = """
import os, signal, sys
from datetime import UTC
from pathlib import Path
from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path
from tisserand.service.alerts.following import Following
from tisserand.service.alerts.sources import Missed
from tisserand.service.alerts.store import AlertStore

root, now, kill = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
written = 0

def wrote(what):
    global written
    written += 1
    if written == kill:
        os.kill(os.getpid(), signal.SIGKILL)

class Sources:
    def queued(self): return 0
    def inbox(self): return {}
    def missed(self, since, until): return [Missed("orders", "flows/orders.yaml", now - 5)]
    def scheduled(self): return frozenset()
    def rests(self, file, trigger): return False

store = AlertStore(root / ".tisserand" / "alerts.sqlite", wrote)
with Journal(journal_path(root)) as journal:
    following = Following(root, journal, store, Sources(), lambda: now, UTC)
    following.look()
print(written)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_killed_at_every_write(plants, plant, tmp_path):
    for n in range(12):
        well(plant, "orders")
        if n % 3 == 0:
            fail(plant, f"flow-{n}", plants.problem("node.error"), folder=CONNECTED)
    fail(plant, "alone", plants.problem("node.error"))
    plant.now += 60
    plant.close()
    program = textwrap.dedent(CHILD)

    def copied(name):
        made = tmp_path / name
        shutil.copytree(plant.root, made)
        return made

    def look(root, kill=0):
        command = [sys.executable, "-c", program, str(root), str(plant.now), str(kill)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def held(root):
        with sqlite3.connect(root / ".tisserand" / "alerts.sqlite") as db:
            alerts = db.execute('SELECT rule, flow, state, count, "group" IS NULL FROM alerts ORDER BY id').fetchall()
            return alerts, db.execute("SELECT kind, alert, channel FROM outbox ORDER BY id").fetchall()

    whole = copied("whole")
    writes = int(look(whole).stdout)
    assert writes >= 4
    expected = held(whole)
    assert [row[0] for row in expected[0]] == ["failed"] * 3 + ["cause", "failed", "failed", "missing"]
    assert len(expected[1]) == 3  # the storm, the one that is alone, the missing run
    for kill in range(1, writes + 1):
        root = copied(f"killed-{kill}")
        assert look(root, kill).returncode == -signal.SIGKILL
        assert look(root).returncode == 0
        assert held(root) == expected
    # A guard taken away: were the place to go on from kept apart from what follows from the events, they would count twice.
    root = copied("apart")
    with sqlite3.connect(root / ".tisserand" / "alerts.sqlite") as db:
        before = db.execute("SELECT value FROM marks WHERE name = 'cursor'").fetchone()
    look(root)
    with sqlite3.connect(root / ".tisserand" / "alerts.sqlite") as db:
        db.execute("UPDATE marks SET value = ? WHERE name = 'cursor'", before)
    look(root)
    assert held(root)[0] != expected[0]


def test_clocks_in_sentences(plants):
    plant = plants()
    plant.learn(["weekdays"], 115)
    fault = plants.Fault("weekdays", "duration", 1)
    plant.run(["weekdays"], 3, [fault])
    (alert,) = plant.alerts()
    text = alert.message.text("en")
    assert text.startswith("The run took 2 h; usually it takes ") and text.endswith("on Fridays around 06:00.")
    assert datetime.fromtimestamp(fault.at, UTC).weekday() == 4
