"""The JSON Schema of the flow file, built from the registered nodes, for editors and for validation."""

from __future__ import annotations

import copy
from typing import Any, get_args

from tisserand.model.flow import FORMAT_VERSION, After, OnError, Overlap, ParameterType, Priority
from tisserand.model.nodetype import Catalog, NodeType
from tisserand.model.yamlread import FLOW_ID, NODE_ID

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ID = f"^{NODE_ID.pattern}$"


_TEXT: dict[str, Any] = {"type": "string"}
_DURATION: dict[str, Any] = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|min|h|d)\s*$"}
_SIZE: dict[str, Any] = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([KMGT]i?)?B\s*$"}
_REF: dict[str, Any] = {"type": "string", "pattern": r"^[A-Za-z_][\w-]*(\.[\w-]+)?$"}


def flow_schema(catalog: Catalog) -> dict[str, Any]:
    """A JSON Schema, draft 2020-12: each node's config is closed to the settings of its kind."""
    kinds = sorted(catalog, key=lambda kind: kind.kind)
    definitions: dict[str, Any] = {}
    branches = []
    for kind in kinds:
        definitions[f"config {kind.kind}"] = _config(kind, definitions)
        config = {"$ref": f"#/$defs/config {kind.kind}".replace(" ", "%20")}
        branches.append({"if": {"properties": {"kind": {"const": kind.kind}}}, "then": _branch(kind, config)})
    definitions["node"] = {**_node([kind.kind for kind in kinds]), "allOf": branches}
    return {"$schema": DRAFT, "title": "Tisserand flow", **_flow(), "$defs": definitions}


def _branch(kind: NodeType, config: dict[str, Any]) -> dict[str, Any]:
    inputs = {port.name: _input(port.many) for port in kind.inputs}
    return {"properties": {"config": config, "inputs": {"type": "object", "properties": inputs, "additionalProperties": False}}}


def _input(many: bool) -> dict[str, Any]:
    listed = {"type": "array", "items": _REF, "minItems": 1}
    return {"oneOf": [_REF, listed]} if many else {"oneOf": [_REF, {**listed, "maxItems": 1}]}


def _config(kind: NodeType, definitions: dict[str, Any]) -> dict[str, Any]:
    """The node's own schema, its definitions moved beside the others; a text may stand for any single value (`{{ name }}`)."""
    schema = copy.deepcopy(kind.config_schema())
    for name, inner in (schema.pop("$defs", None) or {}).items():
        definitions[f"{kind.kind} {name}"] = inner
    _relocate(schema, kind.kind)
    for name in list(definitions):
        if name.startswith(f"{kind.kind} "):
            _relocate(definitions[name], kind.kind)
    return schema


def _relocate(schema: Any, kind: str) -> None:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/") and "%20" not in reference:
            schema["$ref"] = f"#/$defs/{kind}%20{reference.removeprefix('#/$defs/')}"
        if "default" in schema and schema.get("type") in ("integer", "number", "boolean"):
            schema["type"] = [schema["type"], "string"]
        for value in schema.values():
            _relocate(value, kind)
    elif isinstance(schema, list):
        for value in schema:
            _relocate(value, kind)


def _closed(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False, "required": list(required)}


def _mapping(values: dict[str, Any], names: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": values}
    return {**found, "propertyNames": {"pattern": names}} if names else found


def _node(kinds: list[str]) -> dict[str, Any]:
    retry = _closed(
        {"attempts": {"type": "integer", "minimum": 1}, "wait": _DURATION, "factor": {"type": "number", "minimum": 1}}
    )
    return _closed(
        {
            "kind": {"enum": kinds},
            "version": {"type": "integer", "minimum": 1},
            "title": _TEXT,
            "inputs": {"type": "object"},
            "after": _mapping({"enum": list(get_args(After))}),
            "config": {"type": "object"},
            "retry": retry,
            "on_error": {"enum": list(get_args(OnError))},
            "timeout": _DURATION,
            "disabled": {"type": "boolean"},
            "pinned": _TEXT,
            "breakpoint": {"type": "boolean"},
        },
        ("kind",),
    )


def _flow() -> dict[str, Any]:
    parameter = _closed(
        {
            "type": {"enum": list(get_args(ParameterType))},
            "default": {},
            "required": {"type": "boolean"},
            "title": _TEXT,
            "help": _TEXT,
            "unit": _TEXT,
            "choices": {"type": "array"},
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
        }
    )
    limits = _closed({"memory": _SIZE, "timeout": _DURATION, "overlap": {"enum": list(get_args(Overlap))},
                      "priority": {"enum": list(get_args(Priority))}})  # fmt: skip
    place = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return _closed(
        {
            "tisserand": {"const": FORMAT_VERSION},
            "id": {"type": "string", "pattern": f"^{FLOW_ID.pattern}$"},
            "title": _TEXT,
            "summary": _TEXT,
            "owner": _TEXT,
            "tags": {"type": "array", "items": _TEXT},
            "keys": _mapping(_REF),
            "limits": limits,
            "parameters": _mapping(parameter),
            "nodes": _mapping({"$ref": "#/$defs/node"}, ID),
            "frames": _mapping(_closed({"title": _TEXT, "holds": {"type": "array", "items": _TEXT}})),
            "notes": _mapping(_closed({"text": _TEXT, "near": _TEXT})),
            "layout": _mapping(place),
        },
        ("tisserand", "id"),
    )
