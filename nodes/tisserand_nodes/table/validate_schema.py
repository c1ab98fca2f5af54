"""Validate by JSON Schema: each row against a schema that people share with others."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import Config, Context, FilePath, NodeError, Out, Schema, Step

if TYPE_CHECKING:
    import pyarrow as pa
    from jsonschema.protocols import Validator

_ERRORS_SHOWN = 5
_ROWS = 1000


class ValidateSchemaConfig(Config):
    json_schema: dict[str, Any] | None = None
    """The JSON Schema of one row (draft 2020-12 unless it names another)."""
    path: FilePath | None = None
    """A file with the JSON Schema, instead."""
    nulls: bool = True
    """Treat an empty value as if the column were not there: a schema then says `required`, not `null`."""

    @model_validator(mode="after")
    def _one_schema(self) -> ValidateSchemaConfig:
        if (self.json_schema is None) == (self.path is None):
            raise PydanticCustomError("schema_one", "Give a schema or a file with one, and not both.")
        if self.json_schema is not None:
            try:
                _validator(self.json_schema)
            except NodeError as error:
                message = error.message
                raise PydanticCustomError(
                    "schema_wrong", "{sentence}", {"sentence": message.text("en"), "message": message.to_json()}
                ) from None
        return self


class ValidateSchema(Step[ValidateSchemaConfig]):
    """Check every row against a JSON Schema. Rows that fit leave through `Valid`; the others through `Rejected`, each as JSON
    with what is wrong and where.

    Dates and times count as texts in ISO form, exact decimals as numbers, bytes as Base64.
    """

    kind, title, icon = "table.validate_schema", "Validate by JSON Schema", "shield-check"
    outputs = (Out("valid", "Valid"), Out("rejected", "Rejected", kind="rejects"))
    repeatable = True

    def output(self, config: ValidateSchemaConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        return {"valid": schemas["table"]}

    def process(
        self, ctx: Context, config: ValidateSchemaConfig, schemas: Mapping[str, Schema], batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch | tuple[str, pa.RecordBatch]]:
        import pyarrow as pa

        validator = _validator(config.json_schema if config.json_schema is not None else self._read(ctx, config))
        number = 0
        for whole in batches:
            for start in range(0, whole.num_rows, _ROWS):
                batch = whole.slice(start, _ROWS)
                fits = []
                for row in batch.to_pylist():
                    number += 1
                    instance = {name: plain(value) for name, value in row.items() if value is not None or not config.nulls}
                    errors = _errors(validator, instance)
                    fits.append(not errors)
                    if errors:
                        ctx.reject(row, "; ".join(_sentence(error) for error in errors[:_ERRORS_SHOWN]), f"row {number}")
                ctx.progress(rows=batch.num_rows)
                yield batch if all(fits) else batch.filter(pa.array(fits))

    def _read(self, ctx: Context, config: ValidateSchemaConfig) -> dict[str, Any]:
        assert config.path is not None
        try:
            found = json.loads(ctx.path(config.path).read_text(encoding="utf-8"))
        except OSError as error:
            raise NodeError("“{path}” cannot be read: {reason}", path=config.path, reason=error.strerror, field="path") from None
        except ValueError as error:
            raise NodeError("“{path}” is not JSON: {reason}", path=config.path, reason=str(error), field="path") from None
        if not isinstance(found, dict):
            raise NodeError("“{path}” holds no JSON Schema: an object is expected.", path=config.path, field="path")
        return found


def _validator(schema: dict[str, Any]) -> Validator:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "/"
        raise NodeError(
            "This is no valid JSON Schema: at {place}: {reason}", place=place, reason=error.message, field="json_schema"
        ) from None
    # An empty registry: a `$ref` to the network is never followed.
    return kind(schema, format_checker=kind.FORMAT_CHECKER, registry=Registry())


def _errors(validator: Validator, instance: Any) -> list[Any]:
    from referencing.exceptions import Unresolvable

    try:
        return list(validator.iter_errors(instance))
    except Unresolvable as error:
        raise NodeError(
            "The schema refers to “{reference}”, which is not in it. It may refer to its own parts only.",
            reference=str(error.ref),
            field="json_schema",
        ) from None


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    return f"{place}: {error.message}" if place else str(error.message)


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
