"""Put flows and resources into the wheel as `tisserand/_shipped`; an editable install reads them from the checkout instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("flows", "resources")
LEFT = {"out", ".tisserand", "__pycache__"}
"""What runs leave behind in a workspace: never shipped."""


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        for folder in SHIPPED:
            for path in sorted((root / folder).rglob("*")):
                inside = path.relative_to(root)
                if path.is_file() and not LEFT.intersection(inside.parts):
                    build_data["force_include"][str(path)] = f"tisserand/_shipped/{inside.as_posix()}"
