"""What a push left in a gateway beside the gateway's own objects: the neutral items, and how each object looked.

A gateway's objects say less than ours (ids, names, what people call things), so the items themselves are kept beside them in the
gateway. They are believed only as far as the objects still look as they were pushed: whoever changed one by hand made the item
differ, and that is shown at the item as `live.<object>`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tisserand.apis.neutral import digest

GONE = "gone"
"""What stands for an object that is not there any more."""

STRAY = "object"
"""Begins the name of the item that stands for an object which nobody pushed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One item as it was pushed, and the objects that enforce it: name → digest of its content."""

    item: str
    content: Mapping[str, Any]
    objects: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"item": self.item, "content": self.content, "objects": self.objects}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kept:
        return cls(str(data["item"]), dict(data["content"]), dict(data.get("objects") or {}))


def kept(items: Mapping[str, Mapping[str, Any]], objects: Mapping[str, Any], owners: Mapping[str, Iterable[str]]) -> list[Kept]:
    """The items with the digests of the objects that each owns."""
    digests = {name: digest(content) for name, content in objects.items()}
    return [
        Kept(item, content, {name: digests[name] for name in owners.get(item, ())}) for item, content in sorted(items.items())
    ]


def seen(
    each: Kept, live: Mapping[str, Any], show: Callable[[str, Any], Any] = lambda name, value: value, digests: Mapping[str, str] | None = None
) -> Mapping[str, Any]:  # fmt: skip
    """The item as it is live: as it was pushed, plus what was changed by hand since. `show` hides secrets."""
    changed: dict[str, Any] = {}
    for name, pushed in each.objects.items():
        if name not in live:
            changed[name] = GONE
        elif (digests[name] if digests is not None else digest(live[name])) != pushed:
            changed[name] = show(name, live[name])
    return {**each.content, "live": changed} if changed else each.content


def strays(
    known: Iterable[Kept], live: Mapping[str, Any], show: Callable[[str, Any], Any] = lambda name, value: value
) -> dict[str, Mapping[str, Any]]:
    """What stands among ours and was never pushed, as items of its own that a push takes away."""
    owned = {name for each in known for name in each.objects}
    return {f"{STRAY}/{name}": {"live": show(name, content)} for name, content in live.items() if name not in owned}


def pack(each: Kept) -> str:
    """As one word of letters, digits, `-` and `_` (deflated JSON in base64url): for tags and descriptions."""
    text = json.dumps(each.to_json(), sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(word: str) -> Kept | None:
    """The item in such a word; None where somebody spoilt it."""
    try:
        data = zlib.decompress(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
        return Kept.from_json(json.loads(data))
    except (ValueError, zlib.error, KeyError, TypeError):
        return None
