"""Certificates: the gateway's own, taken up anew while it runs, and those of the services behind it."""

import datetime
import ipaddress
import shutil
import socket
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.apis.gateways.envoy.conftest import Echo, Site, begin
from tests.apis.gateways.envoy.declaring import api, declared

from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.certificates import certificate
from tisserand.apis.gateways.envoy.settings import EnvoySettings, Tls
from tisserand.sdk.errors import NodeError


def signed(folder, name, *hosts):
    """A certificate that vouches for itself, and its key, as two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in hosts]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2)).add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return chain, private, made.serial_number


def served_serial(url):
    host, _, port = url.removeprefix("https://").partition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port)), timeout=10).encode()).serial_number


def soon(ask, wanted, seconds=10):
    end = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted


@pytest.fixture
def root():
    made = Path(tempfile.mkdtemp(prefix="gateway-tls-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_its_own_certificate_and_another_without_a_restart(root, site):
    chain, private, first = signed(root, "front", "127.0.0.1")
    settings = EnvoySettings(tls={"certificate": "front.pem", "key": "front.key"})
    gateway, process = begin(root, settings)
    echo = Echo("one")
    try:
        tls = Site(gateway, process, echo, echo)
        tls.push(declared(api(echo.url)))
        assert tls.url.startswith("https://") and tls.call("/orders/v1/x", verify=str(chain)).status_code == 200
        assert served_serial(tls.url) == first
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(tls.url, timeout=5)
        with pytest.raises(requests.ConnectionError):
            requests.get(tls.url.replace("https:", "http:"), timeout=5)
        pid = process._process.pid
        _chain, _private, second = signed(root, "front", "127.0.0.1")
        process.look()
        soon(lambda: served_serial(tls.url), second)
        tls.session.close()
        assert tls.call("/orders/v1/x", verify=str(chain)).status_code == 200
        assert process._process.pid == pid and not process.outdated()
        # One that does not fit is told, and the one before serves on.
        other = root / "elsewhere"
        other.mkdir()
        _chain, wrong, _serial = signed(other, "front", "127.0.0.1")
        shutil.copy(wrong, private)
        with pytest.raises(NodeError) as refused:
            process.look()
        assert "front.pem" in refused.value.message.text("en")
        assert served_serial(tls.url) == second
        assert "PRIVATE KEY" not in (root / ".tisserand/gateways/local/bootstrap.json").read_text()
    finally:
        process.stop()
        echo.shutdown()


def test_the_private_key_as_a_secret(root):
    chain, private, _serial = signed(root, "front", "127.0.0.1")
    text = private.read_text()
    private.unlink()
    place = Place(root, root, lambda name: {"front": text}[name])
    found = certificate(Tls(certificate=str(chain), key_secret="secret:front"), place)["tls_certificate"]
    assert found["private_key"]["inline_string"] == text
    for broken in ({"certificate": "front.pem"}, {"certificate": "front.pem", "key": "a", "key_secret": "secret:b"}):
        with pytest.raises(ValueError):
            Tls(**broken)
    for missing in (Tls(certificate="none.pem", key="front.key"), Tls(certificate="front.pem", key="none.key")):
        with pytest.raises(NodeError):
            certificate(missing, place)


class Secure(ThreadingHTTPServer):
    """A service that speaks TLS only."""

    daemon_threads = True

    def __init__(self, chain, private):
        super().__init__(("127.0.0.1", 0), _Hello)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        self.asked_for = []
        context.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        """Callers that do not believe it go away."""


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *told):
        """Says nothing."""


def test_services_must_prove_who_they_are(root):
    chain, private, _serial = signed(root, "good", "localhost", "127.0.0.1")
    other, theirs, _serial = signed(root, "evil", "evil.example")
    servers = {"good": Secure(chain, private), "evil": Secure(other, theirs)}
    both = root / "both.pem"
    both.write_text(chain.read_text() + other.read_text())
    gateway, process = begin(root, EnvoySettings(authorities="both.pem"))
    try:
        tls = Site(gateway, process, None, None)

        def answer(server, host, **more):
            url = f"https://{host}:{servers[server].server_address[1]}"
            tls.push(declared(api("", upstream={"targets": [{"url": url}], **more})))
            return tls.call("/orders/v1/x")

        by_name = answer("good", "localhost")
        assert (by_name.status_code, by_name.text) == (200, "hello") and servers["good"].asked_for[-1] == "localhost"
        by_address = answer("good", "127.0.0.1")
        assert (by_address.status_code, by_address.text) == (200, "hello") and servers["good"].asked_for[-1] is None
        # Vouched for, but under another name.
        refused = answer("evil", "localhost")
        assert refused.status_code == 503 and refused.headers["content-type"] == "application/problem+json"
        assert answer("evil", "localhost", verify=False).status_code == 200, "only where somebody says so"
        assert answer("evil", "localhost").status_code == 503
    finally:
        process.stop()
        for server in servers.values():
            server.shutdown()
            server.server_close()


def test_services_that_nobody_vouches_for(root):
    chain, private, _serial = signed(root, "own", "localhost")
    other, _theirs, _serial = signed(root, "trusted", "somewhere.example")
    server = Secure(chain, private)
    gateway, process = begin(root, EnvoySettings(authorities="trusted.pem"))
    try:
        tls = Site(gateway, process, None, None)
        tls.push(declared(api(f"https://localhost:{server.server_address[1]}")))
        assert tls.call("/orders/v1/x").status_code == 503
        assert other.exists()
        gone = EnvoyGateway("local", EnvoySettings(authorities="none.pem"), gateway.place)
        assert [each.code for each in gone.validate(declared(api("https://localhost:1")))] == ["envoy.authorities"]
    finally:
        process.stop()
        server.shutdown()
        server.server_close()


def test_addresses_behind_a_trusted_proxy(root):
    echo = Echo("one")
    gateway, process = begin(root, EnvoySettings(trusted_hops=1))
    try:
        behind = Site(gateway, process, echo, echo)
        behind.push(declared(api(echo.url, policies={"ip_deny": ["203.0.113.0/24"]})))
        asked = {"203.0.113.9": 403, "198.51.100.1": 200, "203.0.113.9, 198.51.100.1": 200, "198.51.100.1, 203.0.113.9": 403}
        found = {each: behind.call("/orders/v1/x", headers={"x-forwarded-for": each}).status_code for each in asked}
        assert found == asked
    finally:
        process.stop()
        echo.shutdown()


def test_a_port_of_ones_own(root):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gateway, process = begin(root, EnvoySettings(port=port))
    try:
        assert gateway.state()["address"] == f"http://127.0.0.1:{port}" and gateway.state()["version"].startswith("1.")
        assert requests.get(gateway.state()["address"], timeout=5).status_code == 404
    finally:
        process.stop()
