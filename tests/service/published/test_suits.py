"""Whether a flow can answer requests, and how: what it lacks, and what is too slow to wait for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.service.published.conftest import workspace

from tisserand.engine.journal import RunRecord
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.service.published.calls import Suitability

HEAD = "tisserand: 1\nid: made\nnodes:\n"
ASKED = "  asked: {kind: trigger.request, config: {path: /a}}\n"
REPLY = "  reply: {kind: flow.reply, inputs: {table: asked}}\n"


@pytest.fixture
def executor(tmp_path: Path):
    made = LocalExecutor(workspace(tmp_path))
    yield made
    made.close()


def looked(executor: LocalExecutor, text: str) -> Suitability:
    (executor.root / "flows" / "made.yaml").write_text(HEAD + text)
    return executor.published.suits("made")


def codes(found: Suitability, severity: str = "error") -> set[str]:
    return {problem.code for problem in found.problems if problem.severity == severity}


def test_a_flow_of_single_rows_suits_as_it_is(executor: LocalExecutor) -> None:
    found = executor.published.suits("flows/price.yaml")
    assert (found.problems, found.mode, found.rowwise) == ((), "sync", True)
    [operation] = found.operations
    assert (operation["node"], operation["method"], operation["path"]) == ("asked", "POST", "/price")
    assert [each["column"] for each in operation["parameters"]] == ["x_tenant"]
    assert [each["column"] for each in operation["body"]] == ["order_id", "quantity", "unit_price", "country"]
    assert [each["name"] for each in operation["reply"]] == ["order_id", "country", "gross", "discount", "tax", "total"]
    assert Suitability.from_json(found.to_json()) == found
    lookup = executor.published.suits("lookup")
    assert (codes(lookup), lookup.mode, lookup.rowwise) == (set(), "sync", False)


def test_what_a_flow_lacks(executor: LocalExecutor) -> None:
    assert codes(looked(executor, "  n: {kind: data.table, config: {columns: {a: integer}}}\n")) == {
        "published.no_request", "published.no_reply",
    }  # fmt: skip
    assert codes(looked(executor, ASKED)) == {"published.no_reply"}
    apart = "  n: {kind: data.table, config: {columns: {a: integer}}}\n  reply: {kind: flow.reply, inputs: {table: n}}\n"
    assert codes(looked(executor, ASKED + apart)) == {"published.no_reply", "published.no_request"}
    twice = ASKED + REPLY + ASKED.replace("asked", "second") + REPLY.replace("reply:", "third:").replace("asked", "second")
    assert codes(looked(executor, twice)) == {"published.twice"}
    both = ASKED + ASKED.replace("asked", "second").replace("/a", "/b")
    both += "  all: {kind: table.union, inputs: {tables: [asked, second]}}\n  reply: {kind: flow.reply, inputs: {table: all}}\n"
    assert codes(looked(executor, both)) == {"published.requests"}
    several = ASKED + REPLY + REPLY.replace("reply:", "other:")
    assert codes(looked(executor, several)) == {"published.replies"}
    asks = "parameters: {region: {type: text, required: true}}\n" + HEAD + ASKED + REPLY
    (executor.root / "flows" / "made.yaml").write_text(
        asks.replace("tisserand: 1\nid: made\n", "", 1).replace("parameters", "tisserand: 1\nid: made\nparameters", 1)
    )
    assert codes(executor.published.suits("made")) == {"published.parameter"}


def test_what_is_wrong_with_the_settings_of_a_request(executor: LocalExecutor) -> None:
    for config in (
        "{path: '/a/{id}'}",
        "{path: /a, parameters: [{name: id, place: path}]}",
        "{path: /jobs/x}",
        "{path: /a b}",
        "{path: /a, parameters: [{name: x}, {name: X}]}",
        "{path: /a, parameters: [{name: consumer}]}",
        "{path: /a, parameters: [{name: 'a b', place: header}]}",
        "{path: /a, parameters: [{name: x, type: array<string>}]}",
        "{path: /a, body: [{column: x}]}",
        "{path: /a, method: POST, array: true}",
    ):
        found = looked(executor, f"  asked: {{kind: trigger.request, config: {config}}}\n" + REPLY)
        assert [problem.place.node for problem in found.problems if problem.severity == "error"][:1] == ["asked"], config


def test_what_is_too_slow_to_wait_for(executor: LocalExecutor) -> None:
    writes = executor.published.suits("writes")
    assert (codes(writes), codes(writes, "warning"), writes.mode) == (set(), {"published.effects"}, "async")
    assert writes.operations[0]["way"] == "run" and not writes.rowwise
    waits = (
        ASKED
        + "  wait: {kind: flow.wait, inputs: {table: asked}, config: {duration: 60s}}\n"
        + REPLY.replace(": asked", ": wait")
    )
    assert looked(executor, waits).mode == "async"
    plain = looked(executor, ASKED + REPLY)
    assert plain.mode == "sync"
    now = time.time()
    for number, seconds in enumerate((60.0, 4.0, 70.0)):
        run = f"20260101-00000{number}-aaaa"
        executor.journal.create_run(RunRecord(run, "made", created=now))
        with executor.journal.writing() as db:
            db.execute("UPDATE runs SET state = 'done', started = ?, finished = ? WHERE id = ?", (now, now + seconds, run))
    slow = executor.published.suits("made")
    assert codes(slow, "warning") == {"published.slow"} and slow.mode == "async"
    assert "60.0" in next(problem.message.text("en") for problem in slow.problems)


def test_what_is_no_flow(executor: LocalExecutor) -> None:
    for name in ("nothing", "../x.yaml", "/etc/passwd.yaml", "flows/none.yaml"):
        with pytest.raises(Refused):
            executor.published.suits(name)
