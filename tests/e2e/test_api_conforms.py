"""Published flows through the real gateway against their own documents: schemathesis calls what fits them and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.servers import envoy
from tests.service.published.conftest import workspace

from tisserand.service.apis.calls import PublishRequest
from tisserand.service.client import HttpExecutor
from tisserand.service.serve import connect, running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the embedded gateway runs on Linux")

EXAMPLES = int(os.environ.get("TISSERAND_API_EXAMPLES", "25"))
"""For each operation, of what fits and of what does not."""
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance,
)  # fmt: skip
PATIENCE = 20
"""Seconds in which every answer has come."""
APIS = {
    "price": ("trigger-request", "sync"),
    "lookup": ("lookup", "sync"),
    "types": ("types", "sync"),
    "later": ("trigger-request", "async"),
}

EXPECTED = {"price": {200, 400, 401, 422}, "lookup": {400, 401, 404}, "types": {200, 400, 401}, "later": {202, 400, 401, 404}}


@dataclass
class Gate:
    url: str
    key: str
    executor: HttpExecutor

    def schema(self, api: str) -> Any:
        """Of the document that the catalogue tells; its relative server is an address of the gateway."""
        document = self.executor.apis.get(api, "1").document
        assert document is not None
        schema = schemathesis.openapi.from_dict({**document})
        schema.config.update(base_url=self.url + document["servers"][0]["url"])
        return schema


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    envoy.needed()
    root = workspace(tmp_path_factory.mktemp("gate"))
    (root / "gateways.yaml").write_text("main: {type: envoy}\n")
    environment = {**os.environ, "TISSERAND_SECRETS": "file", "XDG_CONFIG_HOME": str(root.with_name("gate-config"))}
    command = [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        _until(lambda: running(root) is not None or process.poll() is not None)
        executor = connect(root)
        assert isinstance(executor, HttpExecutor) and process.poll() is None
        executor.apis.save_entry("plan", "free", {"name": "Free"})
        executor.apis.save_entry("consumer", "ada", {"name": "Ada"})
        for api, (flow, mode) in APIS.items():
            executor.apis.publish_flow(PublishRequest(flow, api, mode=mode))  # type: ignore[arg-type]
            executor.apis.subscribe(api, "free", "ada")
        key = executor.apis.issue("ada").value
        _until(lambda: {each.state for each in executor.published.list()} == {"serving"} and len(executor.published.list()) == 4)
        _until(lambda: bool(executor.gateways.list()[0].alive))
        pushed = executor.gateways.push("main")
        assert pushed.result == "done", pushed
        url = executor.gateways.list()[0].address
        _until(lambda: _status(f"{url}/lookup/v1/stock/nut", key) == 200)
        yield Gate(url, key, executor)
        assert not (root / ".tisserand" / "crashes").exists()
        executor.close()
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def _status(url: str, key: str) -> int:
    return requests.get(url, headers={"x-api-key": key}, timeout=PATIENCE).status_code


@pytest.mark.parametrize("api", APIS)
def test_what_is_answered_is_what_the_document_says(gate: Gate, api: str) -> None:
    operations = [found.ok() for found in gate.schema(api).get_all_operations()]
    assert len(operations) == (2 if api == "later" else 1)
    seen: list[int] = []
    for operation in operations:
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            def fits(case: Any) -> None:
                answer = case.call(headers={"x-api-key": gate.key}, timeout=PATIENCE)
                seen.append(answer.status_code)
                case.validate_response(answer, checks=CHECKS)

            fits()
    assert {*seen} >= EXPECTED[api] and max(seen) < 500, sorted({*seen})


def test_what_the_document_does_not_say_is_seen(gate: Gate) -> None:
    """The document without one of its answers: the same calls tell it."""
    schema = gate.schema("price")
    del schema.raw_schema["paths"]["/price"]["post"]["responses"]["422"]
    case = schema["/price"]["POST"].Case(
        body={"order": {"id": 1}, "quantity": 0, "unit_price": 1.0, "country": "FR"}, media_type="application/json"
    )
    answer = case.call(headers={"x-api-key": gate.key}, timeout=PATIENCE)
    assert answer.status_code == 422
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        case.validate_response(answer, checks=CHECKS)


def test_only_the_gateway_may_call(gate: Gate) -> None:
    """The same request at the address of the flow itself is refused, whatever it shows; through the gateway it is answered."""
    direct = next(each.address for each in gate.executor.published.list() if each.api == "lookup")
    assert direct and direct != gate.url
    shown = [
        {}, {"x-api-key": gate.key}, {"x-api-key": gate.key, "x-consumer-id": "ada", "x-consumer-plan": "free"},
        {"x-tisserand-gateway": gate.key}, {"X-Tisserand-Gateway": "", "x_tisserand_gateway": "x"},
    ]  # fmt: skip
    for path in ("/stock/nut", "/lookup/v1/stock/nut"):
        found = [requests.get(direct + path, headers=each, timeout=PATIENCE).status_code for each in shown]
        assert found == [401] * len(shown)
    through = [requests.get(f"{gate.url}/lookup/v1/stock/nut", headers=each, timeout=PATIENCE).status_code for each in shown]
    assert through == [401, 200, 200, 401, 401]


def test_a_key_that_is_taken_back_stops_by_itself(gate: Gate) -> None:
    """Nobody pushes: the executor does what cannot wait, and the other key of the same consumer goes on."""
    url = f"{gate.url}/lookup/v1/stock/nut"
    second = gate.executor.apis.issue("ada")
    assert _status(url, second.value) == 401, "as long as nobody pushed"
    assert gate.executor.gateways.push("main").result == "done"
    _until(lambda: _status(url, second.value) == 200)
    gate.executor.apis.revoke("ada", second.credential)
    _until(lambda: _status(url, second.value) == 401)
    assert _status(url, gate.key) == 200
    assert gate.executor.gateways.plan("main").changes == ()
