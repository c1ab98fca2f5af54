"""A plant that runs flows for months in no time: it writes the journal as the engine would, with a clock of its own."""

import heapq
import itertools
import json
import math
import random
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tisserand.engine.launch import journal_path
from tisserand.service.alerts.following import Following
from tisserand.service.local import LocalExecutor

SIGMA = 0.4
COLUMNS = {"id": "int64", "name": "string"}


def last_day(day):
    return (day + timedelta(days=1)).month != day.month


@dataclass
class Shape:
    """How one flow behaves. `starts(day)` gives seconds after midnight; `factor(moment, days since the beginning)`."""

    flow: str
    starts: object
    seconds: float
    rows: int
    factor: object = lambda moment, days: 1.0
    jitter: float = 60.0
    rejects: float = 0.0


SHAPES = {
    shape.flow: shape
    for shape in [
        Shape("nightly", lambda day: [7200], 240, 5000, rejects=0.005),
        Shape("weekdays", lambda day: [23400] if day.weekday() < 5 else [], 720, 20_000, jitter=300),
        Shape("weekly", lambda day: [18000] if day.weekday() == 0 else [], 1800, 100_000),
        Shape("month-end", lambda day: [82800], 300, 8000, lambda at, days: 4.0 if last_day(at) else 1.0),
        Shape("growing", lambda day: [11700], 200, 3000, lambda at, days: 1.01**days),
        Shape(
            "five", lambda day: range(0, 86400, 300), 20, 300,
            lambda at, days: (1.2 + math.sin((at.hour + at.minute / 60 - 8) / 24 * 2 * math.pi)) * (0.4 if at.weekday() > 4 else 1),
            jitter=10, rejects=0.004,
        ),
    ]
}  # fmt: skip


@dataclass
class Fault:
    """What happens instead of the `nth` run of a flow in the month that is watched."""

    flow: str
    kind: str
    nth: int
    at: float = 0.0
    """When it could be seen first: filled in by the plant."""


@dataclass
class Told:
    queued: int = 0
    waiting: dict = field(default_factory=dict)
    verdicts: list = field(default_factory=list)
    schedules: frozenset = frozenset()
    rests: frozenset = frozenset()


class Given:
    """The sources of alerts, as a test has them."""

    def __init__(self):
        self.told = Told()

    def queued(self):
        return self.told.queued

    def inbox(self):
        return self.told.waiting

    def missed(self, since, until):
        return [one for one in self.told.verdicts if since <= one.due <= until]

    def scheduled(self):
        return self.told.schedules

    def rests(self, file, trigger):
        return file in self.told.rests


class Plant:
    """`run` lets time pass; the alerts are looked after at every event, and every ten minutes in between."""

    def __init__(self, root, seed=1):
        self.root = root
        self.random = random.Random(seed)
        self.now = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
        self.began = self.now
        self.executor = LocalExecutor(root)
        self.db = sqlite3.connect(journal_path(root), isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA synchronous = OFF")
        self.executor.alerts.store._durable.execute("PRAGMA synchronous = OFF")  # what survives a kill is tested elsewhere
        self.sources = Given()
        self.following = self.follow()
        self.numbers = itertools.count()

    def follow(self):
        return Following(self.root, self.executor.journal, self.executor.alerts.store, self.sources, lambda: self.now, UTC)

    def close(self):
        self.db.close()
        self.executor.close()

    def add_flow(self, flow, text=None):
        path = self.root / "flows" / f"{flow}.yaml"
        path.write_text(text or f"tisserand: 1\nid: {flow}\ntitle: {flow}\nnodes: {{}}\n")
        return f"flows/{flow}.yaml"

    # -- the journal

    def event(self, run, at, kind, node=None, data=None):
        self.db.execute(
            "INSERT INTO events (run, time, kind, node, data) VALUES (?, ?, ?, ?, ?)",
            (run, at, kind, node, json.dumps(data or {})),
        )

    def begin(self, flow, at, trigger="schedule", parent=None):
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%d-%H%M%S")
        run = f"{stamp}-{next(self.numbers) % 0xFFFFFFF:07x}"
        self.db.execute(
            'INSERT INTO runs (id, flow, flow_file, flow_hash, "by", "trigger", parameters, parent, state, created, started) '
            "VALUES (?, ?, ?, 'h', '', ?, '{}', ?, 'running', ?, ?)",
            (run, flow, f"flows/{flow}.yaml", trigger, parent, at, at),
        )
        self.event(run, at, "run.started", None, {"pid": 1})
        return run

    def end(self, run, at, state="done", rows=None, rejected=None, retries=0, error=None, columns=COLUMNS):
        for number in range(retries):
            self.event(run, at, "node.retry", "read", {"attempt": number + 1, "wait": 30.0})
        if state == "done":
            self.event(run, at, "discovery.done", "read", {"detected": {}, "columns": columns})
            if rejected is not None:
                self.event(run, at, "node.done", "read", {"rows": {"rows": rows, "rejects": rejected}, "rejected": rejected})
            if rows is not None:
                self.event(run, at, "sink.done", "write", {"rows": rows, "where": "x", "bytes": None})
        text = json.dumps(error) if error else None
        self.db.execute("UPDATE runs SET state = ?, finished = ?, error = ? WHERE id = ?", (state, at, text, run))
        self.event(run, at, f"run.{state}", None, {"error": error} if error else {})

    # -- time

    def plan(self, flows, days, faults=()):
        """The starts of some flows over the next days, as (time, flow, fault)."""
        kinds = {(fault.flow, fault.nth): fault for fault in faults}
        counted = dict.fromkeys(flows, 0)
        midnight = datetime.fromtimestamp(self.now, UTC).replace(hour=0, minute=0, second=0)
        planned = []
        for day in (midnight + timedelta(days=n) for n in range(days)):
            for flow in flows:
                for second in SHAPES[flow].starts(day):
                    at = day.timestamp() + second + self.random.uniform(0, SHAPES[flow].jitter)
                    if at < self.now:
                        continue
                    planned.append((at, flow, kinds.get((flow, counted[flow]))))
                    counted[flow] += 1
        return sorted(planned, key=lambda one: one[0])

    def learn(self, flows, days):
        """Months that nobody watched: the journal is full when alerts come to it."""
        for flow in flows:
            self.add_flow(flow)
        # As when the executor is new at an old journal: nothing before it is told.
        self.db.execute("BEGIN")
        for at, flow, _fault in self.plan(flows, days):
            run = self.begin(flow, at)
            self.end(run, *self.outcome(flow, at, None))
        self.db.execute("COMMIT")
        self.now += days * 86400
        self.following.look()

    def outcome(self, flow, at, fault):
        """(end, state, rows, rejected, retries, error, columns) of a run that begins then."""
        shape = SHAPES[flow]
        moment = datetime.fromtimestamp(at, UTC)
        factor = shape.factor(moment, (at - self.began) / 86400)
        noise = lambda: math.exp(self.random.gauss(0, SIGMA))  # noqa: E731
        seconds, rows = shape.seconds * factor * noise(), max(1, round(shape.rows * factor * noise()))
        share = shape.rejects * noise()
        retries = 1 if self.random.random() < 0.03 else 0
        seconds += retries * (30 + seconds * 0.5)
        kind = fault.kind if fault else ""
        if kind == "duration":
            seconds, retries = 10 * shape.seconds * factor, 0
        elif kind == "no_rows":
            rows = 0
        elif kind == "rows":
            rows = round(shape.rows * factor / 10)
        elif kind == "rejects":
            share = 0.3
        rejected = round(rows * share / (1 - share)) if shape.rejects else None
        if kind == "failed":
            return at + seconds, "failed", None, None, retries, problem("node.error"), COLUMNS
        if kind == "drift":
            return at + seconds, "failed", None, None, retries, problem("source.drift"), COLUMNS
        columns = COLUMNS | {"new": "date"} if kind == "columns" else COLUMNS
        return at + seconds, "done", rows, rejected, retries, None, columns

    def run(self, flows, days, faults=()):
        """Let days pass, and look at what happens all the time."""
        for flow in flows:
            self.add_flow(flow)
        until = self.now + days * 86400
        queue = [(at, n, "begin", (flow, fault)) for n, (at, flow, fault) in enumerate(self.plan(flows, days, faults))]
        heapq.heapify(queue)
        ticks = itertools.count(len(queue))
        watched = []
        while queue:
            at, _n, what, about = heapq.heappop(queue)
            self.pass_to(at, watched)
            if what == "begin":
                flow, fault = about
                if fault is not None and fault.kind == "missing":
                    fault.at = at
                    watched.append(at + 3 * 3600)
                    continue
                run = self.begin(flow, at)
                end, *rest = self.outcome(flow, at, fault)
                heapq.heappush(queue, (end, next(ticks), "end", (run, fault, rest)))
            else:
                run, fault, rest = about
                self.end(run, at, *rest)
                if fault is not None:
                    fault.at = at
                    watched.append(at + 90)
            self.following.look()
        self.pass_to(until, watched)

    def pass_to(self, at, watched=()):
        """Every ten minutes; every half minute where something is expected."""
        while True:
            step = 30.0 if any(self.now <= end for end in watched) else 600.0
            if self.now + step >= at:
                break
            self.now += step
            self.following.look()
        self.now = max(self.now, at)

    def alerts(self):
        return sorted(self.executor.alerts.list(None, limit=10_000, members=True), key=lambda alert: alert.id)


def problem(code, node="read"):
    return {
        "code": code, "severity": "error", "message": {"id": "It does not work.", "args": {}}, "fix": None,
        "place": {"file": None, "line": None, "column": None, "flow": None, "node": node, "field": None},
    }  # fmt: skip


@pytest.fixture
def plants(tmp_path):
    made = []

    def make(seed=1):
        folder = tmp_path / f"plant-{len(made)}"
        (folder / "flows").mkdir(parents=True)
        (folder / "tisserand.yaml").write_text("id: plant\n")
        made.append(Plant(folder, seed))
        return made[-1]

    make.Fault, make.problem = Fault, problem
    yield make
    for plant in made:
        plant.close()
