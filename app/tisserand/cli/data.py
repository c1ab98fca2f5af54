"""`tisserand runs` and `tisserand data`: what ran, and the rows on every wire of it."""

from __future__ import annotations

import csv
import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, Message, msg, number, translate

if TYPE_CHECKING:
    import pyarrow as pa

_STATES: dict[str, str] = {
    "queued": N_("queued"),
    "running": N_("running"),
    "waiting": N_("waiting"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "interrupted": N_("interrupted"),
}

WIDEST = 40


@click.command(cls=Command, help=N_("List the runs, the latest first."))
@option("--flow", metavar="ID", help=N_("Only the runs of this flow."))
@option("--state", type=click.Choice(list(_STATES)), help=N_("Only runs in this state."))
@option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help=N_("At most so many."))
@workspace_option
@json_option
def runs(flow: str | None, state: str | None, limit: int, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        found = executor.runs(flow, state, limit)
    if as_json:
        session.print_json({"runs": [run.to_json() for run in found]})
        return 0
    titles = [translate(title) for title in (N_("run"), N_("flow"), N_("state"), N_("started"), N_("seconds"), N_("by"))]
    rows = []
    for run in found:
        started = datetime.fromtimestamp(run.started or run.created).strftime("%Y-%m-%d %H:%M:%S")
        took = number(run.finished - run.started, 1) if run.finished and run.started else ""
        rows.append([run.id, run.flow, translate(_STATES.get(run.state, run.state)), started, took, run.by])
    session.print_table(titles, rows, right=[4])
    return 0


@click.command(cls=Command, help=N_("Show the rows at PLACE, a node or NODE.PORT, in RUN (“last” is the latest)."))
@click.argument("run", metavar="RUN")
@click.argument("place", metavar="PLACE")
@option("--limit", type=click.IntRange(0), default=20, show_default=True, help=N_("At most so many rows."))
@option("--offset", type=click.IntRange(0), default=0, help=N_("Leave out so many rows first."))
@option("--order", metavar="COLUMN", help=N_("Sort by this column; -COLUMN from the largest on."))
@option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help=N_("How the rows are printed."))
@workspace_option
@json_option
def data(
    run: str, place: str, limit: int, offset: int, order: str | None, form: str, workspace: str | None, as_json: bool
) -> int:
    folder = session.workspace(workspace)
    node, _dot, port = place.partition(".")
    with session.executor(folder) as executor:
        run = session.run_id(executor, run)
        page = executor.page(run, node, port or None, offset, limit, order)
    import pyarrow as pa

    table = pa.ipc.open_stream(page.data).read_all()
    if as_json or form == "json":
        columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
        rows = [list(row) for row in _rows(table)]
        session.print_json({"run": run, "node": node, "port": port or None, "total": page.total, "offset": offset,
                            "columns": columns, "rows": [dict(zip(table.column_names, row, strict=True)) for row in rows]})  # fmt: skip
    elif form == "csv":
        _print_csv(table)
    else:
        _print_rows(table, page.total, offset)
    return 0


def _rows(table: pa.Table) -> Any:
    return zip(*(column.to_pylist() for column in table.columns), strict=True) if table.num_columns else ()


def _print_csv(table: pa.Table) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in _rows(table):
        writer.writerow(
            ["" if value is None else value if isinstance(value, int | float | str) else session.plain(value) for value in row]
        )
    sys.stdout.write(text.getvalue())


def _print_rows(table: pa.Table, total: int, offset: int) -> None:
    import pyarrow as pa

    numbers = [n for n, field in enumerate(table.schema) if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)]
    session.print_table(table.column_names, [[_cell(value) for value in row] for row in _rows(table)], numbers)
    last = offset + table.num_rows
    shown: Message = msg("Rows {first} to {last} of {total}.", first=number(offset + 1), last=number(last), total=number(total))
    if not table.num_rows:
        shown = msg("No rows here; {total} in all.", total=number(total))
    click.echo(shown.text(), err=True)


def _cell(value: Any) -> str:
    """One line, no longer than a column may be, and nothing that a terminal would obey."""
    if value is None:
        return "∅"
    text = value if isinstance(value, str) else str(value)
    text = "".join(sign if sign.isprintable() else "·" for sign in text[: WIDEST + 1])
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
