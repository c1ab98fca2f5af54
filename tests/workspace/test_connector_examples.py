"""The example flows of the network, database, mail and Python nodes, node by node against real servers, through the real registry of
connections; what must come out stands here by hand."""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.model.yamlfile import read_flow, write_flow
from tisserand.sdk.node import Reader, Step
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import run_reader, run_step, run_writer
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Environment, Workspace

EXAMPLES = Path(__file__).parents[2] / "flows" / "examples"
KINDS = ["sql.read", "sql.write", "http.request", "http.call", "mail.send", "python.step"]
LOGS = "flow.log"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Any]:
    path = Path(__file__).parents[1] / "servers" / "mail.py"
    spec = importlib.util.spec_from_file_location("tests_servers_mail", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.running(tmp_path, tls="none") as box:
        yield box


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES / "data" / "http")))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def workspace(tmp_path: Path, mailbox: Any, service: str) -> tuple[Workspace, Environment]:
    root = tmp_path / "examples"
    shutil.copytree(EXAMPLES, root, ignore=shutil.ignore_patterns("out", ".tisserand"))
    found = Workspace(root)
    default = found.environment()
    here = {"service": service, "mail_host": mailbox.host, "mail_port": mailbox.port}
    assert set(default.values) == set(here)
    return found, Environment(values=here)


class Named(Mapping[str, Any]):
    """The connections of a workspace as the kit takes them."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        self._connections, self._environment = Connections(workspace, registry()), environment

    def __getitem__(self, name: str) -> Any:
        return self._connections.get(name, self._environment)

    def __iter__(self) -> Iterator[str]:
        return iter(self._connections.load())

    def __len__(self) -> int:
        return len(self._connections.load())


def run(name: str, workspace: Workspace, environment: Environment) -> dict[str, Any]:
    flow = yaml.safe_load((workspace.flows / f"{name}.yaml").read_text(encoding="utf-8"))
    values = {key: block["default"] for key, block in flow.get("parameters", {}).items()}
    connections = Named(workspace, environment)
    made: dict[str, Any] = {}
    for id, block in flow["nodes"].items():
        if block["kind"] == LOGS:
            assert block["inputs"]["table"] in made
            continue
        kind = registry().get(block["kind"])
        assert kind is not None
        given: dict[str, Any] = {"connections": connections, "parameters": values, "key": f"run/{id}"}
        node: Any = kind.node
        if issubclass(node, Reader):
            result = run_reader(node, block["config"], workspace.root, **given)
        elif issubclass(node, Step):
            result = run_step(node, block["config"], made[block["inputs"]["table"]], workspace.root, **given)
        else:
            result = run_writer(node, block["config"], made[block["inputs"]["table"]], workspace.root, **given)
        made[f"{id}.rejects"] = [(reject.row, reject.error) for reject in result.rejects]
        for port, table in result.ports.items():
            made[f"{id}.{port}"] = made[id] = table
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_is_as_the_writer_writes_it(kind: str) -> None:
    path = EXAMPLES / "flows" / f"{kind.replace('.', '-')}.yaml"
    text = path.read_text(encoding="utf-8")
    reading = read_flow(text, path.name)
    assert reading.flow is not None and [problem.line() for problem in reading.problems] == []
    assert write_flow(reading.flow) == text


def test_the_connections_are_sound(workspace: tuple[Workspace, Environment]) -> None:
    connections = Connections(workspace[0], registry())
    assert [problem.line() for problem in connections.problems(workspace[1])] == []
    assert {use.flow for use in connections.used_by("shop")} == {"sql-read", "trigger-database"}
    assert str(connections.get("shop", workspace[1]).check()).endswith("2 tables")
    assert "status 200" in str(connections.get("service", workspace[1]).check())
    assert "Mail server" in str(connections.get("office", workspace[1]).check())


def test_databases(workspace: tuple[Workspace, Environment]) -> None:
    made = run("sql-read", *workspace)
    assert made["sums"].to_pylist() == [
        {"name": "Ada", "orders": 2, "amount": 135.75},
        {"name": "Chloé", "orders": 1, "amount": 300.0},
    ]
    assert made["customers"].column("since").null_count == 1
    made = run("sql-write", *workspace)
    with sqlite3.connect(workspace[0].root / "out/sql-write/report.sqlite") as own:
        assert own.execute("SELECT article, pieces FROM stock ORDER BY article").fetchall() == [("bolt", 95), ("nut", 80)]
    own.close()
    assert [row for row, _error in made["keep.rejects"]] == [{"article": None, "pieces": 5}]


def test_services(workspace: tuple[Workspace, Environment]) -> None:
    made = run("http-request", *workspace)
    assert [(row["name"], row["langs"], row["home"]["city"]) for row in made["people"].to_pylist()] == [
        ("Ada", ["fr", "en"], "Lyon"), ("Bo", ["de"], "Bremen"), ("Chloé", [], "Nantes"),
    ]  # fmt: skip
    made = run("http-call", *workspace)
    assert [(row["id"], row["status"]) for row in made["credit"].to_pylist()] == [(1, 200), (2, 200)]
    assert [row for row, _error in made["credit.rejects"]] == [{"id": 9, "name": "Zoe"}]


def test_mail_and_python(workspace: tuple[Workspace, Environment], mailbox: Any) -> None:
    run("mail-send", *workspace)
    first, second = (message_from_bytes(content, policy=policy.default) for _to, content in mailbox.mails)
    assert "B6725" in first.get_body(("plain",)).get_content()
    assert [part.get_filename() for part in second.iter_attachments()] == ["late.xlsx"]
    made = run("python-step", *workspace)
    assert made["initials"].to_pylist() == [{"id": 1, "initials": "AL"}, {"id": 3, "initials": "GH"}]
    assert [error for _row, error in made["initials.rejects"]] == ["no name"]
