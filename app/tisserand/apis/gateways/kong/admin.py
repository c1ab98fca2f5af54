"""Kong's Admin API: https://developer.konghq.com/api/gateway/admin-oss/"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from tisserand.apis.gateways.http_api import HttpApi
from tisserand.apis.gateways.kong import deck, entities
from tisserand.apis.gateways.kong.entities import GONE_FIRST, KINDS, Entities, Entity
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

PAGE = 1000
KONGS_OWN = frozenset({"created_at", "updated_at", "ws_id"})
"""Fields that are not sent back."""


class Admin:
    def __init__(self, api: HttpApi, workspace: str, owner: str) -> None:
        self._api, self._base, self.owner = api, f"/{quote(workspace)}" if workspace else "", owner
        self.hide = api.hide

    def information(self) -> dict[str, Any]:
        found: dict[str, Any] = self._api.json("GET", "/") or {}
        return found

    def without_database(self) -> bool:
        return str((self.information().get("configuration") or {}).get("database", "")) == "off"

    def plugin_fault(self, name: str, config: Mapping[str, Any]) -> str:
        """What Kong holds against the configuration of a plugin; empty where nothing."""
        answer = self._api.ask("POST", f"{self._base}/schemas/plugins/validate", {"name": name, "config": config}, fine=(400,))
        if answer.status_code != 400:
            return ""
        try:
            return self._api.clean(str(answer.json().get("message") or "?"))
        except ValueError:
            return "?"

    # -- without a database

    def whole(self) -> dict[str, Any]:
        """Everything that it holds, as a declarative configuration."""
        text = (self._api.json("GET", "/config") or {}).get("config") or ""
        return deck.parse(text, "/config")

    def replace(self, data: Mapping[str, Any]) -> None:
        self._api.json("POST", "/config", data)

    # -- with one

    def read(self) -> tuple[Entities, Entities]:
        """What is ours, and what is not; of the targets only those of our upstreams."""
        found: Entities = {}
        others: Entities = {}
        for kind, about in KINDS.items():
            if kind == "target":
                each = [one for id in found["upstream"] for one in self._pages(f"/upstreams/{id}/targets")]
            else:
                each = list(self._pages(about.listed or f"/{about.collection}"))
            mine = [entities.ours(one, self.owner) for one in each]
            for into, ours in ((found, True), (others, False)):
                into[kind] = {str(one["id"]): _flat(one) for one, is_ours in zip(each, mine, strict=True) if is_ours is ours}
        return found, others

    def converge(self, live: Entities, wanted: Entities, step: Callable[[], None] = lambda: None) -> None:
        """Make of `live` what is wanted, entity by entity; `live` is kept as it goes. A service that no way leads to yet, or
        that a push left switched off which broke off, answers once all of it stands."""
        reached = {each.get("service") for each in live["route"].values()}
        off = {id for id, each in live["service"].items() if not each.get("enabled", True)}
        new = [id for id in wanted["service"] if id not in live["service"] or id not in reached or id in off]
        for kind in KINDS:
            for id, entity in wanted[kind].items():
                later = kind == "service" and id in new
                if later or not _same(kind, live[kind].get(id), entity):
                    self._put(kind, {**entity, "enabled": False} if later else entity)
                    live[kind][id] = entity
                step()
        for id in new:
            if wanted["service"][id].get("enabled", True):
                self._put("service", wanted["service"][id])
        for kind in GONE_FIRST:
            for id in [id for id in live[kind] if id not in wanted[kind]]:
                self._api.ask("DELETE", self._path(kind, live[kind][id]), fine=(404,))
                del live[kind][id]
                step()

    def restore(self, live: Entities, before: Entities) -> None:
        """Back to what was there. Raises `NodeError` where that cannot be, as with passwords: Kong tells hashes only."""
        lost = [id for id, one in before["basic"].items() if not _same("basic", live["basic"].get(id), one)]
        kept = {kind: {id: one for id, one in some.items() if kind != "basic" or id not in lost} for kind, some in before.items()}
        for id in lost:
            if id in live["basic"]:
                kept["basic"][id] = live["basic"][id]
        self.converge(live, kept)
        if lost:
            raise NodeError(
                msg("Passwords of {count} consumers could not be set back, as Kong keeps only what was made of them.", count=len(lost)),
                fix="Push again when it answers.",
            )  # fmt: skip

    def _put(self, kind: str, entity: Entity) -> None:
        body = {name: value for name, value in entity.items() if name not in KONGS_OWN and name != "id"}
        parent = KINDS[kind].parent
        for name in ("service", "route", "consumer", "upstream"):
            if name in body:
                body[name] = {"id": body[name]}
        if parent:
            body.pop(parent, None)
        self._api.json("PUT", self._path(kind, entity), body)

    def _path(self, kind: str, entity: Entity) -> str:
        about = KINDS[kind]
        if about.under:
            return self._base + about.under.format(parent=entity[about.parent], id=entity["id"])
        return f"{self._base}/{about.collection}/{entity['id']}"

    def _pages(self, path: str, more: str = "") -> Iterator[dict[str, Any]]:
        next = f"{self._base}{path}?size={PAGE}{more}"
        while next:
            page = self._api.json("GET", next) or {}
            yield from page.get("data") or ()
            parts = urlsplit(str(page.get("next") or ""))
            offset = page.get("offset")
            next = f"{parts.path}?{parts.query}" if parts.query else ""
            if next and "offset=" not in next and offset:
                next += f"&offset={quote(str(offset))}"


def _flat(entity: Mapping[str, Any]) -> Entity:
    """An entity as it is told, foreign keys as ids and without what has no value."""
    return {
        name: value["id"] if name in ("service", "route", "consumer", "upstream") and isinstance(value, Mapping) else value
        for name, value in entity.items()
        if value is not None
    }


def _same(kind: str, one: Entity | None, other: Entity) -> bool:
    return (
        one is not None
        and entities.said(kind, one) == entities.said(kind, other)
        and set(one.get("tags") or ()) == set(other.get("tags") or ())
    )


def others_of(others: Mapping[str, Any]) -> Entities:
    """The rest of a declarative configuration, as entities."""
    return {
        kind: {str(each.get("id", number)): _flat(each) for number, each in enumerate(others.get(about.collection) or ())}
        for kind, about in KINDS.items()
    }


def split(data: Mapping[str, Any], owner: str) -> tuple[Entities, dict[str, Any]]:
    """A flat declarative configuration: what is ours, and all the rest as it stands."""
    found: Entities = {kind: {} for kind in KINDS}
    kind_of = {about.collection: kind for kind, about in KINDS.items()}
    others: dict[str, Any] = {}
    for name, value in data.items():
        if name not in kind_of or not isinstance(value, list):
            others[name] = value
            continue
        rest = [each for each in value if not entities.ours(each, owner)]
        found[kind_of[name]] = {str(each["id"]): _flat(each) for each in value if entities.ours(each, owner)}
        if rest:
            others[name] = rest
    return found, others
