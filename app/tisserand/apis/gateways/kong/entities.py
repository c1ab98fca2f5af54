"""Entities of Kong: their names, ids and what of them is ours to say.

Facts from Kong's schemas (kong/db/schema/entities, kong/plugins/*/schema.lua, 3.9): which fields there are, and which ways lead to
them in the Admin API.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tisserand.apis.neutral import fingerprint

OWNED = "tisserand-gateway:"
NAMED = "tisserand-name:"
KEPT = "tisserand-item-"
"""Tags: whose it is, what we call it, and the items that it carries in pieces."""
CHUNK = 1500
"""Characters of an item in one tag: Kong's database keeps an index over tags, whose entries are short."""

NAMESPACE = uuid.UUID("6b7c0b0e-51f1-5c5e-9b0a-3a9d1d3f0c55")
"""Of all our UUIDs (RFC 9562, version 5): the same name gives the same id for ever."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity."""

    collection: str
    """In declarative files and in lists of the Admin API."""
    fields: Sequence[str]
    """Those that we say; the others are Kong's."""
    parent: str = ""
    """The field that names the entity below which the Admin API has it."""
    under: str = ""
    """`/consumers/{parent}/key-auth/{id}`: the way there."""
    listed: str = ""
    """The way to the list, where it is not the collection's name."""


KINDS: Mapping[str, Kind] = {
    "upstream": Kind("upstreams", ("name", "healthchecks")),
    "target": Kind("targets", ("target", "weight", "upstream"), "upstream", "/upstreams/{parent}/targets/{id}"),
    "service": Kind("services", (
        "name", "protocol", "host", "port", "path", "retries", "connect_timeout", "write_timeout", "read_timeout", "tls_verify", "enabled",
        "ca_certificates", "client_certificate",
    )),
    "consumer": Kind("consumers", ("username", "custom_id")),
    "key": Kind("keyauth_credentials", ("key", "consumer"), "consumer", "/consumers/{parent}/key-auth/{id}", "/key-auths"),
    "basic": Kind(
        "basicauth_credentials", ("username", "password", "consumer"), "consumer", "/consumers/{parent}/basic-auth/{id}", "/basic-auths"
    ),
    "jwt": Kind("jwt_secrets", ("key", "algorithm", "rsa_public_key", "consumer"), "consumer", "/consumers/{parent}/jwt/{id}", "/jwts"),
    "acl": Kind("acls", ("group", "consumer"), "consumer", "/consumers/{parent}/acls/{id}", "/acls"),
    "route": Kind("routes", ("name", "service", "protocols", "methods", "hosts", "paths", "headers", "strip_path", "preserve_host", "regex_priority", "snis", "sources", "destinations")),
    "plugin": Kind("plugins", ("name", "instance_name", "enabled", "protocols", "service", "route", "consumer", "config")),
}  # fmt: skip
"""In the order in which they are made: first what others name."""
GONE_FIRST = ("route", "plugin", "acl", "jwt", "basic", "key", "consumer", "service", "target", "upstream")
"""The order in which they go: no way is left to a service whose guards are gone."""

PLUGIN_FIELDS: Mapping[str, Sequence[str]] = {
    "key-auth": ("key_names", "key_in_header", "key_in_query", "key_in_body", "hide_credentials", "run_on_preflight", "anonymous"),
    "basic-auth": ("hide_credentials", "anonymous"),
    "jwt": ("key_claim_name", "claims_to_verify", "header_names", "uri_param_names", "cookie_names", "run_on_preflight", "anonymous"),
    "acl": ("allow", "deny", "hide_groups_header"),
    "rate-limiting": ("second", "minute", "hour", "day", "month", "year", "limit_by", "policy", "fault_tolerant", "hide_client_headers", "error_code"),
    "cors": ("origins", "methods", "headers", "exposed_headers", "credentials", "max_age", "preflight_continue"),
    "request-size-limiting": ("allowed_payload_size", "size_unit", "require_content_length"),
    "ip-restriction": ("allow", "deny", "status", "message"),
    "request-transformer": (
        "http_method", "replace.uri",
        *(f"{way}.{what}" for way in ("remove", "rename", "replace", "add", "append") for what in ("headers", "querystring", "body")),
    ),
    "response-transformer": tuple(f"{way}.{what}" for way in ("remove", "rename", "replace", "add", "append") for what in ("headers", "json")),
    "proxy-cache": (
        "strategy", "cache_ttl", "request_method", "response_code", "content_type", "cache_control", "vary_headers", "vary_query_params",
    ),
    "request-termination": ("status_code", "message", "body", "content_type", "trigger"),
}  # fmt: skip
"""Of the configuration of each plugin: what we always say, and what Kong leaves empty where nobody said it."""
CALLS = {"http", "https"}
"""Protocols that a plugin must be for; Kong itself adds others."""

Entity = dict[str, Any]
Entities = dict[str, dict[str, Entity]]
"""Kind → id → entity, foreign keys as ids."""


def id_of(owner: str, kind: str, name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{owner}/{kind}/{name}"))


def tags(owner: str, name: str, words: Iterable[str] = ()) -> list[str]:
    text = "&".join(words)
    pieces = [text[first : first + CHUNK] for first in range(0, len(text), CHUNK)]
    return ["tisserand", f"{OWNED}{owner}", f"{NAMED}{name}", *(f"{KEPT}{number}:{piece}" for number, piece in enumerate(pieces))]


def ours(entity: Mapping[str, Any], owner: str) -> bool:
    return f"{OWNED}{owner}" in (entity.get("tags") or ())


def name_of(entity: Mapping[str, Any]) -> str:
    found = [each.removeprefix(NAMED) for each in entity.get("tags") or () if each.startswith(NAMED)]
    return found[0] if found else str(entity.get("id", ""))


def known_as(owner: str, kind: str, entity: Mapping[str, Any]) -> str:
    """Its name, where it is the entity that we made under that name; the id of one that only looks so."""
    name, id = name_of(entity), str(entity.get("id", ""))
    return name if id == id_of(owner, kind, name) else id


def words_of(entity: Mapping[str, Any]) -> list[str]:
    """The items that it carries, packed."""
    pieces = {}
    for tag in entity.get("tags") or ():
        number, colon, piece = tag.removeprefix(KEPT).partition(":")
        if tag.startswith(KEPT) and colon and number.isdigit():
            pieces[int(number)] = piece
    return [word for word in "".join(pieces[number] for number in sorted(pieces)).split("&") if word]


def hanging(found: Entities, others: Entities, owner: str) -> dict[str, Entity]:
    """Of what is not ours, what changes what ours does: it stands below ours, or lets somebody into one of our groups."""
    mine = {id for some in found.values() for id in some}
    return {
        f"{kind}/{id}": each
        for kind, some in others.items()
        for id, each in some.items()
        if any(each.get(name) in mine for name in ("service", "route", "consumer", "upstream"))
        or (kind == "acl" and str(each.get("group", "")).startswith(f"{owner}~"))
    }


def said(kind: str, entity: Mapping[str, Any]) -> dict[str, Any]:
    """What we say of an entity, in one form wherever it comes from: without Kong's defaults, ids for foreign keys, lists in order."""
    found = {}
    for field in KINDS[kind].fields:
        value = entity.get(field)
        if field in ("service", "route", "consumer", "upstream") and isinstance(value, Mapping):
            value = value.get("id")
        if field == "config":
            value = _picked(value or {}, PLUGIN_FIELDS.get(str(entity.get("name")), tuple(value or {})))
        elif field == "healthchecks":
            value = _picked(value or {}, HEALTH) if _asks(value) else None
        elif field == "protocols" and kind == "plugin":
            value = None if set(value or CALLS) >= CALLS else value  # for others only, it guards nothing of ours
        elif field == "password":
            value = hashed(str(value or ""), _reference(entity.get("consumer")))
        if value not in (None, [], {}, ""):
            found[field] = _ordered(value)
    return found


HEALTH = (
    "active.type", "active.http_path", "active.timeout", "active.healthy.interval", "active.healthy.successes",
    "active.healthy.http_statuses", "active.unhealthy.interval", "active.unhealthy.http_failures", "active.unhealthy.tcp_failures",
    "active.unhealthy.timeouts",
)  # fmt: skip


def _asks(health: Any) -> bool:
    """Whether targets are asked at all; otherwise Kong shows defaults that say nothing."""
    active = health.get("active") if isinstance(health, Mapping) else None
    return isinstance(active, Mapping) and bool((active.get("healthy") or {}).get("interval"))


def hashed(password: str, consumer: str) -> str:
    """A password as Kong keeps it (kong/plugins/basic-auth/crypto.lua): SHA-1 over it and the id of its consumer."""
    if len(password) == 40 and all(each in "0123456789abcdef" for each in password):
        return password
    return hashlib.sha1(f"{password}{consumer}".encode(), usedforsecurity=False).hexdigest()


def _reference(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, Mapping) else str(value or "")


def _picked(value: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        *way, last = field.split(".")
        inner: Any = value
        for step in way:
            inner = inner.get(step) if isinstance(inner, Mapping) else None
        each = inner.get(last) if isinstance(inner, Mapping) else None
        if each not in (None, [], {}, ""):
            target = found
            for step in way:
                target = target.setdefault(step, {})
            target[last] = each
    return found


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _ordered(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_ordered(each) for each in value), key=str)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def without_secrets(name: str, content: Any) -> Any:
    """An entity that may be shown."""
    if not isinstance(content, Mapping):
        return content
    shown = dict(content)
    for field in ("key", "password"):
        if field in shown and not name.startswith("jwt"):
            shown[field] = fingerprint(str(shown[field]))
    config = shown.get("config")
    if isinstance(config, Mapping) and isinstance(added := config.get("add"), Mapping) and name.startswith("plugin"):
        hidden = [f"{each.partition(':')[0]}:•••" for each in added.get("headers") or ()]
        shown["config"] = {**config, "add": {**added, "headers": hidden}}
    return shown
