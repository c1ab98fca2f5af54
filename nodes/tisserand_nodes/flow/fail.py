"""Fail: stop the run with a message, always or on a condition."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import Condition, Config, Control, ControlContext, In, NodeError, Out, Outcome, Schema
from tisserand_nodes.flow.conditions import condition_errors, holds, passed_on


class FailConfig(Config):
    message: Annotated[str, Field(min_length=1)]
    """What people read, for example `No orders for {{ day }}`."""
    when: Condition | None = None
    """When to fail: about all arriving rows together (`count() = 0`), or about parameters (`$day IS NULL`); empty for always."""
    about: Literal["rows", "parameters"] = "rows"
    """What the condition looks at."""


class Fail(Control[FailConfig]):
    """Stop the run with a message, for example when no rows came or a total is wrong. Otherwise arriving rows go on unchanged."""

    kind, title, icon = "flow.fail", "Fail", "octagon-x"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("table", "Rows"),)

    def check(self, config: FailConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        return () if config.when is None else condition_errors(config.when, config.about, schemas, "when")

    def run(self, ctx: ControlContext, config: FailConfig) -> Outcome:
        if config.when is None or holds(ctx, config.when, config.about):
            raise NodeError("{text}", text=config.message)
        return Outcome(passes=passed_on(ctx, "table"))
