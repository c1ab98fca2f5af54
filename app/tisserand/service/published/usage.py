"""What the published flows tell of their use, all together: rows as a gateway tells them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tisserand.apis.usage import UsageRow
from tisserand.service.published.folder import published_folder, serving_of
from tisserand.service.published.history import FILE, HistoryStore


def usage(root: Path, mark: str) -> tuple[Sequence[UsageRow], str]:
    """The rows of usage since `mark` ("" at first), and the next mark: whoever gives it back has kept the rows. There is one who
    collects. Flows behind a gateway tell nothing here: the gateway counts their calls."""
    marks: dict[str, str] = json.loads(mark) if mark else {}
    rows: list[UsageRow] = []
    for path in sorted(published_folder(root).glob(f"*/{FILE}")):
        key = path.parent.name
        api, _, version = key.partition("@")
        serving = serving_of(path.parent)
        with_gateway = serving is not None and bool(serving.gateway)
        store = HistoryStore(path)
        try:
            found, marks[key] = store.usage(marks.get(key, ""), api, version)
        finally:
            store.close()
        rows += [] if with_gateway else found
    return rows, json.dumps(marks, sort_keys=True)
