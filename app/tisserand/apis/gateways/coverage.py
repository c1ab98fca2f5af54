"""What of the declared a gateway cannot enforce, found from what it can do at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tisserand.apis.gateways.adapter import Capabilities, Dropped, PolicyName, Weight, policies_of
from tisserand.apis.model import Api, Policies
from tisserand.apis.neutral import Declared
from tisserand.texts import Message, msg

WEIGHTS: Mapping[PolicyName, Weight] = {
    "api_key": "security", "jwt": "security", "basic": "security", "mtls": "security", "open": "other", "subscriptions": "security",
    "rate": "limit", "quota": "limit", "cors": "other", "max_body": "limit", "ip_allow": "security", "ip_deny": "security",
    "request_headers": "other", "response_headers": "other", "cache": "other", "retries": "other", "health": "other",
    "weights": "other", "timeout": "other", "lifecycle": "security", "hosts": "security", "version_path": "security",
    "version_header": "security", "version_query": "security", "operations": "security", "operation_policies": "security",
    "usage": "other",
}  # fmt: skip
"""What a lost policy is for: whoever could call that should not (security), or more often or more than he should (limit)."""

REASONS: Mapping[PolicyName, Message] = {
    "api_key": msg("This gateway does not check API keys in this place: nobody gets in with one."),
    "jwt": msg("This gateway does not check tokens (JWT): nobody gets in with one."),
    "basic": msg("This gateway does not check names and passwords: nobody gets in with them."),
    "mtls": msg("This gateway does not tell consumers by their certificates: nobody gets in with one."),
    "open": msg("This gateway lets nobody in without a credential."),
    "subscriptions": msg("This gateway does not know who may call which API."),
    "rate": msg("This gateway does not count the calls of each consumer."),
    "quota": msg("This gateway does not count calls over calendar periods."),
    "cors": msg("This gateway does not answer browsers that ask whether a page may call."),
    "max_body": msg("This gateway does not limit the size of bodies."),
    "ip_allow": msg("This gateway does not keep callers from other networks out."),
    "ip_deny": msg("This gateway does not keep callers from these networks out."),
    "request_headers": msg("This gateway does not change the headers of requests."),
    "response_headers": msg("This gateway does not change the headers of answers."),
    "cache": msg("This gateway keeps no answers: every call reaches the service."),
    "retries": msg("This gateway does not send a request again."),
    "health": msg("This gateway does not ask targets whether they live."),
    "weights": msg("This gateway gives every target the same share."),
    "timeout": msg("This gateway has a time limit of its own."),
    "lifecycle": msg("This gateway does not tell callers that a version is deprecated or gone."),
    "hosts": msg("This gateway does not tell host names apart."),
    "version_path": msg("This gateway does not tell versions apart by their path."),
    "version_header": msg("This gateway does not tell versions apart by a header."),
    "version_query": msg("This gateway does not tell versions apart by the query."),
    "operations": msg("This gateway lets every operation below the path through."),
    "operation_policies": msg("This gateway has the same policies for all operations of an API."),
    "usage": msg("This gateway tells nothing of its calls."),
}
"""A sentence for each; an adapter that knows better gives its own."""


def unsupported(
    declared: Declared, capabilities: Capabilities, reasons: Mapping[PolicyName, Message] | None = None
) -> list[Dropped]:
    """Every declared field that needs a policy which the gateway lacks, each once, in the order of the items."""
    # Thousands of subscriptions need what most gateways have: only what is lacking is told apart.
    found = dict.fromkeys(each for each in _needed(declared) if each[2] not in capabilities.enforces)
    return [Dropped(item, field, (reasons or {}).get(policy, REASONS[policy]), WEIGHTS[policy]) for item, field, policy in found]


def _needed(declared: Declared) -> Iterator[tuple[str, str, PolicyName]]:
    """`(item, field, the policy that it needs)` of all that is declared."""
    for api in declared.apis:
        for field, policy in _of_api(api):
            yield f"api/{api.key}", field, policy
    for item, place, policies in policies_of(declared):
        if place != "policies":
            yield item, place, "operation_policies"
        for name, policy in _of_policies(policies):
            yield item, f"{place}.{name}", policy
    for id, plan in declared.plans.items():
        if plan.rate:
            yield f"plan/{id}", "rate", "rate"
        if plan.quota is not None:
            yield f"plan/{id}", "quota", "quota"
    for id, consumer in declared.consumers.items():
        for index, credential in enumerate(consumer.credentials):
            yield f"consumer/{id}", f"credentials.{index}", credential.kind
    for id in declared.subscriptions:
        yield f"subscription/{id}", "", "subscriptions"


def _of_api(api: Api) -> Iterator[tuple[str, PolicyName]]:
    route, upstream = api.route, api.upstream
    versions: dict[str, PolicyName] = {"path": "version_path", "header": "version_header", "query": "version_query"}
    if route.versioning in versions:
        yield "route.versioning", versions[route.versioning]
    if route.hosts:
        yield "route.hosts", "hosts"
    if route.operations:
        yield "route.operations", "operations"
    if api.lifecycle in ("deprecated", "retired"):
        yield "lifecycle", "lifecycle"
        if api.sunset is not None:
            yield "sunset", "lifecycle"
    for index, way in enumerate(api.security):
        yield f"security.{index}", way.kind
    if upstream.retries:
        yield "upstream.retries", "retries"
    if upstream.health is not None:
        yield "upstream.health", "health"
    if len({target.weight for target in upstream.targets}) > 1:
        for index, _ in enumerate(upstream.targets):
            yield f"upstream.targets.{index}.weight", "weights"
    yield "upstream.timeout", "timeout"


def _of_policies(policies: Policies) -> Iterator[tuple[str, PolicyName]]:
    if policies.cors is not None:
        yield "cors", "cors"
    if policies.max_body is not None:
        yield "max_body", "max_body"
    if policies.ip_allow:
        yield "ip_allow", "ip_allow"
    if policies.ip_deny:
        yield "ip_deny", "ip_deny"
    if policies.request_headers.set or policies.request_headers.remove:
        yield "request_headers", "request_headers"
    if policies.response_headers.set or policies.response_headers.remove:
        yield "response_headers", "response_headers"
    if policies.cache:
        yield "cache", "cache"
