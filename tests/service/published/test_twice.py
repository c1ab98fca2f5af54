"""Names that come twice in a body of JSON are found whatever else stands there, told with their place, and never where they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.service.published.conftest import Published

from tisserand.service.published.twice import twice, unique

NAMES = st.sampled_from(["a", "b", ":", "a:b", "", "é", 'q"', "\\", "/", "~", "\\u003a"])


def written(text: str, escaped: bool) -> str:
    """A string of JSON; `escaped` with its colons in the other way."""
    return json.dumps(text).replace(":", "\\u003A") if escaped else json.dumps(text)


TEXTS = st.builds(written, NAMES, st.booleans())
SCALARS = st.one_of(TEXTS, st.sampled_from(["1", "-0.5e3", "true", "null", "123456789012345678901234567890"]))
SPACE = st.sampled_from(["", " ", "\n\t"])


def _list(items: list[str], space: str) -> str:
    return f"[{space}{f'{space},'.join(items)}]"


def _object(members: list[tuple[str, str]], space: str) -> str:
    return f"{{{space}{f',{space}'.join(f'{name}{space}:{space}{value}' for name, value in members)}}}"


BODIES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(_list, st.lists(inner, max_size=3), SPACE),
        st.builds(_object, st.lists(st.tuples(TEXTS, inner), max_size=4), SPACE),
    ),
    max_leaves=12,
)


def told(text: str) -> int:
    """How many names came before in their object, as Python's own reader has them."""
    count = 0

    def seen(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += len(pairs) - len(dict(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=seen)
    return count


@settings(max_examples=600, deadline=None, derandomize=True)
@given(BODIES)
def test_as_many_are_told_as_there_are(text: str) -> None:
    body = text.encode()
    count = told(text)
    assert len(list(twice(body))) == count
    # It may have to be looked at closely though there is none, but never the other way round.
    assert not unique(body, orjson.loads(body)) or count == 0
    if "\\u003" not in text:
        assert unique(body, orjson.loads(body)) == (count == 0)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b'{"a": 1, "a": 2}', ["/a"]),
        (b'{"a": {"b": [0, {"c/d": 1, "x": ":", "c/d": 1, "c\\/d": 2}]}}', ["/a/b/1/c~1d"] * 2),
        (b'{"a": 1, "\\u0061": 2}', ["/a"]),
        (b'{"a": ":", "b": 1, "b": 2}', ["/b"]),
        # As many colons come back as went away: a text has one that was written in another way.
        (b'{"a": "\\u003a", "b": 1, "b": 2}', ["/b"]),
        (b'[{"a": 1}, {"a": 1}]', []),
        (b'{"a:": ":", "b": {"a:": "2026-01-01T10:00:00Z"}}', []),
        (b'{"a": ' + b"[" * 400 + b'{"b": 1, "b": 2}' + b"]" * 400 + b"}", ["/a" + "/0" * 400 + "/b"]),
    ],
)
def test_the_place_is_told(body: bytes, places: list[str]) -> None:
    assert list(twice(body)) == places
    assert unique(body, orjson.loads(body)) == (not places)


def test_a_request_with_a_name_twice_is_refused_and_the_name_told(publish: Callable[..., Published]) -> None:
    price = publish("price")
    body = b'{"order": {"id": 7, "id": 8}, "quantity": 1, "unit_price": 2.5, "quantity": 20, "more": {"x": 1, "x": 1}}'
    answer = price.ask("POST", "/price", data=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    faults = answer.json()["errors"]
    assert [fault["pointer"] for fault in faults] == ["/order/id", "/quantity", "/more/x"]
    assert {fault["detail"] for fault in faults} == {"It comes twice."}
    assert price.ask(
        "POST", "/price", data=body.replace(b', "id": 8', b"").replace(b'"quantity": 1, ', b"").replace(b', "x": 1', b"")
    ).ok
