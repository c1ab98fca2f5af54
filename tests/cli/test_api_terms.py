"""`tisserand api plan | consumer | subscription | subscribe | key` as an administrator types it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Ask

from tisserand.workspace.secrets import FileStore

API = "id: {id}\nversion: '1'\nname: {id}\nroute: {{base_path: /{id}}}\nupstream: {{targets: [{{url: 'http://127.0.0.1:9'}}]}}\n"


@pytest.fixture
def shop(ask: Ask) -> Ask:
    """Two APIs, a plan that anybody gets and one that somebody approves, and a consumer."""
    Path("apis").mkdir()
    for id in ("orders", "bills"):
        Path(f"apis/{id}.yaml").write_text(API.format(id=id))
    Path("plans.yaml").write_text("# ours\ngold: {name: Gold}\niron: {name: Iron, approval: manual}\n")
    Path("consumers.yaml").write_text("# theirs\nacme: {name: Acme, tags: [a]}\n")
    return ask


def test_plans(shop: Ask) -> None:
    said = shop("api", "plan", "set", "silver", "--name", "Silver", "--summary", "For most.", "--rate", "5/1s", "--rate", "1000/1h",
                "--quota", "10000/month", "--price", "1 EUR", "--manual")  # fmt: skip
    assert said.out == "“silver” is saved.\n"
    text = Path("plans.yaml").read_text()
    assert text.startswith("# ours\ngold: {name: Gold}\niron: {name: Iron, approval: manual}\nsilver:\n")
    assert yaml.safe_load(text)["silver"] == {
        "name": "Silver", "summary": "For most.", "price": "1 EUR", "approval": "manual", "quota": {"count": 10000, "period": "month"},
        "rate": [{"count": 5, "per": "1s"}, {"count": 1000, "per": "1h"}],
    }  # fmt: skip
    rows = shop("api", "plan", "list").rows
    assert [cell.strip() for cell in rows[0]] == ["plan", "name", "rate", "quota", "price", "approval"]
    assert [cell.strip() for cell in rows[3]] == ["silver", "Silver", "5/1s, 1,000/1h", "10,000/month", "1 EUR", "by somebody"]
    assert "1\u202f000/1h" in shop("--lang", "fr", "api", "plan", "list").out
    assert shop("api", "plan", "list", "--json").json["total"] == 3
    assert shop("api", "plan", "remove", "silver", "--json").json == {"removed": "silver"}
    assert Path("plans.yaml").read_text() == "# ours\ngold: {name: Gold}\niron: {name: Iron, approval: manual}\n"


def test_consumers(shop: Ask) -> None:
    shop("api", "consumer", "add", "büro", code=2)
    assert shop(
        "api", "consumer", "add", "zeta", "--name", "Zêta", "--contact", "z@z", "--subject", "sub", "--tag", "x", "--json"
    ).json == {"saved": "zeta"}
    assert yaml.safe_load(Path("consumers.yaml").read_text())["zeta"] == {
        "name": "Zêta", "contact": "z@z", "subject": "sub", "tags": ["x"]
    }  # fmt: skip
    assert [row[0] for row in shop("api", "consumer", "list").rows] == ["consumer", "acme", "zeta"]
    assert [row[0] for row in shop("api", "consumer", "list", "ZETA").rows[1:]] == ["zeta"]
    key = shop("api", "key", "issue", "zeta").out.strip()
    shop("api", "consumer", "add", "zeta", "--name", "Other")
    (credential,) = yaml.safe_load(Path("consumers.yaml").read_text())["zeta"]["credentials"]
    assert credential["fingerprint"] == "sha256:" + hashlib.sha256(key.encode()).hexdigest()[:16], "its keys stay"
    assert shop("api", "consumer", "remove", "zeta").out == "“zeta” is removed.\n"
    assert FileStore("cli-apis").names() == [] and Path("consumers.yaml").read_text().startswith("# theirs\nacme: {name")


def test_subscriptions_with_and_without_approval(shop: Ask) -> None:
    assert shop("api", "subscribe", "acme", "orders", "gold").out == "The subscription “acme-orders” is active.\n"
    assert shop("api", "subscribe", "acme", "bills@1", "iron", "--json").json == {
        "subscription": "acme-bills",
        "state": "pending",
    }
    states = lambda *argv: {row[0]: row[-1].strip() for row in shop("api", "subscription", "list", *argv).rows[1:]}  # noqa: E731
    assert states() == {"acme-orders": "active", "acme-bills": "pending"}
    assert states("--state", "pending") == states("BILLS") == {"acme-bills": "pending"} and states("--state", "ended") == {}
    assert shop("api", "subscription", "list", "--state", "pending", "--json").json["entries"].keys() == {"acme-bills"}
    for verb, state in (("reject", "rejected"), ("reopen", "pending"), ("approve", "active"), ("suspend", "suspended"),
                        ("approve", "active"), ("end", "ended")):  # fmt: skip
        assert shop("api", "subscription", verb, "acme-bills").out == f"The subscription “acme-bills” is {state}.\n"
    assert yaml.safe_load(Path("subscriptions.yaml").read_text())["acme-bills"]["decided_by"]
    assert shop("api", "subscription", "suspend", "acme-orders", "--json").json == {
        "subscription": "acme-orders",
        "state": "suspended",
    }
    assert "abonnement" in shop("--lang", "fr", "api", "subscription", "approve", "acme-orders").out.lower()
    assert "has subscriptions: acme-orders" in shop("api", "plan", "remove", "gold", code=2).err
    assert shop("api", "subscription", "remove", "acme-orders").out == "“acme-orders” is removed.\n"
    shop("api", "plan", "remove", "gold")
    shop("api", "consumer", "remove", "acme")
    assert states() == {"acme-bills": "ended"}, "what is over stays on record"


def test_the_thousandth_subscription_is_told_like_the_first(shop: Ask) -> None:
    entry = "{api: bills, plan: gold, consumer: other, state: ended}"
    Path("subscriptions.yaml").write_text("".join(f"s{number}: {entry}\n" for number in range(1001)))
    assert shop("api", "subscribe", "acme", "orders", "gold").out == "The subscription “acme-orders” is active.\n"
    assert len(shop("api", "subscription", "list").rows) == 1003


def test_keys_are_shown_once_and_listed_with_their_ends(shop: Ask) -> None:
    said = shop("api", "key", "issue", "acme", "--expires", "2999-01-01")
    value = said.out.strip()
    first = said.err.split("“")[1].split("”")[0]
    assert said.err == f"This is the key “{first}” of “acme”. It is shown this once.\n"
    new = shop("api", "key", "issue", "acme", "--replaces", first, "--overlap", "2h", "--json").json
    assert new["fingerprint"] == "sha256:" + hashlib.sha256(new["value"].encode()).hexdigest()[:16]
    rows = shop("api", "key", "list", "acme").rows
    assert [cell.strip() for cell in rows[0]] == ["consumer", "key", "fingerprint", "made on", "ends on", "state"]
    assert [row[1].strip() for row in rows[1:]] == [first, new["credential"]]
    keys = shop("api", "key", "list", "--json").json["keys"]
    assert [(key["consumer"], key["id"], key["state"]) for key in keys] == [
        ("acme", first, "active"),
        ("acme", new["credential"], "active"),
    ]
    assert timedelta(hours=1) < datetime.fromisoformat(keys[0]["expires"]) - datetime.now(UTC) <= timedelta(hours=2)
    assert keys[0].keys() == {"consumer", "id", "fingerprint", "created", "expires", "state"}
    assert [key["id"] for key in shop("api", "key", "list", "--expires-within", "3h", "--json").json["keys"]] == [first]
    assert shop("api", "key", "list", "--expires-within", "30min", "--json").json["keys"] == []
    assert shop("api", "key", "list", "--expires-within", "999999999999d", "--json").json["keys"][0]["id"] == first
    assert shop("api", "key", "revoke", "acme", first).out == f"The key “{first}” of “acme” is revoked.\n"
    assert shop("api", "key", "revoke", "acme", new["credential"], "--json").json == {"revoked": new["credential"]}
    assert shop("api", "key", "list", "--json").json == {"keys": []}
    assert [key["state"] for key in shop("api", "key", "list", "--all", "--json").json["keys"]] == ["revoked", "revoked"]
    everything = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert value.encode() not in everything and new["value"].encode() not in everything


def test_a_key_that_has_ended_is_not_among_those_that_open(shop: Ask) -> None:
    base = "secret: s, fingerprint: 'sha256:00', created: 2020-01-01"
    Path("consumers.yaml").write_text(
        f"acme:\n  credentials:\n  - {{id: a, {base}, expires: 2020-01-02T00:00:00}}\n  - {{id: b, {base}, expires: 2999-01-01}}\n"
    )
    assert [key["id"] for key in shop("api", "key", "list", "--json").json["keys"]] == ["b"]
    keys = shop("api", "key", "list", "--all", "--json").json["keys"]
    assert [(key["id"], key["state"]) for key in keys] == [("a", "expired"), ("b", "active")]


NO_LIMIT = "is no limit: write a number, “/” and a time, for example 10/1s."
REFUSED: list[tuple[str, str]] = [
    ("plan set", "Missing argument 'ID'"),
    ("plan set Gold", "“Gold” is not an id: small letters, digits, “_” and “-” only, at most 63, a letter or digit first."),
    ("plan set x --rate 5", f"“5” {NO_LIMIT}"),
    ("plan set x --rate ²/1s", f"“²/1s” {NO_LIMIT}"),
    (f"plan set x --rate {'9' * 5000}/1s", NO_LIMIT),
    ("plan set x --rate -5/1s", f"“-5/1s” {NO_LIMIT}"),
    ("plan set x --rate 0/1s", "plans.yaml: x.rate.0.count: “0” is too small: the least is 1."),
    ("plan set x --rate 5/soon", "plans.yaml: x.rate.0.per: “soon” is not understood."),
    ("plan set x --quota 5/fortnight", "plans.yaml: x.quota.period: “fortnight” is not one of 'hour', 'day', 'week' or 'month'."),
    ("plan remove nothing", "There is no plan “nothing”."),
    ("consumer add ACME", "“ACME” is not an id"),
    ("consumer remove nothing", "There is no consumer “nothing”."),
    ("subscribe nobody nothing none", "api: There is no API “nothing”."),
    ("subscribe nobody nothing none", "consumer: There is no consumer “nobody”."),
    ("subscribe acme orders@7 gold", "version: “orders” has no version “7”."),
    ("subscribe acme orders", "Missing argument 'PLAN'"),
    ("subscription approve nothing", "There is no subscription “nothing”."),
    ("subscription remove nothing", "There is no subscription “nothing”."),
    ("subscription list --state gone", "'gone' is not one of 'pending', 'active', 'suspended', 'rejected', 'ended'"),
    ("key issue nobody", "There is no consumer “nobody”. Add it: tisserand api consumer add nobody"),
    ("key issue acme --expires soon", "“soon” is not a date. Write it as 2027-06-30."),
    ("key issue acme --expires 2020-01-01", "expires: A credential cannot expire in the past."),
    ("key issue acme --replaces k9", "replaces: “acme” has no credential “k9”."),
    ("key issue acme --overlap 1h", "replaces: It is not said which key the new one takes the place of."),
    ("key issue acme --replaces k9 --overlap long", "overlap: “long” is not understood."),
    ("key revoke acme k9", "“acme” has no credential “k9”."),
    ("key revoke nobody k9", "There is no consumer “nobody”."),
    ("key list nobody", "There is no consumer “nobody”."),
    ("key list --expires-within soon", "“soon” is not understood. Write a number and a unit: ms, s, min, h, d."),
]


@pytest.mark.parametrize(("line", "sentence"), REFUSED, ids=[line[:40] for line, _ in REFUSED])
def test_what_is_refused_is_a_sentence_and_changes_nothing(shop: Ask, line: str, sentence: str) -> None:
    files = {path: path.read_bytes() for path in Path().glob("*.yaml")}
    told = shop("api", *line.split(), code=2)
    assert told.out == "" and sentence in told.err
    assert sentence in " ".join(each["text"] for each in shop("api", *line.split(), "--json", code=2).json["problems"])
    assert {path: path.read_bytes() for path in Path().glob("*.yaml")} == files
    assert FileStore("cli-apis").names() == []


def test_a_second_subscription_and_a_wrong_decision(shop: Ask) -> None:
    shop("api", "subscribe", "acme", "orders", "gold")
    assert "is subscribed to “orders” already: acme-orders." in shop("api", "subscribe", "acme", "orders", "iron", code=2).err
    assert shop("api", "subscription", "reject", "acme-orders", code=2).err == (
        "The subscription “acme-orders” is active: it cannot become rejected. From there: suspended, ended.\n"
    )


def test_a_broken_file_is_told_with_its_line_and_left(shop: Ask) -> None:
    Path("consumers.yaml").write_text("acme: {name: A}\nacme: {name: B}\n")
    for line in ("consumer add new", "key issue acme", "consumer remove acme"):
        assert shop("api", *line.split(), code=2).err.startswith("consumers.yaml:2: acme: “acme” stands here twice.")
    assert Path("consumers.yaml").read_text() == "acme: {name: A}\nacme: {name: B}\n"
