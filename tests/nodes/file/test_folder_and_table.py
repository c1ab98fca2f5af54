"""Listing folders, and tables typed in the flow."""

from __future__ import annotations

import datetime
import decimal
import os

import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import run_reader
from tisserand_nodes.data.table import Table
from tisserand_nodes.file.list_folder import ListFolder


def test_files_of_a_folder(tmp_path):
    inside = tmp_path / "data" / "deep"
    inside.mkdir(parents=True)
    for path, text in ((tmp_path / "data/b.csv", "22"), (tmp_path / "data/a.csv", "1"), (inside / "c.csv", "333")):
        path.write_text(text)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    (tmp_path / "data/x.txt").write_text("")
    (tmp_path / "data/out.csv").symlink_to("/etc/passwd")
    got = run_reader(ListFolder, {"folder": "data", "pattern": "*.csv"}, tmp_path)
    when = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC)
    assert got.rows() == [
        {"path": "data/a.csv", "name": "a.csv", "folder": "data", "size": 1, "modified": when},
        {"path": "data/b.csv", "name": "b.csv", "folder": "data", "size": 2, "modified": when},
    ]
    assert len(got.logs) == 1 and got.logs[0][0] == "warning"
    deep = run_reader(ListFolder, {"folder": "data", "pattern": "*.csv", "recursive": True}, tmp_path)
    assert [row["path"] for row in deep.rows()] == ["data/a.csv", "data/b.csv", "data/deep/c.csv"]
    assert run_reader(ListFolder, {"folder": "data", "pattern": "*.q"}, tmp_path).rows() == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"folder": "dat"}, "no folder"),
        ({"folder": "file"}, "a folder is needed"),
        ({"folder": ".."}, "outside"),
        ({"folder": "data", "pattern": "../*"}, "may not lead out"),
    ],
)
def test_what_is_no_folder(tmp_path, config, sentence):
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NodeError, match=sentence):
        run_reader(ListFolder, config, tmp_path)


def test_a_table_in_the_flow(tmp_path):
    config = {
        "columns": {"n": "integer", "s": "text", "d": "date", "m": "decimal(10, 2)", "b": "boolean", "t": "timestamp"},
        "rows": [[1, "x", "2024-01-01", 1.25, True, "2024-01-01 10:00:00"], [None, 7, None, "", "false", None]],
    }
    assert run_reader(Table, config, tmp_path).rows() == [
        {
            "n": 1,
            "s": "x",
            "d": datetime.date(2024, 1, 1),
            "m": decimal.Decimal("1.25"),
            "b": True,
            "t": datetime.datetime(2024, 1, 1, 10),
        },
        {"n": None, "s": "7", "d": None, "m": None, "b": False, "t": None},
    ]
    assert run_reader(Table, {"columns": {"a": "text"}}, tmp_path).rows() == []


@pytest.mark.parametrize(
    ("columns", "rows", "sentence"),
    [
        ({}, [], "no columns"),
        ({"a": "wibble"}, [], "not a type"),
        ({"a": "text", "A": "text"}, [], "stands there twice"),
        ({"a": "integer"}, [[1, 2]], "Row 1 has 2 values for 1 columns"),
        ({"a": "integer"}, [[1], [1.5]], "Row 2: “1.5” in column “a” cannot be read as int64"),
        ({"a": "date"}, [["31/12/2024"]], "Row 1: “31/12/2024”"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path, columns, rows, sentence):
    with pytest.raises(NodeError, match=sentence):
        run_reader(Table, {"columns": columns, "rows": rows}, tmp_path)
