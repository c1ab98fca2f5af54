"""The flow that a run did is kept with the run, whatever becomes of its file."""

from __future__ import annotations

import shutil

import pytest

from tisserand.service.protocol import Refused, RunRequest

FLOW = """tisserand: 1
id: kept
nodes:
  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}
"""


def test_the_text_of_that_time(executor, root, worker):
    worker("pass")
    file = root / "flows" / "kept.yaml"
    file.write_text(FLOW)
    run = executor.start(RunRequest(file="flows/kept.yaml"))
    file.write_text(FLOW.replace("[[1]]", "[[2]]"))
    assert executor.flow_text(run) == FLOW
    unsaved = executor.start(RunRequest(text=FLOW.replace("id: kept", "id: unsaved")))
    assert executor.flow_text(unsaved) == FLOW.replace("id: kept", "id: unsaved")
    shutil.rmtree(root / ".tisserand" / "runs" / run)
    with pytest.raises(Refused) as gone:
        executor.flow_text(run)
    assert gone.value.problems[0].code == "run.flow_gone"


@pytest.mark.parametrize("name", ["20260101-000000-abc1234", "nothing", "..%2F..%2Fetc"])
def test_there_is_no_such_run(executor, name):
    with pytest.raises(Refused) as unknown:
        executor.flow_text(name)
    assert unknown.value.missing
