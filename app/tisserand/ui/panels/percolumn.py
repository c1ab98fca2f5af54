"""What a table of columns shows of a config, and the config that it writes: plain values, no widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tisserand.sdk.config import PerColumn


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    column: str
    kept: bool
    """It goes on."""
    arrives: str | None = None
    """The type with which the column arrives; None where it does not arrive."""
    place: int | None = None
    """Where it stands in the list of the config."""
    name: str = ""
    type: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else its entry in the config says."""

    @property
    def changed(self) -> bool:
        return bool(self.name or self.type or self.more)

    def plain(self) -> Any:
        """As the config lists it."""
        if not self.changed:
            return self.column
        said = {"name": self.name, "type": self.type}
        return {"column": self.column, **{key: text for key, text in said.items() if text}, **self.more}


@dataclass(frozen=True)
class Columns:
    """The three fields of a config that the table is about."""

    columns: tuple[Any, ...] = ()
    drop: tuple[str, ...] = ()
    others: str | None = None

    def keeps_others(self, asked: PerColumn) -> bool:
        if asked.drop is None:
            return False
        return not self.columns if self.others is None else self.others == "keep"


def entries(asked: PerColumn, config: Columns, arriving: Mapping[str, str]) -> list[Entry]:
    """The rows of the table: where the others are left out, those that go on in their order and then the rest; where the others
    are kept, all in the order in which they arrive. What the config names and does not arrive stands there as well."""
    keeps = config.keeps_others(asked)
    listed = [_listed(value, place, arriving) for place, value in enumerate(config.columns)]
    named = {entry.column for entry in listed}
    gone = [Entry(name, False) for name in config.drop if name not in arriving and name not in named]
    if not keeps:
        return [*listed, *(Entry(name, False, type) for name, type in arriving.items() if name not in named), *gone]
    rows: list[Entry] = []
    for name, type in arriving.items():
        mine = [entry for entry in listed if entry.column == name] or [Entry(name, True, type)]
        rows += [replace(entry, kept=name not in config.drop) for entry in mine]
    return [*rows, *(entry for entry in listed if entry.arrives is None), *gone]


def _listed(value: Any, place: int, arriving: Mapping[str, str]) -> Entry:
    if not isinstance(value, Mapping):
        return Entry(str(value), True, arriving.get(str(value)), place)
    name, new, type = (str(value.get(key) or "") for key in ("column", "name", "type"))
    more = {key: each for key, each in value.items() if key not in ("column", "name", "type")}
    return Entry(name, True, arriving.get(name), place, new, type, more)


def written(asked: PerColumn, config: Columns, rows: Sequence[Entry], *, ordered: bool = False) -> Columns:
    """The config for the rows as they are now, as close to the one before as can be. `ordered`: their order is wanted, which only
    a whole list can say."""
    kept = [entry for entry in rows if entry.kept]
    if config.keeps_others(asked) and not ordered:
        wanted = [entry for entry in kept if entry.place is not None or entry.changed]
        wanted.sort(key=lambda entry: len(rows) if entry.place is None else entry.place)
        left = {entry.column for entry in rows} - {entry.column for entry in kept}
        drop = [name for name in config.drop if name in left]
        drop += [
            entry.column for entry in rows if entry.column in left and entry.arrives is not None and entry.column not in drop
        ]
        if not wanted or asked.others is not None:
            # A list alone would leave the others out.
            others = "keep" if wanted else config.others
            return Columns(tuple(entry.plain() for entry in wanted), tuple(dict.fromkeys(drop)), others)
    # Of columns that are left out anyway, only those that were named before stay named.
    turned = config.keeps_others(asked)
    names = {entry.column for entry in kept}
    drop = [] if turned else [name for name in config.drop if name not in names]
    others = None if turned else config.others
    if not kept and asked.others is not None:
        others = "drop"
    return Columns(tuple(entry.plain() for entry in kept), tuple(drop), others)
