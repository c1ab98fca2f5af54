"""Entries of `gateways.yaml` through the executor: here and over HTTP the same, secrets apart, nothing of others written over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Executor, Refused
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

EDGE = {"type": "traefik", "title": "Edge", "settings": {"folder": "traefik"}}


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Executor]:
    found = LocalExecutor(Workspace.create(tmp_path / "place").root)
    yield found
    found.close()


@pytest.fixture(params=["here", "http"])
def either(request: pytest.FixtureRequest, executor: LocalExecutor) -> Iterator[Executor]:
    if request.param == "here":
        yield executor
        return
    found = executor
    from fastapi.testclient import TestClient

    from tisserand.service.gateways.remote import RemoteGateways
    from tisserand.service.server import build

    class Client:
        """As `HttpExecutor` asks, without a socket."""

        root = found.root

        def call(self, method: str, path: str, body: Any = None, params: Any = None, timeout: Any = None) -> Any:
            answer = client.request(method, path, json=body, params=params, headers={"authorization": "Bearer t"})
            if answer.status_code >= 400:
                from tisserand.model.problem import Problem

                raise Refused([Problem.from_json(each) for each in answer.json()["problems"]])
            return answer

        @property
        def gateways(self) -> RemoteGateways:
            return RemoteGateways(self)  # type: ignore[arg-type]

    client = TestClient(build(found, "t"), base_url="http://127.0.0.1")
    yield Client()  # type: ignore[misc]


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [each.code for each in refused.value.problems]


def held(executor: Executor) -> Any:
    path = executor.root / "gateways.yaml"  # type: ignore[attr-defined]
    return yaml.safe_load(path.read_text()) if path.exists() else None


def store(executor: Executor) -> Any:
    return secret_store(Workspace(executor.root).id)  # type: ignore[attr-defined]


def test_an_entry_is_made_changed_and_removed(either: Executor) -> None:
    executor = either
    gateways = executor.gateways
    gateways.save_entry("edge", EDGE)
    assert held(executor) == {"edge": EDGE} and [each.name for each in gateways.list()] == ["edge"]
    read = gateways.entry("edge")
    settings = {
        "folder": "traefik",
        "api": "http://127.0.0.1:1",
        "api_user": "we",
        "api_password": "secret:gateway.edge.api_password",
    }
    gateways.save_entry("edge", {**read, "settings": settings}, {"gateway.edge.api_password": "hush"})
    assert (
        held(executor) == {"edge": {**EDGE, "settings": settings}} and store(executor).get("gateway.edge.api_password") == "hush"
    )
    with pytest.raises(Refused) as refused:
        gateways.save_entry("edge", read)
    assert codes(refused) == ["gateway.changed"]
    with pytest.raises(Refused) as refused:
        gateways.save_entry("edge", EDGE)
    assert codes(refused) == ["gateway.there"]
    store(executor).set("gateway.edges.token", "of another")
    gateways.remove_entry("edge")
    assert held(executor) in (None, {}) and store(executor).get("gateway.edge.api_password") is None
    assert store(executor).get("gateway.edges.token") == "of another"
    with pytest.raises(Refused):
        gateways.entry("edge")


@pytest.mark.parametrize(
    ("name", "data", "secrets", "place"),
    [
        ("Edge!", EDGE, {}, "Edge!"),
        ("../../x", EDGE, {}, "../../x"),
        ("edge", {"type": "kongo"}, {}, "edge.type"),
        ("edge", {"type": "traefik"}, {}, "edge.settings.folder"),
        ("edge", {"type": "traefik", "settings": {"folder": "x", "patience": 0, "folders": 1}}, {}, "edge.settings.patience"),
        ("edge", EDGE, {"consumer.acme.key": "stolen"}, None),
        ("edge", EDGE, {"gateway.edge.../x": "v"}, None),
        ("edge", {**EDGE, "title": "\ud800"}, {}, "edge.title"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    executor: Executor, name: str, data: dict[str, Any], secrets: dict[str, str], place: str | None
) -> None:
    store(executor).set("consumer.acme.key", "theirs")
    with pytest.raises(Refused) as refused:
        executor.gateways.save_entry(name, data, secrets)
    assert held(executor) is None and store(executor).names() == ["consumer.acme.key"]
    assert store(executor).get("consumer.acme.key") == "theirs"
    assert place is None or place in [each.place.field for each in refused.value.problems]


def test_a_broken_file_stays_as_it_is(executor: Executor) -> None:
    path = executor.root / "gateways.yaml"  # type: ignore[attr-defined]
    for text in ("edge: [\n", "- a\n- b\n", "{a: {type: envoy}}\n", "edge: {type: 3, titles: x}\n"):
        path.write_text(text)
        with pytest.raises(Refused):
            executor.gateways.save_entry("edge", EDGE)
        assert path.read_text() == text
