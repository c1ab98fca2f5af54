"""Files that are broken, cut off, empty or of another kind: a run says so in one sentence with its place, and touches no result."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import openpyxl
import pytest

from tisserand import texts
from tisserand.files import shipped

OLD = b"what was there before\n"
WRITE = "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/o.csv}}\n"


def reads(kind: str, config: str) -> str:
    return f"  rows: {{kind: file.{kind}, config: {{{config}}}}}\n" + WRITE


def computes(formula: str) -> str:
    return (
        "  rows: {kind: data.table, config: {columns: {a: integer, t: text}, rows: [[1, x], [9223372036854775807, '12']]}}\n"
        f'  f: {{kind: table.formula, inputs: {{table: rows}}, config: {{columns: {{b: a, z: "{formula}"}}}}}}\n'
        "  out: {kind: file.write_csv, inputs: {table: f}, config: {path: out/o.csv}}\n"
    )


@pytest.fixture(autouse=True)
def french():
    texts.add_catalogues(shipped("resources") / "locale")


@pytest.fixture
def broken(place):
    """The files, each broken by hand; and a result of an earlier run, which has to stay."""
    root = place.root
    (root / "out").mkdir()
    (root / "out" / "o.csv").write_bytes(OLD)
    (root / "ragged.csv").write_text("a,b\n1,2\n" + "3,4\n" * 3000 + "5\n6,7,8\n")
    (root / "latin.csv").write_bytes("name,x\né,1\n".encode("latin-1"))
    (root / "number.csv").write_text("id,amount\n1,2\n2,x\n")
    (root / "long.csv").write_text("a,b\n1," + "x" * 20_000_000 + "\n")
    for ending in ("csv", "json", "parquet", "xlsx"):
        (root / f"empty.{ending}").write_bytes(b"")
    duckdb.sql(f"COPY (SELECT range AS a, repeat('x', 50) || range AS t FROM range(100000)) TO '{root / 'whole.parquet'}'")
    whole = (root / "whole.parquet").read_bytes()
    (root / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 3
    (root / "damaged.parquet").write_bytes(whole[:middle] + b"\x55" * 4000 + whole[middle + 4000 :])
    (root / "cut.json").write_text('[{"a": 1},\n{"a":')
    (root / "cut.jsonl").write_text('{"a": 1}\n{"a":\n')
    book = openpyxl.Workbook()
    book.active.append(["region", "sales"])
    book.save(root / "whole.xlsx")
    (root / "cut.xlsx").write_bytes((root / "whole.xlsx").read_bytes()[:2000])
    (root / "text.xlsx").write_text("hello")
    return place


CASES = {
    # name: (nodes, node, field, line, what the sentence says, what the way out says)
    "ragged": (reads("read_csv", "path: ragged.csv"), "rows", "config.bad_rows", 3003, r"1 columns where 2", "rejected"),
    "no-utf8": (reads("read_csv", "path: latin.csv, encoding: utf-8"), "rows", None, 2, r"not valid UTF-8", "encoding"),
    "no-number": (
        reads("read_csv", "path: number.csv, columns: {id: integer, amount: integer}"),
        *("rows", "config.columns", 3, r"“x” in column “amount”", "type"),
    ),
    "one-long-line": (reads("read_csv", "path: long.csv"), "rows", None, 2, "longer than the longest", "quote"),
    "not-there": (reads("read_csv", "path: numbr.csv"), "rows", "config.path", 4, "no file “numbr.csv”", "number.csv"),
    "a-folder": (reads("read_csv", "path: out"), "rows", "config.path", 4, "folder", "file in it"),
    "empty-csv": (reads("read_csv", "path: empty.csv"), "rows", "config.path", 4, "empty.csv” is empty", "header"),
    "empty-json": (reads("read_json", "path: empty.json"), "rows", "config.path", 4, "empty.json” is empty", "again"),
    "empty-parquet": (reads("read_parquet", "path: empty.parquet"), "rows", "config.path", 4, "empty.parquet” is empty", "again"),
    "empty-excel": (reads("read_excel", "path: empty.xlsx"), "rows", "config.path", 4, "empty.xlsx” is empty", "again"),
    "cut-parquet": (reads("read_parquet", "path: cut.parquet"), "rows", "config.path", 4, "cut off", "Copy it again"),
    "damaged-parquet": (reads("read_parquet", "path: damaged.parquet"), "rows", None, None, "damaged", "Copy it again"),
    "cut-json": (reads("read_json", "path: cut.json"), "rows", None, 4, "not valid JSON", "Correct the file"),
    "cut-lines": (reads("read_json", "path: cut.jsonl"), "rows", None, 4, r"cut.jsonl:3 .*not valid JSON", "Correct the file"),
    "cut-excel": (reads("read_excel", "path: cut.xlsx"), "rows", "config.path", 4, "no readable workbook", "save it again"),
    "no-excel": (reads("read_excel", "path: text.xlsx"), "rows", "config.path", 4, "not an Excel workbook", "reader"),
    "too-large": (computes("a * 10"), "f", "config.columns.z", None, "9223372036854775807 . 10. In row 2: a = 922", "to_number"),
    "no-cast": (
        computes("to_integer(t)"),
        "f",
        "config.columns.z",
        None,
        "“x” cannot be read as integer. In row 1: t = ",
        "TRY_CAST",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_broken_is_told_with_its_place_and_touches_no_result(broken, name):
    nodes, node, field, line, sentence, fix = CASES[name]
    found = broken.run(name, nodes)
    error = found.error
    assert found.state == "failed" and error is not None
    text = error.message.text("en")
    assert (error.place.flow, error.place.node, error.place.field, error.place.line) == (name, node, field, line), error
    assert re.search(sentence, text), text
    assert error.fix is not None and re.search(fix, error.fix.text("en")), error
    for shown in (text, error.fix.text("en"), error.message.text("fr")):
        assert "\n" not in shown and "Traceback" not in shown and "Error:" not in shown and len(shown) < 500, shown
    assert error.message.text("fr") != text
    assert (broken.root / "out" / "o.csv").read_bytes() == OLD
    assert broken.left_over() == []
    assert [event.kind for event in broken.events(found.id, "run.failed", "run.done")] == ["run.failed"]


def test_an_output_that_cannot_be_one_is_told_before_anything_runs(broken):
    nodes = "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
    for number, (path, sentence) in enumerate({"out": "is a folder", "../../x.csv": "lies outside the workspace"}.items()):
        write = f"  out: {{kind: file.write_csv, inputs: {{table: rows}}, config: {{path: {path}}}}}\n"
        found = broken.run(f"no-output-{number}", nodes + write)
        assert found.state == "failed" and found.error is not None
        assert (found.error.place.node, found.error.place.field, found.error.place.line) == ("out", "config.path", 5), found.error
        assert sentence in found.error.message.text("en")
        assert broken.events(found.id, "node.started") == []


def test_nulls_and_headers_alone_are_no_faults(broken):
    (broken.root / "nulls.csv").write_text("a,b\n1,\n2,\n")
    (broken.root / "header.csv").write_text("a,b\n")
    for name, content in {"nulls": b"a,b\n1,\n2,\n", "header": b"a,b\n"}.items():
        assert broken.run(name, reads("read_csv", f"path: {name}.csv")).state == "done"
        assert (broken.root / "out" / "o.csv").read_bytes() == content


def test_a_short_western_text_is_not_taken_for_cyrillic(broken):
    assert broken.run("western", reads("read_csv", "path: latin.csv")).state == "done"
    assert (broken.root / "out" / "o.csv").read_text("utf-8") == "name,x\né,1\n"


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux: the limit of a file's size is set on the worker")
def test_a_disk_that_is_full_leaves_the_old_result_and_is_resumed(broken, monkeypatch):
    """The limit of a file's size stands in for the disk: the write fails in the middle of the file in the same way."""
    from tisserand.engine import launch

    plain = launch.worker_command
    limit = "import resource, signal, os, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000)); os.execv(sys.argv[1], sys.argv[1:])"
    nodes = reads("read_parquet", "path: whole.parquet")
    monkeypatch.setattr(launch, "worker_command", lambda folder: [plain(folder)[0], "-c", limit, *plain(folder)])
    found = broken.run("full", nodes)
    assert found.state == "failed" and found.error is not None
    assert found.error.place.node == "out" and found.error.fix is not None, found.error
    assert (broken.root / "out" / "o.csv").read_bytes() == OLD
    assert broken.left_over() == []
    monkeypatch.setattr(launch, "worker_command", plain)
    assert broken.resume(found.id).state == "done"
    assert (broken.root / "out" / "o.csv").read_bytes().count(b"\n") == 100_001


def test_connections_are_looked_at_before_anything_runs(place):
    from tisserand.engine.check import check_text
    from tisserand.workspace.folder import Workspace

    (place.root / "connections.yaml").write_text(
        "base: {type: database, system: sqlite, file: base.sqlite}\noffice: {type: mail}\nhalf: {type: database, system: sqlite}\n"
    )
    nodes = (
        "  a: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
        "  good: {kind: sql.write, inputs: {table: a}, config: {connection: base, table: good}}\n"
        "  wrong: {kind: mail.send, inputs: {table: a}, config: {connection: office, to: b@example.org, subject: s}}\n"
        "  none: {kind: sql.write, inputs: {table: a}, config: {connection: nowhere, table: t}}\n"
        "  half: {kind: sql.read, config: {connection: half, table: t}}\n"
        "  other: {kind: mail.send, inputs: {table: a}, config: {connection: base, to: b@example.org, subject: s}}\n"
    )
    file = place.flow("connected", nodes)
    problems = check_text(Workspace(place.root), (place.root / file).read_text(), file=file).problems
    told = {(p.place.node, p.place.field, p.place.line): p.code for p in problems}
    assert told == {
        ("wrong", "config.connection", 6): "connection.wrong",
        ("none", "config.connection", 7): "connection.unknown",
        ("half", "config.connection", 8): "connection.wrong",
        ("other", "config.connection", 9): "connection.type",
    }
    found = place.run("connected", nodes)
    assert found.state == "failed" and not (place.root / "base.sqlite").exists()
