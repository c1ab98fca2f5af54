"""One request per row: in order though several at a time, refused rows apart, values encoded, keys that stay."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import run_step
from tisserand_nodes.http.call import HttpCall
from tisserand_nodes.http.connection import Http


def test_answers_stay_with_their_rows_and_failures_go_apart(web: Any) -> None:
    table = pa.table({"id": list(range(1, 61))})
    found = run_step(
        HttpCall, {"connection": "api", "url": "person/{id}", "parallel": 8}, table, connections={"api": Http(base_url=web.url)}
    )
    assert [row["id"] for row in found.rows()] == [n for n in range(1, 61) if n != 4]
    assert all(json.loads(row["response"]) == {"id": row["id"]} and row["status"] == 200 for row in found.rows())
    (reject,) = found.rejects
    assert (reject.row, reject.place) == ({"id": 4}, "row 4") and "status 404" in reject.error
    keys = {asked.path: asked.headers["idempotency-key"] for asked in web.asked}
    assert keys["/person/7"] == "run-1/node/7" and len(set(keys.values())) == 60


def test_failures_may_be_kept(web: Any) -> None:
    found = run_step(HttpCall, {"url": web.url + "/person/{id}", "failed": "keep"}, pa.table({"id": [3, 4]}))
    assert [row["status"] for row in found.rows()] == [200, 404]


@pytest.mark.parametrize("value", ["../admin", "a/b", "x?y=1", "é #%41", "a&b"])
def test_values_are_encoded_in_urls(web: Any, value: str) -> None:
    raw = {
        "url": web.url + "/echo/{v}",
        "query": {"q": "{v}"},
        "method": "POST",
        "body": {"v": "{v}", "text": "is {v}", "n": "{n}"},
    }
    found = run_step(HttpCall, raw, pa.table({"v": [value], "n": [7]}))
    said = json.loads(found.rows()[0]["response"])
    assert said["path"] == value and said["q"] == {"q": value} and "/" not in said["raw"]
    assert json.loads(said["body"]) == {"v": value, "text": f"is {value}", "n": 7}


def test_a_value_that_leads_upwards_is_rejected(web: Any) -> None:
    found = run_step(HttpCall, {"url": web.url + "/echo/{v}"}, pa.table({"v": ["..", ".", None, "ok"]}))
    assert [row["v"] for row in found.rows()] == ["ok"]
    assert len(found.rejects) == 3 and len(web.asked) == 1


def test_unknown_columns_are_found_before_the_run() -> None:
    with pytest.raises(NodeError, match="no column “nr”"):
        run_step(HttpCall, {"url": "http://h/{nr}"}, pa.table({"id": [1]}))
    with pytest.raises(NodeError, match="a column “status” already"):
        run_step(HttpCall, {"url": "http://h/"}, pa.table({"status": [1]}))


def test_a_server_that_is_away_rejects_the_row() -> None:
    found = run_step(HttpCall, {"url": "http://127.0.0.1:1/", "attempts": 1}, pa.table({"id": [1]}))
    assert found["table"].num_rows == 0 and "cannot be reached" in found.rejects[0].error


def test_a_redirect_does_not_carry_a_body_to_another_host(web: Any, other_web: Any) -> None:
    web.elsewhere = other_web.url + "/echo/x"
    found = run_step(HttpCall, {"url": web.url + "/away307", "method": "POST", "body": {"a": "{id}"}}, pa.table({"id": [1]}))
    assert "another host" in found.rejects[0].error and not other_web.asked
