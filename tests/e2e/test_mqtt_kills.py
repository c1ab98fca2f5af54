"""Executor and broker are killed while devices publish: what the sinks hold in the end is what was published, each message once."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def load(name: str) -> Any:
    path = Path(__file__).parents[1] / "servers" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tests_servers_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def survive(root: Path, *, seed: int, kills: int, count: int, rate: float) -> None:
    """`kills` of each, at random moments while `count` messages are published at `rate`; then all is left to settle."""
    chance = random.Random(seed)
    load_ = load("mqtt_load")
    with load("mosquitto").running() as broker:
        plant = load_.Plant(root, broker)
        try:
            plant.start()
            plant.on()
            publisher = plant.publish(0, count, rate)
            moments = sorted(
                (chance.uniform(0.1, 0.9) * count / rate, who) for who in ("executor", "broker") for _ in range(kills)
            )
            began = time.monotonic()
            for moment, who in moments:
                time.sleep(max(0.0, began + moment - time.monotonic()))
                if who == "executor":
                    plant.kill()
                    plant.start()
                else:
                    broker.kill()
                    broker.start()
            said = json.loads(publisher.communicate(timeout=120)[0])
            assert (
                said["breaks"] >= 1 and said["sent"] > count
            )  # the broker was killed under load, and devices repeated themselves
            load_.until(lambda: plant.served() >= count and plant.settled(), 240)
            time.sleep(1.5)  # nothing more may come
            each = plant.ask("sink.sqlite", "SELECT id, topic, value FROM readings ORDER BY id")
            windows = plant.ask(
                "sink.sqlite", "SELECT device, sum(readings), sum(total) FROM windows GROUP BY device ORDER BY device"
            )
        finally:
            plant.stop()
    assert each == [(id, f"plant/d{id % 20}/t", float(id % 100)) for id in range(count)]
    wanted: dict[str, list[int]] = {}
    for id in range(count):
        wanted.setdefault(f"d{id % 20}", []).append(id % 100)
    assert windows == [(device, len(values), float(sum(values))) for device, values in sorted(wanted.items())]


@pytest.mark.timeout(300)
def test_two_kills_of_each_under_load(tmp_path: Path) -> None:
    survive(tmp_path / "w", seed=4, kills=2, count=6_000, rate=600)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_kills_of_each_under_load(tmp_path: Path) -> None:
    survive(tmp_path / "w", seed=5, kills=10, count=200_000, rate=2_500)


@pytest.mark.timeout(120)
def test_what_is_wrong_is_told_and_it_recovers_by_itself(tmp_path: Path) -> None:
    from tisserand.service.serve import connect

    load_ = load("mqtt_load")
    with load("mosquitto").running(start=False) as broker:
        plant = load_.Plant(tmp_path / "w", broker)
        try:
            plant.start()
            executor = connect(plant.root)
            executor.watch(load_.FILE)

            def told() -> str:
                problem = executor.watches()[0].problem
                return problem.message.text("en") if problem is not None else ""

            load_.until(lambda: f"127.0.0.1:{broker.port} cannot be reached: " in told(), 30)
            broker.start()
            load_.until(lambda: "1 plant/+/t" in (plant.mark() or {}).get("topics", ()) and not told(), 30)
            time.sleep(0.5)
            plant.publish(0, 50, 0).communicate(timeout=30)
            load_.until(lambda: plant.served() >= 50, 60)
            broker.kill()
            load_.until(lambda: told() != "", 30)  # lost, or not to be reached again: a sentence either way
            assert f"127.0.0.1:{broker.port}" in told()
            broker.start()
            plant.publish(50, 50, 0).communicate(timeout=30)
            load_.until(lambda: plant.served() >= 100, 60)
            assert told() == ""
            executor.close()
        finally:
            plant.stop()
