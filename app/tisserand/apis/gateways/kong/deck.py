"""Declarative files of Kong: nested as decK writes them, flat as Kong itself gives them out; both of format 3.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tisserand.apis.gateways.kong import entities
from tisserand.apis.gateways.kong.entities import KINDS, Entities, Entity
from tisserand.model.lenient_yaml import Loader
from tisserand.sdk.errors import NodeError

INNER: Mapping[str, str] = {
    "key": "keyauth_credentials", "basic": "basicauth_credentials", "jwt": "jwt_secrets", "acl": "acls",
}  # fmt: skip
"""What stands below a consumer."""


def nested(found: Entities) -> dict[str, Any]:
    """As decK reads it: `deck gateway sync FILE`."""
    made = {kind: {id: {**each, "tags": list(each["tags"])} for id, each in some.items()} for kind, some in found.items()}
    for kind, name in INNER.items():
        for each in made[kind].values():
            made["consumer"][each.pop("consumer")].setdefault(name, []).append(each)
    for each in made["target"].values():
        made["upstream"][each.pop("upstream")].setdefault("targets", []).append(each)
    alone = []
    for each in made["plugin"].values():
        if "consumer" in each:
            alone.append(each)  # of a consumer at a service: decK has those at the top, by the names of both
            each["consumer"] = made["consumer"][each["consumer"]]["username"]
            each["service"] = made["service"][each["service"]]["name"]
        elif "route" in each:
            made["route"][each.pop("route")].setdefault("plugins", []).append(each)
        else:
            made["service"][each.pop("service")].setdefault("plugins", []).append(each)
    for each in made["route"].values():
        made["service"][each.pop("service")].setdefault("routes", []).append(each)
    data: dict[str, Any] = {"_format_version": "3.0"}
    for kind in ("upstream", "service", "consumer"):
        if made[kind]:
            data[KINDS[kind].collection] = list(made[kind].values())
    if alone:
        data["plugins"] = alone
    return data


def unnested(data: Mapping[str, Any]) -> Entities:
    """Back again, from a file that we wrote."""
    found: Entities = {kind: {} for kind in KINDS}

    def put(kind: str, entity: Mapping[str, Any], inner: Sequence[str] = (), **scope: str) -> str:
        id = str(entity.get("id", ""))
        found[kind][id] = {name: value for name, value in entity.items() if name not in inner} | scope
        return id

    for upstream in data.get("upstreams") or ():
        id = put("upstream", upstream, ("targets",))
        for target in upstream.get("targets") or ():
            put("target", target, upstream=id)
    services, consumers = {}, {}
    for service in data.get("services") or ():
        id = services[service.get("name")] = put("service", service, ("routes", "plugins"))
        for plugin in service.get("plugins") or ():
            put("plugin", plugin, service=id)
        for route in service.get("routes") or ():
            way = put("route", route, ("plugins",), service=id)
            for plugin in route.get("plugins") or ():
                put("plugin", plugin, route=way)
    for consumer in data.get("consumers") or ():
        id = consumers[consumer.get("username")] = put("consumer", consumer, tuple(INNER.values()))
        for kind, name in INNER.items():
            for each in consumer.get(name) or ():
                put(kind, each, consumer=id)
    for plugin in data.get("plugins") or ():
        scope = {"service": services.get(plugin.get("service"), ""), "consumer": consumers.get(plugin.get("consumer"), "")}
        put("plugin", plugin, (), **{name: id for name, id in scope.items() if id})
    return found


def flat(found: Entities, others: Mapping[str, Any]) -> dict[str, Any]:
    """As Kong without a database takes it, whole: with what is not ours as it was. Passwords are hashed, as Kong gives them out."""
    data: dict[str, Any] = {name: list(value) if isinstance(value, list) else value for name, value in others.items()}
    data |= {"_format_version": "3.0", "_transform": False}
    for kind, some in found.items():
        mine = [_hashed(each) if kind == "basic" else each for each in some.values()]
        if mine:
            data[KINDS[kind].collection] = [*(data.get(KINDS[kind].collection) or ()), *mine]
    return data


def _hashed(entity: Entity) -> Entity:
    return {**entity, "password": entities.hashed(entity["password"], entity["consumer"])}


def text_of(data: Mapping[str, Any]) -> str:
    head = "# Written by Tisserand, which replaces it with the next push. For Kong: deck gateway sync <this file>\n"
    return head + yaml.dump(dict(data), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1_000_000)


def parse(text: str, what: str) -> dict[str, Any]:
    try:
        data = yaml.load(text, Loader=Loader) or {}  # noqa: S506 - a safe loader
    except yaml.YAMLError:
        raise NodeError("“{what}” is not YAML.", what=what) from None
    if not isinstance(data, dict):
        raise NodeError("“{what}” is no declarative configuration of Kong.", what=what)
    return data


class _Plain(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
