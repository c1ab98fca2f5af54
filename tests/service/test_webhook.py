"""Calls from outside: who may, what is answered, what is kept before the answer, and what attackers cannot do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tisserand.sdk import Call, NotAllowed
from tisserand.sdk.registry import registry
from tisserand.service.inbox import door, hooks
from tisserand.service.inbox.dispatch import Dispatch
from tisserand.service.inbox.hooks import Hooks
from tisserand.service.inbox.listening import Listening
from tisserand.service.local import LocalExecutor
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace
from tisserand_nodes.trigger import _signatures

SECRET = "a-token-that-nobody-guesses"
FILE = "flows/hooked.yaml"

FLOW = """\
tisserand: 1
id: hooked
nodes:
  orders:
    kind: trigger.webhook
    config:
      path: orders/new
      secret: secret:hook
      columns:
        - {column: id, type: int64, required: true}
        - {column: amount, type: float64}
        - {column: customer, path: customer.name}
        - {column: at, type: timestamp(6)}
  raw:
    kind: trigger.webhook
    config: {path: raw, secret: secret:hook, signature: hmac, headers: [X-Kind], body: text, largest: 2KB}
  github:
    kind: trigger.webhook
    config: {path: github, secret: secret:hook, signature: github, headers: [X-GitHub-Event]}
  standard:
    kind: trigger.webhook
    config: {path: standard, secret: secret:hook, signature: standard-webhooks}
"""

WORKER = """
with (Path(asked["workspace"]) / "out.jsonl").open("a") as out:
    out.write((folder / "event.json").read_text() + "\\n")
journal.set_state(run, "done")
"""


class Called:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.executor = LocalExecutor(root)
        self.executor.ledger.switch_on(FILE)
        answering = Hooks(self.executor)
        self.parts = [Dispatch(self.executor), answering, Listening(self.executor, answering)]
        for part in self.parts:
            part.start()
        end = time.monotonic() + 20
        while len(self.executor.inbox.hooks()) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.executor.inbox.hooks()) == 4, self.executor.watches()
        self.urls = {hook.node: hook.url for hook in self.executor.inbox.hooks()}
        self.address = ("127.0.0.1", urlsplit(self.urls["orders"]).port)

    def stop(self) -> None:
        for part in reversed(self.parts):
            part.stop()
        self.executor.close()

    def post(self, node: str, body: Any, **headers: str) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if node == "orders":
            headers.setdefault("authorization", f"Bearer {SECRET}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(self.urls[node], data=data, headers=named, timeout=20)

    def kept(self) -> list[tuple[str, dict[str, Any]]]:
        db = sqlite3.connect(self.root / ".tisserand" / "inbox.sqlite")
        try:
            return [(key, json.loads(row)) for key, row in db.execute("SELECT key, row FROM events ORDER BY id")]
        finally:
            db.close()

    def raw(self, data: bytes, seconds: float = 10) -> bytes:
        """What is answered until the connection ends."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            connection.sendall(data)
            parts = []
            try:
                while part := connection.recv(65536):
                    parts.append(part)
            except ConnectionResetError:
                pass
            return b"".join(parts)


def prepare(root: Path) -> None:
    (root / "flows" / "hooked.yaml").write_text(FLOW)
    Connections(Workspace(root), registry()).store.set("hook", SECRET)


@pytest.fixture
def called(root: Path, worker) -> Iterator[Called]:
    worker(WORKER)
    prepare(root)
    found = Called(root)
    yield found
    found.stop()


def signed(body: bytes, key: bytes = SECRET.encode()) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def standard(body: bytes, identity: str = "msg_1", moment: int | None = None, key: bytes = SECRET.encode()) -> dict[str, str]:
    moment = int(time.time()) if moment is None else moment
    digest = hmac.new(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"webhook_id": identity, "webhook_timestamp": str(moment), "webhook_signature": f"v1,AAAA v1,{signature}"}


def test_a_call_is_kept_answered_and_served_once(called: Called) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"id": 7, "amount": 1.5, "customer": {"name": "Ann"}, "at": "2026-11-25T10:00:00+01:00", "more": "left out"}
    first = called.post("orders", body, idempotency_key="k1", traceparent=trace)
    assert first.status_code == 202, first.text
    again = called.post("orders", body, idempotency_key="k1")
    assert (again.status_code, again.json()) == (200, first.json())
    other = called.post("orders", {"id": 8})
    assert other.status_code == 202
    assert other.json() != first.json()
    rows = called.kept()
    assert [{name: value for name, value in row.items() if name != "received_at"} for _key, row in rows] == [
        {"id": 7, "amount": 1.5, "customer": "Ann", "at": "2026-11-25T10:00:00+01:00"},
        {"id": 8, "amount": None, "customer": None, "at": None},
    ]
    assert rows[0][0] == "k1"
    event = called.executor.inbox.event(first.json()["id"])
    assert event.trace == trace
    end = time.monotonic() + 30
    while dict(called.executor.watches()[0].counts) != {"done": 2} and time.monotonic() < end:
        time.sleep(0.05)
    lines = [json.loads(line) for line in (called.root / "out.jsonl").read_text().splitlines()]
    assert [line["rows"][0]["id"] for line in lines] == [7, 8]


def test_signatures_of_all_kinds(called: Called) -> None:
    body = b'{"hello": "world"}'
    assert called.post("github", body, x_hub_signature_256=f"sha256={signed(body)}", x_github_delivery="d1",
                       x_github_event="push").status_code == 202  # fmt: skip
    assert called.post("github", body, x_hub_signature_256=f"sha256={signed(body)}", x_github_delivery="d1").status_code == 200
    assert called.post("raw", b"caf\xc3\xa9", x_signature=signed(b"caf\xc3\xa9").upper(), x_kind="drink").status_code == 202
    assert called.post("standard", body, **standard(body)).status_code == 202
    assert called.post("standard", body, **standard(body)).status_code == 200
    kept = [{**row, "received_at": ""} for _key, row in called.kept()]
    assert kept == [
        {"received_at": "", "x_github_event": "push", "body": '{"hello": "world"}'},
        {"received_at": "", "x_kind": "drink", "body": "café"},
        {"received_at": "", "body": '{"hello": "world"}'},
    ]
    wrong = [
        called.post("orders", {"id": 1}, authorization=""),
        called.post("orders", {"id": 1}, authorization="Bearer wrong"),
        called.post("orders", {"id": 1}, authorization=f"Basic {SECRET}"),
        called.post("github", body),
        called.post("github", body + b" ", x_hub_signature_256=f"sha256={signed(body)}"),
        called.post("github", body, x_hub_signature_256=f"sha256={signed(body, b'other')}"),
        called.post("github", body, x_hub_signature_256="sha256="),
        called.post("raw", body, x_signature=signed(body)[:-1]),
        called.post("standard", body),
        called.post("standard", body, **standard(body, key=b"other")),
        called.post("standard", body, **{**standard(body), "webhook_id": "another"}),
        called.post("standard", body, **standard(body, "old", int(time.time()) - 301)),
        called.post("standard", body, **standard(body, "early", int(time.time()) + 301)),
        called.post("standard", body, **{**standard(body), "webhook_timestamp": "-1"}),
    ]
    assert [answer.status_code for answer in wrong] == [401] * len(wrong)
    assert len({answer.text for answer in wrong}) == 1, "nothing tells what was wrong"
    assert len(called.kept()) == 3


def test_the_vectors_of_those_who_defined_the_signatures() -> None:
    # Of docs.github.com (validating webhook deliveries) and of standardwebhooks.com (the reference libraries' test).
    hello = Call({}, b"Hello, World!", 0.0)
    told = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    _signatures.check_hex(told, hello, _signatures.key_of("github", "It's a Secret to Everybody"))
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    key = _signatures.key_of("standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    _signatures.check_standard(Call(headers, b'{"test": 2432232314}', 1614265330.0), key, 300)
    with pytest.raises(NotAllowed):
        _signatures.check_standard(Call(headers, b'{"test": 2432232314}', 1614265631.0), key, 300)
    for unusable in ("", " ", "whsec_", "whsec_!"):
        with pytest.raises(ValueError):
            _signatures.key_of("standard-webhooks", unusable)


def test_a_body_that_does_not_fit_is_told_by_field_and_not_kept(called: Called) -> None:
    def faults(body: Any) -> dict[str, str]:
        answer = called.post("orders", body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        return {fault["field"]: fault["detail"] for fault in answer.json()["errors"]}

    assert faults({"amount": 1}) == {"id": "It is missing."}
    assert set(faults({"id": "x", "amount": "y", "at": "yesterday", "customer": {"name": "z"}})) == {"id", "amount", "at"}
    assert set(faults({"id": 2**63})) == {"id"}
    assert set(faults(b'{"id": 1, "customer": {"name": "\\ud800"}}')) == {"customer"}
    for body in (
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b'{"id": NaN}',
        b'{"id": 1, "amount": 1e999}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ):
        assert set(faults(body)) == {"body"}, body[:20]
    for moment in ("1e400", "-1e300", "99999999999999", "true", '"9999999-01-01"', "[]", "{}"):
        assert called.post("orders", f'{{"id": 1, "at": {moment}}}'.encode()).status_code in (202, 400), moment
    assert called.post("orders", {"id": 1}, idempotency_key="x" * 256).status_code == 400


def test_types_of_columns_are_known_or_refused() -> None:
    from tisserand.sdk import NodeError
    from tisserand_nodes.trigger.webhook import Webhook, WebhookConfig

    def config(type: str) -> WebhookConfig:
        columns = [{"column": "id", "type": "int64"}, {"column": "x", "type": type}]
        return WebhookConfig.model_validate({"secret": "secret:s", "columns": columns})

    kinds = {"text": "string", "integer": "int64", "number": "float64", "timestamp(6)": "timestamp(6)", "decimal(10, 2)": "decimal(10, 2)"}  # fmt: skip
    assert {kind: Webhook().event(config(kind)).type_of("x") for kind in kinds} == kinds
    for ask in (Webhook().event, lambda wrong: Webhook().receiver(None, wrong)):
        with pytest.raises(NodeError, match="“txt” is not a type") as refused:
            ask(config("txt"))
        assert refused.value.field == "columns.1.type"


def test_addresses_methods_and_sizes(called: Called) -> None:
    base = called.urls["orders"].removesuffix("/orders/new")
    headers = {"authorization": f"Bearer {SECRET}"}
    for path in ("", "/orders", "/orders/new/", "/orders/new/x", "/x/..%2forders/new", "%2forders/new", "/nobody"):
        assert requests.post(base + path, headers=headers, json={"id": 1}, timeout=10).status_code == 404, path
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        answer = requests.request(method, called.urls["orders"], headers=headers, timeout=10)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    large = b"x" * 2001
    assert called.post("raw", large, x_signature=signed(large)).status_code == 413
    assert called.post("raw", large[:2000], x_signature=signed(large[:2000])).status_code == 202
    # The control API is somewhere else, and its token means nothing here.
    assert requests.get(f"http://127.0.0.1:{called.address[1]}/runs", headers=headers, timeout=10).status_code == 404


def test_a_full_inbox_asks_to_come_back(called: Called) -> None:
    (called.root / "tisserand.yaml").write_text("id: test-workspace\nexecutor: {inbox: {most_waiting: 2}}\n")
    called.executor.ledger.pause(FILE, "ann")
    end = time.monotonic() + 20
    codes: list[int] = []
    while codes[-1:] != [202] and time.monotonic() < end:  # the flow is read anew: until then it is “later” too
        time.sleep(0.6)
        codes.append(called.post("orders", {"id": 1}, idempotency_key="k1").status_code)
    assert called.post("orders", {"id": 2}, idempotency_key="k2").status_code == 202
    full = called.post("orders", {"id": 3}, idempotency_key="k3")
    assert (full.status_code, full.headers["retry-after"]) == (503, "5")
    assert called.post("orders", {"id": 1}, idempotency_key="k1").status_code == 200, "what is kept is kept"
    called.executor.ledger.unpause(FILE)
    end = time.monotonic() + 20
    while called.post("orders", {"id": 3}, idempotency_key="k3").status_code != 202 and time.monotonic() < end:
        time.sleep(0.1)
    assert [key for key, _row in called.kept()] == ["k1", "k2", "k3"]


def test_many_callers_with_one_key_make_one_event(called: Called) -> None:
    answers: list[requests.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(called.post("orders", {"id": 1}, idempotency_key="same")))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(called.kept()) == 1


def test_another_flow_may_not_take_the_address_and_a_missing_secret_is_told(called: Called) -> None:
    (called.root / "flows" / "second.yaml").write_text(FLOW)
    (called.root / "flows" / "third.yaml").write_text(
        FLOW.replace("id: hooked", "id: third").replace("secret:hook", "secret:none")
    )
    for name in ("second", "third"):
        called.executor.ledger.switch_on(f"flows/{name}.yaml")
    end = time.monotonic() + 20
    told: dict[str, str] = {}
    while len(told) < 2 and time.monotonic() < end:
        told = {watch.file: watch.problem.message.text("en") for watch in called.executor.watches() if watch.problem}
        time.sleep(0.05)
    assert "belongs to" in told["flows/second.yaml"]
    assert "no secret" in told["flows/third.yaml"]


def test_the_address_is_the_same_after_a_restart(root: Path, worker) -> None:
    worker(WORKER)
    prepare(root)
    seen = []
    for _time in range(2):
        found = Called(root)
        seen.append(found.urls)
        found.stop()
    assert seen[0] == seen[1]


# -- attacks over plain sockets ------------------------------------------------------------------------------------------------


def head(called: Called, length: str, more: str = "") -> bytes:
    path = urlsplit(called.urls["raw"]).path
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def test_a_body_may_lie_about_its_length(called: Called) -> None:
    assert called.raw(head(called, str(2**40))).startswith(b"HTTP/1.1 413")
    assert called.raw(head(called, "-1")).startswith(b"HTTP/1.1 400")
    assert called.raw(head(called, "9" * 5000)).startswith(b"HTTP/1.1 4")
    chunked = head(called, "0").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert called.raw(chunked + b"800\r\n" + b"x" * 2048 + b"\r\n").startswith(b"HTTP/1.1 413")
    assert called.raw(b"POST " + b"/" * 70_000).startswith(b"HTTP/1.1 4")
    assert called.raw(head(called, "0", "X-A: " + "a" * 70_000 + "\r\n")).startswith(b"HTTP/1.1 4")
    assert called.kept() == []


def endless(called: Called) -> int:
    """How much of an endless body is taken before the connection is ended, at most 8 MB."""
    sent = 0
    with socket.create_connection(called.address, timeout=10) as connection:
        connection.sendall(head(called, "0").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        try:
            while sent < 8 * 2**20:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
    return sent


def test_an_endless_body_ends_early_and_without_the_guard_it_does_not(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    before = endless(called)
    assert before < 8 * 2**20

    async def all_of_it(receive: Any, _door: Any) -> bytes:
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            pass
        return b""

    monkeypatch.setattr(door, "_body", all_of_it)
    assert endless(called) == 8 * 2**20


def test_without_the_comparison_anybody_could_call(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"n": 1}'
    forged = standard(body, key=b"guessed")
    assert called.post("standard", body, **forged).status_code == 401
    monkeypatch.setattr(_signatures.hmac, "compare_digest", lambda _a, _b: True)
    assert called.post("standard", body, **forged).status_code == 202


def test_without_the_clock_a_caught_call_could_be_sent_again(called: Called) -> None:
    body = b'{"n": 1}'
    caught = standard(body, "msg_caught", int(time.time()) - 3600)
    assert called.post("standard", body, **caught).status_code == 401
    text = (called.root / "flows" / "hooked.yaml").read_text()
    (called.root / "flows" / "hooked.yaml").write_text(text.replace("standard-webhooks}", "standard-webhooks, tolerance: 10 d}"))
    end = time.monotonic() + 20
    while (code := called.post("standard", body, **caught).status_code) != 202 and time.monotonic() < end:
        time.sleep(0.2)
    assert code == 202


def test_nothing_of_a_call_is_in_any_file_but_the_inbox(called: Called) -> None:
    marks = ["seen-in-body-4711", "seen-in-header-4712", SECRET]
    called.post("orders", {"id": 1, "customer": {"name": marks[0]}})
    called.post("orders", {"id": "x", "customer": {"name": marks[0]}})
    called.post("orders", b"{" + marks[0].encode())
    called.post("orders", {"id": 1}, authorization=f"Bearer {marks[1]}")
    found = {
        (path.name, mark)
        for path in (called.root / ".tisserand").rglob("*")
        if path.is_file() and path.suffix != ".part"  # the same file is read under its name a moment later
        for mark in marks
        if mark.encode() in path.read_bytes()
    }
    assert {name for name, _mark in found} <= {"inbox.sqlite", "inbox.sqlite-wal", "event.json"}
    assert {mark for _name, mark in found} == {marks[0]}


def slow(found: Called, seconds: float) -> int:
    """How many of 150 callers that never send the end of their head are sent away within a time."""
    connections = [socket.create_connection(found.address, timeout=30) for _ in range(150)]
    try:
        for connection in connections:
            connection.sendall(b"POST /hooks/hooked/raw HTTP/1.1\r\nHost: x\r\n")
        assert found.post("orders", {"id": 1}).status_code == 202, "others are served meanwhile"
        end, gone = time.monotonic() + seconds, 0
        for connection in connections:
            connection.settimeout(max(0.01, end - time.monotonic()))
            try:
                gone += connection.recv(1) == b""
            except ConnectionResetError:
                gone += 1
            except TimeoutError:
                continue
        return gone
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(("head", "gone"), [(1.0, 150), (3600.0, 51)], ids=["guarded", "without the guard"])
def test_slow_callers_are_sent_away(root: Path, worker, monkeypatch: pytest.MonkeyPatch, head: float, gone: int) -> None:
    worker(WORKER)
    prepare(root)
    monkeypatch.setattr(hooks, "BOUNDS", replace(hooks.BOUNDS, head=head, body=head))
    found = Called(root)
    try:
        # Without the limit of time only those are sent away whose place somebody else needs.
        assert slow(found, 20 if head == 1.0 else 2) == gone
    finally:
        found.stop()
