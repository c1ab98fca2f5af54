"""Erasures that a kill left unfinished are finished by the next start."""

from __future__ import annotations

from tisserand.service.periodic import Periodic


class Finishing(Periodic):
    """Tries again now and then, where a run that holds the value is under way."""

    name = "finishing erasures"
    every = 300.0

    def work(self) -> None:
        self.executor.keys.erasing.finish()
