"""What helps the callers of an API: each warning on a document that lacks one thing, and none on one that lacks nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tisserand.apis.model import Api
from tisserand.apis.openapi.impact import flows_of, until_sunset
from tisserand.apis.openapi.lint import lint
from tisserand.apis.openapi.operations import at

Json = dict[str, Any]


def api(**more: Any) -> Api:
    told = {
        "id": "orders",
        "version": "1",
        "route": {"base_path": "/orders"},
        "upstream": {"targets": [{"url": "https://erp.example.org/api"}]},
    }
    return Api.model_validate({**told, **more})  # fmt: skip


def good() -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}, "example": {"id": 1}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1", "description": "All orders."},
        "security": [{"key": []}],
        "paths": {
            "/orders/{id}": {
                "get": {
                    "operationId": "getOrder",
                    "summary": "One order",
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                    "responses": {"200": {"description": "ok", "content": content}, "404": {"description": "none"}},
                }
            },
            "/open-orders": {
                "post": {
                    "operationId": "addOrder",
                    "summary": "Add one",
                    "requestBody": {"content": content},
                    "responses": {"201": {"description": "ok"}, "400": {"description": "bad"}},
                }
            },
        },
        "components": {
            "schemas": {
                "Order": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer"},
                        "shopName": {"type": "string", "maxLength": 50},
                        "lines": {"type": "array", "maxItems": 9, "items": {"type": "integer"}},
                    },
                }
            },
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def without(pointer: str, key: str) -> Callable[[Json], None]:
    return lambda document: at(document, pointer).pop(key) and None


def put(pointer: str, key: str, value: Any) -> Callable[[Json], None]:
    return lambda document: at(document, pointer).__setitem__(key, value)


GET, POST, ORDER = "#/paths/~1orders~1{id}/get", "#/paths/~1open-orders/post", "#/components/schemas/Order"

FAULTS: dict[str, tuple[Callable[[Json], None], str]] = {
    "no description": (without("#/info", "description"), "lint.description"),
    "no operationId": (without(GET, "operationId"), "lint.operation.id"),
    "operationId twice": (put(GET, "operationId", "addOrder"), "lint.operation.twice"),
    "no summary": (without(GET, "summary"), "lint.operation.description"),
    "no 4xx": (without(f"{GET}/responses", "404"), "lint.operation.errors"),
    "no good answer": (without(f"{GET}/responses", "200"), "lint.operation.answer"),
    "GET with a body": (put(GET, "requestBody", {"content": {}}), "lint.operation.body"),
    "a parameter of the path is not declared": (put(GET, "parameters", []), "lint.path.parameter"),
    "no security": (without("#", "security"), "lint.security"),
    "the version twice": (put("#/paths", "/v1/orders", {}), "lint.version.twice"),
    "paths in several ways": (put("#/paths", "/big_orders", {"head": {"responses": {}}}), "lint.casing"),
    "properties in several ways": (put(f"{ORDER}/properties", "unit_price", {"type": "number"}), "lint.casing.properties"),
    "a schema that nothing uses": (put("#/components/schemas", "Old", {"type": "object"}), "lint.unused"),
    "no example": (
        without(f"{POST}/requestBody/content/application~1json", "example"),
        "lint.example",
    ),
    "a text without end": (without(f"{ORDER}/properties/shopName", "maxLength"), "lint.bounds"),
    "a list without end": (without(f"{ORDER}/properties/lines", "maxItems"), "lint.bounds"),
    "a body without a schema": (without(f"{POST}/requestBody/content/application~1json", "schema"), "lint.schema"),
    "an object of which nothing is known": (without(ORDER, "properties"), "lint.schema.open"),
    "no operations": (put("#", "paths", {}), "lint.empty"),
}


def test_a_good_document_gets_no_warning() -> None:
    assert lint(good(), api()) == []


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_missing_is_told_with_its_place_and_a_way_out(name: str) -> None:
    change, code = FAULTS[name]
    document = copy.deepcopy(good())
    change(document)
    found = lint(document, api())
    assert code in {each.code for each in found}
    for each in found:
        assert each.severity == "warning"
        assert each.fix is not None
        assert (each.place.field or "").startswith("#")
        assert each.message.text() != each.message.id or not each.message.args


def test_bodies_that_are_bounded_elsewhere_need_no_bounds() -> None:
    document = good()
    del document["components"]["schemas"]["Order"]["properties"]["shopName"]["maxLength"]
    assert lint(document, api(policies={"max_body": "1MB"})) == []
    assert lint(document, api(upstream={"flow": "orders"})) == []


def test_flows_that_answer_or_call_are_found() -> None:
    def calling(id: str, url: str, **config: Any) -> Json:
        return {"id": id, "nodes": {"ask": {"kind": "http.request", "config": {"url": url, **config}}}}

    flows = [
        {"id": "answers", "nodes": {}},
        calling("calls", "https://erp.example.org/api/orders/7"),
        calling("through", "https://gateway.example.org/orders/v1/7?x=1"),
        calling("other-version", "https://gateway.example.org/orders/v2/7"),
        calling("other", "https://erp.example.org/apis"),
        calling("connected", "orders/{number}", connection="erp"),
        calling("elsewhere", "orders/{number}", connection="crm"),
        calling("mentions", "", note="see /orders/v1"),
        {"id": "broken", "nodes": ["x"]},
    ]
    connections = {"erp": "https://ERP.example.org/api", "crm": "https://crm.example.org"}
    assert flows_of(api(), good(), flows, connections) == ["calls", "connected", "through"]
    assert flows_of(api(upstream={"flow": "answers"}), good(), flows) == ["answers", "through"]


def test_how_long_callers_have() -> None:
    gone = api(lifecycle="deprecated", sunset="2027-01-31")
    assert until_sunset(gone, date(2027, 1, 1)) == 30
    assert until_sunset(gone, date(2027, 2, 1)) == -1
    assert until_sunset(api(), date(2027, 1, 1)) is None
