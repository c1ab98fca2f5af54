"""The life of one version: draft → published → deprecated → retired, and what must be true before each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tisserand.apis.catalogue.declaring import runs
from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.model import Api, Lifecycle, Open
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

STEPS: Mapping[Lifecycle, tuple[Lifecycle, ...]] = {
    "draft": ("published",),
    "published": ("deprecated", "draft"),
    "deprecated": ("retired", "published"),
    "retired": ("deprecated",),
}
"""From each stage, where it may go: forward one by one, and back as long as nobody was told otherwise."""


@dataclass(frozen=True)
class World:
    """What the guards must know beyond the catalogue."""

    today: date
    suits: Callable[[str], list[Problem]]
    """Id of a flow → why it cannot answer requests."""
    document: Callable[[Api], list[Problem]]
    """Errors of its OpenAPI document; a document that must be there and is not is one."""
    breaks: Callable[[Api], list[Problem]] = field(default=lambda _api: [])
    """Breaking changes against an older version with the same version number."""


def guards(catalogue: Catalogue, api: Api, to: Lifecycle, sunset: date | None, world: World) -> list[Problem]:
    """All that stands in the way of a step; nothing where it may be taken."""
    if to not in STEPS[api.lifecycle]:
        message = msg("“{api}” is {state}: it cannot become {to} from there.", api=api.key, state=api.lifecycle, to=to)
        fix = msg("From there it can become: {steps}.", steps=list(STEPS[api.lifecycle]))
        return [_problem("step", message, fix, "lifecycle")]
    if sunset is not None and to != "deprecated":
        message = msg("A version that becomes {to} is given no end.", to=to)
        return [_problem("sunset", message, msg("Leave the date out."), "sunset")]
    if to == "published":
        return [*_publishable(catalogue, api, world)]
    subscribed = sum(1 for each in _subscriptions(catalogue, api) if runs(each, world.today))
    if to == "draft" and subscribed:
        message = msg("“{api}” has {count} active subscriptions.", api=api.key, count=subscribed)
        return [_problem("subscribed", message, msg("Deprecate it instead: consumers are then told when it ends."), "lifecycle")]
    if to == "deprecated":
        # A retired version answers again, and may have been changed meanwhile.
        back = [*_publishable(catalogue, api, world)] if api.lifecycle == "retired" else []
        return [*_ending(api, sunset or api.sunset, world.today), *back]
    if to == "retired" and api.sunset is not None and api.sunset > world.today and subscribed:
        message = msg(
            "“{api}” was promised until {date}, and {count} subscriptions are active.",
            api=api.key, date=api.sunset.isoformat(), count=subscribed,
        )  # fmt: skip
        return [_problem("promised", message, msg("Wait until then, or end the subscriptions first."), "lifecycle")]
    return []


def _ending(api: Api, ends: date | None, today: date) -> Iterator[Problem]:
    if ends is None:
        yield _problem("sunset", msg("It is not said when “{api}” ends.", api=api.key), msg("Give a date: --sunset."), "sunset")
    elif ends <= today:
        yield _problem(
            "sunset", msg("{date} is not in the future.", date=ends.isoformat()), msg("Give a date: --sunset."), "sunset"
        )


def worse(catalogue: Catalogue, known: Api, saved: Api, world: World) -> list[Problem]:
    """What of that which must be true of a published version is no more where it is saved like this; what was wrong before is left."""
    if known.lifecycle not in ("published", "deprecated"):
        return []
    before = {(each.code, each.place.field) for each in _publishable(catalogue, known, world)}
    return [each for each in _publishable(catalogue, saved, world) if (each.code, each.place.field) not in before]


def _publishable(catalogue: Catalogue, api: Api, world: World) -> Iterator[Problem]:
    if not api.name.strip():
        yield _problem("name", msg("It has no name."), msg("Say what people call it."), "name")
    if not api.owner.strip():
        yield _problem("owner", msg("It has no owner."), msg("Say who answers for it."), "owner")
    if not api.security:
        yield _problem(
            "security", msg("Nothing says how callers prove who they are."), msg("Add a way, for example an API key."), "security"
        )
    for index, way in enumerate(api.security):
        if isinstance(way, Open) and not way.approved_by.strip():
            message = msg("An API for everybody needs somebody who allowed it.")
            yield _problem("open", message, msg("Fill in “approved_by”."), f"security.{index}.approved_by")
    upstream = api.upstream
    if upstream.flow and upstream.targets:
        message = msg("It names both a flow and addresses.")
        yield _problem("upstream", message, msg("Leave one of them out."), "upstream")
    elif upstream.flow:
        yield from world.suits(upstream.flow)
    elif not any(target.weight for target in upstream.targets):
        yield _problem(
            "upstream", msg("Nothing answers its requests."), msg("Name a flow, or an address with a weight."), "upstream"
        )
    plans = catalogue.plans().by_id
    for index, plan in enumerate(api.plans):
        if plan not in plans:
            message = msg("There is no plan “{plan}”.", plan=plan)
            yield _problem("plan", message, msg("Plans: {plans}.", plans=sorted(plans) or ["–"]), f"plans.{index}")
    gateways = catalogue.gateways().by_id
    for index, gateway in enumerate(api.gateways):
        if gateway not in gateways:
            message = msg("There is no gateway “{gateway}”.", gateway=gateway)
            yield _problem(
                "gateway", message, msg("Gateways: {gateways}.", gateways=sorted(gateways) or ["–"]), f"gateways.{index}"
            )
    for other in catalogue.apis():
        if other.api is not None and other.api.key != api.key and other.api.lifecycle != "draft" and _same_place(api, other.api):
            message = msg("“{other}” is found at the same place, {path}.", other=other.api.key, path=api.path)
            yield _problem("taken", message, msg("Choose another base path, or tell versions apart."), "route")
    yield from world.document(api)
    yield from world.breaks(api)


def _same_place(left: Api, right: Api) -> bool:
    if left.path != right.path or (left.route.hosts and right.route.hosts and not {*left.route.hosts} & {*right.route.hosts}):
        return False
    told_apart = left.route.versioning == right.route.versioning and left.route.versioning in ("header", "query")
    return not (told_apart and left.version != right.version)


def _subscriptions(catalogue: Catalogue, api: Api) -> Iterator[Any]:
    for each in catalogue.subscriptions().by_id.values():
        if each.api == api.id and each.version in ("", api.version):
            yield each


def _problem(code: str, message: Message, fix: Message | None, field: str) -> Problem:
    return Problem(f"api.{code}", message, fix, Place(field=field))
