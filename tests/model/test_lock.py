"""The lock file: what it says, when it is written, how a run holds its sources to it, and that checks believe it."""

from __future__ import annotations

import csv
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.cli.main import call
from tisserand.model.flow import Node
from tisserand.model.lock import Locked, drift, lock_file, read_lock, settings_of, write_lock
from tisserand.model.schema import Schema

FLOW = """\
tisserand: 1
id: orders
parameters:
  least: {type: integer, default: 1}
nodes:
  orders:
    kind: file.read_csv
    config: {path: "{{ workspace }}/data/orders.csv"}
  fixed:
    kind: data.table
    config: {columns: {id: integer}, rows: [[1]]}
  large:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amount > $least}
  out:
    kind: file.write_csv
    inputs: {table: large.kept}
    config: {path: "{{ workspace }}/out/large.csv"}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "tisserand.yaml").write_text("", encoding="utf-8")
    (tmp_path / "flows" / "orders.yaml").write_text(FLOW, encoding="utf-8")
    source(tmp_path, "id,amount\n1,5\n2,0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source(root: Path, text: str) -> None:
    (root / "data" / "orders.csv").write_text(text, encoding="utf-8")


def lock(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "flows" / "orders.lock").read_text(encoding="utf-8"))
    return found


def written(root: Path) -> list[list[str]]:
    with (root / "out" / "large.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def problems(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["problems"]
    return found


# -- the file


def test_the_same_lock_gives_the_same_text_and_is_read_back() -> None:
    made = {
        "b": Locked("12", Schema.of({"x": "int64", "é, y": "decimal(10, 2)"}), {"delimiter": ";"}),
        "a": Locked("1", Schema()),
    }
    text = write_lock(made)
    assert read_lock(text, "f.lock") == (made, [])
    assert text == write_lock(dict(reversed(made.items())))
    assert yaml.safe_load(text)["sources"]["b"] == {
        "settings": "12",
        "columns": {"x": "int64", "é, y": "decimal(10, 2)"},
        "detected": {"delimiter": ";"},
    }
    assert lock_file("flows/late.yaml") == "flows/late.lock"


@pytest.mark.parametrize("text", ["", "a: [", "<<<<<<< ours\nx: 1\n", "[]", "tisserand: 2\n", "tisserand: 1\nsources: {a: 3}\n"])
def test_a_broken_lock_file_is_told_and_nothing_of_it_counts(text: str) -> None:
    found, told = read_lock(text, "flows/x.lock")
    assert found == {}
    assert [problem.place.file for problem in told] == ["flows/x.lock"]
    assert "--relock" in told[0].line()


@pytest.mark.parametrize("settings", ["1234567890123e45", "12345678e9012345", "1234567890123456", "0891234567890123"])
def test_a_fingerprint_that_looks_like_a_number_is_read_back(settings: str) -> None:
    """One in a thousand does: its source would be looked at again and again, or never."""
    lock = {"web": Locked(settings, Schema.of({"id": "int64"}), {})}
    assert read_lock(write_lock(lock), "x.lock") == (lock, [])


def test_settings_count_as_they_stand_in_the_file() -> None:
    one = Node("a", "file.read_csv", config={"path": "{{ x }}.csv", "skip": 1})
    assert settings_of(one) == settings_of(Node("b", "file.read_csv", config={"skip": 1, "path": "{{ x }}.csv"}))
    assert settings_of(one) != settings_of(Node("a", "file.read_csv", config={"path": "{{ x }}.csv", "skip": 2}))


def test_drift_names_what_is_new_gone_and_retyped() -> None:
    before = Schema.of({"id": "int64", "amount": "float64", "note": "string"})
    assert drift(before, Schema.of({"note": "string", "id": "int64", "amount": "float64"})) is None
    told = drift(before, Schema.of({"id": "string", "amount": "float64", "day": "date"}))
    assert str(told) == "new: day (date); gone: note; type changed: id (int64 → string)"


# -- runs


def test_a_run_writes_the_lock_and_another_leaves_it_alone(root: Path) -> None:
    assert call(["run", "orders"]) == 0
    assert list(lock(root)["sources"]) == ["orders"], "what stands in the settings needs no lock"
    assert lock(root)["sources"]["orders"]["columns"] == {"id": "int64", "amount": "int64"}
    before = (root / "flows" / "orders.lock").stat().st_mtime_ns
    source(root, "amount,id\n7,1\n9,2\n")
    assert call(["run", "orders"]) == 0
    assert (root / "flows" / "orders.lock").stat().st_mtime_ns == before
    assert written(root) == [["amount", "id"], ["7", "1"], ["9", "2"]]


def test_a_run_over_a_changed_source_stops_before_anything_is_done(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["run", "orders"]) == 0
    good = written(root)
    source(root, "id,amount,day\n1,five,2026-01-01\n")
    capfd.readouterr()
    assert call(["run", "orders"]) == 1
    said = capfd.readouterr().err
    assert "new: day (date); type changed: amount (int64 → string)" in said
    assert "tisserand check --relock flows/orders.yaml" in said
    assert "orders.yaml:6" in said
    assert written(root) == good
    # The way out, first the wrong way: the flow does not fit the new columns.
    assert call(["check", "--relock", "orders"]) == 2
    assert lock(root)["sources"]["orders"]["columns"]["amount"] == "string"
    source(root, "id,amount,day\n1,8,2026-01-01\n")
    assert call(["check", "--relock", "orders"]) == 0
    assert call(["run", "orders"]) == 0
    assert written(root) == [["id", "amount", "day"], ["1", "8", "2026-01-01"]]


def test_other_settings_are_looked_at_anew(root: Path) -> None:
    assert call(["run", "orders"]) == 0
    (root / "data" / "other.csv").write_text("amount\n3\n", encoding="utf-8")
    changed = FLOW.replace("orders.csv", "other.csv")
    (root / "flows" / "orders.yaml").write_text(changed, encoding="utf-8")
    assert call(["run", "orders"]) == 0
    assert lock(root)["sources"]["orders"]["columns"] == {"amount": "int64"}
    (root / "flows" / "orders.yaml").write_text(changed.replace("  orders:", "  bills:").replace("table: orders", "table: bills"))
    assert call(["run", "orders"]) == 0
    assert list(lock(root)["sources"]) == ["bills"]


def test_a_called_flow_is_held_to_its_own_lock(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inner = FLOW.replace("id: orders", "id: inner").partition("  out:")[0]
    inner += "  door: {kind: flow.output, inputs: {table: large.kept}, config: {name: table}}\n"
    outer = "tisserand: 1\nid: outer\nnodes:\n  called: {kind: flow.call, config: {flow: inner}}\n"
    outer += '  out: {kind: file.write_csv, inputs: {table: called}, config: {path: "{{ workspace }}/out/large.csv"}}\n'
    (root / "flows" / "inner.yaml").write_text(inner, encoding="utf-8")
    (root / "flows" / "outer.yaml").write_text(outer, encoding="utf-8")
    assert call(["run", "outer"]) == 0
    assert (root / "flows" / "inner.lock").is_file()
    assert not (root / "flows" / "outer.lock").exists()
    source(root, "id,amount,more\n1,5,x\n")
    capfd.readouterr()
    assert call(["run", "outer"]) != 0
    assert "new: more (string)" in capfd.readouterr().err
    assert written(root) == [["id", "amount"], ["1", "5"]]


def test_a_broken_lock_file_stops_the_run_with_a_way_out(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "flows" / "orders.lock").write_text("<<<<<<< ours\n", encoding="utf-8")
    assert call(["run", "orders"]) == 2
    assert "lock file" in capfd.readouterr().err
    assert not (root / "out").exists()
    assert call(["check", "--relock", "orders"]) == 0
    assert call(["run", "orders"]) == 0


# -- checks


class Source(BaseHTTPRequestHandler):
    calls = 0
    body = b'[{"id": 1, "amount": 5}]'

    def do_GET(self) -> None:
        type(self).calls += 1
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web(root: Path) -> Any:
    server = HTTPServer(("127.0.0.1", 0), Source)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/orders"
    text = FLOW.replace("kind: file.read_csv", "kind: http.request").replace(
        '{path: "{{ workspace }}/data/orders.csv"}', f"{{url: '{url}'}}"
    )
    (root / "flows" / "orders.yaml").write_text(text, encoding="utf-8")
    Source.calls = 0
    yield Source
    server.shutdown()
    server.server_close()


def test_check_believes_the_lock_and_calls_nobody(root: Path, web: type[Source], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["check", "--json", "orders"]) == 0
    assert web.calls == 1
    assert not (root / "flows" / "orders.lock").exists(), "only a run, or --relock, agrees to columns"
    assert call(["check", "--relock", "orders"]) == 0
    called = web.calls
    assert called == 2
    capsys.readouterr()
    flow = root / "flows" / "orders.yaml"
    flow.write_text(flow.read_text(encoding="utf-8").replace("amount > $least", "amuont > $least"), encoding="utf-8")
    for how in ([], ["--offline"]):
        assert call(["check", "--json", *how, "orders"]) == 2
        told = problems(capsys)
        assert [(problem["place"]["node"], problem["place"]["field"]) for problem in told] == [("large", "config.where")]
        assert "amount" in told[0]["text"]
    assert web.calls == called


def test_relock_with_a_source_out_of_reach_leaves_the_lock_as_it_was(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["check", "--relock", "orders"]) == 0
    before = (root / "flows" / "orders.lock").read_text(encoding="utf-8")
    (root / "data" / "orders.csv").unlink()
    capsys.readouterr()
    assert call(["check", "--relock", "--json", "orders"]) == 2
    assert [problem["code"] for problem in problems(capsys)] == ["source.error"]
    assert (root / "flows" / "orders.lock").read_text(encoding="utf-8") == before
    assert call(["check", "orders"]) == 0
    assert call(["check", "--relock", "--offline", "orders"]) == 2
