"""A workspace whose flow gathers MQTT messages by device and window, with all that is killed and counted around it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "flows/readings.yaml"
FLOW = """tisserand: 1
id: readings
title: Readings
nodes:
  arrives:
    kind: trigger.mqtt
    config:
      connection: broker
      topics: [plant/+/t]
      payload: columns
      columns: [{column: id, type: int64}, {column: value, type: float64}]
      key: id
      window: WINDOW
      most: MOST
  devices:
    kind: table.formula
    inputs: {table: arrives}
    config: {columns: {device: "split_part(topic, '/', 2)"}}
  windows:
    kind: table.aggregate
    inputs: {table: devices.table}
    config: {by: [device], values: {readings: count(), total: sum(value)}}
  keep_windows:
    kind: sql.write
    inputs: {table: windows.table}
    config: {connection: sink, table: windows}
"""
EACH = """  keep_each:
    kind: sql.write
    after: {keep_windows: done}
    inputs: {table: arrives}
    config: {connection: sink, table: readings}
"""


@dataclass
class Plant:
    """The workspace, and the executor of it as a process of its own."""

    root: Path
    broker: Any
    each: bool = True
    window: str = "1s"
    most: int = 200_000
    protocol: str = "5"
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _publishers: list[subprocess.Popen[str]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        from tisserand.workspace.folder import Workspace

        Workspace.create(self.root)
        (self.root / "tisserand.yaml").open("a").write("executor:\n  inbox: {most_waiting: 2000000}\n")
        (self.root / "connections.yaml").write_text(
            f"broker: {{type: mqtt, host: 127.0.0.1, port: {self.broker.port}, tls: none, protocol: '{self.protocol}'}}\n"
            f"sink: {{type: database, system: sqlite, file: sink.sqlite}}\n"
        )
        text = FLOW.replace("WINDOW", self.window).replace("MOST", str(self.most)) + (EACH if self.each else "")
        (self.root / FILE).write_text(text)

    def start(self) -> None:
        from tisserand.service.serve import running

        log = (self.root / "executor.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(self.root)], stdout=log, stderr=log
        )
        log.close()
        until(lambda: running(self.root) is not None, 30)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def on(self) -> None:
        """Switch the flow on and wait until it is subscribed at the broker."""
        from tisserand.service.serve import connect

        executor = connect(self.root)
        executor.watch(FILE)
        executor.close()
        until(lambda: "1 plant/+/t" in (self.mark() or {}).get("topics", ()) and self.mark_settled(), 30)

    def mark(self) -> Any:
        found = self.ask(".tisserand/inbox.sqlite", "SELECT mark FROM sources")
        return json.loads(found[0][0]) if found and found[0][0] else None

    def mark_settled(self) -> bool:
        time.sleep(0.5)
        return True

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)
        self._process = None

    def stop(self) -> None:
        for publisher in self._publishers:
            if publisher.poll() is None:
                publisher.kill()
            publisher.wait(20)
            assert publisher.stdout is not None
            publisher.stdout.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None

    def publish(self, first: int, count: int, rate: float) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("mqtt_publisher.py")
        command = [sys.executable, str(script), str(self.broker.port), str(first), str(count), str(rate)]
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._publishers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))
        return self._publishers[-1]

    def ask(self, file: str, sql: str) -> list[tuple[Any, ...]]:
        """Straight from a file; nothing where it, or the table, is not there yet."""
        with suppress(sqlite3.OperationalError):
            db = sqlite3.connect(f"file:{self.root / file}?mode=ro", uri=True, timeout=20)
            try:
                return db.execute(sql).fetchall()
            finally:
                db.close()
        return []

    def served(self) -> int:
        """How many messages stand in the windows that were written."""
        found = self.ask("sink.sqlite", "SELECT coalesce(sum(readings), 0) FROM windows")
        return int(found[0][0]) if found else 0

    def settled(self) -> bool:
        """Whether the runs of all events are over."""
        return self.ask(".tisserand/inbox.sqlite", "SELECT DISTINCT state FROM events") == [("done",)]

    def arrived(self) -> int:
        found = self.ask(".tisserand/inbox.sqlite", "SELECT count(*) FROM events")
        return int(found[0][0]) if found else 0


def until(ready: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)
