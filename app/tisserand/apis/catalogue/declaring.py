"""What one gateway is to hold, resolved from the catalogue, the secrets and the published flows of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.apis.model import Api, Consumer, Jwt, Operation, Subscription, Target
from tisserand.apis.neutral import Declared, fingerprint
from tisserand.apis.openapi.operations import METHODS
from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

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


def declared(catalogue: Catalogue, gateway: str, around: Surroundings) -> tuple[Declared, list[Problem]]:
    """What one gateway is to hold, and all that is wrong: errors refuse a push."""
    resolving = _Resolving(catalogue, gateway, around)
    return resolving.declared(), resolving.problems


class _Resolving:
    """Resolves a catalogue for one gateway, and finds all that is wrong on the way."""

    def __init__(self, catalogue: Catalogue, gateway: str, around: Surroundings) -> None:
        self._catalogue = catalogue
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
        return Declared(apis, plans.by_id, alive, subscriptions, self._values(alive), self._jwks(apis), headers)

    def _api(self, file: ApiFile) -> Api | None:
        self.problems += [each for each in file.problems if each.severity == "error"]
        api = file.api
        if api is None or api.lifecycle == "draft" or (api.gateways and self._gateway not in api.gateways):
            return None
        upstream = api.upstream
        if upstream.flow and api.lifecycle != "retired":
            address = self._around.addresses.get(api.key)
            if address is None:
                message = msg("The flow “{flow}” behind “{api}” does not answer yet.", flow=upstream.flow, api=api.key)
                fix = msg("Published flows are served by the executor: tisserand serve")
                self.problems.append(Problem("api.upstream", message, fix, Place(file=file.file, field="upstream.flow")))
            else:
                upstream = upstream.model_copy(update={"targets": [Target(url=address)]})
        route = api.route
        if not route.operations and not api.openapi and api.key in self._around.operations:
            route = route.model_copy(update={"operations": [*self._around.operations[api.key]]})
        if not route.operations and api.openapi:
            route = route.model_copy(update={"operations": self._operations(file.path, api.openapi, file.file)})
        return api.model_copy(update={"upstream": upstream, "route": route})

    def _operations(self, path: Path, name: str, file: str) -> list[Operation]:
        try:
            document = self._catalogue.document_place(path, name)
            data = yaml.load(document.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a safe loader
            paths = data["paths"] if isinstance(data, dict) and isinstance(data.get("paths"), dict) else {}
        except NodeError as error:
            self.problems.append(Problem("api.document", error.message, error.fix, Place(file=file, field="openapi")))
            return []
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            reason = str(error).partition("\n")[0]
            message = msg("The document “{document}” cannot be read: {reason}", document=document.name, reason=reason)
            self.problems.append(Problem("api.document", message, None, Place(file=file, field="openapi")))
            return []
        return [
            Operation(method=method.upper(), path=path, id=str(item[method].get("operationId") or ""))
            for path, item in paths.items()
            if isinstance(item, dict)
            for method in METHODS
            if isinstance(item.get(method), dict)
        ]

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
