"""Three-way comparison: declared, last pushed, live. Pure; the same for every gateway."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tisserand.apis.gateways.adapter import Change, Dropped
from tisserand.apis.neutral import Items

_GONE = object()


def without(items: Items, dropped: Iterable[Dropped]) -> dict[str, Mapping[str, Any]]:
    """The items without what a gateway cannot enforce: what it should hold after a push. Those of which nothing is dropped are the
    same objects."""
    kept = dict(items)
    holed: dict[str, dict[str, Any]] = {}
    for each in dropped:
        if not each.field:
            kept.pop(each.item, None)
        elif each.item in kept:
            if each.item not in holed:
                holed[each.item] = copy.deepcopy(dict(kept[each.item]))
            _remove(holed[each.item], each.field.split("."))
    return {name: _tidy(holed[name]) if name in holed else content for name, content in kept.items()}


def changes(declared: Items, pushed: Items | None, live: Items) -> list[Change]:
    """What must be done so that `live` becomes `declared`; `pushed` (None: never pushed) tells who changed what. Creates come first,
    deletes last, each by name."""
    found: list[Change] = []
    for name in sorted(declared.keys() - live.keys()):
        found.append(Change("create", name, drift=pushed is not None and name in pushed))
    for name in sorted(declared.keys() & live.keys()):
        if live[name] == declared[name]:
            continue
        fields = tuple(differing(live[name], declared[name]))
        if fields:
            found.append(Change("change", name, fields, drift=pushed is not None and pushed.get(name) != live[name]))
    for name in sorted(live.keys() - declared.keys()):
        found.append(Change("delete", name, drift=pushed is not None and pushed.get(name) != live[name]))
    return found


def drifted(pushed: Items | None, live: Items) -> list[str]:
    """The items that were changed, removed or added in the gateway since the last push."""
    if pushed is None:
        return []
    return sorted(name for name in pushed.keys() | live.keys() if pushed.get(name) != live.get(name))


def differing(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """`(dotted path, old, new)` of every leaf that differs; None for what is not there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from differing(old.get(name, _GONE), new.get(name, _GONE), f"{path}.{name}" if path else str(name))
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from differing(left, right, f"{path}.{index}" if path else str(index))
    elif old is _GONE or new is _GONE or old != new:
        yield path, None if old is _GONE else old, None if new is _GONE else new


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _remove(content: Any, steps: list[str]) -> None:
    *way, last = steps
    for step in way:
        if isinstance(content, Mapping):
            content = content.get(step)
        elif _is_list(content) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return
    if isinstance(content, dict):
        content.pop(last, None)
    elif isinstance(content, list) and last.isdigit() and int(last) < len(content):
        content[int(last)] = None


def _tidy(value: Any) -> Any:
    """Without the holes and empty places that removing left."""
    if isinstance(value, Mapping):
        cleaned = {name: _tidy(each) for name, each in value.items()}
        return {name: each for name, each in cleaned.items() if each not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value if each is not None]
    return value
