"""Which operation a path means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from tisserand.service.published.compiled import Ready

Found = tuple[Ready, Mapping[str, str]]


class Routes:
    """The operations by method and path. A path that is written out goes before one with places for values."""

    def __init__(self, operations: Sequence[Ready]) -> None:
        self._exact: dict[bytes, dict[bytes, Ready]] = {}
        patterns: dict[tuple[str, ...], dict[bytes, Ready]] = {}
        for ready in operations:
            path, method = ready.operation.request.path, ready.operation.request.method.encode()
            if "{" in path:
                patterns.setdefault(tuple(path.split("/")[1:]), {})[method] = ready
            else:
                self._exact.setdefault(path.encode(), {})[method] = ready
        # The one with fewer places, and those as far behind as can be, is meant.
        self._patterns = sorted(patterns.items(), key=lambda entry: [part.startswith("{") for part in entry[0]])

    def find(self, method: bytes, path: bytes) -> Found | tuple[bytes, ...]:
        """The operation and the values in the path; else the methods that the path takes, none where there is no such path."""
        allowed: list[bytes] = []
        methods = self._exact.get(path)
        if methods is not None:
            ready = methods.get(method) or (methods.get(b"GET") if method == b"HEAD" else None)
            if ready is not None:
                return ready, _NONE
            allowed += methods
        if self._patterns:
            parts = path.split(b"/")[1:]
            for pattern, methods in self._patterns:
                values = _matched(pattern, parts)
                if values is None:
                    continue
                ready = methods.get(method) or (methods.get(b"GET") if method == b"HEAD" else None)
                if ready is not None:
                    return ready, values
                allowed += methods
        return tuple(sorted({*allowed, *([b"HEAD"] if b"GET" in allowed else [])}))


_NONE: Mapping[str, str] = {}


def _matched(pattern: tuple[str, ...], parts: list[bytes]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    values = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            try:
                text = unquote_to_bytes(part).decode()
            except UnicodeDecodeError:
                return None
            if not text:
                return None
            values[wanted[1:-1]] = text
        elif wanted.encode() != part:
            return None
    return values
