"""Documents of flows, held to those who check documents for a living: openapi-spec-validator, jsonschema, and Spectral’s `spectral:oas`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ibis
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tisserand.apis.model import Api
from tisserand.apis.openapi.generate import document
from tisserand.apis.openapi.lint import lint
from tisserand.apis.openapi.schemas import example_of, schema_of

TYPES = (
    "boolean", "int8", "int16", "int32", "int64", "uint8", "uint64", "float32", "float64", "string", "date", "time", "timestamp(6)",
    "timestamp('UTC', 6)", "decimal(10, 2)", "decimal(38, 9)", "decimal(3, 3)", "decimal(18, 0)", "decimal", "interval('s')", "uuid",
    "binary", "json", "array<string>", "array<array<int64>>", "struct<a: int64, b: array<decimal(4, 1)>>", "map<string, float64>",
    "array<struct<when: timestamp(3), what: !string>>",
)  # fmt: skip

SECURITY: tuple[list[dict[str, Any]], ...] = (
    [{"kind": "api_key"}],
    [{"kind": "api_key", "place": "query", "name": "key"}, {"kind": "basic"}],
    [{"kind": "jwt", "issuer": "https://id.example.org", "jwks": "keys.json"}, {"kind": "mtls"}],
    [{"kind": "open", "approved_by": "ada"}],
)


def api(mode: str = "sync", security: list[dict[str, Any]] | None = None, **more: Any) -> Api:
    told = {
        "id": "orders", "version": "2", "name": "Orders", "summary": "What was ordered.", "owner": "Sales",
        "route": {"base_path": "/orders"}, "upstream": {"flow": "orders", "mode": mode},
    }  # fmt: skip
    return Api.model_validate({**told, **({"security": security} if security else {}), **more})


def columns(nullable: bool = True) -> list[dict[str, Any]]:
    return [{"name": f"c{index}", "type": type, "nullable": nullable} for index, type in enumerate(TYPES)]


OPERATIONS: list[dict[str, Any]] = [
    {
        "node": "one order", "method": "GET", "path": "/orders/{id}", "form": "one", "status": 200, "missing": 404,
        "parameters": [
            {"name": "id", "place": "path", "type": "int64", "column": "id", "help": "Which one.", "example": 7},
            {"name": "fields", "place": "query", "type": "string", "default": "all"},
            {"name": "at", "place": "query", "type": "timestamp(6)", "example": "no moment"},
            {"name": "X-Shop", "place": "header", "type": "decimal(4, 2)", "required": True},
        ],
        "body": [], "reply": columns(),
    },
    {"node": "all", "method": "GET", "path": "/orders", "form": "list", "parameters": [], "body": [], "reply": columns(False)},
    {
        "node": "make", "method": "POST", "path": "/orders", "form": "one", "status": 201, "missing": 204, "way": "run", "array": True,
        "parameters": [],
        "body": [
            {"column": "sku", "type": "string", "path": "item.sku", "required": True, "help": "What.", "example": "A1"},
            {"column": "size", "type": "int32", "path": "item.size", "example": "large"},
            *({"column": f"v{index}", "type": type, "path": ""} for index, type in enumerate(TYPES)),
        ],
        "reply": [{"name": "id", "type": "int64", "nullable": False}],
    },
    {"node": "gone", "method": "DELETE", "path": "/orders/{id}", "form": "one", "status": 204, "missing": 410, "reply": [],
     "parameters": [{"name": "id", "place": "path", "type": "int64"}]},
    {"node": "all", "method": "PUT", "path": "/", "parameters": [], "body": [], "reply": [{"name": "ok", "type": "boolean"}]},
]  # fmt: skip

MADE = {
    f"{mode}, {', '.join(str(each['kind']) for each in security)}": document(api(mode, security), OPERATIONS)
    for mode in ("sync", "async")
    for security in SECURITY
}
MADE["deprecated"] = document(api(lifecycle="deprecated", sunset="2027-01-31"), OPERATIONS)
MADE["with little said"] = document(api(name="", summary="", owner=""), OPERATIONS[1:2])


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_a_document_of_a_flow_keeps_the_rules_of_openapi(made: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(made).iter_errors()) == []
    assert lint(made, api()) == [] or "security" not in made


@pytest.mark.parametrize("type", TYPES)
def test_the_example_of_every_type_conforms_to_its_schema(type: str) -> None:
    ibis.dtype(type)  # it is one
    schema = schema_of(type)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert list(validator.iter_errors(example_of(type))) == []
    assert jsonschema.Draft202012Validator(schema_of(type, nullable=True)).is_valid(None)
    assert type == "json" or not jsonschema.Draft202012Validator(schema).is_valid(None)


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("int8", [-128, 127], [128, -129, 1.5, "1"]),
        ("int64", [2**63 - 1, -(2**63)], [2**63]),
        ("uint64", [0, 2**64 - 1], [-1, 2**64]),
        ("decimal(4, 2)", [99.99, -99.99, 0.25], [100, -100, 0.125]),
        ("decimal(18, 0)", [10**18 - 1], [10**18, 0.5]),
        ("time", ["08:30", "23:59:59.123456"], ["24:00", "08:30:00Z", "8:30"]),
        ("array<int8>", [[], [1, None]], [[128], 1]),
        ("array<!int8>", [[1]], [[None]]),
        ("map<string, int8>", [{"a": 1}], [{"a": 500}]),
        ("struct<a: int8>", [{"a": None}, {}], [{"a": "x"}]),
    ],
)
def test_a_schema_takes_what_the_type_holds_and_nothing_else(type: str, good: list[Any], bad: list[Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema_of(type))
    assert [value for value in good if not validator.is_valid(value)] == []
    assert [value for value in bad if validator.is_valid(value)] == []


def test_every_example_of_a_document_conforms() -> None:
    checked = 0
    for made in MADE.values():
        resolver_root = {"components": made["components"]}
        for holder in _holders(made["paths"]):
            schema = {**resolver_root, "allOf": [holder["schema"]]}
            validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
            assert list(validator.iter_errors(holder["example"])) == [], holder
            checked += 1
    assert checked > 40


def _holders(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [each for one in value for each in _holders(one)]
    if not isinstance(value, dict):
        return []
    return [*([value] if "schema" in value and "example" in value else []), *(e for one in value.values() for e in _holders(one))]


def test_a_value_of_a_body_stands_where_its_path_says() -> None:
    made = MADE["sync, api_key"]
    body = made["components"]["schemas"]["MakeRequest"]
    assert body["required"] == ["item"]
    assert body["properties"]["item"]["required"] == ["sku"]
    assert body["properties"]["item"]["properties"]["sku"] == {"type": "string", "description": "What."}
    content = made["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"type": "array", "items": {"$ref": "#/components/schemas/MakeRequest"}}
    assert content["example"][0]["item"] == {"sku": "A1", "size": 1}, "an example that does not fit is replaced"


def test_answers_and_errors_are_those_of_the_flow() -> None:
    paths = MADE["sync, api_key"]["paths"]
    assert set(paths["/orders/{id}"]["get"]["responses"]) == {"200", "400", "401", "403", "404", "429", "500", "503", "504"}
    assert set(paths["/orders/{id}"]["delete"]["responses"]) >= {"204", "410"}
    assert set(paths["/orders"]["post"]["responses"]) >= {"201", "204", "413", "415", "422"}
    assert "content" not in paths["/orders"]["post"]["responses"]["204"]
    later = MADE["async, api_key"]["paths"]
    assert "202" in later["/orders"]["post"]["responses"]
    assert "200" not in later["/orders"]["get"]["responses"]
    assert "/jobs/{id}" in later


def test_names_of_operations_differ_and_the_same_gives_the_same() -> None:
    made = MADE["sync, api_key"]
    names = [operation["operationId"] for item in made["paths"].values() for operation in item.values()]
    assert sorted(names) == ["all", "all2", "gone", "make", "oneOrder"]
    assert json.dumps(document(api(), OPERATIONS)) == json.dumps(document(api(), OPERATIONS))
    assert MADE["sync, open"].get("security") is None
    assert MADE["sync, jwt, mtls"]["security"] == [{"bearer": []}, {"certificate": []}]


def test_spectral_finds_nothing(tmp_path: Path) -> None:
    spectral = shutil.which("spectral")
    if spectral is None:
        pytest.skip("needs server: spectral")
    ruleset = tmp_path / "ruleset.yaml"
    ruleset.write_text('extends: ["spectral:oas"]\n')
    for index, made in enumerate(MADE.values()):
        (tmp_path / f"{index}.json").write_text(json.dumps(made, indent=1))
    assert _spectral(spectral, ruleset, tmp_path, *sorted(tmp_path.glob("*.json"))) == []
    # The same check finds what is wrong, where something is.
    worse = json.loads(json.dumps(MADE["sync, api_key"]))
    del worse["paths"]["/orders"]["get"]["operationId"]
    worse["paths"]["/orders/{id}"]["get"]["parameters"][0]["example"] = "seven"
    (tmp_path / "worse.json").write_text(json.dumps(worse))
    assert {each["code"] for each in _spectral(spectral, ruleset, tmp_path, tmp_path / "worse.json")} == {
        "operation-operationId",
        "oas3-valid-media-example",
    }


def _spectral(spectral: str, ruleset: Path, folder: Path, *files: Path) -> list[dict[str, Any]]:
    command = [spectral, "lint", "--ruleset", str(ruleset), "--format", "json", "--fail-severity", "hint", "--quiet"]
    done = subprocess.run([*command, *map(str, files)], cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [{"code": each["code"], "path": each["path"], "message": each["message"], "source": each["source"]} for each in found]
