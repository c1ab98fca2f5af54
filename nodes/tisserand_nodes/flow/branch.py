"""Branch: go one way or the other, decided once for the whole run."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from tisserand.sdk import Condition, Config, Control, ControlContext, In, NodeError, Out, Outcome, Schema
from tisserand_nodes.flow.conditions import condition_errors, holds, passed_on


class BranchConfig(Config):
    condition: Condition
    """What decides: about parameters (`$country = 'FR'`), or about all arriving rows together (`count() > 0`)."""
    about: Literal["parameters", "rows"] = "parameters"
    """What the condition looks at."""


class Branch(Control[BranchConfig]):
    """Go on one way or the other. The condition is looked at once; the nodes behind the way that is not taken are skipped.

    All arriving rows go the way that is taken. To send each row its own way, use “Split by rules” or “Filter rows”.
    """

    kind, title, icon = "flow.branch", "Branch", "git-branch"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("then", "Then"), Out("otherwise", "Otherwise"))
    one_way: ClassVar[bool] = True

    def check(self, config: BranchConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        return condition_errors(config.condition, config.about, schemas, "condition")

    def run(self, ctx: ControlContext, config: BranchConfig) -> Outcome:
        way = "then" if holds(ctx, config.condition, config.about) else "otherwise"
        return Outcome(taken=frozenset({way}), passes=passed_on(ctx, way))
