"""What a published flow answers: values of every type, all faults at once, sources that change, and nothing of ours in an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from tests.service.published.conftest import KEY, Published, until

SOON = 60.0
"""Seconds until something is taken for lost, beside whatever else the machine does."""


@pytest.fixture(scope="module")
def price(publish: Callable[..., Published]) -> Published:
    return publish("price")


@pytest.fixture(scope="module")
def lookup(publish: Callable[..., Published]) -> Published:
    return publish("lookup", timeout=30.0)


def test_five_nodes_give_the_price_that_is_worked_out_by_hand(price: Published) -> None:
    order = {"order": {"id": 7}, "quantity": 20, "unit_price": 2.5, "country": "de"}
    answer = price.ask("POST", "/price", json=order)
    # 20 × 2.50 = 50.00; 5 % off is 47.50; 19 % of it is 9.025.
    assert answer.json() == {"order_id": 7, "country": "DE", "gross": 50.0, "discount": 2.5, "tax": 9.025, "total": 56.52}
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    # A row that a filter takes out is told as the reply says.
    nothing = price.ask("POST", "/price", json={**order, "quantity": 0})
    assert (nothing.status_code, nothing.headers["content-type"]) == (422, "application/problem+json")


def test_all_faults_are_told_at_once_in_the_callers_language(price: Published) -> None:
    answer = price.ask(
        "POST", "/price", json={"order": {"id": "7"}, "quantity": 1.5}, headers={"accept-language": "de, fr;q=0.8"}
    )
    found = answer.json()
    assert (answer.status_code, found["status"]) == (400, 400)
    assert [fault["pointer"] for fault in found["errors"]] == ["/order/id", "/quantity", "/unit_price"]
    assert all(fault["detail"] for fault in found["errors"])
    assert answer.headers["content-language"] == "fr"
    for body, pointer in ((b"{", ""), (b"[]", ""), (b"", ""), (b'{"a": NaN}', "")):
        answer = price.ask("POST", "/price", data=body)
        assert answer.status_code == 400 and answer.json()["errors"][0]["pointer"] == pointer


def test_paths_methods_and_kinds_of_bodies(price: Published) -> None:
    assert price.ask("POST", "/nothing", json={}).status_code == 404
    refused = price.ask("GET", "/price")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert price.ask("POST", "/price", data=b"a=1", headers={"content-type": "text/plain"}).status_code == 415


def test_parameters_and_a_source_whose_file_changes(lookup: Published) -> None:
    assert lookup.ask("GET", "/stock/nut").json() == {"article": "nut", "pieces": 12}
    assert lookup.ask("GET", "/stock/bolt?least=41").status_code == 404
    head = lookup.ask("HEAD", "/stock/bolt")
    assert (head.status_code, head.content) == (200, b"") and int(head.headers["content-length"]) > 0
    for path, parameter in (("/stock/nut?least=x", "least"), ("/stock/nut?least=1&least=2", "least")):
        answer = lookup.ask("GET", path)
        assert answer.status_code == 400 and [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]
    (lookup.root / "data" / "stock.csv").write_text("article;pieces\nnut;13\nscrew;5\n")
    until(lambda: lookup.ask("GET", "/stock/nut").json()["pieces"] == 13, SOON)  # a source is looked at twice a second
    assert lookup.ask("GET", "/stock/screw").json()["pieces"] == 5
    assert lookup.ask("GET", "/stock/bolt").status_code == 404


def test_a_source_that_cannot_be_read_is_no_answer_of_yesterday_and_tells_nothing(lookup: Published) -> None:
    file = lookup.root / "data" / "stock.csv"
    before = file.read_text()
    file.write_text("article;other\nnut;many\n")
    until(lambda: lookup.ask("GET", "/stock/nut").status_code == 503, SOON)
    answer = lookup.ask("GET", "/stock/nut")
    assert answer.status_code == 503 and "retry-after" in answer.headers
    assert "stock" not in answer.text and "pieces" not in answer.text and str(lookup.root) not in answer.text
    file.write_text(before)
    until(lambda: lookup.ask("GET", "/stock/nut").status_code == 200, SOON)


def test_every_type_comes_back_as_it_was_sent(publish: Callable[..., Published]) -> None:
    types = publish("types")
    sent = {
        "n": 9_007_199_254_740_993, "x": 0.1, "d": "12345678.90", "t": "2026-03-01T12:30:00.25+02:00", "day": "2024-02-29",
        "ok": True, "deep": {"s": "Zoë ☃"}, "j": {"a": [1, None]}, "b": base64.b64encode(b"\x00\xff").decode(), "tags": ["a", None],
    }  # fmt: skip
    answer = types.ask("POST", "/echo", json=[sent, {}])
    # The number's digits are read as text: a JSON number is exact, however many it has.
    got = json.loads(answer.text, parse_float=str)
    assert got[0] == {
        "consumer": "ada", "n": 9_007_199_254_740_993, "x": "0.1", "d": "12345678.90", "t": "2026-03-01T10:30:00.250000Z",
        "day": "2024-02-29", "ok": True, "s": "Zoë ☃", "j": {"a": [1, None]}, "b": "AP8=", "tags": ["a", None],
    }  # fmt: skip
    assert got[1] == {**dict.fromkeys(got[0]), "consumer": "ada"}
    assert answer.headers["x-from"] == "types"
    wrong = {"n": 2**63, "x": "1", "d": "1.234", "t": "2026-02-30T00:00:00Z", "day": "1.2.2026", "ok": 1, "b": "?", "tags": "a"}
    faults = types.ask("POST", "/echo", json=[{}, wrong]).json()["errors"]
    assert [fault["pointer"] for fault in faults] == [f"/1/{name}" for name in ("n", "x", "d", "t", "day", "ok", "b", "tags")]
    assert types.ask("POST", "/echo", json={}).json()["errors"] == [{"pointer": "", "detail": "It is no list."}]
    # Many rows are handed to a thread, and come back in their order.
    many = types.ask("POST", "/echo", json=[{"n": n} for n in range(3000)]).json()
    assert [row["n"] for row in many] == list(range(3000))


def test_a_query_that_takes_too_long_is_stopped(publish: Callable[..., Published]) -> None:
    heavy = publish("heavy", timeout=0.05)
    answer = heavy.ask("GET", "/pairs")
    assert answer.status_code == 504 and answer.headers["content-type"] == "application/problem+json"
    # The same with time enough: the sum of i × j mod 7 over all pairs, by the classes of residues.
    counts = [len(range(r, 6_000, 7)) for r in range(7)]
    expected = sum(counts[a] * counts[b] * (a * b % 7) for a in range(7) for b in range(7))
    heavy.serve(timeout=100.0)
    assert until(lambda: (found := heavy.ask("GET", "/pairs")).status_code == 200 and found, SOON).json() == {"pairs": expected}


def test_the_base_path_of_a_gateway_may_stand_before(price: Published) -> None:
    price.serve(base="/prices/v1")
    order = {"order": {"id": 7}, "quantity": 1, "unit_price": 2.5}
    until(lambda: price.ask("POST", "/prices/v1/price", KEY, json=order).status_code == 200, SOON)
    assert price.ask("POST", "/price", KEY, json=order).status_code == 200
