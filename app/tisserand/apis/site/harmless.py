"""Documents of strangers, so that nothing in them does anything on a page: their texts keep plain formatting and lose all else.

It is one of three walls: the renderer cleans what it makes of Markdown (but takes addresses as they are), and the policy of the page
(Content Security Policy) runs no script but our own and asks nobody for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_PLAIN = "a|abbr|b|blockquote|br|code|dd|del|details|dl|dt|em|h[1-6]|hr|i|kbd|li|ol|p|pre|s|small|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul"  # fmt: skip
_TAG = re.compile(rf"<(?!/?(?:{_PLAIN})\s*/?>)", re.IGNORECASE)
"""What begins any tag but those that only format, without attributes."""
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_SCRIPT = re.compile(r"(\]\(\s*<?\s*|\]:\s*<?\s*)(?:javascript|vbscript|data)\s*:[^\s)>]*", re.IGNORECASE)
"""A link of Markdown to a script."""
_LINKS = frozenset({"url", "termsOfService", "openIdConnectUrl", "authorizationUrl", "tokenUrl", "refreshUrl"})
_VALUES = frozenset({"example", "examples", "default", "enum", "const", "value"})
"""Values: shown letter by letter."""
_NAMED = frozenset({"properties", "patternProperties", "schemas", "$defs"})
"""What holds schemas under names that people chose."""
_LEFT = frozenset({"x-logo", "x-code-samples", "x-codeSamples"})
"""What would bring pictures and texts that nobody looks at."""


def harmless(document: Mapping[str, Any], servers: Sequence[str]) -> Json:
    """The document for a page. What its `servers` say is where the gateway's callers do not go: `servers` stands there instead."""
    made: Json = _cleaned(document, "")
    made["servers"] = [{"url": url} for url in servers]
    for item in made.get("paths", {}).values() if isinstance(made.get("paths"), dict) else ():
        for holder in [item, *item.values()] if isinstance(item, dict) else ():
            if isinstance(holder, dict):
                holder.pop("servers", None)
    return made


def _cleaned(value: Any, key: str, names: bool = False) -> Any:
    """`names`: the keys below are names, not keywords."""
    if isinstance(value, Mapping):
        return {
            str(name): each if not names and name in _VALUES else _cleaned(each, str(name), not names and name in _NAMED)
            for name, each in value.items()
            if names or name not in _LEFT
        }
    if isinstance(value, list | tuple):
        return [_cleaned(each, key) for each in value]
    if isinstance(value, str):
        if key in _LINKS and not value.startswith(("https://", "http://", "/")):
            return "#"
        return formatted(value) if key == "description" else value
    return value


def formatted(value: str) -> str:
    """Markdown whose tags can only format, and whose links are none to scripts; code stays as it is, since it is shown and not meant."""
    parts = _CODE.split(value)
    return "".join(part if index % 2 else _SCRIPT.sub(r"\1#", _TAG.sub("&lt;", part)) for index, part in enumerate(parts))
