"""COPY to PostgreSQL writes what statements row by row would write, and gives way to them where it must."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tisserand.sdk.testing import run_writer
from tisserand_nodes.sql import copying
from tisserand_nodes.sql.write import WriteSql

pytestmark = pytest.mark.parametrize("bench", ["postgresql"], indirect=True)


def write(bench: Any, folder: Path, rows: pa.Table, **config: Any) -> Any:
    raw = {"connection": "db", "table": "made", "mode": "append", **config}
    return run_writer(WriteSql, raw, rows, folder, connections=bench.connections, key=str(random.random()))


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What became of each part that was sent by COPY."""
    found: list[bool] = []
    real = copying.Copying.send

    def send(self: Any, batch: Any) -> bool:
        found.append(real(self, batch))
        return found[-1]

    monkeypatch.setattr(copying.Copying, "send", send)
    return found


def test_texts_that_look_like_csv_stay_as_they_are(bench: Any, tmp_path: Path, copied: list[bool]) -> None:
    texts = ["", None, "NULL", "\\N", "\\.", '"', 'a","b', "a\nb", "a\r\nb", "\\x41", " ", "é😀", "{}", ","]
    table = pa.table({"n": range(len(texts)), "{t} %s": texts, "b": [None if t is None else t.encode() for t in texts]})
    write(bench, tmp_path, table)
    assert bench.ask('SELECT n, "{t} %s", b FROM made ORDER BY n') == [
        (n, text, None if text is None else text.encode()) for n, text in enumerate(texts)
    ]
    assert copied == [True]
    write(
        bench, tmp_path, table, table="other", mode="upsert", key=["{t} %s"]
    )  # one key is NULL: that row is the database's matter
    assert len(bench.ask("SELECT * FROM other")) == len(texts) - 1


def test_numbers_and_times_come_through_exactly(bench: Any, tmp_path: Path, copied: list[bool]) -> None:
    bench.ask("CREATE TABLE made (f real, d double precision, z timestamptz, t timestamp, x timestamptz)")
    bench.ask("ALTER DATABASE " + bench.connection.database + " SET timezone = 'Asia/Tokyo'")
    at = datetime.datetime(2024, 2, 29, 1, 2, 3, 456789)
    aware = pa.array([at, at], pa.timestamp("us", "UTC"))
    table = pa.table({
        "f": pa.array([0.1, float("inf")], pa.float32()), "d": pa.array([0.1, float("nan")], pa.float32()),
        "z": aware, "t": aware, "x": pa.array([at, at], pa.timestamp("us")),
    })  # fmt: skip
    write(bench, tmp_path, table)
    sql = "SELECT f::float8, d, z AT TIME ZONE 'UTC', t, x AT TIME ZONE 'UTC' FROM made LIMIT 1"
    f = pa.scalar(0.1, pa.float32()).cast(pa.float64()).as_py()
    assert bench.ask(sql) == [(pytest.approx(f, rel=1e-9), f, at, at, at)]
    bench.ask("ALTER DATABASE " + bench.connection.database + " RESET timezone")
    assert all(copied)


def test_of_several_rows_with_a_key_the_last_counts(bench: Any, tmp_path: Path, copied: list[bool]) -> None:
    generator = random.Random(7)
    rows = [(generator.randrange(500), number) for number in range(20_000)]
    bench.ask("CREATE TABLE made (k int PRIMARY KEY, v int)")
    bench.ask("INSERT INTO made SELECT g, -1 FROM generate_series(0, 1000) g")
    table = pa.table({"k": [k for k, _ in rows], "v": [v for _, v in rows]})
    written = write(bench, tmp_path, table, mode="upsert", key=["k"])
    expected = dict.fromkeys(range(1001), -1) | dict(rows)
    assert dict(bench.ask("SELECT k, v FROM made")) == expected
    assert written.written.rows == 20_000 and copied == [True]
    assert bench.ask("SELECT count(*) FROM pg_class WHERE relname = '_tisserand_new'") == [(0,)]


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_refused_rows_are_found_among_many(bench: Any, tmp_path: Path, mode: str, copied: list[bool]) -> None:
    bench.ask("CREATE TABLE made (k int PRIMARY KEY, v int CHECK (v >= 0))")
    values = [-1 if number in (17, 12_345) else number for number in range(20_000)]
    table = pa.table({"k": range(20_000), "v": values})
    result = write(bench, tmp_path, table, mode=mode, batch_rows=1000, **({"key": ["k"]} if mode == "upsert" else {}))
    assert [reject.place for reject in result.rejects] == ["row 18", "row 12346"]
    assert bench.ask("SELECT count(*), min(v) FROM made") == [(19_998, 0)]
    assert copied.count(True) == 18


def test_a_table_that_takes_no_copy_is_written_by_statements(bench: Any, tmp_path: Path, copied: list[bool]) -> None:
    from tisserand.sdk.fields import FilledSecret

    bench.ask("CREATE TABLE made (k int)")
    bench.ask("ALTER TABLE made ENABLE ROW LEVEL SECURITY")
    bench.ask("CREATE POLICY all_of_them ON made USING (true) WITH CHECK (true)")
    bench.ask("DROP ROLE IF EXISTS plain_user")
    bench.ask("CREATE ROLE plain_user LOGIN PASSWORD 'plain'")
    bench.ask("GRANT ALL ON SCHEMA public TO plain_user")
    bench.ask("GRANT ALL ON made TO plain_user")
    as_user = bench.connection.model_copy(update={"user": "plain_user", "password": FilledSecret("plain")})
    raw = {"connection": "db", "table": "made", "mode": "append"}
    written = run_writer(WriteSql, raw, pa.table({"k": [1, 2]}), tmp_path, connections={"db": as_user}, key="rls")
    assert written.written.rows == 2 and copied == [False]
    assert bench.ask("SELECT k FROM made ORDER BY k") == [(1,), (2,)]
    bench.ask("DROP OWNED BY plain_user CASCADE")
    bench.ask("DROP ROLE plain_user")
