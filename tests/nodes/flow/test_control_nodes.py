"""Control nodes decide what their settings say: branches, loops, sub-flows, waits, failures, logs; and the doors of sub-flows."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tisserand.model.schema import Schema
from tisserand.sdk import NodeError, msg
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import LoneContext, config_of, listen, run_control, run_reader, run_writer
from tisserand_nodes.flow.branch import Branch
from tisserand_nodes.flow.call import Call
from tisserand_nodes.flow.fail import Fail
from tisserand_nodes.flow.for_each import ForEach
from tisserand_nodes.flow.input import Input
from tisserand_nodes.flow.log import Log
from tisserand_nodes.flow.output import Output
from tisserand_nodes.flow.wait import Wait
from tisserand_nodes.trigger.manual import Manual

ROWS = pa.table({"name": ["a", "b", None], "size": [1, 20, 3]})
SCHEMA = Schema.of({"name": "string", "size": "int64"})


@pytest.mark.parametrize(
    ("condition", "about", "way"),
    [
        ("count() > 2", "rows", "then"),
        ("sum(size) < 3", "rows", "otherwise"),
        ("max(name) > NULL", "rows", "otherwise"),
        ("$month = 5", "parameters", "then"),
        ("$month > 5", "parameters", "otherwise"),
    ],
)
def test_branch_takes_one_way_with_all_rows(condition: str, about: str, way: str) -> None:
    result = run_control(Branch, {"condition": condition, "about": about}, tables={"table": ROWS}, parameters={"month": 5})
    assert result.outcome is not None
    assert result.outcome.taken == {way}
    assert result.outcome.passes == {way: "table"}


def test_branch_without_rows_hands_nothing_on() -> None:
    result = run_control(Branch, {"condition": "1 = 1"})
    assert result.outcome is not None
    assert (result.outcome.taken, result.outcome.passes) == ({"then"}, {})


def test_a_condition_is_checked_before_the_run() -> None:
    def said(config: dict[str, Any], schemas: dict[str, Schema]) -> list[str]:
        return [str(error) for error in Branch().check(config_of(Branch, config, {"month": 5}), schemas)]

    assert said({"condition": "count() > 1", "about": "rows"}, {"table": SCHEMA}) == []
    assert said({"condition": "$month > 1"}, {}) == []
    assert "nothing is connected" in said({"condition": "count() > 1", "about": "rows"}, {})[0]
    assert "siz" in said({"condition": "sum(siz) > 1", "about": "rows"}, {"table": SCHEMA})[0]
    assert "not true or false" in said({"condition": "$month + 1"}, {})[0]


def test_fail_stops_with_its_message_or_lets_rows_pass() -> None:
    with pytest.raises(NodeError, match="Nothing for May"):
        run_control(Fail, {"message": "Nothing for {{ month }}"}, parameters={"month": "May"})
    with pytest.raises(NodeError, match=r"too \{many\}"):
        run_control(Fail, {"message": "too {many}", "when": "count() > 2"}, tables={"table": ROWS})
    result = run_control(Fail, {"message": "none", "when": "count() = 0"}, tables={"table": ROWS})
    assert result.outcome is not None
    assert result.outcome.passes == {"table": "table"}


def test_log_writes_the_message_and_the_first_rows() -> None:
    result = run_control(Log, {"message": "Seen {x}", "rows": 2}, tables={"table": ROWS})
    assert [str(message) for _, message in result.logs] == ["Seen {x}", "Row 1: name=a, size=1", "Row 2: name=b, size=20"]
    assert result.outcome is not None
    assert result.outcome.passes == {"table": "table"}
    quiet = run_control(Log, {"rows": 0}, tables={"table": ROWS})
    assert quiet.logs == []
    long = run_control(Log, {}, tables={"table": pa.table({"t": ["x" * 5000, None]})})
    assert [len(str(message)) < 250 for _, message in long.logs] == [True, True]
    assert run_control(Log, {"message": "alone"}).outcome is not None


def test_wait_sleeps_for_a_while_or_until_a_moment(tmp_path: Path) -> None:
    def slept(config: dict[str, Any], **parameters: Any) -> list[float]:
        ctx = LoneContext(tmp_path, parameters=parameters)
        Wait().run(ctx, config_of(Wait, config, parameters))
        return [round((wait.until or 0.0) - begun) for wait in ctx.waited]

    begun = time.time()
    assert slept({"duration": "5min"}) == [300]
    soon = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=1)
    (seconds,) = slept({"until": "$moment"}, moment=soon)
    assert 3500 < seconds <= 3600
    assert slept({"until": "$moment"}, moment=dt.datetime(2020, 1, 1)) == []
    with pytest.raises(NodeError, match="not a moment"):
        slept({"until": "'soon'"})
    node = registry().get("flow.wait")
    assert node is not None
    for config in ({}, {"duration": "1s", "until": "$x"}):
        assert "Give a duration or a moment" in node.check_config(config, {})[0].line()
    assert node.check_config({"duration": "1s"}, {}) == []
    assert node.check_config({"until": "$x"}, {"x": soon}) == []


def called(outputs: dict[str, Path] | None = None, state: str = "done") -> tuple[list[Any], Any]:
    seen: list[Any] = []

    def flow(**given: Any) -> dict[str, Any]:
        seen.append(given)
        return {
            "run": f"r{len(seen)}",
            "state": state,
            "error": msg("no luck") if state == "failed" else None,
            "outputs": outputs or {},
        }

    return seen, flow


def test_call_hands_over_parameters_and_rows_and_takes_the_result(tmp_path: Path) -> None:
    seen, flow = called({"table": tmp_path / "x.parquet"})
    config = {"flow": "other", "parameters": {"month": "$m + 1", "country": "'FR'"}}
    result = run_control(Call, config, tables={"table": ROWS}, flows={"other": flow}, parameters={"m": 4})
    assert seen == [{"parameters": {"month": 5, "country": "FR"}, "inputs": {"table": "table"}, "label": "call"}]
    assert result.outcome is not None
    assert result.outcome.passes == {"table": tmp_path / "x.parquet"}
    with pytest.raises(NodeError, match="no output “wat”"):
        run_control(Call, {"flow": "other", "output": "wat"}, flows={"other": flow})
    with pytest.raises(NodeError, match=r"The flow “other” failed \(run r1\): no luck"):
        run_control(Call, {"flow": "other"}, flows={"other": called(state="failed")[1]})
    with pytest.raises(NodeError) as caught:
        run_control(Call, {"flow": "other", "parameters": {"x": "$nope"}}, flows={"other": flow})
    assert caught.value.field == "parameters.x"


def test_for_each_runs_the_flow_for_every_row_and_tells_what_became_of_it(tmp_path: Path) -> None:
    seen: list[Any] = []

    def flow(parameters: dict[str, Any], inputs: dict[str, str], label: str) -> dict[str, Any]:
        seen.append((parameters, inputs, label))
        failed = parameters["twice"] > 10
        return {
            "run": f"r{label}",
            "state": "failed" if failed else "done",
            "error": msg("too big") if failed else None,
            "outputs": {},
        }

    config = {"flow": "f", "parameters": {"twice": "size * 2", "who": "coalesce(name, $nobody)"}, "on_error": "continue"}
    ctx = LoneContext(tmp_path, inputs={"items": ROWS}, flows={"f": flow}, parameters={"nobody": "–"})
    outcome = ForEach().run(ctx, config_of(ForEach, config, ctx.parameters))
    assert seen == [
        ({"twice": 2, "who": "a"}, {}, "1"),
        ({"twice": 40, "who": "b"}, {}, "2"),
        ({"twice": 6, "who": "–"}, {}, "3"),
    ]
    told = {port: pq.read_table(path).to_pylist() for port, path in outcome.passes.items() if isinstance(path, Path)}
    assert told == {
        "results": [
            {"name": "a", "size": 1, "run": "r1", "state": "done", "error": None},
            {"name": None, "size": 3, "run": "r3", "state": "done", "error": None},
        ],
        "failed": [{"name": "b", "size": 20, "run": "r2", "state": "failed", "error": "too big"}],
    }
    declared = ForEach().output(config_of(ForEach, config), {"items": SCHEMA})
    assert declared["failed"] == Schema.of(
        {"name": "string", "size": "int64", "run": "string", "state": "string", "error": "string"}
    )
    seen.clear()
    with pytest.raises(NodeError) as caught:
        run_control(
            ForEach, {**config, "on_error": "stop"}, tables={"items": ROWS}, flows={"f": flow}, parameters={"nobody": "–"}
        )
    assert (caught.value.row, len(seen)) == (2, 2)


def test_for_each_keeps_columns_that_are_named_like_its_own(tmp_path: Path) -> None:
    items = pa.table({"run": [1], "State": ["x"]})
    ctx = LoneContext(tmp_path, inputs={"items": items}, flows={"f": called()[1]})
    outcome = ForEach().run(ctx, config_of(ForEach, {"flow": "f"}))
    path = outcome.passes["results"]
    assert isinstance(path, Path)
    assert pq.read_table(path).to_pylist() == [{"run": 1, "State": "x", "run_2": "r1", "state_2": "done", "error": None}]
    empty = LoneContext(tmp_path, inputs={"items": items.slice(0, 0)})
    assert all(not isinstance(path, Path) or pq.read_metadata(path).num_rows == 0 for path in ForEach().run(empty, config_of(ForEach, {"flow": "f"})).passes.values())  # fmt: skip


def test_for_each_formulas_reach_no_files(tmp_path: Path) -> None:
    config = config_of(ForEach, {"flow": "f", "parameters": {"x": "nope", "y": "size"}})
    (problem,) = ForEach().check(config, {"items": SCHEMA})
    assert isinstance(problem, NodeError)
    assert problem.field == "parameters.x"


def test_input_gives_its_sample_rows_when_run_alone(tmp_path: Path) -> None:
    columns = {"id": "integer", "day": "date", "price": "decimal(10, 2)", "tags": "array<string>", "ok": "boolean"}
    sample = [[1, "2024-01-02", "1.50", ["a"], True], [None, None, None, None, None]]
    result = run_reader(Input, {"columns": columns, "rows": sample}, tmp_path)
    assert [str(type) for type in result["rows"].schema.types] == [
        "int64",
        "date32[day]",
        "decimal128(10, 2)",
        "list<item: string>",
        "bool",
    ]
    assert [str(value) for value in result.rows()[0].values()] == ["1", "2024-01-02", "1.50", "['a']", "True"]
    assert run_reader(Input, {"columns": columns}, tmp_path)["rows"].num_rows == 0
    with pytest.raises(NodeError, match="do not fit the column “id”"):
        run_reader(Input, {"columns": {"id": "integer"}, "rows": [["x"]]}, tmp_path)
    with pytest.raises(NodeError, match="2 values for 1 columns"):
        run_reader(Input, {"columns": {"id": "integer"}, "rows": [[1, 2]]}, tmp_path)


def test_output_counts_what_it_hands_over(tmp_path: Path) -> None:
    result = run_writer(Output, {"name": "big"}, ROWS, tmp_path)
    assert result.rows("result")[0]["rows"] == 3
    assert (Input.door, Output.door) == ("input", "output")


def test_manual_start_declares_its_event(tmp_path: Path) -> None:
    event = Manual().event(config_of(Manual, {}))
    assert event.names == ("started_at", "by", "parameters")
    assert listen(Manual, {}, tmp_path, 1) == []
