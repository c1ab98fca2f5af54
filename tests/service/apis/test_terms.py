"""Plans, consumers, subscriptions and keys: nothing that is wrong is written over, decisions and keys go their own way, and files keep
their form. Each test names one guard; without it, it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.service.apis.conftest import Shop

from tisserand.service.protocol import Refused
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store


def refused(ask: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as caught:
        ask()
    return [each.line() for each in caught.value.problems]


def test_an_entry_that_is_wrong_is_not_written_over(shop: Shop) -> None:
    """`Terms.whole(kind, id)`: what cannot be read of a consumer is its keys."""
    text = "acme:\n  name: Acme\n  credentials:\n  - {id: k1, secret: s, fingerprint: f, created: someday}\nother: {}\n"
    (shop.root / "consumers.yaml").write_text(text)
    sentence = "consumers.yaml:4: acme.credentials.0.created: “someday” is not a moment: write it as 2026-01-31T13:45:00."
    for ask in (
        lambda: shop.apis.save_entry("consumer", "acme", {"name": "Acme Inc."}),
        lambda: shop.apis.remove_entry("consumer", "acme"),
        lambda: shop.apis.issue("acme"),
        lambda: shop.apis.revoke("acme", "k1"),
    ):
        assert refused(ask) == [sentence]
    shop.apis.save_entry("consumer", "other", {"name": "Other"})
    assert (shop.root / "consumers.yaml").read_text() == text.replace("other: {}", "other:\n  name: Other")


def test_decisions_go_their_own_way(shop: Shop) -> None:
    """Who saves a subscription does not approve it; what was decided on one API is not decided on another."""
    shop.apis.save(shop.data())
    shop.apis.save(shop.data(id="bills"))
    entry = {"api": "orders", "plan": "gold", "consumer": "acme"}
    shop.subscribed(approval="manual")
    state = lambda id="acme-orders": shop.apis.entries("subscription")[0][id]["state"]  # noqa: E731
    shop.apis.save_entry("subscription", "acme-orders", {**entry, "state": "active", "decided_by": "me"})
    assert state() == "pending"
    shop.apis.decide("acme-orders", "active", by="boss")
    shop.apis.save_entry("subscription", "acme-orders", {**entry, "state": "pending", "end": "2999-01-01"})
    found = shop.apis.entries("subscription")[0]["acme-orders"]
    assert (found["state"], found["decided_by"], found["end"]) == ("active", "boss", "2999-01-01")
    shop.apis.save_entry("subscription", "acme-orders", {**entry, "api": "bills"})
    assert state() == "pending", "on this API nobody decided"
    shop.apis.save_entry("subscription", "new", {**entry, "state": "active"})
    assert state("new") == "pending"


def test_a_consumer_is_subscribed_to_a_version_once(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.subscribed(approval="manual")
    entry = {"api": "orders", "plan": "gold", "consumer": "acme"}
    again = ["“acme” is subscribed to “orders” already: acme-orders."]
    assert refused(lambda: shop.apis.subscribe("orders", "gold", "acme")) == again
    assert refused(lambda: shop.apis.save_entry("subscription", "second", entry)) == again
    shop.apis.decide("acme-orders", "rejected")
    assert shop.apis.subscribe("orders", "gold", "acme") == "acme-orders-2"
    again = ["“acme” is subscribed to “orders” already: acme-orders-2."]
    assert refused(lambda: shop.apis.decide("acme-orders", "pending")) == again
    shop.apis.subscribe("orders", "gold", "acme", "1")  # of one version, that is another thing


# Every decision: from × to → whether it may be taken. By hand: who waits is let in or not, who is in rests or ends, the end is the end.
STATES = ("pending", "active", "suspended", "rejected", "ended")
MAY = {
    "pending": {"active", "rejected", "ended"},
    "active": {"suspended", "ended"},
    "suspended": {"active", "ended"},
    "rejected": {"pending"},
    "ended": set(),
}


def test_every_decision(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.subscribed()
    for state in STATES:
        for to in STATES:
            given = {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": state}}
            (shop.root / "subscriptions.yaml").write_text(yaml.safe_dump(given))
            if to in MAY[state]:
                shop.apis.decide("acme-orders", to, by="boss")
                found = shop.apis.entries("subscription")[0]["acme-orders"]
                assert (found["state"], found["decided_by"]) == (to, "boss")
            else:
                (sentence,) = refused(lambda to=to: shop.apis.decide("acme-orders", to))
                assert sentence.startswith(f"The subscription “acme-orders” is {state}: it cannot become {to}.")
    assert refused(lambda: shop.apis.decide("nothing", "active")) == ["There is no subscription “nothing”."]


def test_a_plan_is_offered_by_the_version_that_names_it(shop: Shop) -> None:
    for plan in ("gold", "iron"):
        shop.apis.save_entry("plan", plan, {})
    shop.apis.save_entry("consumer", "acme", {})
    shop.apis.save(shop.data(plans=["iron"]))
    shop.apis.save(shop.data(version="2", plans=["gold"]))
    assert refused(lambda: shop.apis.subscribe("orders", "gold", "acme", "1")) == [
        "plan: “orders” is not offered under the plan “gold”."
    ]
    assert shop.apis.subscribe("orders", "gold", "acme", "2")


def test_who_and_what_is_used_stays_until_it_is_used_no_more(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.subscribed()
    key = shop.apis.issue("acme")
    store = secret_store(Workspace(shop.root).id)
    for kind, id in (("plan", "gold"), ("consumer", "acme")):
        assert refused(lambda kind=kind, id=id: shop.apis.remove_entry(kind, id)) == [
            f"“{id}” has subscriptions: acme-orders. Remove or end them first."
        ]
    assert store.get(f"api-key.acme.{key.credential}") == key.value
    shop.apis.decide("acme-orders", "ended")
    shop.apis.remove_entry("plan", "gold")
    shop.apis.remove_entry("consumer", "acme")
    assert store.names() == [] and yaml.safe_load((shop.root / "consumers.yaml").read_text()) is None
    assert shop.apis.problems() == [], "a subscription that is over is history"


def test_a_value_that_two_credentials_name_stays_with_the_other(shop: Shop) -> None:
    shop.apis.save_entry("consumer", "acme", {})
    key = shop.apis.issue("acme")
    data = yaml.safe_load((shop.root / "consumers.yaml").read_text())
    data["acme"]["credentials"].append({**data["acme"]["credentials"][0], "id": "twin"})
    (shop.root / "consumers.yaml").write_text(yaml.safe_dump(data))
    store = secret_store(Workspace(shop.root).id)
    shop.apis.revoke("acme", "twin")
    assert store.get(f"api-key.acme.{key.credential}") == key.value
    shop.apis.revoke("acme", key.credential)
    assert store.names() == []


BOMB = "x0: &a0 [1]\n" + "".join(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
NEL, LS = "\x85", "\u2028"
# A file before, and what it is after `gold` got a name, or None where it is refused and stays.
FORMS: dict[str, tuple[str, str | None]] = {
    "nothing": ("", "gold:\n  name: G\n"),
    "braces": ("# ours\n{}\n", "# ours\ngold:\n  name: G\n"),
    "no end of line": ("a: {}", "a: {}\ngold:\n  name: G\n"),
    "comments": ("a: {}  # one\n# two\ngold: {price: x}\n\n# three\nb: {}\n",
                 "a: {}  # one\n# two\ngold:\n  name: G\n\n# three\nb: {}\n"),
    "lines of Windows": ("a: {}\r\ngold:\r\n  price: x\r\nb: {}\r\n", "a: {}\r\ngold:\r\n  name: G\r\nb: {}\r\n"),
    "other line breaks": (f"a: {{name: 'x{NEL}{NEL}y'}}\ngold: {{price: x}}\n# {LS}z\nb: {{}}\n", None),
    "quoted": ("'gold': {price: x}\nb: {}\n", "gold:\n  name: G\nb: {}\n"),
    "all in one line": ("{gold: {price: x}, b: {}}\n", None),
    "an anchor that others use": ("gold: &g {price: x}\nb: *g\n", None),
    "two in a line": ("? gold\n: {price: x}\nb: {}\n", "gold:\n  name: G\nb: {}\n"),
    "no YAML": ("gold: [\n", None),
    "twice": ("gold: {}\ngold: {}\n", None),
    "one that holds itself": ("'q': {}\na: {tags: &a [*a]}\n", "'q': {}\na: {tags: &a [*a]}\ngold:\n  name: G\n"),
    "as large as one likes": (BOMB, BOMB + "gold:\n  name: G\n"),
    "a value that cannot be": ("a: {name: !!bool maybe}\n", "a: {name: !!bool maybe}\ngold:\n  name: G\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_an_entry_is_set_and_all_else_stays(shop: Shop, name: str) -> None:
    before, after = FORMS[name]
    path = shop.root / "plans.yaml"
    path.write_bytes(before.encode())
    if after is None:
        refused(lambda: shop.apis.save_entry("plan", "gold", {"name": "G"}))
    else:
        shop.apis.save_entry("plan", "gold", {"name": "G"})
    assert path.read_bytes().decode() == (before if after is None else after)


def test_what_no_file_can_hold_is_refused(shop: Shop) -> None:
    assert refused(lambda: shop.apis.save_entry("plan", "gold", {"name": "\ud800"})) == [
        "plans.yaml: gold.name: It is no text: half a surrogate pair."
    ]
    (shop.root / "plans.yaml").write_bytes(b"a: {name: \xff}\n")
    (sentence,) = refused(lambda: shop.apis.save_entry("plan", "gold", {}))
    assert "cannot be read" in sentence and (shop.root / "plans.yaml").read_bytes() == b"a: {name: \xff}\n"


def test_ids_that_are_none(shop: Shop) -> None:
    for id in ("", "Gold", "a b", "../x", "-a", "a" * 64, "é"):
        (sentence,) = refused(lambda id=id: shop.apis.save_entry("plan", id, {}))
        assert "is not an id" in sentence
    shop.apis.save_entry("plan", "a" * 63, {})


def test_all_that_is_wrong_with_a_subscription_is_told(shop: Shop) -> None:
    expected = ["api: There is no API “a”.", "plan: There is no plan “b”.", "consumer: There is no consumer “c”."]
    assert refused(lambda: shop.apis.subscribe("a", "b", "c")) == expected
    shop.apis.save(shop.data())
    expected = ["version: “orders” has no version “9”.", *expected[1:]]
    assert refused(lambda: shop.apis.subscribe("orders", "b", "c", "9")) == expected


MOMENTS: list[tuple[dict[str, Any], str]] = [
    ({"expires": "soon"}, "“soon” is not a date. Write it as 2027-06-30."),
    ({"expires": "2020-01-01"}, "expires: A credential cannot expire in the past."),
    ({"expires": "0001-01-01T00:00+23:59"}, "expires: A credential cannot expire in the past."),
    ({"replaces": "k9", "overlap": "1h"}, "replaces: “acme” has no credential “k9”."),
    ({"overlap": "1h"}, "replaces: It is not said which key the new one takes the place of."),
    ({"replaces": "k9", "overlap": "a while"}, "overlap: “a while” is not understood. Write a number and a unit: ms, s, min, h, d."),
]  # fmt: skip


def test_moments_of_keys(shop: Shop) -> None:
    shop.apis.save_entry("consumer", "acme", {})
    for asked, sentence in MOMENTS:
        assert refused(lambda asked=asked: shop.apis.issue("acme", **asked)) == [sentence]
    last = shop.apis.issue("acme", expires="9999-12-31T23:59-23:59")
    assert last.expires == "9999-12-31T23:59:00-23:59"
    assert shop.apis.issue("acme", replaces=last.credential, overlap="99999999d").credential != last.credential
