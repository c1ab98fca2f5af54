"""A catalogue made at random with planted duplicates: all of them are found, and nothing that only looks alike."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

from tisserand.apis.openapi.redundancy import Pair, redundant

_spec = importlib.util.spec_from_file_location(
    "tests_bench_made_catalogue", Path(__file__).parents[2] / "bench" / "made_catalogue.py"
)
assert _spec is not None and _spec.loader is not None
_made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made)
api, catalogue, document, word = _made.api, _made.catalogue, _made.document, _made.word


def pairs(found: list[Pair]) -> set[tuple[str, str]]:
    return {(each.left, each.right) for each in found}


def test_planted_duplicates_are_found_and_nothing_else() -> None:
    for seed in range(4):
        known, expected = catalogue(300, 30, seed)
        assert pairs(redundant(known)) == expected


def test_each_pair_says_why_and_the_likest_comes_first() -> None:
    known, _ = catalogue(60, 6, 7)
    found = redundant(known)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        assert 0 < each.score <= 1
        told = " ".join(message.text() for message in each.evidence)
        assert "operations are alike" in told
        assert "Schemas with the same properties" in told


def test_the_same_upstream_speaks_for_it() -> None:
    things, properties = ["order", "item"], [["total", "place", "currency"], ["price", "sku", "weight"]]
    twice = [
        (api("orders", "Orders", "https://erp.example.org/api/"), document(things, properties)),
        (api("shop", "Order service", "https://ERP.example.org/api"), document(things, properties)),
    ]
    found = redundant(twice)
    assert pairs(found) == {("orders@1", "shop@1")}
    assert found[0].score == 1.0
    assert "erp.example.org/api" in found[0].evidence[0].text()
    bare = [(each, None) for each, _document in twice]
    assert pairs(redundant(bare)) == {("orders@1", "shop@1")}, "with nothing known but where both go"


def test_versions_of_one_api_and_what_every_api_has_are_no_pair() -> None:
    things, properties = ["order"], [["total", "place"]]
    one = api("orders", "Orders", "https://a.example.org")
    two = one.model_copy(update={"version": "2"})
    assert redundant([(one, document(things, properties)), (two, document(things, properties))]) == []
    rng = random.Random(3)
    many = [
        (api(f"{word(rng)}-{index}", "x", f"https://{word(rng)}.example.org"), document([word(rng)], [[word(rng), word(rng)]]))
        for index in range(3)
    ]
    assert redundant(many) == [], "a health check, pages and problems are what all have"
    assert redundant([]) == []


def test_a_copy_that_many_made_is_still_found() -> None:
    things, properties = ["order", "item"], [["total", "place", "currency"], ["price", "sku", "weight"]]
    known = [
        (api(f"team-{index}", f"Team {index}", f"https://t{index}.example.org"), document(things, properties))
        for index in range(60)
    ]
    found = pairs(redundant(known))
    assert {name for pair in found for name in pair} == {each.key for each, _ in known}
