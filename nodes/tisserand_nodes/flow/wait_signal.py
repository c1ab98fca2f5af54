"""Wait for a signal: go on when another system, a flow or a person says so."""

import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Awaited, Column, Config, Control, ControlContext, Duration, Formula, In, NodeError, Out, Outcome, Schema
from tisserand.sdk.columns import type_named
from tisserand_nodes.flow.conditions import passed_on
from tisserand_nodes.flow.signals import key_errors, key_value

_BESIDE = ("key", "by", "sent_at")


class WaitSignalConfig(Config):
    signal: Annotated[str, Field(min_length=1, max_length=200)]
    """The name of the signal: `tisserand signal NAME`, or “Send a signal”."""
    key: Formula | None = None
    """Take only a signal with this key: a formula such as `$order` or `max(order_id)`; empty takes every one of the name."""
    about: Literal["rows", "parameters"] = "parameters"
    """What the key is taken from: all arriving rows together, or the parameters."""
    columns: dict[str, str] = Field(default_factory=dict)
    """What the data of the signal holds, with the types: `text`, `integer`, `number`, `boolean`, `date`, `timestamp` … Without
    any, the data goes on as one JSON text in the column `data`."""
    timeout: Duration | None = None
    """The longest time to wait: `2h`, `3d`; empty waits for ever."""
    on_timeout: Literal["fail", "continue"] = "fail"
    """When nothing came in time: fail, or go on by `Nothing came`."""


class WaitSignal(Control[WaitSignalConfig]):
    """Wait until a signal comes from outside: from the command line, the API, or a flow that sends it. A signal that was sent before
    is taken at once; each signal is taken once.

    `Signal` carries its data as one row; arriving rows go on by `Rows`, or by `Nothing came` when the time is over. The run is set
    aside meanwhile, for days if need be, and takes neither a process nor memory.
    """

    kind, title, icon = "flow.wait_signal", "Wait for a signal", "radio"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("signal", "Signal"), Out("table", "Rows"), Out("timeout", "Nothing came"))

    def check(self, config: WaitSignalConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        yield from key_errors(config.key, config.about, schemas)
        try:
            _columns(config)
        except NodeError as error:
            error.field = "columns"
            yield error

    def output(self, config: WaitSignalConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        rows = schemas.get("table", Schema())
        return {"signal": _columns(config), "table": rows, "timeout": rows}

    def run(self, ctx: ControlContext, config: WaitSignalConfig) -> Outcome:
        until = time.time() + config.timeout.seconds if config.timeout is not None else None
        key = key_value(ctx, config.key, config.about)
        answer = ctx.wait(Awaited("signal", until, config.signal, key))
        if answer.what == "timeout":
            if config.on_timeout == "fail":
                raise NodeError("The signal “{signal}” did not come in time.", signal=config.signal)
            return Outcome(frozenset({"timeout"}), passed_on(ctx, "timeout"))
        data: Mapping[str, Any] = answer.data["data"]
        row = ctx.fitting(
            {"data": data, "key": answer.data.get("key"), "by": answer.by, "sent_at": answer.at, **_asked(config, data)},
            _columns(config),
        )
        return Outcome(frozenset({"signal", "table"}), {"signal": [row], **passed_on(ctx, "table")})


def _asked(config: WaitSignalConfig, data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data.get(name) for name in config.columns}


def _columns(config: WaitSignalConfig) -> Schema:
    from tisserand.sdk.arrow import type_text

    found = [Column(name, type_text(type_named(text))) for name, text in config.columns.items()] or [Column("data", "string")]
    beside = {"key": "string", "by": "string", "sent_at": "timestamp(6)"}
    found += [Column(name, beside[name]) for name in _BESIDE if name not in config.columns]
    return Schema(tuple(found))
