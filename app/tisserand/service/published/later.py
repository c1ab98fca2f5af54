"""Requests that are answered later, as their callers see them: accepted, asked for, or waited for."""

from __future__ import annotations

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import orjson

from tisserand.service.published.answers import Answer, problem
from tisserand.service.published.compiled import Ready, Rows
from tisserand.service.published.jobs import Job, Jobs, Sent
from tisserand.service.published.plain import plain_rows
from tisserand.service.published.working import JobWork
from tisserand.texts import msg

LOOK = 0.02
"""Seconds between two looks at a job that somebody waits for."""
AGAIN = b"1"
"""Seconds after which a caller may ask again."""


class Later:
    """The jobs of one process, without its loop ever waiting for the disk."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.work: JobWork | None = None
        self.loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="jobs")

    async def accept(self, ready: Ready, sent: Sent, rows: Rows, consumer: str, key: str | None, trace: str) -> Job | None:
        """Keep a job. None where its key was used for something else."""
        operation = ready.operation
        way = "direct" if ready.by_row is not None or ready.query is not None else "run"
        fingerprint = hashlib.sha256(
            json.dumps([dict(sent.path), sent.query.decode("latin-1")]).encode() + b"\n" + sent.body
        ).hexdigest()
        plain = json.dumps(plain_rows(operation.event, rows)) if way == "run" else ""
        reply = (
            json.dumps({"node": operation.reply, "takes": operation.takes, **operation.answer.model_dump(mode="json")})
            if way == "run"
            else ""
        )

        def keep() -> Job:
            return self._jobs.accept(operation.node, operation.name, consumer, way, sent, plain, reply, key, fingerprint, trace)

        job = await self.loop.run_in_executor(self._disk, keep)
        if self.work is not None:
            self.work.more.set()
        # Of one whose data was erased nobody knows any more what it was: it tells so itself.
        return job if job.fingerprint in (fingerprint, "") else None

    def accepted(self, job: Job, depth: int) -> Answer:
        return Answer(202, _document(job), headers=(_location(job, depth), (b"retry-after", AGAIN)))

    async def told(self, id: str, consumer: str) -> Answer | None:
        """How a job stands, for who asked for it; None for anybody else."""
        job = await self.loop.run_in_executor(self._disk, self._jobs.job, id)
        if job is None or job.consumer != consumer:
            return None
        return Answer(200, _document(job), headers=() if job.finished is not None else ((b"retry-after", AGAIN),))

    async def waited(self, job: Job, timeout: float, depth: int, language: str, id: str) -> Answer:
        """The answer itself, for who waits for it. Where it takes too long, the job goes on, and can be asked for."""
        end = self.loop.time() + timeout
        pause = LOOK
        while self.loop.time() < end:
            found = await self.loop.run_in_executor(self._disk, self._jobs.job, job.id)
            if found is not None and found.finished is not None:
                headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(found.headers))
                return Answer(found.status or 500, found.body or b"", found.kind.encode(), headers)
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, 0.25)
        message = msg("The answer took too long. Its job goes on and can be asked for.")
        return problem(504, message, language, id, headers=(_location(job, depth),))


def _location(job: Job, depth: int) -> tuple[bytes, bytes]:
    """Relative to the path of the request: whatever a gateway puts before it, it leads to the job."""
    return b"location", b"../" * depth + b"jobs/" + job.id.encode()


def _document(job: Job) -> bytes:
    document: dict[str, Any] = {
        "id": job.id, "state": job.state, "operation": job.operation, "created": _moment(job.created),
        "finished": _moment(job.finished) if job.finished is not None else None, "status": job.status,
    }  # fmt: skip
    if job.finished is not None:
        name = "result" if job.state == "done" else "problem"
        document[name] = orjson.Fragment(job.body) if job.body else None
    return orjson.dumps(document)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
