"""Select, rename, cast: which columns go on, under which names and as which types."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import ColumnName, Config, NodeError, PerColumn, Picks, Relation, Schema, Transform, Words
from tisserand.sdk.columns import branch, castable, column, twice, type_named

_WHOLE_LIMIT = 9.2e18


class SelectedColumn(Config):
    """One column that goes on, with its new name and type."""

    column: ColumnName
    """The column to take."""
    name: Annotated[str, Field(min_length=1)] | None = None
    """Its new name; empty to keep the name."""
    type: Annotated[str | None, Picks("type")] = None
    """Its new type: `text`, `integer`, `number`, `boolean`, `date`, `timestamp`, `time`, `decimal(12, 2)` …; empty to keep it."""


Selected = Annotated[
    Annotated[ColumnName, Tag("branch-name")] | Annotated[SelectedColumn, Tag("branch-details")], Discriminator(branch)
]


class SelectConfig(Config):
    columns: Annotated[tuple[Selected, ...], PerColumn(drop="drop", others="others")] = ()
    """Columns that go on, in this order, each with a new name and type if wanted."""
    drop: tuple[ColumnName, ...] = ()
    """Columns to leave out."""
    others: Annotated[
        Literal["drop", "keep"] | None, Field(title="Other columns"), Words(drop="Leave them out", keep="Keep them")
    ] = None
    """What happens to columns that are named in neither list. Kept ones stay in their place. Where nothing is chosen they are
    dropped if there is a list of columns, and kept if there is only a list to leave out."""
    on_bad: Annotated[
        Literal["stop", "empty"], Field(title="If a value does not fit"), Words(stop="Stop the run", empty="Leave it empty")
    ] = "stop"
    """What to do with a value that does not fit the new type: stop, or leave it empty."""

    @model_validator(mode="after")
    def _something(self) -> "SelectConfig":
        if not self.columns and not self.drop:
            raise PydanticCustomError("select_nothing", "Choose columns to take, to change or to leave out.")
        return self

    @property
    def chosen(self) -> tuple[SelectedColumn, ...]:
        """`columns` with plain names written out."""
        return tuple(SelectedColumn(column=one) if isinstance(one, str) else one for one in self.columns)

    @property
    def keeps_others(self) -> bool:
        return not self.columns if self.others is None else self.others == "keep"


class Select(Transform[SelectConfig]):
    """Choose the columns that go on, their order, their names and their types.

    With the others dropped, the list is the whole result. With the others kept, only the listed columns are renamed or cast, in
    their place. A value that does not fit its new type stops the flow, or becomes empty if you say so. Fractions are rounded when
    they become whole numbers.
    """

    kind, title, icon = "table.select", "Select, rename, cast", "columns-3"
    keeps_rows = True

    def build(self, config: SelectConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        for index, name in enumerate(config.drop):
            column(table, name, f"drop.{index}")
        wanted = [(one.name or one.column, self._value(table, one, index, config)) for index, one in enumerate(config.chosen)]
        if config.keeps_others:
            wanted = self._with_others(table, config, wanted)
        if not wanted:
            raise NodeError("No column is left.", field="drop")
        if clash := twice(name for name, _ in wanted):
            raise NodeError("The result would have the column “{name}” twice. Rename one.", name=clash, field="columns")
        return table.select([value.name(name) for name, value in wanted])

    def columns(self, config: SelectConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        types = schemas["table"][0].types()
        chosen = config.chosen
        # What a cast gives, and whether it can be, is for `build` to say.
        if any(one.type is not None or one.column not in types for one in chosen) or any(n not in types for n in config.drop):
            return None
        wanted = [(one.name or one.column, one.column) for one in chosen]
        if config.keeps_others:
            of: dict[str, list[tuple[str, str]]] = {}
            for one, made in zip(chosen, wanted, strict=True):
                of.setdefault(one.column, []).append(made)
            wanted = [made for name in types if name not in config.drop for made in of.get(name, [(name, name)])]
        if not wanted or twice(name for name, _ in wanted):
            return None
        return {"table": Schema.of({name: types[source] for name, source in wanted})}

    def _with_others(self, table: Relation, config: SelectConfig, wanted: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """All columns in their place; of a column that is listed more than once, the copies stand behind each other."""
        of: dict[str, list[tuple[str, Any]]] = {}
        for one, made in zip(config.chosen, wanted, strict=True):
            of.setdefault(one.column, []).append(made)
        return [made for name in table.columns if name not in config.drop for made in of.get(name, [(name, table[name])])]

    def _value(self, table: Relation, one: SelectedColumn, index: int, config: SelectConfig) -> Relation:
        value = column(table, one.column, f"columns.{index}.column")
        if one.type is None:
            return value
        target = type_named(one.type, f"columns.{index}.type")
        source = value.type()
        if source == target:
            return value
        if not castable(source, target):
            raise NodeError(
                "“{column}” is {type} and cannot become {target}.",
                column=one.column,
                type=str(source),
                target=str(target),
                field=f"columns.{index}.type",
            )
        lenient = config.on_bad == "empty"
        if target.is_integer() and (source.is_floating() or source.is_decimal()):
            value = rounded(value, lenient)
        return value.try_cast(target) if lenient else value.cast(target)


def rounded(value: Relation, lenient: bool) -> Relation:
    """The nearest whole number, half away from zero: databases disagree about halves when they cast."""
    if not lenient or not value.type().is_floating():
        return value.round()
    # Rounding gives a 64-bit number; what does not fit (nor NaN, nor infinity) must become empty before it.
    return value.between(-_WHOLE_LIMIT, _WHOLE_LIMIT).ifelse(value, None).round()
