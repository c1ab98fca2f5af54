"""The operations of an OpenAPI 3.1 document, with what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path. Nothing below is resolved but what is said to be."""

    method: str
    """In capitals."""
    path: str
    data: Json
    parameters: tuple[Json, ...] = field(default=())
    """Those of the path and its own, resolved; its own win."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def responses(self) -> Json:
        found = self.data.get("responses")
        return found if isinstance(found, Mapping) else {}


def operations(document: Json) -> Iterator[Operation]:
    """In the order of the document. What is malformed is left out."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        resolved = resolve(document, item)
        if not isinstance(resolved, Mapping):
            continue
        shared = _parameters(document, resolved.get("parameters"))
        for method in METHODS:
            data = resolved.get(method)
            if isinstance(data, Mapping):
                own = _parameters(document, data.get("parameters"))
                yield Operation(method.upper(), str(path), data, tuple({**shared, **own}.values()))


def _parameters(document: Json, listed: Any) -> dict[tuple[str, str], Json]:
    found = {}
    for each in listed if isinstance(listed, list) else ():
        parameter = resolve(document, each)
        if isinstance(parameter, Mapping):
            found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    return found


def resolve(document: Json, value: Any) -> Any:
    """What a `$ref` within the document leads to, followed to its end; {} where it leads nowhere or in a circle."""
    seen = set()
    while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
        reference = value["$ref"]
        if reference in seen or not reference.startswith("#"):
            return {}
        seen.add(reference)
        value = at(document, unquote(reference))
    return value


_NONE: Mapping[str, Any] = {}


def at(document: Json, pointer: str, missing: Any = _NONE) -> Any:
    """The value at a JSON pointer (RFC 6901) with or without `#`; `missing` ({}) where there is none."""
    value: Any = document
    for step in pointer.lstrip("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return missing
    return value


def body_schemas(document: Json, operation: Operation) -> dict[str, Any]:
    """Media type → schema of the request's body."""
    return content_schemas(resolve(document, operation.data.get("requestBody")))


def content_schemas(holder: Any) -> dict[str, Any]:
    content = holder.get("content") if isinstance(holder, Mapping) else None
    return {
        str(media): item.get("schema", {})
        for media, item in (content or {}).items()
        if isinstance(content, Mapping) and isinstance(item, Mapping)
    }
