"""What Envoy reads while it runs: each file replaced as a whole, with the revision that Envoy tells when it has taken it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.envoy import admin
from tisserand.apis.gateways.envoy.discovery import discovery, extension, read, revision_of, write
from tisserand.apis.gateways.envoy.filters import CHANGING
from tisserand.apis.gateways.envoy.places import ADMIN, CDS, RDS, ecds, short
from tisserand.apis.gateways.envoy.seen import Seen
from tisserand.apis.gateways.envoy.settings import ROUTES
from tisserand.sdk.errors import NodeError

Json = dict[str, Any]

WAIT = 30.0
"""Seconds within which Envoy must have taken what was written."""

FIGURES = {
    CDS: "cluster_manager.cds",
    RDS: f"http.gateway.rds.{ROUTES}",
    **{ecds(name): f"extension_config_discovery.http_filter.{name}" for name in CHANGING},
}
"""File → beginning of the names of Envoy's figures about it."""


class Folder:
    """The folder of one embedded gateway."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        self.seen = Seen(path)

    @property
    def socket(self) -> Path:
        """Unix sockets have short names: one in a deep folder is made elsewhere, and found through a link."""
        return short(self.path / ADMIN)

    def runs(self) -> bool:
        return bool(admin.alive(self.socket))

    def stale(self) -> set[str]:
        """The files that Envoy does not hold as they are: it refused them, or took up others. None where it does not run."""
        if admin.alive(self.socket) != "LIVE":
            return set()
        told = admin.stats(self.socket, "\\.version_text$")
        found = set()
        for file, figures in FIGURES.items():
            # Envoy keeps no figure as long as it has taken nothing.
            live = str(told.get(f"{figures}.version_text", ""))
            if live and live != revision_of(self.path / file):
                found.add(file)
        return found

    def put(self, clusters: Sequence[Json], filters: Mapping[str, Json], routes: Json, revision: str) -> None:
        """Make all of it live: first what is new among the clusters, then filters and routes, at last the clusters and the demands on
        tokens that are no longer used go. Raises `NodeError` as soon as Envoy refuses something; who calls puts the last good files
        back."""
        stale = self.stale()
        leaving: list[Json] = []
        if CDS in stale or not self.seen.holds(CDS, clusters):
            kept = {each["name"] for each in clusters}
            leaving = [each for each in read(self.path / CDS)[0] if isinstance(each, dict) and each.get("name") not in kept]
            both = [*leaving, *clusters]
            if CDS in stale or not self.seen.holds(CDS, both):
                self._swap(CDS, discovery(both, f"{revision}+"), f"{revision}+")
        routed = RDS not in stale and self.seen.holds(RDS, [routes])
        late: dict[str, Json] = {}
        for name, content in filters.items():
            if ecds(name) in stale or not self.seen.holds(ecds(name), [extension(name, content)]):
                first = content if routed or ecds(name) in stale else _both(read(self.path / ecds(name))[0], content)
                if first != content:
                    late[name] = content
                self.put_filter(name, first, f"{revision}+" if name in late else revision)
        if not routed:
            self._swap(RDS, discovery([routes], revision), revision)
        for name, content in late.items():
            self.put_filter(name, content, revision)
        if leaving:
            self._swap(CDS, discovery(clusters, revision), revision)

    def put_filter(self, name: str, content: Json, revision: str) -> None:
        """One filter's content alone."""
        self._swap(ecds(name), discovery([extension(name, content)], revision), revision)

    def _swap(self, file: str, text: str, revision: str) -> None:
        running = self.runs()
        before = self._figures(file) if running else {}
        write(self.path / file, text)
        if not running:
            return
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            now = self._figures(file)
            if now["refused"] > before["refused"]:
                raise NodeError("The embedded gateway refuses what was written to “{file}”.", file=file, fix="Its log says why.")
            if now["version"] == revision and now["taken"] > before["taken"]:
                return
            time.sleep(0.005)
        raise NodeError("The embedded gateway did not take up “{file}” within {seconds} s.", file=file, seconds=WAIT, retry=True)

    def _figures(self, file: str) -> dict[str, Any]:
        names = f"^{re.escape(FIGURES[file])}\\.(version_text|update_rejected|update_success|config_fail)$"
        by = {name.rpartition(".")[2]: value for name, value in admin.stats(self.socket, names).items()}
        return {
            "version": str(by.get("version_text", "")),
            "refused": int(by.get("update_rejected", 0)) + int(by.get("config_fail", 0)),
            "taken": int(by.get("update_success", 0)),
        }


def _both(known: Sequence[Json], content: Json) -> Json:
    """What a filter is to hold as long as the old routes are live: what these ask of tokens too."""
    old = known[0].get("typed_config") if len(known) == 1 and isinstance(known[0], dict) else None
    names = [name for name in ("providers", "requirement_map") if name in content]
    if not names or not isinstance(old, dict) or not all(isinstance(old.get(name), dict) for name in names):
        return content
    return {**content, **{name: {**old[name], **content[name]} for name in names}}
