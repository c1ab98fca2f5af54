"""Which node is next to another for the keyboard: the nearest in one direction."""

from __future__ import annotations

from collections.abc import Mapping

from tisserand.ui.canvas.card import Card


def neighbour(cards: Mapping[str, Card], current: str, dx: int, dy: int) -> str | None:
    """The nearest node in a direction; what lies aside counts as farther."""
    here = cards[current].frame().center()
    best: tuple[float, str] | None = None
    for card in cards.values():
        away = card.frame().center() - here
        along, aside = (away.x() * dx, abs(away.y())) if dx else (away.y() * dy, abs(away.x()))
        if card.id != current and along > 4:
            cost = along + 2.5 * aside
            if best is None or cost < best[0]:
                best = (cost, card.id)
    return best[1] if best else None
