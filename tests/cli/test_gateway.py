"""`tisserand gateway …` as an administrator types it, before a gateway that is a file: what is printed, refused, and left behind. What
real gateways do with it is tested with the real ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Ask
from tests.service.gateways.conftest import FAKE, Desk
from tests.service.gateways.conftest import call as called

from tisserand.apis.gateways import kinds
from tisserand.apis.neutral import fingerprint
from tisserand.workspace.secrets import FileStore

HOUR = int(time.time() // 3600) * 3600


@pytest.fixture
def desk(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One API, plan, consumer and subscription, and the gateways `main` and `other`."""
    monkeypatch.setitem(kinds.ADAPTERS, "fake", FAKE)
    found = Desk(Path.cwd())
    found.write("gateways.yaml", {"main": {"type": "fake", "title": "Main"}, "other": {"type": "fake", "settings": {"port": 81}}})
    found.write("plans.yaml", {"gold": {"name": "Gold", "quota": {"count": 100, "period": "day"}}})
    FileStore("cli-apis").set("key", "k-acme-1")
    key = {"id": "main", "secret": "secret:key", "fingerprint": fingerprint("k-acme-1"), "created": "2025-01-01T00:00:00Z"}
    found.write("consumers.yaml", {"acme": {"credentials": [key]}})
    found.write("subscriptions.yaml", {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}})
    found.api()
    return found


CREATED = ["+ create api/orders@1", "+ create consumer/acme", "+ create plan/gold", "+ create subscription/acme-orders"]


def items(text: str, sign: str = "+") -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith(sign))


def test_from_the_first_plan_to_the_way_back(ask: Ask, desk: Any) -> None:
    told = ask("gateway", "plan", "main")
    assert items(told.out) == CREATED and told.out.splitlines()[-1] == "main: 4 create" and desk.live() is None
    assert ask("gateway", "plan", "main", "--exit-code", code=3).out == told.out
    done = ask("gateway", "push", "main", "--yes")
    assert items(done.out) == CREATED and done.out.splitlines()[-1] == "Push 1 to “main” is live: 4 changes."
    assert sorted(desk.live()) == [line.split()[-1] for line in CREATED]
    again = ask("gateway", "push", "main")
    assert again.out.splitlines() == ["Nothing to do: “main” holds what is declared.", "“main” was left as it is."]
    assert desk.applied() == 1 and ask("gateway", "plan", "main", "--exit-code").code == 0

    desk.write("plans.yaml", {"gold": {"name": "Gold", "quota": {"count": 7, "period": "day"}}})
    changed = ask("gateway", "plan", "main").out.splitlines()
    assert changed[:2] == ["~ change plan/gold", "    quota.count: 100 → 7"] and changed[-1] == "main: 1 change"
    assert ask("gateway", "push", "main", "--yes", "--json").json["changes"] == 1
    back = ask("gateway", "rollback", "main", "--yes")
    assert (
        back.out.splitlines()[-1] == "Push 3 to “main” is live: 1 change." and desk.live()["plan/gold"]["quota"]["count"] == 100
    )
    assert ask("gateway", "rollback", "main", 2, "--yes", "--json").json["number"] == 4

    rows = ask("gateway", "history", "main").rows
    assert [cell.strip() for cell in rows[0]] == ["number", "time", "by", "result", "changes", "content", "why"]
    assert [row[0].strip() for row in rows[1:]] == ["4", "3", "2", "1"]
    (last,) = ask("gateway", "history", "main", "--limit", 1, "--json").json["pushes"]
    assert (last["number"], last["result"], last["gateway"]) == (4, "rolled back", "main")


def test_what_was_changed_in_the_gateway_itself(ask: Ask, desk: Any) -> None:
    ask("gateway", "push", "main", "--yes")
    assert ask("gateway", "drift", "main", "--exit-code").out == "Nothing was changed in “main” since the last push.\n"
    plan = desk.live()["plan/gold"]
    desk.edit_live("plan/gold", {**plan, "quota": {**plan["quota"], "count": 9}})
    told = ask("gateway", "drift", "main", "--exit-code", code=3).out.splitlines()
    assert told == ["From what was pushed to what is live:", "~ change plan/gold", "    quota.count: 100 → 9"]
    (change,) = ask("gateway", "drift", "main", "--json").json["changes"]
    assert (change["item"], change["fields"]) == ("plan/gold", [["quota.count", 100, 9]])
    assert "~ change plan/gold  (was changed in the gateway)" in ask("gateway", "plan", "main").out.splitlines()
    ask("gateway", "push", "main", "--yes")
    assert desk.live()["plan/gold"]["quota"]["count"] == 100


def test_what_is_not_enforced_refuses_until_it_is_accepted_by_name(ask: Ask, desk: Any) -> None:
    desk.api(policies={"ip_deny": ["10.0.0.0/8"], "cache": 5})
    told = ask("gateway", "plan", "main").out
    field = "api/orders@1:policies.ip_deny"
    assert f"! dropped {field}: It cannot ban. It refuses the push, but where it is accepted: --accept {field}" in told
    assert "! dropped api/orders@1:policies.cache: It has no cache.\n" in told
    document = ask("gateway", "plan", "main", "--json").json
    assert {(each["name"], each["text"]) for each in document["dropped"]} == {
        (field, "It cannot ban."), ("api/orders@1:policies.cache", "It has no cache.")
    }  # fmt: skip
    refused = ask("gateway", "push", "main", "--yes", code=2)
    assert field in refused.err and desk.live() is None
    done = ask("gateway", "push", "main", "--yes", "--accept", field, "--json").json
    assert (done["result"], done["dropped"]) == ("done", [field])


def test_many_changes_are_cut_short_unless_all_are_asked_for(ask: Ask, desk: Any) -> None:
    desk.write("plans.yaml", {"gold": {}, **{f"p{number}": {} for number in range(120)}})
    told = ask("gateway", "plan", "main").out.splitlines()
    assert len(items("\n".join(told))) == 100 and "… and 24 more: --all" in told and told[-1] == "main: 124 create"
    assert len(items(ask("gateway", "plan", "main", "--all").out)) == 124
    assert len(items(ask("gateway", "push", "main", "--yes", "--all").out)) == 124


def test_the_list_tells_what_is_there_and_what_is_wrong(ask: Ask, desk: Any) -> None:
    ask("gateway", "push", "main", "--yes")
    found = ask("gateway", "list")
    rows = {row[0].strip(): [cell.strip() for cell in row] for row in found.rows}
    assert rows["main"][:4] == ["main", "fake", "http://127.0.0.1:8080", "yes"] and len(rows["main"]) == 6
    assert rows["other"] == ["other", "fake", "http://127.0.0.1:81", "yes"]
    desk.break_("down")
    desk.write("gateways.yaml", {"main": {"type": "fake"}, "moon": {"type": "fakes"}, "sun": {"title": "Sun"}})
    found = ask("gateway", "list")
    assert next(row[3].strip() for row in found.rows if row[0].strip() == "main") == "no"
    assert "gateways.yaml: moon.type: “fakes” is not a type of gateway. Did you mean “fake”?" in found.err.splitlines()
    assert any(line.startswith("gateways.yaml:5: sun.type: “type” is missing.") for line in found.err.splitlines())
    listed = ask("gateway", "list", "--json").json["gateways"]
    assert [each["name"] for each in listed] == ["main", "moon", "sun"]
    Path("gateways.yaml").unlink()
    assert ask("gateway", "list").err == "There is no gateway: “gateways.yaml” names none.\n"


def test_usage_is_taken_over_and_summed(ask: Ask, desk: Any) -> None:
    assert ask("gateway", "usage").err == "Nothing was called.\n"
    desk.log(
        called(HOUR - 3600, requests=30), called(HOUR - 3600, status=429, requests=10), called(HOUR - 86_400 * 8, requests=20),
        called(HOUR - 3600, consumer="zeta", status=500, requests=5, operation="POST /o"),
    )  # fmt: skip
    assert ask("gateway", "collect", "main").out == "4 rows of usage.\n"
    assert ask("gateway", "collect", "--json").json == {"rows": 0}, "each is counted once"
    rows = [[cell.strip() for cell in row] for row in ask("gateway", "usage", "--by", "consumer").rows]
    assert rows[0][:4] == ["consumer", "requests", "errors", "rejected"]
    assert rows[1][:4] == ["acme", "60", "0", "10"] and rows[2][:4] == ["zeta", "5", "5", "0"]
    whole = ask("gateway", "usage", "--json").json["usage"]
    assert len(whole) == 1 and whole[0]["requests"] == 65
    sums = lambda *argv: sum(each["requests"] for each in ask("gateway", "usage", *argv, "--json").json["usage"])  # noqa: E731
    for argv, expected in (
        (("--from", "7d"), 45), (("--to", "7d"), 20), (("--status", "4xx"), 10), (("--status", "500"), 5), (("--consumer", "zeta"), 5),
        (("--operation", "POST /o"), 5), (("--gateway", "other"), 0), (("--gateway", "main"), 65), (("--api", "orders"), 65),
        (("--version", "2"), 0), (("--plan", "gold", "--consumer", "acme"), 60),
        (("--from", "2999-01-01"), 0), (("--from", "2020-01-01T08:00"), 65), (("--from", "2020-01-01T08:00+02:00"), 65),
    ):  # fmt: skip
        assert sums(*argv) == expected, argv
    (trend,) = ask("gateway", "usage", "--from", "7d", "--trend", "--json").json["usage"]
    assert (trend["requests"], trend["before"], trend["change"]) == (45, 20, 1.25)
    assert "+125 %" in ask("gateway", "usage", "--from", "7d", "--trend").out
    for by in ("hour", "day", "gateway", "api", "version", "operation", "plan", "status"):
        assert ask("gateway", "usage", "--by", by, "--by", "consumer").rows[0][0].strip() == by
    assert len(ask("gateway", "usage", "--by", "status", "--limit", 1).rows) == 2
    assert "requêtes" in ask("--lang", "fr", "gateway", "usage").out


REFUSED: list[tuple[str, str]] = [
    *((f"{verb} moon", "There is no gateway “moon”. Gateways: main, other. Gateways stand in “gateways.yaml”.")
      for verb in ("plan", "push --yes", "drift", "rollback --yes", "history", "collect")),
    ("plan", "Missing argument 'NAME'"),
    ("push main", "Nobody can be asked here: say --yes."),
    ("rollback main", "Nobody can be asked here: say --yes."),
    ("rollback main --yes", "Nothing was pushed to “main” before what is live now."),
    ("rollback main 9 --yes", "No push 9 to “main” went well. See “tisserand gateway history main”."),
    ("rollback main 0 --yes", "0 is not in the range x>=1"),
    ("rollback main last --yes", "'last' is not a valid integer"),
    ("history main --limit 0", "0 is not in the range 1<=x<=10000"),
    ("push main --yes --accept nothing", "nothing"),
    ("usage --trend", "--trend needs --from."),
    ("usage --status abc", "“abc” is no status of answers: write “429” or “4xx”."),
    ("usage --from soon", "“soon” is no time: write 2026-12-01, 2026-12-01T08:00, or 7d."),
    ("usage --to 2026-13-01", "“2026-13-01” is no time"),
    ("usage --by moon", "'moon' is not one of 'hour', 'day'"),
    ("usage --limit 0", "0 is not in the range 1<=x<=100000"),
    ("nothing", "No such command 'nothing'"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_is_refused_is_a_sentence_and_changes_nothing(ask: Ask, desk: Any, line: str, sentence: str) -> None:
    said = ask("gateway", *line.split(), code=2)
    assert sentence in said.err and desk.live() is None
    document = ask("gateway", *line.split(), "--json", code=2)
    assert sentence in " ".join(each["text"] for each in document.json["problems"])
    assert desk.live() is None


def test_a_gateway_that_fails_is_a_sentence_and_stands_in_the_history(ask: Ask, desk: Any) -> None:
    desk.break_("invalid", "No such cipher.")
    assert "No such cipher." in ask("gateway", "plan", "main").err
    assert "No such cipher." in ask("gateway", "push", "main", "--yes", code=2).err and desk.live() is None
    desk.mend("invalid")
    desk.break_("broken", "disk full")
    assert "The gateway answers: disk full" in ask("gateway", "push", "main", "--yes", code=2).err
    desk.mend("broken")
    ask("gateway", "push", "main", "--yes")
    desk.break_("down")
    for verb in ("drift", "plan", "push --yes", "rollback --yes 3"):
        assert "The gateway is down." in ask("gateway", *verb.split()[:1], "main", *verb.split()[1:], code=2).err, verb
    results = [each["result"] for each in ask("gateway", "history", "main", "--json").json["pushes"]]
    assert results[-2:] == ["failed", "refused"] and "done" in results
    assert "k-acme-1" not in ask("gateway", "history", "main", "--json").out


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130), ("", 130)])
def test_somebody_at_a_terminal_is_asked(ask: Ask, desk: Any, answer: str, code: int) -> None:
    said = ask("gateway", "push", "main", stdin=f"{answer}\n" if answer else "", code=code, terminal=True)
    assert "Push to “main”?" in said.out and (desk.live() is not None) == (answer == "y")
    ask("gateway", "push", "main", "--yes")
    desk.write("plans.yaml", {"gold": {}})
    ask("gateway", "push", "main", "--yes")
    said = ask("gateway", "rollback", "main", stdin=f"{answer}\n" if answer else "", code=code, terminal=True)
    assert "Roll “main” back?" in said.out and ("quota" in str(desk.live()["plan/gold"])) == (answer == "y")
    assert ask("gateway", "push", "main", "--yes", terminal=True).out.splitlines()[-1] != "Push to “main”?"
