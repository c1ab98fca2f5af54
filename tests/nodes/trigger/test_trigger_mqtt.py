"""MQTT messages from a real broker: each quality, every form of payload, and whatever may go wrong between the two."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from tisserand.sdk import NodeError
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.listening import Listening, ListenLone
from tisserand.sdk.testing import config_of
from tisserand_nodes.mqtt.connection import Mqtt
from tisserand_nodes.trigger.mqtt import MqttMessages


def send(broker: Any, *messages: tuple[str, str | bytes], qos: int = 1, retain: bool = False) -> None:
    """Publish past everything of ours."""
    publish.multiple([(topic, payload, qos, retain) for topic, payload in messages], hostname=broker.host, port=broker.port)


def reach(broker: Any, **more: Any) -> Mqtt:
    return Mqtt(host=broker.host, port=broker.port, **{"tls": "none", "timeout": 5, **more})


def hear(broker: Any, folder: Path, *topics: str, mark: Any = None, known: frozenset[str] = frozenset(), **raw: Any) -> Listening:
    connection = raw.pop("reach", None) or reach(broker)
    return Listening(
        MqttMessages, {"connection": "b", "topics": list(topics), **raw}, folder,
        mark=mark, known=known, connections={"b": connection},
    )  # fmt: skip


def subscribed(heard: Listening, marks: int = 3) -> None:
    """Its name, what it is about to subscribe to, and that it has, are kept one after the other."""
    heard.wait(lambda: heard.batches >= marks)


def payloads(rows: Sequence[Any]) -> list[str]:
    return [row["payload"] for row in rows]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_arrive_in_order_with_what_is_known_of_them(broker: Any, tmp_path: Path, protocol: Any, qos: int) -> None:
    root = f"order/{protocol}/{qos}"
    with hear(broker, tmp_path, f"{root}/+/t", reach=reach(broker, protocol=protocol), qos=qos) as heard:
        subscribed(heard)
        send(broker, *((f"{root}/{i % 3}/t", f"é {i}") for i in range(60)), (f"{root}/0/other", "no"), qos=qos)
        rows = heard.rows(60)
        time.sleep(0.1)
    assert payloads(rows) == [f"é {i}" for i in range(60)]
    assert [row["topic"] for row in rows] == [f"{root}/{i % 3}/t" for i in range(60)]
    assert {(row["qos"], row["retained"], row["error"], row["raw"]) for row in rows} == {(qos, False, None, None)}
    assert all(event.key is None for event in heard.events)


def test_what_is_sent_while_nobody_listens_waits_at_the_broker(broker: Any, tmp_path: Path) -> None:
    with hear(broker, tmp_path, "away/#") as heard:
        subscribed(heard)
        send(broker, ("away/a", "1"))
        heard.rows(1)
    send(broker, ("away/a", "2"), ("away/b", "3"))
    with hear(broker, tmp_path, "away/#", mark=heard.mark) as again:
        assert payloads(again.rows(2)) == ["2", "3"]
    assert again.mark == heard.mark


def test_what_was_not_kept_comes_again(broker: Any, tmp_path: Path) -> None:
    """The one who keeps the messages dies before they are safe: it never asks for more, so nothing was acknowledged."""
    with hear(broker, tmp_path, "lost/#") as heard:
        subscribed(heard)
    send(broker, *(("lost/a", str(i)) for i in range(5)))
    ctx = ListenLone(tmp_path, connections={"b": reach(broker)})
    ctx.begin(heard.mark, threading.Event())
    config = config_of(MqttMessages, {"connection": "b", "topics": ["lost/#"]})
    seen: list[str] = []
    listening = MqttMessages().listen(ctx, config)
    while len(seen) < 5:
        arrivals = next(listening)
        seen += [event.row["payload"] for event in arrivals.events]
    first = len(arrivals.events)
    listening.close()  # the last batch was brought, and nobody asked for more
    with hear(broker, tmp_path, "lost/#", mark=heard.mark) as again:
        assert payloads(again.rows(first)) == seen[-first:]


def test_a_full_inbox_leaves_the_messages_at_the_broker(broker: Any, tmp_path: Path) -> None:
    with hear(broker, tmp_path, "full/#", ahead=20) as heard:
        subscribed(heard)
        with heard.hold():
            time.sleep(0.7)  # it has come to where it waits for room
            send(broker, *(("full/a", str(i)) for i in range(300)))
            time.sleep(0.5)
            assert heard.delivered <= 20
        assert payloads(heard.rows(300)) == [str(i) for i in range(300)]


def test_columns_of_json(broker: Any, tmp_path: Path) -> None:
    columns = [
        {"column": "value", "type": "float64", "path": "data.value"},
        {"column": "count", "type": "int64"},
        {"column": "at", "type": "timestamp(6)"},
        {"column": "price", "type": "decimal(10, 2)"},
        {"column": "first", "path": "list.0"},
        {"column": "on", "type": "boolean"},
    ]
    whole = {"data": {"value": 1}, "count": 3, "at": 1700000000, "price": 2.5, "list": ["x", 2], "on": True, "id": 7}
    bad = {
        "no json": b"{",
        "no utf-8": b"\xff\xfe",
        "no object": b"[1]",
        "wrong type": json.dumps({**whole, "count": "many"}).encode(),
        "fraction": json.dumps({**whole, "count": 1.5}).encode(),
        "too large": json.dumps({**whole, "count": 2**63}).encode(),
        "empty": b"",
    }
    with hear(broker, tmp_path, "json/#", payload="columns", columns=columns, key="id") as heard:
        subscribed(heard)
        send(broker, ("json/a", json.dumps(whole)), ("json/a", json.dumps({"id": 8})), *(("json/b", p) for p in bad.values()))
        rows = heard.rows(2 + len(bad))
    names = [column["column"] for column in columns]
    assert [rows[0][name] for name in names] == [1.0, 3, "2023-11-14T22:13:20+00:00", "2.5", "x", True]
    assert [rows[1][name] for name in names] == [None] * 6 and rows[1]["error"] is None
    assert [event.key for event in heard.events[:2]] == ["json/a|7", "json/a|8"]
    for row, payload in zip(rows[2:], bad.values(), strict=True):
        assert [row[name] for name in names] == [None] * 6
        assert row["error"] and base64.b64decode(row["raw"]) == payload
    config = config_of(MqttMessages, {"connection": "b", "topics": ["a"], "payload": "columns", "columns": columns})
    assert list(MqttMessages().event(config).names) == ["topic", *names, "received_at", "qos", "retained", "error", "raw"]


def test_the_same_key_twice_is_one_event(broker: Any, tmp_path: Path) -> None:
    with hear(broker, tmp_path, "twice/#", payload="json", key="meta.id") as heard:
        subscribed(heard)
        one, two = '{"meta": {"id": "a"}}', '{"meta": {"id": "b"}}'
        send(broker, ("twice/x", one), ("twice/x", one), ("twice/y", one), ("twice/x", two))
        heard.wait(lambda: heard.delivered == 4)
    assert [event.key for event in heard.events] == ["twice/x|a", "twice/y|a", "twice/x|b"]


def test_bytes_and_traces(broker: Any, tmp_path: Path) -> None:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("traceparent", trace)]
    import paho.mqtt.client as paho

    with hear(broker, tmp_path, "bytes", payload="binary") as heard:
        subscribed(heard)
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect(broker.host, broker.port)
        client.loop_start()
        client.publish("bytes", b"\x00\xff", 1, properties=properties).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        assert base64.b64decode(heard.rows(1)[0]["payload"]) == b"\x00\xff"
    assert heard.events[0].trace == trace


def test_retained_messages_come_once(broker: Any, tmp_path: Path) -> None:
    send(broker, ("kept/a", "old"), retain=True)
    with hear(broker, tmp_path, "kept/#") as heard:
        assert heard.rows(1)[0]["retained"] is True
    with hear(broker, tmp_path, "kept/#", mark=heard.mark) as again:
        send(broker, ("kept/b", "new"))
        assert payloads(again.rows(1)) == ["new"]


def test_other_topics_take_the_place_of_the_old(broker: Any, tmp_path: Path) -> None:
    with hear(broker, tmp_path, "before/#", "both") as heard:
        subscribed(heard)
    with hear(broker, tmp_path, "both", "after/#", mark=heard.mark) as again:
        again.wait(lambda: again.mark["topics"] == ["1 both", "1 after/#"])
        send(broker, ("before/a", "no"), ("after/a", "yes"), ("both", "yes too"))
        assert payloads(again.rows(2)) == ["yes", "yes too"]


def test_two_nodes_never_share_a_session(broker: Any, tmp_path: Path) -> None:
    with hear(broker, tmp_path, "share") as one, hear(broker, tmp_path, "share") as two:
        subscribed(one), subscribed(two)
        send(broker, ("share", "1"), ("share", "2"))
        assert payloads(one.rows(2)) == payloads(two.rows(2)) == ["1", "2"]
    assert one.mark["client"] != two.mark["client"]


@pytest.fixture
def own(servers: Any) -> Iterator[Any]:
    """A broker that the test may stop."""
    with servers("mosquitto").running(start=False) as found:
        yield found


def test_a_broker_that_is_away_and_comes_back(own: Any, tmp_path: Path) -> None:
    with hear(own, tmp_path, "a/#") as heard:
        assert f"127.0.0.1:{own.port} cannot be reached" in str(heard.failure())
    own.start()
    with hear(own, tmp_path, "a/#", mark=heard.mark) as heard:
        subscribed(heard, 2)
        send(own, ("a/1", "before"))
        heard.rows(1)
        own.stop()
        wrong = heard.failure()
        assert isinstance(wrong, NodeError) and wrong.retry
        assert str(wrong).startswith(f"The connection to 127.0.0.1:{own.port} was lost: ")
    own.start()
    send(own, ("a/1", "meanwhile"))
    with hear(own, tmp_path, "a/#", mark=heard.mark) as heard:
        heard.wait(lambda: "meanwhile" in payloads([event.row for event in heard.events]))  # “before” may come again


def test_a_connection_cut_in_the_middle(own: Any, tmp_path: Path) -> None:
    """What was on its way comes again over the next connection, and by its key it counts once."""
    own.start()
    with hear(own, tmp_path, "cut", ahead=50, payload="json", key="id") as heard:
        subscribed(heard)
        send(own, *(("cut", json.dumps({"id": i})) for i in range(200)))
        own.kill()
        heard.failure()
    own.start()
    send(own, *(("cut", json.dumps({"id": i})) for i in range(200)))  # the device repeats what the broker had not saved
    with hear(own, tmp_path, "cut", mark=heard.mark, known=heard.keys, payload="json", key="id") as again:
        again.wait(lambda: len(again.keys) == 200)
    ids = [json.loads(event.row["payload"])["id"] for event in [*heard.events, *again.events]]
    assert sorted(ids) == list(range(200))


def test_passwords(servers: Any, tmp_path: Path) -> None:
    with servers("mosquitto").running(login=("sensor", "s3cret"), acl="user sensor\ntopic read open/#\n") as broker:
        good = reach(broker, user="sensor", password=FilledSecret("s3cret"))
        assert good.check().text("en") == (f"MQTT broker at 127.0.0.1:{broker.port}, protocol 5, encryption –, logged in: sensor")
        for protocol in ("5", "3.1.1"):
            wrong = reach(broker, user="sensor", password=FilledSecret("other-word"), protocol=protocol)
            with pytest.raises(NodeError, match="does not let “sensor” in: Not authorized") as found:
                wrong.check()
            assert "other-word" not in str(found.value)
            with hear(broker, tmp_path, "open/#", reach=wrong) as heard:
                assert "does not let “sensor” in" in str(heard.failure())
        with hear(broker, tmp_path, "open/#", "closed/#", reach=good) as heard:
            time.sleep(0.3)


def test_a_password_does_not_leave_the_machine_in_the_clear() -> None:
    there = Mqtt(host="192.0.2.1", tls="none", user="u", password=FilledSecret("p"), timeout=1)
    with pytest.raises(NodeError, match=r"is not sent to 192\.0\.2\.1:8883 in the clear"):
        there.check()


def test_tls(servers: Any, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    with servers("mosquitto").running(certificate=certificate) as broker:
        good = reach(broker, tls="tls", ca_file=broker.ca_file)
        assert "encryption TLS" in good.check().text("en")
        with hear(broker, tmp_path, "s/#", reach=good) as heard:
            subscribed(heard)
            import ssl

            large = "x" * 300_000  # several TLS records, and more than one piece of the buffer
            context = ssl.create_default_context(cafile=broker.ca_file)
            import paho.mqtt.client as paho

            client = paho.Client(paho.CallbackAPIVersion.VERSION2)
            client.tls_set_context(context)
            client.connect(broker.host, broker.port)
            client.loop_start()
            for i in range(20):
                client.publish("s/a", f"{i}{large}", 1)
            assert [len(row["payload"]) for row in heard.rows(20)] == [300_000 + len(str(i)) for i in range(20)]
            client.disconnect()
            client.loop_stop()
        with pytest.raises(NodeError, match="the encryption fails: self-signed certificate"):
            reach(broker, tls="tls").check()
        with hear(broker, tmp_path, "s/#", reach=reach(broker, tls="tls")) as heard:
            assert "the encryption fails: self-signed certificate" in str(heard.failure())
        with pytest.raises(NodeError, match=r"The certificates in “none\.pem” cannot be read"):
            reach(broker, tls="tls", ca_file="none.pem").check()
        with pytest.raises(NodeError, match=r"cannot be reached|was lost"):
            reach(broker, tls="none").check()


@pytest.mark.parametrize("topic", ["", "a/#/b", "a#", "a/b+", "a\0b"])
def test_a_topic_that_is_none(broker: Any, tmp_path: Path, topic: str) -> None:
    with hear(broker, tmp_path, "fine", topic) as heard:
        wrong = heard.failure()
    assert isinstance(wrong, NodeError) and "is not a topic to subscribe to" in str(wrong) and wrong.field == "topics.1"
