"""Reading CSV: every dialect, encoding and way to be broken; values compared with literals and with pandas."""

from __future__ import annotations

import datetime
import os

import pandas as pd
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import columns, run_reader
from tisserand_nodes.file.read_csv import ReadCsv


def read(folder, content, native=True, **config):
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "t.csv").write_bytes(data)
    return run_reader(ReadCsv, {"path": "t.csv", **config}, folder, native=native)


def fails(folder, content, **config):
    with pytest.raises(NodeError) as caught:
        read(folder, content, **config)
    text = str(caught.value)
    assert "{" not in text, text
    return text


@pytest.mark.parametrize("native", [True, False])
def test_european_file(tmp_path, native):
    got = read(tmp_path, "id;montant;le;code\n1;1,5;31/12/2024;007\n2;-2,75;01/01/2025;\n", native)
    assert columns(got.found.schema) == {"id": "int64", "montant": "float64", "le": "date", "code": "string"}
    assert got.rows() == [
        {"id": 1, "montant": 1.5, "le": datetime.date(2024, 12, 31), "code": "007"},
        {"id": 2, "montant": -2.75, "le": datetime.date(2025, 1, 1), "code": None},
    ]
    seen = got.found.detected
    assert (seen["delimiter"], seen["decimal"], seen["date_format"], seen["header"]) == (";", ",", "%d/%m/%Y", True)


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("cp1252", "cp1252")],
)
def test_encodings(tmp_path, encoding, found):
    text = "nom,ville\nZoé,Orléans\nÉlise,“Paris”\n"
    got = read(tmp_path, text.encode(encoding))
    assert got.found.detected["encoding"] == found
    assert got.rows() == [{"nom": "Zoé", "ville": "Orléans"}, {"nom": "Élise", "ville": "“Paris”"}]


def test_cyrillic_is_no_western_text(tmp_path):
    text = "имя,город\n" + "Наталья,Москва\nСергей,Санкт-Петербург\n" * 20
    assert read(tmp_path, text.encode("cp1251")).rows()[0] == {"имя": "Наталья", "город": "Москва"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_newlines(tmp_path, delimiter, newline):
    rows = [["a", "b"], ["1", "x"], ["2", f'"y{delimiter}z"']]
    got = read(tmp_path, newline.join(delimiter.join(row) for row in rows) + newline)
    assert got.rows() == [{"a": 1, "b": "x"}, {"a": 2, "b": f"y{delimiter}z"}]


def test_agrees_with_pandas(tmp_path):
    text = "n,x,s,when\n" + "".join(
        f'{i},{i / 7!r},"v ""{i}""\n2",2024-01-{i % 28 + 1:02d} 10:00:{i % 60:02d}\n' for i in range(500)
    )
    got = read(tmp_path, text)
    wanted = pd.read_csv(tmp_path / "t.csv", parse_dates=["when"])
    assert columns(got.found.schema) == {"n": "int64", "x": "float64", "s": "string", "when": "timestamp(6)"}
    table = got["rows"].to_pydict()
    assert table["n"] == wanted["n"].tolist()
    assert table["x"] == pytest.approx(wanted["x"].tolist(), rel=1e-15)
    assert table["s"] == wanted["s"].tolist()
    assert table["when"] == [stamp.to_pydatetime() for stamp in wanted["when"]]


def test_types_never_change_a_value(tmp_path):
    head = "zip,big,flag,iso,zoned,clock"
    got = read(tmp_path, f"{head}\n01234,12345678901234567890,true,2024-02-29,2024-01-01T10:00:00+02:00,08:30:00\n")
    assert columns(got.found.schema) == {
        "zip": "string",
        "big": "string",
        "flag": "boolean",
        "iso": "date",
        "zoned": "timestamp('UTC', 6)",
        "clock": "time",
    }
    row = got.rows()[0]
    assert (row["zip"], row["big"], row["clock"]) == ("01234", "12345678901234567890", datetime.time(8, 30))
    assert row["zoned"] == datetime.datetime(2024, 1, 1, 8, tzinfo=datetime.UTC)


def test_ambiguous_dates_are_said(tmp_path):
    assert read(tmp_path, "d\n01/02/2024\n03/04/2024\n").found.detected["ambiguous_dates"] == ["d"]
    american = read(tmp_path, "d\n01/02/2024\n03/14/2024\n")
    assert "ambiguous_dates" not in american.found.detected
    assert [row["d"] for row in american.rows()] == [datetime.date(2024, 1, 2), datetime.date(2024, 3, 14)]


def test_duplicate_and_empty_names(tmp_path):
    got = read(tmp_path, "a,a,,A\n1,2,x,4\n")
    assert got.rows() == [{"a": 1, "a_2": 2, "column3": "x", "A_3": 4}]
    assert got.found.detected["renamed"] == {"2: a": "a_2", "3: ": "column3", "4: A": "A_3"}


def test_title_lines_are_skipped(tmp_path):
    got = read(tmp_path, "Monthly report\n\na,b\n1,2\n3,4\n")
    assert got.rows() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert got.found.detected["skip"] == 2


def test_no_header(tmp_path):
    got = read(tmp_path, "1,x\n2,y\n")
    assert got.rows() == [{"column1": 1, "column2": "x"}, {"column1": 2, "column2": "y"}]
    assert read(tmp_path, "1,x\n2,y\n", header="yes").rows() == [{"1": 2, "x": "y"}]


def test_header_only_and_all_null(tmp_path):
    assert read(tmp_path, "a,b\n").rows() == []
    got = read(tmp_path, "a,b\n1,\n2,\n")
    assert got.rows() == [{"a": 1, "b": None}, {"a": 2, "b": None}]
    assert "empty" in fails(tmp_path, "")


def test_nulls(tmp_path):
    assert read(tmp_path, "a,b\nNA,x\n2,NA\n", nulls=["NA"]).rows() == [{"a": None, "b": "x"}, {"a": 2, "b": None}]


def test_thousands(tmp_path):
    got = read(tmp_path, "a;b\n1 234,5;x\n", decimal=",", thousands=" ", columns={"a": "number"})
    assert got.rows() == [{"a": 1234.5, "b": "x"}]


def test_overrides(tmp_path):
    got = read(tmp_path, "a,b\n1,2\n", columns={"a": "text", "b": "decimal(10, 2)"})
    assert [str(value) for value in got.rows()[0].values()] == ["1", "2.00"]
    assert "Did you mean" not in fails(tmp_path, "a,b\n1,2\n", columns={"zzz": "text"})
    assert "is not a type" in fails(tmp_path, "a,b\n1,2\n", columns={"a": "wibble"})
    assert "not one character" in fails(tmp_path, "a,b\n1,2\n", delimiter="ab")


def test_ragged_rows_stop_with_their_line_or_are_rejected(tmp_path):
    text = "a,b\n1,2\n3\n4,5,6\n7,8\n"
    assert "t.csv:3" in fails(tmp_path, text)
    for native in (True, False):
        got = read(tmp_path, text, native, bad_rows="reject")
        assert got.rows() == [{"a": 1, "b": 2}, {"a": 7, "b": 8}]
        assert [(reject.row, reject.place) for reject in got.rejects] == [("3", "t.csv:3"), ("4,5,6", "t.csv:4")]


def long_file(last):
    return "n,s\n" + "".join(f"{i},some text to make it long enough {i}\n" for i in range(80_000)) + last


def test_a_clash_far_down_is_a_sentence(tmp_path):
    assert "t.csv:80002: “oops” in column “n” cannot be read as integer" in fails(tmp_path, long_file("oops,x\n"))


def test_a_fraction_far_down_is_never_rounded(tmp_path):
    text = fails(tmp_path, long_file("1.5,x\n"))
    assert text == "t.csv:80002: “1.5” in column “n” is not a whole number."
    for native in (True, False):
        got = read(tmp_path, long_file("1.5,x\n7,y\n"), native, bad_rows="reject")
        assert got["rows"].num_rows == 80_001
        assert got["rows"]["n"].to_pylist()[-1] == 7
        assert len(got.rejects) == 1 and "1.5" in got.rejects[0].row


@pytest.mark.parametrize("native", [True, False])
def test_whole_numbers_of_any_width_far_down(tmp_path, native):
    # 2**53 + 1 is the first whole number that float64, which the quick check reads by, does not hold.
    got = read(tmp_path, long_file("9007199254740993,x\n-9223372036854775808,y\n1e3,z\n4.0,z\n 5 ,z\n"), native)
    assert got["rows"]["n"].to_pylist()[-5:] == [9007199254740993, -9223372036854775808, 1000, 4, 5]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("last", ["9223372036854775808", "nan", "inf", "1e300", "15e-1", "2.50"])
def test_what_is_no_whole_number_far_down_is_told_with_its_line(tmp_path, native, last):
    (tmp_path / "t.csv").write_text(long_file(f"{last},x\n"))
    with pytest.raises(NodeError, match=f"^t.csv:80002: “{last}” in column “n” is not a whole number.$"):
        run_reader(ReadCsv, {"path": "t.csv"}, tmp_path, native=native)


def test_whole_numbers_with_thousands(tmp_path):
    for native in (True, False):
        got = read(tmp_path, "n;x\n1.234;1,5\n12;2\n", native, columns={"n": "integer"}, thousands=".", decimal=",")
        assert got["rows"]["n"].to_pylist() == [1234, 12]


def test_a_fraction_under_a_chosen_integer(tmp_path):
    assert "t.csv:3: “1.5”" in fails(tmp_path, "n\n1\n1.5\n", columns={"n": "integer"})


def test_wrong_encoding_far_down(tmp_path):
    data = long_file("").encode() + b"5,caf\xe9\n" + b"6,x\n" * 300_000
    assert "t.csv:80002" in fails(tmp_path, data, encoding="utf-8")


def test_encoding_by_hand(tmp_path):
    assert read(tmp_path, "a\né\n".encode("mac_roman"), encoding="mac_roman").rows() == [{"a": "é"}]
    assert "no encoding" in fails(tmp_path, "a\n1\n", encoding="utf-99")


def test_a_line_without_end(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"x" * 100_000_000)
    with pytest.raises(NodeError, match="longer than the longest"):
        run_reader(ReadCsv, {"path": "t.csv"}, tmp_path)
    assert "longest" in fails(tmp_path, b"a,b\n1,2\n" + b"y" * 5_000_000 + b",3\n4,5\n")


def test_nul_bytes_are_kept_as_text(tmp_path):
    assert read(tmp_path, b"a,b\n1,x\x00y\n2,z\n").rows() == [{"a": 1, "b": "x\x00y"}, {"a": 2, "b": "z"}]


def test_unterminated_quote(tmp_path):
    assert "quoted value does not end" in fails(tmp_path, 'a,b\n1,"x\n2,y\n')


def test_several_files_with_a_column_of_their_names(tmp_path):
    (tmp_path / "m1.csv").write_text("a\n1\n")
    (tmp_path / "m2.csv").write_text("a\n2\n")
    assert run_reader(ReadCsv, {"path": "m*.csv"}, tmp_path).rows() == [{"a": 1}, {"a": 2}]
    got = run_reader(ReadCsv, {"path": "m*.csv", "file_column": "file"}, tmp_path)
    assert got.rows() == [{"a": 1, "file": "m1.csv"}, {"a": 2, "file": "m2.csv"}]
    (tmp_path / "m3.csv").write_text("b\n2\n")
    with pytest.raises(NodeError, match="different columns"):
        run_reader(ReadCsv, {"path": "m*.csv"}, tmp_path)
    with pytest.raises(NodeError, match="No file fits"):
        run_reader(ReadCsv, {"path": "q*.csv"}, tmp_path)


def test_what_is_no_file(tmp_path):
    (tmp_path / "orders.csv").write_text("a\n1\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NodeError) as caught:
        run_reader(ReadCsv, {"path": "order.csv"}, tmp_path)
    assert "Did you mean “orders.csv”?" in str(caught.value.fix)
    with pytest.raises(NodeError, match="is a folder"):
        run_reader(ReadCsv, {"path": "folder"}, tmp_path)
    with pytest.raises(NodeError, match="outside"):
        run_reader(ReadCsv, {"path": "../x.csv"}, tmp_path)
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(NodeError, match="outside"):
        run_reader(ReadCsv, {"path": "li*.csv"}, tmp_path)


def test_a_file_without_permission(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "t.csv").chmod(0)
    if os.access(tmp_path / "t.csv", os.R_OK):  # root may read everything
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(NodeError, match="may not be read"):
        run_reader(ReadCsv, {"path": "t.csv"}, tmp_path)


def test_fingerprint_changes_with_the_file(tmp_path):
    first = read(tmp_path, "a\n1\n").found.fingerprint
    assert read(tmp_path, "a\n1\n2\n").found.fingerprint != first
