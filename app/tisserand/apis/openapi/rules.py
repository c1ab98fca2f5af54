"""The rules of OpenAPI as `openapi-spec-validator` knows them, kept from going on without end: documents come from strangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

FOLLOWED = 20_000
"""References that are followed in one document to see whether defaults fit their schemas; what is left then is not looked at."""


def errors(document: Json) -> Iterator[Any]:
    """What breaks the official schemas and rules, as errors of `jsonschema`. Nothing is fetched. Whether a default fits a pattern is
    not looked at: there are patterns that take a search for ever, and nothing in Python ends one."""
    from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

    version = str(document.get("openapi") or document.get("swagger"))
    kind: Any = (
        OpenAPIV2SpecValidator
        if version.startswith("2")
        else OpenAPIV30SpecValidator
        if version.startswith("3.0")
        else OpenAPIV31SpecValidator
    )
    known = kind.keyword_validators
    bounded = {**known, "schema": _schemas(known["schema"]), "default": _defaults(known["default"])}
    # No reference leads out of the document by now; if one did, nobody would go after it.
    local = type("Local", (kind,), {"resolver_handlers": {}, "keyword_validators": bounded})
    found: Iterator[Any] = local(document).iter_errors()
    return found


class _Ids(set[int]):
    """Looked up in a moment, however many they are."""

    append = set.add


def _schemas(base: Any) -> Any:
    def begun(self: Any, registry: Any) -> None:
        base.__init__(self, registry)
        self.visited_schema_ids, self.meta_checked_schema_ids = _Ids(), _Ids()
        self.whole = {}
        self.under_way = None

    def _collect_properties(self: Any, schema: Any) -> set[str]:
        """Every schema is visited once, however often it is referred to, and even where it holds itself."""
        value = schema.read_value()
        known: set[str] | None = self.whole.get(id(value))
        if known is not None:
            return known
        first = self.under_way is None
        if first:
            self.under_way = set()
        elif id(value) in self.under_way:
            return set()
        self.under_way.add(id(value))
        try:
            found: set[str] = base._collect_properties(self, schema)
        finally:
            if first:
                self.under_way = None
        if first:  # only then it is whole: within a circle a part stands with who came first
            self.whole[id(value)] = found
        return found

    return type("Schemas", (base,), {"__init__": begun, "_collect_properties": _collect_properties})


def _defaults(base: Any) -> Any:
    from jsonschema import validators

    extend: Any = validators.extend
    given: Mapping[str, Any] = base.value_validator_cls.VALIDATORS
    left = FOLLOWED

    def followed(name: str) -> Any:
        def follow(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            nonlocal left
            left -= 1
            if left > 0:
                yield from given[name](validator, reference, instance, schema) or ()

        return follow

    def nothing(_validator: Any, _value: Any, _instance: Any, _schema: Any) -> Iterator[Any]:
        yield from ()

    changed = {name: followed(name) for name in ("$ref", "$dynamicRef") if name in given}
    changed |= {
        name: nothing for name in ("pattern", "patternProperties", "unevaluatedProperties", "unevaluatedItems") if name in given
    }
    return type("Defaults", (base,), {"value_validator_cls": extend(base.value_validator_cls, changed)})
