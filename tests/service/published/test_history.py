"""Every request is kept, in batches: what a kill may take, what is told to who collects, and what becomes of it over time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import requests
from tests.service.published.conftest import KEY, Published, until

from tisserand.apis.usage import latency_class
from tisserand.service.gateways.flows import FlowUsage
from tisserand.service.published import history
from tisserand.service.published.history import BOUND, History, HistoryStore

ORDER = {"order": {"id": 7}, "quantity": 1, "unit_price": 2.5}


def test_a_kill_takes_only_what_was_answered_within_the_bound(publish: Callable[..., Published]) -> None:
    flow = publish("price")
    answered: list[tuple[float, str]] = []
    over = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not over.is_set():
                try:
                    answer = session.post(flow.url + "/price", json=ORDER, headers={"x-api-key": KEY}, timeout=10)
                except requests.ConnectionError:
                    return
                answered.append((time.monotonic(), answer.headers["x-request-id"]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(2.5)
    killed = time.monotonic()
    flow.kill()
    over.set()
    for thread in threads:
        thread.join()
    store = HistoryStore(flow.folder / history.FILE)
    kept = {each.id for _, each in store.latest(100_000)}
    store.close()
    lost = [moment for moment, id in answered if id not in kept]
    assert len(answered) > 200 and all(killed - moment < BOUND for moment in lost), max(killed - m for m in lost)
    # An answer is not held back until it is kept: some of the last ones are lost, or the kill came just after a batch.
    assert len(kept) >= len(answered) - len(lost)
    rows, _mark = FlowUsage(flow.folder).usage("")
    assert sum(row.requests for row in rows) == len(kept)
    flow.start()


def test_nothing_is_lost_where_the_process_ends_politely(publish: Callable[..., Published]) -> None:
    flow = publish("lookup")
    ids = {flow.ask("GET", path).headers["x-request-id"] for path in ("/stock/nut", "/stock/none", "/stock/nut?least=x", "/x")}
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    named = flow.ask("GET", "/stock/nut", None, headers={"traceparent": trace})
    assert named.status_code == 401 and named.headers["x-request-id"] == trace[3:35]
    assert flow.stop() == 0
    store = HistoryStore(flow.folder / history.FILE)
    kept = {each.id: each for _, each in store.latest()}
    assert set(kept) == {*ids, trace[3:35]} and kept[trace[3:35]].trace == trace
    assert Counter(each.status for each in kept.values()) == {200: 1, 404: 2, 400: 1, 401: 1}
    assert {each.status for _, each in store.latest(errors=True)} == {404, 400, 401}
    known = next(each for each in kept.values() if each.status == 200)
    assert (known.consumer, known.operation, known.bytes_in) == ("ada", "GET /stock/{article}", 0) and known.bytes_out > 10
    store.close()


def entry(moment: float, consumer: str, status: int = 200, ms: float = 3.0) -> history.Entry:
    return (moment, "id", "", consumer, "gold", "GET /a", status, ms, 1, 10, "")


def test_who_collects_gets_each_request_once(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "u.sqlite")
    store.add(
        [entry(3600 * 5 + 1, "ada"), entry(3600 * 5 + 2, "ada", ms=700), entry(3600 * 6, "ada"), entry(3600 * 6, "bo", 404)]
    )
    store.add([entry(3600 * 6 + 5, "ada")])
    rows, mark = store.usage("", "a", "1")
    assert sorted((row.hour // 3600, row.consumer, row.status, row.requests, row.bytes_out) for row in rows) == [
        (5, "ada", 200, 2, 20), (6, "ada", 200, 2, 20), (6, "bo", 404, 1, 10),
    ]  # fmt: skip
    early = next(row for row in rows if row.hour == 3600 * 5)
    assert early.latency[latency_class(3.0)] == 1 and early.latency[latency_class(700)] == 1 and early.plan == "gold"
    # Whoever could not keep them asks again with the mark of before.
    assert store.usage("", "a", "1")[0] == rows
    store.add([entry(3600 * 6 + 9, "ada")])
    again, mark = store.usage(mark, "a", "1")
    assert [(row.hour // 3600, row.requests) for row in again] == [(6, 1)]
    assert store.usage(mark, "a", "1") == ([], mark)
    store.close()


def test_sums_that_nobody_collects_stay_few_and_right(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "u.sqlite")
    store.add([entry(0, "first")])
    rows, mark = store.usage("", "a", "1")
    patched: dict[str, int] = {"MERGE": history.MERGE, "KEPT": history.KEPT}
    history.MERGE, history.KEPT = 50, 100
    try:
        for n in range(150):
            store.add([entry(3600 * (n % 3), "ada")])
        store.merge()
    finally:
        history.MERGE, history.KEPT = patched["MERGE"], patched["KEPT"]
    assert store.row("SELECT count(*) FROM sums") == (4,)  # one is handed out already: it stays as it was told
    assert len(store.latest(1000)) == 100
    found, _ = store.usage(mark, "a", "1")
    assert sum(row.requests for row in found) == 150 and [row.consumer for row in rows] == ["first"]
    store.close()


def test_a_batch_is_written_when_many_wait_or_time_is_up(tmp_path: Path) -> None:
    kept = History(tmp_path)
    for n in range(history.MOST * 3):
        kept.add(entry(n, "ada"))
    until(lambda: (kept.store.row("SELECT count(*) FROM requests") or (0,))[0] == history.MOST * 3, 60)
    kept.add(entry(1, "last"))
    until(lambda: kept.store.latest(1)[0][1].consumer == "last", 60)
    kept.add(entry(1, "very last"))
    kept.close()
    store = HistoryStore(tmp_path / history.FILE)
    assert store.latest(1)[0][1].consumer == "very last" and kept.count == history.MOST * 3 + 2
    store.close()
