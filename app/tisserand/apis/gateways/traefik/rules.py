"""Traefik's rules: which requests belong to an API, to one of its operations, to a consumer.

The language: https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence

from tisserand.apis.gateways.entitled import Login
from tisserand.apis.model import Api, ApiKey, Basic, Operation

PREFLIGHT = "Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.+`) && HeaderRegexp(`Access-Control-Request-Method`, `.+`)"


def quoted(text: str) -> str:
    """A string of the rule language: in backticks, or as a Go string where it holds one."""
    return f"`{text}`" if "`" not in text else json.dumps(text)


def escaped(text: str) -> str:
    """A text as a regular expression of Go (RE2)."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def any_of(parts: Iterable[str]) -> str:
    found = list(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else f"({' || '.join(found)})"


def template(path: str) -> str:
    """A path of an OpenAPI document (`/orders/{id}`) as a regular expression."""
    return "".join("[^/]+" if part.startswith("{") else escaped(part) for part in re.split(r"(\{[^{}/]*\})", path))


def base(api: Api) -> str:
    """Every request to this version, whatever the operation."""
    route = api.route
    parts = [f"(Path({quoted(api.path)}) || PathPrefix({quoted(api.path + '/')}))"]
    if route.hosts:
        parts.append(any_of(f"Host({quoted(host)})" for host in route.hosts))
    if route.versioning == "header":
        parts.append(f"Header({quoted(route.name)}, {quoted(api.version)})")
    elif route.versioning == "query":
        parts.append(f"Query({quoted(route.name)}, {quoted(api.version)})")
    return " && ".join(parts)


def nested(api: Api, others: Iterable[Api]) -> list[Api]:
    """The versions whose requests would also fit this one: they are found below its path, or at the same path but told more closely."""
    closeness = _closeness(api)
    return [
        each
        for each in others
        if each.key != api.key
        and (each.path.startswith(api.path + "/") or (each.path == api.path and _closeness(each) > closeness))
    ]


def _closeness(api: Api) -> tuple[bool, bool]:
    return bool(api.route.hosts), api.route.versioning in ("header", "query")


def own(api: Api, others: Iterable[Api]) -> str:
    """`base` without what belongs to a version that is told more closely."""
    without = "".join(f" && !({base(each)})" for each in nested(api, others))
    return base(api) + without


def operations(api: Api, chosen: Sequence[Operation]) -> str:
    """One of these operations; with none, every request."""
    by_method: dict[str, list[str]] = {}
    for each in chosen:
        by_method.setdefault(each.method, []).append(template(each.path))
    return any_of(
        f"(Method({quoted(method)}) && {_path(api, paths)})" for method, paths in by_method.items()
    ) if by_method else ""  # fmt: skip


def paths(api: Api, chosen: Sequence[Operation]) -> str:
    """The paths of these operations with any method; with none, every one."""
    return _path(api, [template(each.path) for each in chosen]) if chosen else ""


def _path(api: Api, templates: Sequence[str]) -> str:
    inner = "|".join("/?" if each == "/" else each for each in dict.fromkeys(templates))
    return f"PathRegexp({quoted(f'^{escaped(api.path)}(?:{inner})$')})"


def networks(ranges: Sequence[str]) -> str:
    return any_of(f"ClientIP({quoted(each)})" for each in ranges)


def shown(way: ApiKey | Basic, logins: Sequence[Login]) -> str:
    """Requests that show one of these credentials in this way; empty where none fits."""
    if isinstance(way, Basic):
        words = [base64.b64encode(f"{each.user}:{each.value}".encode()).decode() for each in logins if each.kind == "basic"]
        return f"HeaderRegexp(`Authorization`, {quoted(_one_of('(?i:basic) +', words))})" if words else ""
    keys = [each.value for each in logins if each.kind == "api_key"]
    if way.place == "query":
        return any_of(f"Query({quoted(way.name)}, {quoted(key)})" for key in keys) if keys else ""
    return f"HeaderRegexp({quoted(way.name)}, {quoted(_one_of('', keys))})" if keys else ""


def _one_of(before: str, words: Sequence[str]) -> str:
    return f"^{before}(?:{'|'.join(escaped(word) for word in words)})$"


SECRET_ARGUMENT = re.compile(
    r"((?:Header|HeaderRegexp|Query|QueryRegexp)\((?:`[^`]*`|\"(?:\\.|[^\"])*\"), )(?:`[^`]*`|\"(?:\\.|[^\"])*\")"
)


def without_secrets(rule: str) -> str:
    """A rule that may be shown: what headers and query parameters must hold is left out."""
    return SECRET_ARGUMENT.sub(r"\1`•••`", rule)
