"""The same over HTTP as in the process, by itself in the executor, and on the command line."""

import json
import time

import pytest
from tests.service.conftest import Served
from tests.service.gateways.conftest import call

from tisserand.apis.usage import UsageQuery
from tisserand.cli.main import call as tisserand
from tisserand.service import serve
from tisserand.service.gateways.calls import Gateways
from tisserand.service.gateways.trends import trends
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused

HOUR = int(time.time()) // 3600 * 3600


@pytest.fixture(params=["local", "http"])
def gateways(request, desk):
    if request.param == "local":
        made = LocalExecutor(desk.root, grace=2)
        yield made.gateways
        made.close()
        return
    found = Served(desk.root)
    made = serve.connect(desk.root)
    assert type(made).__name__ == "HttpExecutor"
    yield made.gateways
    made.close()
    found.stop()


def test_every_call_answers_alike(desk, gateways: Gateways):
    desk.api(policies={"cache": 5})
    plan = gateways.plan("main")
    assert (plan.gateway, len(plan.changes), plan.dropped[0].name) == ("main", 4, "api/orders@1:policies.cache")
    assert plan.dropped[0].reason.text("en") == "It has no cache."
    done = gateways.push("main", (), "ann")
    assert (done.number, done.changes, done.by) == (1, 4, "ann")
    desk.api(upstream={"targets": [{"url": "http://b"}]}, policies={"cache": 5})
    assert gateways.plan("main").changes[0].fields == (("upstream.targets.0.url", "http://orders.example.org", "http://b"),)
    gateways.push("main", by="ann")
    assert gateways.rollback("main", by="bob").result == "rolled back"
    assert [(each.number, each.by) for each in gateways.history("main")] == [(3, "bob"), (2, "ann"), (1, "ann")]
    desk.edit_live("plan/gold", None)
    assert [(each.action, each.item) for each in gateways.drift("main")] == [("delete", "plan/gold")]
    (info,) = gateways.list()
    assert (info.name, info.title, info.address, info.revision) == ("main", "Main", "http://127.0.0.1:8080", "r3")
    for ask in (gateways.plan, gateways.push, gateways.drift, gateways.rollback, gateways.history):
        with pytest.raises(Refused) as refused:
            ask("none")
        assert refused.value.missing
    desk.log(call(HOUR), call(HOUR, status=429), call(HOUR - 3600, consumer="globex"))
    gateways.collect("main")
    end = time.monotonic() + 10
    while not gateways.usage(UsageQuery()) and time.monotonic() < end:
        time.sleep(0.05)  # the executor process may just be at it
    (one,) = gateways.usage(UsageQuery(consumer="acme"))
    assert (one.requests, one.rejected, one.bytes_in, one.group) == (2, 1, 20, {})
    assert {each.group["consumer"]: each.requests for each in gateways.usage(UsageQuery(by=("consumer",)))} == {
        "acme": 2,
        "globex": 1,
    }
    assert [(row.hour, row.status, row.latency[1]) for row in gateways.usage_rows(UsageQuery(consumer="acme"))] == [
        (HOUR, 200, 1), (HOUR, 429, 1),
    ]  # fmt: skip
    assert trends(gateways.usage, UsageQuery(start=HOUR, end=HOUR + 3600))[0].before == 1


def test_the_executor_process_does_it_by_itself(desk):
    local = LocalExecutor(desk.root)
    local.gateways.push("main")
    local.close()
    desk.log(*(call(HOUR) for _ in range(100)))
    served = Served(desk.root)
    try:
        end = time.monotonic() + 30
        while not (desk.state / "blocked.json").exists() or "acme" not in (desk.state / "blocked.json").read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert not (desk.root / ".tisserand" / "crashes").exists()
    finally:
        served.stop()


def said(capsys, *arguments, code=0):
    assert tisserand(["gateway", *arguments]) == code
    return capsys.readouterr().out


def test_the_command_line(desk, capsys, monkeypatch):
    monkeypatch.chdir(desk.root)
    assert "+ create api/orders@1" in said(capsys, "plan", "main", "--exit-code", code=3)
    assert json.loads(said(capsys, "plan", "main", "--json"))["changes"][0]["action"] == "create"
    tisserand(["gateway", "push", "main"])
    assert desk.live() is None and "--yes" in capsys.readouterr().err
    assert "Push 1 to “main” is live: 4 changes." in said(capsys, "push", "main", "--yes")
    assert "Nothing to do" in said(capsys, "push", "main", "--yes")
    said(capsys, "plan", "main", "--exit-code")
    desk.api(upstream={"targets": [{"url": "http://b"}]}, policies={"ip_deny": ["10.0.0.0/8"]})
    desk.edit_live("plan/gold", {"name": "Other"})
    out = said(capsys, "plan", "main")
    assert "upstream.targets.0.url: http://orders.example.org → http://b" in out
    assert "~ change plan/gold  (was changed in the gateway)" in out
    assert "! dropped api/orders@1:policies.ip_deny: It cannot ban." in out
    assert "name: Gold → Other" in said(capsys, "drift", "main", "--exit-code", code=3)
    said(capsys, "push", "main", "--yes", code=2)
    assert json.loads(said(capsys, "push", "main", "--yes", "--json", "--accept", "api/orders@1:policies.ip_deny"))["number"] == 3
    assert "Nothing was changed" in said(capsys, "drift", "main", "--exit-code")
    assert "Push 4" in said(capsys, "rollback", "main", "1", "--yes")
    results = [each["result"] for each in json.loads(said(capsys, "history", "main", "--json"))["pushes"]]
    assert results == ["rolled back", "done", "refused", "done"]
    assert "cannot enforce" in said(capsys, "history", "main")
    assert "main" in said(capsys, "list") and json.loads(said(capsys, "list", "--json"))["gateways"][0]["alive"] is True
    said(capsys, "plan", "none", code=2)


def test_usage_on_the_command_line(desk, capsys, monkeypatch):
    monkeypatch.chdir(desk.root)
    assert said(capsys, "usage") == ""
    desk.log(call(HOUR, requests=3), call(HOUR, status=503), call(HOUR - 2 * 86_400, consumer="globex", requests=2))
    assert said(capsys, "collect") == "3 rows of usage.\n"
    day = time.strftime("%Y-%m-%d", time.gmtime(HOUR))
    lines = said(capsys, "usage", "--by", "day", "--by", "consumer", "--from", "1d").splitlines()
    assert [line.split() for line in lines[1:]] == [[day, "acme", "4", "1", "0", "40", "80", "1.5", "2.0"]]
    found = json.loads(said(capsys, "usage", "--by", "consumer", "--from", "1d", "--trend", "--json"))["usage"]
    assert [(each["group"], each["requests"], each["before"]) for each in found] == [({"consumer": "acme"}, 4, 0)]
    assert "+100" in said(capsys, "usage", "--from", str(int((time.time() - HOUR) // 3600) + 25) + "h", "--trend")
    assert tisserand(["gateway", "usage", "--from", "soon"]) == 2
    assert "2026-12-01" in capsys.readouterr().err


def test_nobody_reads_another_change_than_the_one_that_is_made(desk, capsys, monkeypatch):
    """Texts of files may move the cursor, turn the direction or begin a line: a plan shows what they are."""
    monkeypatch.chdir(desk.root)
    tisserand(["gateway", "push", "main", "--yes"])
    evil = "x\x1b[2K\x1b[1A\n+ create api/harmless@1 \u202egpj"
    headers = {"set": {evil: evil}}
    desk.api(name=evil, upstream={"targets": [{"url": "http://evil"}]}, policies={"request_headers": headers})
    capsys.readouterr()
    out = said(capsys, "plan", "main")
    assert all(line.isprintable() for line in out.splitlines()) and "\n+ create api/harmless" not in out
    assert "\\x1b[2K" in out and "orders.example.org → http://evil" in out
    desk.write("subscriptions.yaml", {evil: {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}})
    assert tisserand(["gateway", "plan", "main", "--exit-code"]) != 0
    assert "\x1b" not in capsys.readouterr().out
