"""Months of normal runs raise nothing; each fault put among them raises one alert, within a minute."""

import pytest

SLOW = ["nightly", "weekdays", "weekly", "month-end", "growing"]
ALL = [*SLOW, "five"]


def shown(alerts):
    return [(alert.rule, alert.flow, alert.message.text("en")) for alert in alerts]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_normal_month_is_quiet(plants, seed):
    plant = plants(seed)
    plant.learn(SLOW, 190)
    plant.run(SLOW, 31)
    assert shown(plant.alerts()) == []


@pytest.mark.parametrize("seed", [4])
def test_a_flow_that_runs_all_the_time_is_quiet(plants, seed):
    plant = plants(seed)
    plant.learn(["five"], 16)
    plant.run(["five"], 6)
    assert shown(plant.alerts()) == []


def test_the_first_weeks_are_quiet(plants):
    """Nothing is known before: weekends, ends of months, growth come as a surprise, and are none."""
    plant = plants(6)
    plant.run(SLOW, 62)
    assert shown(plant.alerts()) == []
    fresh = plants(7)
    fresh.now += 3 * 86400  # a Thursday: the weekend comes early
    fresh.run(["five"], 5)
    assert shown(fresh.alerts()) == []


FAULTS = {
    "failed": "failed", "missing": "missing", "duration": "duration", "no_rows": "no_rows", "rows": "rows", "rejects": "rejects",
    "drift": "drift", "columns": "drift",
}  # fmt: skip


def faults_of(plants, *given):
    return [plants.Fault(flow, kind, nth) for flow, kind, nth in given]


SLOW_FAULTS = [
    ("nightly", "failed", 2), ("nightly", "duration", 5), ("nightly", "no_rows", 8), ("nightly", "rows", 11),
    ("nightly", "rejects", 14), ("nightly", "drift", 17), ("nightly", "missing", 20), ("nightly", "columns", 25),
    ("weekdays", "failed", 9), ("weekdays", "duration", 3), ("weekdays", "no_rows", 12), ("weekdays", "missing", 6),
    ("weekdays", "rows", 16),
    ("weekly", "duration", 1), ("weekly", "no_rows", 2), ("weekly", "missing", 3),
    ("month-end", "duration", 4), ("month-end", "failed", 9), ("month-end", "rows", 15), ("month-end", "missing", 21),
    ("growing", "duration", 3), ("growing", "rows", 10), ("growing", "no_rows", 20), ("growing", "missing", 27),
]  # fmt: skip


@pytest.mark.parametrize("seed", [11, 12])
def test_each_fault_raises_one_alert_within_a_minute(plants, seed):
    plant = plants(seed)
    plant.learn(SLOW, 190)
    faults = faults_of(plants, *SLOW_FAULTS)
    plant.run(SLOW, 38, faults)
    compare(plant, faults)


def test_each_fault_of_a_flow_that_runs_all_the_time(plants):
    plant = plants(13)
    plant.learn(["five"], 16)
    kinds = ["failed", "missing", "duration", "no_rows", "rows", "rejects", "drift", "columns"]
    faults = faults_of(plants, *(("five", kind, 120 + 40 * n) for n, kind in enumerate(kinds)))
    plant.run(["five"], 3, faults)
    compare(plant, faults)


def compare(plant, faults):
    """Exactly one alert for each fault, its own, when it could be seen; nothing else; all over in the end."""
    alerts = plant.alerts()
    expected = sorted((FAULTS[fault.kind], fault.flow) for fault in faults)
    assert sorted((alert.rule, alert.flow) for alert in alerts) == expected, shown(alerts)
    for fault in faults:
        # A start that does not come can be missed from when it is later than the pause before it, by half of it or 75 minutes.
        grace = {"five": 300 / 2 + 60, "missing": 4500 + 900}.get(fault.flow, 4500 + 900) if fault.kind == "missing" else 0
        near = [
            a for a in alerts if (a.rule, a.flow) == (FAULTS[fault.kind], fault.flow) and 0 <= a.told - fault.at <= grace + 60
        ]
        assert len(near) == 1, (fault, shown(alerts))
        assert near[0].count == 1
    assert [alert.state for alert in alerts] == ["resolved"] * len(alerts)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_whole_months_of_everything(plants, seed):
    plant = plants(seed)
    plant.learn(ALL, 60)
    plant.run(ALL, 31)
    assert shown(plant.alerts()) == []
