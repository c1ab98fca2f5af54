"""A FAKE of Kong's Admin API: it is no Kong and routes nothing. It keeps entities as Kong 3.9 does, with and without a database, and
refuses bodies that break the facts below, which were read from Kong's schemas (kong/db/schema/entities, kong/plugins/*/schema.lua).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import yaml

TEXT, NUMBER, WHOLE, YES = {"type": "string"}, {"type": "number", "exclusiveMinimum": 0}, {"type": "integer"}, {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
TAG = {"type": "string", "pattern": r"^[ !-+\--.0-~\u0080-\U0010ffff]+$"}
NAME = {"type": "string", "pattern": r"^[A-Za-z0-9._~-]+$"}
ID = {"type": "string", "pattern": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
FOREIGN = {"type": "object", "properties": {"id": ID}, "required": ["id"], "additionalProperties": False}
MILLISECONDS = {"type": "integer", "minimum": 1, "maximum": 2**31 - 2}
PAIR = {"type": "string", "pattern": r"^[^:]+:.*$"}
HEADER = {"type": "string", "pattern": r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"}
METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"]


def thing(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SECONDS = {"type": "number", "minimum": 0, "maximum": 65535}
BYTE = {"type": "integer", "minimum": 0, "maximum": 255}
CHECK = thing([], interval=SECONDS, successes=BYTE, http_statuses={"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 999}},
              http_failures=BYTE, tcp_failures=BYTE, timeouts=BYTE)  # fmt: skip
ACTIVE = thing([], type={"enum": ["tcp", "http", "https", "grpc", "grpcs"]}, http_path={"type": "string", "pattern": "^/"}, timeout=SECONDS,
               healthy=CHECK, unhealthy=CHECK)  # fmt: skip
ENTITIES: dict[str, dict[str, Any]] = {
    "services": thing(["host", "port", "protocol"], name=NAME, protocol={"enum": ["http", "https"]}, host={"type": "string", "pattern": r"^[A-Za-z0-9.:_-]+$"},
                      port={"type": "integer", "minimum": 0, "maximum": 65535}, path={"type": "string", "pattern": "^/"},
                      retries={"type": "integer", "minimum": 0, "maximum": 32767}, connect_timeout=MILLISECONDS, write_timeout=MILLISECONDS,
                      read_timeout=MILLISECONDS, tls_verify=YES, enabled=YES),
    "routes": thing(["protocols"], name=NAME, service=FOREIGN, protocols={"type": "array", "items": {"enum": ["http", "https"]}, "minItems": 1},
                    methods={"type": "array", "items": {"type": "string", "pattern": "^[A-Z]+$"}}, hosts=TEXTS,
                    paths={"type": "array", "items": {"type": "string", "pattern": "^(/|~/)"}},
                    headers={"type": "object", "additionalProperties": TEXTS, "propertyNames": HEADER}, strip_path=YES, preserve_host=YES, regex_priority=WHOLE),
    "upstreams": thing(["name"], name={"type": "string", "pattern": r"^[a-z0-9.-]+$"}, healthchecks=thing([], active=ACTIVE)),
    "targets": thing(["target"], target={"type": "string", "pattern": r"^[A-Za-z0-9._\[\]:-]+:\d+$"}, weight={"type": "integer", "minimum": 0, "maximum": 65535}),
    "consumers": thing([], username=TEXT, custom_id=TEXT),
    "keyauth_credentials": thing([], key=TEXT),
    "basicauth_credentials": thing(["username", "password"], username=TEXT, password=TEXT),
    "jwt_secrets": thing([], key=TEXT, algorithm={"enum": ["HS256", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256"]}, rsa_public_key=TEXT),
    "acls": thing(["group"], group=TEXT),
    "plugins": thing(["name"], protocols=TEXTS, name=TEXT, instance_name=NAME, enabled=YES, service=FOREIGN, route=FOREIGN, consumer=FOREIGN, config={"type": "object"}),
}  # fmt: skip
for _schema in ENTITIES.values():
    _schema["properties"] |= {"tags": {"type": "array", "items": TAG, "uniqueItems": True}}

LISTS = thing([], headers=TEXTS, querystring=TEXTS, body=TEXTS)
PAIRS = thing([], headers={"type": "array", "items": PAIR})
PLUGINS: dict[str, dict[str, Any]] = {
    "key-auth": thing([], key_names={"type": "array", "items": HEADER, "minItems": 1}, hide_credentials=YES, anonymous=TEXT, key_in_header=YES,
                      key_in_query=YES, key_in_body=YES, run_on_preflight=YES, realm=TEXT),
    "basic-auth": thing([], hide_credentials=YES, anonymous=TEXT, realm=TEXT),
    "jwt": thing([], uri_param_names=TEXTS, cookie_names=TEXTS, header_names=TEXTS, key_claim_name=TEXT, secret_is_base64=YES,
                 claims_to_verify={"type": "array", "items": {"enum": ["exp", "nbf"]}}, anonymous=TEXT, run_on_preflight=YES),
    "acl": {**thing([], allow=TEXTS, deny=TEXTS, hide_groups_header=YES, always_use_authenticated_groups=YES),
            "oneOf": [{"required": ["allow"]}, {"required": ["deny"]}]},
    "rate-limiting": thing([], second=NUMBER, minute=NUMBER, hour=NUMBER, day=NUMBER, month=NUMBER, year=NUMBER,
                           limit_by={"enum": ["consumer", "credential", "ip", "service", "header", "path"]}, policy={"enum": ["local", "cluster", "redis"]},
                           fault_tolerant=YES, hide_client_headers=YES, error_code=NUMBER, error_message=TEXT, sync_rate={"type": "number"}),
    "cors": thing([], origins=TEXTS, headers=TEXTS, exposed_headers=TEXTS, methods={"type": "array", "items": {"enum": METHODS}}, max_age={"type": "number"},
                  credentials=YES, private_network=YES, preflight_continue=YES),
    "request-size-limiting": thing([], allowed_payload_size=WHOLE, size_unit={"enum": ["megabytes", "kilobytes", "bytes"]}, require_content_length=YES),
    "ip-restriction": {**thing([], allow=TEXTS, deny=TEXTS, status={"type": "number"}, message=TEXT), "anyOf": [{"required": ["allow"]}, {"required": ["deny"]}]},
    "request-transformer": thing([], remove=LISTS, add=PAIRS, replace=thing([], uri=TEXT, headers=TEXTS), http_method=TEXT),
    "response-transformer": thing([], remove=thing([], headers=TEXTS, json=TEXTS), add=PAIRS),
    "proxy-cache": thing(["strategy"], response_code={"type": "array", "items": WHOLE, "minItems": 1}, cache_ttl=NUMBER, content_type=TEXTS,
                         request_method={"type": "array", "items": {"enum": ["HEAD", "GET", "POST", "PATCH", "PUT"]}}, strategy={"enum": ["memory"]},
                         cache_control=YES, vary_headers=TEXTS),
    "request-termination": thing([], status_code={"type": "integer", "minimum": 100, "maximum": 599}, message=TEXT, body=TEXT, content_type=TEXT, echo=YES),
}  # fmt: skip
DEFAULTS: dict[str, dict[str, Any]] = {
    "key-auth": {"realm": None}, "rate-limiting": {"error_message": "API rate limit exceeded", "sync_rate": -1, "year": None},
    "cors": {"private_network": False}, "acl": {"always_use_authenticated_groups": False, "deny": None}, "ip-restriction": {"message": None},
}  # fmt: skip
"""Some of what Kong adds of its own, so that what is read back is never just what was sent."""
UNIQUE = {
    "services": "name", "routes": "name", "upstreams": "name", "consumers": "username", "plugins": "instance_name", "keyauth_credentials": "key",
    "basicauth_credentials": "username", "jwt_secrets": "key",
}  # fmt: skip
NESTED = {
    "key-auth": "keyauth_credentials",
    "basic-auth": "basicauth_credentials",
    "jwt": "jwt_secrets",
    "acls": "acls",
    "targets": "targets",
}
LISTED = {"key-auths": "keyauth_credentials", "basic-auths": "basicauth_credentials", "jwts": "jwt_secrets", "acls": "acls"}
PERIODS = ["second", "minute", "hour", "day", "month", "year"]


class Wrong(Exception):  # noqa: N818
    """A body that Kong would not take."""


def check_plugin(name: str, config: dict[str, Any]) -> None:
    if name not in PLUGINS:
        raise Wrong(f"plugin '{name}' not enabled")
    for error in jsonschema.Draft202012Validator(PLUGINS[name]).iter_errors(config):
        raise Wrong(f"schema violation ({'.'.join(map(str, error.path)) or 'config'}: {error.message})")
    if name == "rate-limiting":
        counts = [config[each] for each in PERIODS if each in config]
        if counts != sorted(counts) or not counts:
            raise Wrong("schema violation (config: the limit for a longer period cannot be lower)")


def check(collection: str, entity: dict[str, Any]) -> None:
    body = {name: value for name, value in entity.items() if name not in ("id", "created_at", "updated_at")}
    for error in jsonschema.Draft202012Validator(ENTITIES[collection]).iter_errors(body):
        raise Wrong(f"schema violation ({'.'.join(map(str, error.path)) or collection}: {error.message})")
    if collection == "plugins":
        check_plugin(body["name"], body.get("config") or {})
    if collection == "services" and body.get("protocol") == "http" and "tls_verify" in body:
        raise Wrong("schema violation (tls_verify: value must be null)")
    for path in body.get("paths") or ():
        if path.startswith("~"):
            re.compile(path[1:].replace("(?<", "(?P<"))


@dataclass
class Fake:
    database: bool
    url: str = ""
    token: str = "kong-secret"
    entities: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in ENTITIES})
    changes: list[str] = field(default_factory=list)
    refuse: int = -1
    """The number of the change that is refused."""
    open_ways: list[str] = field(default_factory=list)
    """Routes that led, at any moment, to a service that answers and asks nobody who he is."""

    refuse_from: int = -1
    """The number of changes after which every further one is refused: as if somebody had died on the way."""

    def forget(self) -> None:
        self.changes.clear()
        self.refuse = self.refuse_from = -1

    def put(self, collection: str, id: str, entity: dict[str, Any]) -> None:
        entity = {name: value for name, value in entity.items() if value is not None}  # null is: none
        if "config" in entity:
            entity["config"] = {name: value for name, value in entity["config"].items() if value is not None}
        check(
            collection,
            {name: value for name, value in entity.items() if name not in ("consumer", "upstream") or collection == "plugins"},
        )
        unique = UNIQUE.get(collection)
        if unique and any(
            one.get(unique) == entity.get(unique) for other, one in self.entities[collection].items() if other != id
        ):
            raise Wrong(f"UNIQUE violation detected on '{unique}'")
        for name, kind in (("service", "services"), ("route", "routes"), ("consumer", "consumers"), ("upstream", "upstreams")):
            if name in entity and entity[name]["id"] not in self.entities[kind]:
                raise Wrong(f"the foreign key '{name}' does not reference an existing entity")
        kept = {**entity, "id": id, "created_at": 1}
        if collection == "plugins":
            kept["config"] = {**DEFAULTS.get(entity["name"], {}), **entity.get("config", {})}
            kept |= {"protocols": ["grpc", "http", "https"], "consumer": entity.get("consumer"), "route": entity.get("route")}
        if collection == "basicauth_credentials":
            salted = f"{entity['password']}{entity['consumer']['id']}"
            kept["password"] = hashlib.sha1(salted.encode(), usedforsecurity=False).hexdigest()
        self.entities[collection][id] = kept
        self._look()

    def delete(self, collection: str, id: str) -> None:
        self.entities[collection].pop(id, None)
        field = collection.removesuffix("s")
        for other, some in self.entities.items():  # what names it goes with it
            for one in [one for one in some.values() if isinstance(one.get(field), dict) and one[field].get("id") == id]:
                self.delete(other, one["id"])
        self._look()

    def _look(self) -> None:
        guarded = {
            (one.get("service") or {}).get("id")
            for one in self.entities["plugins"].values()
            if one["name"] in ("acl", "request-termination")
        }
        for route in self.entities["routes"].values():
            service = self.entities["services"].get((route.get("service") or {}).get("id"), {})
            if service.get("enabled", True) and service.get("id") not in guarded and route["name"] not in self.open_ways:
                self.open_ways.append(route["name"])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # five by itself: whoever comes sixth while the machine is busy waits for seconds


@contextmanager
def running(*, database: bool) -> Iterator[Fake]:
    fake = Fake(database)
    server = Server(("127.0.0.1", 0), _answering(fake))
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answering(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Admin(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"null")
            parts = urlsplit(self.path)
            way, query = parts.path.strip("/").split("/"), parse_qs(parts.query)
            if self.headers.get("kong-admin-token") != fake.token:
                return self._answer(401, {"message": "Unauthorized"})
            if self.command != "GET" and way[0] != "schemas":
                fake.changes.append(f"{self.command} {parts.path}")
                if len(fake.changes) - 1 == fake.refuse or 0 <= fake.refuse_from < len(fake.changes):
                    return self._answer(400, {"message": f"no, and your token is {fake.token}"})
            try:
                return self._answer(*_handled(fake, self.command, way, query, body))
            except Wrong as error:
                return self._answer(400, {"message": str(error)})

        def _answer(self, status: int, data: Any) -> None:
            text = b"" if status == 204 else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Admin


def _handled(fake: Fake, method: str, way: list[str], query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    if way == [""]:
        return 200, {"version": "3.9.1 (a fake)", "configuration": {"database": "postgres" if fake.database else "off"}}
    if way == ["schemas", "plugins", "validate"]:
        check_plugin(body["name"], body.get("config") or {})
        return 200, {"message": "schema validation successful"}
    if way == ["config"]:
        return _whole(fake, method, body)
    collection = LISTED.get(way[0], way[0])
    if method == "GET" and len(way) == 1 and collection in ENTITIES:
        return 200, _page(list(fake.entities[collection].values()), query, way[0])
    if method == "GET" and len(way) == 3 and way[2] == "targets":
        mine = [one for one in fake.entities["targets"].values() if one["upstream"]["id"] == way[1]]
        return 200, {"data": mine, "next": None}
    if not fake.database:
        return 405, {"message": "cannot create or update entities when not using a database"}
    if len(way) == 4:
        field = way[0].removesuffix("s")
        collection, id = NESTED[way[2]], way[3]
        body = {**(body or {}), field: {"id": way[1]}}
    else:
        id = way[1]
    if method == "PUT":
        fake.put(collection, id, body)
        return 200, fake.entities[collection][id]
    fake.delete(collection, id)
    return 204, None


def _page(found: list[dict[str, Any]], query: dict[str, list[str]], name: str) -> dict[str, Any]:
    tags = query.get("tags", [])
    found = [one for one in found if all(tag in (one.get("tags") or ()) for tag in tags)]
    first = int(query.get("offset", ["0"])[0])
    more = first + 7 < len(found)  # small pages, so that there are several
    next = f"/{name}?offset={first + 7}" + "".join(f"&tags={tag}" for tag in tags) if more else None
    return {"data": found[first : first + 7], "next": next, "offset": str(first + 7) if more else None}


def _whole(fake: Fake, method: str, body: Any) -> tuple[int, Any]:
    if fake.database:
        return 400, {"message": "this endpoint is only available when Kong is configured to not use a database"}
    if method == "GET":
        flat = {
            name: [{key: value["id"] if key in ("service", "route", "consumer", "upstream") and value else value for key, value in one.items()} for one in some.values()]
            for name, some in fake.entities.items()
            if some
        }  # fmt: skip
        return 200, {"config": yaml.safe_dump({"_format_version": "3.0", "_transform": False, **flat})}
    new = Fake(False)
    if body.get("_format_version") != "3.0" or body.get("_transform") is not False:
        raise Wrong("declarative config is invalid: expected format 3.0 without transformations")
    for name in (
        "upstreams",
        "targets",
        "services",
        "routes",
        "consumers",
        "keyauth_credentials",
        "basicauth_credentials",
        "jwt_secrets",
        "acls",
        "plugins",
    ):
        for one in body.get(name) or ():
            entity = {
                key: {"id": value} if key in ("service", "route", "consumer", "upstream") and value else value
                for key, value in one.items()
                if value is not None
            }
            config = {key: value for key, value in (entity.get("config") or {}).items() if value is not None}
            known = PLUGINS.get(entity.get("name", ""), {}).get("properties", config)
            entity |= {"config": {key: value for key, value in config.items() if key in known}} if name == "plugins" else {}
            password = entity.get("password")
            new.put(
                name,
                entity["id"],
                {
                    key: value
                    for key, value in entity.items()
                    if key not in ("id", "created_at", "protocols") or (key == "protocols" and name == "routes")
                },
            )
            if password is not None:
                new.entities[name][entity["id"]]["password"] = password  # it comes hashed
    fake.entities = new.entities
    return 201, {}
