"""What Kong would refuse or misread of the declared, and what it cannot enforce, found before it is touched."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from tisserand.apis.gateways.adapter import Dropped, policies_of
from tisserand.apis.gateways.entitled import entitled_by_api, logins
from tisserand.apis.gateways.kong import configuration, tokens
from tisserand.apis.gateways.traefik.fitting import PLAIN, TOKEN
from tisserand.apis.model import Jwt
from tisserand.apis.neutral import Declared
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg


def problems(declared: Declared) -> Iterator[Problem]:
    for item, place, policies in policies_of(declared):
        for name, networks in (("ip_allow", policies.ip_allow), ("ip_deny", policies.ip_deny)):
            for network in networks:
                if not configuration.network(network):
                    yield _problem(item, f"{place}.{name}", msg("“{network}” is no network.", network=network))
        for name, headers in (("request_headers", policies.request_headers), ("response_headers", policies.response_headers)):
            for header, value in {**dict.fromkeys(headers.remove, "-"), **headers.set}.items():
                if not TOKEN.fullmatch(header):
                    yield _problem(item, f"{place}.{name}", msg("“{header}” cannot be the name of a header.", header=header))
                elif not value or not PLAIN.fullmatch(value) or "$(" in value:
                    yield _problem(
                        item, f"{place}.{name}", msg("Kong cannot set the header “{header}” to this value.", header=header)
                    )
    for api in declared.apis:
        targets = api.upstream.targets
        if not targets and api.lifecycle != "retired":
            yield _problem(f"api/{api.key}", "upstream.targets", msg("The API “{api}” has no address to go to.", api=api.key))
        if len({(urlsplit(each.url).scheme, urlsplit(each.url).path.rstrip("/")) for each in targets}) > 1:
            message = msg(
                "Kong sends the requests of “{api}” to one path and in one way (http, https) for all targets.", api=api.key
            )
            yield _problem(f"api/{api.key}", "upstream.targets", message)
    users: dict[str, str] = {}
    for consumer, known in logins(declared).items():
        for each in known:
            if each.kind == "basic" and users.setdefault(each.user, f"{consumer}/{each.id}") != f"{consumer}/{each.id}":
                message = msg("Kong takes one password for each name, but “{one}” and “{other}” have the same name.",
                              one=users[each.user], other=f"{consumer}/{each.id}")  # fmt: skip
                yield _problem(f"consumer/{consumer}", "credentials", message)


def dropped(declared: Declared) -> Iterator[Dropped]:
    found = tokens.chosen(declared)
    for api in declared.apis:
        item = f"api/{api.key}"
        taken = tokens.taken(api, found)
        if (health := api.upstream.health) is not None:
            for name, each in (("every", health.every), ("timeout", health.timeout)):
                if each.seconds != max(1, round(each.seconds)):
                    yield Dropped(item, f"upstream.health.{name}", msg("Kong takes whole seconds."))
        for number, way in enumerate(api.security):
            if not isinstance(way, Jwt):
                continue
            if way is not taken:
                reason = msg("Kong takes tokens of one issuer with exactly one public key: nobody gets in with others.")
                yield Dropped(item, f"security.{number}", reason, "security")
                continue
            yield Dropped(
                item, f"security.{number}.issuer", msg("Kong looks at the signature of a token, not at its issuer."), "security"
            )
            if way.audiences:
                yield Dropped(item, f"security.{number}.audiences", msg("Kong does not look whom a token is for."), "security")
    for id, plan in declared.plans.items():
        for number, rate in enumerate(plan.rate):
            if rate.per.seconds not in configuration.PERIODS:
                reason = msg("Kong counts calls by the second, minute, hour, day and month only.")
                yield Dropped(f"plan/{id}", f"rate.{number}", reason, "limit")
        if plan.quota is not None and plan.quota.period not in configuration.ORDER:
            yield Dropped(f"plan/{id}", "quota", msg("Kong counts no weeks."), "limit")
    yield from _counted_apart(declared)


def _counted_apart(declared: Declared) -> Iterator[Dropped]:
    """Subscriptions whose calls Kong counts for each version by itself."""
    callers = entitled_by_api(declared)
    versions: dict[str, int] = {}
    for api in declared.apis:
        if api.lifecycle != "retired":
            for caller in callers[api.key]:
                for id in caller.subscriptions:
                    versions[id] = versions.get(id, 0) + 1
    reason = msg("Kong counts the calls of this subscription for each version of the API by itself.")
    for id, count in sorted(versions.items()):
        plan = declared.plans.get(declared.subscriptions[id].plan)
        if count > 1 and plan is not None and configuration.limits([plan]):
            yield Dropped(f"subscription/{id}", "counted", reason, "limit")


def _problem(item: str, field: str, message: Message) -> Problem:
    return Problem("gateway.unfit", message, None, Place(field=f"{item}:{field}"))
