"""Plan, push, drift and rollback: compared three ways, written down first, read back, never half-told."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from tests.service.gateways.conftest import ID

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.workspace.secrets import secret_store


def audited(executor):
    return [(entry.what, entry.target, entry.by) for entry in executor.audit.entries()]


def test_a_plan_changes_nothing_and_a_push_makes_it_live(desk, executor):
    plan = executor.gateways.plan("main")
    assert [(each.action, each.item) for each in plan.changes] == [
        ("create", "api/orders@1"), ("create", "consumer/acme"), ("create", "plan/gold"), ("create", "subscription/acme-orders"),
    ]  # fmt: skip
    assert desk.live() is None and executor.gateways.history("main") == []
    done = executor.gateways.push("main", by="ann")
    assert (done.result, done.number, done.changes, done.by, done.revision) == ("done", 1, 4, "ann", "r1")
    assert desk.live()["api/orders@1"]["upstream"]["targets"] == [{"url": "http://orders.example.org", "weight": 1}]
    assert desk.live()["consumer/acme"]["credentials"][0]["id"] == "main"
    assert ("gateway.pushed", "main", "ann") in audited(executor)
    (info,) = executor.gateways.list()
    assert (info.name, info.type, info.alive, info.revision, info.pushed_at) == ("main", "fake", True, "r1", done.at)


def test_a_second_push_does_nothing_and_says_so(desk, executor):
    first = executor.gateways.push("main")
    again = executor.gateways.push("main")
    assert (again.number, again.changes, again.result) == (first.number, 0, "done")
    assert desk.applied() == 1 and len(executor.gateways.history("main")) == 1
    assert executor.gateways.plan("main").changes == ()


def test_a_change_shows_live_and_declared_and_what_was_changed_there(desk, executor):
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://new.example.org"}]})
    (change,) = executor.gateways.plan("main").changes
    assert change.fields == (("upstream.targets.0.url", "http://orders.example.org", "http://new.example.org"),)
    assert not change.drift
    live = desk.live()["plan/gold"]
    desk.edit_live("plan/gold", {**live, "quota": {"count": 7, "period": "day"}})
    plan = executor.gateways.plan("main")
    assert {each.item: each.drift for each in plan.changes} == {"api/orders@1": False, "plan/gold": True}
    assert plan.drifted == ("plan/gold",)
    (drift,) = executor.gateways.drift("main")
    assert (drift.item, drift.fields) == ("plan/gold", (("quota.count", 100, 7),))
    executor.gateways.push("main")
    assert executor.gateways.drift("main") == [] and desk.live()["plan/gold"]["quota"]["count"] == 100


def test_drift_tells_from_what_was_pushed_to_what_is_live(desk, executor):
    assert executor.gateways.drift("main") == []
    executor.gateways.push("main")
    desk.edit_live("plan/gold", {**desk.live()["plan/gold"], "quota": {"count": 7, "period": "day"}})
    desk.edit_live("subscription/acme-orders", None)
    desk.edit_live("plan/free", {"name": "Free"})
    found = {each.item: (each.action, each.fields) for each in executor.gateways.drift("main")}
    assert found == {
        "plan/free": ("create", ()),
        "plan/gold": ("change", (("quota.count", 100, 7),)),
        "subscription/acme-orders": ("delete", ()),
    }


def test_drafts_ended_subscriptions_and_expired_keys_are_not_declared(desk, executor):
    desk.api(id="next", lifecycle="draft", route={"base_path": "/next"})
    desk.api(id="elsewhere", gateways=["other"], route={"base_path": "/elsewhere"})
    desk.consumer("late", "k-late", expires="2025-01-02T00:00:00Z")
    desk.consumer("bad", "k-bad", state="revoked")
    desk.write(
        "subscriptions.yaml",
        {
            "acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"},
            "waiting": {"api": "orders", "plan": "gold", "consumer": "late"},
            "over": {"api": "orders", "plan": "gold", "consumer": "late", "state": "active", "end": "2025-01-01"},
        },
    )
    executor.gateways.push("main")
    live = desk.live()
    assert sorted(live) == [
        "api/orders@1", "consumer/acme", "consumer/bad", "consumer/late", "plan/gold", "subscription/acme-orders",
    ]  # fmt: skip
    assert "credentials" not in live["consumer/late"] and "credentials" not in live["consumer/bad"]


def test_a_dropped_security_field_refuses_until_it_is_accepted_by_name(desk, executor):
    desk.api(policies={"ip_deny": ["10.0.0.0/8"], "cache": 60})
    plan = executor.gateways.plan("main")
    assert {(each.name, each.weight) for each in plan.dropped} == {
        ("api/orders@1:policies.ip_deny", "security"), ("api/orders@1:policies.cache", "other"),
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        executor.gateways.push("main", by="ann")
    assert [each.code for each in refused.value.problems] == ["gateway.dropped"]
    assert "api/orders@1:policies.ip_deny" in refused.value.problems[0].line()
    assert desk.live() is None and executor.gateways.history("main")[0].result == "refused"
    with pytest.raises(Refused, match="not dropped"):
        executor.gateways.push("main", ["api/orders@1:policies.ip_allow"])
    done = executor.gateways.push("main", ["api/orders@1:policies.ip_deny"], "root")
    assert done.dropped == ("api/orders@1:policies.ip_deny",) and "policies" not in desk.live()["api/orders@1"]
    (entry,) = [each for each in executor.audit.entries() if each.what == "gateway.pushed"]
    assert (entry.by, entry.data["accepted"]) == ("root", ["api/orders@1:policies.ip_deny"])
    assert executor.gateways.push("main").changes == 0  # it stays accepted


def test_a_broken_definition_is_refused_and_the_last_good_one_serves_on(desk, executor):
    executor.gateways.push("main")
    before = desk.live()
    (desk.root / "apis" / "orders-1.yaml").write_text("id: orders\nversion: '1'\nroute: {base_path: nope}\n")
    with pytest.raises(Refused) as refused:
        executor.gateways.push("main")
    assert all(each.place.file == "apis/orders-1.yaml" for each in refused.value.problems)
    assert desk.live() == before
    desk.api()
    desk.break_("invalid", "The route is wrong.")
    desk.api(summary="x", upstream={"targets": [{"url": "http://b"}]})
    with pytest.raises(Refused, match="The route is wrong"):
        executor.gateways.push("main")
    assert desk.live() == before and desk.applied() == 1
    assert [each.result for each in executor.gateways.history("main")] == ["refused", "refused", "done"]


def test_a_value_that_is_missing_refuses(desk, executor):
    executor.gateways.push("main")
    secret_store(ID).delete("acme.main")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    with pytest.raises(Refused, match="not among the secrets"):
        executor.gateways.push("main")
    secret_store(ID).set("acme.main", "another value")
    with pytest.raises(Refused, match="not among the secrets"):
        executor.gateways.push("main")


@pytest.mark.parametrize("how", ["broken", "half", "lies"])
def test_a_push_that_fails_is_told_as_it_is(desk, executor, how):
    executor.gateways.push("main")
    before = desk.live()
    desk.break_(how, "500")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    with pytest.raises(Refused) as refused:
        executor.gateways.push("main")
    said = refused.value.problems[0].line()
    last = executor.gateways.history("main")[0]
    assert last.result == "failed" and last.problem.line() == said
    if how == "broken":
        assert desk.live() == before and "500" in said and "serves on" in said
    if how == "half":
        assert "something else than before" in said and executor.gateways.drift("main") != []
    if how == "lies":
        assert "api/orders@1" in said
    desk.mend(how)
    assert executor.gateways.push("main").result == "done"
    assert desk.live()["api/orders@1"]["upstream"]["targets"][0]["url"] == "http://b"


def test_rollback_makes_an_earlier_push_live_and_leaves_what_is_declared(desk, executor):
    executor.gateways.push("main")
    first = desk.live()
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    executor.gateways.push("main")
    second = desk.live()
    done = executor.gateways.rollback("main", by="ann")
    assert (done.result, done.number, done.problem) == ("rolled back", 3, None) and desk.live() == first
    assert [each.item for each in executor.gateways.plan("main").changes] == ["api/orders@1"]
    assert executor.gateways.drift("main") == []
    assert executor.gateways.rollback("main", 2).number == 4 and desk.live() == second
    entry = next(each for each in executor.audit.entries() if each.what == "gateway.rolled_back" and each.by == "ann")
    assert entry.data["to"] == 1
    with pytest.raises(Refused, match="No push 9"):
        executor.gateways.rollback("main", 9)


def test_nothing_to_roll_back_to(desk, executor):
    with pytest.raises(Refused, match="Nothing was pushed"):
        executor.gateways.rollback("main")
    executor.gateways.push("main")
    with pytest.raises(Refused, match="Nothing was pushed"):
        executor.gateways.rollback("main")


def test_a_rollback_brings_no_revoked_key_back(desk, executor):
    desk.consumer("acme", "k-acme-2", "second")
    executor.gateways.push("main")
    desk.consumer("acme", "k-acme-2", "second", state="revoked")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    executor.gateways.push("main")
    done = executor.gateways.rollback("main")
    assert json.loads((desk.state / "keys.json").read_text()) == {"acme/main": "k-acme-1"}
    assert "acme/second" in done.problem.line() and done.result == "rolled back"
    secret_store(ID).delete("acme.main")
    done = executor.gateways.rollback("main", 2)
    assert "acme/main" in done.problem.line() and json.loads((desk.state / "keys.json").read_text()) == {}


def test_without_that_guard_a_revoked_key_would_come_back(desk, executor, monkeypatch):
    from tisserand.service.gateways import here

    desk.consumer("acme", "k-acme-2", "second")
    executor.gateways.push("main")
    desk.consumer("acme", "k-acme-2", "second", state="revoked")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    executor.gateways.push("main")
    monkeypatch.setattr(here, "ended", lambda *_: frozenset())
    executor.gateways.rollback("main")
    assert json.loads((desk.state / "keys.json").read_text()) == {"acme/main": "k-acme-1", "acme/second": "k-acme-2"}


def test_no_value_of_a_secret_is_kept(desk, executor):
    executor.gateways.push("main")
    executor.close()
    import sqlite3
    import zlib

    db = sqlite3.connect(desk.root / ".tisserand" / "gateways.sqlite")
    (held,) = db.execute("SELECT held FROM pushes").fetchone()
    db.close()
    text = zlib.decompress(held).decode()
    assert "acme.main" in text and "k-acme-1" not in text
    for path in (desk.root / ".tisserand").glob("*.sqlite*"):
        assert b"k-acme-1" not in path.read_bytes()


def test_the_content_of_the_last_fifty_is_kept(desk, executor, monkeypatch):
    from tisserand.service.gateways import store

    monkeypatch.setattr(store, "KEPT", 3)
    for number in range(5):
        desk.api(upstream={"targets": [{"url": f"http://b{number}"}]})
        executor.gateways.push("main")
    kept = [executor.gateways.pushing.store.held("main", number) is not None for number in range(1, 6)]
    assert kept == [False, False, True, True, True] and len(executor.gateways.history("main")) == 5
    with pytest.raises(Refused, match="not kept any more"):
        executor.gateways.rollback("main", 1)


def test_one_push_at_a_time(desk, executor, monkeypatch):
    from tests.service.gateways.fake import FakeGateway

    inside, go, whole = threading.Event(), threading.Event(), FakeGateway.apply

    def slow(self, *args):
        inside.set()
        assert go.wait(20)
        return whole(self, *args)

    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    monkeypatch.setattr(FakeGateway, "apply", slow)
    results = []
    thread = threading.Thread(target=lambda: results.append(executor.gateways.push("main")))
    thread.start()
    assert inside.wait(20)
    with pytest.raises(Refused, match="under way"):
        executor.gateways.push("main")
    other = LocalExecutor(desk.root)
    with pytest.raises(Refused, match="under way"):
        other.gateways.push("main")
    other.gateways.follow()  # nor does what the executor does by itself come in between
    assert not (desk.state / "blocked.json").exists()
    assert executor.gateways.plan("main").changes and executor.gateways.history("main")[0].result == "begun"
    other.close()
    go.set()
    thread.join(20)
    assert results[0].result == "done" and len(executor.gateways.history("main")) == 2
    executor.gateways.follow()
    assert (desk.state / "blocked.json").exists()


PUSH = """
import os, signal, sys
from pathlib import Path
from tisserand.apis.gateways import kinds
kinds.ADAPTERS["fake"] = "tests.service.gateways.fake:FakeGateway"
from tisserand.service.gateways import store
from tisserand.service.local import LocalExecutor
executor = LocalExecutor(Path(sys.argv[1]))
gateways = executor.gateways
if sys.argv[2] == "wait":
    from tests.service.gateways.fake import FakeGateway
    import time
    FakeGateway.apply = lambda *_: (print("inside", flush=True), time.sleep(60))
gateways.pushing.store._on_write = lambda what: what == sys.argv[2] and os.kill(os.getpid(), signal.SIGKILL)
gateways.push("main", by="ann")
"""


def pushed_and_killed(desk, at):
    from pathlib import Path

    repo = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repo), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.run([sys.executable, "-c", PUSH, str(desk.root), at], env=env, capture_output=True, timeout=60)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


def test_killed_before_the_effect(desk, executor):
    executor.gateways.push("main")
    before = desk.live()
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    pushed_and_killed(desk, "push.begun")
    assert executor.gateways.history("main")[0].result == "begun"
    assert desk.live() == before
    assert executor.gateways.recover()
    last = executor.gateways.history("main")[0]
    assert last.result == "failed" and "push 1 is live" in last.problem.line()
    assert executor.gateways.push("main").number == 3 and desk.live() != before


def test_killed_after_the_effect(desk, executor, monkeypatch):
    """The push is live, but nobody wrote that down: what is live tells it."""
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    from tisserand.service.gateways.store import PushStore

    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://c"}]})
    whole = PushStore.settle

    def die(self, *_args, **_more):
        raise SystemExit  # what a kill leaves: the effect without its record

    monkeypatch.setattr(PushStore, "settle", die)
    with pytest.raises(SystemExit):
        executor.gateways.push("main")
    monkeypatch.setattr(PushStore, "settle", whole)
    assert executor.gateways.plan("main").changes == ()
    last = executor.gateways.history("main")[0]
    assert (last.number, last.result) == (2, "done") and "live already" in last.problem.line()


def test_killed_in_the_middle(desk, executor):
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    desk.break_("half")
    desk.break_("kill")
    pushed_and_killed(desk, "never")
    executor.gateways.recover()
    last = executor.gateways.history("main")[0]
    assert last.result == "failed" and "a part of it is live" in last.problem.line()
    desk.mend("half"), desk.mend("kill")
    assert executor.gateways.push("main").result == "done" and executor.gateways.drift("main") == []


def test_the_keys_of_tokens_are_pushed_when_they_change(desk, executor):
    keys = {"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}
    (desk.root / "keys.json").write_text(json.dumps(keys))
    desk.api(security=[{"kind": "jwt", "issuer": "https://id.example.org", "jwks": "keys.json"}])
    executor.gateways.push("main")
    assert executor.gateways.push("main").changes == 0
    keys["keys"][0]["kid"] = "b"
    (desk.root / "keys.json").write_text(json.dumps(keys))
    (change,) = executor.gateways.plan("main").changes
    assert change.item == "api/orders@1" and change.fields[0][0] == "security.0.jwks"
    assert executor.gateways.push("main").number == 2
    (desk.root / "keys.json").write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    with pytest.raises(Refused, match="only public keys"):
        executor.gateways.push("main")


def test_what_is_wrong_with_an_entry_is_said_all_at_once(desk, executor):
    desk.write("gateways.yaml", {"main": {"type": "fake", "settings": {"prot": 1, "atomic": "perhaps"}}, "x": {"type": "fakee"}})
    with pytest.raises(Refused) as refused:
        executor.gateways.plan("main")
    assert {each.place.field for each in refused.value.problems} == {"main.settings.prot", "main.settings.atomic"}
    assert {each.place.file for each in refused.value.problems} == {"gateways.yaml"}
    with pytest.raises(Refused, match="Did you mean “fake”"):
        executor.gateways.plan("x")
    with pytest.raises(Refused, match="There is no gateway"):
        executor.gateways.plan("y")
    assert [each.problem is not None for each in executor.gateways.list()] == [True, True]
    desk.write("gateways.yaml", {"main": {"type": "fake"}, "x": {"title": "No type"}})
    assert [(each.name, each.problem is None) for each in executor.gateways.list()] == [("main", True), ("x", False)]
    (desk.root / "gateways.yaml").write_text("main: [")
    with pytest.raises(Refused, match="not valid YAML"):
        executor.gateways.list()


def test_a_name_cannot_leave_its_folder(desk, executor):
    desk.write("gateways.yaml", {"../../out": {"type": "fake"}})
    with pytest.raises(Refused, match="cannot be the name"):
        executor.gateways.push("../../out")
    assert not (desk.root.parent / "out").exists()


def test_a_gateway_that_does_not_answer(desk, executor):
    executor.gateways.push("main")
    desk.break_("down")
    for ask in (executor.gateways.plan, executor.gateways.push, executor.gateways.drift):
        with pytest.raises(Refused, match="is down"):
            ask("main")
    assert executor.gateways.list()[0].alive is False


def test_a_gateway_that_tells_nothing_is_compared_with_what_was_pushed(desk, executor):
    desk.write("gateways.yaml", {"main": {"type": "fake", "settings": {"reads_back": False}}})
    executor.gateways.push("main")
    desk.edit_live("plan/gold", None)
    assert executor.gateways.push("main").changes == 0
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    assert executor.gateways.push("main").changes == 1
