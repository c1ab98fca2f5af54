"""Whose turn it is, over made-up lines: the rules one by one, and what holds for all of them."""

from __future__ import annotations

import random

import pytest

from tisserand.service.queue.turns import Asking, Holds, verdicts
from tisserand.texts import msg


def asking(run, flow=None, since=0.0, memory=1, overlap=None, called=False):
    return Asking(run, flow or run, f"flows/{flow or run}.yaml", since, memory, overlap, called)


def whats(line, busy=(), runs=2, memory=100, holds=None):
    return {v.asking.run: (v.what, v.other) for v in verdicts(line, busy, runs, memory, holds or Holds())}


def test_the_first_of_the_line_begin_as_far_as_there_is_room():
    line = [asking("a"), asking("b"), asking("c")]
    assert whats(line) == {"a": ("begin", None), "b": ("begin", None), "c": ("wait", None)}
    assert whats(line, [asking("x"), asking("y")]) == dict.fromkeys("abc", ("wait", None))
    (last,) = verdicts([asking("a")], [asking("x"), asking("y")], 2, 100, Holds())
    assert last.reason.text("en") == "runs under way: 2 of 2"


def test_memory_is_kept_free_for_a_large_run_and_one_alone_always_begins():
    line = [asking("large", memory=90), asking("small", memory=1)]
    assert whats(line, [asking("x", memory=20)], runs=9) == {"large": ("wait", None), "small": ("wait", None)}
    assert whats(line, [asking("x", memory=5)], runs=9) == {"large": ("begin", None), "small": ("begin", None)}
    assert whats([asking("giant", memory=1000)]) == {"giant": ("begin", None)}
    assert whats([asking("giant", memory=1000), asking("b")], runs=9) == {"giant": ("begin", None), "b": ("wait", None)}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("skip", ("skip", "x")), ("queue", ("wait", "x")), ("replace", ("replace", "x")), (None, ("begin", None))],
)
def test_the_overlap_rule_needs_no_room(rule, expected):
    line = [asking("a", "f", overlap=rule), asking("b")]
    assert whats(line, [asking("x", "f")], runs=2)["a"] == expected
    if rule:
        assert whats(line, [asking("x", "f"), asking("y")], runs=2) == {"a": expected, "b": ("wait", None)}
    assert whats(line, [asking("x", "f", called=True)], runs=9)["a"] == ("begin", None)


def test_of_two_that_are_queued_together_one_begins():
    assert whats([asking("a", "f", 1, overlap="skip"), asking("b", "f", 2, overlap="skip")], runs=9) == {
        "a": ("begin", None),
        "b": ("skip", "a"),
    }
    line = [asking("a", "f", 1, overlap="replace"), asking("b", "f", 2, overlap="replace")]
    assert whats(line, runs=9) == {"a": ("replaced", "b"), "b": ("begin", None)}


def test_what_is_paused_waits_and_holds_up_nobody():
    line = [asking("a", "f", overlap="skip"), asking("b")]
    holds = Holds(flows={"flows/f.yaml": msg("flow is paused by {by}", by="ann")})
    assert whats(line, [asking("x", "f")], holds=holds) == {"a": ("wait", None), "b": ("begin", None)}
    assert whats(line, holds=Holds(runs={"b": msg("run is paused")})) == {"a": ("begin", None), "b": ("wait", None)}
    assert whats(line, holds=Holds(all=msg("queue is paused by {by}", by="ann"))) == dict.fromkeys("ab", ("wait", None))


def test_over_random_lines_no_limit_is_passed_and_nobody_waits_without_need():
    seeded = random.Random(4)
    for _ in range(2000):
        flows = "fgh"
        runs, memory = seeded.randint(1, 4), seeded.randint(5, 20)
        busy = [asking(f"x{n}", seeded.choice(flows), memory=seeded.randint(1, 6)) for n in range(seeded.randint(0, 3))]
        rules = {flow: seeded.choice(["skip", "queue", "replace", None]) for flow in flows}
        line = []
        for n in range(seeded.randint(0, 8)):
            flow = seeded.choice(flows)
            line.append(asking(f"q{n}", flow, float(n), seeded.randint(1, 25), rules[flow]))
        found = verdicts(line, busy, runs, memory, Holds())
        assert [v.asking for v in found] == line
        begun = [v.asking for v in found if v.what == "begin"]
        under = busy + begun
        assert not begun or len(under) <= runs
        assert not begun or sum(each.memory for each in under) <= memory or len(under) == 1
        for flow, rule in rules.items():
            if rule is not None and any(each.flow == flow for each in begun):
                assert sum(each.flow == flow for each in under) == 1
        if line and not busy:
            assert begun, "something always goes on"
        assert all(v.reason is not None for v in found if v.what == "wait")
