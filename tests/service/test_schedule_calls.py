"""The calls of schedules answer the same here and over HTTP, and the command line prints them."""

import json
import subprocess
import sys
import time

import pytest

from tisserand.service.protocol import Refused

CRON = (
    "tisserand: 1\nid: due\nnodes:\n  t:\n    kind: trigger.cron\n    config: {cron: 0 6 * * mon-fri, timezone: Europe/Paris}\n"
)
DAY = 86_400


@pytest.fixture
def flow(root):
    (root / "flows" / "due.yaml").write_text(CRON)
    return "flows/due.yaml"


def test_both_executors_answer_alike(executor, flow):
    begin = 1_795_600_000  # 2026-11-25 09:46:40 UTC
    found = executor.schedules.upcoming(begin, begin + 7 * DAY, flow)
    # 6:00 in Paris is 5:00 UTC in winter; 28 and 29 November are a weekend.
    assert [time.strftime("%m-%d %H:%M", time.gmtime(each.due)) for each in found] == [
        "11-26 05:00", "11-27 05:00", "11-30 05:00", "12-01 05:00", "12-02 05:00",
    ]  # fmt: skip
    assert found[0].zone == "Europe/Paris" and found[0].reason is None
    assert executor.schedules.verdicts(flow, 0, 4e9) == []
    assert executor.schedules.why(flow, 1000).text("en") == "The flow was off: it has never been switched on."
    assert executor.schedules.next_due(flow) is None
    executor.watch(flow)
    following = executor.schedules.next_due(flow)
    assert following is not None and 0 < following - time.time() < 4 * DAY and following % 3600 == 0
    assert list(executor.schedules.problems()) == []
    with pytest.raises(Refused) as refused:
        executor.schedules.answer(flow, "t", 1000, True, "ann")
    assert refused.value.missing
    for call in (
        lambda: executor.schedules.upcoming(float("nan"), 1, flow),
        lambda: executor.schedules.upcoming(0, 1e300, flow),
        lambda: executor.schedules.why("../outside.yaml", 1000),
    ):
        with pytest.raises((Refused, ValueError)):
            call()


def test_what_is_wrong_is_told(executor, root):
    (root / "calendars.yaml").write_text("c: {country: ZZ}\n")
    (root / "flows" / "wrong.yaml").write_text(CRON.replace("0 6 * *", "61 6 * *"))
    executor.watch("flows/wrong.yaml")
    assert [(problem.place.file, problem.place.line) for problem in executor.schedules.problems()] == [
        ("calendars.yaml", 1), ("flows/wrong.yaml", None),
    ]  # fmt: skip
    with pytest.raises(Refused, match="minute"):
        executor.schedules.upcoming(0, 1000, "flows/wrong.yaml")


def test_the_command_line(root, flow):
    (root / "calendars.yaml").write_text("c: {exclude: [{date: 2026-12-24, reason: Inventory}]}\n")
    (root / flow).write_text(CRON.replace("timezone:", "calendar: c, timezone:"))

    def call(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tisserand.cli.main", "--lang", "en", "schedule", *words, "--workspace", str(root)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done
        return done.stdout

    shown = call("preview", "due", "--since", "2026-12-23", "--limit", "3").splitlines()
    assert [line.split("  ")[0] for line in shown[1:]] == [
        "2026-12-23 06:00:00 +0100", "2026-12-24 06:00:00 +0100", "2026-12-25 06:00:00 +0100",
    ]  # fmt: skip
    assert "Inventory" in shown[2]
    document = json.loads(call("preview", "due", "--since", "2026-12-23", "--months", "1", "--json"))
    assert len(document["due"]) == 23 and not document["more"]
    assert call("why", "due", "2026-11-24 06:00") == "The flow was off: it has never been switched on.\n"
    assert json.loads(call("why", "due", "2026-11-24 06:00", "--json"))["time"] == 1_795_496_400
    assert "No due time was judged" in call("verdicts")
    assert json.loads(call("verdicts", "due", "--json")) == {"verdicts": []}
    assert "No flow is on." in call("list")
    call("answer", "due", "2026-11-24 06:00", "--leave", code=2)
    call("answer", "due", "--leave", code=2)
    call("why", "due", "soon", code=2)
    for ask in (("why", "due", "1900-01-01 06:00"), ("preview", "due", "--since", "9999-12-31")):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tisserand.cli.main", "--lang", "fr", "schedule", *ask, "--workspace", str(root)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2 and done.stderr.endswith("n’est pas un moment entre 1970 et 2100.\n"), done
    assert "due" in call("preview", "due", "--since", "2099-12-30", "--months", "60", "--limit", "1")
    call("preview", "due", "--months", "nan", "--limit", "1")


def test_check_refuses_what_never_comes_and_what_is_not_there(executor, root):
    text = """\
tisserand: 1
id: wrong
nodes:
  never: {kind: trigger.cron, config: {cron: "0 6 30 2 *"}}
  lost: {kind: trigger.interval, config: {every: 1h, calendar: nowhere}}
"""
    found = [(each.place.node, each.place.field, each.place.line) for each in executor.check(text=text)]
    assert found == [("never", "config.cron", 4), ("lost", "config.calendar", 5)]
