"""MQTT bench: quality 1 from mosquitto through the durable inbox into windowed aggregates, and what binds.

Usage: bench_mqtt.py [MESSAGES] — 100,000 messages of about 30 bytes from 20 devices, as fast as broker and executor take them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from measure import table

SERVERS = Path(__file__).resolve().parents[1] / "servers"
TARGET = 10_000


def server(name: str) -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"tests_servers_{name}", SERVERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


COLUMNS = [{"column": "id", "type": "int64"}, {"column": "value", "type": "float64"}]
RAW = {"connection": "b", "topics": ["plant/+/t"], "payload": "columns", "columns": COLUMNS, "key": "id"}


def alone(load: ModuleType, root: Path, messages: int, protocol: Any) -> dict[str, float]:
    """The trigger by itself: what it brings is dropped. CPU seconds of this process are those of the trigger."""
    from tisserand.sdk.listening import Listening
    from tisserand_nodes.mqtt.connection import Mqtt
    from tisserand_nodes.trigger.mqtt import MqttMessages

    with server("mosquitto").running() as broker:
        connection = Mqtt(host=broker.host, port=broker.port, tls="none", protocol=protocol)
        plant = load.Plant(root, broker)
        with Listening(MqttMessages, RAW, root, connections={"b": connection}) as heard:
            heard.wait(lambda: heard.batches >= 3)
            cpu = time.process_time()
            publisher = plant.publish(0, messages, 0)
            heard.rows(1, 60)
            began = time.perf_counter()
            heard.rows(messages, 600)
            wall = time.perf_counter() - began
            cpu = time.process_time() - cpu
            said = json.loads(publisher.communicate(timeout=60)[0])
        plant.stop()
    return {"wall": wall, "cpu": cpu, "publisher": said["seconds"]}


def kept(root: Path, messages: int) -> dict[str, float]:
    """The inbox by itself, in transactions as large as the trigger's."""
    from tisserand.sdk.node import Arrived
    from tisserand.service.inbox.store import InboxStore

    row = {"topic": "plant/d1/t", "value": 1.0, "received_at": "2026-01-01T00:00:00+00:00", "qos": 1, "retained": False}
    row |= {"error": None, "raw": None}
    store = InboxStore(root / "inbox.sqlite")
    try:
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, messages, 2000):
            store.keep("f", "n", [Arrived({**row, "id": id}, f"plant/d1/t|{id}") for id in range(start, start + 2000)])
        return {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    finally:
        store.close()


def whole(load: ModuleType, root: Path, messages: int, protocol: Any) -> dict[str, Any]:
    """Everything: broker, executor, inbox, runs of five-second windows, aggregates in a database."""
    with server("mosquitto").running() as broker:
        plant = load.Plant(root, broker, each=False, window="5s", protocol=protocol)
        try:
            plant.start()
            plant.on()
            process = psutil.Process(plant.pid)
            before = process.cpu_times()
            began = time.perf_counter()
            publisher = plant.publish(0, messages, 0)
            load.until(lambda: plant.arrived() >= messages, 900)
            arrived = time.perf_counter() - began
            after = process.cpu_times()
            said = json.loads(publisher.communicate(timeout=60)[0])
            load.until(lambda: plant.served() >= messages, 900)
            wall = time.perf_counter() - began
            assert plant.served() == messages
            runs = plant.ask(".tisserand/inbox.sqlite", "SELECT count(DISTINCT run) FROM events")[0][0]
        finally:
            plant.stop()
    cpu = after.user + after.system - before.user - before.system
    return {"arrived": arrived, "wall": wall, "cpu": cpu, "runs": runs, "publisher": said["seconds"]}


def main(messages: int = 100_000) -> dict[str, str]:
    def each(seconds: float) -> str:
        return f"{seconds / messages * 1e6:.0f} µs"

    def rate(seconds: float) -> str:
        return f"{messages / seconds:,.0f}"

    load = server("mqtt_load")
    rows, best, least = [], 0.0, 1.0
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-mqtt-") as folder:
        inbox = kept(Path(folder), messages)
        rows.append(["inbox alone (one transaction for 2,000)", rate(inbox["wall"]), each(inbox["cpu"])])
        for protocol in ("5", "3.1.1"):
            one = alone(load, Path(folder) / f"alone-{protocol}", messages, protocol)
            two = whole(load, Path(folder) / f"whole-{protocol}", messages, protocol)
            best, least = max(best, messages / two["arrived"]), min(least, two["cpu"] / messages)
            rows += [
                [f"protocol {protocol}: trigger alone, nothing kept", rate(one["wall"]), each(one["cpu"])],
                [f"protocol {protocol}: broker → trigger → inbox, acknowledged", rate(two["arrived"]), each(two["cpu"])],
                [f"… → {two['runs']} runs of 5 s windows → aggregates in SQLite", rate(two["wall"]), ""],
            ]
    text = table(["MQTT, quality 1", "messages/s", "CPU of the executor for each"], rows)
    met = "met" if best >= TARGET else "missed"
    load_, cores = psutil.getloadavg()[0], psutil.cpu_count() or 1
    text += (
        f"\n\n{messages:,} messages; all arrived, and each was counted once. Wanted: {TARGET:,} messages/s into the inbox: {met}. "
        f"What binds is the executor's CPU (reading packets with paho, then the inbox): a core to itself would take {1 / least:,.0f}/s. "
        f"Publisher, mosquitto, executor and runs shared {cores} cores; the load at the end was {load_:.1f}."
    )
    return {"title": "MQTT", "text": text}


if __name__ == "__main__":
    print(main(*(int(argument) for argument in sys.argv[1:]))["text"])
