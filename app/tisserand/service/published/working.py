"""Works out rows: by closures on the spot, by a query on a warm connection, or for a job in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tisserand.engine.launch import process_alive, process_started
from tisserand.engine.warm import Running, Stopped, Unready
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.published.answers import Answer, problem
from tisserand.service.published.asked import Faulty
from tisserand.service.published.compiled import Compiled, Ready, Rows
from tisserand.service.published.jobs import Job, Jobs, Sent
from tisserand.texts import msg

AT_ONCE = 200
"""Rows of a request up to which closures work them out on the spot; more are handed to a thread."""
THREADS = 4
WAITING = 64
"""Requests that may wait for a thread."""
JOB_THREADS = 2

LATER = msg("Too many requests wait. Try again later.")
TIMEOUT = msg("The answer took too long.")
UNREADY = msg("A source of the answer cannot be read at the moment.")
UNWORKABLE = msg("No answer can be worked out for these values.")
INTERNAL = msg("Something went wrong that was not foreseen.")


class Failing:
    """Tells what went wrong: to the caller nothing that is ours, to the history all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def answer(self, error: BaseException, language: str, id: str) -> Answer:
        said = str(error)
        if isinstance(error, Faulty):
            return problem(400, msg("The request does not fit what is declared."), language, id, error.faults)
        if isinstance(error, Stopped | TimeoutError):
            return problem(504, TIMEOUT, language, id)
        if isinstance(error, Unready):
            return problem(503, UNREADY, language, id, headers=((b"retry-after", b"5"),), error=said)
        if isinstance(error, NodeError):
            return problem(422, UNWORKABLE, language, id, error=said)
        found = crash.report(error, self._root)
        fix = found.fix.text("en") if found.fix is not None else ""
        return problem(500, INTERNAL, language, id, error=f"{found.message.text('en')} {fix}".strip())


class Busy(Exception):  # noqa: N818 - an answer
    """No thread is free for long."""


class Working:
    """The threads of one process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="answering")
        self._waiting = 0

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def rows(self, ready: Ready, rows: Rows, timeout: float) -> Rows:
        """The rows of an answer. Raises `Busy`, `Stopped`, `Unready`, `NodeError`."""
        if self._waiting >= WAITING:
            raise Busy
        running = Running()
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, computed, ready, rows, running)
        future.add_done_callback(self._done)
        done, _ = await asyncio.wait({future}, timeout=timeout)
        if done:
            return future.result()
        running.stop()
        raise Stopped

    def _done(self, future: asyncio.Future[Rows]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # where nobody waited for it any more, it was told as too late


def computed(ready: Ready, rows: Rows, running: Running | None = None) -> Rows:
    if running is not None and running.stopped:
        raise Stopped
    if ready.by_row is not None:
        return ready.by_row(rows)
    assert ready.query is not None
    return ready.query(rows, running)


class JobWork:
    """Threads that work out the direct jobs of this process, and of one that was killed."""

    def __init__(self, jobs: Jobs, compiled: Compiled, failing: Failing, root: Path) -> None:
        self._jobs, self._failing, self._root = jobs, failing, root
        self._ready = {ready.operation.node: ready for ready in compiled.operations}
        self._over = threading.Event()
        self.more = threading.Event()
        self._pid = os.getpid()
        self._started = process_started(self._pid) or 0.0
        self._mine: set[str] = set()
        self._threads = [threading.Thread(target=self._live, name=f"job {n}", daemon=True) for n in range(JOB_THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        self.more.set()
        for thread in self._threads:
            thread.join(5)

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                job = self._jobs.take(self._pid, self._started, lambda pid, since: not process_alive(pid, since))
                if job is not None:
                    self._do(job)
                    continue
                self._jobs.sweep()
            except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and tried again
                crash.report(error, self._root)
                self._over.wait(1)
            self.more.wait(1)
            self.more.clear()

    def _do(self, job: Job) -> None:
        ready = self._ready.get(job.node)
        if ready is None:
            gone = problem(410, msg("The flow does not know this request any more."), "en", job.id)
            finish(self._jobs, job, gone)
            return
        try:
            rows = sent_rows(ready, Sent.read(job.sent), job.consumer)
            answer = ready.replying.answer(computed(ready, rows), "en", job.id)
        except Exception as error:  # noqa: BLE001 - the job's last line: what went wrong is its result
            answer = self._failing.answer(error, "en", job.id)
        finish(self._jobs, job, answer)


def sent_rows(ready: Ready, sent: Sent, consumer: str) -> Rows:
    return ready.asking.rows(sent.path, sent.query, sent.headers, sent.body, moment_of(sent.time), consumer)


_EPOCH = datetime(1970, 1, 1)


def moment_of(seconds: float) -> datetime:
    """A moment in UTC, of seconds since 1970."""
    return _EPOCH + timedelta(0, seconds)


def finish(jobs: Jobs, job: Job, answer: Answer) -> None:
    """Keep the answer of a job as its result."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
    state: Any = "done" if answer.status < 400 else "failed"
    jobs.finish(job.id, state, answer.status, answer.kind.decode(), headers, answer.body)
