"""Settings that no gateway can run with are told in a sentence, and those that only look odd are right."""

import shutil
import tempfile
from pathlib import Path

import pytest
import requests
from pydantic import ValidationError
from tests.apis.gateways.envoy.conftest import Echo
from tests.apis.gateways.envoy.declaring import api, declared
from tests.apis.gateways.envoy.test_tls import signed
from tests.servers import envoy

from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.process import EnvoyProcess
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.sdk.errors import NodeError


@pytest.fixture
def root():
    envoy.needed()
    made = Path(tempfile.mkdtemp(prefix="gateway-odd-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def gateway(root, **settings):
    return EnvoyGateway(
        "local", EnvoySettings(**settings), Place(root, root / ".tisserand" / "gateways" / "local", lambda name: name)
    )


@pytest.mark.parametrize("host", ["localhost", "[::1]", "999.1.1.1", "", "a\nb", "x" * 300, "127.0.0.1:80", "0x7f000001"])
def test_a_host_that_is_no_address(host):
    with pytest.raises(ValidationError, match="address of this machine"):
        EnvoySettings(host=host)


@pytest.mark.parametrize("port", [0, 4711])
def test_an_address_of_another_machine(root, port):
    """Of the networks for documentation (RFC 5737): nobody has it."""
    with pytest.raises(NodeError) as refused:
        EnvoyProcess(gateway(root, host="203.0.113.77", port=port)).start()
    assert refused.value.message.args["host"] == "203.0.113.77" and refused.value.fix is not None


def test_files_of_a_certificate_that_no_file_can_be(root):
    with pytest.raises(NodeError, match="cannot be read"):
        EnvoyProcess(gateway(root, tls={"certificate": "\0", "key": "x"})).start()


def test_a_push_before_the_first_start_with_a_certificate(root):
    """What is pushed is served from the start; until then there is no certificate to look at."""
    chain, _private, _serial = signed(root, "front", "127.0.0.1")
    made, echo = gateway(root, tls={"certificate": "front.pem", "key": "front.key"}), Echo("one")
    told = declared(api(echo.url))
    process = EnvoyProcess(made)
    try:
        assert made.validate(told) == []
        made.apply(told, [])
        process.start()
        asked = {"headers": {"x-api-key": "key-of-acme"}, "verify": str(chain), "timeout": 10}
        assert requests.get(f"{made.state()['address']}/orders/v1/x", **asked).status_code == 200
        assert made.validate(told) == []
    finally:
        process.stop()
        echo.shutdown()


@pytest.mark.parametrize(("host", "shown"), [("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_every_address_of_this_machine(root, host, shown):
    assert gateway(root, host=host, port=4711).state()["address"] == f"http://{shown}:4711"
