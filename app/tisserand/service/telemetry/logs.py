"""The log of the executor: a line for everything of note in the journal, in words or in JSON, without secrets."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.journal import Event
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.telemetry.settings import Log
from tisserand.store import StoreError
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor
    from tisserand.workspace.secrets import Redactor

EVERY = 0.5
FILE = "serve.log"
MARK = "log"

_LEVELS = {"run.failed": "error", "run.interrupted": "error", "run.cancelled": "warning", "node.failed": "error",
           "node.retry": "warning", "sink.uncertain": "warning", "problem": "error"}  # fmt: skip
_SAID = frozenset({"run.queued", "run.started", "run.waiting", "run.done", "log", *_LEVELS})


class Logging:
    """A `Part`. It goes on where it was when the executor was last there."""

    def __init__(self, executor: LocalExecutor, asked: str | None = None) -> None:
        self._executor = executor
        self._asked = asked
        self._file = executor.root / ".tisserand" / FILE
        self._flows: dict[str, str] = {}
        self._redactor: Redactor | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5)

    def _live(self) -> None:
        try:
            settings = self._executor.telemetry.settings().log
        except NodeError as error:
            crash.report(error, self._executor.root)
            settings = Log()
        form = self._asked or settings.format or ("text" if self._is_ours() else "none")
        if form == "none":
            return
        self._own(form, "executor.started")
        while True:
            last = self._stopped.wait(EVERY)
            try:
                self.look(form)
                self._put_aside(settings)
            except (StoreError, OSError) as error:
                crash.report(error, self._executor.root)
            except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and tried again
                crash.report(error, self._executor.root)
            if last:
                break
        self._own(form, "executor.stopped")

    def look(self, form: str) -> None:
        """Write what happened since."""
        store = self._executor.telemetry.store
        after = store.mark(MARK)
        if after is None:
            store.set_mark(MARK, self._executor.journal.last())
            return
        while events := self._executor.journal.tail(int(after), 500):
            lines = [self._line(event, form) for event in events if event.kind in _SAID]
            self._write(lines)
            after = events[-1].seq
            store.set_mark(MARK, after)

    def _own(self, form: str, what: str) -> None:
        now = datetime.now(UTC).timestamp()
        self._write([self._line(Event(None, "", now, what, None, {"pid": os.getpid()}), form)])

    def _line(self, event: Event, form: str) -> str:
        level = str(event.data.get("level") or "info") if event.kind == "log" else _LEVELS.get(event.kind, "info")
        flow = self._flow(event.run) if event.run else None
        text = _text(event.data)
        time = datetime.fromtimestamp(event.time, UTC).isoformat(timespec="milliseconds")
        if form == "json":
            said: dict[str, Any] = {"time": time, "level": level, "event": event.kind, "run": event.run or None, "flow": flow,
                                    "node": event.node, "message": text}  # fmt: skip
            return json.dumps(said, ensure_ascii=False)
        parts = [time, level.upper(), event.kind, flow or "", event.run, event.node or "", text or ""]
        # One line each: a message may not begin another.
        return " ".join(" ".join(part for part in parts if part).split())

    def _flow(self, run: str) -> str | None:
        if run not in self._flows:
            record = self._executor.journal.run(run)
            if record is None:
                return None
            if len(self._flows) > 1000:
                self._flows.clear()
            self._flows[run] = record.flow
        return self._flows[run]

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        redactor = self._secrets()
        for line in lines:
            print(redactor.redact(line), file=sys.stderr)
        sys.stderr.flush()

    def _secrets(self) -> Redactor:
        if self._redactor is None:
            from tisserand.sdk.registry import registry
            from tisserand.workspace.connections import Connections
            from tisserand.workspace.folder import Workspace

            self._redactor = Connections(Workspace(self._executor.root), registry()).know_secrets()
        return self._redactor

    # -- the file

    def _is_ours(self) -> bool:
        """Whether standard error is `serve.log`."""
        try:
            own, file = os.fstat(sys.stderr.fileno()), self._file.stat()
        except (OSError, ValueError, AttributeError):
            return False  # none, or something that is no file
        return (own.st_dev, own.st_ino) == (file.st_dev, file.st_ino)

    def _put_aside(self, settings: Log) -> None:
        """Begin a new file where this one is as large as it may become; standard output and error go on in it."""
        if not self._is_ours() or self._file.stat().st_size < settings.size.bytes:
            return
        for number in range(settings.files, 0, -1):
            older = _numbered(self._file, number)
            if number == settings.files:
                older.unlink(missing_ok=True)
            newer = _numbered(self._file, number - 1) if number > 1 else self._file
            if newer.exists():
                newer.replace(older)
        handle = os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(handle, stream.fileno())
        os.close(handle)


def _numbered(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")


def _text(data: Mapping[str, Any]) -> str | None:
    """The message of an event, in the language of the executor."""
    error = data.get("error")
    told = data.get("message") or (error.get("message") if isinstance(error, Mapping) else None)
    if isinstance(told, Mapping) and "id" in told:
        return Message.from_json(told).text()
    return str(told) if told else None
