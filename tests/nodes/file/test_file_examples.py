"""Every example flow of the file nodes, run node by node without the engine; what must come out stands here by hand."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tisserand.sdk.node import REJECTS, Reader
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import run_reader, run_writer

EXAMPLES = Path(__file__).parents[3] / "flows" / "examples"
FLOWS = sorted(path.stem for family in ("file", "data") for path in (EXAMPLES / "flows").glob(f"{family}-*.yaml"))
KINDS = [node.kind for node in registry() if node.kind.startswith(("file.", "data."))]


def run(name, workspace):
    shutil.copytree(EXAMPLES / "data", workspace / "data")
    flow = yaml.safe_load((EXAMPLES / "flows" / f"{name}.yaml").read_text(encoding="utf-8"))
    made = {}
    for id, block in flow["nodes"].items():
        node = registry().get(block["kind"]).node
        if issubclass(node, Reader):
            got = run_reader(node, block["config"], workspace)
            rejects = [{"row": r.row, "error": r.error, "place": r.place} for r in got.rejects]
            schema = pa.schema([(column.name, pa.string()) for column in REJECTS])
            made[f"{id}.rejects"] = pa.Table.from_pylist(rejects, schema=schema)
            made[id] = got["rows"]
        else:
            got = run_writer(node, block["config"], made[block["inputs"]["table"]], workspace)
            made[f"{id}.result"] = got["result"]
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_has_an_example(kind):
    assert kind.replace(".", "-").replace("_", "-") in FLOWS


@pytest.mark.parametrize("name", FLOWS)
def test_example_runs(name, tmp_path):
    run(name, tmp_path)
    assert list((tmp_path / "out" / name).iterdir())


def test_bad_rows_apart(tmp_path):
    made = run("file-read-csv", tmp_path)
    assert made["orders"].column("customer").to_pylist() == ["Dupont", "Müller", "Dupont"]
    assert made["orders"].column("amount").to_pylist() == [12.5, 7.9, 99.95]
    assert made["orders.rejects"].column("place").to_pylist() == ["file-orders.csv:4"]


def test_gathered_months(tmp_path):
    run("file-write-parquet", tmp_path)
    table = pq.read_table(tmp_path / "out/file-write-parquet/visits.parquet")
    assert table.column("visits").to_pylist() == [12, 15, 9]
    assert table.column("file").to_pylist() == ["visits-2024-01.csv", "visits-2024-01.csv", "visits-2024-02.csv"]


def test_filled_cells(tmp_path):
    run("file-read-excel", tmp_path)
    with (tmp_path / "out/file-read-excel/stock.csv").open(newline="") as stream:
        assert [row["Warehouse"] for row in csv.DictReader(stream)] == ["Lyon", "Lyon", "Nantes"]
