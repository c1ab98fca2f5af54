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
    return [*_whole(document, api), *(each for operation in operations(document) for each in _operation(document, operation))]


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
