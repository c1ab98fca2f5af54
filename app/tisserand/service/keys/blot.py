"""Blotting a value out of texts, JSON and stores: as a word of its own, in all the ways in which JSON may write it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tisserand.files import write_text

MARK = "(erased)"

_SHAPES = frozenset({"kind", "state", "unit", "digest", "delivery", "then", "run", "taken", "closed"})
"""Fields of events that never hold data, and that the executor goes by."""


class Blot:
    """One value."""

    def __init__(self, value: str) -> None:
        self.value = value
        plain, escaped = json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]
        self.forms = tuple(dict.fromkeys((value, plain, escaped)))
        """How it may stand in a file."""
        self._word = re.compile(
            "|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in sorted(self.forms, key=len, reverse=True))
        )

    def inside(self, text: str) -> bool:
        return any(form in text for form in self.forms) and self._word.search(text) is not None

    def text(self, text: str) -> str:
        return self._word.sub(MARK, text)

    def json(self, text: str, numbers: bool = False) -> str:
        """A JSON text without it, also where it is a number if `numbers`; what is no JSON, as a text."""
        try:
            data = json.loads(text)
        except ValueError:
            return self.text(text)
        cleaned = self.plain(data, numbers)
        return text if cleaned == data else json.dumps(cleaned, ensure_ascii=True)

    def plain(self, value: Any, numbers: bool) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key): item if key in _SHAPES and not numbers else self.plain(item, numbers)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.plain(item, numbers) for item in value]
        if numbers and isinstance(value, int | float) and not isinstance(value, bool) and json.dumps(value) == self.value:
            return MARK
        return value

    def where(self, columns: list[str]) -> tuple[str, list[str]]:
        """An SQL condition: it stands in one of the columns, perhaps inside a longer word."""
        clauses = [f"instr({column}, ?) > 0" for column in columns for _form in self.forms]
        return f"({' OR '.join(clauses)})", [form for _column in columns for form in self.forms]

    # -- files

    def file(self, path: Path, write: bool) -> bool:
        """Blot it out of a text file; says whether it was there."""
        try:
            raw = path.read_bytes()
        except OSError:
            return False  # removed meanwhile
        if not any(form.encode() in raw for form in self.forms):
            return False
        text = raw.decode("utf-8", errors="surrogateescape")
        cleaned = self.json(text, numbers=True) if path.suffix == ".json" else self.text(text)
        if cleaned == text:
            return False
        if write:
            mode = path.stat().st_mode & 0o777
            if "\udc80" <= max(cleaned, default="") <= "\udcff":
                cleaned = cleaned.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
            write_text(path, cleaned, mode)
        return True

    def parquet(self, path: Path) -> bool:
        """Whether a text column of a Parquet file holds it as a word."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as opened:
                wanted = [field.name for field in opened.schema_arrow if _textual(field.type)]
                for batch in opened.iter_batches(columns=wanted) if wanted else ():
                    for column in batch.columns:
                        texts = (
                            column.cast(pa.string())
                            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
                            else None
                        )
                        if texts is None:
                            if any(self.inside(json.dumps(each, default=str)) for each in column.to_pylist()):
                                return True
                        elif pc.any(pc.match_substring(texts, self.value)).as_py() and any(
                            self.inside(each) for each in texts.to_pylist() if each is not None and self.value in each
                        ):
                            return True
        except (pa.ArrowException, OSError):
            return False  # half written, or removed meanwhile
        return False

    # -- stores

    def store(self, db: sqlite3.Connection, write: bool, skip: Callable[[str], bool] = lambda _table: False) -> int:
        """Blot it out of every text column of every table; gives how many values held it."""
        found = 0
        for table, columns in _tables(db):
            if skip(table):
                continue
            for column in columns:
                where, values = self.where([f'"{column}"'])
                for (old,) in db.execute(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE {where}', values).fetchall():  # noqa: S608 - names from the schema
                    new = self.json(old, numbers=True) if isinstance(old, str) else old
                    if new == old:
                        continue
                    found += 1
                    if write:
                        db.execute(f'UPDATE OR REPLACE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (new, old))  # noqa: S608
        return found


def _textual(type: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_nested(type) or pa.types.is_dictionary(type)
    )


def _tables(db: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Tables with their columns that may hold text; not those inside of a search index."""
    virtual = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'")]
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'").fetchall()
    for (table,) in names:
        if any(table == each or table.startswith(f"{each}_") for each in virtual):
            continue
        columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")') if str(row[2]).upper() in ("TEXT", "")]
        if columns:
            yield table, columns
