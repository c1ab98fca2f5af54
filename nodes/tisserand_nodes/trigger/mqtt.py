"""MQTT: messages of a broker start the flow, each acknowledged once it is kept."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import (
    Arrivals,
    Arrived,
    Config,
    Duration,
    Grouping,
    ListenContext,
    NodeError,
    Schema,
    Trigger,
    Unit,
    When,
    Words,
    msg,
)
from tisserand_nodes.mqtt.connection import Mqtt, MqttConnection
from tisserand_nodes.trigger.payload import Form, PayloadColumn, Reading, columns_of, problems

TOGETHER = 2_000
"""The most messages that are kept in one transaction."""
LOOK = 0.5
"""Seconds between two looks at whether listening is over."""


class MqttConfig(Config):
    connection: MqttConnection
    """The broker."""
    topics: tuple[str, ...]
    """The topics to listen to, for example `plant/+/temperature` or `plant/#`: `+` stands for one level, `#` for all below."""
    qos: Annotated[
        Literal[0, 1, 2], Words(**{"0": "At most once", "1": "At least once", "2": "Exactly once, between broker and us"})
    ] = 1
    """How sure delivery is. With 0, messages are lost while nobody listens; with 1 and 2 the broker keeps them for us."""
    payload: Annotated[Form, Words(text="Text", json="JSON, as text", columns="JSON, its values as columns", binary="Bytes")] = (
        "text"
    )
    """What the messages hold."""
    columns: Annotated[tuple[PayloadColumn, ...], When(payload="columns")] = ()
    """The values of the JSON that become columns."""
    key: str = ""
    """Where in the JSON a value stands that names the message for ever, for example `id`: what the broker brings twice, which it
    may, then starts the flow once. Empty to let every delivery count."""
    window: Duration = Duration("0s")
    """Gather the messages of so long a time into one run, for example `10s`; with `0s` a run starts as soon as there are any."""
    most: Annotated[int, Unit("messages"), Field(ge=1)] = 1000
    """The most messages that one run takes."""
    ahead: Annotated[int, Unit("messages"), Field(ge=1, le=65535)] = 5000
    """How many messages the broker may send before the first of them is acknowledged; where the inbox is full, it waits there."""
    keep: Annotated[Duration, When(qos=(1, 2))] = Duration("30d")
    """How long the broker keeps messages for us while nobody listens (protocol 5; before, the broker’s own settings say that)."""


class MqttMessages(Trigger[MqttConfig]):
    """Start the flow for the messages of an MQTT broker. With a quality of 1 or 2 none is lost: the broker keeps it until it is
    safe here, and brings it again after a break. `error` and `raw` are filled in for messages that cannot be read."""

    kind, title, icon = "trigger.mqtt", "MQTT messages", "radio"

    def event(self, config: MqttConfig) -> Schema:
        around = {"topic": "string"}
        for column in columns_of(config.payload, config.columns):
            around[column.name] = column.type
        rest = {"received_at": "timestamp(6)", "qos": "int64", "retained": "boolean", "error": "string", "raw": "binary"}
        return Schema.of({**around, **rest})

    def check(self, config: MqttConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        if not config.topics:
            yield NodeError("No topic is named to listen to.", field="topics")
        for index, topic in enumerate(config.topics):
            if not _fits(topic):
                yield NodeError("“{topic}” is not a topic to subscribe to.", topic=topic, field=f"topics.{index}")
        if config.payload == "columns":
            yield from problems(config.columns)
        if config.key and config.payload == "binary":
            yield NodeError("Bytes have no field to name the message by.", field="key")

    def grouping(self, config: MqttConfig) -> Grouping:
        return Grouping(config.most, config.window.seconds)

    def listen(self, ctx: ListenContext, config: MqttConfig) -> Iterator[Arrivals]:
        """Yield what the broker brings, as much as there is at a time; acknowledge it when asked for more. The mark holds the name
        of our session at the broker, made once and at random so that no two nodes ever share one, and what it is subscribed to."""
        for wrong in self.check(config, {}):
            raise wrong
        broker = ctx.connection(config.connection)
        if not isinstance(broker, Mqtt):
            raise NodeError("The connection “{name}” is not an MQTT broker.", name=config.connection, field="connection")
        mark = dict(ctx.mark or {})
        if not str(mark.get("client", "")).startswith(f"{broker.client_id}-"):
            mark = {"client": f"{broker.client_id}-{secrets.token_hex(6)}", "topics": []}
            yield Arrivals(mark=dict(mark))
        keep = int(min(config.keep.seconds, 0xFFFFFFFE)) if config.qos else 0
        client = broker.client(mark["client"], ahead=config.ahead, keep=keep, fresh=config.qos == 0)
        reading = Reading(config.payload, config.columns, config.key)
        try:
            client.open()
            wanted = [f"{config.qos} {topic}" for topic in config.topics]
            before = mark["topics"] if client.known else []
            if before != wanted:
                # What is subscribed at the broker stands in the mark before it is: a kill in between leaves nothing behind there.
                mark["topics"] = sorted({*before, *wanted})
                yield Arrivals(mark=dict(mark))
                gone = sorted({_topic(one) for one in before} - set(config.topics))
                if gone:
                    client.unsubscribe(gone)
                for topic, granted in client.subscribe(list(config.topics), config.qos).items():
                    if granted < config.qos:
                        ctx.log(
                            msg(
                                "{where} grants “{topic}” only the quality {qos}.", where=broker.place(), topic=topic, qos=granted
                            ),
                            "warning",
                        )
                mark["topics"] = wanted
                yield Arrivals(mark=dict(mark))
            while not ctx.cancelled():
                if not ctx.room():
                    return
                taken = client.take(TOGETHER, LOOK)
                if taken:
                    yield Arrivals([_arrived(message, reading) for message in taken])
                    client.acknowledge(taken)
        finally:
            client.close()


def _arrived(message: Any, reading: Reading) -> Arrived:
    values, key = reading.read(message.payload)
    row = {
        "topic": message.topic, **values, "received_at": message.at.isoformat(), "qos": message.qos, "retained": message.retained,
    }  # fmt: skip
    return Arrived(row, None if key is None else f"{message.topic}|{key}", message.trace)


def _topic(subscribed: str) -> str:
    return subscribed.partition(" ")[2]


def _fits(topic: str) -> bool:
    """Whether it is a topic filter as the protocol has it."""
    levels = topic.split("/")
    return (
        0 < len(topic.encode()) <= 65535
        and "\0" not in topic
        and all("+" not in level or level == "+" for level in levels)
        and all("#" not in level for level in levels[:-1])
        and ("#" not in levels[-1] or levels[-1] == "#")
    )
