"""Documents of OpenAPI 2.0 and 3.0 lifted to 3.1.

After the specifications of the OpenAPI Initiative (2.0, 3.0.3, 3.1.0) and JSON Schema 2020-12.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tisserand.apis.openapi.operations import METHODS
from tisserand.apis.openapi.places import pointer_of
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

Json = dict[str, Any]

_IN_SCHEMA = ("type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
              "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf")  # fmt: skip
"""What stands beside the name of a parameter in 2.0, and in its schema since."""


def lift(document: Json) -> tuple[Json, list[Problem]]:
    """The same in 3.1, and what was lost on the way, as warnings. The document has been checked to be an object with a version."""
    lost: list[Problem] = []
    # What an alias of YAML names twice stands there twice, so that each place is changed once.
    lifted = json.loads(json.dumps(document))
    if str(lifted.get("swagger", "")).startswith("2"):
        lifted = _from_2(lifted, lost)
    if str(lifted.get("openapi", "")).startswith("3.0"):
        _schemas(lifted, "#", lost)
        lifted["openapi"] = "3.1.0"
    return lifted, lost


def _warn(lost: list[Problem], pointer: str, message: Message) -> None:
    lost.append(Problem("openapi.lost", message, None, Place(field=pointer), "warning"))


# -- 3.0: schemas were not yet JSON Schema


_DEMANDS = frozenset(
    {*_IN_SCHEMA, "required", "properties", "additionalProperties", "minProperties", "maxProperties", "allOf", "oneOf", "anyOf", "not"}
) - {"default"}  # fmt: skip
"""What asks something of a value."""

_NAMED = frozenset(
    {"paths", "pathItems", "responses", "parameters", "requestBodies", "headers", "content", "encoding", "callbacks", "links",
     "securitySchemes"}
)  # fmt: skip
"""What holds objects under names that people chose: a name is no keyword."""
_NOT_OURS = frozenset({"example", "examples", "variables", "mapping"})
"""What may hold anything, and is left alone."""


def _schemas(value: Any, pointer: str, lost: list[Problem]) -> None:
    """Every schema of a document of 3.0, found by where schemas stand: what only looks like one (an example) is left alone."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            _schemas(each, f"{pointer}/{index}", lost)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key in _NOT_OURS or str(key).startswith("x-"):
            continue
        place = _below(pointer, key)
        if key == "schema":
            _inside(each, place, lost)
        elif key == "schemas" and isinstance(each, dict):
            for name, schema in each.items():
                _inside(schema, _below(place, name), lost)
        elif key in _NAMED and isinstance(each, dict):
            for name, one in each.items():
                _schemas(one, _below(place, name), lost)
        else:
            _schemas(each, place, lost)


def _below(pointer: str, *steps: str | int) -> str:
    return pointer + pointer_of(steps)[1:]


def _inside(schema: Any, pointer: str, lost: list[Problem]) -> None:
    """A schema, and those in it."""
    if not isinstance(schema, dict):
        return
    for key in ("properties", "patternProperties"):
        for name, each in schema[key].items() if isinstance(schema.get(key), dict) else ():
            _inside(each, _below(pointer, key, name), lost)
    for key in ("items", "not", "additionalProperties"):
        _inside(schema.get(key), _below(pointer, key), lost)
    for key in ("allOf", "oneOf", "anyOf"):
        for index, each in enumerate(schema[key] if isinstance(schema.get(key), list) else ()):
            _inside(each, _below(pointer, key, index), lost)
    if isinstance(schema.get("$ref"), str) and (beside := sorted(key for key in schema if key in _DEMANDS)):
        message = msg("“{keywords}” stand beside a reference: until 3.0 that said nothing, now it counts.", keywords=beside)
        lost.append(Problem("openapi.beside", message, None, Place(field=pointer), "warning"))
    _schema(schema)


def _schema(schema: Json) -> None:
    if schema.pop("nullable", False) is True:
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
            if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
        elif "$ref" in schema:
            schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"type": "null"}]
        elif "type" not in schema and any(key in schema for key in ("allOf", "oneOf", "anyOf")):
            inner = {key: schema.pop(key) for key in ("allOf", "oneOf", "anyOf") if key in schema}
            schema["anyOf"] = [inner, {"type": "null"}]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        flag = schema.get(exclusive)
        if isinstance(flag, bool):
            del schema[exclusive]
            if flag and bound in schema:
                schema[exclusive] = schema.pop(bound)
    if isinstance(schema.get("discriminator"), str):  # 2.0
        schema["discriminator"] = {"propertyName": schema["discriminator"]}
    if "example" in schema:
        schema.setdefault("examples", [schema.pop("example")])
        schema.pop("example", None)
    if schema.get("type") in ("string", ["string", "null"]) and schema.get("format") in ("binary", "byte"):
        encoding = schema.pop("format")
        if encoding == "byte":
            schema["contentEncoding"] = "base64"
        else:
            schema["contentMediaType"] = "application/octet-stream"


# -- 2.0: other places for almost everything


def _from_2(old: Json, lost: list[Problem]) -> Json:
    info = old.get("info") or {}
    new: Json = {"openapi": "3.0.3", "info": info}
    if old.get("host") or old.get("basePath"):
        base = str(old.get("basePath") or "").rstrip("/")
        host = str(old.get("host") or "")
        told = [str(each) for each in old.get("schemes") or ["https"]]
        schemes = [each for each in told if each in ("http", "https")] or ["https"]
        if others := [each for each in told if each not in ("http", "https")]:
            _warn(lost, "#/schemes", msg("Addresses that begin with {schemes} are left out.", schemes=others))
        new["servers"] = [{"url": f"{scheme}://{host}{base}" if host else base or "/"} for scheme in schemes]
    for key in ("tags", "externalDocs", "security"):
        if key in old:
            new[key] = old[key]
    old = _renamed(old, lost)
    consumes, produces = old.get("consumes") or ["application/json"], old.get("produces") or ["application/json"]
    components: Json = {}
    if old.get("definitions"):
        components["schemas"] = old["definitions"]
    shared = {name: each for name, each in (old.get("parameters") or {}).items() if isinstance(each, dict)}
    bodies = {name: each for name, each in shared.items() if each.get("in") in ("body", "formData")}
    plain = {name: _parameter(each, lost, f"#/parameters/{name}") for name, each in shared.items() if name not in bodies}
    if plain:
        components["parameters"] = plain
    if old.get("responses"):
        components["responses"] = {
            name: _answer(each, produces, lost, f"#/responses/{name}")
            for name, each in old["responses"].items()
            if isinstance(each, dict)
        }
    if old.get("securityDefinitions"):
        components["securitySchemes"] = {
            name: _security(each, lost, name) for name, each in old["securityDefinitions"].items() if isinstance(each, dict)
        }
    new["paths"] = {
        path: _path(item, shared, consumes, produces, lost, pointer_of(["paths", path])) if not path.startswith("x-") else item
        for path, item in (old.get("paths") or {}).items()
        if isinstance(item, dict) or path.startswith("x-")
    }
    if components:
        new["components"] = components
    new.update({key: each for key, each in old.items() if key.startswith("x-")})
    _references(new)
    return new


def _path(item: Json, shared: Json, consumes: list[str], produces: list[str], lost: list[Problem], pointer: str) -> Json:
    new = {key: each for key, each in item.items() if key.startswith("x-") or key == "$ref"}
    common = item.get("parameters") or []
    body_of_path = [each for each in map(lambda one: _named(one, shared), common) if each.get("in") in ("body", "formData")]  # noqa: C417
    kept = [each for each in common if _named(each, shared).get("in") not in ("body", "formData")]
    if kept:
        new["parameters"] = [each if "$ref" in each else _parameter(each, lost, f"{pointer}/parameters") for each in kept]
    for method in METHODS:
        operation = item.get(method)
        if not isinstance(operation, dict):
            continue
        made = {
            key: each
            for key, each in operation.items()
            if key not in ("parameters", "consumes", "produces", "responses", "schemes")
        }
        if operation.get("schemes"):
            schemes = [str(each) for each in operation["schemes"]]
            _warn(
                lost,
                f"{pointer}/{method}/schemes",
                msg("That this operation is called by {schemes} is left out.", schemes=schemes),
            )
        own = [each for each in operation.get("parameters") or [] if isinstance(each, dict)]
        whole = [_named(each, shared) for each in own]
        inner = [each for each in whole if each.get("in") in ("body", "formData")] or body_of_path
        others = [each for each, full in zip(own, whole, strict=True) if full.get("in") not in ("body", "formData")]
        if others:
            made["parameters"] = [
                each if "$ref" in each else _parameter(each, lost, f"{pointer}/{method}/parameters") for each in others
            ]
        if inner:
            made["requestBody"] = _body(inner, operation.get("consumes") or consumes, lost, f"{pointer}/{method}")
        answers = operation.get("responses") or {}
        made["responses"] = {
            str(status): each
            if str(status).startswith("x-")
            else _answer(each, operation.get("produces") or produces, lost, f"{pointer}/{method}/responses/{status}")
            for status, each in answers.items()
            if isinstance(each, dict) or str(status).startswith("x-")
        }
        new[method] = made
    return new


def _named(parameter: Any, shared: Json) -> Json:
    if not isinstance(parameter, dict):
        return {}
    reference = parameter.get("$ref")
    if isinstance(reference, str):
        found: Json = shared.get(reference.removeprefix("#/parameters/"), {})
        return found
    return parameter


def _parameter(old: Json, lost: list[Problem], pointer: str) -> Json:
    new = {key: each for key, each in old.items() if key not in (*_IN_SCHEMA, "collectionFormat")}
    new["schema"] = {key: old[key] for key in _IN_SCHEMA if key in old} or {"type": "string"}
    if old.get("in") == "path":
        new["required"] = True
    if old.get("in") != "query":
        new.pop("allowEmptyValue", None)
    _within(new["schema"], str(old.get("name")), lost, pointer)
    style = old.get("collectionFormat")
    if style == "multi":
        new["explode"] = True
    elif style == "csv" or (style is None and old.get("type") == "array"):
        if old.get("in") == "query":
            new["explode"] = False
    elif style in ("ssv", "pipes"):
        new["style"] = "spaceDelimited" if style == "ssv" else "pipeDelimited"
        new["explode"] = False
    elif style == "tsv":
        _warn(lost, pointer, _tabs(str(old.get("name"))))
    return new


def _tabs(name: str) -> Message:
    return msg("The parameter “{name}” is separated by tabs, for which 3.1 has no word.", name=name)


def _within(schema: Json, name: str, lost: list[Problem], pointer: str) -> None:
    """Lists in lists: how they are written has no word in 3.1."""
    inner = schema.get("items")
    while isinstance(inner, dict):
        if inner.pop("collectionFormat", "csv") != "csv":
            _warn(lost, pointer, msg("How the lists within the list “{name}” are written has no word in 3.1.", name=name))
        inner = inner.get("items")


def _body(parameters: list[Json], consumes: list[str], lost: list[Problem], pointer: str) -> Json:
    body = next((each for each in parameters if each.get("in") == "body"), None)
    if body is not None:
        new: Json = {"content": {media: {"schema": body.get("schema", {})} for media in consumes}}
        new.update({key: each for key, each in body.items() if key in ("description", "required") or key.startswith("x-")})
        return new
    files = any(each.get("type") == "file" for each in parameters)
    forms = [each for each in consumes if each in ("multipart/form-data", "application/x-www-form-urlencoded")]
    media = forms or (["multipart/form-data"] if files else ["application/x-www-form-urlencoded"])
    properties = {}
    encoding: Json = {}
    for each in parameters:
        name = str(each.get("name"))
        schema = {key: value for key, value in each.items() if key in (*_IN_SCHEMA, "description") or key.startswith("x-")}
        _within(schema, name, lost, pointer)
        style = each.get("collectionFormat")
        if style in _STYLES:
            encoding[name] = _STYLES[style]
        elif style == "tsv":
            _warn(lost, pointer, _tabs(name))
        if schema.get("type") == "file":
            schema = {**schema, "type": "string", "format": "binary"}
        properties[name] = schema
    form: Json = {"type": "object", "properties": properties}
    required = [str(each.get("name")) for each in parameters if each.get("required")]
    if required:
        form["required"] = required
    one: Json = {"schema": form, **({"encoding": encoding} if encoding else {})}
    return {**({"required": True} if required else {}), "content": {each: copy.deepcopy(one) for each in media}}


_STYLES: dict[Any, Json] = {
    "multi": {"style": "form", "explode": True}, "csv": {"style": "form", "explode": False},
    "ssv": {"style": "spaceDelimited", "explode": False}, "pipes": {"style": "pipeDelimited", "explode": False},
}  # fmt: skip


def _answer(old: Json, produces: list[str], lost: list[Problem], pointer: str) -> Json:
    if "$ref" in old:
        return old
    new = {key: each for key, each in old.items() if key.startswith("x-")} | _response(old, produces)
    for name, header in (old.get("headers") or {}).items():
        if isinstance(header, dict):
            _within(new["headers"][name]["schema"], str(name), lost, pointer)
            if header.get("collectionFormat", "csv") != "csv":
                _warn(
                    lost, pointer, msg("How the lists within the list “{name}” are written has no word in 3.1.", name=str(name))
                )
    return new


def _response(old: Json, produces: list[str]) -> Json:
    new: Json = {"description": str(old.get("description") or "")}
    told = old.get("examples")
    examples: Json = told if isinstance(told, dict) else {}
    if "schema" in old:
        schema = old["schema"]
        if isinstance(schema, dict) and schema.get("type") == "file":
            schema = {"type": "string", "format": "binary"}
        new["content"] = {
            media: {"schema": schema, **({"example": examples[media]} if media in examples else {})} for media in produces
        }
    for media in examples:  # of a type that the operation does not name
        new.setdefault("content", {}).setdefault(media, {"example": examples[media]})
    if isinstance(old.get("headers"), dict):
        new["headers"] = {
            name: {
                **{key: value for key, value in each.items() if key == "description" or key.startswith("x-")},
                "schema": {key: each[key] for key in _IN_SCHEMA if key in each},
            }
            for name, each in old["headers"].items()
            if isinstance(each, dict)
        }
    return new


def _security(old: Json, lost: list[Problem], name: str) -> Json:
    kind = old.get("type")
    described = {key: each for key, each in old.items() if key == "description" or key.startswith("x-")}
    if kind == "basic":
        return {"type": "http", "scheme": "basic", **described}
    if kind == "oauth2":
        flow = {"application": "clientCredentials", "accessCode": "authorizationCode"}.get(
            str(old.get("flow")), str(old.get("flow"))
        )
        inner = {key: old[key] for key in ("authorizationUrl", "tokenUrl") if key in old}
        return {"type": "oauth2", "flows": {flow: {**inner, "scopes": old.get("scopes") or {}}}, **described}
    return dict(old)


_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _renamed(old: Json, lost: list[Problem]) -> Json:
    """With names that 3.1 takes: 2.0 takes any (`List«Pet»`). Texts that name schemas (of discriminators) stay as they are."""
    new = dict(old)
    moved: dict[str, str] = {}
    for kind in ("definitions", "parameters", "responses"):
        known = old.get(kind)
        if not isinstance(known, dict) or all(_NAME.fullmatch(name) for name in known):
            continue
        new[kind] = {}
        taken = {name for name in known if _NAME.fullmatch(name)}
        for name, each in known.items():
            other = name
            if not _NAME.fullmatch(name):
                plain = other = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_") or "_"
                number = 2
                while other in taken:
                    other, number = f"{plain}_{number}", number + 1
                taken.add(other)
                moved[pointer_of([kind, name])] = f"#/{kind}/{other}"
                message = msg("“{old}” is no name in 3.1: it is “{new}” now.", old=name, new=other)
                _warn(lost, pointer_of([kind, name]), message)
            new[kind][other] = each
    if moved:
        _follow(new, moved)
    return new


def _follow(value: Any, moved: Mapping[str, str]) -> None:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            known = next(
                (each for each in moved if unquote(reference) == each or unquote(reference).startswith(f"{each}/")), None
            )
            if known is not None:
                value["$ref"] = moved[known] + unquote(reference)[len(known) :]
        for each in value.values():
            _follow(each, moved)
    elif isinstance(value, list):
        for each in value:
            _follow(each, moved)


_MOVED = {
    "#/definitions/": "#/components/schemas/",
    "#/parameters/": "#/components/parameters/",
    "#/responses/": "#/components/responses/",
}


def _references(value: Any) -> None:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            for old, new in _MOVED.items():
                if reference.startswith(old):
                    value["$ref"] = f"{new}{reference.removeprefix(old)}"
        for each in value.values():
            _references(each)
    elif isinstance(value, list):
        for each in value:
            _references(each)
