"""What entries of the catalogue name and is not there: plans, consumers, APIs, gateways, documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.apis.catalogue.lines import line_of, lines_in
from tisserand.apis.model import Api
from tisserand.model.problem import Place, Problem, Severity
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

SUBSCRIPTIONS = "subscriptions.yaml"
OVER = ("ended", "rejected")
"""States of subscriptions that are history: what they name may be gone."""

Missing = tuple[str, Message]
"""The field, and what is not there."""


def references(catalogue: Catalogue) -> list[Problem]:
    """A warning for each, as guards and pushes refuse what must not be without it; an error for a document outside the folder of APIs.
    Says nothing of what stands in a file that is broken: it is there."""
    files, plans, gateways = catalogue.apis(), catalogue.plans(), catalogue.gateways()
    known_plans = None if plans.problems else plans.by_id.keys()
    known_gateways = None if gateways.problems else gateways.by_id.keys()
    found: list[Problem] = []
    for file in files:
        if file.api is not None:
            missing = [*_of_api(file.api, known_plans, known_gateways)]
            found += _placed(catalogue, file.file, [*_outside(catalogue, file)], "error") + _placed(catalogue, file.file, missing)
    return found + _placed(catalogue, SUBSCRIPTIONS, [*_of_subscriptions(catalogue, files, known_plans)])


def _of_api(api: Api, plans: Set[str] | None, gateways: Set[str] | None) -> Iterator[Missing]:
    for index, plan in enumerate(api.plans):
        if plans is not None and plan not in plans:
            yield f"plans.{index}", msg("There is no plan “{plan}”.", plan=plan)
    for index, gateway in enumerate(api.gateways):
        if gateways is not None and gateway not in gateways:
            yield f"gateways.{index}", msg("There is no gateway “{gateway}”.", gateway=gateway)


def _outside(catalogue: Catalogue, file: ApiFile) -> Iterator[Missing]:
    if file.api is not None and file.api.openapi:
        try:
            catalogue.document_place(file.path, file.api.openapi)
        except NodeError as error:
            yield "openapi", error.message


def _of_subscriptions(catalogue: Catalogue, files: Sequence[ApiFile], plans: Set[str] | None) -> Iterator[Missing]:
    consumers = catalogue.consumers()
    versions: dict[str, set[str]] = {}
    for file in files:
        if file.api is not None:
            versions.setdefault(file.api.id, set()).add(file.api.version)
    whole = all(file.api is not None for file in files)
    for id, each in catalogue.subscriptions().by_id.items():
        if each.state in OVER:
            continue
        if whole and each.api not in versions:
            yield f"{id}.api", msg("There is no API “{api}”.", api=each.api)
        elif whole and each.version and each.version not in versions[each.api]:
            yield f"{id}.version", msg("“{api}” has no version “{version}”.", api=each.api, version=each.version)
        if plans is not None and each.plan not in plans:
            yield f"{id}.plan", msg("There is no plan “{plan}”.", plan=each.plan)
        if each.consumer not in consumers.by_id and not consumers.problems:
            yield f"{id}.consumer", msg("There is no consumer “{consumer}”.", consumer=each.consumer)


def _placed(catalogue: Catalogue, file: str, found: Sequence[Missing], severity: Severity = "warning") -> list[Problem]:
    """With the lines, which are looked up only where something is missing."""
    lines: Mapping[str, int] = lines_in(catalogue.root / file) if found else {}
    places = [(Place(file=file, line=line_of(lines, field), field=field), message) for field, message in found]
    return [Problem("reference", message, None, place, severity) for place, message in places]
