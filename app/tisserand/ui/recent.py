"""The flows that were opened last, remembered between starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

MOST = 8


class Recent:
    """Paths, the latest first. Without settings they last as long as the window."""

    def __init__(self, settings: QSettings | None) -> None:
        self._settings = settings
        kept: Any = settings.value("recent", []) if settings is not None else []
        # A list of one comes back as a text from some platforms' settings.
        self._paths = [kept] if isinstance(kept, str) else [str(path) for path in kept or []]

    def add(self, path: Path) -> None:
        text = str(path.resolve())
        self._paths = [text, *(other for other in self._paths if other != text)][:MOST]
        if self._settings is not None:
            self._settings.setValue("recent", self._paths)

    def paths(self) -> list[Path]:
        """Those that still exist."""
        return [path for path in map(Path, self._paths) if path.is_file()]
