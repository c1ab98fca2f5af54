"""Log: write a message and the first rows into the run's log, and pass all rows on."""

import itertools
from typing import Annotated

from pydantic import Field

from tisserand.sdk import Config, Control, ControlContext, In, Out, Outcome, Unit, msg

_LONGEST = 200


class LogConfig(Config):
    message: str = ""
    """What to write, for example `Orders of {{ day }}`."""
    rows: Annotated[int, Field(ge=0, le=1000), Unit("rows")] = 10
    """How many of the arriving rows to write below it. Rows in the log are seen by everybody who may see the run."""


class Log(Control[LogConfig]):
    """Write a message, and the first rows that arrive, into the log of the run. All rows go on unchanged.

    Use it to see what passes, or as the end of a branch whose rows are only looked at.
    """

    kind, title, icon = "flow.log", "Log", "scroll-text"
    inputs = (In("table", "Rows", optional=True),)
    outputs = (Out("table", "Rows"),)

    def run(self, ctx: ControlContext, config: LogConfig) -> Outcome:
        if config.message:
            ctx.log(msg("{text}", text=config.message))
        connected = False
        number = 0
        for batch in ctx.rows("table"):
            connected = True
            for row in itertools.islice(_rows(batch), config.rows - number):
                number += 1
                ctx.log(msg("Row {number}: {values}", number=number, values=_line(row)))
            if number >= config.rows:
                break
        return Outcome(passes={"table": "table"} if connected else {})


def _rows(batch: object) -> "itertools.chain[dict[str, object]]":
    # One row at a time: a batch may be large, and a single row is all that is looked at.
    return itertools.chain.from_iterable(batch.slice(index, 1).to_pylist() for index in range(batch.num_rows))  # type: ignore[attr-defined]


def _line(row: dict[str, object]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in row.items())


def _short(value: object) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
