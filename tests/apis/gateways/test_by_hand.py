"""Whatever somebody changes by hand in a gateway is seen as drift, names no secret, and is gone after the next push: every object of every
kind, changed, taken away, or added."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.apis.gateways import shop
from tests.apis.gateways.test_kong import adapter, rich
from tests.servers import kong

from tisserand.apis.gateways.compare import drifted
from tisserand.apis.gateways.kong.gateway import Kong
from tisserand.apis.gateways.traefik import file
from tisserand.apis.gateways.traefik.gateway import Traefik, TraefikSettings
from tisserand.apis.neutral import Declared
from tisserand.sdk.errors import NodeError


def everything() -> Declared:
    """As `rich`, with keys, passwords and headers that must not be shown."""
    return replace(rich(), upstream_headers={"orders@1": {"x-tisserand-gateway": "gate-secret-0123456789"}})


SECRETS = ("acme-key-4711-0123456789", "bolt-key-0815-0123456789", "pass:word", "gate-secret-0123456789", "kong-secret")


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that can be another value."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*way, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, (*way, index))
    else:
        yield way


def changed(value: Any, way: tuple[Any, ...]) -> Any:
    """A copy with another value there."""
    copied = copy.deepcopy(value)
    inner = copied
    for step in way[:-1]:
        inner = inner[step]
    old = inner[way[-1]]
    inner[way[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}0" if old else "0"
    return copied


# -- Traefik


def traefik(root: Path) -> Traefik:
    (root / "dynamic").mkdir(exist_ok=True)
    return Traefik("edge", TraefikSettings.model_validate({"folder": str(root / "dynamic")}), shop.place(root))


def test_traefik_whatever_is_changed_in_the_file_is_seen(tmp_path: Path) -> None:
    gateway, declared = traefik(tmp_path), everything()
    gateway.apply(declared, ())
    pushed, text = gateway.read().items, gateway.path.read_text()
    data = file.load(text)
    head = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    unseen, tried = [], 0

    def look(what: str, other: Any) -> None:
        nonlocal tried
        tried += 1
        gateway.path.write_text(head + json.dumps(other))
        found = gateway.read().items
        if not drifted(pushed, found):
            unseen.append(what)
        assert not [each for each in SECRETS if each in str(found)], what

    for kind, some in data["http"].items():
        for name, content in some.items():
            if f"~{file.REVISION}~" in name:
                continue
            gone = copy.deepcopy(data)
            del gone["http"][kind][name]
            look(f"{kind}/{name} gone", gone)
            for way in leaves(content):
                look(f"{kind}/{name} {way}", changed(data, ("http", kind, name, *way)))
        more = copy.deepcopy(data)
        more["http"][kind]["edge~more"] = copy.deepcopy(next(iter(some.values())))
        look(f"{kind} added", more)
    more = copy.deepcopy(data)
    more["tcp"] = {"routers": {"edge~more": {"rule": "HostSNI(`*`)", "service": "x"}}}
    look("tcp added", more)
    assert tried > 100 and not unseen, "\n".join(unseen)
    gateway.apply(declared, ())
    assert gateway.read().items == pushed == shop.expected(gateway, declared)


# -- Kong

KONGS = {"realm", "always_use_authenticated_groups", "error_message", "sync_rate", "private_network"}
"""What Kong itself fills in, otherwise in each of its versions: another value opens no way."""


@pytest.mark.parametrize("database", [True, False])
def test_kong_whatever_is_changed_in_it_is_seen(tmp_path: Path, database: bool) -> None:
    with kong.running(database=database) as fake:
        gateway, declared = adapter(fake, tmp_path), everything()
        gateway.apply(declared, ())
        _kong_by_hand(fake, gateway, wide=database)
        more = copy.deepcopy(next(iter(fake.entities["consumers"].values())))
        fake.entities["consumers"][ANOTHER] = {**more, "id": ANOTHER, "username": "more"}
        gateway.apply(declared, ())
        assert ANOTHER not in fake.entities["consumers"] and gateway.read().items == shop.expected(gateway, declared)


ANOTHER = "6f1c5f0e-0000-4000-8000-000000000009"


def _kong_by_hand(fake: kong.Fake, gateway: Kong, wide: bool) -> None:
    pushed, before = gateway.read().items, copy.deepcopy(fake.entities)
    unseen, tried = [], 0

    def look(what: str) -> None:
        nonlocal tried
        tried += 1
        found = gateway.read().items
        if not drifted(pushed, found):
            unseen.append(what)
        assert not [each for each in SECRETS if each in str(found)], what
        fake.entities.clear()
        fake.entities.update(copy.deepcopy(before))

    known = set()
    for collection, some in before.items():
        for id, content in some.items():
            kind = content["name"] if collection == "plugins" else collection
            if kind in known:
                continue  # one of each kind
            known.add(kind)
            del fake.entities[collection][id]
            look(f"{kind} gone")
            said = {name: each for name, each in content.items() if name not in ("id", "created_at", "tags", "instance_name")}
            for way in leaves(said) if wide else ():
                if not KONGS & set(way) and not (way[0] == "protocols" and str(content["protocols"][way[1]]).startswith("grpc")):
                    fake.entities[collection][id] = changed(content, way)
                    look(f"{kind} {way}")
        if some:
            fake.entities[collection][ANOTHER] = {**copy.deepcopy(next(iter(some.values()))), "id": ANOTHER}
            look(f"{collection} added, with our tags")
    guard = next(each for each in fake.entities["plugins"].values() if each["name"] == "acl")
    guard["protocols"] = ["grpc"]
    look("a guard that guards nothing")
    assert tried > 20 and not unseen, "\n".join(unseen)


@pytest.mark.parametrize("database", [True, False])
def test_kong_what_others_hang_on_ours_is_told_and_left_alone(tmp_path: Path, database: bool) -> None:
    with kong.running(database=database) as fake:
        gateway, declared = adapter(fake, tmp_path), everything()
        gateway.apply(declared, ())
        pushed = gateway.read()
        assert pushed.hanging == {}
        by_tag = {
            each["tags"][2].removeprefix("tisserand-name:"): id for some in fake.entities.values() for id, each in some.items()
        }  # fmt: skip

        def put(collection: str, number: int, **content: Any) -> str:
            id = f"6f1c5f0e-0000-4000-8000-00000000001{number}"
            fake.put(collection, id, content)
            return id

        service = {"id": next(id for id, each in fake.entities["services"].items() if each["name"] == "edge~orders~1")}
        acme = {"id": by_tag["acme"]}
        theirs = put("consumers", 0, username="theirs")
        added = [
            ("route", put("routes", 1, name="theirs", service=service, protocols=["http"], paths=["/way/in"])),
            ("plugin", put("plugins", 2, name="request-termination", service=service, config={"status_code": 200})),
            ("key", put("keyauth_credentials", 3, key="another-key-of-acme", consumer=acme)),
            ("acl", put("acls", 4, group="edge~orders~1", consumer={"id": theirs})),
        ]
        upstream = {"id": next(iter(fake.entities["upstreams"]))}
        added.append(("target", put("targets", 5, target="evil.example:443", weight=9, upstream=upstream)))
        put("services", 6, name="free-standing", host="x.example", port=80, protocol="http")
        before = copy.deepcopy(fake.entities)
        live = gateway.read()
        assert set(live.hanging) == {f"object/{kind}/{id}" for kind, id in added}
        assert live.items == pushed.items and "another-key-of-acme" not in str(live)
        gateway.apply(declared, ())
        gateway.apply(replace(declared, subscriptions={}), ())
        gateway.apply(declared, ())
        for collection, some in before.items():
            for id, content in some.items():
                if id.startswith("6f1c5f0e"):
                    assert fake.entities[collection].get(id) == content


@pytest.mark.parametrize("database", [True, False])
def test_kong_repeats_no_secret_of_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: bool) -> None:
    def check(collection: str, entity: dict[str, Any]) -> None:
        if collection in ("keyauth_credentials", "basicauth_credentials"):
            raise kong.Wrong(f"UNIQUE violation detected on '{json.dumps(entity)}'")

    def refused(name: str, config: dict[str, Any]) -> None:
        if name == "request-transformer":
            raise kong.Wrong("x" * 150 + f" schema violation (config: {json.dumps(config)})")

    declared = everything()
    values = {**declared.values, "acme/first": 'quoted"key\\0123456789'}
    declared = replace(declared, values=values)
    with kong.running(database=database) as fake:
        gateway = adapter(fake, tmp_path)
        monkeypatch.setattr(kong, "check", check)
        with pytest.raises(NodeError, match="UNIQUE violation") as caught:
            gateway.apply(declared, ())
        told = str(caught.value)
        monkeypatch.undo()
        monkeypatch.setattr(kong, "check_plugin", refused)
        problems = gateway.validate(declared)
        assert problems
        told += " ".join(each.message.text("en") for each in problems)
        assert [each for each in (*SECRETS, "gate-s", "quoted", "key-4711") if each in told] == [] and told.count("•••") >= 2
