"""Erasure by value in what published flows keep: jobs, whatever form the value came in, and the history, while the processes serve on."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from tests.service.published.conftest import KEY, Published, until

from tisserand.service.keys import erase
from tisserand.service.local import LocalExecutor
from tisserand.service.published import erasing, history
from tisserand.service.published.history import HistoryStore
from tisserand.service.published.jobs import FILE, Jobs

VALUE = "ORD-é4711-ZZ"
NUMBER = "47110815"
ORDER = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}


def forms(value: str) -> Iterator[bytes]:
    """The ways in which a value may stand in a file. In base64 it stands in one of three, by where it begins."""
    raw = value.encode()
    yield from (raw, json.dumps(value)[1:-1].encode(), quote(value).encode(), value.encode("latin-1"))
    for text in (raw, json.dumps(value)[1:-1].encode()):
        for shift in range(3):
            # The letters at both ends are mixed with what stands beside them.
            yield base64.b64encode(b"\0" * shift + text)[4:-4]


def places(root: Path, value: str) -> list[str]:
    files = (path for path in sorted((root / ".tisserand").rglob("*")) if path.is_file())
    return [
        path.relative_to(root / ".tisserand").as_posix()
        for path in files
        if any(form in path.read_bytes() for form in forms(value))
    ]


@pytest.fixture
def executor(root: Path) -> Iterator[LocalExecutor]:
    local = LocalExecutor(root)
    yield local
    local.close()


def finished(flow: Published, answer: requests.Response) -> dict[str, object]:
    assert answer.status_code == 202, answer.text
    path = "/" + answer.headers["location"]
    return dict(until(lambda: (found := flow.ask("GET", path).json())["finished"] and found, 60))


def test_jobs_and_the_history_hold_nothing_of_an_erased_value(publish: Callable[..., Published], executor: LocalExecutor) -> None:
    types, lookup, price = publish("types", mode="async"), publish("lookup", mode="async"), publish("price", mode="async")
    named = {"idempotency-key": "of-ours"}
    escaped = types.ask("POST", "/echo", data=json.dumps([{}, {"j": {"a": [VALUE]}, "deep": {"s": VALUE}}]).encode(),
                        headers={"content-type": "application/json", **named})  # fmt: skip
    plain = types.ask("POST", "/echo", data=json.dumps([{"tags": [f"see {VALUE}."]}], ensure_ascii=False).encode())
    by_path = lookup.ask("GET", f"/stock/{quote(VALUE)}?least=1")
    by_query = lookup.ask("GET", f"/stock/nut?other={quote(VALUE)}")
    by_key = types.ask("POST", "/echo", json=[{}], headers={"idempotency-key": VALUE.encode("latin-1")})
    number = price.ask("POST", "/price", json={**ORDER, "order": {"id": int(NUMBER)}})
    kept = types.ask("POST", "/echo", json=[{"deep": {"s": f"x{VALUE}"}}, {"deep": {"s": "A-2"}}])  # inside another word
    ours = [(types, escaped), (types, plain), (lookup, by_path), (lookup, by_query), (types, by_key)]
    for flow, answer in [*ours, (price, number), (types, kept)]:
        finished(flow, answer)
    store = HistoryStore(types.folder / history.FILE)
    store.add([(time.time(), "id", "", "ada", "", "POST /echo", 422, 1.0, 1, 1, f"“{VALUE}” is no number.")])
    store.close()
    before = places(executor.root, VALUE)
    assert {Path(path).name.removesuffix("-wal") for path in before} == {FILE, history.FILE} and places(executor.root, NUMBER)

    plan = executor.keys.erasure("order", VALUE)
    assert plan.texts >= len(ours) + 1 and places(executor.root, VALUE) == before
    executor.keys.erase("order", VALUE, "ann", "asked by letter")
    executor.keys.erase("order", NUMBER, "ann", "asked by letter")
    left = finished(types, kept)
    assert left["result"][0]["s"] == f"x{VALUE}" and left["result"][1]["s"] == "A-2"  # type: ignore[index]
    # The word that only begins otherwise is the one thing left; without it, no byte is.
    jobs = Jobs(types.folder / FILE)
    with jobs.writing() as db:
        db.execute("DELETE FROM jobs WHERE id = ?", (left["id"],))
    jobs.close()
    erase._swept(types.folder / FILE)
    assert places(executor.root, VALUE) == places(executor.root, NUMBER) == []
    for flow, answer in [*ours, (price, number)]:
        found = finished(flow, answer)
        assert (found["state"], found["status"], found["problem"]["detail"]) == (
            "failed",
            410,
            "The data of this job was erased.",
        )  # type: ignore[index]
    # Who asks again with its key is told the same, and nothing is done again.
    again = types.ask("POST", "/echo", json=[{"n": 1}], headers=named)
    assert again.headers["location"] == escaped.headers["location"]
    [asked] = [each for each in executor.published.requests("types", "1").requests if each["id"] == "id"]
    assert asked["error"] == "“(erased)” is no number."


def test_a_job_that_is_under_way_ends_with_its_data(publish: Callable[..., Published], executor: LocalExecutor) -> None:
    flow = publish("writes", mode="async")  # nobody begins its runs here
    body = {"id": int(NUMBER), "amount": "1.00"}
    accepted = flow.ask("POST", "/orders", json=body)
    store = Jobs(flow.folder / FILE)
    [job] = store.open("run")
    executor.keys.erase("order", NUMBER, "ann", "asked by letter")
    assert finished(flow, accepted)["status"] == 410 and store.open("run") == []
    store.finish(job.id, "done", 200, "application/json", [], NUMBER.encode())  # of whoever was at work meanwhile
    assert store.job(job.id).status == 410 and store.job(job.id).rows == "[]"
    store.close()
    assert places(executor.root, NUMBER) == []


def test_the_history_that_waits_for_its_batch_is_waited_for(
    publish: Callable[..., Published], executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = publish("heavy")
    waited: list[float] = []
    monkeypatch.setattr(erasing.time, "sleep", waited.append)
    executor.keys.erase("order", VALUE, "ann", "asked by letter")
    assert history.BOUND in waited
    assert flow.ask("GET", "/pairs", KEY).status_code == 200
