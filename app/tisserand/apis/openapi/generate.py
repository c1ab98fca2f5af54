"""The OpenAPI 3.1 document of a flow: from the columns of its requests and replies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tisserand.apis.model import Api, ApiKey, Basic, Jwt, MutualTls
from tisserand.apis.openapi.schemas import example_of, schema_of

Json = dict[str, Any]

_PROBLEM: Json = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Bad Request"]},
        "status": {"type": "integer", "examples": [400]},
        "detail": {"type": "string", "examples": ["The body does not fit."]},
        "errors": {"type": "array", "description": "Each fault, where there are several.", "items": {"type": "object"}},
    },
    "required": ["title", "status"],
}

_ERRORS: Mapping[str, str] = {
    "400": "The request does not fit; `errors` names each fault.",
    "401": "No valid credential was sent.",
    "403": "There is no active subscription.",
    "404": "There is nothing under this address.",
    "413": "The body is too large.",
    "429": "The plan allows no more calls for now.",
    "500": "Something failed; `detail` names the call for its owner.",
    "504": "It took too long.",
}


def document(api: Api, operations: Sequence[Mapping[str, Any]]) -> Json:
    """Deterministic: equal for equal inputs. `operations` as `Suitability.operations` describes them."""
    schemes, demands = _security(api)
    schemas: Json = {"Problem": _PROBLEM}
    paths: Json = {}
    tag = api.name or api.id
    taken: set[str] = set()
    for each in operations:
        method, path = str(each["method"]).lower(), str(each.get("path") or "/")
        paths.setdefault(path, {})[method] = _operation(api, each, schemas, tag, taken)
    if api.upstream.flow and api.upstream.mode == "async":
        schemas["Job"] = _job()
        paths["/jobs/{id}"] = {"get": _poll(tag)}
    made: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": api.name or api.id,
            "version": api.version,
            "description": api.summary or f"{api.name or api.id}, answered by a flow.",
            **({"contact": {"name": api.owner}} if api.owner else {}),
        },
        "servers": [{"url": api.path}],
        "tags": [{"name": tag, "description": api.summary or f"The operations of {tag}."}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "responses": _responses()},
    }
    if api.lifecycle == "deprecated":
        for item in made["paths"].values():
            for operation in item.values():
                operation["deprecated"] = True
    if schemes:
        made["components"]["securitySchemes"] = schemes
        made["security"] = demands
    return made


def _operation(api: Api, told: Mapping[str, Any], schemas: Json, tag: str, taken: set[str]) -> Json:
    name = _name(str(told.get("node") or ""), str(told["method"]), str(told.get("path") or "/"), taken)
    title = str(told.get("title") or "") or name
    made: Json = {"operationId": name, "summary": title, "description": str(told.get("help") or title), "tags": [tag]}
    parameters = [_parameter(each) for each in told.get("parameters") or ()]
    if parameters:
        made["parameters"] = parameters
    body = list(told.get("body") or ())
    if body:
        schema = f"{_pascal(name)}Request"
        schemas[schema] = _object(body)
        reference: Json = {"$ref": f"#/components/schemas/{schema}"}
        example: Any = _example(body)
        if told.get("many"):
            reference, example = {"type": "array", "items": reference}, [example]
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference, "example": example}}}
    made["responses"] = {
        **_good(api, told, schemas, name),
        **{status: {"$ref": f"#/components/responses/{status}"} for status in _statuses(told)},
    }
    return made


def _good(api: Api, told: Mapping[str, Any], schemas: Json, name: str) -> Json:
    if api.upstream.mode == "async":
        return {
            "202": {
                "description": "Taken: the job is polled under `Location`.",
                "headers": {"Location": {"description": "Where to ask for the result.", "schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}},
            }
        }
    reply = list(told.get("reply") or ())
    schema = f"{_pascal(name)}Reply"
    schemas[schema] = _object(reply, answer=True)
    reference: Json = {"$ref": f"#/components/schemas/{schema}"}
    example: Any = _example(reply)
    if told.get("form") != "one":
        reference, example = {"type": "array", "items": reference}, [example]
    answer = {"description": "The reply of the flow.", "content": {"application/json": {"schema": reference, "example": example}}}
    return {str(told.get("status") or 200): answer}


def _statuses(told: Mapping[str, Any]) -> list[str]:
    wanted = ["400", "401", "403", "429", "500", "504"]
    if told.get("body"):
        wanted.append("413")
    if told.get("missing") or any(each.get("place") == "path" for each in told.get("parameters") or ()):
        wanted.append("404")
    return sorted(wanted)


def _responses() -> Json:
    return {
        status: {
            "description": text,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _ERRORS.items()
    }


def _parameter(told: Mapping[str, Any]) -> Json:
    type, place = str(told.get("type") or "string"), str(told.get("place") or "query")
    schema = schema_of(type)
    if told.get("default") not in (None, ""):
        schema["default"] = told["default"]
    example = told.get("example") or told.get("default")
    return {
        "name": str(told["name"]),
        "in": place,
        "description": str(told.get("help") or told["name"]),
        "required": place == "path" or bool(told.get("required")),
        "schema": schema,
        "example": example if example not in (None, "") else example_of(type),
    }


def _object(columns: Sequence[Mapping[str, Any]], answer: bool = False) -> Json:
    properties: Json = {}
    for each in columns:
        optional = not each.get("required") and (each.get("nullable", True) if answer else True)
        schema = schema_of(str(each.get("type") or "string"), nullable=bool(optional))
        if each.get("help"):
            schema["description"] = str(each["help"])
        properties[_column(each)] = schema
    required = [_column(each) for each in columns if answer or each.get("required")]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _example(columns: Sequence[Mapping[str, Any]]) -> Json:
    return {
        _column(each): each["example"] if each.get("example") not in (None, "") else example_of(str(each.get("type") or "string"))
        for each in columns
    }


def _column(told: Mapping[str, Any]) -> str:
    return str(told.get("name") or told.get("column"))


def _job() -> Json:
    return {
        "type": "object",
        "description": "A request that is worked on.",
        "properties": {
            "id": {"type": "string"},
            "state": {"type": "string", "enum": ["waiting", "running", "done", "failed"]},
            "result": {"description": "What the flow replied, once it is done."},
        },
        "required": ["id", "state"],
    }


def _poll(tag: str) -> Json:
    return {
        "operationId": "getJob",
        "summary": "How a job stands",
        "description": "Asked until the job is done; then it holds the result.",
        "tags": [tag],
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The job.",
                "schema": {"type": "string"},
                "example": "j1",
            }
        ],
        "responses": {
            "200": {
                "description": "How it stands.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}},
            },
            **{status: {"$ref": f"#/components/responses/{status}"} for status in ("401", "403", "404", "429")},
        },
    }


def _security(api: Api) -> tuple[Json, list[Json]]:
    schemes: Json = {}
    for way in api.security:
        if isinstance(way, ApiKey):
            schemes["apiKey"] = {"type": "apiKey", "in": way.place, "name": way.name, "description": "The key of the consumer."}
        elif isinstance(way, Jwt):
            schemes["bearer"] = {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": f"A token of {way.issuer}.",
            }
        elif isinstance(way, Basic):
            schemes["basic"] = {"type": "http", "scheme": "basic", "description": "Name and password."}
        elif isinstance(way, MutualTls):
            schemes["certificate"] = {"type": "mutualTLS", "description": "A certificate of the consumer."}
    return schemes, [{name: []} for name in schemes]


def _name(node: str, method: str, path: str, taken: set[str]) -> str:
    words = re.findall(r"[A-Za-z0-9]+", node) or [method.lower(), *re.findall(r"[A-Za-z0-9]+", path)]
    base: str = words[0].lower() + "".join(word.capitalize() for word in words[1:])
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    taken.add(name)
    return name


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
