"""The command line over real runs: exit codes, what is printed where, rows, cancel, kill and resume."""

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

GOOD = """\
tisserand: 1
id: good
parameters:
  least: {type: integer, default: 5}
nodes:
  orders:
    kind: data.table
    config:
      columns: {id: integer, name: text, amount: number, day: date}
      rows: [[1, Ada, 120.5, "2026-01-01"], [2, "Bo, the 2nd", 8.0, null], [3, null, 3.25, "2026-01-03"]]
  large:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amount > $least}
  out:
    kind: file.write_csv
    inputs: {table: large.kept}
    config: {path: "{{ workspace }}/out/large.csv"}
"""

FAILS = """\
tisserand: 1
id: fails
nodes:
  orders:
    kind: data.table
    config: {columns: {amount: number}, rows: [[1.0]]}
  guard:
    kind: flow.fail
    inputs: {table: orders}
    config: {message: "Too much on {{ workspace }}.", when: sum(amount) > 0}
"""

WRONG = """\
tisserand: 1
id: wrong
nodes:
  orders:
    kind: data.table
    config: {columns: {amount: number}, rows: [[1.0]]}
  first:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amuont > 1}
  second:
    kind: table.filter
    inputs: {table: nobody}
    config: {where: amount > 1, unknown: 3}
"""

WAITS = """\
tisserand: 1
id: waits
nodes:
  orders:
    kind: data.table
    config: {columns: {amount: number}, rows: [[1.0], [2.0]]}
  pause:
    kind: flow.wait
    inputs: {table: orders}
    config: {duration: DURATION}
  out:
    kind: file.write_csv
    inputs: {table: pause.table}
    config: {path: "{{ workspace }}/out/waited.csv"}
"""

COMMAND = [sys.executable, "-m", "tisserand.cli.main"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace in which the good flow has run once, with every edge kept."""
    root = tmp_path_factory.mktemp("place")
    (root / "tisserand.yaml").write_text("id: cli-test\n")
    (root / "flows").mkdir()
    flows = {"good": GOOD, "fails": FAILS, "wrong": WRONG, "waits": WAITS.replace("DURATION", "28s")}
    for name, text in flows.items():
        (root / "flows" / f"{name}.yaml").write_text(text)
    found = call(root, "run", "good", "--keep", "all", "-p", "least=4", "--json")
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    (root / "first.json").write_text(found.stdout)
    return root


def call(root, *argv, **kwargs):
    return subprocess.run([*COMMAND, *map(str, argv)], cwd=root, capture_output=True, text=True, timeout=90, **kwargs)


def the_run(place):
    return json.loads((place / "first.json").read_text())["run"]


def test_a_run_with_json_says_all_of_itself(place):
    run = the_run(place)
    assert (run["state"], run["flow"], run["file"], run["parameters"]) == ("done", "good", "flows/good.yaml", {"least": "4"})
    assert {name: node["state"] for name, node in run["nodes"].items()} == {"orders": "done", "large": "done", "out": "done"}
    assert run["nodes"]["large"]["rows"]["kept"] == 2
    assert (place / "out" / "large.csv").exists()


def test_a_run_prints_plain_lines_where_nobody_looks_on(place):
    found = call(place, "run", place / "flows" / "good.yaml")
    assert found.returncode == 0
    assert "is done in" in found.stdout and len(found.stdout.splitlines()) == 1
    for text in ("orders: started", "large: done in", "out: done in"):
        assert text in found.stderr
    assert "\x1b" not in found.stdout + found.stderr


def test_a_run_that_fails_says_why_and_leaves_with_1(place):
    found = call(place, "run", "fails")
    assert found.returncode == 1
    assert "Too much on" in found.stderr and "Traceback" not in found.stderr
    found = call(place, "run", "fails", "--json")
    run = json.loads(found.stdout)["run"]
    assert (found.returncode, run["state"]) == (1, "failed")
    assert "Too much on" in run["error"]["text"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [(["wrong"], "nobody"), (["good", "-p", "least=many"], "many"), (["good", "--env", "nowhere"], "nowhere")],
)
def test_a_wrong_flow_or_call_leaves_with_2(place, argv, sentence):
    found = call(place, "run", *argv)
    assert found.returncode == 2, found.stderr
    assert sentence in found.stderr and "Traceback" not in found.stderr
    found = call(place, "run", *argv, "--json")
    assert found.returncode == 2
    assert sentence in found.stdout and json.loads(found.stdout)


def test_check_names_every_problem_with_its_place(place):
    found = call(place, "check", "wrong", "--json")
    document = json.loads(found.stdout)
    assert found.returncode == 2 and not document["ok"]
    places = [(p["place"]["file"], p["place"]["line"]) for p in document["problems"]]
    assert ("flows/wrong.yaml", 13) in places  # nobody
    assert ("flows/wrong.yaml", 14) in places  # unknown
    text = call(place, "check", "wrong")
    assert text.returncode == 2
    assert "flows/wrong.yaml:13:" in text.stderr
    assert call(place, "check", "good", "fails").returncode == 0


def test_check_knows_the_columns_that_really_arrive(place):
    (place / "flows" / "column.yaml").write_text(GOOD.replace("id: good", "id: column").replace("amount > $least", "amuont > 1"))
    found = call(place, "check", "column")
    (place / "flows" / "column.yaml").unlink()
    assert found.returncode == 2
    assert "amuont" in found.stderr and "amount" in found.stderr


def test_rows_are_shown_in_three_forms(place):
    run = the_run(place)["id"]
    table = call(place, "data", run, "orders")
    assert table.stdout.splitlines()[0].split() == ["id", "name", "amount", "day"]
    assert "∅" in table.stdout and "Rows 1 to 3 of 3" in table.stderr
    document = json.loads(call(place, "data", run, "orders", "--limit", 2, "--offset", 1, "--json").stdout)
    assert (document["total"], document["offset"]) == (3, 1)
    assert document["rows"] == [
        {"id": 2, "name": "Bo, the 2nd", "amount": 8.0, "day": None},
        {"id": 3, "name": None, "amount": 3.25, "day": "2026-01-03"},
    ]
    rows = list(csv.reader(io.StringIO(call(place, "data", run, "orders", "--format", "csv").stdout)))
    assert rows == [
        ["id", "name", "amount", "day"],
        ["1", "Ada", "120.5", "2026-01-01"],
        ["2", "Bo, the 2nd", "8.0", ""],
        ["3", "", "3.25", "2026-01-03"],
    ]
    ordered = json.loads(call(place, "data", run, "large.kept", "--order", "-id", "--json").stdout)
    assert [row["id"] for row in ordered["rows"]] == [2, 1]
    for wrong in (["large.nothing"], ["nothing"], ["../../x"], ["orders", "--order", "nothing"]):
        found = call(place, "data", run, *wrong)
        assert found.returncode == 2 and found.stderr and "did not foresee" not in found.stderr


def test_runs_lists_what_ran(place):
    listed = json.loads(call(place, "runs", "--flow", "good", "--state", "done", "--json").stdout)["runs"]
    assert the_run(place)["id"] in [run["id"] for run in listed]
    assert the_run(place)["id"] in call(place, "runs", "--limit", 1000).stdout


def test_until_runs_a_part(place):
    found = call(place, "run", "good", "--until", "large", "--json")
    nodes = json.loads(found.stdout)["run"]["nodes"]
    assert found.returncode == 0
    assert nodes["large"]["state"] == "done"
    assert "out" not in nodes or nodes["out"]["state"] in ("waiting", "skipped")


def test_explain_shows_the_plan(place):
    found = call(place, "explain", "good")
    assert found.returncode == 0 and "SELECT" in found.stdout and "orders" in found.stdout
    assert json.loads(call(place, "explain", "good", "--json").stdout)["units"]
    wrong = call(place, "explain", "wrong")
    assert wrong.returncode == 2 and "nobody" in wrong.stderr


def started(place, *argv):
    """Start the program; wait until the pause begins. Gives the process and the run's id."""
    process = subprocess.Popen([*COMMAND, *argv], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("pause: started"):
            break
    else:
        raise AssertionError("the pause never began")
    # Asked of the journal: a command may take as long as the pause, where the machine is busy.
    [(run,)] = journalled(place, "SELECT id FROM runs WHERE flow = 'waits' AND state = 'running'")
    return process, run


def journalled(place, query, *values):
    with contextlib.closing(sqlite3.connect(place / ".tisserand" / "journal.sqlite", timeout=30)) as db:
        return db.execute(query, values).fetchall()


def state(place, run):
    listed = json.loads(call(place, "runs", "--limit", "1000", "--json").stdout)["runs"]
    return next(found["state"] for found in listed if found["id"] == run)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_politely(place, number):
    process, run = started(place, "run", "waits")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "was cancelled" in err and "Traceback" not in err and out == ""
    assert state(place, run) == "cancelled"
    assert not (place / "out" / "waited.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_killed_worker_is_reported_and_resumed(place):
    flow = place / "flows" / "waits.yaml"
    flow.write_text(WAITS.replace("DURATION", "28s"))
    process, run = started(place, "run", "waits")
    os.kill(worker_of(place, run), signal.SIGKILL)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "out of memory" in err
    assert state(place, run) == "failed"
    # What is resumed is the flow as it was; its wait is done with here.
    copy = place / ".tisserand" / "runs" / run / "flow.yaml"
    copy.write_text(WAITS.replace("DURATION", "100ms"))
    found = call(place, "resume", "last", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["run"]["id"] == run
    assert (place / "out" / "waited.csv").read_text().splitlines() == ["amount", "1.0", "2.0"]
    assert call(place, "resume", run).returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_killed_command_leaves_the_run_alone_and_a_killed_pair_is_interrupted(place):
    (place / "flows" / "waits.yaml").write_text(WAITS.replace("DURATION", "28s"))
    process, run = started(place, "run", "waits")
    process.kill()
    process.communicate(timeout=30)
    assert journalled(place, "SELECT state FROM runs WHERE id = ?", run) == [("running",)], "the worker lives on"
    os.kill(worker_of(place, run), signal.SIGKILL)
    end = time.monotonic() + 60
    while state(place, run) == "running":
        assert time.monotonic() < end
    assert state(place, run) == "interrupted"


@pytest.mark.skipif(os.name == "nt", reason="pseudo terminals are POSIX")
def test_a_terminal_gets_bars(place):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, "run", "good"], cwd=place, stdout=theirs, stderr=theirs, stdin=theirs, close_fds=True)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # Linux says "input/output error" when the other side is closed
    os.close(ours)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "━" in text and "large" in text and "2 rows" in text and "is done in" in text
    assert "Traceback" not in text


def test_a_served_workspace_is_used_over_http(place):
    serving = subprocess.Popen([*COMMAND, "serve", "--json"], cwd=place, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(serving.stdout.readline())["url"].startswith("http://127.0.0.1:")
        found = call(place, "run", "good", "--json")
        assert (found.returncode, found.stderr) == (0, "")
        run = json.loads(found.stdout)["run"]
        assert run["state"] == "done"
        assert call(place, "data", run["id"], "orders", "--json").returncode == 0
        assert call(place, "check", "wrong").returncode == 2
        process, waiting = started(place, "run", "waits")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        process.communicate()
        assert state(place, waiting) == "cancelled"
        twice = call(place, "serve")
        assert twice.returncode == 2 and "already serves" in twice.stderr
    finally:
        serving.terminate()
        assert serving.wait(30) == 0
        serving.stdout.close()


def worker_of(place, run):
    [(pid,)] = journalled(place, "SELECT owner_pid FROM runs WHERE id = ?", run)
    return pid
