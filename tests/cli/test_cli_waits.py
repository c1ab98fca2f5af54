"""`tisserand run`, `approvals`, `approve`, `signal` and `resume` over a run that waits."""

import json
import subprocess
import sys

import pytest

FLOW = """\
tisserand: 1
id: pays
nodes:
  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[17], [42]]}}
  ask: {kind: flow.approve, inputs: {table: rows}, config: {question: Pay these?, comment: required}}
  paid: {kind: flow.wait_signal, inputs: {table: ask.approved}, config: {signal: paid, columns: {amount: number}}}
"""


@pytest.fixture
def cli(tmp_path):
    (tmp_path / "tisserand.yaml").write_text("id: cli\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "pays.yaml").write_text(FLOW)

    def call(*words):
        command = [sys.executable, "-P", "-m", "tisserand.cli.main", "--lang", "en", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90)

    return call


def test_a_waiting_run_from_the_command_line(cli):
    ran = cli("run", "pays")
    assert ran.returncode == 0, ran.stderr
    assert "waits. Waiting for a decision." in ran.stdout and "tisserand serve" in ran.stderr and "tisserand resume" in ran.stderr
    (run,) = json.loads(cli("runs", "--state", "waiting", "--json").stdout)["runs"]
    shown = cli("approvals").stdout
    assert "Pay these?" in shown and "| 17" in shown and "| 42" in shown and run["id"] in shown
    refused = cli("approve", "last")
    assert refused.returncode == 2 and "needs a comment" in refused.stderr
    approved = cli("approve", "last", "ask", "--comment", "checked")
    assert approved.returncode == 0 and "is approved" in approved.stdout and "tisserand resume" in approved.stderr
    again = cli("approve", "last", "--reject", "--comment", "no")
    assert again.returncode == 2 and "decided already" in again.stderr
    resumed = cli("resume", "last", "--json")
    assert resumed.returncode == 0 and json.loads(resumed.stdout)["run"]["state"] == "waiting"
    assert cli("resume", "last").returncode == 2  # nothing has come yet
    assert "Waiting for the signal “paid”." in cli("approvals", "--all").stdout
    assert cli("signal", "paid", "--data", "[1]").returncode == 2
    sent = json.loads(cli("signal", "paid", "--data", '{"amount": 5.5}', "--json").stdout)["sent"]
    assert sent == {"run": run["id"], "node": "paid"}
    assert "is kept" in cli("signal", "paid").stdout
    assert cli("resume", "last").returncode == 0
    rows = json.loads(cli("data", "last", "paid.signal", "--json").stdout)["rows"]
    assert [row["amount"] for row in rows] == [5.5]
