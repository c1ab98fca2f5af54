"""What stands before the control API: each guard holds, and what it guards is open without it."""

import http.client
import os
import socket
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import requests

from tisserand.service import guard, serve
from tisserand.service.client import HttpExecutor
from tisserand.service.protocol import Refused, RunRequest


@pytest.fixture
def api(served):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {guard.token(served.root)}"
    session.base = served.url
    return session


def test_with_the_token_it_answers(api, served):
    answer = api.get(f"{served.url}/health")
    assert answer.status_code == 200
    assert answer.json()["workspace"] == str(served.root)
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x", "Bearer é"]
)
def test_without_the_token_nothing_is_answered(served, header):
    given = guard.token(served.root)
    headers = {} if header is None else {"Authorization": header.format(token=given).encode()}
    for method, path in [("GET", "/health"), ("GET", "/runs"), ("POST", "/runs"), ("GET", "/openapi.json"), ("GET", "/nothing")]:
        answer = requests.request(method, served.url + path, headers=headers)
        assert answer.status_code == 401
        assert str(served.root) not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "127.0.0.1:x", "", "localhost.:80"]
)
def test_another_name_for_this_machine_is_refused(api, served, host):
    assert api.get(f"{served.url}/health", headers={"Host": host}).status_code == 403


def test_localhost_is_this_machine(api, served):
    port = urlsplit(served.url).port
    assert api.get(f"http://localhost:{port}/health").status_code == 200


def test_pages_of_a_browser_are_refused(api, served):
    answer = api.get(f"{served.url}/health", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    asked = api.options(f"{served.url}/runs", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 403


def test_it_listens_on_loopback_only(served):
    port = urlsplit(served.url).port
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {
        "127.0.0.1",
        "127.0.1.1",
    }
    for address in addresses:
        with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):
            pass


def test_large_bodies_are_refused_before_they_are_read(api, served):
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    connection.putrequest("POST", "/runs")
    connection.putheader("Authorization", api.headers["Authorization"])
    connection.putheader("Content-Length", str(guard.LARGEST_BODY + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_large_bodies_without_a_length_are_cut_off(api, served):
    def endless():
        for _ in range(guard.LARGEST_BODY // 65536 + 2):
            yield b"x" * 65536

    try:
        assert api.post(f"{served.url}/runs", data=endless()).status_code == 413
    except requests.ConnectionError:
        pass  # the executor hung up while we were still sending: refused as well
    assert api.get(f"{served.url}/health").status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"file": 3}', b'{"unknown": 1}', b'{"keep": "most"}', b'{"threads": -1}', b"\xff\xfe"]
)
def test_malformed_calls_get_a_sentence(api, served, body):
    answer = api.post(f"{served.url}/runs", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["message"]["id"]


@pytest.mark.parametrize("path", ["/runs/../../etc/passwd", "/runs/%2e%2e%2f%2e%2e%2fetc", "/runs/..%5c..", "/runs/%00"])
def test_names_do_not_climb(api, served, path):
    url = urlsplit(served.url)
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", path, headers={"Authorization": api.headers["Authorization"]})
    assert connection.getresponse().status == 404
    connection.close()


def test_what_nobody_foresaw_is_a_sentence_and_a_file(api, served, monkeypatch):
    from tisserand.service.local import LocalExecutor

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("the secret detail")

    monkeypatch.setattr(LocalExecutor, "runs", broken)
    answer = api.get(f"{served.url}/runs")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    reports = list((served.root / ".tisserand" / "crashes").iterdir())
    assert len(reports) == 1
    assert "the secret detail" in reports[0].read_text()


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_the_token_is_its_owners_alone(served):
    for name in ("token", "executor.json"):
        assert stat.S_IMODE((served.root / ".tisserand" / name).stat().st_mode) == 0o600
    assert guard.token(served.root) == guard.token(served.root)
    assert len(guard.token(served.root)) >= 40


def test_the_token_goes_to_no_proxy(served, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert serve.connect(served.root).health()["workspace"] == str(served.root)


def test_one_executor_serves_a_workspace(served):
    with pytest.raises(Refused, match="already serves"):
        serve.serve(served.root)


def test_without_an_executor_process_the_work_is_done_here(root):
    executor = serve.connect(root)
    assert type(executor).__name__ == "LocalExecutor"
    executor.close()
    (root / ".tisserand" / "executor.json").write_text('{"port": 9, "pid": 1, "started": 5}')
    executor = serve.connect(root)
    assert type(executor).__name__ == "LocalExecutor"
    executor.close()


def test_an_executor_that_is_gone_is_a_sentence():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(Refused, match="does not answer"):
        HttpExecutor(url, "token").start(RunRequest("flows/sample.yaml"))


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is POSIX")
def test_the_process_ends_politely_and_tidies_up(root):
    process = subprocess.Popen(
        [sys.executable, "-m", "tisserand.cli.main", "serve", "--json", "--workspace", str(root)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert '"url": "http://127.0.0.1:' in process.stdout.readline()
    assert (root / ".tisserand" / "executor.json").exists()
    process.terminate()
    assert process.wait(20) == 0
    assert not (root / ".tisserand" / "executor.json").exists()
    process.stdout.close()
