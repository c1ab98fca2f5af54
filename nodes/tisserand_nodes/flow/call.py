"""Sub-flow: run another flow as one node of this one."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from tisserand.sdk import Config, Control, ControlContext, Formula, In, NodeError, Out, Outcome, Picks, Schema, msg


class CallConfig(Config):
    flow: Annotated[str, Field(min_length=1), Picks("flow")]
    """The flow to run."""
    parameters: dict[str, Formula] = Field(default_factory=dict)
    """Its parameters, each as a formula: `$month`, `2024`, `'FR'` (a text stands in single quotes)."""
    input: str = "table"
    """Name of the “Input of a sub-flow” node there that gets the rows that arrive here."""
    output: str = "table"
    """Name of the “Output of a sub-flow” node there whose rows go on from here."""


class Call(Control[CallConfig]):
    """Run another flow of the workspace and go on with its result.

    The rows that arrive here become the rows of its input; the rows of its output go on. It runs as a part of this run: its nodes
    are seen below this one, and when it fails this node fails.
    """

    kind, title, icon = "flow.call", "Sub-flow", "workflow"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("table", "Result"),)

    def output(self, config: CallConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        """Only the engine can look into the other flow; without it nothing is known."""
        return {"table": Schema()}

    def run(self, ctx: ControlContext, config: CallConfig) -> Outcome:
        parameters = evaluated(ctx, config.parameters)
        result = ctx.run_flow(config.flow, parameters, {config.input: "table"}, label="call")
        if result["state"] != "done":
            raise failure(config.flow, result)
        outputs = result["outputs"]
        if config.output in outputs:
            return Outcome(passes={"table": outputs[config.output]})
        if outputs:
            raise NodeError(
                "The flow “{flow}” has no output “{name}”. Its outputs: {known}.",
                flow=config.flow,
                name=config.output,
                known=sorted(outputs),
                field="output",
            )
        return Outcome()


def evaluated(ctx: ControlContext, formulas: Mapping[str, Formula]) -> dict[str, Any]:
    """The values of parameters that were written as formulas over this run's parameters."""
    values = {}
    for name, formula in formulas.items():
        try:
            values[name] = ctx.values(formula)
        except NodeError as error:
            error.field = f"parameters.{name}"
            raise
    return values


def failure(flow: str, result: Mapping[str, Any]) -> NodeError:
    """The error of a flow that was called and failed."""
    reason = result.get("error") or msg("It gave no reason.")
    return NodeError("The flow “{flow}” failed (run {run}): {reason}", flow=flow, run=str(result["run"]), reason=reason)
