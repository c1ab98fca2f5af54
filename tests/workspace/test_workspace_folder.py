"""Workspace folders: flows found, environments read, and no path that leads outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tisserand.sdk.errors import NodeError
from tisserand.workspace.folder import Environment, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwd").write_text("root:x")
    return Workspace.create(tmp_path / "home")


def test_find_walks_up_and_says_where_there_is_none(workspace: Workspace, tmp_path: Path) -> None:
    deep = workspace.root / "flows" / "a" / "b"
    deep.mkdir(parents=True)
    assert Workspace.find(deep).root == workspace.root
    with pytest.raises(NodeError, match="lies in no workspace"):
        Workspace.find(tmp_path / "outside")


def test_create_keeps_what_is_there(workspace: Workspace) -> None:
    before = (workspace.root / "tisserand.yaml").read_bytes()
    assert Workspace.create(workspace.root).id == workspace.id
    assert (workspace.root / "tisserand.yaml").read_bytes() == before


def test_flows_are_found_by_id_stem_and_path(workspace: Workspace) -> None:
    flow = workspace.flows / "sub" / "one.yaml"
    flow.parent.mkdir()
    flow.write_text("tisserand: 1\nid: first-flow # stable\n")
    (workspace.flows / ".hidden.yaml").write_text("id: hidden\n")
    (workspace.flows / "broken.yaml").write_text("id: [")
    assert workspace.flow_files() == [workspace.flows / "broken.yaml", flow]
    assert workspace.find_flow("first-flow") == workspace.find_flow("one") == workspace.find_flow("sub/one.yaml") == flow
    with pytest.raises(NodeError, match="no flow “first-flwo”") as error:
        workspace.find_flow("first-flwo")
    assert error.value.fix is not None and "first-flow" in error.value.fix.text()


ATTACKS = ["../outside/passwd", "data/../../outside/passwd", "link/passwd", "data/file-link", "{outside}/passwd"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_path_leads_outside(workspace: Workspace, tmp_path: Path, attack: str) -> None:
    outside = tmp_path / "outside"
    (workspace.root / "link").symlink_to(outside)
    (workspace.root / "data" / "file-link").symlink_to(outside / "passwd")
    text = attack.format(outside=outside)
    with pytest.raises(NodeError, match="outside the workspace"):
        workspace.resolve(text)
    # With the guard removed the attack succeeds: plain joining reads the file.
    assert (workspace.root / text).read_text() == "root:x"
    # And an environment may allow the folder.
    assert workspace.resolve(text, Environment(allow_folders=(outside,))).read_text() == "root:x"


@pytest.mark.parametrize("attack", ["~/x", "~root/x", "", "  ", "a\0b"])
def test_what_is_no_path_is_refused(workspace: Workspace, attack: str) -> None:
    with pytest.raises(NodeError):
        workspace.resolve(attack)


def test_the_state_is_not_reached_by_flows(workspace: Workspace) -> None:
    workspace.state.mkdir()
    (workspace.root / "data" / "s").symlink_to(workspace.state)
    for text in (".tisserand/journal.sqlite", "data/s/journal.sqlite", "data/../.tisserand"):
        with pytest.raises(NodeError, match="studio's own"):
            workspace.resolve(text)


def test_a_link_that_runs_in_circles_is_a_sentence(workspace: Workspace) -> None:
    os.symlink(workspace.root / "data" / "b", workspace.root / "data" / "a")
    os.symlink(workspace.root / "data" / "a", workspace.root / "data" / "b")
    with pytest.raises(NodeError, match="data/a/x"):
        workspace.resolve("data/a/x")


def test_environments(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.environment().name == "default"
    (workspace.root / "environments" / "prod.yaml").write_text(
        "values: {region: eu}\nconnections:\n  crm: {host: db.example.org}\nallow_folders: [../outside]\n"
    )
    prod = workspace.environment("prod")
    assert prod.values == {"region": "eu"}
    assert prod.connections == {"crm": {"host": "db.example.org"}}
    assert prod.allow_folders == (tmp_path / "outside",)
    assert workspace.values(prod) == {"region": "eu", "workspace": str(workspace.root), "environment": "prod"}
    with pytest.raises(NodeError, match="no environment “staging”"):
        workspace.environment("staging")
    with pytest.raises(NodeError, match="not a name"):
        workspace.environment("../prod")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("values: [", "not valid YAML"),
        ("- a", "must hold names"),
        ("valeus: {}", "not known"),
        ("values: 3", "“values”"),
        ("allow_folders: /", "list of folders"),
        ("connections: {crm: 3}", "“crm”"),
    ],
)
def test_a_bad_environment_is_a_sentence(workspace: Workspace, content: str, sentence: str) -> None:
    (workspace.root / "environments" / "prod.yaml").write_text(content)
    with pytest.raises(NodeError, match=sentence):
        workspace.environment("prod")


def test_a_name_that_is_too_long_is_a_sentence(tmp_path):
    from tisserand.sdk.errors import NodeError
    from tisserand.workspace.folder import Workspace

    (tmp_path / "tisserand.yaml").touch()
    (tmp_path / "out").mkdir()
    with pytest.raises(NodeError, match=r"The path “out/n{115}…” cannot be followed: File name too long\."):
        Workspace(tmp_path).resolve("out/" + "n" * 300 + ".csv")
    assert Workspace(tmp_path).resolve("out/" + "n" * 200 + ".csv").parent == tmp_path / "out"
