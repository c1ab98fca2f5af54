"""What documents of flows are made of: bodies out of columns, problems (RFC 9457), jobs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tisserand.apis.openapi.schemas import example_of, fits, schema_of

Json = dict[str, Any]

PROBLEM: Json = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Bad request"]},
        "status": {"type": "integer", "examples": [400]},
        "detail": {"type": "string", "examples": ["The body does not fit."]},
        "instance": {"type": "string", "description": "By this the owner finds the call.", "examples": ["urn:request:0a1b"]},
        "errors": {"type": "array", "description": "Each fault, where there are several.", "items": {"type": "object"}},
    },
    "required": ["title", "status"],
}

JOB: Json = {
    "type": "object",
    "description": "A request that is worked on.",
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["waiting", "running", "done", "failed"]},
        "operation": {"type": "string", "description": "What was asked for."},
        "created": {"type": "string", "format": "date-time"},
        "finished": {"type": ["string", "null"], "format": "date-time"},
        "status": {"type": ["integer", "null"], "description": "The HTTP status of the result, once there is one."},
        "result": {"description": "What the flow replied, once it is done."},
        "problem": {"description": "What went wrong, where it failed."},
    },
    "required": ["id", "state"],
}

_JOB = "0123456789abcdef0123456789abcdef"

WAITING: Json = {"id": _JOB, "state": "waiting"}

POLL: Json = {
    "summary": "How a job stands",
    "description": "Asked until the job is done; then it holds the result.",
    "parameters": [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The job.",
            "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "example": _JOB,
        }
    ],
    "responses": {
        "200": {
            "description": "How it stands.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Job"}, "example": {"id": _JOB, "state": "running"}}
            },
        },
        **{status: {"$ref": f"#/components/responses/{status}"} for status in ("401", "403", "404", "429", "500")},
    },
}

_ERRORS: Mapping[str, str] = {
    "400": "The request does not fit; `errors` names each fault.",
    "401": "No valid credential was sent.",
    "403": "There is no active subscription.",
    "404": "There is nothing under this address.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The idempotency key was used for another request.",
    "429": "The plan allows no more calls for now.",
    "500": "Something failed; `instance` names the call for its owner.",
    "503": "It is busy; `Retry-After` says when to come again.",
    "504": "It took too long.",
}


def error(status: str) -> Json:
    """The answer of an error, as a problem document."""
    return {
        "description": _ERRORS.get(status, "There is no such thing."),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {"type": "about:blank", "title": _ERRORS.get(status, "–").partition(";")[0], "status": int(status)},
            }
        },
    }


def reply_of(columns: Sequence[Mapping[str, Any]]) -> tuple[Json, Json]:
    """The schema of a row, and an example: every column is there, null where it may be."""
    properties, example = {}, {}
    for each in columns:
        type = str(each.get("type") or "string")
        properties[str(each["name"])] = _told(schema_of(type, nullable=bool(each.get("nullable", True))), each)
        example[str(each["name"])] = example_of(type)
    made: Json = {"type": "object", "properties": properties}
    return ({**made, "required": list(properties)} if properties else made), example


def request_of(values: Sequence[Mapping[str, Any]]) -> tuple[Json, Json]:
    """The schema of a body, and an example. A value stands where its `path` says (`order.id`), else under its column's name."""
    made: Json = {"type": "object", "properties": {}}
    example: Json = {}
    for each in values:
        *way, last = str(each.get("path") or each.get("column") or each.get("name")).split(".")
        holder, shown = made, example
        for step in way:
            if each.get("required"):
                _require(holder, step)
            inner = holder["properties"].setdefault(step, {"type": "object", "properties": {}})
            if "properties" not in inner:  # the value itself is taken whole, too
                inner = holder["properties"][step] = {"properties": {}}
            holder = inner
            found = shown.setdefault(step, {})
            shown = found if isinstance(found, dict) else shown.setdefault(step, {})
        type = str(each.get("type") or "string")
        schema = _told(schema_of(type, nullable=not each.get("required")), each)
        if each.get("required"):
            _require(holder, last)
        holder["properties"][last] = schema
        shown[last] = copy.deepcopy(each.get("example")) if fits(each.get("example"), schema) else example_of(type)
    return made, example


def _require(holder: Json, name: str) -> None:
    needed: list[str] = holder.setdefault("required", [])
    if name not in needed:
        needed.append(name)


def _told(schema: Json, told: Mapping[str, Any]) -> Json:
    return {**schema, "description": str(told["help"])} if told.get("help") else schema
