"""Twenty documents as they are found in the world: each becomes a valid 3.1, and every word of it is kept or said to be lost.

Words that must not get lost are written `word17`; the expected side is the set of them in the text itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from tisserand.apis.openapi.importing import draft
from tisserand.apis.openapi.operations import operations
from tisserand.apis.openapi.reading import load

Json = dict[str, Any]

OK = "responses: {'200': {description: ok}}"
DOCUMENTS: dict[str, str] = {
    "2.0, everything": """
swagger: "2.0"
info: {title: word1, description: word2, version: "1", termsOfService: "https://word3.example", contact: {name: word4}, license: {name: word5}, x-a: word6}
host: word7.example.org
basePath: /word8
schemes: [https, wss]
consumes: [application/json]
produces: [application/json, text/word9]
tags: [{name: word10, description: word11, externalDocs: {url: "https://word12.example"}, x-t: word13}]
externalDocs: {description: word14, url: "https://docs.example"}
x-top: {inner: word15}
securityDefinitions:
  key: {type: apiKey, in: query, name: word16, description: word17, x-k: word18}
  pass: {type: basic, description: word19, x-p: word20}
  login: {type: oauth2, flow: implicit, authorizationUrl: "https://word21.example", scopes: {word22: word23}, x-l: word24}
parameters:
  page: {name: word25, in: query, type: integer, description: word26, x-pg: word27}
  body: {name: b, in: body, description: word28, schema: {$ref: '#/definitions/Pet'}, x-b: word29}
  form: {name: word30, in: formData, type: string, description: word31}
responses:
  missing: {description: word32, x-r: word33, schema: {$ref: '#/definitions/Pet'}, headers: {X-Word34: {type: string, description: word35, x-h: word36}}}
paths:
  x-paths: word37
  /a/{id}:
    x-item: word38
    parameters: [{$ref: '#/parameters/page'}, {name: id, in: path, type: string, required: true, description: word39}]
    get:
      tags: [word10]
      summary: word40
      description: word41
      operationId: word42
      externalDocs: {url: "https://word43.example"}
      deprecated: true
      schemes: [http]
      x-op: word44
      security: [{login: [word22]}, {key: []}]
      parameters:
        - {name: empty, in: query, type: string, allowEmptyValue: true, description: word45}
        - {name: tabs, in: query, type: array, items: {type: string}, collectionFormat: tsv, description: word46}
        - {name: nested, in: query, type: array, items: {type: array, items: {type: string}, collectionFormat: pipes}, collectionFormat: csv}
        - {name: X-Word47, in: header, type: string, enum: [word48], default: word48, pattern: word48|word49}
      responses:
        "200": {description: word50, schema: {$ref: '#/definitions/Pet'}, examples: {application/json: word51, application/word52: word53}}
        "204": {description: word54, examples: {text/plain: word55}}
        default: {$ref: '#/responses/missing'}
        x-resp: word56
    post: {parameters: [{$ref: '#/parameters/body'}], responses: {"200": {description: ok}}}
    put:
      consumes: [application/x-www-form-urlencoded]
      parameters:
        - {$ref: '#/parameters/form'}
        - {name: word57, in: formData, type: array, items: {type: string, enum: [word58]}, collectionFormat: multi, x-f: word59}
        - {name: word60, in: formData, type: array, items: {type: string}, collectionFormat: ssv}
        - {name: word61, in: formData, type: array, items: {type: string}, collectionFormat: tsv}
      responses: {"200": {description: ok, schema: {type: file}}}
definitions:
  Pet:
    type: object
    title: word62
    description: word63
    discriminator: kind
    required: [kind]
    externalDocs: {url: "https://word64.example"}
    xml: {name: word65}
    example: {kind: word66}
    x-s: word67
    properties: {kind: {type: string, readOnly: true, default: word68}, date: {type: string, format: word69, x-nullable: true}}
  Cat: {allOf: [{$ref: '#/definitions/Pet'}, {type: object, properties: {word70: {type: string}}}]}
""",
    "3.0, everything": """
openapi: 3.0.3
info: {title: word1, version: "1", license: {name: word2, url: "https://word3.example"}, x-i: word4}
servers: [{url: "https://{word5}.example/{v}", description: word6, variables: {word5: {default: word7, enum: [word7, word8], description: word9}, v: {default: v1}}, x-s: word10}]
tags: [{name: word11}]
security: [{}, {key: []}]
paths:
  /a/{id}:
    summary: word12
    description: word13
    servers: [{url: "https://word14.example"}]
    parameters: [{name: id, in: path, required: true, style: matrix, schema: {type: string}, example: word15}]
    trace: {summary: word16, responses: {"200": {description: ok}}}
    get:
      operationId: getA
      servers: [{url: "https://word17.example"}]
      parameters:
        - {name: deep, in: query, style: deepObject, explode: true, schema: {type: object, properties: {word18: {type: string, nullable: true}}}}
        - {name: json, in: query, content: {application/json: {schema: {type: object, nullable: true, example: word19}, example: word20}}}
        - {name: many, in: query, allowReserved: true, allowEmptyValue: true, schema: {type: string}, examples: {word21: {summary: word22, value: word23}}}
      responses:
        "200":
          description: word24
          headers: {X-A: {description: word25, schema: {type: string, example: word26}}}
          links: {word27: {operationId: getA, parameters: {id: "$response.body#/word28"}, description: word29, server: {url: "https://word30.example"}}}
          content:
            application/json: {schema: {$ref: '#/components/schemas/Pet'}, examples: {one: {$ref: '#/components/examples/One'}, two: {externalValue: "https://word31.example"}}}
            application/xml: {schema: {type: string, xml: {name: word32, wrapped: true}}}
      callbacks:
        word33:
          "{$request.query.url}/word34":
            post: {summary: word35, requestBody: {content: {application/json: {schema: {type: string, nullable: true, enum: [word36]}}}}, responses: {"200": {description: ok}}}
    post:
      requestBody:
        description: word37
        content:
          multipart/form-data:
            schema: {type: object, properties: {file: {type: string, format: binary, nullable: true}, data: {type: string, format: byte}, meta: {type: object}}}
            encoding: {meta: {contentType: application/word38, headers: {X-B: {schema: {type: string, nullable: true, description: word39}}}, style: form}}
      responses: {4XX: {description: word40}}
components:
  examples: {One: {summary: word41, value: {nullable: true, kind: word42}}}
  schemas:
    Pet:
      type: object
      discriminator: {propertyName: kind, mapping: {word43: '#/components/schemas/Cat', word44: Cat}}
      properties:
        kind: {type: string}
        other: {$ref: '#/components/schemas/Pet', description: word45, nullable: true}
        beside: {$ref: '#/components/schemas/Pet', maxProperties: 3, title: word46}
        loose: {nullable: true, description: word47}
        low: {type: number, minimum: 0, exclusiveMinimum: true, multipleOf: 0.01}
        pair: {oneOf: [{type: string}, {type: integer, format: int64}], nullable: true, default: word48}
        map: {type: object, additionalProperties: {type: string, nullable: true, description: word49}}
        any: {}
        writes: {type: string, writeOnly: true, format: password, example: word50}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, properties: {word51: {type: string, deprecated: true}}}]}
  securitySchemes:
    key: {type: apiKey, in: cookie, name: word52}
    login: {type: oauth2, flows: {authorizationCode: {authorizationUrl: "https://word53.example", tokenUrl: "https://t.example", refreshUrl: "https://word54.example", scopes: {word55: word56}}}}
    connect: {type: openIdConnect, openIdConnectUrl: "https://word57.example"}
  callbacks: {Told: {"{$request.body#/url}": {post: {summary: word58, responses: {"200": {description: ok, content: {a/b: {schema: {type: string, nullable: true, title: word59}}}}}}}}}
  links: {L: {operationId: getA, requestBody: {schema: {nullable: true, note: word60}}}}
x-tagGroups: [{name: word61}]
""",
    "3.1, everything": """
openapi: 3.1.0
info: {title: word1, summary: word2, version: "1", license: {name: a, identifier: word3}}
jsonSchemaDialect: https://json-schema.org/draft/2020-12/schema
servers: [{url: "/word4"}]
webhooks: {word5: {post: {summary: word6, responses: {"200": {description: ok}}}}}
paths: {}
components:
  pathItems: {word7: {get: {summary: word8, responses: {"200": {description: ok}}}}}
  schemas:
    Tree: {$id: "https://word9.example/tree", $dynamicAnchor: node, type: object, properties: {children: {type: array, items: {$dynamicRef: '#node'}}}}
    Beside: {$ref: '#/components/schemas/Plain', description: word10, maxLength: 5}
    Plain: {type: [string, "null"], const: word11, examples: [word12], $comment: word13}
    Rich: {if: {required: [a]}, then: {properties: {a: {title: word14}}}, else: false, prefixItems: [{title: word15}], contains: {const: word16},
      patternProperties: {"^word17": true}, dependentSchemas: {a: {title: word18}}, propertyNames: {pattern: word19}, unevaluatedProperties: false, $defs: {word20: {type: string}}}
""",
    "3.1, webhooks alone": "openapi: 3.1.0\ninfo: {title: word1, version: '1'}\nwebhooks: {newPet: {post: {summary: word2}}}\n",
    "3.1, components alone": "openapi: 3.1.0\ninfo: {title: word1, version: '1'}\ncomponents: {schemas: {A: {title: word2}}}\n",
    "3.1.1": f"openapi: 3.1.1\ninfo: {{title: word1, version: '1'}}\npaths: {{/a: {{get: {{summary: word2, {OK}}}}}}}\n",
    "3.0.0": f"openapi: 3.0.0\ninfo: {{title: word1, version: '1'}}\npaths: {{/a: {{get: {{summary: word2, {OK}}}}}}}\n",
    "3.0.4": f"openapi: 3.0.4\ninfo: {{title: word1, version: '1'}}\npaths: {{/a: {{get: {{summary: word2, {OK}}}}}}}\n",
    "2.0 without a host": f"swagger: '2.0'\ninfo: {{title: word1, version: '1'}}\nbasePath: /word2\npaths: {{/a: {{get: {{{OK}}}}}}}\n",
    "2.0 with scheme http alone": f"swagger: '2.0'\ninfo: {{title: word1, version: '1'}}\nhost: word2.example\nschemes: [http]\npaths: {{/a: {{get: {{{OK}}}}}}}\n",
    "2.0 with sockets alone": f"swagger: '2.0'\ninfo: {{title: word1, version: '1'}}\nhost: word2.example\nschemes: [ws]\npaths: {{/a: {{get: {{{OK}}}}}}}\n",
    "2.0, a body of the path": """
swagger: '2.0'
info: {title: word1, version: '1'}
paths:
  /a:
    parameters: [{name: b, in: body, required: true, schema: {type: string, title: word2}}]
    put: {responses: {'200': {description: word3}}}
    post: {parameters: [{name: b, in: body, schema: {type: integer, title: word4}}], responses: {'200': {description: ok}}}
""",
    "2.0, forms and files": """
swagger: '2.0'
info: {title: word1, version: '1'}
consumes: [application/json]
paths:
  /a:
    post:
      parameters: [{name: word2, in: formData, type: file, required: true, description: word3}, {name: word4, in: formData, type: integer, default: 4}]
      responses: {'200': {description: ok}}
""",
    "3.0, null in every way": """
openapi: 3.0.3
info: {title: word1, version: '1'}
paths: {}
components:
  schemas:
    A: {type: string, nullable: true, enum: [word2, null]}
    B: {type: array, nullable: true, items: {type: string, nullable: true, title: word3}}
    C: {allOf: [{$ref: '#/components/schemas/A'}], nullable: true, description: word4}
    D: {anyOf: [{type: string}], nullable: true, title: word5}
    E: {nullable: true, enum: [word6]}
    F: {$ref: '#/components/schemas/A', nullable: true, x-more: word7}
    G: {type: object, nullable: true, required: [a], properties: {a: {type: string, format: binary, nullable: true}}}
""",
    "3.0, schemas that hold themselves": """
openapi: 3.0.3
info: {title: word1, version: '1'}
paths:
  /t: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Tree'}}}}, responses: {'200': {description: ok}}}}
components:
  schemas:
    Tree: {type: object, properties: {word2: {type: array, items: {$ref: '#/components/schemas/Tree'}}, up: {allOf: [{$ref: '#/components/schemas/Tree'}], nullable: true}}}
    One: {$ref: '#/components/schemas/Two'}
    Two: {oneOf: [{$ref: '#/components/schemas/Tree'}, {type: array, items: {$ref: '#/components/schemas/One'}}], description: word3}
""",
    "3.0, discriminators": """
openapi: 3.0.3
info: {title: word1, version: '1'}
paths: {}
components:
  schemas:
    Pet: {oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {word2: '#/components/schemas/Cat'}}}
    Cat: {type: object, required: [kind], properties: {kind: {type: string, enum: [word2]}}}
    Dog: {type: object, required: [kind], properties: {kind: {type: string}, example: {type: string, example: word3}, nullable: {type: boolean, nullable: true}}}
""",
    "3.0, references beside others": """
openapi: 3.0.3
info: {title: word1, version: '1'}
paths:
  /a: {get: {parameters: [{$ref: '#/components/parameters/P'}], responses: {'200': {$ref: '#/components/responses/R', description: word2}}}}
components:
  parameters: {P: {name: p, in: query, schema: {$ref: '#/components/schemas/S', default: word3}}}
  responses: {R: {description: word4}}
  schemas: {S: {type: string}, T: {$ref: '#/components/schemas/S', minLength: 3, example: word5}}
""",
    "3.0, names that are keywords": """
openapi: 3.0.3
info: {title: word1, version: '1'}
paths:
  /schema: {get: {responses: {default: {description: ok, content: {schema/schemas: {schema: {type: object, properties: {schema: {type: string, nullable: true, title: word2}, properties: {type: object, properties: {nullable: {type: string, title: word3}}}}}}}}}}}
components: {schemas: {schemas: {type: string, nullable: true, title: word4}, example: {type: string, nullable: true, example: {nullable: true, text: word5}}}}
""",
    "3.0 in JSON": json.dumps({
        "openapi": "3.0.1", "info": {"title": "word1", "version": "1"},
        "paths": {"/a": {"get": {"responses": {"200": {"description": "word2", "content": {"*/*": {"schema": {"type": "integer", "exclusiveMaximum": True, "maximum": 5}}}}}}}},
    }),
    "2.0, names with slashes and references": """
swagger: '2.0'
info: {title: word1, version: '1'}
paths:
  /a: {get: {responses: {'200': {description: ok, schema: {$ref: '#/definitions/a~1b'}}, '400': {$ref: '#/responses/e'}}}}
  /b: {$ref: '#/paths/~1a'}
responses: {e: {description: word2, schema: {$ref: '#/definitions/a~1b'}}}
definitions: {a/b: {type: object, properties: {word3: {$ref: '#/definitions/c'}}}, c: {type: string, example: '#/definitions/word4'}}
""",
}  # fmt: skip


def words(text: str) -> set[str]:
    return set(re.findall(r"(?i)word\d+", text.lower()))


def read(name: str) -> tuple[Json, list[Any]]:
    made, problems = load(DOCUMENTS[name])
    assert made is not None, [each.line() for each in problems]
    assert made["openapi"].startswith("3.1")
    # It stumbles over extensions among the paths, and its schema of links has a slip (`body` for `server`).
    plain = json.loads(json.dumps(made))
    plain["paths"] = {path: item for path, item in plain.get("paths", {}).items() if not path.startswith("x-")}
    if name == "3.0, everything":
        del plain["paths"]["/a/{id}"]["get"]["responses"]["200"]["links"]["word27"]["server"]
    assert [str(each) for each in OpenAPIV31SpecValidator(plain).iter_errors()] == []
    assert {each.severity for each in problems} <= {"warning"}
    return made, problems


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_word_is_kept_or_said_to_be_lost(name: str) -> None:
    made, problems = read(name)
    told = " ".join(f"{each.message.text('en')} {each.place.field}" for each in problems)
    missing = words(DOCUMENTS[name]) - words(json.dumps(made)) - words(told)
    assert missing == set()
    again, more = load(yaml.safe_dump(made, sort_keys=False))
    assert again == made and more == [], "what was lifted is not lifted again"


def test_what_is_lost_of_2_0_is_told_where_it_stood() -> None:
    _, problems = read("2.0, everything")
    told = {(each.place.field, each.message.text("en")) for each in problems}
    for place, word in (
        ("#/schemes", "wss"), ("#/paths/~1a~1{id}/get/schemes", "http"), ("#/paths/~1a~1{id}/get/parameters", "tabs"),
        ("#/paths/~1a~1{id}/put", "tabs"),
    ):  # fmt: skip
        assert any(field and field.startswith(place) and word in message for field, message in told), (place, told)


def test_how_forms_are_written_is_kept() -> None:
    made, _ = read("2.0, everything")
    content = made["paths"]["/a/{id}"]["put"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert content["encoding"] == {
        "word57": {"style": "form", "explode": True},
        "word60": {"style": "spaceDelimited", "explode": False},
    }
    assert made["paths"]["/a/{id}"]["get"]["parameters"][0]["allowEmptyValue"] is True


def test_null_in_every_way() -> None:
    made, _ = read("3.0, null in every way")
    schemas = made["components"]["schemas"]
    assert schemas["A"] == {"type": ["string", "null"], "enum": ["word2", None]}
    assert schemas["B"]["type"] == ["array", "null"] and schemas["B"]["items"]["type"] == ["string", "null"]
    assert schemas["C"]["anyOf"][1] == {"type": "null"} == schemas["D"]["anyOf"][1]
    assert {"type": "null"} in schemas["F"]["anyOf"]
    assert schemas["G"]["properties"]["a"] == {"type": ["string", "null"], "contentMediaType": "application/octet-stream"}


def test_what_2_0_and_3_0_ignored_and_3_1_does_not_is_told() -> None:
    _, problems = read("3.0, references beside others")
    told = [(each.place.field, each.message.text("en")) for each in problems]
    assert any(field == "#/components/schemas/T" and "minLength" in message for field, message in told), told
    assert not any("example" in message or "default" in message for _, message in told)


GENERICS = """
swagger: '2.0'
info: {title: T, version: '1'}
paths:
  /pets:
    get: {responses: {'200': {description: ok, schema: {$ref: '#/definitions/List%C2%ABPet%C2%BB'}}, '404': {$ref: '#/responses/not found'}}}
    post: {parameters: [{$ref: '#/parameters/a b'}, {$ref: '#/parameters/one body'}], responses: {'200': {description: ok}}}
parameters: {a b: {name: q, in: query, type: string}, one body: {name: b, in: body, schema: {$ref: '#/definitions/Pet<T>'}}}
responses: {not found: {description: none}}
definitions:
  List«Pet»: {type: array, items: {$ref: '#/definitions/Pet<T>'}}
  List_Pet: {type: string}
  Pet<T>: {type: object, properties: {friend: {$ref: '#/definitions/Pet<T>'}}}
"""


def test_names_that_3_1_does_not_take_are_exchanged_with_all_that_refers_to_them() -> None:
    """As springfox writes them, for example."""
    made, problems = load(GENERICS)
    assert made is not None, [each.line() for each in problems]
    assert [str(each) for each in OpenAPIV31SpecValidator(made).iter_errors()] == []
    assert list(made["components"]["schemas"]) == ["List_Pet_2", "List_Pet", "Pet_T"]
    pets = made["paths"]["/pets"]
    assert pets["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/List_Pet_2"}
    assert pets["get"]["responses"]["404"] == {"$ref": "#/components/responses/not_found"}
    assert pets["post"]["parameters"] == [{"$ref": "#/components/parameters/a_b"}]
    assert pets["post"]["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Pet_T"}
    assert made["components"]["schemas"]["Pet_T"]["properties"]["friend"] == {"$ref": "#/components/schemas/Pet_T"}
    assert {each.place.field for each in problems} == {
        "#/definitions/List«Pet»", "#/definitions/Pet<T>", "#/parameters/a b", "#/parameters/one body", "#/responses/not found",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/v1/", "https://a.example/v1"), ("http://[::1", None), ("http://[::1]:80/x", "http://[::1]:80/x"), ("/v1", None),
        ("ftp://a.example", None), ("https://{host}/v1", None), ("https:///v1", None), ("", None),
    ],
)  # fmt: skip
def test_of_servers_those_become_targets_that_can_be_called(url: str, target: str | None) -> None:
    made = draft({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "servers": [{"url": url}], "paths": {}})
    assert [each.url for each in made.upstream.targets] == ([target] if target else [])


def test_references_are_read_as_addresses_are_written() -> None:
    text = """
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /a/{id}: {get: {summary: the one, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {'200': {description: ok}}}}
  /b/{id}: {$ref: '#/paths/~1a~1%7Bid%7D'}
"""
    made, problems = load(text)
    assert made is not None and problems == []
    assert [(each.name, each.data["summary"], len(each.parameters)) for each in operations(made)] == [
        ("GET /a/{id}", "the one", 1), ("GET /b/{id}", "the one", 1),
    ]  # fmt: skip
