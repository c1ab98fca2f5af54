"""The runs of requests that need one: begun for each job that was accepted, found again after a kill, and their rows made answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tisserand.engine.journal import FINAL
from tisserand.engine.launch import Refused, run_folder
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.service.protocol import RunRequest
from tisserand.service.published.answers import Answer, Replying, problem
from tisserand.service.published.folder import folder_of
from tisserand.service.published.jobs import FILE, Job, Jobs
from tisserand.service.published.working import finish
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.journal import RunRecord
    from tisserand.service.local import LocalExecutor

AT_ONCE = 8
"""Runs of one published flow that are begun before the first of them is over."""


class JobRuns:
    """Those of all published flows. Used by one thread."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._flows: dict[str, str] = {}
        self._stores: dict[str, Jobs] = {}

    def watch(self, key: str, flow: str) -> None:
        self._flows[key] = flow

    def close(self) -> None:
        for store in self._stores.values():
            store.close()

    def look(self) -> None:
        """One pass over all jobs that are not over."""
        for key, flow in self._flows.items():
            store = self._store(key)
            if store is None:
                continue
            for job in store.open("run")[:AT_ONCE]:
                self._see(store, key, flow, job)

    def _store(self, key: str) -> Jobs | None:
        store = self._stores.get(key)
        path = folder_of(self._executor.root, key) / FILE
        if store is None and path.exists():
            store = self._stores[key] = Jobs(path)
        return store

    def _see(self, store: Jobs, key: str, flow: str, job: Job) -> None:
        journal = self._executor.journal
        run = job.run or journal.labelled(job.label)
        if run is None:
            try:
                run = self._executor.start(_request(key, flow, job))
            except Refused as refused:
                finish(store, job, _failed(job, refused.problems[0].message))
                return
        if job.run is None:
            store.began(job.id, run)
        record = journal.run(run)
        if record is None:
            finish(store, job, _failed(job, msg("There is no run “{run}”.", run=run)))
        elif record.state == "interrupted":
            self._resume(store, job, run)
        elif record.state in FINAL:
            finish(store, job, self._answer(job, record))

    def _resume(self, store: Jobs, job: Job, run: str) -> None:
        try:
            self._executor.resume(run, "repeat")
        except Refused as refused:
            record = self._executor.journal.run(run)
            if record is not None and record.state == "interrupted":
                finish(store, job, _failed(job, refused.problems[0].message))

    def _answer(self, job: Job, record: RunRecord) -> Answer:
        if record.state != "done":
            return _failed(job, msg("The run “{run}” ended as {state}.", run=record.id, state=record.state))
        import pyarrow as pa
        import pyarrow.parquet as pq

        from tisserand.sdk.arrow import from_arrow
        from tisserand.service.published.plain import rows_of_file

        reply: dict[str, Any] = json.loads(job.reply)
        path = run_folder(self._executor.root, record.id) / "spool" / f"door.reply.{reply['node']}.parquet"
        try:
            columns: Schema = from_arrow(pq.read_schema(path))
            return Replying(reply, columns).answer(rows_of_file(path, columns), "en", job.id)
        except (OSError, pa.ArrowException, NodeError) as error:
            return _failed(job, msg("The rows of the run “{run}” are gone: {reason}", run=record.id, reason=str(error)))


def _request(key: str, flow: str, job: Job) -> RunRequest:
    rows: list[dict[str, Any]] = json.loads(job.rows)
    cause: dict[str, Any] = {"kind": "event", "node": job.node, "events": len(rows), "api": key, "job": job.id}
    if job.trace:
        cause["trace"] = job.trace
    takes = json.loads(job.reply)["takes"] if len(rows) == 1 else []
    return RunRequest(
        file=flow,
        parameters={name: rows[0][name] for name in takes if rows[0].get(name) is not None},
        trigger="event",
        label=job.label,
        cause=cause,
        event={"node": job.node, "rows": rows},
    )


def _failed(job: Job, reason: Message) -> Answer:
    """The caller is told that it failed; why stands in the history of runs."""
    return problem(500, msg("The run for this request failed."), "en", job.id, error=reason.text("en"))
