"""Objects of Traefik's dynamic configuration while they are put together, and which items own which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

NOBODY = "255.255.255.255/32"
"""The address that nothing comes from: who must have it is always refused, with the status that we choose."""

Objects = dict[str, dict[str, Any]]
"""`routers/name` → content."""


@dataclass
class Dynamic:
    """The objects, and which items own which of them."""

    gateway: str
    entry_points: Sequence[str]
    tls: bool
    objects: Objects = field(default_factory=dict)
    owners: dict[str, list[str]] = field(default_factory=dict)

    def put(self, kind: str, name: str, content: dict[str, Any], *items: str) -> str:
        """Add an object; gives its name."""
        known = f"{kind}/{name}"
        self.objects[known] = content
        for item in items:
            owned = self.owners.setdefault(item, [])
            if known not in owned:
                owned.append(known)
        return name

    def share(self, items: Sequence[str]) -> None:
        """Objects that stand for no item alone are those of the first."""
        owned = {name for some in self.owners.values() for name in some}
        if items and (left := [name for name in self.objects if name not in owned]):
            self.owners.setdefault(min(items), []).extend(left)

    def root(self, name: str, rule: str, priority: int, middlewares: Sequence[str], service: str, *items: str) -> None:
        """A router that sees every request; without a service those below it have the word."""
        content: dict[str, Any] = {"entryPoints": [*self.entry_points], "rule": rule, "priority": priority}
        if service:
            content["service"] = service
        if middlewares:
            content["middlewares"] = [*middlewares]
        if self.tls:
            content["tls"] = {}
        self.put("routers", name, content, *items)

    def child(
        self, name: str, rule: str, parent: str, priority: int, middlewares: Sequence[str], service: str, *items: str
    ) -> None:
        """A router that sees only what its parent lets through (multi-layer routing, since Traefik 3.6)."""
        content: dict[str, Any] = {"rule": rule, "parentRefs": [parent]}
        if priority:
            content["priority"] = priority
        if service:
            content["service"] = service
        if middlewares:
            content["middlewares"] = [*middlewares]
        self.put("routers", name, content, *items)

    def nothing(self) -> str:
        """The service behind refusals: nobody gets there, and who did would get 503. (Traefik’s own `noop` is not in its access log.)"""
        return self.put("services", f"{self.gateway}~answer", {"loadBalancer": {"servers": []}})

    def refusal(self, status: int) -> str:
        """The middleware that answers everybody with this status."""
        content = {"ipAllowList": {"sourceRange": [NOBODY], "rejectStatusCode": status}}
        return self.put("middlewares", f"{self.gateway}~answer~{status}", content)
