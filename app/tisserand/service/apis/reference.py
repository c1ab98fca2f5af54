"""The reference site of a workspace: where it may be written, and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.launch import refusal
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.apis.documents import Documents
    from tisserand.service.local import LocalExecutor

WRITTEN = "site.json"
"""What a reference site is known by."""
_NAMELESS = re.compile("[\0\ud800-\udfff]")
"""What no name of a file holds."""


def site_folder(root: Path, folder: str) -> Path:
    """Where a site may be written: nothing that is not one is ever written over."""
    root = root.resolve()
    place = (root / folder).resolve() if not _NAMELESS.search(folder) else root
    if not place.is_relative_to(root) or place == root or place.relative_to(root).parts[0].startswith("."):
        raise refusal("api.outside", msg("“{path}” is no folder of the workspace.", path=folder[:200]), field="folder")
    if place.exists() and not (place / WRITTEN).is_file() and not (place.is_dir() and not any(place.iterdir())):
        message = msg("“{path}” holds something else than a reference site.", path=folder[:200])
        raise refusal("api.occupied", message, msg("Name a new folder."), field="folder")
    return place


def site(executor: LocalExecutor, documents: Documents, place: Path, language: str) -> Sequence[str]:
    """Write it; gives its pages."""
    from tisserand.apis.site.writing import write_site

    catalogue = executor.catalogue
    known = [(file.api, documents.document(file)[0]) for file in catalogue.apis() if file.api is not None]
    addresses = [each.address for each in executor.gateways.list() if each.address]
    try:
        return write_site(place, known, language, plans=catalogue.plans().by_id, addresses=addresses)
    except OSError as error:
        reason = error.strerror or str(error)
        raise refusal("api.site", msg("The site cannot be written: {reason}", reason=reason), field="folder") from None
