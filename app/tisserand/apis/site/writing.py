"""Writes the reference site into a folder: static, without a server and without the network, in both languages."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tisserand.apis.catalogue.search import version_order
from tisserand.apis.model import Api, Plan
from tisserand.apis.site.harmless import harmless
from tisserand.apis.site.pages import Frame, listing, page_of, reference
from tisserand.files import replacing, shipped, write_text
from tisserand.texts import LANGUAGES

ASSETS = (
    "site.css", "theme.js", "list.js", "reference.js", "redoc.standalone.js", "LICENSE-Redoc.txt", "LICENSE-Redoc-parts.txt",
)  # fmt: skip
WRITTEN = "site.json"
"""The names of what was written, so that the next time what is gone from the catalogue goes from the site, and nothing else does."""
_OURS = re.compile(r"(?:(?:en|fr|documents)/)?[A-Za-z0-9._-]+(?:@[A-Za-z0-9._-]+)?\.(?:html|js)")

Known = Sequence[tuple[Api, Mapping[str, Any] | None]]


def write_site(
    folder: Path,
    apis: Known,
    language: str = "en",
    *,
    plans: Mapping[str, Plan] | None = None,
    addresses: Sequence[str] = (),
    title: str = "",
) -> list[str]:
    """Write the pages of all versions but drafts, and give their names relative to `folder`.

    The pages in `language` stand in the folder itself, those in the other one in a folder beside; each leads to the other. `addresses` are
    those of the gateways, before the paths of the APIs. Each file is replaced at once; pages of an earlier site that are no longer
    written are removed.
    """
    known = [(api, document) for api, document in apis if api.lifecycle != "draft"]
    known.sort(key=lambda each: version_order(each[0].version), reverse=True)
    known.sort(key=lambda each: ((each[0].name or each[0].id).casefold(), each[0].id))
    first = language if language in LANGUAGES else "en"
    _assets(folder)
    written = []
    for api, document in known:
        if document is not None:
            name = f"documents/{api.key}.js"
            servers = [f"{address.rstrip('/')}{api.path}" for address in addresses] or [api.path]
            text = json.dumps(harmless(document, servers), ensure_ascii=False, separators=(",", ":"), default=str)
            _write(folder / name, f"window.apiDocument = {json.dumps(text)};\n")
            written.append(name)
    pages = []
    for each in LANGUAGES:
        place, frame = _frame(each, first, title, plans)
        _write(folder / place / "index.html", listing(frame, known))
        pages.append(f"{place}index.html")
        for api, document in known:
            _write(folder / place / page_of(api), reference(frame, api, document))
            pages.append(f"{place}{page_of(api)}")
    _clear(folder, {*written, *pages})
    write_text(folder / WRITTEN, json.dumps(sorted({*written, *pages}), indent=1) + "\n")
    return pages


def _frame(language: str, first: str, title: str, plans: Mapping[str, Plan] | None) -> tuple[str, Frame]:
    """Where the pages of a language stand, and what they share."""
    if language == first:
        other = next(each for each in LANGUAGES if each != first)
        return "", Frame(language, "", f"{other}/", title, plans)
    return f"{language}/", Frame(language, "../", "../", title, plans)


def _assets(folder: Path) -> None:
    source = shipped("resources") / "site"
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        with replacing(folder / "assets" / name) as temporary:
            shutil.copyfile(source / name, temporary)
    write_text(folder / "assets" / "colours.css", colours())


def colours() -> str:
    """The colours of the designer, light and dark, as variables of a style sheet."""
    tokens = json.loads((shipped("resources") / "themes" / "tokens.json").read_text(encoding="utf-8"))
    parts = []
    for selector, name in ((":root", "light"), (':root[data-theme="dark"]', "dark")):
        values = "".join(f"--{key}: {value}; " for key, value in tokens[name].items())
        parts.append(f"{selector} {{ {values}}}\n")
    return "".join(parts)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _clear(folder: Path, kept: set[str]) -> None:
    """Remove what an earlier site had and this one has not."""
    try:
        before = json.loads((folder / WRITTEN).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    for name in before if isinstance(before, list) else ():
        if isinstance(name, str) and name not in kept and _OURS.fullmatch(name):
            (folder / name).unlink(missing_ok=True)
