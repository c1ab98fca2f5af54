"""The control API against its own document: schemathesis calls everything a served executor offers, with what fits and what does not."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from tests.service.conftest import workspace

from tisserand.service import guard
from tisserand.service.serve import running

EXAMPLES = int(os.environ.get("TISSERAND_API_EXAMPLES", "25"))
"""For each call."""
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
FLOW = "tisserand: 1\nid: one\nnodes:\n  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
PATIENCE = 20
"""Seconds in which every answer has come."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    root = workspace(tmp_path_factory.mktemp("api"))
    (root / "tisserand.yaml").write_text("id: api\nexecutor: {runs: 1}\n")
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(root)], stdout=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while (url := running(root)) is None:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        yield url, {"Authorization": f"Bearer {guard.token(root)}"}, root
    finally:
        process.kill()
        process.wait()


def test_no_call_fails_or_hangs_or_answers_what_the_document_does_not_say(api):
    url, headers, root = api
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 20
    known = requests.post(f"{url}/runs", json={"text": FLOW}, headers=headers, timeout=PATIENCE).json()["id"]
    while requests.get(f"{url}/runs/{known}", headers=headers, timeout=PATIENCE).json()["state"] != "done":
        time.sleep(0.1)
    turn = itertools.cycle((known, None, None))
    requests.post(f"{url}/queue/pause", json={}, headers=headers, timeout=PATIENCE).raise_for_status()
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def fits(case):
            if case.query and "follow" in case.query:
                case.query["follow"] = "false"  # such an answer goes on for ever, as it should
            place = case.path_parameters or {}
            if "run" in place and (run := next(turn)) is not None:
                place["run"] = run
                if "node" in place:
                    place["node"] = "one"
            answer = case.call(headers=headers, timeout=PATIENCE)
            case.validate_response(answer, checks=CHECKS)

        fits()
    assert not (root / ".tisserand" / "crashes").exists()
    assert requests.get(f"{url}/health", headers=headers, timeout=PATIENCE).status_code == 200


def test_without_the_token_nothing_of_it_answers(api):
    url, headers, _root = api
    document = requests.get(f"{url}/openapi.json", headers=headers, timeout=PATIENCE).json()
    calls = [(path, method) for path, methods in document["paths"].items() for method in methods]
    for path, method in calls:
        answer = requests.request(method, url + path.replace("{", "").replace("}", ""), timeout=PATIENCE)
        assert answer.status_code == 401, (method, path)
    assert requests.get(f"{url}/openapi.json", timeout=PATIENCE).status_code == 401
