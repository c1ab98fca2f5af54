"""Rows of real databases: ties, transactions that are committed late, restarts, notifications, and what goes wrong."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.listening import Listening
from tisserand_nodes.sql.connection import Database
from tisserand_nodes.trigger.database import DatabaseRows


@pytest.fixture
def db(postgres: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.dsn, autocommit=True) as own:
        own.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        own.execute("CREATE TABLE orders (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), name text)")
        yield own


def reach(postgres: Any, **more: Any) -> Database:
    return Database(**{
        "system": "postgresql", "host": postgres.host, "port": postgres.port, "database": postgres.database,
        "user": postgres.user, "password": FilledSecret(postgres.password), **more,
    })  # fmt: skip


def hear(postgres: Any, folder: Path, **raw: Any) -> Listening:
    connection = raw.pop("reach", None) or reach(postgres)
    options = {name: raw.pop(name) for name in ("mark", "known") if name in raw}
    settings = {"connection": "d", "table": "orders", "watermark": "id", "every": "50ms", **raw}
    return Listening(DatabaseRows, settings, folder, connections={"d": connection}, **options)


def names(heard: Listening) -> list[str]:
    return [event.row["name"] for event in heard.events]


def begun(heard: Listening) -> None:
    heard.wait(lambda: heard.batches >= 1)


def test_what_is_there_does_not_count_and_what_comes_does(postgres: Any, db: Any, tmp_path: Path) -> None:
    db.execute("INSERT INTO orders (name) VALUES ('old 1'), ('old 2')")
    with hear(postgres, tmp_path) as heard:
        begun(heard)
        db.execute("INSERT INTO orders (name) VALUES ('a'), ('b')")
        rows = heard.rows(2)
        db.execute("INSERT INTO orders (name) VALUES ('c')")
        heard.rows(3)
        time.sleep(0.2)
    assert names(heard) == ["a", "b", "c"] and heard.delivered == 3
    assert heard.events[0].key == "[3]"
    assert set(rows[0]) == {"id", "at", "name"}
    db.execute("INSERT INTO orders (name) VALUES ('away')")
    with hear(postgres, tmp_path, mark=heard.mark, known=heard.keys) as again:
        again.rows(1)
        time.sleep(0.2)
    assert names(again) == ["away"]


def test_all_that_is_there(postgres: Any, db: Any, tmp_path: Path) -> None:
    db.execute("INSERT INTO orders (name) SELECT 'n' || i FROM generate_series(1, 2500) AS i")
    with hear(postgres, tmp_path, begin="all", batch=300) as heard:
        heard.rows(2500)
    assert names(heard) == [f"n{i}" for i in range(1, 2501)]
    assert heard.batches >= 9


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_rows_of_one_watermark_are_neither_lost_nor_doubled(postgres: Any, db: Any, tmp_path: Path, batch: int) -> None:
    """Many rows have the same time, some of them come only after others were read, and listening is broken off in between."""
    chance = random.Random(batch)
    wanted: list[str] = []
    heard: Listening | None = None
    mark, known = None, frozenset[str]()
    got: list[str] = []
    for part in range(4):
        heard = hear(postgres, tmp_path, watermark="at", late="0s", begin="all", batch=batch, mark=mark, known=known)
        with heard:
            for _ in range(3):
                fresh = [f"{part}-{chance.random()}" for _ in range(chance.randint(1, 6))]
                wanted += fresh
                for name in fresh:
                    db.execute("INSERT INTO orders (at, name) VALUES ('2026-01-01 00:00:00+00', %s)", (name,))
                    time.sleep(chance.random() / 50)
            heard.rows(len(wanted) - len(got))
        got += names(heard)
        mark, known = heard.mark, heard.keys
    assert sorted(got) == sorted(wanted)


@pytest.mark.parametrize("watermark", ["id", "at"])
def test_what_is_committed_late_is_seen(postgres: Any, db: Any, tmp_path: Path, watermark: str) -> None:
    with hear(postgres, tmp_path, watermark=watermark) as heard, psycopg.connect(postgres.dsn) as slow:
        begun_or_empty(heard)
        slow.execute("INSERT INTO orders (name) VALUES ('late')")  # it has its number and its time, and is not committed
        db.execute("INSERT INTO orders (name) VALUES ('early')")
        heard.rows(1)
        slow.commit()
        heard.rows(2)
    assert names(heard) == ["early", "late"]


def test_without_reading_again_it_would_be_lost(postgres: Any, db: Any, tmp_path: Path) -> None:
    with hear(postgres, tmp_path, late_numbers=0) as heard, psycopg.connect(postgres.dsn) as slow:
        begun_or_empty(heard)
        slow.execute("INSERT INTO orders (name) VALUES ('late')")
        db.execute("INSERT INTO orders (name) VALUES ('early')")
        heard.rows(1)
        slow.commit()
        time.sleep(0.5)
    assert names(heard) == ["early"]


def begun_or_empty(heard: Listening) -> None:
    """An empty table has no watermark: it is looked at from the first row on."""
    heard.wait(lambda: heard.batches >= 1)


def test_a_changed_row_counts_again(postgres: Any, db: Any, tmp_path: Path) -> None:
    db.execute("INSERT INTO orders (name) VALUES ('a'), ('b')")
    with hear(postgres, tmp_path, watermark="at") as heard:
        begun(heard)
        db.execute("UPDATE orders SET at = clock_timestamp(), name = 'a again' WHERE id = 1")
        heard.rows(1)
        time.sleep(0.2)
    assert names(heard) == ["a again"]


def test_more_rows_near_the_beginning_than_are_remembered(
    postgres: Any, db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tisserand_nodes.trigger.database.MOST_KNOWN", 10)
    db.execute("INSERT INTO orders (name) SELECT 'old' FROM generate_series(1, 50)")
    with hear(postgres, tmp_path, batch=7) as heard:
        begun(heard)
        db.execute("INSERT INTO orders (name) VALUES ('new')")
        heard.rows(1)
        time.sleep(0.2)
    assert names(heard) == ["new"] and heard.delivered == 1


def test_values_of_every_type(postgres: Any, db: Any, tmp_path: Path) -> None:
    db.execute(
        "CREATE TABLE kinds (id int PRIMARY KEY, n numeric(10, 2), d date, t time, ts timestamp, b bytea, j jsonb, u uuid,"
        " flag boolean, f float8, list int[], nothing text)"
    )
    db.execute(
        "INSERT INTO kinds VALUES (1, 12.50, '2026-02-03', '04:05:06', '2026-02-03 04:05:06.7', '\\x00ff', '{\"a\": 1}',"
        " '00000000-0000-0000-0000-000000000001', true, 0.5, '{1,2}', NULL)"
    )
    with hear(postgres, tmp_path, table="kinds", begin="all") as heard:
        row = heard.rows(1)[0]
    assert row == {
        "id": 1, "n": "12.50", "d": "2026-02-03", "t": "04:05:06", "ts": "2026-02-03T04:05:06.700000", "b": "AP8=", "j": '{"a": 1}',
        "u": "00000000-0000-0000-0000-000000000001", "flag": True, "f": 0.5, "list": [1, 2], "nothing": None,
    }  # fmt: skip
    from tisserand.engine.values import typed
    from tisserand.sdk.testing import LoneContext, config_of

    config = config_of(DatabaseRows, {"connection": "d", "table": "kinds", "watermark": "id"})
    found = DatabaseRows().discover(LoneContext(tmp_path, connections={"d": reach(postgres)}), config)
    import pyarrow as pa

    from tisserand.sdk.arrow import to_arrow

    table = pa.Table.from_pylist(typed([row], found.schema), to_arrow(found.schema))
    assert table.num_rows == 1 and str(table.column("n")[0].as_py()) == "12.50"


def test_a_notification_wakes_at_once(postgres: Any, db: Any, tmp_path: Path) -> None:
    with hear(postgres, tmp_path, every="1h", channel="new orders") as heard:
        begun(heard)
        time.sleep(0.3)
        db.execute("INSERT INTO orders (name) VALUES ('a')")
        db.execute('NOTIFY "new orders"')
        heard.rows(1, 20)
        db.execute("INSERT INTO orders (name) VALUES ('b')")
        db.execute("SELECT pg_notify('new orders', 'anything')")
        heard.rows(2, 20)


def test_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"
    own = sqlite3.connect(file)
    own.execute('CREATE TABLE "a b" ("I d" INTEGER PRIMARY KEY, "changed at" TEXT, v BLOB)')
    own.execute("INSERT INTO \"a b\" VALUES (1, '2026-01-01 00:00:00', x'01')")
    own.commit()
    config = {"connection": "d", "table": "a b", "watermark": "changed at", "every": "50ms"}
    reach = {"d": Database(system="sqlite", file="shop.sqlite")}
    with Listening(DatabaseRows, config, tmp_path, connections=reach) as heard:
        begun(heard)
        own.execute("INSERT INTO \"a b\" VALUES (2, '2026-01-01 00:00:00', x'02')")
        own.execute("INSERT INTO \"a b\" VALUES (3, NULL, x'03')")
        own.commit()
        heard.rows(1)
        own.execute('UPDATE "a b" SET "changed at" = \'2026-01-02 00:00:00\' WHERE "I d" = 1')
        own.commit()
        assert [row["I d"] for row in heard.rows(2)] == [2, 1]
        time.sleep(0.2)
    assert heard.delivered == 2
    own.close()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"table": "nothing"}, "There is no table “nothing” at "),
        ({"watermark": "no"}, "There is no column “no”. Columns: id, at, name."),
        ({"key": ["no"]}, "There is no column “no”. Columns: id, at, name."),
        ({"table": "bare"}, "The table “bare” has no primary key."),
    ],
)
def test_what_is_not_there(postgres: Any, db: Any, tmp_path: Path, raw: dict[str, Any], sentence: str) -> None:
    db.execute("CREATE TABLE bare (id int)")
    with hear(postgres, tmp_path, **raw) as heard:
        assert sentence in str(heard.failure())


def test_a_wrong_password(postgres: Any, db: Any, tmp_path: Path) -> None:
    for more in ({}, {"channel": "c"}):
        with hear(postgres, tmp_path, reach=reach(postgres, password=FilledSecret("other-word")), **more) as heard:
            wrong = str(heard.failure())
        assert "cannot be reached" in wrong and "password" in wrong and "other-word" not in wrong


@pytest.mark.parametrize("channel", [None, "orders"])
def test_a_table_and_a_connection_that_go_away(postgres: Any, db: Any, tmp_path: Path, channel: str | None) -> None:
    with hear(postgres, tmp_path, channel=channel) as heard:
        begun(heard)
        db.execute("INSERT INTO orders (name) VALUES ('a')")
        heard.rows(1)
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tisserand'")
        wrong = heard.failure()
    assert isinstance(wrong, NodeError) and wrong.retry and "The database at 127.0.0.1:" in str(wrong)
    db.execute("INSERT INTO orders (name) VALUES ('b')")
    with hear(postgres, tmp_path, channel=channel, mark=heard.mark, known=heard.keys) as again:
        again.rows(1)
        assert names(again) == ["b"]
        db.execute("DROP TABLE orders")
        wrong = again.failure()
    assert isinstance(wrong, NodeError) and "orders" in str(wrong)
