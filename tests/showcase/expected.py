"""What the showcase's flows must give: plain SQL over the same files, importing nothing of Tisserand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]

RESULTS: dict[str, dict[str, str]] = {
    "latest-airlines": {
        "latest-airlines.csv": """
            SELECT carrier, count(*) AS flights, avg(arr_delay) AS mean_delay, max(arr_delay) AS worst_delay, name
            FROM flights LEFT JOIN airlines USING (carrier) WHERE arr_delay IS NOT NULL GROUP BY ALL"""
    },
    "worst-routes": {
        "worst-routes.xlsx": """
            SELECT origin, dest, count(*) AS flights, count(*) FILTER (arr_delay IS NULL OR arr_delay >= 30) AS bad,
                   bad / count(*) AS bad_share
            FROM flights GROUP BY origin, dest HAVING count(*) >= 200 ORDER BY bad_share DESC, origin, dest LIMIT 20"""
    },
    "weather-delays": {
        "weather-delays.csv": """
            SELECT CASE WHEN precip > 0 THEN 'rain' ELSE 'dry' END AS rain,
                   CASE WHEN wind_speed IS NULL THEN 'unknown' WHEN wind_speed >= 20 THEN 'strong' ELSE 'light' END AS wind,
                   CASE WHEN visib < 3 THEN 'poor' ELSE 'good' END AS sight,
                   count(*) AS flights, avg(dep_delay) AS mean_delay
            FROM flights f JOIN hours w ON f.origin = w.origin AND f.date = w.date AND f.sched_dep_time // 100 = w.hour
            WHERE dep_delay IS NOT NULL GROUP BY ALL""",
        "weather-gaps.csv": """
            SELECT origin, count(*) AS flights FROM flights f WHERE dep_delay IS NOT NULL
            AND (origin, date, sched_dep_time // 100) NOT IN (SELECT (origin, date, hour) FROM hours) GROUP BY origin""",
    },
    "plane-age": {
        "plane-age.json": """
            SELECT CASE WHEN built IS NULL THEN 'unknown' WHEN 2013 - built < 5 THEN '0-4'
                        WHEN 2013 - built < 15 THEN '5-14' ELSE '15 or more' END AS age,
                   count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS cancelled, avg(dep_delay) AS mean_delay,
                   count(DISTINCT tailnum) AS planes
            FROM flights JOIN planes USING (tailnum) GROUP BY age"""
    },
    "busiest-hours": {
        "hours.parquet": """
            SELECT origin, sched_dep_time // 100 AS hour, count(*) AS flights, avg(dep_delay) AS mean_delay
            FROM flights GROUP BY ALL""",
        "busiest-hours.csv": """
            SELECT origin, sched_dep_time // 100 AS hour, count(*) AS flights, avg(dep_delay) AS mean_delay
            FROM flights GROUP BY origin, sched_dep_time // 100
            QUALIFY row_number() OVER (PARTITION BY origin ORDER BY count(*) DESC) <= 3""",
    },
    "cancellations": {
        "cancelled-months.csv": """
            SELECT month(date) AS month, count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS cancelled
            FROM flights GROUP BY ALL""",
        **{
            f"bad-days-{season}.csv": f"""
            SELECT date, count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS cancelled FROM flights
            WHERE {months} GROUP BY date HAVING cancelled * 10 > count(*)"""
            for season, months in {
                "winter": "month(date) IN (12, 1, 2)",
                "summer": "month(date) IN (6, 7, 8)",
                "others": "month(date) NOT IN (12, 1, 2, 6, 7, 8)",
            }.items()
        },
    },
    "unknown-planes": {
        "unknown-planes.csv": """
            SELECT carrier, count(*) AS flights, count(DISTINCT tailnum) AS planes FROM flights
            WHERE tailnum IS NULL OR tailnum NOT IN (SELECT tailnum FROM planes) GROUP BY carrier""",
        "broken-flights.parquet": """
            SELECT count(*) AS count FROM flights
            WHERE tailnum IS NULL OR (arr_delay IS NULL AND dep_time IS NOT NULL)""",
    },
    "top-destinations": {
        "top-destinations.parquet": """
            WITH top AS (
                SELECT carrier, dest, count(*) AS flights FROM flights GROUP BY carrier, dest
                QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY count(*) DESC, dest) <= 3)
            SELECT carrier, dest, flights, name AS airport, lat, lon FROM top LEFT JOIN airports ON dest = faa"""
    },
    "february-and-july": {
        "routes-new.csv": "SELECT origin, dest, after AS flights FROM months WHERE before IS NULL",
        "routes-gone.csv": "SELECT origin, dest, before AS flights FROM months WHERE after IS NULL",
        "routes-changed.parquet": "SELECT count(*) AS count FROM months WHERE before <> after",
        "routes-same.csv": "SELECT origin, dest, after AS flights FROM months WHERE before = after",
    },
    "time-made-up": {
        "time-made-up.csv": """
            SELECT name, count(*) AS flights, avg(dep_delay - arr_delay) AS made_up FROM flights JOIN airlines USING (carrier)
            WHERE dep_delay >= 30 AND arr_delay IS NOT NULL GROUP BY name"""
    },
    "distances": {
        "distances.parquet": """
            SELECT origin, dest, max(distance) AS distance,
                   2 * 3958.8 * asin(sqrt(pow(sin(radians(b.lat - a.lat) / 2), 2) + cos(radians(a.lat)) * cos(radians(b.lat))
                   * pow(sin(radians(b.lon - a.lon) / 2), 2))) AS circle
            FROM flights JOIN airports a ON a.faa = origin JOIN airports b ON b.faa = dest
            GROUP BY origin, dest, a.lat, a.lon, b.lat, b.lon""",
        "airports-without-place.csv": """
            SELECT count(*) AS count FROM (
                SELECT DISTINCT origin, dest FROM flights WHERE dest NOT IN (SELECT faa FROM airports))""",
    },
    "monthly-report": {
        "monthly-report.xlsx": """
            SELECT carrier, month(date) AS month, count(*) AS flights, avg(arr_delay) AS mean_delay FROM flights GROUP BY ALL""",
        "report.sqlite": """
            SELECT carrier, month(date) AS month, count(*) AS flights, avg(arr_delay) AS mean_delay FROM flights GROUP BY ALL""",
    },
}
"""Flow → file below `out/` → the query whose rows that file must have. A single column `count` compares the number of rows."""

ORDERED = {"latest-airlines.csv": ("mean_delay", True), "time-made-up.csv": ("made_up", True)}
"""Files whose rows stand in an order: column, falling."""


def database(workspace: Path) -> duckdb.DuckDBPyConnection:
    """The source files as tables; the Excel list is read with pandas."""
    import pandas as pd

    data = workspace / "data"
    con = duckdb.connect()
    con.execute(f"CREATE VIEW flights AS FROM read_parquet('{data / 'flights.parquet'}')")
    con.execute(f"CREATE TABLE airlines AS FROM read_csv('{data / 'airlines.csv'}')")
    con.execute(f"CREATE TABLE planes AS FROM read_json('{data / 'planes.jsonl'}')")
    con.execute(f"""CREATE TABLE hours AS FROM read_csv('{data}/weather/*.csv')
        QUALIFY row_number() OVER (PARTITION BY origin, date, hour ORDER BY temp NULLS LAST) = 1""")
    airports = pd.read_excel(data / "airports.xlsx", engine="openpyxl", keep_default_na=False)
    con.register("airports_frame", airports)
    con.execute("CREATE TABLE airports AS SELECT faa, name, lat::DOUBLE AS lat, lon::DOUBLE AS lon FROM airports_frame")
    con.execute("""CREATE TABLE months AS
        SELECT coalesce(b.origin, a.origin) AS origin, coalesce(b.dest, a.dest) AS dest, before, after
        FROM (SELECT origin, dest, count(*) AS before FROM flights WHERE month(date) = 2 GROUP BY ALL) AS b
        FULL JOIN (SELECT origin, dest, count(*) AS after FROM flights WHERE month(date) = 7 GROUP BY ALL) AS a
        ON a.origin = b.origin AND a.dest = b.dest""")
    return con


def expected(con: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], Rows]:
    found = con.execute(query)
    return [column[0] for column in found.description], found.fetchall()


def found(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[list[str], Rows]:
    """What a flow wrote, read by other programs than the one that wrote it."""
    if path.suffix == ".xlsx":
        from openpyxl import load_workbook

        lines = list(load_workbook(path, read_only=True).active.values)
        return list(lines[0]), [tuple(line) for line in lines[1:]]
    if path.suffix == ".sqlite":
        import sqlite3

        with sqlite3.connect(path) as base:
            cursor = base.execute("SELECT * FROM monthly")
            return [column[0] for column in cursor.description], cursor.fetchall()
    reader = {".csv": "read_csv", ".json": "read_json", ".parquet": "read_parquet"}[path.suffix]
    cursor = con.execute(f"FROM {reader}('{path}')")
    return [column[0] for column in cursor.description], cursor.fetchall()


def alike(one: Rows, other: Rows) -> bool:
    """Equal rows; floats to nine digits, because their last digits depend on the order of additions."""
    return len(one) == len(other) and all(
        len(first) == len(second) and all(_alike(a, b) for a, b in zip(first, second, strict=True))
        for first, second in zip(one, other, strict=True)
    )


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def in_order(rows: Rows) -> Rows:
    """Rows in one order, whatever order they came in: by everything that is no float."""
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row if not isinstance(value, float)])
