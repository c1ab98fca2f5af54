"""What would help the callers of an API, found in its document; warnings only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tisserand.apis.model import Api
from tisserand.apis.openapi.operations import Operation, body_schemas, content_schemas, operations, resolve
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

Json = Mapping[str, Any]


def lint(document: Json, api: Api) -> list[Problem]:
    """Each with a stable code and the JSON pointer of its place."""
    found = [*_whole(document, api), *_names(document)]
    for operation in operations(document):
        found += [*_operation(document, operation), *_examples(document, operation)]
        if not api.upstream.flow and api.policies.max_body is None:
            found += _bounds(document, operation)
    return found


def _whole(document: Json, api: Api) -> Iterator[Problem]:
    info = document.get("info")
    if not isinstance(info, Mapping) or not str(info.get("description") or info.get("summary") or "").strip():
        yield _warning("description", "#/info", msg("Nothing says what this API is for."), msg("Add “info.description”."))
    found = list(operations(document))
    if not found:
        yield _warning("empty", "#/paths", msg("It has no operations."), msg("Add what can be called."))
    if not document.get("security") and any(operation.data.get("security") in (None, [], [{}]) for operation in found):
        yield _warning(
            "security", "#", msg("Operations without any security are declared."), msg("Say how callers prove who they are.")
        )
    names = [str(each.data.get("operationId")) for each in found if each.data.get("operationId")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _warning(
            "operation.twice",
            "#/paths",
            msg("Two operations are called “{name}”.", name=name),
            msg("Give each a name of its own."),
        )
    if api.route.versioning == "path":
        for path in document.get("paths") or ():
            if re.match(r"/v\d+(/|$)", str(path)):
                message = msg("“{path}” names a version, which stands in the base path already.", path=str(path))
                yield _warning("version.twice", f"#/paths/{_step(str(path))}", message, msg("Take it out of one of them."))
    styles = {style for operation in found for style in map(_style, _words(operation.path)) if style}
    if len(styles) > 1:
        message = msg("Paths are written in several ways: {styles}.", styles=sorted(styles))
        yield _warning("casing", "#/paths", message, msg("Choose one, for example small letters with dashes."))
    used = _used(document)
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    for name in schemas if isinstance(schemas, Mapping) else ():
        if f"#/components/schemas/{_step(str(name))}" not in used:
            message = msg("Nothing uses the schema “{name}”.", name=str(name))
            yield _warning("unused", f"#/components/schemas/{_step(str(name))}", message, msg("Take it out."))


def _operation(document: Json, operation: Operation) -> Iterator[Problem]:
    place = f"#/paths/{_step(operation.path)}/{operation.method.lower()}"
    data, named = operation.data, {"operation": operation.name}
    if not data.get("operationId"):
        yield _warning(
            "operation.id",
            place,
            msg("“{operation}” has no name (“operationId”).", **named),
            msg("Programs are generated from it."),
        )
    if not str(data.get("summary") or data.get("description") or "").strip():
        yield _warning(
            "operation.description", place, msg("Nothing says what “{operation}” does.", **named), msg("Add a summary.")
        )
    statuses = {str(status) for status in operation.responses}
    if not any(status.startswith("4") or status == "default" for status in statuses):
        yield _warning(
            "operation.errors", place, msg("“{operation}” names no error (4xx).", **named), msg("Say what callers must expect.")
        )
    if not any(status.startswith(("2", "3")) or status == "default" for status in statuses):
        yield _warning(
            "operation.answer", place, msg("“{operation}” names no good answer.", **named), msg("Add one, for example 200.")
        )
    if operation.method in ("GET", "HEAD", "DELETE") and data.get("requestBody"):
        yield _warning(
            "operation.body", place, msg("“{operation}” has a body, which many programs drop.", **named), msg("Use parameters.")
        )
    wanted = set(re.findall(r"\{([^{}]+)\}", operation.path))
    declared = {str(each.get("name")) for each in operation.parameters if each.get("in") == "path"}
    for name in sorted(wanted ^ declared):
        message = (
            msg("“{operation}”: the parameter “{name}” of the path is not declared.", name=name, **named)
            if name in wanted
            else msg("“{operation}”: the path has no place for the parameter “{name}”.", name=name, **named)
        )
        yield _warning("path.parameter", place, message, msg("Let both agree."))
    bodies = [(f"{place}/requestBody", schema) for schema in body_schemas(document, operation).values()]
    for status, response in operation.responses.items():
        bodies += [(f"{place}/responses/{status}", schema) for schema in content_schemas(resolve(document, response)).values()]
    for where, schema in bodies:
        yield from _schema(document, where, schema, operation.name)


def _schema(document: Json, where: str, schema: Any, operation: str) -> Iterator[Problem]:
    if not schema:
        yield _warning(
            "schema", where, msg("“{operation}”: a body without a schema.", operation=operation), msg("Say what it holds.")
        )
        return
    found = resolve(document, schema)
    if (
        isinstance(found, Mapping)
        and found.get("type") == "object"
        and not any(
            key in found for key in ("properties", "additionalProperties", "allOf", "oneOf", "anyOf", "patternProperties")
        )
    ):
        yield _warning(
            "schema.open",
            where,
            msg("“{operation}”: an object of which nothing is known.", operation=operation),
            msg("Name its properties."),
        )


def _names(document: Json) -> Iterator[Problem]:
    """Names of properties: one way of writing them."""
    styles: dict[str, str] = {}
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    for schema in schemas.values() if isinstance(schemas, Mapping) else ():
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        for name in properties if isinstance(properties, Mapping) else ():
            if style := _style(str(name)):
                styles.setdefault(style, str(name))
    if len(styles) > 1:
        message = msg("Properties are written in several ways: {names}.", names=sorted(styles.values()))
        yield _warning("casing.properties", "#/components/schemas", message, msg("Choose one, for example camelCase."))


def _examples(document: Json, operation: Operation) -> Iterator[Problem]:
    place = f"#/paths/{_step(operation.path)}/{operation.method.lower()}"
    holders = [resolve(document, operation.data.get("requestBody"))]
    holders += [resolve(document, each) for status, each in operation.responses.items() if str(status).startswith("2")]
    for holder in holders:
        content = holder.get("content") if isinstance(holder, Mapping) else None
        for media, item in content.items() if isinstance(content, Mapping) else ():
            if "json" not in str(media) or not isinstance(item, Mapping) or not item.get("schema"):
                continue
            if "example" not in item and "examples" not in item and not _shown(document, item["schema"]):
                message = msg("“{operation}” shows no example of what is sent.", operation=operation.name)
                yield _warning("example", place, message, msg("Add “example”: people read it before anything else."))
                return


def _shown(document: Json, schema: Any, depth: int = 0) -> bool:
    """Whether the schema, or one inside it, has an example."""
    found = resolve(document, schema)
    if not isinstance(found, Mapping) or depth > 4:
        return False
    if any(key in found for key in ("example", "examples", "enum", "const", "default")):
        return True
    inner = [found.get("items"), *(found.get("allOf") or ()), *(found.get("oneOf") or ()), *(found.get("anyOf") or ())]
    properties = found.get("properties")
    inner += properties.values() if isinstance(properties, Mapping) else ()
    return any(_shown(document, each, depth + 1) for each in inner if each)


def _bounds(document: Json, operation: Operation) -> Iterator[Problem]:
    """What a caller may send without end, where nothing else bounds it."""
    place = f"#/paths/{_step(operation.path)}/{operation.method.lower()}/requestBody"
    free: list[str] = []
    for schema in body_schemas(document, operation).values():
        _free(document, schema, "", free, set())
    if free:
        message = msg("“{operation}” takes texts or lists without end: {names}.", operation=operation.name, names=free[:5])
        yield _warning("bounds", place, message, msg("Set “maxLength” and “maxItems”, or bound bodies (“max_body”)."))


def _free(document: Json, schema: Any, path: str, free: list[str], seen: set[int]) -> None:
    found = resolve(document, schema)
    if not isinstance(found, Mapping) or id(found) in seen:
        return
    seen.add(id(found))
    kinds = found.get("type")
    kinds = set(kinds) if isinstance(kinds, list) else {kinds}
    bounded = ("maxLength", "enum", "const", "format", "pattern", "contentEncoding", "contentMediaType")
    if ("string" in kinds and not any(key in found for key in bounded)) or ("array" in kinds and "maxItems" not in found):
        free.append(path or "–")
    properties = found.get("properties")
    for name, each in properties.items() if isinstance(properties, Mapping) else ():
        _free(document, each, f"{path}.{name}" if path else str(name), free, seen)
    if found.get("items"):
        _free(document, found["items"], f"{path}[]", free, seen)
    for each in [*(found.get("allOf") or ()), *(found.get("oneOf") or ()), *(found.get("anyOf") or ())]:
        _free(document, each, path, free, seen)


def _used(document: Json) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [document]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping | list):
            if id(value) in seen:
                continue
            seen.add(id(value))
        if isinstance(value, Mapping):
            if isinstance(value.get("$ref"), str):
                found.add(value["$ref"])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def _words(path: str) -> list[str]:
    return [step for step in path.split("/") if step and "{" not in step]


def _style(word: str) -> str:
    if "_" in word:
        return "snake_case"
    if "-" in word:
        return "kebab-case"
    return "camelCase" if re.search(r"[a-z][A-Z]", word) else ""


def _step(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1")


def _warning(code: str, pointer: str, message: Message, fix: Message) -> Problem:
    return Problem(f"lint.{code}", message, fix, Place(field=pointer), "warning")
