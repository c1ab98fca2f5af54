"""The executor is killed at every kind of inbox write, and at random moments, while files and calls arrive; then everything that
was accepted stands in the sinks exactly once, or waits in the inbox."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tisserand.sdk.registry import registry
from tisserand.service.ledger import Ledger
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

REPORTS = Path(__file__).parent / "reports"
FILE = "flows/taken.yaml"
TOKEN = "nobody-guesses-this"

FLOW = """\
tisserand: 1
id: taken
nodes:
  arrives:
    kind: trigger.folder
    retry: {attempts: 3, wait: 100ms}
    config: {folder: in, pattern: "*.txt", settle: 100ms, when_done: move, done_folder: done}
  posted:
    kind: trigger.webhook
    retry: {attempts: 3, wait: 100ms}
    config:
      secret: secret:hook
      columns:
        - {column: number, type: int64, required: true}
  files:
    kind: sql.write
    inputs: {table: arrives}
    config: {connection: base, table: files, mode: append}
  calls:
    kind: sql.write
    inputs: {table: posted}
    after: {files: done}
    config: {connection: base, table: calls, mode: append}
"""

EXECUTOR = """
import os, signal, sys, threading, time
from pathlib import Path
from tisserand.service.inbox.store import InboxStore
root, what, left, seconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
lock = threading.Lock()
def wrote(self, name):
    global left
    with lock:
        left -= name == what
        if name == what and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
InboxStore._wrote = wrote
if seconds:
    def later():
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=later, daemon=True).start()
from tisserand.service.serve import serve
serve(root)
"""

WRITES = ("inbox.kept", "inbox.taken", "inbox.began", "inbox.done")


class Place:
    """A workspace whose flow is on, an executor that is killed and started again, and somebody who sends."""

    def __init__(self, root: Path) -> None:
        self.root = Workspace.create(root).root
        for name in ("in", "done", "before"):
            (self.root / name).mkdir()
        (self.root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
        (self.root / FILE).write_text(FLOW)
        Connections(Workspace(self.root), registry()).store.set("hook", TOKEN)
        (self.root / ".tisserand").mkdir(exist_ok=True)
        ledger = Ledger(self.root / ".tisserand" / "ledger.sqlite")
        ledger.switch_on(FILE)
        ledger.close()
        self.process: subprocess.Popen[bytes] | None = None
        self.accepted: set[int] = set()
        self.dropped: set[str] = set()
        self.last = ""
        """What the last call got."""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, what: str = "", left: int = 0, seconds: float = 0.0) -> None:
        command = [sys.executable, "-c", EXECUTOR, str(self.root), what, str(left), str(seconds)]
        with (self.root / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def killed(self, seconds: float) -> bool:
        """Whether the executor came to its end within a time."""
        assert self.process is not None
        try:
            return self.process.wait(seconds) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            return False

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    def send(self, files: int, calls: int, pause: float) -> None:
        """Files by renaming, as they should come; calls until each was accepted, as senders do who were told nothing."""
        self._threads = [
            threading.Thread(target=self._drop, args=(files, pause)),
            threading.Thread(target=self._call, args=(calls, pause)),
        ]
        for thread in self._threads:
            thread.start()

    def sent(self, seconds: float) -> bool:
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def give_up(self) -> None:
        self._stop.set()
        self.sent(30)

    def _drop(self, count: int, pause: float) -> None:
        for number in range(count):
            name = f"f{number}.txt"
            (self.root / "before" / name).write_text("x")
            (self.root / "before" / name).rename(self.root / "in" / name)
            self.dropped.add(f"f{number}")
            if self._stop.wait(pause):
                return

    def _call(self, count: int, pause: float) -> None:
        headers = {"authorization": f"Bearer {TOKEN}"}
        for number in range(count):
            while not self._stop.is_set():
                try:
                    port = json.loads((self.root / ".tisserand" / "hooks.json").read_text())["port"]
                    url = f"http://127.0.0.1:{port}/hooks/taken"
                    named = {**headers, "idempotency-key": f"c{number}"}
                    answer = requests.post(url, json={"number": number}, headers=named, timeout=10)
                except (OSError, requests.RequestException, ValueError) as error:
                    self.last = repr(error)
                    time.sleep(0.05)
                    continue
                self.last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code in (200, 202):
                    self.accepted.add(number)
                    break
                time.sleep(0.05)
            if self._stop.wait(pause):
                return

    def rows(self, path: str, sql: str) -> list[tuple[object, ...]]:
        db = sqlite3.connect(self.root / path, timeout=30)
        try:
            return db.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            db.close()

    def told(self) -> str:
        """What a failure needs beside it: how the executor ended, what stands in the inbox, and the end of its log."""
        code = None if self.process is None else self.process.poll()
        log = (self.root / "serve.log").read_text(errors="replace")[-4000:]
        log += str(self.rows(".tisserand/ledger.sqlite", "SELECT * FROM watches"))
        return f"exit {code}, inbox {self.states()}, accepted {sorted(self.accepted)}, dropped {sorted(self.dropped)}, last {self.last}\n{log}"

    def states(self) -> dict[str, int]:
        return dict(self.rows(".tisserand/inbox.sqlite", "SELECT state, count(*) FROM events GROUP BY state"))

    def exact(self, seconds: float, about: str) -> None:
        """With an executor that is left alone, everything that was accepted is in the sinks once."""
        end = time.monotonic() + seconds
        wanted = {"done": len(self.accepted) + len(self.dropped)}
        while self.states() != wanted and time.monotonic() < end:
            time.sleep(0.1)
        assert self.states() == wanted, (about, self.rows(".tisserand/journal.sqlite", "SELECT id, state, error FROM runs"))
        calls = Counter(number for (number,) in self.rows("base.sqlite", "SELECT number FROM calls"))
        files = Counter(stem for (stem,) in self.rows("base.sqlite", "SELECT stem FROM files"))
        assert calls == Counter(self.accepted), about
        assert files == Counter(self.dropped), about
        assert sorted(path.stem for path in (self.root / "done").iterdir()) == sorted(self.dropped), about
        assert list((self.root / "in").iterdir()) == [], about
        open_runs = self.rows(".tisserand/journal.sqlite", "SELECT id FROM runs WHERE state NOT IN ('done')")
        assert open_runs == [], about


@pytest.mark.timeout(300)
def test_killed_at_every_kind_of_write(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    chance = random.Random(int(os.environ.get("TISSERAND_SEED", "11")))
    kills = [(what, chance.randint(1, 2)) for what in WRITES]
    chance.shuffle(kills)
    kills.sort(key=lambda kill: kill[0] != "inbox.kept")  # later on there may be nothing left to keep
    try:
        place.send(files=4, calls=6, pause=0.4)
        for what, left in kills:
            place.begin(what, left)
            assert place.killed(60), (what, left, place.told())
        place.begin()
        assert place.sent(60)
        assert len(place.accepted) == 6
        place.exact(90, str(kills))
    finally:
        place.give_up()
        place.end()


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """`SOAK_KILLS` (200) kills with a new seed: half at a write of the inbox, half whenever. The report says where they hit."""
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
    kills = int(os.environ.get("SOAK_KILLS") or 200)
    chance = random.Random(seed)
    place = Place(tmp_path / "place")
    hit: Counter[str] = Counter()
    begun = time.monotonic()
    try:
        place.send(files=kills, calls=kills, pause=3.0)
        while sum(hit.values()) < kills:
            what, left, seconds = chance.choice(WRITES), chance.randint(1, 4), 0.0
            if chance.random() < 0.5:
                what, left, seconds = "", 0, chance.uniform(0.3, 4.0)
            place.begin(what, left, seconds)
            if place.killed(60):
                hit[what or "whenever"] += 1
            else:
                place.end(signal.SIGKILL)
                hit["idle"] += 1
        place.begin()
        assert place.sent(kills * 20), f"seed {seed}"
        place.exact(3600, f"seed {seed}")
    finally:
        place.give_up()
        place.end()
    today = datetime.now(UTC).date().isoformat()
    REPORTS.mkdir(exist_ok=True)
    lines = [
        f"# Kills of the executor while events arrive, {today}",
        "",
        f"Seed {seed}, {sum(hit.values())} kills in {time.monotonic() - begun:.0f} s: {len(place.accepted)} calls that were answered "
        f"and {len(place.dropped)} files are in the sinks, each exactly once; no run is left open.",
        "",
        "| killed at | kills |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in sorted(hit.items())),
    ]
    (REPORTS / f"inbox-{today}.md").write_text("\n".join(lines) + "\n")
