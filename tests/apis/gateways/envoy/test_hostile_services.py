"""Services that answer what they may not: their caller gets an error that tells nothing of the inside, and the next one is served."""

import socket
import threading

import pytest
from tests.apis.gateways.envoy.declaring import api, declared
from tests.apis.gateways.envoy.test_attacks import OPEN, raw

HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 5\r\n\r\nhello",
    "length and chunks": HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a head without end": HEAD + b"x-a: " + b"a" * 200_000,
    "many headers": HEAD + b"".join(b"x-%d: a\r\n" % number for number in range(500)) + b"content-length: 0\r\n\r\n",
    "a name with a space": HEAD + b"x a: b\r\ncontent-length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n",
}


@pytest.fixture
def service():
    """Answers each connection once with `bytes`, and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told = {"bytes": b""}

        def serve():
            while True:
                try:
                    link, _ = listening.accept()
                except OSError:
                    return
                with link:
                    link.settimeout(5)
                    try:
                        link.recv(65_536)
                        link.sendall(told["bytes"])
                    except OSError:
                        continue  # the gateway has gone already

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", told
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_what_no_service_may_answer(site, service):
    url, told = service
    site.push(declared(api(url, "odd", security=OPEN), api(site.one.url)))
    good = HEAD + b"content-length: 5\r\nx-tisserand-limit: quota\r\n\r\nhello"
    for name, answer in ANSWERS.items():
        told["bytes"] = answer
        status, body = raw(site, "GET /odd/v1/x HTTP/1.1\nhost: x\nconnection: close\n\n")
        assert status in (502, 503) and b'"title"' in body, name
        assert url.removeprefix("http://").encode() not in body and b"evil" not in body and b"SSH" not in body, name
        told["bytes"] = good
        assert raw(site, "GET /odd/v1/x HTTP/1.1\nhost: x\nconnection: close\n\n") == (200, b"hello"), name
    assert site.call("/orders/v1/x").status_code == 200 and site.process.running()
