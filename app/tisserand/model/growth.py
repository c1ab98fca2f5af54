"""Making many small lasting values at once without the garbage collector walking over all of them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def growing() -> Iterator[None]:
    """Inside (or in a function decorated with `@growing()`), no cycles are collected: what a file or a plan is made of lives on, and holds no garbage. Collecting while it
    grows takes as long as making it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
