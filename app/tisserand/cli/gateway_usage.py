"""`tisserand gateway usage` and `collect`: who called what, how often, how it went."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, ngettext, number, translate

BY = ("hour", "day", "gateway", "api", "version", "operation", "consumer", "plan", "status")
TITLES = {
    "hour": N_("hour"),
    "day": N_("day"),
    "gateway": N_("gateway"),
    "api": N_("api"),
    "version": N_("version"),
    "operation": N_("operation"),
    "consumer": N_("consumer"),
    "plan": N_("plan"),
    "status": N_("status"),
}


@click.command(cls=Command, help=N_("Show who called what, how often, and how it went. Times are in UTC, by whole hours."))
@option(
    "--by", "by", type=click.Choice(BY), multiple=True,
    help=N_("Sum by this; may be given several times. Without it there is one sum."),
)  # fmt: skip
@option("--from", "start", metavar="TIME", help=N_("From when on: 2026-12-01, or 7d for the last seven days."))
@option("--to", "end", metavar="TIME", help=N_("Until when; now without it."))
@option("--gateway", metavar="NAME", default="", help=N_("Of this gateway only."))
@option("--api", metavar="ID", default="", help=N_("Of this API only."))
@option("--version", metavar="VERSION", default="", help=N_("Of this version only."))
@option("--operation", metavar="OPERATION", default="", help=N_("Of this operation only, for example “GET /orders/{id}”."))
@option("--consumer", metavar="ID", default="", help=N_("Of this consumer only."))
@option("--plan", metavar="ID", default="", help=N_("Under this plan only."))
@option("--status", metavar="STATUS", default="", help=N_("With this answer only: 429, or 4xx."))
@option("--trend", is_flag=True, help=N_("Compare with the time before, as long; needs --from."))
@option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help=N_("At most so many lines."))
@workspace_option
@json_option
def usage(
    by: tuple[str, ...],
    start: str | None,
    end: str | None,
    gateway: str,
    api: str,
    version: str,
    operation: str,
    consumer: str,
    plan: str,
    status: str,
    trend: bool,
    limit: int,
    workspace: str | None,
    as_json: bool,
) -> int:
    from tisserand.apis.usage import UsageQuery
    from tisserand.service.gateways.trends import Trend, trends

    now = time.time()
    if trend and start is None:
        raise click.UsageError(msg("--trend needs --from.").text())
    query = UsageQuery(
        _time(start, now) if start else 0.0, _time(end, now) if end else now if trend else 0.0, api, version, operation, consumer,
        plan, status, by, limit, gateway,
    )  # fmt: skip
    with session.executor(session.workspace(workspace)) as executor:
        ask = executor.gateways.usage
        found = trends(ask, query) if trend else [Trend(each, 0) for each in ask(query)]
    if as_json:
        more = [{"before": each.before, "change": each.change} if trend else {} for each in found]
        session.print_json({"usage": [each.sum.to_json() | extra for each, extra in zip(found, more, strict=True)]})
        return 0
    if not found:
        click.echo(msg("Nothing was called.").text(), err=True)
        return 0
    titles = [TITLES[name] for name in by]
    titles += [N_("requests"), N_("errors"), N_("rejected"), N_("bytes in"), N_("bytes out"), N_("p50 ms"), N_("p99 ms")]
    titles += [N_("before"), N_("change")] if trend else []
    rows = [_row(by, each, trend) for each in found]
    session.print_table([translate(title) for title in titles], rows, right=range(len(by), len(titles)))
    return 0


@click.command(cls=Command, help=N_("Take over what gateways tell of usage. The executor does so by itself, every second."))
@click.argument("name", metavar="[NAME]", required=False)
@workspace_option
@json_option
def collect(name: str | None, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        rows = executor.gateways.collect(name or "")
    if as_json:
        session.print_json({"rows": rows})
    else:
        click.echo(ngettext("{count} row of usage.", "{count} rows of usage.", rows).format(count=number(rows)))
    return 0


def _row(by: tuple[str, ...], each: Any, trend: bool) -> list[str]:
    found = each.sum
    cells = [_cell(name, found.group[name]) for name in by]
    cells += [number(value) for value in (found.requests, found.errors, found.rejected, found.bytes_in, found.bytes_out)]
    cells += [number(value, 1) if value is not None else "" for value in (found.p50, found.p99)]
    if trend:
        cells += [number(each.before), f"{'+' if each.change >= 0 else ''}{number(100 * each.change)} %" if each.before else ""]
    return cells


def _cell(name: str, value: Any) -> str:
    if name in ("hour", "day"):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M" if name == "hour" else "%Y-%m-%d")
    return str(value) or "–"


def _time(text: str, now: float) -> float:
    """`2026-12-01`, `2026-12-01T08:00` (UTC), or a stretch of time before now."""
    from tisserand.model import units

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - units.seconds(text)
        except units.UnitError:
            raise NodeError("“{time}” is no time: write 2026-12-01, 2026-12-01T08:00, or 7d.", time=text) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
