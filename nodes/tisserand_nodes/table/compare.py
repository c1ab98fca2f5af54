"""Compare two tables: which rows were added, removed, changed, and which are as before."""

from typing import Annotated, Any

from pydantic import Field

from tisserand.sdk import Config, In, NodeError, Out, Picks, Relation, Transform
from tisserand.sdk.columns import column, common_type, free_name, settled

BeforeColumn = Annotated[str, Picks("column", port="before")]


class CompareConfig(Config):
    keys: tuple[BeforeColumn, ...] = Field(min_length=1)
    """Columns that tell which row of the one table is which of the other. Empty values count as equal here."""
    ignore: tuple[BeforeColumn, ...] = ()
    """Columns whose changes do not count, for example a time of export."""


class Compare(Transform[CompareConfig]):
    """Find what changed between two versions of a table.

    `Added` and `Unchanged` carry rows of the new version, `Removed` rows of the old one. `Changed` carries the key, the names of
    the changed columns, and of each compared column the value before and after. Columns that only one table has do not count.
    Where a key stands several times, its rows are put in order on both sides and paired one by one.
    """

    kind, title, icon = "table.compare", "Compare two tables", "git-compare"
    inputs = (In("before", "Before"), In("after", "After"))
    outputs = (Out("added", "Added"), Out("removed", "Removed"), Out("changed", "Changed"), Out("unchanged", "Unchanged"))

    def build(self, config: CompareConfig, **relations: Relation) -> dict[str, Relation]:
        import ibis

        before, after = relations["before"], relations["after"]
        for index, name in enumerate(config.keys):
            self._comparable(before, after, name, f"keys.{index}")
        compared = [
            name for name in before.columns if name in after.columns and name not in config.keys and name not in config.ignore
        ]
        for name in compared:
            self._comparable(before, after, name, "ignore")
        shared = [*config.keys, *compared]
        place = free_name("place", [*before.columns, *after.columns])
        old, new = self._numbered(before, shared, config.keys, place), self._numbered(after, shared, config.keys, place)
        keys = [*config.keys, place]
        # Names of its own for every column of one side: nothing can clash in the join, however columns are named.
        inner = {name: free_name(f"b{index}_", new.columns, "_") for index, name in enumerate(old.columns)}
        old_named = old.select([old[name].name(inner[name]) for name in old.columns])
        same_key = [new[name].identical_to(old_named[inner[name]]) for name in keys]
        both = new.join(old_named, same_key, how="inner")
        differs = {name: ~both[name].identical_to(both[inner[name]]) for name in compared}
        any_differs = ibis.or_(*differs.values()) if differs else ibis.literal(False)
        return {
            "added": new.anti_join(old_named, same_key).select(list(after.columns)),
            "removed": old.anti_join(new, [old[name].identical_to(new[name]) for name in keys]).select(list(before.columns)),
            "changed": self._changed(both.filter(any_differs), config.keys, differs, inner),
            "unchanged": both.filter(~any_differs).select([both[name] for name in after.columns]),
        }

    def _comparable(self, before: Relation, after: Relation, name: str, field: str) -> None:
        types = [column(before, name, field).type(), column(after, name, field).type()]
        if common_type(types) is None:
            raise NodeError(
                "“{name}” is {before} before and {after} after: they cannot be compared.",
                fix="Cast one of the two with “Select, rename, cast”.",
                name=name,
                before=str(types[0]),
                after=str(types[1]),
                field=field,
            )

    def _numbered(self, table: Relation, shared: list[str], keys: tuple[str, ...], place: str) -> Relation:
        """The rows of one key counted, so that a key that stands several times pairs row with row instead of all with all."""
        import ibis

        number = ibis.row_number().over(
            group_by=[table[name] for name in keys],
            order_by=settled([table[name].asc(nulls_first=False) for name in shared], table),
        )
        return table.mutate(number.name(place))

    def _changed(self, both: Relation, keys: tuple[str, ...], differs: dict[str, Any], inner: dict[str, str]) -> Relation:
        import ibis

        taken = list(keys)

        def named(value: Any, name: str) -> Any:
            free = free_name(name, taken)
            taken.append(free)
            return value.name(free)

        columns = [both[name].name(name) for name in keys]
        texts = [(~both[name].identical_to(both[inner[name]])).ifelse(ibis.literal(f", {name}"), "") for name in differs]
        whole = ibis.literal(", ") if not texts else texts[0]
        for text in texts[1:]:
            whole = whole + text
        columns.append(named(whole.substr(2), "changed"))
        for name in differs:
            columns += [named(both[inner[name]], f"{name}_before"), named(both[name], f"{name}_after")]
        return both.select(columns)
