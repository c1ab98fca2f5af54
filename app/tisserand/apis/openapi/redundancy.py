"""APIs that seem to offer the same, with what speaks for it.

Every API becomes sets of features: its operations with their paths made alike, and the property names of its schemas. Pairs are found
through features that few share (an inverted index), so that thousands are compared with their likes only; the likeness of two sets is
that of Jaccard (1901): what they share by what they have together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.model import Api
from tisserand.apis.openapi.operations import operations
from tisserand.texts import Message, msg

COMMON = 40
"""A feature that more APIs have than this says nothing (`GET /`, `id`)."""
ALIKE = 0.5
"""From this score on two APIs are told."""


@dataclass(frozen=True, slots=True)
class Pair:
    left: str
    right: str
    score: float
    evidence: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Traits:
    api: Api
    upstream: frozenset[str]
    operations: frozenset[str]
    schemas: Mapping[str, frozenset[str]]
    words: frozenset[str]


def redundant(known: Iterable[tuple[Api, Mapping[str, Any] | None]]) -> list[Pair]:
    """The pairs, the likest first. Versions of one API are no pair."""
    traits = [_traits(api, document or {}) for api, document in known]
    holders: dict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(traits):
        features = {*each.upstream, *each.operations, *(f"{sorted(names)}" for names in each.schemas.values())}
        for feature in features:
            holders[feature].append(index)
    pairs = {pair for indexes in holders.values() if 1 < len(indexes) <= COMMON for pair in combinations(indexes, 2)}
    # Where the same was made more often than that, each is set beside the first.
    same: dict[frozenset[str], int] = {}
    for index, each in enumerate(traits):
        if len(each.operations) > 1 and (first := same.setdefault(each.operations, index)) != index:
            pairs.add((first, index))
    pairs = {pair for pair in pairs if traits[pair[0]].api.id != traits[pair[1]].api.id}
    found = [pair for left, right in pairs if (pair := _compared(traits[left], traits[right])) is not None]
    return sorted(found, key=lambda pair: (-pair.score, pair.left, pair.right))


def _compared(left: _Traits, right: _Traits) -> Pair | None:
    same = left.upstream & right.upstream
    ways, ways_shared = _jaccard(left.operations, right.operations)
    shapes, shapes_shared = _alike(left.schemas, right.schemas)
    words, _ = _jaccard(left.words, right.words)
    enough = len(ways_shared) >= 2 or (same and ways_shared) or (shapes_shared and ways_shared)
    score = round(min(1.0, 0.25 * bool(same) + 0.45 * ways + 0.35 * shapes + 0.1 * words), 3)
    if same and not left.operations and not right.operations:
        score, enough = max(score, 0.6), True
    if score < ALIKE or not enough:
        return None
    evidence = []
    if same:
        evidence.append(msg("Both go to {address}.", address=sorted(same)[0].removeprefix("at ")))
    if ways_shared:
        evidence.append(
            msg(
                "{count} of their operations are alike: {operations}.", count=len(ways_shared), operations=sorted(ways_shared)[:5]
            )
        )
    if shapes_shared:
        evidence.append(msg("Schemas with the same properties: {schemas}.", schemas=sorted(shapes_shared)[:5]))
    if words >= 0.5:
        evidence.append(msg("Their names are alike: “{left}” and “{right}”.", left=left.api.name, right=right.api.name))
    first, second = sorted((left.api.key, right.api.key))
    return Pair(first, second, score, tuple(evidence))


def _traits(api: Api, document: Mapping[str, Any]) -> _Traits:
    ways = frozenset(f"{each.method} {_normal(each.path)}" for each in operations(document))
    if not ways:
        ways = frozenset(f"{each.method} {_normal(each.path)}" for each in api.route.operations)
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    shapes = {
        str(name): frozenset(map(str, schema["properties"]))
        for name, schema in (schemas or {}).items()
        if isinstance(schemas, Mapping) and isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping)
        and name != "Problem" and len(schema["properties"]) >= 2
    }  # fmt: skip
    places = (
        {f"at flow {api.upstream.flow}"}
        if api.upstream.flow
        else {f"at {_address(target.url)}" for target in api.upstream.targets}
    )
    words = frozenset(re.findall(r"[^\W\d_]{3,}", f"{api.id} {api.name}".lower())) - {"api", "service", "the"}
    return _Traits(api, frozenset(places), ways, shapes, words)


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _normal(path: str) -> str:
    """Without the names of parameters, versions, case and the s of a plural."""
    steps = []
    for step in path.lower().strip("/").split("/"):
        if re.fullmatch(r"v\d+(\.\d+)*", step):
            continue
        steps.append("{}" if "{" in step else re.sub(r"[^a-z0-9]+", "", step).removesuffix("s"))
    return "/" + "/".join(steps)


def _jaccard(left: frozenset[str], right: frozenset[str]) -> tuple[float, frozenset[str]]:
    shared = left & right
    together = len(left | right)
    return (len(shared) / together if together else 0.0), shared


def _alike(left: Mapping[str, frozenset[str]], right: Mapping[str, frozenset[str]]) -> tuple[float, set[str]]:
    """The share of the smaller side's schemas that the other has too (at least four of five properties), and their names."""
    few, many = (left, right) if len(left) <= len(right) else (right, left)
    shared = {name for name, names in few.items() if any(_jaccard(names, other)[0] >= 0.8 for other in many.values())}
    return (len(shared) / len(few) if few else 0.0), shared
