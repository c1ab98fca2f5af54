"""Published flows as gateways see them: where they answer, and what those tell of their calls that no gateway stands before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tisserand.apis.usage import UsageRow
from tisserand.engine.launch import process_alive
from tisserand.service.published.folder import ADDRESS, published_folder, read, serving_of
from tisserand.service.published.history import FILE, HistoryStore


def addresses(root: Path) -> Mapping[str, str]:
    """API key → where its flow answers now."""
    found = {}
    for path in published_folder(root).glob(f"*/{ADDRESS}"):
        told = read(path)
        if told is not None and process_alive(int(told["pid"]), float(told["started"])):
            found[path.parent.name] = f"http://{told['host']}:{told['port']}"
    return found


class FlowUsage:
    """Implements `UsageSource` for one published flow. While a gateway stands before it, the gateway counts its calls: then they are
    passed over here."""

    def __init__(self, folder: Path) -> None:
        self.name = f"flow:{folder.name}"
        self._folder = folder
        self._seen: tuple[str, list[tuple[int, int]]] | None = None
        """The mark, and how the files looked when there was nothing new."""

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        looks = self._looks()
        if self._seen == (mark, looks):
            return (), mark
        api, _, version = self._folder.name.partition("@")
        serving = serving_of(self._folder)
        store = HistoryStore(self._folder / FILE)
        try:
            rows, next_mark = store.usage(mark, api, version)
        finally:
            store.close()
        if next_mark == (mark or "0"):
            self._seen = mark, self._looks()
            return (), mark
        return ([] if serving is not None and serving.gateway else rows), next_mark

    def _looks(self) -> list[tuple[int, int]]:
        """Of the store and what was added to it since it was last put together."""
        found = []
        for name in (FILE, f"{FILE}-wal"):
            try:
                state = (self._folder / name).stat()
            except FileNotFoundError:
                continue
            found.append((state.st_mtime_ns, state.st_size))
        return found


class FlowUsages:
    """Those of one workspace."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, FlowUsage] = {}

    def sources(self) -> Sequence[FlowUsage]:
        """One for each flow that was ever published and called."""
        folders = sorted(path.parent for path in published_folder(self._root).glob(f"*/{FILE}"))
        self._known = {folder: self._known.get(folder) or FlowUsage(folder) for folder in folders}
        return [*self._known.values()]
