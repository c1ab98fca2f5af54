"""Writing CSV, JSON and Parquet: what Python's csv and json, pandas and pyarrow then read."""

from __future__ import annotations

import csv
import datetime
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import plan_writer, run_reader, run_writer
from tisserand_nodes.file.read_parquet import ReadParquet
from tisserand_nodes.file.write_csv import WriteCsv
from tisserand_nodes.file.write_json import WriteJson
from tisserand_nodes.file.write_parquet import WriteParquet

TABLE = pa.table(
    {
        "id": pa.array([1, 2, None], pa.int64()),
        "name": ["Zoé, the 1st", 'say "hi"\nnow', None],
        "x": [1.5, -2.25, None],
        "day": [datetime.date(2024, 12, 31), None, None],
    }
)
WRITERS = [(WriteCsv, "t.csv"), (WriteJson, "t.json"), (WriteParquet, "t.parquet")]


@pytest.mark.parametrize("native", [True, False])
def test_csv(tmp_path, native):
    got = run_writer(WriteCsv, {"path": "out/t.csv"}, TABLE, tmp_path, native=native)
    with (tmp_path / "out/t.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [
            ["id", "name", "x", "day"],
            ["1", "Zoé, the 1st", "1.5", "2024-12-31"],
            ["2", 'say "hi"\nnow', "-2.25", ""],
            ["", "", "", ""],
        ]
    assert got.rows() == [{"rows": 3, "bytes": (tmp_path / "out/t.csv").stat().st_size, "where": "out/t.csv", "seconds": 0.0}]


def test_csv_for_excel(tmp_path):
    config = {
        "path": "t.csv",
        "delimiter": "semicolon",
        "decimal": ",",
        "encoding": "utf-8-sig",
        "dates": "%d/%m/%Y",
        "quote_all": True,
    }
    run_writer(WriteCsv, config, TABLE.slice(0, 1), tmp_path)
    assert (tmp_path / "t.csv").read_bytes() == (
        b'\xef\xbb\xbf"id";"name";"x";"day"\n"1";"Zo\xc3\xa9, the 1st";"1,5";"31/12/2024"\n'
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_append(tmp_path, encoding):
    table = TABLE.slice(0, 2)
    for _ in range(2):
        run_writer(WriteCsv, {"path": "t.csv", "mode": "append", "encoding": encoding}, table, tmp_path)
    text = (tmp_path / "t.csv").read_bytes().decode(encoding)
    one = [["1", "Zoé, the 1st", "1.5", "2024-12-31"], ["2", 'say "hi"\nnow', "-2.25", ""]]
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["id", "name", "x", "day"], *one, *one]
    with pytest.raises(NodeError, match="cannot be appended"):
        run_writer(WriteCsv, {"path": "t.csv", "mode": "append", "encoding": encoding}, table.select(["id"]), tmp_path)


def test_csv_append_after_a_last_line_without_newline(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1")
    run_writer(WriteCsv, {"path": "t.csv", "mode": "append"}, pa.table({"a": [2]}), tmp_path)
    assert (tmp_path / "t.csv").read_text() == "a\n1\n2\n"


def test_csv_character_outside_the_encoding(tmp_path):
    (tmp_path / "t.csv").write_text("old")
    with pytest.raises(NodeError, match="“日” in line 3 cannot be written as cp1252"):
        run_writer(WriteCsv, {"path": "t.csv", "encoding": "cp1252"}, pa.table({"a": ["x", "日"]}), tmp_path)
    assert (tmp_path / "t.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("native", [True, False])
def test_json_lines_and_array(tmp_path, native):
    table = pa.table({"a": [1, None], "deep": [{"x": [1, 2]}, {"x": []}]})
    wanted = [{"a": 1, "deep": {"x": [1, 2]}}, {"a": None, "deep": {"x": []}}]
    run_writer(WriteJson, {"path": "t.jsonl"}, table, tmp_path, native=native)
    assert [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()] == wanted
    run_writer(WriteJson, {"path": "t.json", "format": "array"}, table, tmp_path, native=native)
    assert json.loads((tmp_path / "t.json").read_text()) == wanted
    run_writer(WriteJson, {"path": "t.jsonl", "mode": "append"}, table, tmp_path)
    assert [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()] == wanted * 2
    with pytest.raises(NodeError, match="holds one array"):
        run_writer(WriteJson, {"path": "t.json", "mode": "append"}, table, tmp_path)
    with pytest.raises(NodeError, match="cannot be appended to one array"):
        run_writer(WriteJson, {"path": "t.json", "mode": "append", "format": "array"}, table, tmp_path)


@pytest.mark.parametrize("native", [True, False])
def test_parquet_both_ways(tmp_path, native):
    run_writer(WriteParquet, {"path": "t.parquet"}, TABLE, tmp_path, native=native)
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == TABLE.to_pylist()
    assert pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    pd.DataFrame({"a": [1, 2], "s": ["x", None]}).to_parquet(tmp_path / "p.parquet")
    got = run_reader(ReadParquet, {"path": "p.parquet"}, tmp_path, native=native)
    assert got.rows() == [{"a": 1, "s": "x"}, {"a": 2, "s": None}]
    assert got.found.rows == 2


def test_what_is_no_parquet(tmp_path):
    pq.write_table(pa.table({"a": list(range(10_000))}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    broken = whole[:-200] + b"\xff" * 192 + whole[-8:]
    for data, sentence in (
        (whole[: len(whole) // 2], "was cut off"),
        (b"a,b\n1,2\n" * 10, "is not a Parquet file"),
        (b"", "is empty"),
        (b"PAR1PAR1", "was cut off"),
        (broken, "t.parquet"),
    ):
        (tmp_path / "t.parquet").write_bytes(data)
        with pytest.raises(NodeError, match=sentence):
            run_reader(ReadParquet, {"path": "t.parquet"}, tmp_path)
    pq.write_table(pa.table({"b": ["x"]}), tmp_path / "whole2.parquet")
    with pytest.raises(NodeError, match="different columns"):
        run_reader(ReadParquet, {"path": "whole*.parquet"}, tmp_path)


@pytest.mark.parametrize(("writer", "name"), WRITERS)
def test_plan_says_what_would_change_and_touches_nothing(tmp_path, writer, name):
    effect = plan_writer(writer, {"path": name}, TABLE, tmp_path)
    assert (effect.insert, effect.delete, effect.unchanged) == (3, 0, 0)
    assert not list(tmp_path.iterdir())
    run_writer(writer, {"path": name}, TABLE, tmp_path)
    same = plan_writer(writer, {"path": name}, TABLE, tmp_path)
    assert (same.insert, same.delete, same.unchanged) == (0, 0, 3)
    before = (tmp_path / name).read_bytes()
    other = plan_writer(writer, {"path": name}, TABLE.slice(0, 1), tmp_path)
    assert (other.insert, other.delete, other.unchanged) == (1, 3, 0)
    assert other.samples["insert"][0]["id"] == 1
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("writer", "name"), WRITERS)
def test_create_refuses_an_existing_file(tmp_path, writer, name, native):
    run_writer(writer, {"path": name, "mode": "create"}, TABLE, tmp_path, native=native)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(NodeError, match="exists already"):
        run_writer(writer, {"path": name, "mode": "create"}, TABLE.slice(1), tmp_path, native=native)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(("writer", "name"), WRITERS)
def test_an_empty_table_and_places_that_cannot_be(tmp_path, writer, name):
    run_writer(writer, {"path": name}, TABLE.slice(0, 0), tmp_path, native=False)
    assert (tmp_path / name).exists()
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("")
    for path, sentence in (("folder", "is a folder"), ("../x", "outside"), ("plain/x.csv", "where a folder is needed")):
        with pytest.raises(NodeError, match=sentence):
            run_writer(writer, {"path": path}, TABLE, tmp_path)
