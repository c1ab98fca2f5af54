"""How two schemas differ: whether the new one takes less, more, or other values than the old one."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
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
DEEP = 40
"""Levels after which a place is told by the schema that it lies in."""
MOST = 20_000
"""Parts of a composed schema that are written out to compare it; what is larger, and not the same to the letter, cannot be told."""
_TEXTS = frozenset({"description", "title", "summary", "example", "examples", "deprecated", "externalDocs", "xml"})
"""What says nothing of values."""
_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Difference:
    """`narrower`: some values that the old schema takes are none for the new one; `wider`: the other way round."""

    code: str
    effect: Effect
    path: str
    """Names of properties with dots, `[]` for the items of a list."""
    message: Message


class Comparison:
    """Two documents, and what of their schemas is known already: each is looked at once, however often it is referred to."""

    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new
        self._merged: dict[int, Any] = {}
        self.compared: dict[tuple[str | int, str | int, str], tuple[list[Difference], list[_Inner], Any]] = {}

    @cached_property
    def _same(self) -> frozenset[str]:
        """The schemas that are the same in both documents, with everything that they refer to."""
        old, new = (_named(document) for document in (self.old, self.new))
        users: dict[str, list[str]] = {}
        changed = []
        for name, schema in old.items():
            others = [*_references(schema)]
            if name not in new or not _equal(schema, new[name]) or not all(each.startswith(_SCHEMAS) for each in others):
                changed.append(name)
            for each in others:
                users.setdefault(each.removeprefix(_SCHEMAS), []).append(name)
        changed += users.keys() - old.keys()
        known = set(changed)
        while changed:
            for user in users.get(changed.pop(), ()):
                if user not in known:
                    known.add(user)
                    changed.append(user)
        return frozenset(old.keys() - known)

    def same(self, was: str, now: str) -> bool:
        """Whether two references lead to the same."""
        return was == now and was.startswith(_SCHEMAS) and was.removeprefix(_SCHEMAS) in self._same

    def whole(self, document: Json, raw: Any) -> Any:
        """What a schema means: its reference followed, with what stands beside it, and `allOf` of plain objects as one object with all
        their properties."""
        if isinstance(raw, Mapping) and isinstance(raw.get("$ref"), str):
            beside = {key: each for key, each in raw.items() if key != "$ref" and not _text(key)}
            if beside:
                return self._one(
                    {**beside, "allOf": [{"$ref": raw["$ref"]}, *(beside.get("allOf") or ())]}, document, frozenset()
                )
        return self._one(resolve(document, raw), document, frozenset())

    def _one(self, schema: Any, document: Json, above: frozenset[int]) -> Any:
        if not isinstance(schema, Mapping) or not isinstance(schema.get("allOf"), list):
            return schema
        known = self._merged.get(id(schema))
        if known is not None:
            return known[1]
        if id(schema) in above or len(above) > DEEP:
            return schema  # it holds itself
        parts = [self._one(resolve(document, each), document, above | {id(schema)}) for each in schema["allOf"]]
        found = schema
        if all(
            isinstance(part, Mapping)
            and set(part) <= {"type", "properties", "required", "description", "title", "examples"}
            and part.get("type", "object") == "object"
            for part in parts
        ):
            found = _together(schema, parts)
        self._merged[id(schema)] = schema, found  # kept beside it, so that nothing else gets its number
        return found


def _named(document: Json) -> dict[str, Any]:
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    return {str(name): each for name, each in schemas.items()} if isinstance(schemas, Mapping) else {}


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _together(schema: Json, parts: list[Any]) -> Json:
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


def differences(both: Comparison, was: Any, now: Any, absent: str = "") -> Iterator[Difference]:
    """Every difference of two schemas, each in its own document; of a schema that is used several times, at the place nearest to the
    top. `absent` is the keyword of properties that are not sent this way: `readOnly` for requests, `writeOnly` for replies."""
    waiting = deque([_Place(None, "", was, now)])
    seen: set[tuple[str | int, str | int]] = set()
    while waiting:
        place = waiting.popleft()
        before, after = _reference(place.was), _reference(place.now)
        key = before or id(place.was), after or id(place.now)
        if key in seen or (before and after and both.same(before, after)):
            continue
        seen.add(key)
        known = both.compared.get((*key, absent))
        if known is None:
            inner: list[_Inner] = []
            # What is compared is kept beside it, so that nothing else gets its number.
            found = [*_compare(both, place.was, place.now, absent, inner)]
            inner = [each for each in inner if not _equal(each[1], each[2]) or any(True for _ in _references(each[1]))]
            known = both.compared[*key, absent] = found, inner, (place.was, place.now)
        for each in known[0]:
            yield Difference(each.code, each.effect, place.path(each.path), each.message)
        waiting.extend(_Place(place, step, left, right) for step, left, right in known[1])


_Inner = tuple[str, Any, Any]
"""A step further (a name, `[]`, `*`), and the two schemas there."""


@dataclass(frozen=True, slots=True)
class _Place:
    above: _Place | None
    step: str
    was: Any
    now: Any

    def path(self, last: str) -> str:
        steps = [last] if last else []
        place: _Place | None = self
        while place is not None and len(steps) < DEEP:
            steps.append(place.step)
            place = place.above
        found = ""
        for step in reversed([each for each in steps if each]):
            found += step if step == "[]" or not found else f".{step}"
        if place is None:
            return found
        name = _reference(self.was) or _reference(self.now)
        return f"… {name.rpartition('/')[2]}{f'.{last}' if last else ''}" if name else f"… {found}"


def _reference(schema: Any) -> str:
    """Where it leads, if nothing that matters stands beside it."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
        return ""
    return str(schema["$ref"]) if all(key == "$ref" or _text(key) for key in schema) else ""


def _text(key: Any) -> bool:
    return key in _TEXTS or str(key).startswith("x-")


def _compare(both: Comparison, raw_was: Any, raw_now: Any, absent: str, inner: list[_Inner]) -> Iterator[Difference]:
    """The differences of the two themselves; what lies in them is put into `inner`."""
    was, now = both.whole(both.old, raw_was), both.whole(both.new, raw_now)
    if not isinstance(was, Mapping) or not isinstance(now, Mapping):
        if not _equal(was, now):
            text = msg("The schema is told in another way: whether that breaks callers cannot be told.")
            yield Difference("composition", "unclear", "", text)
        return
    yield from _types(was, now, "")
    yield from _enums(was, now, "")
    yield from _bounds(was, now, "")
    yield from _properties(both, was, now, absent, inner)
    if isinstance(was.get("items"), Mapping) and isinstance(now.get("items"), Mapping):
        inner.append(("[]", was["items"], now["items"]))
    elif was.get("items") != now.get("items"):
        effect: Effect = "narrower" if was.get("items") is None else "wider" if now.get("items") is None else "unclear"
        yield Difference("items", effect, "[]", msg("What a list holds is told in another way."))
    for key in _COMPOSED:
        if (key in was or key in now) and not _alike(both, was.get(key), now.get(key)):
            text = msg("“{keyword}” changed: whether that breaks callers cannot be told.", keyword=key)
            yield Difference("composition", "unclear", "", text)


def _alike(both: Comparison, was: Any, now: Any) -> bool:
    """Whether two composed schemas say the same: to the letter with all that they refer to, or else written out."""
    if _equal(_letters(both.old, was), _letters(both.new, now)):
        return True
    found = []
    for document, value in ((both.old, was), (both.new, now)):
        left = [MOST]
        found.append(_written_out(document, value, (), left))
        if left[0] <= 0:
            return False
    return _equal(found[0], found[1])


def _letters(document: Json, value: Any) -> list[Any]:
    """The schema without texts, and each that it refers to, by its first mention."""
    numbers: dict[int, int] = {}
    found: list[Any] = [value]

    def told(value: Any) -> Any:
        if isinstance(value, Mapping):
            made = {key: told(each) for key, each in value.items() if not _text(key) and key != "$ref"}
            if isinstance(value.get("$ref"), str):
                inner = resolve(document, value)
                if id(inner) not in numbers:
                    numbers[id(inner)] = len(found)
                    found.append(inner)
                made["$ref"] = numbers[id(inner)]
            return made
        return [told(each) for each in value] if isinstance(value, list) else value

    made = []
    for each in found:  # grows as it goes
        made.append(told(each))
    return made


def _written_out(document: Json, value: Any, above: tuple[int, ...], left: list[int]) -> Any:
    """With references followed, and without texts; where a schema holds itself, how many levels above. `left` counts down."""
    left[0] -= 1
    if left[0] <= 0 or len(above) > DEEP:
        left[0] = 0
        return None
    if isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
        found = resolve(document, value)
        if id(found) in above:
            return {"above": above[::-1].index(id(found))}
        beside = {key: each for key, each in value.items() if key != "$ref" and not _text(key)}
        inner = _written_out(document, found, (*above, id(found)), left)
        return {"allOf": [inner], **_written_out(document, beside, above, left)} if beside and left[0] > 0 else inner
    if isinstance(value, Mapping):
        return {key: _written_out(document, each, above, left) for key, each in value.items() if not _text(key)}
    return [_written_out(document, each, above, left) for each in value] if isinstance(value, list) else value


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
    old, new = {_json(each): each for each in before}, {_json(each): each for each in after}
    gone, come = [each for key, each in old.items() if key not in new], [each for key, each in new.items() if key not in old]
    if gone:
        yield Difference(
            "enum.removed", "narrower", path, msg("Values are gone: {values}.", values=[str(each) for each in gone][:10])
        )
    if come:
        yield Difference(
            "enum.widened", "wider", path, msg("Values are new: {values}.", values=[str(each) for each in come][:10])
        )


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and _json(one) == _json(other)


def _json(value: Any) -> str:
    """Texts that differ where values differ for JSON: 1 is not true."""
    return json.dumps(value, sort_keys=True, default=str)


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


def _properties(both: Comparison, was: Json, now: Json, absent: str, inner: list[_Inner]) -> Iterator[Difference]:
    before, after = _sent(both.old, was, absent), _sent(both.new, now, absent)
    needed_before, needed_after = set(was.get("required") or ()), set(now.get("required") or ())
    for name, schema in before.items():
        if name not in after:
            # Who sends it may be refused or unheard; who reads it finds nothing.
            yield Difference("property.removed", "both", name, msg("The property is gone."))
            continue
        if name in needed_after and name not in needed_before:
            yield Difference("property.required", "narrower", name, msg("The property is required now."))
        elif name in needed_before and name not in needed_after:
            yield Difference("property.optional", "wider", name, msg("The property may be missing now."))
        inner.append((name, schema, after[name]))
    for name in after:
        if name in before:
            continue
        if name in needed_after:
            yield Difference("property.added.required", "narrower", name, msg("A new property is required."))
        else:
            yield Difference("property.added", "neither", name, msg("There is a new property."))
    others_before, others_after = was.get("additionalProperties"), now.get("additionalProperties")
    if (others_before is False) != (others_after is False):
        code, effect = ("closed", "narrower") if others_after is False else ("opened", "wider")
        text = msg("Other properties are refused now.") if others_after is False else msg("Other properties are allowed now.")
        yield Difference(code, effect, "", text)  # type: ignore[arg-type]
    elif isinstance(others_before, Mapping) and isinstance(others_after, Mapping):
        inner.append(("*", others_before, others_after))


def _sent(document: Json, schema: Json, absent: str) -> dict[str, Any]:
    """The properties that are sent this way."""
    found = schema.get("properties")
    named = found.items() if isinstance(found, Mapping) else ()
    return {str(name): each for name, each in named if not (absent and _holds(resolve(document, each), absent))}


def _holds(schema: Any, keyword: str) -> bool:
    return isinstance(schema, Mapping) and schema.get(keyword) is True
