"""Excel both ways, against openpyxl: types over whole columns, merged and error cells, broken and locked workbooks."""

from __future__ import annotations

import datetime
import decimal

import openpyxl
import pyarrow as pa
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import columns, plan_writer, run_reader, run_writer
from tisserand_nodes.file import write_excel
from tisserand_nodes.file.read_excel import ReadExcel
from tisserand_nodes.file.write_excel import WriteExcel

MIDNIGHT = datetime.datetime(2024, 1, 1)


@pytest.fixture
def book(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Data"
    sheet.append(["x", "id", "day", "n", "err", "b", "mix"])
    sheet.append(["m", 1, MIDNIGHT, 1.5, "#DIV/0!", True, 1])
    sheet.append([None, 2, MIDNIGHT, 2, None, False, "two"])
    sheet["E2"].data_type = "e"
    sheet.merge_cells("A2:A3")
    workbook.create_sheet("Empty")
    workbook.save(tmp_path / "t.xlsx")
    return tmp_path


def read(folder, **config):
    return run_reader(ReadExcel, {"path": "t.xlsx", **config}, folder)


def test_types_are_settled_over_whole_columns(book):
    got = read(book)
    assert columns(got.found.schema) == {
        "x": "string",
        "id": "int64",
        "day": "date",
        "n": "float64",
        "err": "string",
        "b": "boolean",
        "mix": "string",
    }
    day = datetime.date(2024, 1, 1)
    assert got.rows() == [
        {"x": "m", "id": 1, "day": day, "n": 1.5, "err": None, "b": True, "mix": "1"},
        {"x": None, "id": 2, "day": day, "n": 2.0, "err": None, "b": False, "mix": "two"},
    ]
    assert got.found.detected["mixed_columns"] == ["mix"]
    assert got.found.rows == 2


def test_merged_cells_range_and_text(book):
    assert [row["x"] for row in read(book, merged="fill").rows()] == ["m", "m"]
    assert read(book, range="B1:C2").rows() == [{"id": 1, "day": datetime.date(2024, 1, 1)}]
    assert read(book, range="B2:B3", header=False).rows() == [{"column1": 1}, {"column1": 2}]
    assert read(book, types="text", range="B:D").rows()[0] == {"id": "1", "day": "2024-01-01", "n": "1.5"}
    assert read(book, sheet="1", range="B:B").rows() == [{"id": 1}, {"id": 2}]


def test_title_above_the_header(tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["Report"], [], ["a", "a"], [1, 2]):
        workbook.active.append(row)
    workbook.save(tmp_path / "t.xlsx")
    assert read(tmp_path, header_row=3).rows() == [{"a": 1, "a_2": 2}]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"sheet": "Empty"}, "is empty"),
        ({"sheet": "No"}, "Sheets: Data, Empty"),
        ({"range": "zz9z"}, "not a range"),
        ({"columns": {"n": "integer"}}, "row 2: “1.5” in column “n”"),
        ({"columns": {"id": "date"}}, "cannot be read as date"),
        ({"columns": {"q": "text"}}, "no column “q”"),
    ],
)
def test_what_does_not_fit(book, config, sentence):
    with pytest.raises(NodeError) as caught:
        read(book, **config)
    assert sentence in str(caught.value)


def test_what_is_no_workbook(book):
    whole = (book / "t.xlsx").read_bytes()
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    for data, sentence in (
        (b"", "is empty"),
        (b"a,b\n1,2\n", "not an Excel workbook"),
        (whole[:2000], "no readable workbook"),
        (ole + b"\0" * 2000 + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ):
        (book / "t.xlsx").write_bytes(data)
        with pytest.raises(NodeError, match=sentence):
            read(book)


def test_writing_is_what_openpyxl_reads(tmp_path):
    table = pa.table(
        {
            "n": pa.array([1, 2**60, None], pa.int64()),
            "s": ["=1+1", "http://example.org", None],
            "d": pa.array([datetime.date(2024, 1, 31), datetime.date(1800, 1, 1), None]),
            "t": pa.array([datetime.datetime(2024, 1, 31, 10, 30)] * 3, pa.timestamp("us")),
            "m": [decimal.Decimal("1.25")] * 3,
            "deep": [{"x": [1]}] * 3,
            "f": [1.5, float("nan"), 2.0],
            "b": [True, False, None],
        }
    )
    got = run_writer(WriteExcel, {"path": "out/t.xlsx", "sheet": "Rows", "filters": True}, table, tmp_path)
    assert got.rows()[0]["rows"] == 3
    sheet = openpyxl.load_workbook(tmp_path / "out/t.xlsx")["Rows"]
    moment = datetime.datetime(2024, 1, 31, 10, 30)
    assert list(sheet.values) == [
        ("n", "s", "d", "t", "m", "deep", "f", "b"),
        (1, "=1+1", datetime.datetime(2024, 1, 31), moment, 1.25, '{"x": [1]}', 1.5, True),
        (str(2**60), "http://example.org", "1800-01-01", moment, 1.25, '{"x": [1]}', "nan", False),
        (None, None, None, moment, 1.25, '{"x": [1]}', 2, None),
    ]
    assert sheet["B2"].data_type == "s"
    assert (sheet.freeze_panes, sheet["A1"].font.bold) == ("A2", True)
    effect = plan_writer(WriteExcel, {"path": "out/t.xlsx"}, table, tmp_path)
    assert (effect.insert, effect.delete) == (3, 3)


def test_limits_of_a_sheet_are_sentences(tmp_path, monkeypatch):
    table = pa.table({"a": ["x" * 40_000]})
    with pytest.raises(NodeError, match="Row 1: the text in “a” has 40000 characters"):
        run_writer(WriteExcel, {"path": "t.xlsx"}, table, tmp_path)
    with pytest.raises(NodeError, match="cannot name a sheet"):
        run_writer(WriteExcel, {"path": "t.xlsx", "sheet": "a/b"}, table, tmp_path)
    with pytest.raises(NodeError, match=r"does not end in \.xlsx"):
        run_writer(WriteExcel, {"path": "t.xls"}, table, tmp_path)
    monkeypatch.setattr(write_excel, "MOST_ROWS", 2)
    with pytest.raises(NodeError, match="at most 2 rows"):
        run_writer(WriteExcel, {"path": "t.xlsx"}, pa.table({"a": [1, 2, 3]}), tmp_path)
    assert not list(tmp_path.iterdir())
