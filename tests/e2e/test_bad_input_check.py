"""Everything that is wrong with a flow file is told in one go, through the command line: place, sentence, way out, exit code, both languages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

MANY = """\
tisserand: 1
id: many
nodse: {}
nodes:
  rows:
    kind: data.table
    config: {columns: {a: integer, t: text}, rows: [[1, x]]}
  odd:
    kind: table.fliter
    inputs: {table: rows}
  keys:
    kind: table.filter
    inputs: {table: rows}
    config: {where: a > 1, wehre: 3}
  column:
    kind: table.filter
    inputs: {table: rows}
    config: {where: aa > 1}
  clash:
    kind: table.filter
    inputs: {table: rows}
    config: {where: a > t}
  sortless:
    kind: table.sort
    inputs: {table: rows}
    config: {by: [zz]}
  x:
    kind: table.filter
    inputs: {table: y}
    config: {where: a > 1}
  y:
    kind: table.filter
    inputs: {table: x}
    config: {where: a > 1}
  nobody:
    kind: table.filter
    inputs: {table: nowhere}
    config: {where: a > 1}
  port:
    kind: table.filter
    inputs: {table: keys.keep}
    config: {where: a > 1}
  formulas:
    kind: table.formula
    inputs: {table: rows}
    config: {columns: {z: "a +", v: "uper(t)", w: "$nope + 1"}}
  both:
    kind: table.join
    inputs: {left: rows, right: rows}
    config: {on: {a: t}}
  behind:
    kind: table.filter
    inputs: {table: nobody}
    config: {where: nothing > 1}
  two: {kind: table.sort, kind: table.filter}
"""

# What is told of MANY: (line, column, node, field) and what the sentence says, by reading the file above.
TOLD = {
    (3, 1, None, "nodse"): "“nodes”",
    (9, 5, "odd", "kind"): "“table.filter”",
    (14, 28, "keys", "config.wehre"): "“where”",
    (18, 14, "column", "config.where"): "“aa”.*“a”",
    (22, 14, "clash", "config.where"): "“t” is a text",
    (26, 19, "sortless", "config.by.0"): "“zz”.*a, t",
    (29, 5, "x", "inputs"): "x → y → x.*Remove",
    (37, 14, "nobody", "inputs.table"): "“nowhere”",
    (41, 14, "port", "inputs.table"): "“keep”.*“kept”",
    (46, 24, "formulas", "config.columns.z"): "position 3",
    (46, 34, "formulas", "config.columns.v"): "uper.*“upper”",
    (46, 48, "formulas", "config.columns.w"): "nope",
    (50, 19, "both", "config.on.a"): "“a” is int64",
    (55, 27, "two", "kind"): "twice",
}
ALSO = {("two", "inputs"), ("two", "config.by")}  # follow-up problems of the doubled key

BROKEN = {
    "unclosed": (
        "tisserand: 1\nid: unclosed\nnodes:\n  a: {kind: data.table\n  b: [\n",
        "well-formed YAML.*Look at this line",
        5,
    ),
    "tabbed": ("tisserand: 1\nid: tabbed\nnodes:\n\ta: 1\n", "well-formed YAML.*indentation", 4),
    "empty": ("", "is empty.*begins with", None),
    "listed": ("- 1\n- 2\n", "no mapping.*begins with", 1),
    "future": ("tisserand: 99\nid: future\nnodes: {}\n", "99", 1),
    "bare": ("tisserand: 1\n", "id", None),
    "numbers": ("tisserand: 1\nid: numbers\nnodes: 3\n", "nodes", 3),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("checked")
    (root / "tisserand.yaml").write_text("id: checked\n")
    (root / "flows").mkdir()
    (root / "flows" / "many.yaml").write_text(MANY)
    for name, (text, _sentence, _line) in BROKEN.items():
        (root / "flows" / f"{name}.yaml").write_text(text)
    (root / "flows" / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    return root


def call(root, *argv, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tisserand.cli.main", *argv],
        cwd=root, capture_output=True, text=True, timeout=90, env={**os.environ, **environment},
    )  # fmt: skip


def test_all_problems_of_a_flow_are_told_at_once_with_their_places(workspace):
    found = call(workspace, "check", "many", "--json")
    assert (found.returncode, found.stderr) == (2, "")
    answer = json.loads(found.stdout)
    assert found.stdout.count("\n") == 1 and answer["ok"] is False
    told = {}
    for problem in answer["problems"]:
        place = problem["place"]
        told[place["line"], place["column"], place["node"], place["field"]] = problem
        assert place["file"] == "flows/many.yaml"
        # A way out: of its own, or in the sentence itself.
        assert problem["fix"] is not None or re.search(
            r"Did you mean|Columns: |position \d|but “t”|declares no such", problem["text"]
        ), problem
    for place, sentence in TOLD.items():
        assert re.search(sentence, told[place]["text"]), told[place]
    more = {key[2:] for key in told if key not in TOLD}
    assert more == ALSO


def test_a_flow_that_is_no_flow_is_told_as_well(workspace):
    found = call(workspace, "check", *BROKEN)
    assert found.returncode == 2 and "Traceback" not in found.stderr
    for name, (_text, sentence, line) in BROKEN.items():
        [said, *_more] = [text for text in found.stderr.splitlines() if text.startswith(f"flows/{name}.yaml:")]
        assert re.search(sentence, said), said
        assert line is None or said.startswith(f"flows/{name}.yaml:{line}:"), said


def test_people_read_it_in_their_language(workspace):
    found = call(workspace, "check", "many", "empty", TISSERAND_LANG="", LANGUAGE="fr:en", LANG="C.UTF-8", LC_ALL="")
    assert found.returncode == 2
    lines = found.stderr.replace("\u00a0", " ").replace("\u202f", " ").splitlines()
    assert len(lines) == len(TOLD) + len(ALSO) + 1
    for expected in (
        "flows/many.yaml:18:14: column.config.where: Colonne inconnue « aa ». Vouliez-vous dire « a » ?",
        "flows/many.yaml:29:5: x.inputs: Les nœuds s’alimentent en cercle : x → y → x. Supprimez l’un de ces liens.",
    ):
        assert expected in lines
    assert not [line for line in lines if "“" in line]


def test_a_run_of_a_wrong_flow_begins_nothing(workspace):
    for argv, sentence in (
        (("run", "many", "--json"), "is not known here"),
        (("run", "binary", "--json"), "not UTF-8"),
        (("run", "missing", "--json"), "no flow “missing”"),
        (("run", "unclosed", "--nonsense", "--json"), "--nonsense"),
    ):
        found = call(workspace, *argv)
        assert (found.returncode, found.stderr) == (2, ""), found
        answer = json.loads(found.stdout)
        assert sentence in " ".join(problem["text"] for problem in answer["problems"])
    runs = json.loads(call(workspace, "runs", "--json").stdout)["runs"]
    assert {run["state"] for run in runs} <= {"failed"}
