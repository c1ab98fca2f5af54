"""Connection types: what a node needs to reach a system, declared like a node's config, with a check."""

from __future__ import annotations

from typing import ClassVar

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

    def check(self) -> Message:
        """Reach the system and say what was found; raise `NodeError` with a sentence when it cannot be reached."""
        raise NotImplementedError
