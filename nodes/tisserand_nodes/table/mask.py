"""Mask: hide personal data column by column."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import ColumnName, Config, NodeError, Relation, Schema, Transform, When, Words
from tisserand.sdk.columns import column, twice


class MaskedColumn(Config):
    column: ColumnName
    """The column to mask."""
    method: Annotated[
        Literal["hash", "partial", "redact", "empty"],
        Words(
            hash="A code, the same for the same value", partial="Only the last characters", redact="A fixed text", empty="Nothing"
        ),
    ] = "redact"
    """`hash`: a code that is the same for the same value, so that tables can still be joined. `partial`: only the last characters
    stay. `redact`: a fixed text. `empty`: nothing."""
    show: Annotated[int, Field(ge=0, le=100), When(method="partial")] = 4
    """How many characters at the end stay readable. Shorter values are hidden whole."""
    text: Annotated[str, When(method="redact")] = "***"
    """The text that stands instead of the value."""
    salt: Annotated[str, When(method="hash")] = ""
    """A text mixed into the code. Without one, short values such as phone numbers can be found by trying all of them."""


class MaskConfig(Config):
    columns: tuple[MaskedColumn, ...] = Field(min_length=1)
    """Which columns to mask, and how."""


class Mask(Transform[MaskConfig]):
    """Hide personal data: replace the values of columns by a code, by a part of them, by a fixed text, or by nothing.

    Empty values stay empty. Masked columns are text, those emptied keep their type. The other columns go on unchanged.
    """

    kind, title, icon = "table.mask", "Mask", "eye-off"
    keeps_rows = True

    def build(self, config: MaskConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        if clash := twice(one.column for one in config.columns):
            raise NodeError("“{name}” is masked twice.", name=clash, field="columns")
        return table.mutate(
            *(
                self._masked(one, column(table, one.column, f"columns.{index}.column")).name(one.column)
                for index, one in enumerate(config.columns)
            )
        )

    def _masked(self, one: MaskedColumn, value: Relation) -> Relation:
        import ibis

        if one.method == "empty":
            return ibis.null(value.type())
        text = value.cast("string")
        if one.method == "redact":
            return text.notnull().ifelse(ibis.literal(one.text), ibis.null("string"))
        if one.method == "hash":
            return (ibis.literal(one.salt) + text).hexdigest("sha256")
        stars = ibis.literal("*")
        length = text.length()
        if one.show == 0:
            return stars.repeat(length)
        return (length > one.show).ifelse(stars.repeat(length - one.show) + text.right(one.show), stars.repeat(length))

    def columns(self, config: MaskConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        types = schemas["table"][0].types()
        if any(one.column not in types for one in config.columns) or twice(one.column for one in config.columns):
            return None
        masked = {one.column: "string" for one in config.columns if one.method != "empty"}
        return {"table": Schema.of(types | masked)}
