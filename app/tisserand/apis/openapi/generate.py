"""The OpenAPI 3.1 document of a flow: from the columns of its requests and replies."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tisserand.apis.model import Api, ApiKey, Basic, Jwt, MutualTls
from tisserand.apis.openapi.generated import JOB, POLL, PROBLEM, WAITING, error, reply_of, request_of
from tisserand.apis.openapi.schemas import example_of, fits, schema_of

Json = dict[str, Any]


def document(api: Api, operations: Sequence[Mapping[str, Any]]) -> Json:
    """Deterministic: equal for equal inputs. `operations` as `Suitability.operations` describes them."""
    schemes, demands = _security(api)
    schemas: Json = {"Problem": copy.deepcopy(PROBLEM)}
    paths: Json = {}
    tag = api.name or api.id
    taken: set[str] = set()
    for each in operations:
        method, path = str(each["method"]).lower(), str(each.get("path") or "/")
        paths.setdefault(path, {})[method] = _operation(api, each, schemas, tag, taken)
    if api.upstream.flow and api.upstream.mode == "async":
        schemas["Job"] = copy.deepcopy(JOB)
        name = _name("get job", "get", "/jobs/{id}", taken)
        paths["/jobs/{id}"] = {"get": {"operationId": name, "tags": [tag], **copy.deepcopy(POLL)}}
    statuses = sorted({status for item in paths.values() for each in item.values() for status in _shared(each)})
    made: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": api.name or api.id,
            "version": api.version,
            "description": api.summary or f"{api.name or api.id}, answered by a flow.",
            "contact": {"name": api.owner or api.name or api.id},
        },
        "servers": [{"url": api.path}],
        "tags": [{"name": tag, "description": api.summary or f"The operations of {tag}."}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "responses": {status: error(status) for status in statuses}},
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
        schemas[schema], example = request_of(body)
        content = _content(schema, example, bool(told.get("array")))
        made["requestBody"] = {"required": True, "content": content}
    made["responses"] = {
        **_good(api, told, schemas, name),
        **{status: {"$ref": f"#/components/responses/{status}"} for status in sorted(_statuses(api, told))},
    }
    return made


def _good(api: Api, told: Mapping[str, Any], schemas: Json, name: str) -> Json:
    if api.upstream.mode == "async":
        return {
            "202": {
                "description": "Taken: the job is polled under `Location`.",
                "headers": {
                    "Location": {"description": "Where to ask for the result.", "schema": {"type": "string"}},
                    "Retry-After": {"description": "Seconds to wait until then.", "schema": {"type": "integer"}},
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}, "example": WAITING}},
            }
        }
    status, missing = str(told.get("status") or 200), told.get("missing")
    # Where no row comes, and that is no error, the answer is empty.
    empty = {str(missing): {"description": "There is no such thing."}} if missing is not None and int(missing) < 400 else {}
    if status == "204":
        return {**empty, status: {"description": "Done."}}
    schema = f"{_pascal(name)}Reply"
    schemas[schema], example = reply_of(list(told.get("reply") or ()))
    alone = told.get("form") == "one"
    answer = {"description": "The reply of the flow.", "content": _content(schema, example, not alone)}
    return {**(empty if alone else {}), status: answer}


def _content(schema: str, example: Any, many: bool) -> Json:
    reference: Json = {"$ref": f"#/components/schemas/{schema}"}
    if many:
        return {"application/json": {"schema": {"type": "array", "items": reference}, "example": [example]}}
    return {"application/json": {"schema": reference, "example": example}}


def _shared(operation: Json) -> list[str]:
    """The statuses that an operation answers as all do."""
    return [status for status, answer in operation["responses"].items() if "$ref" in answer]


def _statuses(api: Api, told: Mapping[str, Any]) -> set[str]:
    wanted = {"400", "401", "403", "429", "500", "503"}
    if told.get("body"):
        wanted |= {"413", "415"}
    if api.upstream.mode == "async" or told.get("way") == "run":
        wanted.add("422")
    if api.upstream.mode == "async":
        return wanted
    wanted.add("504")
    missing = told.get("missing")
    if missing is None:
        if any(each.get("place") == "path" for each in told.get("parameters") or ()):
            wanted.add("404")
    elif told.get("form") == "one" and int(missing) >= 400:
        wanted.add(str(missing))
    return wanted


def _parameter(told: Mapping[str, Any]) -> Json:
    type, place = str(told.get("type") or "string"), str(told.get("place") or "query")
    schema = schema_of(type)
    default = told.get("default")
    if fits(default, schema):
        schema["default"] = default
    candidates = [each for each in (told.get("example"), default) if fits(each, schema)]
    return {
        "name": str(told["name"]),
        "in": place,
        "description": str(told.get("help") or told["name"]),
        "required": place == "path" or bool(told.get("required")),
        "schema": schema,
        "example": candidates[0] if candidates else example_of(type),
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
