"""Texts a person reads: messages as an id with arguments, rendered late in the reader's language through gettext.

The id of a message is its English source text, as gettext has it. Below the user interfaces nothing is ever rendered: a
message travels and is journalled as id and arguments, so that a run made in French can be read in English.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DOMAIN = "tisserand"
LANGUAGES = ("en", "fr")

_catalogue_folders: list[Path] = []
_catalogues: dict[str, gettext.NullTranslations] = {}
_language = "en"


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name
    """Mark a text for the catalogue without translating it now."""
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """A text with arguments, not yet in any language.

    `id` is the English text with `{name}` places (``str.format`` fields); `args` holds plain JSON values for them.
    """

    id: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str | None = None) -> str:
        """Render in `language`, or in the language in use."""
        template = translate(self.id, language)
        try:
            return template.format_map(_Shown(self.args, language))
        except (ValueError, IndexError, KeyError, AttributeError):
            return f"{template} {dict(self.args)}" if self.args else template

    def __str__(self) -> str:
        return self.text()

    def to_json(self) -> dict[str, Any]:
        """The form that journals and wires carry: `{"id": …, "args": {…}}`."""
        return {"id": self.id, "args": {name: _plain(value) for name, value in self.args.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Message:
        return cls(str(data["id"]), dict(data.get("args") or {}))


class _Shown(dict[str, Any]):
    """Arguments as a template sees them: nested messages rendered, a missing one shown by its name."""

    def __init__(self, args: Mapping[str, Any], language: str | None) -> None:
        super().__init__(args)
        self._language = language

    def __getitem__(self, name: str) -> Any:
        return self._shown(super().__getitem__(name))

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Message):
            return value.text(self._language)
        if isinstance(value, Mapping) and value.keys() == {"id", "args"}:
            return Message.from_json(value).text(self._language)
        if isinstance(value, list | tuple):
            return ", ".join(str(self._shown(item)) for item in value)
        return value

    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and value.keys() == {"id", "args"}:
        return Message.from_json(value).to_json()  # a message inside one that was read from JSON
    return str(value)


def msg(id: str, /, **args: Any) -> Message:
    """Shorthand for `Message(id, args)`; the extraction of texts knows this name."""
    return Message(id, args)


def add_catalogues(folder: Path) -> None:
    """Add a folder of gettext catalogues (`<folder>/<language>/LC_MESSAGES/tisserand.mo`)."""
    if folder not in _catalogue_folders:
        _catalogue_folders.append(folder)
        _catalogues.clear()
        in_all_languages.cache_clear()


def asked_language() -> str | None:
    """The language that the environment asks for, if it says anything."""
    names = ("TISSERAND_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    found = next((os.environ[name] for name in names if os.environ.get(name)), None)
    # LANGUAGE holds a list, the one liked best first: the first that we speak.
    spoken = [name for name in (found or "").split(":") if name[:2].lower() in LANGUAGES]
    return spoken[0] if spoken else found


def set_language(language: str | None) -> str:
    """Choose the language in use (`fr`, `fr_CA.UTF-8`); None asks the environment. Gives the one chosen, of `LANGUAGES`."""
    global _language
    short = (language or asked_language() or "en")[:2].lower()
    _language = short if short in LANGUAGES else "en"
    return _language


def language() -> str:
    """The language in use."""
    return _language


def translate(text: str, language: str | None = None) -> str:
    """The text in `language` (the one in use if None), or itself where no catalogue has it."""
    if not text:
        return text
    return _catalogue(language or _language).gettext(text)


@cache
def in_all_languages(text: str) -> str:
    """The text in every language there is, one after the other: what a person may type who knows it from elsewhere."""
    return " ".join(dict.fromkeys((text, *(translate(text, each) for each in LANGUAGES))))


def ngettext(one: str, many: str, count: int) -> str:
    """The singular or plural text for `count`, in the language in use, with `{count}` left to the caller."""
    return _catalogue(_language).ngettext(one, many, count)


def number(value: float, digits: int = 0) -> str:
    """A number as the language in use writes it: `1,234.5`, `1 234,5`."""
    text = f"{value:,.{digits}f}"
    return text.translate(_FRENCH_SIGNS) if _language == "fr" else text


_FRENCH_SIGNS = str.maketrans({",": "\u202f", ".": ","})
_ = translate


def _catalogue(language: str) -> gettext.NullTranslations:
    found = _catalogues.get(language)
    if found is None:
        found = gettext.NullTranslations()
        for folder in _catalogue_folders:
            path = folder / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
            if path.exists():
                with path.open("rb") as stream:
                    catalogue = gettext.GNUTranslations(stream)
                if type(found) is gettext.NullTranslations:
                    found = catalogue
                else:
                    found.add_fallback(catalogue)
        _catalogues[language] = found
    return found
