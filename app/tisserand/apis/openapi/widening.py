"""How two schemas differ: whether the new one takes less, more, or other values than the old one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tisserand.apis.openapi.operations import resolve
from tisserand.texts import Message, msg

Json = Mapping[str, Any]
Effect = Literal["narrower", "wider", "both", "unclear", "neither"]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPOSED = (
    "allOf", "oneOf", "anyOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas", "dependentRequired", "prefixItems",
    "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "discriminator",
)  # fmt: skip
DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """`narrower`: some values that the old schema takes are none for the new one; `wider`: the other way round."""

    code: str
    effect: Effect
    path: str
    """Names of properties with dots, `[]` for the items of a list."""
    message: Message


def differences(old: Json, new: Json, was: Any, now: Any, absent: str = "") -> Iterator[Difference]:
    """Every difference of two schemas, each in its own document. `absent` is the keyword of properties that are not sent this
    way: `readOnly` for requests, `writeOnly` for replies."""
    yield from _compare(old, new, was, now, "", frozenset(), 0, absent)


def _compare(
    old: Json, new: Json, raw_was: Any, raw_now: Any, path: str, seen: frozenset[tuple[str, str]], depth: int, absent: str
) -> Iterator[Difference]:
    pair = (
        str(raw_was.get("$ref", "")) if isinstance(raw_was, Mapping) else "",
        str(raw_now.get("$ref", "")) if isinstance(raw_now, Mapping) else "",
    )
    if pair in seen or depth > DEEPEST:
        return
    if any(pair):
        seen = seen | {pair}
    was, now = _merged(old, resolve(old, raw_was)), _merged(new, resolve(new, raw_now))
    if not isinstance(was, Mapping) or not isinstance(now, Mapping) or (was == now and not _refers(was)):
        return
    yield from _types(was, now, path)
    yield from _enums(was, now, path)
    yield from _bounds(was, now, path)
    yield from _properties(old, new, was, now, path, seen, depth, absent)
    if isinstance(was.get("items"), Mapping) and isinstance(now.get("items"), Mapping):
        yield from _compare(old, new, was["items"], now["items"], f"{path}[]", seen, depth + 1, absent)
    elif was.get("items") != now.get("items"):
        effect: Effect = "narrower" if was.get("items") is None else "wider" if now.get("items") is None else "unclear"
        yield Difference("items", effect, f"{path}[]", msg("What a list holds is told in another way."))
    for key in _COMPOSED:
        if _plain(old, was.get(key)) != _plain(new, now.get(key)):
            yield Difference(
                "composition",
                "unclear",
                path,
                msg("“{keyword}” changed: whether that breaks callers cannot be told.", keyword=key),
            )


def _merged(document: Json, schema: Any) -> Any:
    """`allOf` of plain objects is one object with all their properties."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("allOf"), list):
        return schema
    parts = [_merged(document, resolve(document, each)) for each in schema["allOf"]]
    if not all(
        isinstance(part, Mapping) and set(part) <= {"type", "properties", "required", "description", "title", "examples"}
        for part in parts
    ):
        return schema
    whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in [*parts, schema]:
        properties.update(part.get("properties") or {})
        required += part.get("required") or []
    whole["properties"] = properties
    if required:
        whole["required"] = list(dict.fromkeys(required))
    whole.setdefault("type", "object")
    return whole


def _refers(value: Any) -> bool:
    return "$ref" in str(value)


def _plain(document: Json, value: Any, depth: int = 0) -> Any:
    """With references followed (as deep as is sensible), and without texts."""
    if depth > 6:
        return "…"
    found = resolve(document, value) if isinstance(value, Mapping) else value
    if isinstance(found, Mapping):
        return {
            key: _plain(document, each, depth + 1)
            for key, each in found.items()
            if key not in ("description", "title", "example", "examples", "deprecated") and not str(key).startswith("x-")
        }
    return [_plain(document, each, depth + 1) for each in found] if isinstance(found, list) else found


def _kinds(schema: Json) -> set[str] | None:
    """None takes anything."""
    told = schema.get("type")
    if told is None:
        return None
    kinds = {str(each) for each in told} if isinstance(told, list) else {str(told)}
    return kinds | {"integer"} if "number" in kinds else kinds


def _types(was: Json, now: Json, path: str) -> Iterator[Difference]:
    before, after = _kinds(was), _kinds(now)
    if before == after:
        format_before, format_after = was.get("format"), now.get("format")
        if format_before != format_after:
            yield _format(format_before, format_after, path)
        return
    if before is None or after is None:
        effect: Effect = "narrower" if before is None else "wider"
        yield Difference("type", effect, path, msg("The type was “{old}” and is “{new}”.", old=_said(before), new=_said(after)))
        return
    if before - {"null"} == after - {"null"}:
        code, effect, text = (
            ("nullable", "wider", msg("It may be null now."))
            if "null" in after
            else ("not_nullable", "narrower", msg("It may not be null any more."))
        )
        yield Difference(code, effect, path, text)
        return
    effect = "wider" if before < after else "narrower" if after < before else "both"
    yield Difference("type", effect, path, msg("The type was “{old}” and is “{new}”.", old=_said(before), new=_said(after)))


_WITHIN = {("int32", "int64"), ("float", "double")}


def _format(old: Any, new: Any, path: str) -> Difference:
    effect: Effect = "both"
    if (old, new) in _WITHIN or new is None:
        effect = "wider"
    elif (new, old) in _WITHIN or old is None:
        effect = "narrower"
    return Difference(
        "format", effect, path, msg("The format was “{old}” and is “{new}”.", old=str(old or "–"), new=str(new or "–"))
    )


def _said(kinds: set[str] | None) -> str:
    if kinds is None:
        return "–"
    shown = kinds - {"integer"} if "number" in kinds else kinds
    return ", ".join(sorted(shown))


def _enums(was: Json, now: Json, path: str) -> Iterator[Difference]:
    before = was.get("enum", [was["const"]] if "const" in was else None)
    after = now.get("enum", [now["const"]] if "const" in now else None)
    if before is None and after is None:
        return
    if before is None:
        yield Difference(
            "enum.added",
            "narrower",
            path,
            msg("Only these values are left: {values}.", values=[str(each) for each in after][:10]),
        )
        return
    if after is None:
        yield Difference("enum.dropped", "wider", path, msg("Any value is possible now."))
        return
    gone, come = [each for each in before if each not in after], [each for each in after if each not in before]
    if gone:
        yield Difference(
            "enum.removed", "narrower", path, msg("Values are gone: {values}.", values=[str(each) for each in gone][:10])
        )
    if come:
        yield Difference(
            "enum.widened", "wider", path, msg("Values are new: {values}.", values=[str(each) for each in come][:10])
        )


def _bounds(was: Json, now: Json, path: str) -> Iterator[Difference]:
    for key in (*_LOWER, *_UPPER):
        old, new = was.get(key), now.get(key)
        if old == new or isinstance(old, bool) or isinstance(new, bool):
            continue
        tighter = old is None or (new is not None and ((new > old) if key in _LOWER else (new < old)))
        text = msg("“{keyword}” was {old} and is {new}.", keyword=key, old=_number(old), new=_number(new))
        yield Difference("bound.tightened" if tighter else "bound.loosened", "narrower" if tighter else "wider", path, text)
    for key in ("pattern", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType"):
        old, new = was.get(key), now.get(key)
        if old == new or (not old and not new):
            continue
        effect: Effect = "narrower" if not old else "wider" if not new else "both"
        yield Difference(
            key.lower(), effect, path, msg("“{keyword}” was {old} and is {new}.", keyword=key, old=_number(old), new=_number(new))
        )


def _number(value: Any) -> str:
    return "–" if value is None else str(value)


def _properties(
    old: Json, new: Json, was: Json, now: Json, path: str, seen: frozenset[tuple[str, str]], depth: int, absent: str
) -> Iterator[Difference]:
    before, after = _sent(old, was, absent), _sent(new, now, absent)
    needed_before, needed_after = set(was.get("required") or ()), set(now.get("required") or ())
    for name, schema in before.items():
        inner = f"{path}.{name}" if path else str(name)
        if name not in after:
            # Who sends it may be refused or unheard; who reads it finds nothing.
            yield Difference("property.removed", "both", inner, msg("The property is gone."))
            continue
        if name in needed_after and name not in needed_before:
            yield Difference("property.required", "narrower", inner, msg("The property is required now."))
        elif name in needed_before and name not in needed_after:
            yield Difference("property.optional", "wider", inner, msg("The property may be missing now."))
        yield from _compare(old, new, schema, after[name], inner, seen, depth + 1, absent)
    for name in after:
        if name in before:
            continue
        inner = f"{path}.{name}" if path else str(name)
        if name in needed_after:
            yield Difference("property.added.required", "narrower", inner, msg("A new property is required."))
        else:
            yield Difference("property.added", "neither", inner, msg("There is a new property."))
    closed_before, closed_after = was.get("additionalProperties") is False, now.get("additionalProperties") is False
    if closed_before != closed_after:
        code, effect = ("closed", "narrower") if closed_after else ("opened", "wider")
        text = msg("Other properties are refused now.") if closed_after else msg("Other properties are allowed now.")
        yield Difference(code, effect, path, text)  # type: ignore[arg-type]
    elif isinstance(was.get("additionalProperties"), Mapping) and isinstance(now.get("additionalProperties"), Mapping):
        yield from _compare(
            old,
            new,
            was["additionalProperties"],
            now["additionalProperties"],
            f"{path}.*" if path else "*",
            seen,
            depth + 1,
            absent,
        )


def _sent(document: Json, schema: Json, absent: str) -> dict[str, Any]:
    """The properties that are sent this way."""
    found = schema.get("properties")
    named = found.items() if isinstance(found, Mapping) else ()
    return {str(name): each for name, each in named if not (absent and _holds(resolve(document, each), absent))}


def _holds(schema: Any, keyword: str) -> bool:
    return isinstance(schema, Mapping) and schema.get(keyword) is True
