"""What Envoy would take as it is declared, though it could only do harm there, or nothing at all: found before anything is touched."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from tisserand.apis.gateways.adapter import policies_of
from tisserand.apis.gateways.envoy.checking import address
from tisserand.apis.gateways.envoy.settings import OURS
from tisserand.apis.model import VERSION, Api, ApiKey, Jwt, Policies
from tisserand.apis.neutral import Declared
from tisserand.model.problem import Place as Where
from tisserand.model.problem import Problem
from tisserand.texts import Message, msg

Found = Iterator[tuple[str, str, Message, Message | None]]
"""`(code, field, message, fix)`."""

FRAMING = frozenset({
    "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers that say where a message ends and what becomes of its connection (RFC 9110, 7.6.1; RFC 9112, 6): with another one, the service
would take the rest of a body for the next request."""

LONGEST = 10 * 366 * 86_400.0
"""Seconds. Envoy takes no more than some thousands of years."""
SHORTEST_RATE = 0.05
"""Seconds. Envoy fills no bucket more often."""
MOST = 2**32 - 1
"""Calls of a rate, and bytes of a body: Envoy counts in 32 bits."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PARAMETER = re.compile(r"[A-Za-z0-9._~-]+")
_HOST = re.compile(r"\*|(\*[.-])?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?|\[[0-9A-Fa-f:.]+\]")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?")
"""A name of a machine (RFC 1123, 2.1; `_` is used all the same)."""
_PATH = re.compile(r"(%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&'()*+,;=:@/-])*")
"""A path as it stands in a request (RFC 3986, 3.3)."""
_VALUE = re.compile(r"[\x21-\x7e\x80-\U0010ffff]([\x20-\x7e\x80-\U0010ffff]*[\x21-\x7e\x80-\U0010ffff])?")
"""What can be sent in a header (RFC 9110, 5.5)."""


def harmful(declared: Declared, host: str, port: int) -> list[Problem]:
    """All of it. `host` and `port`: where the gateway itself listens (port 0: nowhere yet)."""
    found = []
    for api in declared.apis:
        for code, field, message, fix in (*_of_route(api), *_of_upstream(api, host, port), *_of_security(api)):
            found.append(Problem(code, message, fix, Where(file=f"api/{api.key}", field=field)))
    for item, place, policies in policies_of(declared):
        for code, field, message, fix in _of_policies(policies):
            found.append(Problem(code, message, fix, Where(file=item, field=f"{place}.{field}")))
    for id, subscription in declared.subscriptions.items():
        if subscription.version and not re.fullmatch(VERSION, subscription.version):
            message = msg("“{name}” cannot be the name of a version.", name=subscription.version)
            found.append(Problem("envoy.version", message, None, Where(file=f"subscription/{id}", field="version")))
    return [*found, *_of_plans(declared), *_of_values(declared), *_twice_subscribed(declared)]


def _of_route(api: Api) -> Found:
    route = api.route
    never = msg("It is taken away from what is asked for, so nobody could ever ask for it.")
    if _climbs(route.base_path):
        yield "envoy.path", "route.base_path", msg("“{path}” holds “.” or “..” as a part.", path=route.base_path), never
    for index, each in enumerate(route.operations):
        field = f"route.operations.{index}.path"
        if _climbs(each.path) or "//" in each.path:
            yield "envoy.path", field, msg("“{path}” holds “.”, “..” or nothing as a part.", path=each.path), never
        elif any(sign in each.path for sign in "?#\\") or not each.path.isprintable():
            message = msg("“{path}” is no path: it holds “?”, “#”, “\\” or characters that nobody can write.", path=each.path)
            yield "envoy.path", field, message, None
    for index, host in enumerate(route.hosts):
        if len(host) > 253 or not _HOST.fullmatch(host):
            fix = msg("For example api.example.org or *.example.org, without a port.")
            yield "envoy.host", f"route.hosts.{index}", msg("“{host}” is no name of a host.", host=host), fix
    if route.versioning == "header" and (not _HEADER.fullmatch(route.name) or not _free(route.name)):
        yield (
            "envoy.version",
            "route.name",
            msg("“{name}” cannot be the name of the header with the version.", name=route.name),
            None,
        )
    if route.versioning == "query" and not _PARAMETER.fullmatch(route.name):
        message = msg("“{name}” cannot be the name of the parameter with the version.", name=route.name)
        yield "envoy.version", "route.name", message, None


def _climbs(path: str) -> bool:
    return any(part in (".", "..") for part in path.split("/"))


def _free(header: str) -> bool:
    """Whether callers may send a header, and it is theirs to fill."""
    name = header.lower().replace("_", "-")
    return name not in OURS and name not in FRAMING and name != "host" and not name.startswith("x-envoy-")


def _of_upstream(api: Api, host: str, port: int) -> Found:
    if api.lifecycle == "retired":
        return
    upstream = api.upstream
    times = [("upstream.timeout", upstream.timeout)]
    if upstream.health is not None:
        health = upstream.health
        times += [("upstream.health.every", health.every), ("upstream.health.timeout", health.timeout)]
        path, _, query = health.path.partition("?")
        if not _PATH.fullmatch(path) or not (query.isascii() and query.isprintable() and " " not in query):
            yield "envoy.path", "upstream.health.path", msg("“{path}” cannot stand in a request.", path=health.path), None
    for field, time in times:
        if not 0.001 <= time.seconds <= LONGEST:  # none at all would be no limit for Envoy
            yield "envoy.duration", field, msg("“{time}” must be at least 1 ms and at most 10 years.", time=str(time)), None
    for index, target in enumerate(upstream.targets):
        field = f"upstream.targets.{index}.url"
        if address(target.url):
            for code, message, fix in _of_target(target.url, host, port):
                yield code, field, message, fix


def _of_target(url: str, host: str, port: int) -> Iterator[tuple[str, Message, Message | None]]:
    parts = urlsplit(url)
    name = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        fix = msg("Set a header with it in “request_headers”.")
        yield "envoy.target", msg("The address of a service holds a name or a password, which would not be sent."), fix
        return
    if parts.query or parts.fragment or "?" in url or "#" in url:
        yield "envoy.target", msg("“{url}” holds “?” or “#”, which would not be sent.", url=url), msg("End it with the path.")
    elif not _PATH.fullmatch(parts.path) or not url.isprintable():
        fix = msg("Write other characters as “%” and two hex digits.")
        yield "envoy.target", msg("The path of “{url}” cannot stand in a request.", url=url), fix
    known = _ip(name)
    if known is None and (len(name) > 253 or not _NAME.fullmatch(name)):
        yield "envoy.target", msg("“{host}” is no name of a machine.", host=name[:300]), None
    elif known is not None and (known.is_link_local or known.is_multicast or known.is_unspecified):
        # Machines in clouds are told their own credentials under such an address.
        message = msg("“{host}” is an address that stands for no service: link-local, multicast or none.", host=name)
        yield "envoy.target", message, None
    elif (parts.port or (443 if parts.scheme == "https" else 80)) == port and _here(name, known, host):
        message = msg("“{url}” is this gateway itself: requests would go round in circles.", url=url)
        yield "envoy.loop", message, msg("Name the address of the service.")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, however it is written: `127.1`, `0x7f000001` and `2130706433` are one; None for a name."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[0-9A-Fa-fxX.]+", host) or not host[-1:].isalnum():
            return None
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _here(name: str, known: ipaddress.IPv4Address | ipaddress.IPv6Address | None, host: str) -> bool:
    return name == host or name.rstrip(".").lower() == "localhost" or (known is not None and known.is_loopback)


def _of_security(api: Api) -> Found:
    for index, way in enumerate(api.security):
        if isinstance(way, ApiKey) and way.place == "header" and not _free(way.name):
            yield (
                "envoy.header",
                f"security.{index}.name",
                msg("A key cannot stand in the header “{header}”.", header=way.name),
                None,
            )
        if isinstance(way, Jwt) and not way.issuer.strip():
            message = msg("“{api}” names no issuer: tokens of every one would be believed.", api=api.key)
            yield "envoy.issuer", f"security.{index}.issuer", message, msg("Write what tokens hold as “iss”.")
        if isinstance(way, Jwt) and not way.consumer_claim.strip():
            message = msg("“{api}” names no claim that says who the consumer is.", api=api.key)
            yield "envoy.claim", f"security.{index}.consumer_claim", message, msg("For example “sub”.")


def _of_policies(policies: Policies) -> Found:
    for field, each in (("request_headers", policies.request_headers), ("response_headers", policies.response_headers)):
        for name in [*each.set, *each.remove]:
            if name.lower() in FRAMING:
                message = msg("“{header}” says where a message ends: only the gateway sets it.", header=name)
                yield "envoy.header", field, message, None
            elif "_" in name and field == "request_headers" and name.lower().replace("_", "-") in OURS:
                message = msg("“{header}” is set by the gateway alone.", header=name)
                yield "envoy.header", field, message, msg("Choose another name.")
        for name, value in each.set.items():
            if len(value) > 8000:
                message = msg("The value of “{header}” is longer than servers take.", header=name)
                yield "envoy.header", field, message, msg("At most 8000 characters.")
    if policies.cors is not None:
        for field, names in (("cors.headers", policies.cors.headers), ("cors.expose", policies.cors.expose)):
            for name in names:
                if not _HEADER.fullmatch(name):  # it would end the header that it is told in, and begin another
                    yield "envoy.cors", field, msg("“{header}” is no name of a header.", header=name), None
    if policies.max_body is not None and policies.max_body.bytes > MOST:
        yield (
            "envoy.max_body",
            "max_body",
            msg("More than 4 GiB cannot be limited here."),
            msg("Leave “max_body” out for no limit."),
        )


def _of_plans(declared: Declared) -> Iterator[Problem]:
    for id, plan in declared.plans.items():
        for index, rate in enumerate(plan.rate):
            where = Where(file=f"plan/{id}", field=f"rate.{index}")
            if not SHORTEST_RATE <= rate.per.seconds <= LONGEST:
                message = msg("The plan “{plan}”: calls are counted over at least 50 ms, and at most 10 years.", plan=id)
                yield Problem("envoy.rate", message, None, where)
            if rate.count > MOST:
                yield Problem("envoy.rate", msg("The plan “{plan}” counts further than this gateway can.", plan=id), None, where)


def _of_values(declared: Declared) -> Iterator[Problem]:
    """Values that nobody could send, or that everybody could."""
    for name, value in declared.values.items():
        consumer, _, credential = name.partition("/")
        kinds = {each.kind for each in declared.consumers[consumer].credentials if each.id == credential} if (
            consumer in declared.consumers
        ) else set()  # fmt: skip
        if not value or ("api_key" in kinds and not _VALUE.fullmatch(value)):
            message = msg(
                "The value of the credential “{credential}” of “{consumer}” is empty, or cannot be sent in a header.",
                credential=credential, consumer=consumer,
            )  # fmt: skip
            yield Problem("envoy.value", message, msg("Issue a new one."), Where(file=f"consumer/{consumer}"))


def _twice_subscribed(declared: Declared) -> Iterator[Problem]:
    """One consumer under several plans of the same: the script that looks plans up takes the last by name."""
    plans: dict[tuple[str, str, str], set[str]] = {}
    for each in declared.subscriptions.values():
        plans.setdefault((each.consumer, each.api, each.version), set()).add(each.plan)
    for (consumer, api, version), names in plans.items():
        if len(names) > 1:
            message = msg(
                "“{consumer}” is subscribed to “{api}” under several plans, {plans}: what “{last}” allows holds.",
                consumer=consumer, api=f"{api}@{version}" if version else api, plans=sorted(names), last=max(names),
            )  # fmt: skip
            fix = msg("End all but one of these subscriptions.")
            yield Problem("envoy.plans", message, fix, Where(file=f"consumer/{consumer}"), severity="warning")
