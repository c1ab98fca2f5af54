"""The adapter for Amazon API Gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tisserand.apis.gateways.adapter import Capabilities, Change, Dropped, Gateway, Live, PolicyName, Progress
from tisserand.apis.gateways.aws import account, wanted
from tisserand.apis.gateways.aws.client import Client
from tisserand.apis.gateways.aws.pushing import Pushing
from tisserand.apis.gateways.compare import without
from tisserand.apis.gateways.coverage import unsupported
from tisserand.apis.gateways.kept import kept, pack, seen, strays
from tisserand.apis.model import ApiKey
from tisserand.apis.neutral import Declared, digest
from tisserand.apis.usage import UsageRow
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config, When
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import Secret
from tisserand.texts import Message, msg

ENFORCED: frozenset[PolicyName] = frozenset({
    "api_key", "open", "subscriptions", "rate", "quota", "ip_allow", "ip_deny", "request_headers", "timeout", "lifecycle",
    "version_path", "version_header", "version_query", "operations", "usage",
})  # fmt: skip
TESTED = "moto 5.2 (a stand-in for AWS that keeps what it is told and enforces nothing); never run against AWS."
MOST_PARTS = 90
"""Stage variables that items may take; AWS has 100."""
PART = re.compile(r"[A-Za-z0-9._:~-]+|\{[A-Za-z0-9._-]+\}")
"""A part of a path that AWS takes."""


class AwsSettings(Config):
    """Where AWS is, and who we are there."""

    region: str = ""
    """For example `eu-west-3`; empty: as the profile or the environment says."""
    stage: str = Field("live", pattern=r"^[A-Za-z0-9_]{1,64}$")
    """The stage of each REST API that we keep and callers use."""
    owner: str = Field("", pattern=r"^[A-Za-z0-9._-]*$")
    """The word by which we know our things there again. Another workspace that pushes to the same account needs another one; empty:
    the name of the gateway."""
    endpoint: str = Field("", pattern=r"^(https?://.*)?$")
    """Another address than that of AWS, for example of LocalStack or moto."""
    profile: str = ""
    """A profile of the AWS configuration of this machine; empty: the usual chain (environment, files, role of the machine)."""
    access_key: str = ""
    """Id of an access key, where neither a profile nor the machine has one."""
    secret_key: Annotated[Secret | None, When(access_key=())] = None
    """The secret that goes with the access key."""
    verify: bool = True
    """Check the certificate."""


class Aws(Gateway):
    """Amazon API Gateway, REST APIs (v1)."""

    kind: ClassVar[str] = "aws"
    title: ClassVar[str] = "AWS API Gateway"
    Settings: ClassVar[type[Config]] = AwsSettings

    _made: Client | None = None

    @property
    def _set(self) -> AwsSettings:
        assert isinstance(self.settings, AwsSettings)
        return self.settings

    @property
    def _owner(self) -> str:
        return self._set.owner or self.name

    @property
    def _client(self) -> Client:
        if self._made is None:
            settings, secrets = self._set, {}
            if settings.access_key and settings.secret_key:
                secret = self.place.secret(settings.secret_key.name)
                secrets = {"aws_access_key_id": settings.access_key, "aws_secret_access_key": secret}
            self._made = Client(self.name, settings.region, settings.endpoint, secrets, settings.profile, settings.verify)
        return self._made

    def capabilities(self) -> Capabilities:
        return Capabilities(ENFORCED, atomic=False, usage=True, tested=TESTED)

    def dropped(self, declared: Declared) -> Sequence[Dropped]:
        reasons: dict[PolicyName, Message] = {
            "jwt": msg("AWS checks tokens in REST APIs with Cognito or a function of yours only: nobody gets in with one."),
            "max_body": msg("AWS takes bodies up to 10 MB, no other limit."),
            "cors": msg("AWS hands answers of the service on as they are; the service itself must answer browsers."),
            "response_headers": msg("AWS hands answers of the service on as they are."),
            "hosts": msg("Host names are given to AWS outside of an API, with their certificates."),
        }
        found = [*unsupported(declared, self.capabilities(), reasons), *_of_apis(declared), *wanted.twice(declared)]
        for id, plan in declared.plans.items():
            found += _of_plan(f"plan/{id}", plan)
        return list({each.name: each for each in found}.values())

    def validate(self, declared: Declared) -> Sequence[Problem]:
        found = [*_problems(declared)]
        if not found:
            for key, count in self._parts(declared).items():
                if count > MOST_PARTS:
                    message = msg("“{api}” has more subscriptions than can be kept at its stage.", api=key)
                    found.append(_problem(f"api/{key}", "", message))
        return found

    def read(self) -> Live:
        found = account.read(self._client, self._owner, self._set.stage)
        live = found.objects(self._set.stage)
        told = found.kept()
        items: dict[str, Mapping[str, Any]] = {each.item: seen(each, live) for each in told}
        # What is ours, but tells of no item: somebody took the words away.
        for key in found.apis:
            items.setdefault(f"api/{key}", {"live": "unknown"})
        items |= strays(told, {name: each for name, each in live.items() if not name.startswith("api/")})
        return Live(items, digest(live), found.foreign)

    def apply(self, declared: Declared, changes: Sequence[Change], progress: Progress = lambda done, all: None) -> str:
        for value in (
            *declared.values.values(),
            *(each for some in declared.upstream_headers.values() for each in some.values()),
        ):
            self._client.hide(value)
        found = account.read(self._client, self._owner, self._set.stage)
        made = wanted.build(declared)
        items = without(declared.items, self.dropped(declared))
        Pushing(self._client, self._owner, self._set.stage, found, made, items).run(progress)
        return digest(found.objects(self._set.stage))

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        """By day, of the days that are over: AWS counts by key and usage plan, without statuses and operations."""
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        first = date.fromisoformat(mark) + timedelta(days=1) if mark else yesterday - timedelta(days=29)
        if first > yesterday:
            return (), mark
        found = account.read(self._client, self._owner, self._set.stage)
        consumer_of = {each.id: name.partition("/")[0] for name, each in found.keys.items()}
        rows: list[UsageRow] = []
        for name, live in found.plans.items():
            plan, _, api = name.partition("/")
            id, _, version = api.partition("@")
            for key, days in self._used(live.id, first, yesterday).items():
                for number, day in enumerate(days):
                    if used := int(day[0]):
                        moment = datetime.combine(first + timedelta(days=number), datetime.min.time(), UTC)
                        rows.append(UsageRow(int(moment.timestamp()), id, version, "", consumer_of.get(key, ""), plan, 0, used))
        return rows, yesterday.isoformat()

    def state(self) -> Mapping[str, Any]:
        try:
            self._client.call("get_account")
        except NodeError:
            return {"address": self._set.endpoint or "AWS", "alive": False}
        return {"address": self._set.endpoint or "AWS", "version": "REST (v1)", "alive": True}

    # -- inside

    def _used(self, plan: str, first: date, last: date) -> dict[str, list[list[int]]]:
        """Key → for each day, what was used and what remains."""
        found: dict[str, list[list[int]]] = {}
        position: dict[str, str] = {}
        while True:
            page = self._client.call(
                "get_usage", usagePlanId=plan, startDate=first.isoformat(), endDate=last.isoformat(), limit=500, **position
            )
            found |= page.get("items") or {}
            if not page.get("position"):
                return found
            position = {"position": page["position"]}

    def _parts(self, declared: Declared) -> dict[str, int]:
        made = wanted.build(declared)
        items = without(declared.items, self.dropped(declared))
        told = {each.item: len(pack(each)) + 1 for each in kept(items, wanted.objects(made, {}), made.owners)}
        found = {key: told.get(f"api/{key}", 0) for key in made.apis}
        for id, home in made.homes.items():
            if home:
                found[home] += told.get(f"subscription/{id}", 0)
        return {key: size // account.CHUNK + 1 for key, size in found.items()}


def _of_apis(declared: Declared) -> Iterator[Dropped]:
    for api in declared.apis:
        item = f"api/{api.key}"
        for number, way in enumerate(api.security):
            if isinstance(way, ApiKey) and not wanted.usual(way):
                reason = msg("AWS looks for keys in the header “x-api-key” only: nobody gets in with one elsewhere.")
                yield Dropped(item, f"security.{number}", reason, "security")
        if api.lifecycle == "deprecated":
            reason = msg("AWS hands answers of the service on as they are, without a word that the version is deprecated.")
            yield Dropped(item, "lifecycle", reason)
            yield Dropped(item, "sunset", reason)
        if api.route.versioning in ("header", "query"):
            reason = msg("On AWS each version has an address of its own; nothing else tells them apart.")
            yield Dropped(item, "route.versioning", reason)
        if api.upstream.timeout.seconds * 1000 > wanted.LONGEST_MS:
            yield Dropped(item, "upstream.timeout", msg("AWS waits 29 s for an answer, no longer."))
        for number in range(1, len(api.upstream.targets)):
            yield Dropped(item, f"upstream.targets.{number}", msg("AWS sends the requests of an API to one address, its first."))
        if api.policies.request_headers.remove:
            reason = msg("AWS can set headers for the service, not take them away.")
            yield Dropped(item, "policies.request_headers.remove", reason)


def _of_plan(item: str, plan: Any) -> Iterator[Dropped]:
    kept_rate = wanted.chosen_rate(plan)
    for number in range(len(plan.rate)):
        if number != kept_rate:
            yield Dropped(
                item, f"rate.{number}", msg("AWS keeps to one rate, the one that lets the fewest calls through."), "limit"
            )
    if plan.quota is not None and plan.quota.period == "hour":
        yield Dropped(item, "quota", msg("AWS counts calls by the day, the week or the month, not by the hour."), "limit")


def _problems(declared: Declared) -> Iterator[Problem]:
    for api in declared.apis:
        item = f"api/{api.key}"
        if api.lifecycle != "retired" and not api.upstream.targets:
            yield _problem(item, "upstream.targets", msg("The API “{api}” has no address to go to.", api=api.key))
        for number, operation in enumerate(api.route.operations):
            wrong = [part for part in operation.path.split("/")[1:] if part and not PART.fullmatch(part)]
            if wrong:
                message = msg("AWS takes no part of a path such as “{part}”.", part=wrong[0])
                yield _problem(item, f"route.operations.{number}.path", message)
        yield from _clashes(item, [each.path for each in api.route.operations])
        for name, value in api.policies.request_headers.set.items():
            if "'" in value or not value.isprintable():
                yield _problem(
                    item, "policies.request_headers", msg("AWS cannot set the header “{name}” to this value.", name=name)
                )
    for name, value in declared.values.items():
        if 0 < len(value) < wanted.SHORTEST_KEY and _is_key(declared, name):
            message = msg(
                "AWS takes keys of {count} characters and more; that of “{name}” is shorter.",
                count=wanted.SHORTEST_KEY,
                name=name,
            )
            yield Problem("gateway.unfit", message, msg("Issue another one."), Place(field=f"consumer/{name}"))


def _clashes(item: str, paths: Sequence[str]) -> Iterator[Problem]:
    """AWS knows one name for a variable part at the same place: `/orders/{id}` and `/orders/{number}/lines` do not go together."""
    names: dict[str, str] = {}
    for path in paths:
        above = ""
        for part in path.split("/")[1:]:
            if part.startswith("{"):
                if names.setdefault(above, part) != part:
                    message = msg(
                        "AWS takes one name for a variable part: “{one}” and “{other}” stand at the same place.",
                        one=names[above],
                        other=part,
                    )
                    yield _problem(item, "route.operations", message)
                part = "{}"
            above = f"{above}/{part}"


def _is_key(declared: Declared, name: str) -> bool:
    consumer, _, id = name.partition("/")
    return consumer in declared.consumers and any(
        each.id == id and each.kind == "api_key" for each in declared.consumers[consumer].credentials
    )


def _problem(item: str, field: str, message: Message) -> Problem:
    return Problem("gateway.unfit", message, None, Place(field=f"{item}:{field}" if field else item))
