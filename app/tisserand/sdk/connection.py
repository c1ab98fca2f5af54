"""Connection types: what a node needs to reach a system, declared like a node's config, with a check."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import PrivateAttr

from tisserand.sdk.config import Config
from tisserand.texts import Message


class ConnectionType(Config):
    """Subclass with the fields of one kind of system (a database, a mail server). Secret fields are of type `Secret`; in the
    instance that a node gets from `Context.connection` they hold the value, as `pydantic`-opaque text that never prints.
    """

    type: ClassVar[str] = ""
    """The id used in files, for example `database`."""
    title: ClassVar[str] = ""
    icon: ClassVar[str] = "plug"

    _root: Path = PrivateAttr(default_factory=Path)

    def near(self, file: str) -> Path:
        """A file that a field names: relative to the workspace, wherever the program was called from."""
        return self._root / file

    def check(self) -> Message:
        """Reach the system and say what was found; raise `NodeError` with a sentence when it cannot be reached."""
        raise NotImplementedError
