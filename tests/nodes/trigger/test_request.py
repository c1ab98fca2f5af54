"""Request and Reply by themselves: the columns of an event, what a run by hand gets, and settings that no server could keep."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tisserand.engine.values import typed
from tisserand.model.schema import Schema
from tisserand_nodes.flow.reply import Reply, ReplyConfig
from tisserand_nodes.trigger.request import Request, RequestConfig


def config(**fields: Any) -> RequestConfig:
    return RequestConfig.model_validate(fields)


def test_each_value_is_a_column_under_its_name() -> None:
    made = config(
        method="POST",
        path="/orders/{id}",
        parameters=[{"name": "id", "place": "path", "type": "integer"}, {"name": "X-Trace-Id", "place": "header"}],
        body=[{"column": "amount", "type": "decimal(10, 2)", "path": "order.amount"}],
    )
    assert Request().event(made).types() == {
        "received_at": "timestamp(6)", "consumer": "string", "id": "int64", "x_trace_id": "string", "amount": "decimal(10, 2)",
    }  # fmt: skip
    assert list(Request().check(made, {})) == []
    assert made.body[0].steps == ("order", "amount")


def test_a_run_by_hand_gets_the_examples_and_else_the_defaults() -> None:
    made = config(
        method="POST",
        parameters=[{"name": "a", "default": 1, "type": "int64"}, {"name": "b", "default": 1, "example": 2, "type": "int64"}],
        body=[{"column": "day", "type": "date", "example": dt.date(2026, 1, 31)}, {"column": "none"}],
    )
    [row] = Request().sample(made)
    assert typed([row], Request().event(made)) == [
        {"received_at": None, "consumer": None, "a": 1, "b": 2, "day": dt.date(2026, 1, 31), "none": None}
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"path": "/a//b"}, "path"),
        ({"path": "/{a}/{a}", "parameters": [{"name": "a", "place": "path"}]}, "path"),
        ({"path": "/.tisserand/health"}, "path"),
        ({"path": "/openapi.json"}, "path"),
        ({"path": "/a", "parameters": [{"name": "a", "place": "path"}]}, "parameters.0.name"),
        ({"parameters": [{"name": "received_at"}]}, "parameters.0.column"),
        ({"parameters": [{"name": "j", "type": "json"}]}, "parameters.0.type"),
        ({"method": "DELETE", "body": [{"column": "x"}]}, "body"),
        ({"method": "POST", "array": True}, "array"),
    ],
)
def test_what_cannot_be_asked_for(fields: dict[str, Any], field: str) -> None:
    assert field in {getattr(error, "field", None) for error in Request().check(config(**fields), {})}


def test_headers_of_a_reply_split_no_answer() -> None:
    for headers in ({"X-A": "a\r\nSet-Cookie: b"}, {"X A": "a"}, {"Content-Length": "1"}, {"X-A": "é"}):
        assert list(Reply().check(ReplyConfig(headers=headers), {"table": Schema()}))
    assert not list(Reply().check(ReplyConfig(headers={"Cache-Control": "max-age=60"}), {"table": Schema()}))
