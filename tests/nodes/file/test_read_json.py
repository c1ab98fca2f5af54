"""Reading JSON: lines, arrays, arrays inside documents; values compared with Python's own json module."""

from __future__ import annotations

import json

import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import columns, run_reader
from tisserand_nodes.file import json_part
from tisserand_nodes.file.read_json import ReadJson


def read(folder, content, native=True, **config):
    (folder / "t.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return run_reader(ReadJson, {"path": "t.json", **config}, folder, native=native)


def fails(folder, content, **config):
    with pytest.raises(NodeError) as caught:
        read(folder, content, **config)
    assert "{" not in str(caught.value).replace('{"', "")
    return str(caught.value)


@pytest.mark.parametrize("native", [True, False])
def test_nested_values_stay_typed(tmp_path, native):
    rows = [{"a": 1, "b": {"c": [1, 2]}}, {"a": 2, "b": {"c": []}}]
    got = read(tmp_path, json.dumps(rows), native)
    assert columns(got.found.schema) == {"a": "int64", "b": "struct<c: array<int64>>"}
    assert got.rows() == rows
    lines = read(tmp_path, "\n".join(json.dumps(row) for row in rows), native)
    assert lines.rows() == rows
    assert lines.found.detected["format"] == "lines"


def test_rows_inside_a_document(tmp_path, monkeypatch):
    rows = [{"n": n, "s": 'brace } quote " bracket ] \\ é\n', "deep": {"x": [n, [n]]}} for n in range(50)]
    document = {"head": [1, {"data": 2}], "data": {"other": {"items": 0}, "items": rows}, "tail": 1}
    monkeypatch.setattr(json_part, "BLOCK", 37)  # every token is cut somewhere
    target = tmp_path / "lines"

    class Quiet:
        def progress(self, rows=0, bytes=0): ...

    for indent in (None, 2):
        (tmp_path / "t.json").write_text(json.dumps(document, indent=indent, ensure_ascii=False), encoding="utf-8")
        assert json_part.extract(Quiet(), tmp_path / "t.json", "utf-8", "data.items", target) == 50
        assert [json.loads(line) for line in target.read_text(encoding="utf-8").split("\n")[:-1]] == rows
    assert [row["n"] for row in run_reader(ReadJson, {"path": "t.json", "at": "data.items"}, tmp_path).rows()] == list(range(50))


def test_one_object_is_one_row(tmp_path):
    assert read(tmp_path, '{"data": {"a": 1}}', at="data").rows() == [{"a": 1}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    assert read(tmp_path, '[{"a":"é"}]'.encode(encoding)).rows() == [{"a": "é"}]
    assert read(tmp_path, '{"a":"é"}\n{"a":"x"}\n'.encode(encoding)).rows() == [{"a": "é"}, {"a": "x"}]


def test_mixed_types_are_kept_as_json(tmp_path):
    got = read(tmp_path, '[{"a":1},{"a":"x"}]')
    assert columns(got.found.schema) == {"a": "json"}
    assert got.rows() == [{"a": "1"}, {"a": '"x"'}]


def test_a_fraction_is_never_rounded(tmp_path):
    assert read(tmp_path, '{"a":1}\n{"a":1.5}\n').rows() == [{"a": 1.0}, {"a": 1.5}]
    assert "“1.5” in column “a” is not a whole number" in fails(tmp_path, '{"a":1}\n{"a":1.5}\n', columns={"a": "integer"})


def test_files_of_a_pattern(tmp_path):
    for number in (1, 2):
        (tmp_path / f"p{number}.json").write_text(json.dumps([{"a": number}]))
    got = run_reader(ReadJson, {"path": "p*.json", "file_column": "file"}, tmp_path)
    assert got.rows() == [{"a": 1, "file": "p1.json"}, {"a": 2, "file": "p2.json"}]


def test_broken_files_are_sentences(tmp_path):
    assert "is empty" in fails(tmp_path, "")
    assert "no rows" in fails(tmp_path, "[]")
    assert "not valid JSON" in fails(tmp_path, '[{"a":1},{"a" 2}]')
    assert "cut off" in fails(tmp_path, '{"data":{"items":[{"a":1}', at="data.items")
    assert "nothing at “data.x”" in fails(tmp_path, '{"data":{"items":[]}}', at="data.x")
    assert "no column “b”" in fails(tmp_path, '{"a":1}', columns={"b": "text"})
    assert "does not fit" in fails(tmp_path, '{"a":"x"}\n{"a":"y"}\n', columns={"a": "integer"})
    assert "larger than the largest" in fails(tmp_path, '{"a":"1"}\n{"a":"' + "x" * 40_000_000 + '"}\n')
