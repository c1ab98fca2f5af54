"""Join: bring the columns of two tables together where their keys are equal."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from tisserand.sdk import Config, In, NodeError, Out, Picks, Relation, Schema, Transform, Words
from tisserand.sdk.columns import column, common_type, free_name

LeftColumn = Annotated[str, Picks("column", port="left")]
RightColumn = Annotated[str, Picks("column", port="right")]


def _branch(value: object) -> str:
    return "branch-names" if isinstance(value, list | tuple) else "branch-pairs"


SameNames = Annotated[tuple[LeftColumn, ...], Field(min_length=1, title="Columns of the same name"), Tag("branch-names")]
Pairs = Annotated[dict[LeftColumn, RightColumn], Field(min_length=1, title="Columns of different names"), Tag("branch-pairs")]


class JoinConfig(Config):
    on: Annotated[SameNames | Pairs, Discriminator(_branch), Field(title="Match on")]
    """The key: columns that both tables have under the same name (`[customer]`), or pairs of a left and a right column
    (`{customer: id}`). Rows fit when all are equal; an empty value fits nothing."""
    how: Annotated[
        Literal["inner", "left", "right", "full", "semi", "anti"],
        Field(title="Rows to keep"),
        Words(
            inner="Only rows with a partner",
            left="All left rows",
            right="All right rows",
            full="All rows of both",
            semi="Left rows with a partner, left columns only",
            anti="Left rows without a partner",
        ),
    ] = "inner"
    """`inner`: pairs that fit. `left`, `right`, `full`: also the rows of that side, or of both, that fit nothing. `semi`: left
    rows that fit something, once each and without columns from the right. `anti`: left rows that fit nothing."""
    suffix: str = Field("_right", min_length=1, title="Ending for double names")
    """Put behind the name of a right column whose name the left table has too."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(left column, right column) for each part of the key."""
        return tuple(self.on.items()) if isinstance(self.on, dict) else tuple((name, name) for name in self.on)


class Join(Transform[JoinConfig]):
    """Bring two tables together: for each left row, the columns of the right rows with the same key.

    `Matched` carries the joined rows. `Without partner` carries the left rows whose key the right table does not have, so that
    what was not found can be looked at. Key columns stand once in the result, under the name they have on the left.
    """

    kind, title, icon = "table.join", "Join", "merge"
    inputs = (In("left", "Left"), In("right", "Right"))
    outputs = (Out("matched", "Matched"), Out("unmatched", "Without partner"))

    def build(self, config: JoinConfig, **relations: Relation) -> dict[str, Relation]:
        left, right = relations["left"], relations["right"]
        conditions = [self._equal(left, right, pair, self._field(config, index)) for index, pair in enumerate(config.pairs)]
        unmatched = left.anti_join(right, conditions)
        if config.how == "semi":
            return {"matched": left.semi_join(right, conditions), "unmatched": unmatched}
        if config.how == "anti":
            return {"matched": unmatched, "unmatched": unmatched}
        return {"matched": self._joined(config, left, right), "unmatched": unmatched}

    def _field(self, config: JoinConfig, index: int) -> str:
        return f"on.{config.pairs[index][0]}" if isinstance(config.on, dict) else f"on.{index}"

    def _equal(self, left: Relation, right: Relation, pair: tuple[str, str], field: str) -> Relation:
        first, second = column(left, pair[0], field), column(right, pair[1], field)
        if common_type([first.type(), second.type()]) is None:
            raise NodeError(
                "“{left}” is {left_type} on the left, “{right}” is {right_type} on the right: they cannot be equal.",
                fix="Cast one of the two with “Select, rename, cast” before the join.",
                left=pair[0],
                left_type=str(first.type()),
                right=pair[1],
                right_type=str(second.type()),
                field=field,
            )
        return first == second

    def _joined(self, config: JoinConfig, left: Relation, right: Relation) -> Relation:
        """Left columns in their order, then the right ones that are no key in theirs."""
        # Every right column gets a name of its own first: then nothing that the backend would call ambiguous can clash.
        inner = {name: free_name(f"r{index}_", left.columns, "_") for index, name in enumerate(right.columns)}
        renamed = right.select([right[name].name(inner[name]) for name in right.columns])
        partner = dict(config.pairs)
        conditions = [left[one] == renamed[inner[other]] for one, other in config.pairs]
        how = "outer" if config.how == "full" else config.how
        joined = left.join(renamed, conditions, how=how)
        both_sides = config.how in ("right", "full")
        wanted = []
        for name in left.columns:
            value = joined[name]
            if both_sides and name in partner:
                # A row that only the right side has shows its key too.
                other = joined[inner[partner[name]]]
                shared = common_type([value.type(), other.type()])
                value = value.cast(shared).coalesce(other.cast(shared))
            wanted.append(value.name(name))
        wanted += [joined[inner[name]].name(free) for name, free in self._brought(config, left.columns, right.columns).items()]
        return joined.select(wanted)

    def _brought(self, config: JoinConfig, left: Iterable[str], right: Iterable[str]) -> dict[str, str]:
        """The right columns that are no key, with their names in the result."""
        taken = list(left)
        keys = {other for _, other in config.pairs}
        found = {}
        for name in right:
            if name not in keys:
                found[name] = free_name(name, taken, config.suffix)
                taken.append(found[name])
        return found

    def columns(self, config: JoinConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        (left,), (right,) = schemas["left"], schemas["right"]
        first, second = left.types(), right.types()
        # Keys of two types are compared, and cast, by rules that `build` knows.
        if any(one not in first or first[one] != second.get(other) for one, other in config.pairs):
            return None
        if config.how in ("semi", "anti"):
            return {"matched": left, "unmatched": left}
        brought = self._brought(config, first, second)
        matched = Schema.of(first | {free: second[name] for name, free in brought.items()})
        return {"matched": matched, "unmatched": left}
