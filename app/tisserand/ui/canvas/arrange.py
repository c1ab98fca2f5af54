"""Lining up cards: places from places, in units of the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QRectF

Places = dict[str, tuple[float, float]]
Boxes = Mapping[str, QRectF]


def align(boxes: Boxes, side: str) -> Places:
    """All at one edge (`left`, `right`, `top`, `bottom`) or centre line (`centre`, `middle`) of what they cover together."""
    whole = QRectF()
    for box in boxes.values():
        whole = whole.united(box)
    where: dict[str, Callable[[QRectF], tuple[float, float]]] = {
        "left": lambda box: (whole.left(), box.top()),
        "right": lambda box: (whole.right() - box.width(), box.top()),
        "centre": lambda box: (whole.center().x() - box.width() / 2, box.top()),
        "top": lambda box: (box.left(), whole.top()),
        "bottom": lambda box: (box.left(), whole.bottom() - box.height()),
        "middle": lambda box: (box.left(), whole.center().y() - box.height() / 2),
    }
    return {id: where[side](box) for id, box in boxes.items()}


def distribute(boxes: Boxes, across: bool) -> Places:
    """Equal gaps between them; the first and the last stay. Where they do not fit between these, the row grows."""

    def start(box: QRectF) -> float:
        return box.left() if across else box.top()

    def size(box: QRectF) -> float:
        return box.width() if across else box.height()

    order = sorted(boxes, key=lambda id: (start(boxes[id]), id))
    if len(order) < 2:
        return {id: (box.left(), box.top()) for id, box in boxes.items()}
    first, last = boxes[order[0]], boxes[order[-1]]
    room = start(last) + size(last) - start(first) - sum(size(boxes[id]) for id in order)
    gap = max(room / (len(order) - 1), 16.0)
    at = start(first)
    places: Places = {}
    for id in order:
        places[id] = (at, boxes[id].top()) if across else (boxes[id].left(), at)
        at += size(boxes[id]) + gap
    return places
