"""The executor serves what the catalogue says: begun, watched, replaced without losing a request, ended, and begun again after kills."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.service.published.conftest import KEY, OTHER, alive, digest, until, workspace

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.service.published.calls import CONSUMER_HEADER, CREDENTIAL_HEADER, PublishedInfo
from tisserand.service.published.credential import NAME, gateway_credential
from tisserand.service.published.part import Publishing
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

ORDER = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}

API = """\
id: {flow}
version: "{version}"
lifecycle: {lifecycle}
route: {{base_path: /{flow}}}
upstream: {{flow: {id}, mode: {mode}, timeout: 40s}}
"""

CONSUMERS = """\
ada:
  credentials:
    - {{id: one, secret: secret:ada-one, fingerprint: "sha256:{fingerprint}", created: 2026-01-01T00:00:00Z, state: {state}}}
bo:
  credentials:
    - {{id: one, secret: secret:bo-one, fingerprint: "sha256:{other}", created: 2026-01-01T00:00:00Z}}
"""

SUBSCRIPTIONS = "".join(
    f"{consumer}-{api}: {{api: {api}, plan: free, consumer: {consumer}, state: {state}}}\n"
    for consumer, api, state in (("ada", "price", "active"), ("ada", "writes", "active"), ("bo", "price", "suspended"))
)


# One executor for all of them, in the order of the file: what an earlier one published serves on for the next.
# Long, and in need of a worker of its own: with the soaks.
pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("published_part")]


class Desk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.executor = LocalExecutor(root)
        self.part = Publishing(self.executor)
        self.part.start()

    def api(self, flow: str, lifecycle: str = "published", mode: str = "sync", version: str = "1", id: str = "") -> None:
        named = {"price": "trigger-request"}.get(flow, flow)
        text = API.format(flow=flow, lifecycle=lifecycle, mode=mode, version=version, id=id or named)
        (self.root / "apis").mkdir(exist_ok=True)
        (self.root / "apis" / f"{flow}-{version}.yaml").write_text(text)
        self.executor.published.refresh()

    def consumers(self, state: str = "active") -> None:
        text = CONSUMERS.format(fingerprint=digest(KEY)[:16], other=digest(OTHER)[:16], state=state)
        (self.root / "consumers.yaml").write_text(text)
        self.executor.published.refresh()

    def info(self, flow: str) -> PublishedInfo | None:
        return next((each for each in self.executor.published.list() if each.api == flow), None)

    def serving(self, flow: str) -> PublishedInfo:
        """A flow that serves, published now unless an earlier test did."""
        if not list((self.root / "apis").glob(f"{flow}-*.yaml")):
            self.api(flow)

        def looked() -> PublishedInfo | None:
            info = self.info(flow)
            return info if info is not None and info.state == "serving" else None

        found: PublishedInfo = until(looked, 60)
        return found

    def stop(self) -> None:
        self.part.stop()
        self.executor.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = workspace(tmp_path_factory.mktemp("desk"))
    store = secret_store(Workspace(root).id)
    store.set("ada-one", KEY)
    store.set("bo-one", OTHER)
    (root / "subscriptions.yaml").write_text(SUBSCRIPTIONS)
    (root / "plans.yaml").write_text("free: {}\n")
    found = Desk(root)
    found.consumers()
    yield found
    found.stop()
    pids = [json.loads(path.read_text())["pid"] for path in (root / ".tisserand" / "published").glob("*/address.json")]
    assert pids and not any(alive(pid) for pid in pids)


def ask(url: str, key: str | None = KEY, body: Any = None, path: str = "/price", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | ({"x-api-key": key} if key else {})
    return requests.post(url + path, json=ORDER if body is None else body, headers=named, timeout=60)


def test_nothing_listens_before_a_flow_is_published(desk: Desk) -> None:
    desk.api("price", lifecycle="draft")
    time.sleep(1)
    assert desk.info("price") is None and not (desk.root / ".tisserand" / "published").exists()


def test_what_is_published_answers_who_subscribed(desk: Desk) -> None:
    desk.api("price")
    info = desk.serving("price")
    assert info.address.startswith("http://127.0.0.1:") and alive(info.pid)
    assert ask(info.address).json()["total"] == 56.52
    # Suspended, without a key, and after the credential was revoked; with it again the same request passes.
    assert [ask(info.address, key).status_code for key in (OTHER, None)] == [401, 401]
    desk.consumers(state="revoked")
    until(lambda: ask(info.address).status_code == 401, 10)
    desk.consumers()
    until(lambda: ask(info.address).status_code == 200, 10)
    until(lambda: desk.info("price").requests > 3, 10)
    # Its description is for those who may call.
    told = requests.get(info.address + "/openapi.json", headers={"x-api-key": KEY}, timeout=20)
    assert told.status_code == 200 and "/price" in told.json()["paths"]
    assert requests.get(info.address + "/openapi.json", timeout=20).status_code == 401
    page = desk.executor.published.requests("price", "1", errors=True)
    assert {each["status"] for each in page.requests} == {401}


def test_a_killed_process_is_begun_again_at_its_port(desk: Desk) -> None:
    info = desk.serving("price")
    os.kill(info.pid, signal.SIGKILL)
    # Who asks meanwhile waits in the queue of the socket, which the executor holds.
    assert ask(info.address).status_code == 200
    again = until(lambda: (found := desk.serving("price")).pid != info.pid and found, 30)
    assert again.address == info.address


def test_a_changed_flow_takes_over_and_no_request_is_lost(desk: Desk) -> None:
    info = desk.serving("price")
    file = desk.root / "flows" / "price.yaml"
    before = file.read_text()
    seen: list[Any] = []
    over = threading.Event()

    def load(kept: bool) -> None:
        with requests.Session() as session:
            while not over.is_set():
                try:
                    session.headers["x-api-key"] = KEY
                    more = {} if kept else {"connection": "close"}
                    seen.append(session.post(info.address + "/price", json=ORDER, headers=more, timeout=60).json()["tax"])
                except (requests.RequestException, KeyError) as error:
                    seen.append(repr(error))
                    return

    threads = [threading.Thread(target=load, args=(kept,)) for kept in (True, True, False, False)]
    for thread in threads:
        thread.start()
    file.write_text(before.replace("net * 0.19", "net * 0.1"))
    until(lambda: seen and seen[-1] == 4.75, 60)
    time.sleep(2.5)  # the one before lets its connections go
    over.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {9.025, 4.75} and desk.serving("price").pid != info.pid and not alive(info.pid)
    file.write_text(before)
    until(lambda: ask(info.address).json()["tax"] == 9.025, 60)


def test_a_flow_that_is_broken_leaves_the_one_before_serving_and_is_told(desk: Desk) -> None:
    info = desk.serving("price")
    file = desk.root / "flows" / "price.yaml"
    before = file.read_text()
    file.write_text(before.replace("quantity * unit_price", "quantity * nothing"))
    found = until(lambda: (i := desk.info("price")).problem is not None and i, 60)
    assert "nothing" in found.problem.message.text("en") and found.state == "serving"
    assert ask(info.address).json()["total"] == 56.52 and desk.info("price").pid == info.pid
    file.write_text(before)
    until(lambda: desk.info("price").problem is None, 60)


def test_behind_a_gateway_only_its_credential_counts(desk: Desk) -> None:
    info = desk.serving("price")
    credential = gateway_credential(Workspace(desk.root).id)
    assert len(credential) > 30 and gateway_credential(Workspace(desk.root).id) == credential
    (desk.root / "gateways.yaml").write_text("edge: {type: envoy}\n")
    desk.executor.published.refresh()
    until(lambda: ask(info.address).status_code == 401, 10)
    shown = {CREDENTIAL_HEADER: credential, CONSUMER_HEADER: "zoe"}
    assert ask(info.address, None, **shown).status_code == 200
    assert desk.executor.published.requests("price", "1", limit=1).requests == () or until(
        lambda: desk.executor.published.requests("price", "1", limit=1).requests[0]["consumer"] == "zoe", 5
    )
    # A file that nobody can read lets in no more than before.
    (desk.root / "gateways.yaml").write_text("edge: [\n")
    desk.executor.published.refresh()
    time.sleep(1)
    assert ask(info.address).status_code == 401
    (desk.root / "gateways.yaml").unlink()
    desk.executor.published.refresh()
    until(lambda: ask(info.address).status_code == 200, 10)
    kept = desk.root / ".tisserand" / "published"
    assert not any(credential.encode() in path.read_bytes() for path in kept.rglob("*") if path.is_file())
    assert NAME in secret_store(Workspace(desk.root).id).names()


def test_a_flow_that_writes_answers_through_a_run(desk: Desk) -> None:
    desk.api("writes")
    info = desk.serving("writes")
    answer = ask(info.address, body={"id": 5, "amount": "10.25"}, path="/orders", idempotency_key="five")
    assert (answer.status_code, answer.text) == (201, '{"id":5,"amount":20.50}')
    # The same key is the same order, and nothing is written twice.
    again = ask(info.address, body={"id": 5, "amount": "10.25"}, path="/orders", idempotency_key="five")
    assert (again.status_code, again.text) == (201, answer.text)
    with (desk.root / "data" / "kept.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["5"]
    [run] = desk.executor.runs("writes")
    assert run.trigger == "event"
    desk.api("writes", lifecycle="retired")
    until(lambda: not alive(info.pid), 40)
    assert desk.info("writes") is None


def test_a_flow_that_cannot_answer_is_told_with_its_reasons(desk: Desk) -> None:
    (desk.root / "flows" / "deaf.yaml").write_text("tisserand: 1\nid: deaf\nnodes:\n  asked: {kind: trigger.request}\n")
    desk.api("deaf")
    found = until(lambda: (info := desk.info("deaf")).state == "failed" and info, 30)
    assert found.problem.code == "published.no_reply"
    desk.api("deaf", lifecycle="retired")


def test_other_names_are_refused(desk: Desk) -> None:
    for name in ("../x", "a/b", "", "A"):
        with pytest.raises(Refused):
            desk.executor.published.requests(name, "1")


def test_the_executor_killed_takes_its_processes_along_and_the_next_one_serves_at_the_same_port(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    (root / "apis").mkdir()
    (root / "apis" / "price.yaml").write_text(
        API.format(flow="price", lifecycle="published", mode="sync", version="1", id="trigger-request")
    )
    secret_store(Workspace(root).id).set("ada-one", KEY)
    (root / "subscriptions.yaml").write_text(SUBSCRIPTIONS)
    text = CONSUMERS.format(fingerprint=digest(KEY)[:16], other=digest(OTHER)[:16], state="active")
    (root / "consumers.yaml").write_text(text)
    address = root / ".tisserand" / "published" / "price@1" / "address.json"
    seen = []
    for _ in range(2):
        command = [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(root)]
        executor = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = seen[-1]["pid"] if seen else None

        def answers(before: Any = before) -> Any:
            with contextlib.suppress(FileNotFoundError, requests.ConnectionError):
                known = json.loads(address.read_text())
                fresh = known["pid"] != before and ask(f"http://127.0.0.1:{known['port']}").status_code == 200
                return known if fresh else None
            return None

        try:
            seen.append(until(answers, 60))
        finally:
            executor.kill()
            executor.wait()
        until(lambda: not alive(seen[-1]["pid"]), 20)
    assert seen[0]["port"] == seen[1]["port"] and seen[0]["pid"] != seen[1]["pid"]
