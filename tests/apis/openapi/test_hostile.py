"""Documents of strangers: whatever stands in them, they are refused or taken in a sentence, never a traceback, never without end.

CPU is bounded by the kernel (RLIMIT_CPU) in a process of its own: what has no end is killed, and that is seen.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tisserand.apis.openapi.breaking import changes
from tisserand.apis.openapi.importing import draft
from tisserand.apis.openapi.lift import lift
from tisserand.apis.openapi.operations import operations
from tisserand.apis.openapi.reading import load

HEAD = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
SWAGGER = "swagger: '2.0'\ninfo: {title: T, version: '1'}\n"


def schemas(count: int, each: str) -> str:
    """A0 refers to A1, A1 to A2 … as `each` says with NEXT in place of the reference."""
    named = ", ".join(f"A{n}: " + each.replace("NEXT", f"{{$ref: '#/components/schemas/A{n + 1}'}}") for n in range(count))
    return f"{HEAD}paths: {{}}\ncomponents: {{schemas: {{{named}, A{count}: {{type: object, properties: {{z: {{}}}}}}}}}}\n"


ENDLESS = {
    "aliases": HEAD + "x-0: &a0 [1, 2, 3]\n" + "".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "a circle of aliases": HEAD + "paths: {}\nx-a: &a {a: *a}\n",
    "depth": HEAD + "paths: {}\nx-a: " + "[" * 50_000 + "]" * 50_000 + "\n",
    "doubled by allOf": schemas(40, "{allOf: [NEXT, NEXT]}"),
    "doubled by allOf, with defaults": schemas(40, "{default: {}, allOf: [NEXT, NEXT]}"),
    "doubled by what is not evaluated": schemas(40, "{default: {a: 1}, unevaluatedProperties: false, anyOf: [NEXT, NEXT]}"),
    "doubled by properties": schemas(40, "{properties: {a: NEXT, b: NEXT}}"),
    "a long chain": schemas(3_000, "{allOf: [NEXT]}"),
    "a pattern": f"{HEAD}paths: {{}}\ncomponents: {{schemas: {{A: {{type: string, pattern: '^(a+)+$', default: '{'a' * 60}!'}}}}}}\n",
    "a pattern of 2.0": f"{SWAGGER}paths: {{/a: {{get: {{parameters: [{{name: q, in: query, type: string, pattern: '^(a+)+$', "
    f"default: '{'a' * 60}!'}}], responses: {{'200': {{description: ok}}}}}}}}}}\n",
    "many schemas": HEAD
    + "paths: {}\ncomponents:\n  schemas:\n"
    + "".join(f"    A{n}: {{type: string}}\n" for n in range(8_000)),
}

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (25, 25))
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from tisserand.apis.openapi.breaking import changes
from tisserand.apis.openapi.reading import load
document, problems = load(sys.stdin.read())
assert all(problem.message.text() for problem in problems)
if document is not None:
    changes(document, document)
print("taken" if document is not None else problems[0].code)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX")
@pytest.mark.parametrize("name", ENDLESS)
def test_nothing_goes_on_without_end(name: str) -> None:
    done = subprocess.run([sys.executable, "-P", "-c", LIMITED], input=ENDLESS[name], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:] or done.returncode
    assert done.stdout.strip() in ("taken", "openapi.large", "openapi.yaml", "openapi.wrong")


UNGUARDED = """
import resource, sys, yaml
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
from openapi_spec_validator import OpenAPIV31SpecValidator
[*OpenAPIV31SpecValidator(yaml.safe_load(sys.stdin.read())).iter_errors()]
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX")
@pytest.mark.parametrize("name", ["doubled by allOf", "a pattern"])
def test_without_the_guards_they_would(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", UNGUARDED], input=ENDLESS[name], capture_output=True, text=True, timeout=90
    )
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


@pytest.mark.parametrize(
    ("text", "code", "place", "line"),
    [
        (HEAD + "paths: {}\nx-a: !!binary aGVsbG8=\n", "openapi.yaml", None, 4),
        (HEAD + "paths: !!set {a, b}\n", "openapi.yaml", None, 3),
        (HEAD + "paths: {}\nx-a: .nan\n", "openapi.value", "#/x-a", 4),
        ('{"openapi": "3.1.0", "info": {"title": "\\ud800", "version": "1"},\n"paths": {}}', "openapi.value", "#/info/title", None),
        ('{"openapi": "3.1.0", "info": {"title": "T", "version": "1"},\n"paths": {}, "x-a": Infinity}', "openapi.value", "#/x-a", 2),
        (
            HEAD + "paths:\n  /a:\n    get:\n      responses:\n        '200': {$ref: '#/components/responses/Gone'}\n",
            "openapi.reference", "#/paths/~1a/get/responses/200", 7,
        ),
        (HEAD + "paths: {}\ncomponents: {schemas: {A: {$id: 'https://a.example.org/x', $ref: '#/gone'}}}\n", "openapi.wrong", None, None),
    ],
)  # fmt: skip
def test_what_no_document_may_hold_is_refused_at_its_place(text: str, code: str, place: str | None, line: int | None) -> None:
    document, problems = load(text)
    assert document is None
    assert [(each.code, each.place.field, each.place.line) for each in problems] == [(code, place, line)]


def test_data_that_looks_like_a_reference_is_none() -> None:
    text = HEAD + "paths: {}\ncomponents: {schemas: {A: {type: object, examples: [{$ref: '#/gone'}]}}}\n"
    document, problems = load(text)
    assert document is not None and problems == []


def test_a_schema_that_holds_itself_within_all_of_is_right() -> None:
    """JSON itself as a schema: found by nobody who follows references without looking back."""
    value = "{anyOf: [{type: string}, {type: array, items: {$ref: '#/components/schemas/Value'}}], properties: {size: {}}}"
    text = f"{HEAD}paths: {{}}\ncomponents: {{schemas: {{Value: {value}, Box: {{allOf: [{{$ref: '#/components/schemas/Value'}}], required: [%s]}}}}}}\n"
    assert load(text % "size")[1] == []
    assert [each.code for each in load(text % "colour")[1]] == ["openapi.wrong"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["#/components/schemas/A", "object", "get", "query"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$ref", "type", "in", "schema", "properties", "200", "name"]) | st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

WHOLE: dict[str, dict[str, Any]] = {
    "3.1": {
        "openapi": "3.1.0", "info": {"title": "T", "version": "1", "contact": {"name": "c"}}, "servers": [{"url": "https://a.example.org"}],
        "tags": [{"name": "t"}], "security": [{"k": []}],
        "paths": {"/a/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "enum": ["a"], "default": "a"}}],
            "post": {
                "operationId": "o", "tags": ["t"], "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
                "responses": {"200": {"description": "ok", "headers": {"H": {"schema": {"type": "integer"}}}}},
            },
        }},
        "components": {
            "schemas": {"A": {"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}, "required": ["a"]}},
            "securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "x"}},
        },
    },
    "2.0": {
        "swagger": "2.0", "info": {"title": "T", "version": "1"}, "host": "a.example.org", "basePath": "/x", "schemes": ["https"],
        "consumes": ["application/json"], "produces": ["application/json"],
        "parameters": {"B": {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/A"}}},
        "paths": {"/a": {"post": {
            "parameters": [{"$ref": "#/parameters/B"}, {"name": "q", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "csv"}],
            "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/A"}, "headers": {"H": {"type": "string"}}}},
        }}},
        "definitions": {"A": {"type": "object", "properties": {"a": {"type": "string", "format": "byte"}}}},
        "securityDefinitions": {"o": {"type": "oauth2", "flow": "implicit", "authorizationUrl": "https://a.example.org", "scopes": {"s": "s"}}},
    },
}  # fmt: skip
WHOLE["3.0"] = {**WHOLE["3.1"], "openapi": "3.0.3"}


def ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for key, each in inner for deeper in ways(each, (*way, key)))]


@pytest.mark.parametrize("version", WHOLE)
def test_the_unbroken_one_is_taken(version: str) -> None:
    document, problems = load(json.dumps(WHOLE[version]))
    assert document is not None and document["openapi"].startswith("3.1")
    assert all(problem.severity == "warning" for problem in problems)


@pytest.mark.parametrize("version", WHOLE)
@given(data=st.data())
@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_wrong_value_anywhere_is_told_in_a_sentence(version: str, data: st.DataObject) -> None:
    broken = copy.deepcopy(WHOLE[version])
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(st.sampled_from(ways(broken)[1:]))
        holder = broken
        for step in way:
            holder = holder[step]
        holder[last] = data.draw(VALUES)
    document, problems = load(json.dumps(broken))
    assert document is not None or problems
    assert all(problem.message.text() for problem in problems)
    if document is not None:  # what is taken is fit for everything that comes after
        assert load(json.dumps(document))[0] == document == lift(document)[0]
        assert changes(document, document) == []
        assert len([*operations(document)]) <= 1
        draft(document)
