"""What the control API says of itself: the answers that every call may give, and what streams and tables look like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

ARROW = "application/vnd.apache.arrow.stream"
LINES = "application/x-ndjson"


class MessageAnswer(BaseModel):
    id: str
    """The English sentence, with places for the arguments."""
    args: dict[str, Any] = {}


class ProblemAnswer(BaseModel):
    code: str
    message: MessageAnswer
    fix: MessageAnswer | None = None
    place: dict[str, Any] = {}
    severity: str = "error"


class Refusal(BaseModel):
    """Why a call was not done."""

    problems: list[ProblemAnswer]
    missing: bool = False
    """There is no such thing."""


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refusal, "description": "The token is missing or wrong"},
    403: {"model": Refusal, "description": "The caller is no program of this machine"},
    404: {"model": Refusal, "description": "There is no such thing"},
    405: {"model": Refusal, "description": "The path does not take this method"},
    413: {"model": Refusal, "description": "The request is too large"},
    422: {"model": Refusal, "description": "The flow or the call is wrong"},
}


def of(kind: str, what: str) -> dict[int | str, dict[str, Any]]:
    """The good answer of a call that gives no JSON document."""
    schema = {"type": "string", "format": "binary"} if kind == ARROW else {"type": "string"}
    return {200: {"description": what, "content": {kind: {"schema": schema}}}}
