"""The life of a version as a table: every move, and every guard, with what is said. Expected values are written by hand from the page
about APIs (“The life of a version”): draft → published → deprecated → retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.lifecycle import World, guards, worse
from tisserand.apis.model import Api
from tisserand.model.problem import Place, Problem
from tisserand.texts import msg

TODAY = date(2026, 6, 15)
TOMORROW, YESTERDAY = date(2026, 6, 16), date(2026, 6, 14)
WHOLE: dict[str, Any] = {
    "id": "orders", "version": "1", "name": "Orders", "owner": "sales", "route": {"base_path": "/orders"},
    "upstream": {"targets": [{"url": "http://127.0.0.1:9"}]}, "plans": ["gold"], "gateways": ["edge"],
}  # fmt: skip
ACTIVE = {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}

WORLD = World(TODAY, suits=lambda _flow: [], document=lambda _api: [])
Made = Callable[..., Catalogue]


@pytest.fixture
def catalogue(tmp_path: Path) -> Made:
    """Writes the files; each APIs by what differs from the whole one."""

    def made(*apis: dict[str, Any], subscriptions: dict[str, Any] | None = None) -> Catalogue:
        (tmp_path / "apis").mkdir(exist_ok=True)
        for index, more in enumerate(apis):
            (tmp_path / "apis" / f"{index}.yaml").write_text(yaml.safe_dump({**WHOLE, **more}))
        for file, data in {
            "plans": {"gold": {}, "silver": {}}, "gateways": {"edge": {"type": "envoy"}}, "subscriptions": subscriptions or {},
        }.items():  # fmt: skip
            (tmp_path / f"{file}.yaml").write_text(yaml.safe_dump(data))
        found = Catalogue(tmp_path)
        assert found.problems() == []
        return found

    return made


def said(problems: list[Problem]) -> list[tuple[str, str | None, str]]:
    return [(each.code, each.place.field, each.message.text("en")) for each in problems]


def step(state: str, to: str, *steps: str) -> list[tuple[str, str | None, str]]:
    return [("api.step", "lifecycle", f"“orders@1” is {state}: it cannot become {to} from there.")]


# From draft on only to published; back to draft while nobody is subscribed; a deprecation and a retirement can be taken back.
MOVES: list[tuple[str, str, date | None, list[tuple[str, str | None, str]]]] = [
    ("draft", "draft", None, step("draft", "draft")),
    ("draft", "published", None, []),
    ("draft", "deprecated", TOMORROW, step("draft", "deprecated")),
    ("draft", "retired", None, step("draft", "retired")),
    ("published", "draft", None, []),
    ("published", "published", None, step("published", "published")),
    ("published", "deprecated", TOMORROW, []),
    ("published", "deprecated", None, [("api.sunset", "sunset", "It is not said when “orders@1” ends.")]),
    ("published", "deprecated", TODAY, [("api.sunset", "sunset", "2026-06-15 is not in the future.")]),
    ("published", "deprecated", YESTERDAY, [("api.sunset", "sunset", "2026-06-14 is not in the future.")]),
    ("published", "retired", None, step("published", "retired")),
    ("deprecated", "draft", None, step("deprecated", "draft")),
    ("deprecated", "published", None, []),
    ("deprecated", "deprecated", TOMORROW, step("deprecated", "deprecated")),
    ("deprecated", "retired", None, []),
    ("retired", "draft", None, step("retired", "draft")),
    ("retired", "published", None, step("retired", "published")),
    ("retired", "deprecated", TOMORROW, []),
    ("retired", "deprecated", None, [("api.sunset", "sunset", "It is not said when “orders@1” ends.")]),
    ("retired", "deprecated", TODAY, [("api.sunset", "sunset", "2026-06-15 is not in the future.")]),
    ("retired", "retired", None, step("retired", "retired")),
    # An end is for those that become deprecated only.
    ("draft", "published", TOMORROW, [("api.sunset", "sunset", "A version that becomes published is given no end.")]),
    ("published", "draft", TOMORROW, [("api.sunset", "sunset", "A version that becomes draft is given no end.")]),
    ("deprecated", "retired", TOMORROW, [("api.sunset", "sunset", "A version that becomes retired is given no end.")]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "to", "sunset", "expected"), MOVES)
def test_every_move(catalogue: Made, state: str, to: str, sunset: date | None, expected: list[Any]) -> None:
    known = catalogue({"lifecycle": state})
    api = known.apis()[0].api
    assert api is not None
    assert said(guards(known, api, to, sunset, WORLD)) == expected  # type: ignore[arg-type]


def test_the_table_holds_every_pair() -> None:
    states = ("draft", "published", "deprecated", "retired")
    assert {(state, to) for state, to, *_ in MOVES} == {(state, to) for state in states for to in states}


NO_UPSTREAM = ("api.upstream", "upstream", "Nothing answers its requests.")
GUARDS: list[tuple[dict[str, Any], tuple[str, str, str]]] = [
    ({"name": " "}, ("api.name", "name", "It has no name.")),
    ({"owner": ""}, ("api.owner", "owner", "It has no owner.")),
    ({"security": []}, ("api.security", "security", "Nothing says how callers prove who they are.")),
    ({"security": [{"kind": "api_key"}, {"kind": "open", "approved_by": " "}]},
     ("api.open", "security.1.approved_by", "An API for everybody needs somebody who allowed it.")),
    ({"upstream": {}}, NO_UPSTREAM),
    ({"upstream": {"targets": [{"url": "http://127.0.0.1:9", "weight": 0}]}}, NO_UPSTREAM),
    ({"upstream": {"flow": "f", "targets": [{"url": "http://127.0.0.1:9"}]}},
     ("api.upstream", "upstream", "It names both a flow and addresses.")),
    ({"upstream": {"flow": "f"}}, ("published.unsuited", "upstream.flow", "f has no reply.")),
    ({"plans": ["gold", "iron"]}, ("api.plan", "plans.1", "There is no plan “iron”.")),
    ({"gateways": ["moon"]}, ("api.gateway", "gateways.0", "There is no gateway “moon”.")),
    ({"openapi": "bad.openapi.yaml"}, ("openapi.form", "openapi", "It cannot be read.")),
    ({"summary": "breaks"}, ("api.breaks", "GET /orders", "It was removed.")),
    ({"route": {"base_path": "/taken"}}, ("api.taken", "route", "“other@1” is found at the same place, /taken/v1.")),
]  # fmt: skip
STRICT = World(
    TODAY,
    suits=lambda flow: [
        Problem("published.unsuited", msg("{flow} has no reply.", flow=flow), None, Place(field="upstream.flow"))
    ],
    document=lambda api: (
        [Problem("openapi.form", msg("It cannot be read."), None, Place(field="openapi"))]
        if api.openapi.startswith("bad")
        else []
    ),
    breaks=lambda api: (
        [Problem("api.breaks", msg("It was removed."), None, Place(field="GET /orders"))] if api.summary == "breaks" else []
    ),
)
OTHER = {"id": "other", "lifecycle": "published", "route": {"base_path": "/taken"}}


@pytest.mark.parametrize(("more", "expected"), GUARDS)
def test_what_a_published_version_must_have(catalogue: Made, more: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """It is not published without, nor saved without while it is published, nor does a retired one answer again."""
    known = catalogue(more, OTHER)
    draft, whole = Api.model_validate({**WHOLE, **more}), Api.model_validate(WHOLE)
    assert said(guards(known, draft, "published", None, STRICT)) == [expected]
    retired = draft.model_copy(update={"lifecycle": "retired"})
    assert said(guards(known, retired, "deprecated", TOMORROW, STRICT)) == [expected]
    for state, told in (("draft", []), ("published", [expected]), ("deprecated", [expected]), ("retired", [])):
        assert said(worse(known, whole.model_copy(update={"lifecycle": state}), draft, STRICT)) == told
    again = draft.model_copy(update={"lifecycle": "published"})
    assert worse(known, again, draft, STRICT) == [], "what was wrong before is left"


def test_all_guards_speak_at_once(catalogue: Made) -> None:
    wrong = {"name": "", "owner": "", "security": [], "upstream": {}, "plans": ["iron"], "gateways": ["moon"],
             "openapi": "bad.openapi.yaml", "summary": "breaks", "route": {"base_path": "/taken"}}  # fmt: skip
    known = catalogue(wrong, OTHER)
    found = guards(known, Api.model_validate({**WHOLE, **wrong}), "published", None, STRICT)
    assert [each.code for each in found] == [
        "api.name", "api.owner", "api.security", "api.upstream", "api.plan", "api.gateway", "api.taken", "openapi.form", "api.breaks",
    ]  # fmt: skip


def route(**more: Any) -> dict[str, Any]:
    return {"route": {"base_path": "/orders", **more}}


# Where two are found at one place: same base path and version, hosts in common, and nothing that tells them apart.
PLACES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (route(), {"id": "other"}, True),
    (route(), {"id": "other", "version": "v1"}, True),  # both are /orders/v1
    (route(), {"version": "2"}, False),
    (route(), {"id": "other", "lifecycle": "draft"}, False),
    (route(), {"id": "other", "lifecycle": "retired"}, True),  # it answers 410 there
    (route(hosts=["a.example"]), {"id": "other", **route(hosts=["b.example"])}, False),
    (route(hosts=["a.example"]), {"id": "other", **route(hosts=["b.example", "a.example"])}, True),
    (route(hosts=["a.example"]), {"id": "other"}, True),
    (route(versioning="none"), {"version": "2", **route(versioning="none")}, True),
    (route(versioning="header"), {"version": "2", **route(versioning="header")}, False),
    (route(versioning="query"), {"id": "other", **route(versioning="query")}, True),
    (route(versioning="header"), {"version": "2", **route(versioning="query")}, True),
]


@pytest.mark.parametrize(("mine", "theirs", "taken"), PLACES)
def test_two_at_one_place(catalogue: Made, mine: dict[str, Any], theirs: dict[str, Any], taken: bool) -> None:
    known = catalogue(mine, {"lifecycle": "published", **theirs})
    found = guards(known, Api.model_validate({**WHOLE, **mine}), "published", None, WORLD)
    assert [each.code for each in found] == ["api.taken"] * taken


# Whether a subscription keeps a published version from becoming a draft again.
SUBSCRIBED: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"version": "1"}, True),
    ({"version": "2"}, False),
    ({"api": "others"}, False),
    ({"state": "pending"}, False),
    ({"state": "ended"}, False),
    ({"start": "2026-06-15", "end": "2026-06-15"}, True),  # both days are part of it
    ({"start": "2026-06-16"}, False),
    ({"end": "2026-06-14"}, False),
]


@pytest.mark.parametrize(("more", "counts"), SUBSCRIBED)
def test_whoever_is_subscribed_is_not_left_alone(catalogue: Made, more: dict[str, Any], counts: bool) -> None:
    known = catalogue({"lifecycle": "published"}, subscriptions={"s": {**ACTIVE, **more}})
    api = known.apis()[0].api
    assert api is not None
    expected = [("api.subscribed", "lifecycle", "“orders@1” has 1 active subscriptions.")] if counts else []
    assert said(guards(known, api, "draft", None, WORLD)) == expected
    promised = api.model_copy(update={"lifecycle": "deprecated", "sunset": TOMORROW})
    sentence = "“orders@1” was promised until 2026-06-16, and 1 subscriptions are active."
    expected = [("api.promised", "lifecycle", sentence)] if counts else []
    assert said(guards(known, promised, "retired", None, WORLD)) == expected
    for over in (TODAY, YESTERDAY):
        assert guards(known, promised.model_copy(update={"sunset": over}), "retired", None, WORLD) == []
