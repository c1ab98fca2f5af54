"""The types of gateways, and how an entry of `gateways.yaml` becomes one of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from pydantic import ValidationError

from tisserand.apis.gateways.adapter import Gateway, Place
from tisserand.apis.model import GatewayEntry
from tisserand.model.problem import Place as Where
from tisserand.model.problem import Problem
from tisserand.sdk.problems import config_problems
from tisserand.texts import msg

FILE = "gateways.yaml"

ADAPTERS: dict[str, str] = {
    "aws": "tisserand.apis.gateways.aws.gateway:Aws",
    "envoy": "tisserand.apis.gateways.envoy.adapter:EnvoyGateway",
    "kong": "tisserand.apis.gateways.kong.gateway:Kong",
    "traefik": "tisserand.apis.gateways.traefik.gateway:Traefik",
}
"""Type → `module:Class`; a module is loaded when a gateway of its type is asked for."""


class GatewayError(Exception):
    """An entry of `gateways.yaml` makes no gateway; `problems` says all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(each.message.text("en") for each in self.problems))


def adapter_class(kind: str) -> type[Gateway] | None:
    """The class of a type; None where there is no such type."""
    if kind not in ADAPTERS:
        return None
    module, _, name = ADAPTERS[kind].partition(":")
    found: type[Gateway] = getattr(import_module(module), name)
    return found


def adapter(name: str, entry: GatewayEntry, place: Place) -> Gateway:
    """The gateway of an entry. Raises `GatewayError` with all problems of its type and settings."""
    kind = adapter_class(entry.type)
    if kind is None:
        near = difflib.get_close_matches(entry.type, ADAPTERS, 1)
        fix = msg("Did you mean “{near}”?", near=near[0]) if near else msg("Types: {types}.", types=sorted(ADAPTERS))
        message = msg("“{type}” is not a type of gateway.", type=entry.type)
        raise GatewayError([Problem("gateway.type", message, fix, Where(file=FILE, field=f"{name}.type"))])
    try:
        settings = kind.Settings.model_validate(entry.settings)
    except ValidationError as error:
        raise GatewayError([_placed(name, entry.type, each) for each in config_problems(error, kind.Settings)]) from None
    return kind(name, settings, place)


def _placed(name: str, type: str, problem: Problem) -> Problem:
    """A problem of the settings at its place in the file."""
    inner = (problem.place.field or "").removeprefix("config").lstrip(".")
    message = problem.message
    if problem.code == "config.unknown":
        unknown = inner.rpartition(".")[2]
        message = msg("“{field}” is not a setting of gateways of type “{type}”.", field=unknown, type=type)
    field = ".".join(part for part in (name, "settings", inner) if part)
    return replace(problem, message=message, place=Where(file=FILE, field=field))
