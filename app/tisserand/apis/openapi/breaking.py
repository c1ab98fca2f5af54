"""What changed between two documents of an API, and what of it breaks those who call.

A request may ask for less and allow more; a reply may promise more and never less. So every comparison of schemas has a direction, and
what widens one way narrows the other. The rules follow the published lists of OpenAPI comparison tools (oasdiff, openapi-diff) and the
rules for compatible changes of JSON Schema; what cannot be told counts as breaking and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tisserand.apis.openapi.operations import Operation, content_schemas, operations, resolve
from tisserand.apis.openapi.widening import Comparison, Difference, differences
from tisserand.texts import Message, msg

Json = Mapping[str, Any]
Direction = Literal["request", "reply"]


@dataclass(frozen=True, slots=True)
class Found:
    """One change."""

    breaking: bool
    code: str
    where: str
    message: Message


def changes(old: Json, new: Json) -> list[Found]:
    """All changes that callers can notice, breaking ones first; texts and examples are not looked at."""
    found = [*_operations(Comparison(old, new))]
    return sorted(found, key=lambda each: (not each.breaking, each.where, each.code))


def _operations(both: Comparison) -> Iterator[Found]:
    before = {_key(each): each for each in operations(both.old)}
    after = {_key(each): each for each in operations(both.new)}
    paths = {path for _, path in after}
    for key, operation in before.items():
        if key not in after:
            gone = key[1] not in paths
            code, text = (
                ("path.removed", msg("The path is gone.")) if gone else ("operation.removed", msg("The operation is gone."))
            )
            yield Found(True, code, operation.name, text)
    for key, operation in after.items():
        if key not in before:
            yield Found(False, "operation.added", operation.name, msg("The operation is new."))
        else:
            yield from _operation(both, before[key], operation)


def _key(operation: Operation) -> tuple[str, str]:
    """Names of parameters in a path are no part of what callers send."""
    return operation.method, re.sub(r"\{[^{}]*\}", "{}", operation.path)


def _operation(both: Comparison, before: Operation, after: Operation) -> Iterator[Found]:
    name = after.name
    if after.data.get("deprecated") and not before.data.get("deprecated"):
        yield Found(False, "operation.deprecated", name, msg("The operation is deprecated."))
    yield from _parameters(both, before, after)
    yield from _body(both, before, after)
    yield from _responses(both, before, after)
    yield from _security(both, before, after)


def _parameters(both: Comparison, before: Operation, after: Operation) -> Iterator[Found]:
    was, now = _listed(before), _listed(after)
    for key, parameter in was.items():
        where = f"{after.name} → {key[1]}"
        if key not in now:
            elsewhere = next((other for other in now if other[1] == key[1] and other not in was), None)
            if elsewhere is not None:
                yield Found(
                    True, "parameter.moved", where, msg("The parameter moved from {old} to {new}.", old=key[0], new=elsewhere[0])
                )
            else:
                # Callers who still send it may be refused, or believe that it is heeded.
                yield Found(True, "parameter.removed", where, msg("The parameter is gone."))
            continue
        current = now[key]
        if current.get("required") and not parameter.get("required"):
            yield Found(True, "parameter.required", where, msg("The parameter is required now."))
        elif parameter.get("required") and not current.get("required"):
            yield Found(False, "parameter.optional", where, msg("The parameter is optional now."))
        if _written(parameter) != _written(current):
            yield Found(True, "parameter.style", where, msg("The parameter is written in another way."))
        yield from _default(both, parameter, current, where)
        yield from _schemas(both, _schema(parameter), _schema(current), where, "request", "parameter")
    for key, parameter in now.items():
        if key in was or any(other[1] == key[1] and other not in now for other in was):
            continue
        where = f"{after.name} → {key[1]}"
        if parameter.get("required"):
            yield Found(True, "parameter.added.required", where, msg("A new parameter is required."))
        else:
            yield Found(False, "parameter.added", where, msg("There is a new optional parameter."))


def _schema(parameter: Json) -> Any:
    """A parameter has a schema, or content of one media type with a schema."""
    return next(iter(content_schemas(parameter).values()), parameter.get("schema", {}))


def _written(parameter: Json) -> tuple[str, bool, str]:
    """How a value is written into its place; what a document leaves out is as the specification says (3.1.0, 4.8.12.2)."""
    style = str(parameter.get("style") or ("form" if parameter.get("in") in ("query", "cookie") else "simple"))
    return style, bool(parameter.get("explode", style == "form")), next(iter(content_schemas(parameter)), "")


def _default(both: Comparison, before: Json, after: Json, where: str) -> Iterator[Found]:
    """Who leaves a parameter out gets something else, if what is taken for it changes."""
    was, now = (resolve(document, each.get("schema")) or {} for document, each in ((both.old, before), (both.new, after)))
    if isinstance(was, Mapping) and isinstance(now, Mapping) and was.get("default") != now.get("default"):
        text = msg("Left out, it was {old} and is {new}.", old=_shown(was.get("default")), new=_shown(now.get("default")))
        yield Found(True, "parameter.default", where, text)


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)[:100]


def _listed(operation: Operation) -> dict[tuple[str, str], Json]:
    """Place and name; those of the path by their order, and headers without case."""
    order = re.findall(r"\{([^{}]*)\}", operation.path)
    found: dict[tuple[str, str], Json] = {}
    for each in operation.parameters:
        place, name = str(each.get("in")), str(each.get("name"))
        if place == "path" and name in order:
            name = f"{{{order.index(name) + 1}}}"
        found[place, name.lower() if place == "header" else name] = each
    return found


def _body(both: Comparison, before: Operation, after: Operation) -> Iterator[Found]:
    was, now = resolve(both.old, before.data.get("requestBody")) or {}, resolve(both.new, after.data.get("requestBody")) or {}
    where = f"{after.name} → body"
    if was and not now:
        yield Found(True, "body.removed", where, msg("No body is taken any more."))
        return
    if now and not was:
        required = bool(now.get("required"))
        yield Found(
            required,
            "body.added",
            where,
            msg("A body is taken now, and required.") if required else msg("A body may be sent now."),
        )
        return
    if now.get("required") and not was.get("required"):
        yield Found(True, "body.required", where, msg("The body is required now."))
    yield from _contents(both, was, now, where, "request")


def _responses(both: Comparison, before: Operation, after: Operation) -> Iterator[Found]:
    for status, raw in before.responses.items():
        where = f"{after.name} → {status}"
        if status not in after.responses:
            good = str(status).startswith("2")
            text = (
                msg("The good answer {status} is gone.", status=str(status))
                if good
                else msg("The answer {status} is gone.", status=str(status))
            )
            yield Found(good, "response.removed", where, text)
            continue
        was, now = resolve(both.old, raw) or {}, resolve(both.new, after.responses[status]) or {}
        yield from _contents(both, was, now, where, "reply")
        headers, left = was.get("headers") or {}, now.get("headers") or {}
        for name in headers:
            if name.lower() not in {each.lower() for each in left}:
                yield Found(True, "response.header.removed", f"{where} → {name}", msg("The header is not sent any more."))
    for status in after.responses:
        if status not in before.responses:
            yield Found(
                False, "response.added", f"{after.name} → {status}", msg("The answer {status} is new.", status=str(status))
            )


def _contents(both: Comparison, was: Json, now: Json, where: str, direction: Direction) -> Iterator[Found]:
    before, after = content_schemas(was), content_schemas(now)
    for media, schema in before.items():
        if media not in after:
            yield Found(True, "media.removed", where, msg("“{media}” is gone.", media=media))
        else:
            yield from _schemas(both, schema, after[media], where, direction, direction)
    for media in after:
        if media not in before:
            yield Found(False, "media.added", where, msg("“{media}” is new.", media=media))


def _security(both: Comparison, before: Operation, after: Operation) -> Iterator[Found]:
    was = before.data.get("security", both.old.get("security")) or []
    now = after.data.get("security", both.new.get("security")) or []
    if not now:
        if was:
            yield Found(False, "security.removed", after.name, msg("No credential is asked for any more."))
        return
    ways_before = {_way(both.old, each) for each in was} or {frozenset()}
    ways_after = {_way(both.new, each) for each in now}
    lost = [way for way in ways_before if not any(other <= way for other in ways_after)]
    if lost:
        text = (
            msg("A credential is asked for now.")
            if frozenset() in lost
            else msg("A way to prove who calls is not taken any more.")
        )
        yield Found(True, "security.tightened", after.name, text)
    elif ways_after - ways_before:
        yield Found(False, "security.added", after.name, msg("There is a new way to prove who calls."))


def _way(document: Json, demand: Any) -> frozenset[str]:
    """What one alternative asks for: schemes by what they are, not by how they are called, each with its scopes."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    found = set()
    for name, scopes in demand.items() if isinstance(demand, Mapping) else ():
        told = resolve(document, (schemes or {}).get(name)) or {}
        what = "/".join(str(told.get(key, "")) for key in ("type", "scheme", "in", "name")) if told else str(name)
        found.add(what.lower())
        found |= {f"{what} {scope}".lower() for scope in scopes or ()}
    return frozenset(found)


def _schemas(both: Comparison, was: Any, now: Any, where: str, direction: Direction, prefix: str) -> Iterator[Found]:
    for each in differences(both, was, now, "readOnly" if direction == "request" else "writeOnly"):
        yield _judged(each, where, direction, prefix)


def _judged(each: Difference, where: str, direction: Direction, prefix: str) -> Found:
    place = f"{where} → {each.path}" if each.path else where
    breaking = (
        each.effect == "unclear" or each.effect == "both" or each.effect == ("narrower" if direction == "request" else "wider")
    )
    return Found(breaking, f"{prefix}.{each.code}", place, each.message)
