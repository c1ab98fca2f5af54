"""Documents of 2.0, 3.0 and 3.1 read and lifted; the expected side follows the three specifications and is written out by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from tisserand.apis.openapi.operations import operations
from tisserand.apis.openapi.reading import load

SWAGGER = """\
swagger: "2.0"
info: {title: Petstore, version: "1.0"}
host: pets.example.org
basePath: /v2/
schemes: [https, http]
consumes: [application/json, application/xml]
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, in: header, name: x-key}
  pass: {type: basic, description: By name}
  login: {type: oauth2, flow: accessCode, authorizationUrl: "https://id.example.org/a", tokenUrl: "https://id.example.org/t", scopes: {read: Read}}
security: [{key: []}]
parameters:
  page: {name: page, in: query, type: integer, minimum: 0, exclusiveMinimum: true, default: 1}
  pet: {name: pet, in: body, required: true, description: One pet, schema: {$ref: '#/definitions/Pet'}}
responses:
  missing: {description: None such}
paths:
  /pets:
    parameters: [{$ref: '#/parameters/page'}]
    get:
      operationId: list
      parameters:
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: pipes}
        - {name: kinds, in: query, type: array, items: {type: string}, collectionFormat: multi}
        - {name: ids, in: query, type: array, items: {type: integer}}
        - {name: odd, in: query, type: array, items: {type: string}, collectionFormat: tsv}
      responses:
        200:
          description: All
          schema: {type: array, items: {$ref: '#/definitions/Pet'}}
          headers: {X-Total: {type: integer, description: How many}}
          examples: {application/json: [{id: 1, name: Rex}]}
        404: {$ref: '#/responses/missing'}
    post:
      parameters: [{$ref: '#/parameters/pet'}]
      responses: {201: {description: Made}}
  /pets/{id}/photo:
    put:
      consumes: [multipart/form-data]
      parameters:
        - {name: id, in: path, required: true, type: integer, format: int64}
        - {name: photo, in: formData, type: file, required: true}
        - {name: title, in: formData, type: string, maxLength: 20}
      produces: [image/png]
      responses: {200: {description: The photo, schema: {type: file}}}
definitions:
  Pet:
    type: object
    required: [id]
    discriminator: kind
    properties:
      id: {type: integer, format: int64, example: 7}
      kind: {type: string}
      name: {type: string}
      friend: {$ref: '#/definitions/Pet'}
"""

OLDER = """\
openapi: 3.0.3
info: {title: Shop, version: "1"}
paths:
  /items:
    post:
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Item'}
            example: {nullable: true, exclusiveMinimum: true}
          multipart/form-data:
            schema: {type: object, properties: {file: {type: string, format: binary}, data: {type: string, format: byte}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: array, items: {type: number, nullable: true}}}}}
components:
  schemas:
    Item:
      type: object
      properties:
        nullable: {type: string, nullable: true, example: a}
        items: {type: integer, minimum: 0, exclusiveMinimum: true, maximum: 10, exclusiveMaximum: false}
        state: {type: string, enum: [a, b], nullable: true}
        parent: {nullable: true, allOf: [{$ref: '#/components/schemas/Item'}]}
        example: {type: object, additionalProperties: {type: string, nullable: true}}
"""


def good(text: str) -> tuple[dict[str, Any], list[Any]]:
    document, problems = load(text)
    assert document is not None, [problem.line() for problem in problems]
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert {problem.severity for problem in problems} <= {"warning"}
    return document, problems


def test_a_document_of_2_0_becomes_3_1() -> None:
    made, lost = good(SWAGGER)
    assert made["servers"] == [{"url": "https://pets.example.org/v2"}, {"url": "http://pets.example.org/v2"}]
    assert made["security"] == [{"key": []}]
    assert made["components"]["securitySchemes"] == {
        "key": {"type": "apiKey", "in": "header", "name": "x-key"},
        "pass": {"type": "http", "scheme": "basic", "description": "By name"},
        "login": {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "https://id.example.org/a",
                    "tokenUrl": "https://id.example.org/t",
                    "scopes": {"read": "Read"},
                }
            },
        },
    }
    assert made["components"]["parameters"] == {
        "page": {"name": "page", "in": "query", "schema": {"type": "integer", "exclusiveMinimum": 0, "default": 1}}
    }
    pets = made["paths"]["/pets"]
    assert pets["parameters"] == [{"$ref": "#/components/parameters/page"}]
    assert {each["name"]: (each.get("style"), each.get("explode")) for each in pets["get"]["parameters"]} == {
        "tags": ("pipeDelimited", False),
        "kinds": (None, True),
        "ids": (None, False),
        "odd": (None, None),
    }
    assert pets["get"]["responses"]["200"] == {
        "description": "All",
        "headers": {"X-Total": {"description": "How many", "schema": {"type": "integer"}}},
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
                "example": [{"id": 1, "name": "Rex"}],
            }
        },
    }
    assert pets["get"]["responses"]["404"] == {"$ref": "#/components/responses/missing"}
    assert pets["post"]["requestBody"] == {
        "description": "One pet",
        "required": True,
        "content": {media: {"schema": {"$ref": "#/components/schemas/Pet"}} for media in ("application/json", "application/xml")},
    }
    photo = made["paths"]["/pets/{id}/photo"]["put"]
    form = photo["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert photo["requestBody"]["required"] is True
    assert form["required"] == ["photo"]
    assert form["properties"] == {
        "photo": {"type": "string", "contentMediaType": "application/octet-stream"},
        "title": {"type": "string", "maxLength": 20},
    }
    assert photo["responses"]["200"]["content"] == {
        "image/png": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    }
    pet = made["components"]["schemas"]["Pet"]
    assert pet["properties"]["id"] == {"type": "integer", "format": "int64", "examples": [7]}
    assert pet["properties"]["friend"] == {"$ref": "#/components/schemas/Pet"}
    assert pet["discriminator"] == {"propertyName": "kind"}
    assert [each.code for each in lost] == ["openapi.lost"]
    assert "odd" in lost[0].message.text()


def test_a_document_of_3_0_becomes_3_1() -> None:
    made, lost = good(OLDER)
    assert lost == []
    item = made["components"]["schemas"]["Item"]["properties"]
    assert item == {
        "nullable": {"type": ["string", "null"], "examples": ["a"]},
        "items": {"type": "integer", "exclusiveMinimum": 0, "maximum": 10},
        "state": {"type": ["string", "null"], "enum": ["a", "b", None]},
        "parent": {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/Item"}]}, {"type": "null"}]},
        "example": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    }
    post = made["paths"]["/items"]["post"]
    content = post["requestBody"]["content"]
    assert content["application/json"]["example"] == {"nullable": True, "exclusiveMinimum": True}, "examples are left alone"
    assert content["multipart/form-data"]["schema"]["properties"] == {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "data": {"type": "string", "contentEncoding": "base64"},
    }
    answer = post["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": "array", "items": {"type": ["number", "null"]}}


def test_3_1_stays_as_it_is_also_in_json() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "2026-01-31"},
        "paths": {"/a": {"get": {"responses": {"200": {"description": "ok"}}}}},
    }
    assert load(json.dumps(document)) == (document, [])
    assert load(yaml.safe_dump(document)) == (document, [])


def test_dates_and_numbers_of_yaml_become_what_json_has() -> None:
    text = "openapi: 3.1.0\ninfo: {title: T, version: 2026-01-31}\npaths: {/a: {get: {responses: {200: {description: ok}}}}}\n"
    document, problems = load(text)
    assert problems == []
    assert document is not None and document["info"]["version"] == "2026-01-31"
    assert list(document["paths"]["/a"]["get"]["responses"]) == ["200"]


def test_every_problem_is_told_at_once_each_with_its_place_and_line() -> None:
    text = """\
openapi: 3.1.0
info: {title: T}
paths:
  /a:
    get:
      parameters:
        - {name: x, in: nowhere, schema: {type: string}}
      responses: {}
  /b/{id}:
    get:
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                properties:
                  size: {type: 5}
"""
    document, problems = load(text)
    assert document is None
    assert {problem.place.field: problem.place.line for problem in problems} == {
        "#/info": 2,
        "#/paths/~1a/get/parameters/0/in": 7,
        "#/paths/~1a/get/responses": 8,
        "#/paths/~1b~1{id}": 9,
        "#/paths/~1b~1{id}/get/responses/200/content/application~1json/schema/properties/size/type": 18,
    }
    assert {problem.code for problem in problems} == {"openapi.wrong"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1", "openapi.yaml"),
        ('{"a": ', "openapi.json"),
        ("just text", "openapi.form"),
        ("[1, 2]", "openapi.form"),
        ("openapi: 4.0.0", "openapi.version"),
        ("swagger: 1.2", "openapi.version"),
        ("openapi: 3.1.0\ninfo: !!python/object:os.system {}\n", "openapi.yaml"),
        ("x: &a [1, 2, 3]\n" + "".join(f"y{i}: &b{i} [" + ", ".join([f"*b{i - 1}" if i else "*a"] * 9) + "]\n" for i in range(9)), "openapi.large"),
        ("a: &a [*a]\n", "openapi.large"),
        ("[" * 100_000, "openapi.yaml"),
        ('{"a":' * 100_000, "openapi.form"),
        ("openapi: 3.1.0\n" + " " * 8_000_001, "openapi.large"),
        (
            "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {/a: {get: {responses: {'200': {$ref: 'https://evil.example.org/x.yaml#/a'}}}}}",
            "openapi.reference",
        ),
        ("openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {/a: {$ref: ../other.yaml}}", "openapi.reference"),
        ("openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {/a: {$ref: 'file:///etc/passwd'}}", "openapi.reference"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused_in_a_sentence(text: str, code: str) -> None:
    document, problems = load(text)
    assert document is None
    assert code in {problem.code for problem in problems}
    assert all(problem.message.text() for problem in problems)


def test_schemas_that_hold_themselves_are_fine() -> None:
    text = SWAGGER.replace("name: {type: string}\n", "name: {type: string}\n      owner: {$ref: '#/definitions/Owner'}\n")
    text += "  Owner: {type: object, properties: {pets: {type: array, items: {$ref: '#/definitions/Pet'}}}}\n"
    made, _lost = good(text)
    assert [each.name for each in operations(made)] == ["GET /pets", "POST /pets", "PUT /pets/{id}/photo"]


def test_a_property_called_ref_is_no_reference() -> None:
    made, _ = good(OLDER.replace("        example: {type", "        $ref: {type: string}\n        example: {type"))
    assert made["components"]["schemas"]["Item"]["properties"]["$ref"] == {"type": "string"}
