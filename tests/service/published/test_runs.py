"""Jobs that need a run: each becomes one run, whatever the executor was killed at, and a run that fails is told as failed."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.service.published.conftest import until, workspace

from tisserand.service.local import LocalExecutor
from tisserand.service.published.folder import made
from tisserand.service.published.jobs import FILE, Jobs, Sent
from tisserand.service.published.runs import JobRuns


@pytest.fixture
def executor(tmp_path: Path):
    found = LocalExecutor(workspace(tmp_path))
    yield found
    found.close()


def accept(store: Jobs, rows: list[dict[str, object]]) -> str:
    reply = {"node": "reply", "takes": [], "form": "one", "status": 201, "missing": 404, "headers": {}}
    sent = Sent({}, b"", {}, b"", 1.0)
    return store.accept("asked", "POST /orders", "ada", "run", sent, json.dumps(rows), json.dumps(reply), None, "f", "").id


def test_killed_between_the_run_and_its_note_the_job_finds_its_run_again(executor: LocalExecutor) -> None:
    store = Jobs(made(executor.root, "writes@1") / FILE)
    good = accept(store, [{"id": 1, "amount": "2.00"}])
    bad = accept(store, [{"id": "no number", "amount": None}])

    class Killed(BaseException):
        pass

    runs = JobRuns(executor)
    runs.watch("writes@1", "flows/writes.yaml")
    runs._store("writes@1").began = lambda id, run: (_ for _ in ()).throw(Killed())  # type: ignore[method-assign, union-attr]
    with pytest.raises(Killed):
        runs.look()
    runs.close()
    assert len(executor.runs("writes")) == 1 and store.job(good).run is None

    again = JobRuns(executor)
    again.watch("writes@1", "flows/writes.yaml")

    def over() -> bool:
        again.look()
        return not store.open("run")

    until(over, 90)
    again.close()
    # Two jobs, two runs: the first was not begun twice, and wrote once.
    assert len(executor.runs("writes")) == 2
    with (executor.root / "data" / "kept.csv").open() as file:
        assert [(row["id"], Decimal(row["amount"])) for row in csv.DictReader(file)] == [("1", Decimal(4))]
    assert (store.job(good).state, store.job(good).status, json.loads(store.job(good).body)["amount"]) == ("done", 201, 4.0)
    failed = store.job(bad)
    assert (failed.state, failed.status, failed.kind) == ("failed", 500, "application/problem+json")
    assert b"no number" not in failed.body
    store.close()
