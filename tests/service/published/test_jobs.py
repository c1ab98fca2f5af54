"""Requests that are answered later: kept before they are accepted, done or told as failed whatever is killed, theirs who asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from urllib.parse import urljoin

import pytest
import requests
from tests.service.published.conftest import OTHER, Published, until

from tisserand.service.published.jobs import Jobs, Sent

ORDER = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}


@pytest.fixture(scope="module")
def price(publish: Callable[..., Published]) -> Published:
    return publish("price", mode="async")


def job(flow: Published, answer: requests.Response) -> dict[str, object]:
    """What becomes of it."""
    assert answer.status_code == 202 and answer.headers["retry-after"], answer.text
    path = urljoin(answer.url, answer.headers["location"]).removeprefix(flow.url)
    return dict(until(lambda: (found := flow.ask("GET", path).json())["finished"] and found, 60))


def test_a_job_is_accepted_asked_for_and_done(price: Published) -> None:
    answer = price.ask("POST", "/price", json=ORDER)
    found = job(price, answer)
    assert (found["state"], found["status"]) == ("done", 200)
    assert found["result"] == {"order_id": 7, "country": "DE", "gross": 50.0, "discount": 2.5, "tax": 9.025, "total": 56.52}
    missing = job(price, price.ask("POST", "/price", json={**ORDER, "quantity": 0}))
    assert (missing["state"], missing["status"]) == ("failed", 422)
    # What does not fit is refused at once.
    assert price.ask("POST", "/price", json={}).status_code == 400


def test_a_job_is_told_to_nobody_else(price: Published) -> None:
    answer = price.ask("POST", "/price", json=ORDER)
    path = "/" + answer.headers["location"]
    assert price.ask("GET", path, OTHER).status_code == 404
    assert price.ask("GET", path, None).status_code == 401
    assert price.ask("GET", path).status_code == 200
    assert price.ask("GET", "/jobs/" + "0" * 32).status_code == 404
    assert price.ask("DELETE", path).status_code == 405


def test_the_same_key_is_the_same_job(price: Published) -> None:
    key = {"idempotency-key": "order-7"}
    first = price.ask("POST", "/price", json=ORDER, headers=key)
    again = price.ask("POST", "/price", json=ORDER, headers=key)
    assert first.headers["location"] == again.headers["location"]
    assert price.ask("POST", "/price", OTHER, json=ORDER, headers=key).headers["location"] != first.headers["location"]
    assert price.ask("POST", "/price", json={**ORDER, "quantity": 1}, headers=key).status_code == 422
    assert price.ask("POST", "/price", json=ORDER, headers={"idempotency-key": "x" * 256}).status_code == 400


def test_what_was_accepted_is_done_after_a_kill(publish: Callable[..., Published]) -> None:
    heavy = publish("heavy", mode="async")
    accepted = [heavy.ask("GET", "/pairs") for _ in range(4)]
    heavy.kill()
    assert all(answer.status_code == 202 for answer in accepted)
    store = Jobs(heavy.folder / "jobs.sqlite")
    assert len(store.open("direct")) > 1  # it was killed at work
    store.close()
    heavy.start()
    counts = [len(range(r, 6_000, 7)) for r in range(7)]
    expected = sum(counts[a] * counts[b] * (a * b % 7) for a in range(7) for b in range(7))
    for answer in accepted:
        found = until(lambda path=answer.headers["location"]: (f := heavy.ask("GET", "/" + path).json())["finished"] and f, 60)
        assert (found["state"], found["result"]) == ("done", {"pairs": expected})


@pytest.mark.parametrize("where", ["job.accepted", "job.taken", "job.finished"])
def test_killed_right_after_each_thing_that_is_written(tmp_path, where: str) -> None:
    """A process of its own writes; whatever it was killed at, the store holds what the next one goes on from."""
    path = tmp_path / "jobs.sqlite"
    Jobs(path).close()
    child = os.fork()
    if child == 0:
        store = Jobs(path, lambda what: os.kill(os.getpid(), signal.SIGKILL) if what == where else None)
        made = store.accept("n", "GET /a", "ada", "direct", Sent({}, b"", {}, b"", 1.0), "", "", "key", "f", "")
        taken = store.take(os.getpid(), 1.0, lambda pid, since: False)
        assert taken is not None and taken.id == made.id
        store.finish(made.id, "done", 200, "application/json", [], b"{}")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    store = Jobs(path)
    [(id,)] = store.rows("SELECT id FROM jobs")
    again = store.accept("n", "GET /a", "ada", "direct", Sent({}, b"", {}, b"", 1.0), "", "", "key", "f", "")
    assert again.id == id
    if where == "job.finished":
        assert (again.state, again.body) == ("done", b"{}") and store.open("direct") == []
    else:
        # Nobody else may take what somebody still works at.
        assert where == "job.accepted" or store.take(os.getpid(), 1.0, lambda pid, since: False) is None
        taken = store.take(os.getpid(), 1.0, lambda pid, since: True)
        assert taken is not None and taken.id == id
    store.close()
