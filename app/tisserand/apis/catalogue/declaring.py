"""What one gateway is to hold, resolved from the catalogue, the secrets and the published flows of a workspace."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.apis.model import Api, Consumer, Jwt, Operation, Subscription, Target
from tisserand.apis.neutral import Contents, Declared, fingerprint
from tisserand.apis.openapi.operations import METHODS, resolve
from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

Secrets = Callable[[Iterable[str]], Mapping[str, str]]
"""Names of secrets → the values of those that are there."""


@dataclass(frozen=True)
class Surroundings:
    """What stands in no file of the catalogue."""

    secrets: Secrets
    addresses: Mapping[str, str]
    """API key → where its published flow answers."""
    credential: Mapping[str, str]
    """Headers by which published flows know a gateway."""
    fetch: Callable[[str], Mapping[str, Any]]
    """Address or file of a key set → the key set; raises `NodeError`."""
    now: datetime
    operations: Mapping[str, Sequence[Operation]] = field(default_factory=dict)
    """API key → the operations of the flow behind it, for those without a document of their own."""


@dataclass(frozen=True)
class Before:
    """What was resolved for one gateway before: what has not changed stays the same objects."""

    contents: Contents = field(default_factory=Contents)
    apis: dict[str, tuple[Api, str | None, Sequence[Operation] | None, Api]] = field(default_factory=dict)
    """File → the API in it, where its flow answers, its operations, and what became of it."""


def declared(
    catalogue: Catalogue, gateway: str, around: Surroundings, before: Before | None = None
) -> tuple[Declared, list[Problem]]:
    """What one gateway is to hold, and all that is wrong: errors refuse a push."""
    resolving = _Resolving(catalogue, gateway, around, before or Before())
    return resolving.declared(), resolving.problems


class _Resolving:
    """Resolves a catalogue for one gateway, and finds all that is wrong on the way."""

    def __init__(self, catalogue: Catalogue, gateway: str, around: Surroundings, before: Before) -> None:
        self._catalogue = catalogue
        self._before = before
        self._gateway = gateway
        self._around = around
        self.problems: list[Problem] = []

    def declared(self) -> Declared:
        """What is wrong stands in `problems` afterwards."""
        apis = [found for file in self._catalogue.apis() if (found := self._api(file)) is not None]
        plans, consumers, entries = self._catalogue.plans(), self._catalogue.consumers(), self._catalogue.subscriptions()
        self.problems += [*plans.problems, *consumers.problems, *entries.problems]
        alive = {id: living(id, consumer, self._around.now) for id, consumer in consumers.by_id.items()}
        known = {api.id for api in apis}
        today = self._around.now.date()
        subscriptions = {
            id: each for id, each in entries.by_id.items() if each.api in known and runs(each, today) and each.consumer in alive
        }
        for id, each in subscriptions.items():
            if each.plan not in plans.by_id:
                message = msg("“{subscription}” names the plan “{plan}”, which is not there.", subscription=id, plan=each.plan)
                self.problems.append(Problem("subscription.plan", message, None, Place(file="subscriptions.yaml", field=id)))
        headers = {api.key: self._around.credential for api in apis if api.upstream.flow and self._around.credential}
        return Declared(
            apis,
            plans.by_id,
            alive,
            subscriptions,
            self._values(alive),
            self._jwks(apis),
            headers,
            contents=self._before.contents,
        )

    def _api(self, file: ApiFile) -> Api | None:
        self.problems += [each for each in file.problems if each.severity == "error"]
        api = file.api
        if api is None or api.lifecycle == "draft" or (api.gateways and self._gateway not in api.gateways):
            return None
        upstream, address = api.upstream, None
        if upstream.flow and api.lifecycle != "retired":
            address = self._around.addresses.get(api.key)
            if address is None:
                message = msg("The flow “{flow}” behind “{api}” does not answer yet.", flow=upstream.flow, api=api.key)
                fix = msg("Published flows are served by the executor: tisserand serve")
                self.problems.append(Problem("api.upstream", message, fix, Place(file=file.file, field="upstream.flow")))
        operations: Sequence[Operation] | None = None
        if not api.route.operations:
            if api.openapi:
                operations = self._operations(file.path, api.openapi, file.file)
            else:
                operations = self._around.operations.get(api.key)
        known = self._before.apis.get(file.file)
        if known is None or known[0] is not api or known[1:3] != (address, operations):
            if address is not None:
                upstream = upstream.model_copy(update={"targets": [Target(url=address)]})
            route = api.route if operations is None else api.route.model_copy(update={"operations": [*operations]})
            resolved = api.model_copy(update={"upstream": upstream, "route": route})
            known = self._before.apis[file.file] = api, address, operations, resolved
        return known[3]

    def _operations(self, path: Path, name: str, file: str) -> Sequence[Operation]:
        place = Place(file=file, field="openapi")
        try:
            document = self._catalogue.document_place(path, name)
        except NodeError as error:
            self.problems.append(Problem("api.document", error.message, error.fix, place))
            return ()
        read: tuple[Sequence[Operation], Sequence[Message]] | None = self._catalogue.cached(document, _document_operations)
        operations, wrong = read or ((), (_unread(document, os.strerror(errno.ENOENT)),))
        self.problems += [Problem("api.document", message, None, place) for message in wrong]
        return operations

    def _values(self, consumers: Mapping[str, Consumer]) -> dict[str, str]:
        """The values of all credentials. One that is missing refuses the push: to leave it out would lock its consumer out."""
        wanted = [(id, each) for id, consumer in consumers.items() for each in consumer.credentials]
        found = self._around.secrets(each.secret.name for _, each in wanted)
        values = {}
        for id, each in wanted:
            value = found.get(each.secret.name)
            if value is None or fingerprint(value) != each.fingerprint:
                message = msg(
                    "The value of the credential “{credential}” of “{consumer}” is not among the secrets of this machine.",
                    credential=each.id, consumer=id,
                )  # fmt: skip
                fix = msg("Issue a new one, or revoke it.")
                place = Place(file="consumers.yaml", field=f"{id}.credentials")
                self.problems.append(Problem("consumer.credential", message, fix, place))
            else:
                values[f"{id}/{each.id}"] = value
        return values

    def _jwks(self, apis: Sequence[Api]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for api in apis:
            for each in api.security:
                if isinstance(each, Jwt) and each.jwks not in found:
                    try:
                        found[each.jwks] = self._around.fetch(each.jwks)
                    except NodeError as error:
                        self.problems.append(Problem("api.jwks", error.message, error.fix, Place(field=f"{api.key}: security")))
        return found


def _unread(document: Path, reason: str) -> Message:
    return msg("The document “{document}” cannot be read: {reason}", document=document.name, reason=reason)


def _document_operations(document: Path) -> tuple[Sequence[Operation], Sequence[Message]]:
    """The operations of a document, and what is wrong with them."""
    try:
        data = yaml.load(document.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a safe loader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return (), (_unread(document, str(error).partition("\n")[0] or type(error).__name__),)
    paths = data.get("paths") or {} if isinstance(data, dict) else None
    named = {path: item for path, item in paths.items() if not str(path).startswith("x-")} if isinstance(paths, dict) else None
    found: list[Operation] = []
    wrong: list[Message] = []
    for path, item in (named or {}).items():
        if not isinstance(path, str) or not path.startswith("/"):
            wrong.append(
                msg(
                    "The document “{document}” has a path that does not begin with “/”: {path}",
                    document=document.name,
                    path=str(path),
                )
            )
        elif isinstance(item := resolve(data, item), dict):
            methods = [method for method in METHODS if isinstance(item.get(method), dict)]
            found += [
                Operation(method=method.upper(), path=path, id=str(item[method].get("operationId") or "")) for method in methods
            ]
    if named is None or (named and not found):
        wrong.append(
            msg("No operation of the document “{document}” can be read: everything would be let through.", document=document.name)
        )
    return tuple(found), tuple(wrong)


def living(id: str, consumer: Consumer, now: datetime) -> Consumer:
    """A consumer with the credentials that are valid at a moment."""
    kept = [each for each in consumer.credentials if valid(each.state, each.expires, now)]
    return consumer if len(kept) == len(consumer.credentials) else consumer.model_copy(update={"credentials": kept})


def valid(state: str, expires: datetime | None, now: datetime) -> bool:
    return state == "active" and (expires is None or in_utc(expires) > now)


def in_utc(moment: datetime) -> datetime:
    """A moment without a time zone is meant in UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def runs(subscription: Subscription, today: Any) -> bool:
    """Whether a subscription is active on a day (UTC)."""
    started = subscription.start is None or subscription.start <= today
    return subscription.state == "active" and started and (subscription.end is None or subscription.end >= today)
