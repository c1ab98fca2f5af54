"""Send a signal: tell the runs that wait for it to go on."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, Control, ControlContext, Formula, In, NodeError, Out, Outcome, Schema
from tisserand_nodes.flow.conditions import passed_on
from tisserand_nodes.flow.signals import key_errors, key_value


class SendSignalConfig(Config):
    signal: Annotated[str, Field(min_length=1, max_length=200)]
    """The name of the signal."""
    key: Formula | None = None
    """Whom it is for: a formula for a value that the waiting run names too, such as `$order` or `max(order_id)`."""
    about: Literal["rows", "parameters"] = "parameters"
    """What the key is taken from: all arriving rows together, or the parameters."""


class SendSignal(Control[SendSignalConfig]):
    """Send a signal to the run that waits for it longest. Where none waits yet, the signal is kept until one does.

    The first arriving row goes with it as its data. All rows go on unchanged.
    """

    kind, title, icon = "flow.send_signal", "Send a signal", "send"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("table", "Rows"),)

    def check(self, config: SendSignalConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        return key_errors(config.key, config.about, schemas)

    def run(self, ctx: ControlContext, config: SendSignalConfig) -> Outcome:
        key = key_value(ctx, config.key, config.about)
        ctx.send_signal(config.signal, key, _first_row(ctx))
        return Outcome(passes=passed_on(ctx, "table"))


def _first_row(ctx: ControlContext) -> Mapping[str, Any]:
    for batch in ctx.rows("table"):
        if batch.num_rows:
            row: dict[str, Any] = batch.slice(0, 1).to_pylist()[0]
            return row
    return {}
