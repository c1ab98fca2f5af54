"""Approval: ask a person, and go the way that was decided."""

import time
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tisserand.sdk import Awaited, Config, Control, ControlContext, Duration, In, NodeError, Out, Outcome, Schema, msg
from tisserand_nodes.flow.conditions import passed_on


class ApproveConfig(Config):
    question: Annotated[str, Field(min_length=1, max_length=2000)]
    """What is asked, for example `Pay the invoices of {{ month }}?`"""
    approvers: list[str] = Field(default_factory=list)
    """Who may decide, by user name; nobody named: everybody who may use the executor."""
    comment: Literal["optional", "required"] = "optional"
    """Whether who decides must say why."""
    timeout: Duration | None = None
    """The longest time to wait for a decision: `4h`, `3d`; empty waits for ever."""
    on_timeout: Literal["fail", "approve", "reject"] = "fail"
    """When nobody decided in time: fail, or take it as approved or as rejected."""


class Approve(Control[ApproveConfig]):
    """Ask a person, in the designer, on the command line or through the API, and go on by `Approved` or by `Rejected` with the
    arriving rows; they are what is decided about.

    The run is set aside meanwhile, for days if need be, and takes neither a process nor memory. Who decided, and why, stands in the
    run's events and in the audit log.
    """

    kind, title, icon = "flow.approve", "Approval", "badge-check"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("approved", "Approved"), Out("rejected", "Rejected"))
    one_way: ClassVar[bool] = True

    def output(self, config: ApproveConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        return dict.fromkeys(("approved", "rejected"), schemas.get("table", Schema()))

    def run(self, ctx: ControlContext, config: ApproveConfig) -> Outcome:
        until = time.time() + config.timeout.seconds if config.timeout is not None else None
        asked = Awaited(
            "decision", until, question=config.question, allowed=tuple(config.approvers), comment=config.comment == "required",
            shown="table",
        )  # fmt: skip
        answer = ctx.wait(asked)
        if answer.what == "timeout":
            if config.on_timeout == "fail":
                raise NodeError("Nobody decided in time: {question}", question=config.question)
            way = "approved" if config.on_timeout == "approve" else "rejected"
            ctx.log(msg("Nobody decided in time: it counts as approved.") if way == "approved"
                    else msg("Nobody decided in time: it counts as rejected."))  # fmt: skip
        else:
            way = str(answer.data["decision"])
            about = {"person": answer.by or "–", "comment": answer.data.get("comment") or "–"}
            ctx.log(msg("Approved by {person}: {comment}", **about) if way == "approved"
                    else msg("Rejected by {person}: {comment}", **about))  # fmt: skip
        return Outcome(frozenset({way}), passed_on(ctx, way))
