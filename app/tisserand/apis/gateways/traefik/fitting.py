"""What of the declared Traefik would refuse or misread, found before its file is touched."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping

from tisserand.apis.gateways.adapter import policies_of
from tisserand.apis.gateways.traefik.dynamic import server_paths
from tisserand.apis.neutral import Declared
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
PLAIN = re.compile(r"[^\x00-\x1f\x7f]*")


def problems(declared: Declared) -> list[Problem]:
    found = [*_networks(declared), *_headers(declared), *_targets(declared)]
    for name, value in declared.values.items():
        if not value or not PLAIN.fullmatch(value) or not value.isascii():
            message = msg("The value of the credential “{name}” cannot stand in a header.", name=name)
            found.append(Problem("gateway.credential", message, msg("Issue another one."), Place(field=f"consumer/{name}")))
    return found


def _networks(declared: Declared) -> Iterator[Problem]:
    for item, place, policies in policies_of(declared):
        for name, networks in (("ip_allow", policies.ip_allow), ("ip_deny", policies.ip_deny)):
            for network in networks:
                try:
                    ipaddress.ip_network(network, strict=False)
                except ValueError:
                    yield _problem(item, f"{place}.{name}", msg("“{network}” is no network.", network=network),
                                   msg("Write an address, or a network such as 10.0.0.0/8."))  # fmt: skip


def _headers(declared: Declared) -> Iterator[Problem]:
    for item, place, policies in policies_of(declared):
        for name, headers in (("request_headers", policies.request_headers), ("response_headers", policies.response_headers)):
            pairs: Mapping[str, str] = {**dict.fromkeys(headers.remove, ""), **headers.set}
            for header, value in pairs.items():
                if not TOKEN.fullmatch(header):
                    yield _problem(item, f"{place}.{name}", msg("“{header}” cannot be the name of a header.", header=header))
                elif not PLAIN.fullmatch(value):
                    yield _problem(item, f"{place}.{name}", msg("The value of “{header}” holds a line break.", header=header))


def _targets(declared: Declared) -> Iterator[Problem]:
    for api in declared.apis:
        if api.lifecycle == "retired":
            continue
        if not api.upstream.targets:
            yield _problem(f"api/{api.key}", "upstream.targets", msg("The API “{api}” has no address to go to.", api=api.key))
        elif len(list(server_paths(api))) > 1:
            message = msg("Traefik sends the requests of “{api}” to one path for all targets, but theirs differ.", api=api.key)
            yield _problem(f"api/{api.key}", "upstream.targets", message, msg("Give all targets the same path."))


def _problem(item: str, field: str, message: Message, fix: Message | None = None) -> Problem:
    return Problem("gateway.unfit", message, fix, Place(field=f"{item}:{field}"))
