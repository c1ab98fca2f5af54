"""The executor serves what the catalogue says: begun, watched, replaced without losing a request, ended, and begun again after kills."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.service.published.conftest import KEY, OTHER, alive, digest, until, workspace

from tisserand.apis.catalogue.files import Catalogue
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.service.published.calls import CONSUMER_HEADER, CREDENTIAL_HEADER, PublishedInfo
from tisserand.service.published.credential import NAME, gateway_credential
from tisserand.service.published.forms import Forms
from tisserand.service.published.part import Publishing
from tisserand.service.published.wanted import Wanted
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

ORDER = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}

API = """\
id: {flow}
version: "{version}"
lifecycle: {lifecycle}
route: {{base_path: /{flow}}}
upstream: {{flow: {id}, mode: {mode}, timeout: 90s}}
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
    for consumer, api, state in (
        ("ada", "price", "active"),
        ("ada", "writes", "active"),
        ("ada", "rated", "active"),
        ("bo", "price", "suspended"),
    )
)


# Each test publishes what it asks, and leaves what is shared as it was: they may be called in any order, on any worker.
SOON = 90.0
"""Seconds until something is taken for lost, beside whatever else the machine does."""


class Desk:
    """An executor that serves. `attending` says whether by itself; otherwise one pass is made where a test asks for it."""

    def __init__(self, root: Path, attending: bool = True) -> None:
        self.root = root
        self.executor = LocalExecutor(root)
        self.part = Publishing(self.executor)
        if attending:
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
            assert info is None or info.state != "failed" or info.problem.code == "published.died", info
            return info if info is not None and info.state == "serving" else None

        found: PublishedInfo = until(looked, SOON)
        return found

    def stop(self) -> None:
        self.part.stop()
        self.executor.close()


def shop(folder: Path) -> Path:
    """A workspace with its consumers and what they subscribed to; nothing is published yet."""
    root = workspace(folder)
    store = secret_store(Workspace(root).id)
    store.set("ada-one", KEY)
    store.set("bo-one", OTHER)
    (root / "subscriptions.yaml").write_text(SUBSCRIPTIONS)
    (root / "plans.yaml").write_text("free: {}\n")
    text = CONSUMERS.format(fingerprint=digest(KEY)[:16], other=digest(OTHER)[:16], state="active")
    (root / "consumers.yaml").write_text(text)
    return root


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    found = Desk(shop(tmp_path_factory.mktemp("desk")))
    yield found
    found.stop()
    pids = [json.loads(path.read_text())["pid"] for path in (found.root / ".tisserand" / "published").glob("*/address.json")]
    assert not any(alive(pid) for pid in pids)


def ask(url: str, key: str | None = KEY, body: Any = None, path: str = "/price", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | ({"x-api-key": key} if key else {})
    return requests.post(url + path, json=ORDER if body is None else body, headers=named, timeout=120)


def test_nothing_listens_before_a_flow_is_published(tmp_path: Path) -> None:
    desk = Desk(shop(tmp_path), attending=False)
    desk.api("price", lifecycle="draft")
    desk.part.work()
    assert desk.info("price") is None and not (desk.root / ".tisserand" / "published").exists()
    desk.executor.close()


def test_what_is_published_answers_who_subscribed(desk: Desk) -> None:
    info = desk.serving("price")
    assert info.address.startswith("http://127.0.0.1:") and alive(info.pid)
    assert ask(info.address).json()["total"] == 56.52
    # Suspended, without a key, and after the credential was revoked; with it again the same request passes.
    assert [ask(info.address, key).status_code for key in (OTHER, None)] == [401, 401]
    desk.consumers(state="revoked")
    until(lambda: ask(info.address).status_code == 401, SOON)
    desk.consumers()
    until(lambda: ask(info.address).status_code == 200, SOON)
    until(lambda: desk.info("price").requests > 3, SOON)
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
    again = until(lambda: (found := desk.serving("price")).pid != info.pid and found, SOON)
    assert again.address == info.address


class Load:
    """Callers that ask again and again, on connections that they keep and on new ones, and what they were answered."""

    def __init__(self, url: str, told: Callable[[requests.Response], Any], body: Any = None) -> None:
        self.url, self.told, self.body = url, told, body
        self.seen: list[Any] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False, False)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kept: bool) -> None:
        with requests.Session() as session:
            session.headers.update({"x-api-key": KEY} | ({} if kept else {"connection": "close"}))
            while not self._over.wait(0.01):
                try:
                    method = "GET" if self.body is None else "POST"
                    self.seen.append(self.told(session.request(method, self.url, json=self.body, timeout=120)))
                except (requests.RequestException, KeyError) as error:
                    self.seen.append(repr(error))
                    return


def test_a_changed_flow_takes_over_and_no_request_is_lost(desk: Desk) -> None:
    info = desk.serving("price")
    file = desk.root / "flows" / "price.yaml"
    before = file.read_text()
    with Load(info.address + "/price", lambda answer: answer.json()["tax"], ORDER) as load:
        file.write_text(before.replace("net * 0.19", "net * 0.1"))
        until(lambda: load.seen and load.seen[-1] == 4.75, SOON)
        until(lambda: not alive(info.pid), SOON)
    assert set(load.seen) == {9.025, 4.75} and desk.serving("price").pid != info.pid
    file.write_text(before)
    until(lambda: ask(info.address).json()["tax"] == 9.025, SOON)


RATED = """\
tisserand: 1
id: rated
nodes:
  asked: {kind: trigger.request, config: {path: /rated}}
  stock: {kind: sql.read, config: {connection: shop, table: stock}}
  reply:
    kind: flow.reply
    inputs: {table: asked}
    config: {headers: {X-Rate: "{{ rate }}"}}
"""
CONNECTIONS = """\
shop: {{type: database, system: sqlite, file: "{{{{ workspace }}}}/data/{shop}.sqlite"}}
other: {{type: database, system: sqlite, file: "{{{{ workspace }}}}/data/{other}.sqlite"}}
"""


def test_another_environment_or_connection_takes_over_and_no_request_is_lost(tmp_path: Path) -> None:
    root = shop(tmp_path)
    for name in ("one", "two"):
        with contextlib.closing(sqlite3.connect(root / "data" / f"{name}.sqlite")) as db:
            db.execute("CREATE TABLE stock (article TEXT)")
    (root / "environments").mkdir()
    (root / "environments" / "default.yaml").write_text("values: {rate: 1}\n")
    (root / "connections.yaml").write_text(CONNECTIONS.format(shop="one", other="one"))
    (root / "flows" / "rated.yaml").write_text(RATED)
    desk = Desk(root)
    try:
        first = desk.serving("rated")
        with Load(first.address + "/rated", lambda answer: answer.headers["x-rate"]) as load:
            (root / "environments" / "default.yaml").write_text("values: {rate: 2}\n")
            until(lambda: load.seen and load.seen[-1] == "2", SOON)
            until(lambda: not alive(first.pid), SOON)
            second = desk.serving("rated")
            # One that the flow does not name leaves it alone …
            (root / "connections.yaml").write_text(CONNECTIONS.format(shop="one", other="two"))
            forms, serving = Forms(root), Wanted(Catalogue(root)).servings()[0]["rated@1"]
            form = forms.of(serving)
            (root / "connections.yaml").write_text(CONNECTIONS.format(shop="one", other="one"))
            assert forms.of(serving) == form and desk.serving("rated").pid == second.pid
            # … and the one that it names does not.
            (root / "connections.yaml").write_text(CONNECTIONS.format(shop="two", other="one"))
            until(lambda: not alive(second.pid), SOON)
            assert forms.of(serving) != form and desk.serving("rated").pid not in (first.pid, second.pid)
        assert set(load.seen) == {"1", "2"}
    finally:
        desk.stop()


def test_a_flow_that_is_broken_leaves_the_one_before_serving_and_is_told(desk: Desk) -> None:
    info = desk.serving("price")
    file = desk.root / "flows" / "price.yaml"
    before = file.read_text()
    file.write_text(before.replace("quantity * unit_price", "quantity * nothing"))
    found = until(lambda: (i := desk.info("price")).problem is not None and i, SOON)
    assert "nothing" in found.problem.message.text("en") and found.state == "serving"
    assert ask(info.address).json()["total"] == 56.52 and desk.info("price").pid == info.pid
    file.write_text(before)
    until(lambda: desk.info("price").problem is None, SOON)


def test_behind_a_gateway_only_its_credential_counts(desk: Desk) -> None:
    info = desk.serving("price")
    credential = gateway_credential(Workspace(desk.root).id)
    assert len(credential) > 30 and gateway_credential(Workspace(desk.root).id) == credential
    (desk.root / "gateways.yaml").write_text("edge: {type: envoy}\n")
    desk.executor.published.refresh()
    until(lambda: ask(info.address).status_code == 401, SOON)
    shown = {CREDENTIAL_HEADER: credential, CONSUMER_HEADER: "zoe"}
    assert ask(info.address, None, **shown).status_code == 200
    until(lambda: "zoe" in [each["consumer"] for each in desk.executor.published.requests("price", "1", limit=5).requests], SOON)
    # A file that nobody can read lets in no more than before.
    (desk.root / "gateways.yaml").write_text("edge: [\n")
    assert Wanted(Catalogue(desk.root)).servings()[0]["price@1"].gateway == digest(credential)
    assert ask(info.address).status_code == 401
    (desk.root / "gateways.yaml").unlink()
    desk.executor.published.refresh()
    until(lambda: ask(info.address).status_code == 200, SOON)
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
    until(lambda: not alive(info.pid), SOON)
    assert desk.info("writes") is None


def test_a_flow_that_cannot_answer_is_told_with_its_reasons(desk: Desk) -> None:
    (desk.root / "flows" / "deaf.yaml").write_text("tisserand: 1\nid: deaf\nnodes:\n  asked: {kind: trigger.request}\n")
    desk.api("deaf")
    found = until(lambda: (info := desk.info("deaf")).state == "failed" and info, SOON)
    assert found.problem.code == "published.no_reply"
    desk.api("deaf", lifecycle="retired")


def test_other_names_are_refused(desk: Desk) -> None:
    for name in ("../x", "a/b", "", "A"):
        with pytest.raises(Refused):
            desk.executor.published.requests(name, "1")


def test_the_executor_killed_takes_its_processes_along_and_the_next_one_serves_at_the_same_port(tmp_path: Path) -> None:
    root = shop(tmp_path)
    (root / "apis").mkdir()
    text = API.format(flow="price", lifecycle="published", mode="sync", version="1", id="trigger-request")
    (root / "apis" / "price.yaml").write_text(text)
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
