"""Sums and words made before anybody asks: the first look at a large journal shall be as quick as the second."""

from __future__ import annotations

from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path
from tisserand.service.figures.sums import Sums
from tisserand.service.figures.words import Words
from tisserand.service.periodic import Periodic

DAYS = 400
"""How far back; days before are summed when somebody asks."""


class Ahead(Periodic):
    """Whoever asks for figures meets the same fault, where there is one, and is told."""

    name = "figures ahead"
    every = 600.0

    def work(self) -> None:
        # A connection of its own: who asks meanwhile does not wait.
        with Journal(journal_path(self.executor.root)) as journal:
            Words(journal).catch_up(self.over.is_set)
            Sums(journal).sum_up(DAYS, self.over.is_set)
