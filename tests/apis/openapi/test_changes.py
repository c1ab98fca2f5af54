"""What breaks callers: a table of changes, each with what the published lists say of it.

The expected side is written by hand after the lists of oasdiff (docs/BREAKING-CHANGES-EXAMPLES.md, docs/CHECKS.md) and of Azure's
openapi-diff (docs/rules: 1003 – 1048). Where oasdiff knows a warning (“potentially breaking”), it counts as breaking here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tisserand.apis.openapi.breaking import changes

Json = dict[str, Any]


def base() -> Json:
    item = {
        "type": "object",
        "required": ["sku", "count"],
        "properties": {
            "sku": {"type": "string", "maxLength": 20},
            "count": {"type": "integer", "minimum": 1, "maximum": 99},
            "weight": {"type": "number"},
            "state": {"type": "string", "enum": ["new", "used"]},
            "note": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
        },
    }
    order = {**copy.deepcopy(item), "description": "An order."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1"},
        "paths": {
            "/orders": {
                "get": {
                    "operationId": "list",
                    "parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 10}},
                        {"name": "since", "in": "query", "required": True, "schema": {"type": "string", "format": "date"}},
                        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": {"description": "All", "content": {"application/json": {"schema": {"type": "array", "items": ref("Order")}}}}},
                },
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": ref("Item")}, "text/csv": {"schema": {"type": "string"}}}},
                    "responses": {
                        "201": {
                            "description": "Made",
                            "headers": {"Location": {"schema": {"type": "string"}}},
                            "content": {"application/json": {"schema": ref("Order")}, "application/xml": {"schema": ref("Order")}},
                        },
                        "409": {"description": "There already"},
                    },
                },
            },
            "/orders/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"responses": {"200": {"description": "One", "content": {"application/json": {"schema": ref("Order")}}}}},
                "delete": {"responses": {"204": {"description": "Gone"}}},
            },
        },
        "security": [{"key": []}],
        "components": {
            "schemas": {"Item": item, "Order": order},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }  # fmt: skip


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def at(document: Any, path: str) -> Any:
    for step in path.split(" "):
        document = document[int(step) if isinstance(document, list) else step]
    return document


def put(path: str, key: str, value: Any) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        holder = at(document, path) if path else document
        holder[key] = value

    return change


def drop(path: str, key: str) -> Callable[[Json], None]:
    return lambda document: at(document, path).pop(key) and None


def append(path: str, value: Any) -> Callable[[Json], None]:
    return lambda document: at(document, path).append(value)


def both(*steps: Callable[[Json], None]) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        for step in steps:
            step(document)

    return change


LIST, MAKE = "paths /orders get", "paths /orders post"
ASKED, TOLD = "components schemas Item", "components schemas Order"
BODY, MADE = f"{MAKE} requestBody", f"{MAKE} responses 201"
THINGS = "properties"


def rename_path(document: Json) -> None:
    item = document["paths"].pop("/orders/{id}")
    item["parameters"][0]["name"] = "number"
    document["paths"]["/orders/{number}"] = item


def rename_scheme(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    schemes["apiKey"] = schemes.pop("key")
    document["security"] = [{"apiKey": []}]


def inline(document: Json) -> None:
    document["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"] = copy.deepcopy(
        document["components"]["schemas"].pop("Item")
    )


BREAKING: dict[str, tuple[Callable[[Json], None], str]] = {
    "a path is removed": (drop("paths", "/orders/{id}"), "path.removed"),
    "an operation is removed": (drop("paths /orders/{id}", "delete"), "operation.removed"),
    "a path is renamed": (
        lambda d: d["paths"].update({"/purchases": d["paths"].pop("/orders")}),
        "path.removed",
    ),
    "a parameter is removed": (lambda d: at(d, f"{LIST} parameters").pop(0) and None, "parameter.removed"),
    "a required parameter is added": (
        append(f"{LIST} parameters", {"name": "shop", "in": "query", "required": True, "schema": {"type": "string"}}),
        "parameter.added.required",
    ),
    "a parameter becomes required": (put(f"{LIST} parameters 0", "required", True), "parameter.required"),
    "a header parameter becomes required": (put(f"{LIST} parameters 2", "required", True), "parameter.required"),
    "a parameter moves from query to header": (put(f"{LIST} parameters 0", "in", "header"), "parameter.moved"),
    "a parameter’s type changes": (put(f"{LIST} parameters 1 schema", "type", "integer"), "parameter.type"),
    "a parameter gets an enum": (put(f"{LIST} parameters 2 schema", "enum", ["a"]), "parameter.enum.added"),
    "a parameter’s default changes": (put(f"{LIST} parameters 0 schema", "default", 50), "parameter.default"),
    "a parameter’s default is removed": (drop(f"{LIST} parameters 0 schema", "default"), "parameter.default"),
    "a parameter is written otherwise": (put(f"{LIST} parameters 0", "style", "pipeDelimited"), "parameter.style"),
    "a request body becomes required": (put(BODY, "required", True), "body.required"),
    "a request body is removed": (drop(MAKE, "requestBody"), "body.removed"),
    "a required request body is added": (
        put(LIST, "requestBody", {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}),
        "body.added",
    ),
    "a media type of the request is removed": (drop(f"{BODY} content", "text/csv"), "media.removed"),
    "a new required property in a request": (
        both(put(f"{ASKED} properties", "shop", {"type": "string"}), append(f"{ASKED} required", "shop")),
        "request.property.added.required",
    ),
    "a property of a request becomes required": (append(f"{ASKED} required", "note"), "request.property.required"),
    "a property of a request is removed": (drop(f"{ASKED} properties", "weight"), "request.property.removed"),
    "a value of an enum in a request is removed": (put(f"{ASKED} properties state", "enum", ["new"]), "request.enum.removed"),
    "an enum appears in a request": (put(f"{ASKED} properties sku", "enum", ["a"]), "request.enum.added"),
    "maxLength of a request is reduced": (put(f"{ASKED} properties sku", "maxLength", 10), "request.bound.tightened"),
    "maxLength of a request appears": (put(f"{ASKED} properties note", "maxLength", 10), "request.bound.tightened"),
    "minimum of a request is raised": (put(f"{ASKED} properties count", "minimum", 2), "request.bound.tightened"),
    "minItems of a request appears": (put(f"{ASKED} properties tags", "minItems", 1), "request.bound.tightened"),
    "a pattern appears in a request": (put(f"{ASKED} properties sku", "pattern", "^A"), "request.pattern"),
    "number becomes integer in a request": (put(f"{ASKED} properties weight", "type", "integer"), "request.type"),
    "string becomes number in a request": (put(f"{ASKED} properties sku", "type", "number"), "request.type"),
    "a request may not be null any more": (put(f"{ASKED} properties note", "type", "string"), "request.not_nullable"),
    "a format appears in a request": (put(f"{ASKED} properties sku", "format", "uuid"), "request.format"),
    "items of a list in a request get another type": (
        put(f"{ASKED} properties tags items", "type", "integer"),
        "request.type",
    ),
    "other properties are refused in a request": (put(ASKED, "additionalProperties", False), "request.closed"),
    "a oneOf appears in a request": (
        put(f"{ASKED} properties weight", "oneOf", [{"maximum": 1}, {"minimum": 5}]),
        "request.composition",
    ),
    "a media type of the answer is removed": (drop(f"{MADE} content", "application/xml"), "media.removed"),
    "a successful status is removed": (
        lambda d: at(d, f"{MAKE} responses").update({"200": at(d, f"{MAKE} responses").pop("201")}),
        "response.removed",
    ),
    "a header of the answer is removed": (drop(MADE, "headers"), "response.header.removed"),
    "a required property of an answer is removed": (drop(f"{TOLD} properties", "count"), "reply.property.removed"),
    "an optional property of an answer is removed": (drop(f"{TOLD} properties", "note"), "reply.property.removed"),
    "a property of an answer becomes optional": (put(TOLD, "required", ["sku"]), "reply.property.optional"),
    "an answer may be null now": (put(f"{TOLD} properties sku", "type", ["string", "null"]), "reply.nullable"),
    "a value of an enum in an answer is new": (
        put(f"{TOLD} properties state", "enum", ["new", "used", "broken"]),
        "reply.enum.widened",
    ),
    "an enum of an answer is dropped": (drop(f"{TOLD} properties state", "enum"), "reply.enum.dropped"),
    "integer becomes number in an answer": (put(f"{TOLD} properties count", "type", "number"), "reply.type"),
    "string becomes number in an answer": (put(f"{TOLD} properties sku", "type", "number"), "reply.type"),
    "maxLength of an answer is raised": (put(f"{TOLD} properties sku", "maxLength", 40), "reply.bound.loosened"),
    "maxLength of an answer is dropped": (drop(f"{TOLD} properties sku", "maxLength"), "reply.bound.loosened"),
    "minimum of an answer is lowered": (put(f"{TOLD} properties count", "minimum", 0), "reply.bound.loosened"),
    "an answer is one of several now": (
        put(f"{TOLD} properties weight", "oneOf", [{"maximum": 1}, {"minimum": 5}]),
        "reply.composition",
    ),
    "the items of a list in an answer are no longer told": (drop(f"{TOLD} properties tags", "items"), "reply.items"),
    "the only way to prove who calls is another": (put("", "security", [{"token": []}]), "security.tightened"),
    "a second proof is asked for as well": (put("", "security", [{"key": [], "token": []}]), "security.tightened"),
    "a key’s header has another name": (put("components securitySchemes key", "name", "x-key"), "security.tightened"),
}

HARMLESS: dict[str, tuple[Callable[[Json], None], str | None]] = {
    "a path is added": (put("paths", "/shops", {"get": {"responses": {"200": {"description": "All"}}}}), "operation.added"),
    "an operation is added": (put("paths /orders", "put", {"responses": {"200": {"description": "x"}}}), "operation.added"),
    "a parameter of the path is renamed": (rename_path, None),
    "an optional parameter is added": (
        append(f"{LIST} parameters", {"name": "shop", "in": "query", "schema": {"type": "string"}}),
        "parameter.added",
    ),
    "a parameter becomes optional": (put(f"{LIST} parameters 1", "required", False), "parameter.optional"),
    "a header parameter is written in small letters": (put(f"{LIST} parameters 2", "name", "x-trace"), None),
    "parameters stand in another order": (lambda d: at(d, f"{LIST} parameters").reverse(), None),
    "an optional request body is added": (
        put(LIST, "requestBody", {"content": {"application/json": {"schema": {"type": "object"}}}}),
        "body.added",
    ),
    "a media type of the request is added": (put(f"{BODY} content", "application/xml", {"schema": {}}), "media.added"),
    "a media type of the answer is added": (put(f"{MADE} content", "text/csv", {"schema": {}}), "media.added"),
    "a new optional property in a request": (put(f"{ASKED} properties", "shop", {"type": "string"}), "request.property.added"),
    "a new required property that is only read": (
        both(put(f"{ASKED} properties", "made", {"type": "string", "readOnly": True}), append(f"{ASKED} required", "made")),
        None,
    ),
    "a property of a request becomes optional": (put(ASKED, "required", ["sku"]), "request.property.optional"),
    "a value of an enum in a request is added": (
        put(f"{ASKED} properties state", "enum", ["new", "used", "broken"]),
        "request.enum.widened",
    ),
    "maxLength of a request is raised": (put(f"{ASKED} properties sku", "maxLength", 40), "request.bound.loosened"),
    "integer becomes number in a request": (put(f"{ASKED} properties count", "type", "number"), "request.type"),
    "a request may be null now": (put(f"{ASKED} properties sku", "type", ["string", "null"]), "request.nullable"),
    "a new property in an answer": (put(f"{TOLD} properties", "shop", {"type": "string"}), "reply.property.added"),
    "a new required property in an answer": (
        both(put(f"{TOLD} properties", "shop", {"type": "string"}), append(f"{TOLD} required", "shop")),
        "reply.property.added.required",
    ),
    "a property of an answer becomes required": (append(f"{TOLD} required", "note"), "reply.property.required"),
    "an answer may not be null any more": (put(f"{TOLD} properties note", "type", "string"), "reply.not_nullable"),
    "a value of an enum in an answer is removed": (put(f"{TOLD} properties state", "enum", ["new"]), "reply.enum.removed"),
    "number becomes integer in an answer": (put(f"{TOLD} properties weight", "type", "integer"), "reply.type"),
    "maxLength of an answer is reduced": (put(f"{TOLD} properties sku", "maxLength", 10), "reply.bound.tightened"),
    "a status of an error is removed": (drop(f"{MAKE} responses", "409"), "response.removed"),
    "a status of an error is added": (put(f"{MAKE} responses", "422", {"description": "No"}), "response.added"),
    "only a description changes": (put(TOLD, "description", "Another"), None),
    "only an example changes": (put(f"{TOLD} properties sku", "examples", ["A1"]), None),
    "the operation gets another name": (put(LIST, "operationId", "all"), None),
    "a tag is added": (put(LIST, "tags", ["orders"]), None),
    "an operation is deprecated": (put(LIST, "deprecated", True), "operation.deprecated"),
    "a schema stands in its place now": (inline, None),
    "there is a second way to prove who calls": (put("", "security", [{"key": []}, {"token": []}]), "security.added"),
    "nobody must prove who calls any more": (put("", "security", []), "security.removed"),
    "a scheme has another name in the document": (
        rename_scheme,
        None,
    ),
}


def found(change: Callable[[Json], None]) -> list[Any]:
    new = base()
    change(new)
    return changes(base(), new)


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_callers(name: str) -> None:
    change, code = BREAKING[name]
    told = found(change)
    assert code in {each.code for each in told if each.breaking}, told
    assert all(each.message.text() and each.where for each in told)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nobody(name: str) -> None:
    change, code = HARMLESS[name]
    told = found(change)
    assert not [each for each in told if each.breaking], told
    assert {each.code for each in told} >= ({code} if code else set())
    if code is None:
        assert told == []


def test_equal_documents_have_no_changes() -> None:
    assert changes(base(), base()) == []


def test_what_cannot_be_told_says_so() -> None:
    told = found(put(f"{ASKED} properties weight", "not", {"const": 7}))
    assert [each.breaking for each in told] == [True]
    assert "cannot be told" in told[0].message.text()


def test_the_place_is_named_to_the_property() -> None:
    told = found(put(f"{TOLD} properties sku", "type", "number"))
    assert {each.where for each in told} == {
        "GET /orders → 200 → [].sku",
        "GET /orders/{id} → 200 → sku",
        "POST /orders → 201 → sku",
    }


def test_schemas_that_hold_themselves_are_compared_to_their_end() -> None:
    old, new = base(), base()
    for document, kind in ((old, "string"), (new, "integer")):
        document["components"]["schemas"]["Order"]["properties"] |= {"parts": {"type": "array", "items": ref("Order")}}
        document["components"]["schemas"]["Order"]["properties"]["code"] = {"type": kind}
    assert {each.code for each in changes(old, new)} == {"reply.type"}


def test_all_of_plain_objects_is_one_object() -> None:
    old, new = base(), base()
    order = new["components"]["schemas"]["Order"]
    extra = {"type": "object", "properties": {"note": order["properties"].pop("note")}}
    new["components"]["schemas"]["Order"] = {"allOf": [order, extra]}
    assert changes(old, new) == []
    del extra["properties"]["note"]
    assert {each.code for each in changes(old, new)} == {"reply.property.removed"}
