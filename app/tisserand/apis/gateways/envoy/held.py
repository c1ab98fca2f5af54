"""What an embedded gateway holds, in neutral words, and whether its files still are what was made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tisserand import files
from tisserand.apis.gateways.envoy.filters import CHANGING
from tisserand.apis.gateways.envoy.places import CDS, RDS, ecds
from tisserand.apis.gateways.envoy.routes import KEYS, LIMITS, LUA, PASSWORDS, TOKENS
from tisserand.apis.gateways.envoy.seen import Seen
from tisserand.apis.neutral import Items, digest

Json = dict[str, Any]

FILE = "held.json"
"""Holds no secrets."""

BY_HAND, NOT_LIVE = "changed_by_hand", "not_live"
"""Fields that an item has when its part of the files is not what was pushed, or when Envoy does not hold what stands in them."""

NOTHING = digest([])
FILES = "file:"
"""Begins the names of parts that are whole files."""
TOKENS_MADE, PLANS_MADE, SUBSCRIPTIONS_MADE = "tokens", "plans", "subscriptions"

_STANDS_IN: Mapping[str, frozenset[str]] = {
    "api": frozenset({RDS, CDS}), "plan": frozenset({ecds(LIMITS)}), "consumer": frozenset({ecds(KEYS), ecds(PASSWORDS)}),
    "subscription": frozenset({ecds(LUA)}),
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What was pushed last."""

    revision: str = ""
    items: Items = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    """As `made` gave it then."""

    @classmethod
    def read(cls, folder: Path) -> Held:
        try:
            return cls(**orjson.loads((folder / FILE).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        data = {"revision": self.revision, "items": self.items, "made": self.made}
        files.write_text(folder / FILE, orjson.dumps(data).decode(), 0o600)

    def live(self, now: Mapping[str, str], stale: Set[str]) -> Items:
        """The items as they are live: `now` is what stands in the files, `stale` which of them Envoy does not hold."""
        if not stale and now == self.made and all(name in now for name in self.items if name.startswith("api/")):
            return self.items
        found: dict[str, Mapping[str, Any]] = {}
        touched = set()
        for name, content in self.items.items():
            kind = name.partition("/")[0]
            if kind == "api" and name not in now:
                touched.add(kind)
                continue
            marks: Json = {}
            if changed := [each for each in _parts(name, content) if now.get(each, NOTHING) != self.made.get(each, NOTHING)]:
                marks[BY_HAND] = now.get(changed[0], NOTHING)
                touched.add(kind)
            files_of = _STANDS_IN[kind] | ({ecds(TOKENS)} if _by_token(content) else frozenset())
            if missed := sorted(files_of & stale):
                marks[NOT_LIVE] = missed
            found[name] = {**content, **marks} if marks else content
        for file, part in now.items():
            # What was put beside the parts of items: a route that belongs to no API, say.
            kinds = {kind for kind, stands in _STANDS_IN.items() if file.removeprefix(FILES) in stands}
            if file.startswith(FILES) and part != self.made.get(file, NOTHING) and self.made and not kinds & touched:
                found[f"file/{file.removeprefix(FILES)}"] = {BY_HAND: part}
        for name, part in now.items():
            if "/" in name and name not in self.items and part != NOTHING:
                found[name] = {BY_HAND: part}
        return found


def made(seen: Seen) -> dict[str, str]:
    """Part → digest of what the files hold of it: `api/…` and `consumer/…` each, of tokens, plans and subscriptions all."""
    parts: dict[str, list[Any]] = {}
    digests: dict[str, str] = {}
    for file in (RDS, CDS, *(ecds(name) for name in CHANGING)):
        content = seen.content(file)
        for name, part in content.parts:
            parts.setdefault(name, []).append([file, part])
        digests[f"{FILES}{file}"] = content.lasting
    digests |= {name: digest(content) for name, content in parts.items()}
    for part, name in ((TOKENS_MADE, TOKENS), (PLANS_MADE, LIMITS), (SUBSCRIPTIONS_MADE, LUA)):
        digests[part] = digests[f"{FILES}{ecds(name)}"]
    return digests


def _parts(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    """The parts that an item was made into."""
    kind = name.partition("/")[0]
    yield {"plan": PLANS_MADE, "subscription": SUBSCRIPTIONS_MADE}.get(kind, name)
    if _by_token(content):
        yield TOKENS_MADE


def _by_token(content: Mapping[str, Any]) -> bool:
    return any(isinstance(way, Mapping) and way.get("kind") == "jwt" for way in content.get("security", ()))
