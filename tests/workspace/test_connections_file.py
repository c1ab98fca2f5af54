"""The registry of connections: read, written, checked line by line; secrets filled in and never shown."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from tisserand.sdk import Config, Connection, ConnectionType, NodeError, Secret, Writer
from tisserand.sdk.registry import Registry
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Environment, Workspace
from tisserand.workspace.secrets import FileStore


class Proxy(Config):
    host: str
    token: Secret | None = None


class Ftp(ConnectionType):
    type, title = "ftp", "FTP"
    host: str
    port: int = 21
    password: Secret | None = None
    proxy: Proxy | None = None


class FtpConnection(Connection):
    types = ("ftp",)


class Target(Config):
    to: FtpConnection


class PutConfig(Config):
    server: FtpConnection
    more: list[Target] = []
    text: str = ""


class Put(Writer[PutConfig]):
    """Put files."""

    kind, title = "ftp.put", "Put files"


@pytest.fixture
def connections(tmp_path: Path) -> Connections:
    registry = Registry()
    registry._connections["ftp"] = Ftp
    registry._add(_registered(Put))
    workspace = Workspace.create(tmp_path / "home")
    return Connections(workspace, registry, FileStore("ws", tmp_path / "secrets"))


def _registered(node: type[Put]) -> object:
    from tisserand.sdk.registry import RegisteredNode

    return RegisteredNode(node, "test")


FILE = """# Our systems.
office:   # the old one
  type: ftp
  host: "{{ region }}.example.org"
  password: secret:office_pw

# Comments stay.
other: {type: ftp, host: other.example.org}
"""


def test_a_connection_is_filled_and_never_shown(connections: Connections) -> None:
    connections.path.write_text(FILE)
    connections.store.set("office_pw", "planted-Secret-1")
    office = connections.get("office", Environment(values={"region": "eu"}))
    assert isinstance(office, Ftp)
    assert office.host == "eu.example.org"
    assert office.password is not None and office.password.reveal() == "planted-Secret-1"
    shown = [repr(office), str(office), f"{office.password}", f"{office.password!r}", office.model_dump_json()]
    shown += [json.dumps(office.model_dump()), str(office.model_copy()), "".join([office.password])]
    assert not any("planted" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(office.password)
    assert connections.redactor.redact("x planted-Secret-1 y") == "x ••• y"


def test_a_nested_secret_and_an_environment(connections: Connections) -> None:
    connections.path.write_text("office: {type: ftp, host: a, proxy: {host: p, token: secret:t}}\n")
    connections.store.set("t", "value-t")
    over = Environment("prod", connections={"office": {"host": "b", "port": 2121}, "only_here": {"type": "ftp", "host": "c"}})
    office = connections.get("office", over)
    assert isinstance(office, Ftp) and office.proxy is not None and office.proxy.token is not None
    assert (office.host, office.port, office.proxy.token.reveal()) == ("b", 2121, "value-t")
    assert connections.get("only_here", over).model_dump()["host"] == "c"
    with pytest.raises(NodeError, match="no connection “only_here”"):
        connections.get("only_here")


def test_what_is_missing_is_said(connections: Connections) -> None:
    connections.path.write_text(FILE)
    with pytest.raises(NodeError, match=r"no connection “crm”\. Connections: office, other"):
        connections.get("crm")
    assert connections.missing_secrets("office", Environment(values={"region": "x"})) == ["office_pw"]
    with pytest.raises(NodeError, match="no secret “office_pw”"):
        connections.get("office", Environment(values={"region": "x"}))
    with pytest.raises(NodeError, match="cannot be filled in"):
        connections.get("office")


@pytest.mark.parametrize(
    ("content", "code", "line", "field"),
    [
        ("a:\n  type: ftp\n  host: x\n  password: hunter2-planted\n", "connections.secret", 4, "password"),
        ("a:\n  type: ftp\n  host: x\n  password: 12345678\n", "connections.secret", 4, "password"),
        (
            "a:\n  type: ftp\n  host: x\n  proxy:\n    host: p\n    token: hunter2-planted\n",
            "connections.secret",
            6,
            "proxy.token",
        ),
        ("a:\n  type: ftp\n  host: ftp://me:hunter2-planted@x/\n", "connections.secret", 3, "host"),
        ("a:\n  type: ftp\n\n  hots: x\n", "config.unknown", 4, "hots"),
        ("a:\n  type: ftp\n  host: x\n  port: many\n", "config.int_parsing", 4, "port"),
        ("a:\n  type: ftpp\n", "connections.type", 2, "type"),
        ("a: {type: ftp, host: x}\na: {type: ftp, host: y}\n", "connections.twice", 2, None),
        ("a: {host: x}\n", "connections.type", 1, None),
        ("a b: {type: ftp}\n", "connections.name", 1, None),
        ("a: [\n", "connections.yaml", 2, None),
        ("- a\n", "connections.yaml", 1, None),
    ],
)
def test_each_fault_has_its_line(connections: Connections, content: str, code: str, line: int, field: str | None) -> None:
    connections.path.write_text(content)
    found = [(problem.code, problem.place.line, problem.place.field) for problem in connections.problems()]
    assert (code, line, field) in found
    assert all(problem.place.file == "connections.yaml" for problem in connections.problems())
    assert not any("hunter2" in json.dumps(problem.to_json()) for problem in connections.problems())
    if code == "connections.secret":
        with pytest.raises(NodeError, match="written out") as error:
            connections.get("a")
        assert "hunter2" not in str(error.value)


def test_saving_changes_its_own_lines_only(connections: Connections) -> None:
    connections.path.write_text(FILE)
    connections.save("office", "ftp", {"host": "new.example.org", "password": "secret:office_pw"})
    assert connections.path.read_text() == (
        "# Our systems.\noffice:\n  type: ftp\n  host: new.example.org\n  password: secret:office_pw\n"
        "\n# Comments stay.\nother: {type: ftp, host: other.example.org}\n"
    )
    connections.save("third", "ftp", {"host": "é"})
    assert connections.path.read_text().endswith("other: {type: ftp, host: other.example.org}\nthird:\n  type: ftp\n  host: é\n")
    assert list(connections.load()) == ["office", "other", "third"]
    assert connections.remove("other") and not connections.remove("other")
    assert connections.remove("office") and connections.remove("third")
    assert connections.load() == {} and "# Comments stay." in connections.path.read_text()
    connections.save("again", "ftp", {"host": "x"})
    assert list(connections.load()) == ["again"]


def test_saving_refuses_what_reading_would(connections: Connections) -> None:
    with pytest.raises(NodeError, match="written out") as error:
        connections.save("a", "ftp", {"host": "x", "password": "hunter2-planted"})
    assert "hunter2" not in str(error.value)
    with pytest.raises(NodeError, match="not a setting"):
        connections.save("a", "ftp", {"host": "x", "hots": "y"})
    with pytest.raises(NodeError, match="not a name"):
        connections.save("a b", "ftp", {"host": "x"})
    assert not connections.path.exists()
    connections.path.write_text("a: [\n")
    with pytest.raises(NodeError, match="not changed"):
        connections.save("b", "ftp", {"host": "x"})
    assert connections.path.read_text() == "a: [\n"


def test_used_by_is_exact(connections: Connections) -> None:
    flow = connections.workspace.flows / "put.yaml"
    flow.write_text(
        "id: put-files\nnodes:\n"
        "  one: {kind: ftp.put, config: {server: office, text: other}}\n"
        "  two: {kind: ftp.put, config: {server: other, more: [{to: x}, {to: office}]}}\n"
        "  three: {kind: not.installed, config: {connection: office, note: office}}\n"
    )
    (connections.workspace.flows / "broken.yaml").write_text("nodes: [")
    assert [(use.flow, use.node, use.field) for use in connections.used_by("office")] == [
        ("put-files", "one", "config.server"),
        ("put-files", "two", "config.more.1.to"),
        ("put-files", "three", "config.connection"),
    ]
    assert [(use.node, use.field) for use in connections.used_by("other")] == [("two", "config.server")]


def test_referred_secrets_are_known_before_they_are_used(connections: Connections) -> None:
    connections.path.write_text(FILE)
    (connections.workspace.root / "environments" / "prod.yaml").write_text("connections: {other: {password: secret:prod_pw}}\n")
    for name in ("office_pw", "prod_pw", "unused_pw"):
        connections.store.set(name, f"planted-{name}")
    assert connections.know_secrets().redact("planted-office_pw planted-prod_pw planted-unused_pw") == "••• ••• planted-unused_pw"


def test_no_store_is_opened_where_nothing_refers_to_a_secret(tmp_path: Path) -> None:
    class Closed:
        where = "nowhere"

        def get(self, name: str) -> str | None:
            raise NodeError("The keyring is locked.")

        set = delete = names = get

    workspace = Workspace.create(tmp_path / "home")
    connections = Connections(workspace, Registry(), Closed())  # type: ignore[arg-type]
    assert connections.know_secrets().redact("text") == "text"
    connections.path.write_text(FILE)
    assert connections.know_secrets().redact("text") == "text"
    with pytest.raises(NodeError, match="locked"):
        connections.secret("office_pw")
