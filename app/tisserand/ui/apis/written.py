"""A face on which something is written about one version of an API after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.ui.supervision.ground import Ground


class Written(QWidget):
    """What is written and not kept waits while another version, or another workspace, is looked at."""

    changed = Signal()
    """Something was written, or taken back."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.detail: ApiDetail | None = None
        self.root: Path | None = None
        """The workspace of the version that is shown."""
        self._aside: dict[tuple[Path | None, str], Any] = {}

    def dirty(self) -> bool:
        """Whether something was written that is not kept."""
        raise NotImplementedError

    def written_aside(self) -> Any:
        """What was written, with all that is needed to show it again."""
        raise NotImplementedError

    def waiting(self) -> frozenset[str]:
        """The versions of this workspace about which something is written that is not kept."""
        here = {self.detail.brief.key} if self.detail is not None and self.dirty() else set()
        return frozenset({*(key for root, key in self._aside if root == self.ground.root), *here})

    def unsaved(self) -> frozenset[str]:
        """Those of every workspace that was looked at."""
        return frozenset({*(key for _root, key in self._aside), *self.waiting()})

    def put_aside(self) -> None:
        """Another version is about to be shown."""
        if self.detail is not None and self.dirty():
            self._aside[self.root, self.detail.brief.key] = self.written_aside()

    def taken_up(self, key: str) -> Any:
        """A version of this workspace is shown from now on; gives what was written about it, or None."""
        self.root = self.ground.root
        return self._aside.pop((self.root, key), None)

    def kept(self, root: Path | None, key: str) -> None:
        """What was written about a version is kept now."""
        self._aside.pop((root, key), None)
