"""kill -9 under the load of wrk: no job that was accepted is lost, and of the history no more than the stated bound."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.service.published.conftest import KEY, Published, until

from tisserand.service.published import history
from tisserand.service.published.history import BOUND, HistoryStore
from tisserand.service.published.jobs import FILE, Jobs

ORDER = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}
TOLD = """
wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["content-type"] = "application/json"
wrk.headers["x-api-key"] = "{key}"
response = function(status, headers, body)
    io.write("answer ", status, " ", os.time(), " ", headers["x-request-id"], " ", headers["location"] or "-", "\\n")
end
"""


class Asked:
    """Who asks, and what was answered: status, second, number of the request, job."""

    def __init__(self, command: list[str], told: Path) -> None:
        self._told = told
        with told.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def end(self) -> list[tuple[int, int, str, str]]:
        """Asks no more; it tells what it was answered only now."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        lines = [line.split() for line in self._told.read_text().splitlines() if line.startswith("answer ")]
        return [(int(status), int(second), id, location) for _, status, second, id, location in lines]


@contextmanager
def asking(folder: Path, url: str, connections: int) -> Iterator[Asked]:
    if shutil.which("wrk") is None:
        pytest.skip("needs server: wrk")
    script = folder / "told.lua"
    script.write_text(TOLD.format(body=json.dumps(ORDER), key=KEY))
    asked = Asked(["wrk", "-t1", f"-c{connections}", "-d60s", "-s", str(script), url], folder / "told.txt")
    try:
        yield asked
    finally:
        asked.stop()


def test_of_the_history_only_the_last_moments_are_lost(publish: Callable[..., Published], tmp_path: Path) -> None:
    flow = publish("price")
    with asking(tmp_path, flow.url + "/price", 32) as load:
        store = HistoryStore(flow.folder / history.FILE)
        until(lambda: (store.row("SELECT count(*) FROM requests") or (0,))[0] > 3_000, 60)
        time.sleep(2.5)  # longer than the bound, so that the kill comes anywhere between two batches
        flow.kill()
        killed = time.time()
        answered = load.end()
    kept = {id for (id,) in store.rows("SELECT id FROM requests")}
    store.close()
    lost = [second for _, second, id, _ in answered if id not in kept]
    assert len(answered) > 3_000 and {status for status, *_ in answered} == {200}
    # wrk tells whole seconds.
    assert all(second >= int(killed - BOUND) for second in lost), (killed, min(lost))
    flow.start()
    assert flow.ask("POST", "/price", json=ORDER).status_code == 200


def test_no_job_that_was_accepted_is_lost(publish: Callable[..., Published], tmp_path: Path) -> None:
    flow = publish("price", mode="async")
    answered: list[str] = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with asking(folder, flow.url + "/price", 16) as load:
            store = Jobs(flow.folder / FILE)
            before = (store.row("SELECT count(*) FROM jobs") or (0,))[0]
            until(lambda store=store, before=before: store.row("SELECT count(*) FROM jobs")[0] > before + 200, 60)
            flow.kill()
            told = load.end()
        assert {status for status, *_ in told} == {202} and len(told) > 150
        answered += [location.rpartition("/")[2] for *_, location in told]
        # What was told is on the disk already, before anybody starts again.
        assert set(answered) <= {id for (id,) in store.rows("SELECT id FROM jobs")}
        store.close()
        flow.start()
    store = Jobs(flow.folder / FILE)
    until(lambda: not store.open("direct"), 90)
    results = {id: (state, body) for id, state, body in store.rows("SELECT id, state, body FROM jobs")}
    store.close()
    assert {results[id][0] for id in answered} == {"done"}
    assert {json.loads(results[id][1])["total"] for id in answered} == {56.52}
    assert flow.ask("GET", f"/jobs/{answered[-1]}").json()["result"]["total"] == 56.52
