"""Every registered node kind has an example that runs, and rows pass through every one of its ports in a shipped example."""

from __future__ import annotations

import functools
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tisserand.apis.usage import UsageRow
from tisserand.apis.usage_store import FILE as USAGE
from tisserand.apis.usage_store import UsageStore
from tisserand.model.flow import Flow
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.registry import registry
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunInfo, RunRequest

EXAMPLES = Path(__file__).resolve().parents[1] / "flows" / "examples"
STEMS = sorted(path.stem for path in (EXAMPLES / "flows").glob("*.yaml"))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each call."""


class Sink:
    """Takes every mail."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return "250 OK"


def called(folder: Path) -> None:
    """Some usage of APIs, as gateways tell it."""
    hour = int(time.time()) // 3600 * 3600
    store = UsageStore(folder / ".tisserand" / USAGE)
    store.take("main", [UsageRow(hour, "orders", "1", "GET /orders", "acme", "gold", 200, 3, 30, 60)], "", "1")
    store.close()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the examples whose environment names a private web server and a private mail server."""
    from aiosmtpd.controller import Controller

    folder = tmp_path_factory.mktemp("examples") / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("out", ".tisserand"))
    web = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder / "data" / "http")))
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as probe:
        free = probe.server_address[1]
    mail = Controller(Sink(), hostname="127.0.0.1", port=free)
    mail.start()
    (folder / "environments" / "default.yaml").write_text(
        f"values:\n  service: http://127.0.0.1:{web.server_address[1]}\n  mail_host: 127.0.0.1\n  mail_port: {free}\n"
    )
    called(folder)
    try:
        yield folder
    finally:
        mail.stop()
        web.shutdown()
        web.server_close()
        thread.join()


@pytest.fixture(scope="module")
def ran(workspace: Path) -> dict[str, tuple[Flow, RunInfo]]:
    """Every example, run with all rows kept, so that every port has a count."""
    executor = LocalExecutor(workspace)
    done = {}
    try:
        for stem in STEMS:
            file = f"flows/{stem}.yaml"
            flow = read_flow((workspace / file).read_text(encoding="utf-8"), file).flow
            assert flow is not None, file
            done[stem] = (flow, executor.wait(executor.start(RunRequest(file=file, keep="all"))))
    finally:
        executor.close()
    return done


def _ports(ran: dict[str, tuple[Flow, RunInfo]]) -> set[tuple[str, str, str]]:
    """All of (kind, "in" or "out", port) that rows were seen at."""
    seen = set()
    for flow, run in ran.values():
        outs = {name: registry()._nodes[node.kind].outputs_for(node.config) for name, node in flow.nodes.items()}
        for name, node in flow.nodes.items():
            seen |= {(node.kind, "out", port) for port, rows in run.nodes[name].rows.items() if rows}
            for port, ref in node.refs():
                source, _, wanted = str(ref).partition(".")
                if run.nodes[source].rows.get(wanted or outs[source][0].name):
                    seen.add((node.kind, "in", port))
    return seen


@pytest.mark.timeout(600)
def test_every_example_is_done(ran: dict[str, tuple[Flow, RunInfo]]) -> None:
    wrong = {stem: (run.state, run.error.line() if run.error else None) for stem, (_, run) in ran.items() if run.state != "done"}
    assert wrong == {}


@pytest.mark.timeout(600)
def test_rows_pass_every_port_of_every_registered_kind(ran: dict[str, tuple[Flow, RunInfo]]) -> None:
    seen = _ports(ran)
    wanted = set()
    for kind in registry():
        wanted |= {(kind.kind, "in", port.name) for port in kind.inputs}
        wanted |= {(kind.kind, "out", port.name) for port in kind.outputs}
    assert sorted(wanted - seen) == []


def test_every_kind_has_an_example_of_its_name() -> None:
    names = {kind.kind: kind.kind.replace(".", "-").replace("_", "-") for kind in registry()}
    assert {kind: name for kind, name in names.items() if name not in STEMS} == {}
