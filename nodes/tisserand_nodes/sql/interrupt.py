"""Stops what a database is doing for us when the run is cancelled or out of time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tisserand.sdk import Context

EVERY = 0.1
"""Seconds between two looks."""


@contextmanager
def stoppable(ctx: Context, connection: Connection) -> Iterator[None]:
    """Meanwhile a statement on this connection is interrupted, at the server too, as soon as the node is to stop."""
    driver: Any = connection.connection.dbapi_connection
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            if ctx.cancelled():
                # Again and again: the call may come between two statements, where it changes nothing.
                (driver.interrupt if hasattr(driver, "interrupt") else driver.cancel)()

    watcher = threading.Thread(target=watch, name="sql interrupt", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
