"""Clients that send slowly, too much or nothing, by the hundred: the executor answers honest calls meanwhile. Without its bounds it holds them all."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from tests.service.conftest import Served, workspace

from tisserand.service import guard, listening
from tisserand.service.listening import Bounds

TIGHT = Bounds(head=0.6, body=1.2, reading=1.2, idle=1.0, connections=40)
NONE = Bounds(head=10**6, body=10**6, reading=10**6, idle=10**6, connections=10**6, header_bytes=2**40)


class Under:
    """A served executor with certain bounds, and attackers."""

    def __init__(self, folder, patch, bounds):
        patch.setattr(listening, "Bounds", lambda: bounds)
        self.served = Served(workspace(folder))
        self.token = guard.token(self.served.root)
        self.address = urlsplit(self.served.url)
        self.open: list[socket.socket] = []

    def attack(self, first: bytes = b"") -> socket.socket:
        made = socket.create_connection((self.address.hostname, self.address.port), timeout=10)
        self.open.append(made)
        if first:
            made.sendall(first)
        return made

    def honest(self) -> bool:
        """Whether a call of somebody with the token is answered."""
        answer = requests.get(f"{self.served.url}/runs", headers={"Authorization": f"Bearer {self.token}"}, timeout=10)
        return answer.status_code == 200

    def alive(self) -> int:
        """How many attackers still have their connection; each sends one more byte of what it never finishes."""
        count = 0
        for each in self.open:
            with contextlib.suppress(OSError):
                each.sendall(b"x")
                each.settimeout(0.02)
                try:
                    count += each.recv(1000) != b""
                except TimeoutError:
                    count += 1
        return count

    def trickle(self, seconds: float) -> int:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.alive()
            assert self.honest()
            time.sleep(0.2)
        return self.alive()

    @staticmethod
    def until(holds, seconds=10) -> bool:
        end = time.monotonic() + seconds
        while not holds() and time.monotonic() < end:
            time.sleep(0.02)
        return holds()

    def end(self):
        for each in self.open:
            each.close()
        self.served.stop()


@pytest.fixture(params=[TIGHT, NONE], ids=["bounds", "none"])
def under(request, tmp_path, monkeypatch):
    made = Under(tmp_path, monkeypatch, request.param)
    made.bounded = request.param is TIGHT
    yield made
    made.end()


@pytest.mark.parametrize("stage", ["nothing", "head", "body"])
def test_trickled_requests_are_ended(under, stage):
    head = b"POST /runs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    whole = head + f"Authorization: Bearer {under.token}\r\nContent-Length: 100000\r\n\r\n".encode()
    for _ in range(20):
        under.attack({"nothing": b"", "head": head + b"X-More: ", "body": whole}[stage])
    left = under.trickle(1.8)
    assert left == (0 if under.bounded else 20)


def test_a_thousand_idle_connections_keep_nobody_out(under):
    """More than the process has files for: honest calls find a place."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        for n in range(600):
            under.attack()
            if n % 100 == 0:
                assert under.honest()
        held = under.served.server.server_state.connections
        if under.bounded:
            assert under.until(lambda: len(held) <= 40)
            assert under.honest()
        else:
            assert under.until(lambda: len(held) >= 600)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_flood_of_headers_is_cut_off(under):
    made = under.attack(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 4_000_000:
            made.sendall(b"X-Flood: " + b"y" * 8_000 + b"\r\n")
            sent += 8_011
    assert under.honest()
    assert (sent < 4_000_000) == under.bounded


def test_a_gigabyte_is_not_read(under):
    """Said in the length, or in chunks of which nobody knows how many come: cut off by size, whatever the time."""
    head = f"POST /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {under.token}\r\n"
    told = under.attack(f"{head}Content-Length: {10**9}\r\n\r\n".encode())
    told.settimeout(10)
    assert told.recv(100).startswith(b"HTTP/1.1 413")
    chunked = under.attack(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    part, sent = b"10000\r\n" + b"z" * 65536 + b"\r\n", 0
    with contextlib.suppress(OSError):
        while sent < 10**9:
            chunked.sendall(part)
            sent += 65536
    assert sent < 3 * guard.LARGEST_BODY
    assert under.honest()


def test_an_answer_that_nobody_takes_is_given_up(under):
    """Megabytes of events wait for a client that does not read."""
    from tisserand.engine.journal import Journal, RunRecord, new_run_id
    from tisserand.engine.launch import journal_path

    run = new_run_id()
    with Journal(journal_path(under.served.root)) as journal:
        journal.create_run(RunRecord(run, "sample", state="done"))
        for _ in range(200):
            journal.append(run, "log", None, {"message": "m" * 100_000})
    ask = f"GET /runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {under.token}\r\n\r\n"
    under.attack(ask.encode())
    tasks = under.served.server.server_state.tasks
    assert under.until(lambda: len(tasks) == 1)
    assert under.honest()
    assert under.until(lambda: not tasks, 2.5) == under.bounded


def test_requests_one_after_the_other_on_one_connection_are_all_answered(under):
    """The limits begin anew with each request."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {under.token}"
        for _ in range(8):
            assert session.get(f"{under.served.url}/health", timeout=10).status_code == 200
            time.sleep(0.2)
