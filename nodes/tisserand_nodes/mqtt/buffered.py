"""A socket that reads and writes in large pieces: paho asks for single bytes, and each would be a call of the system."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

PIECE = 1 << 16
GOODBYE = 2.0
"""Seconds that the last words may take."""


class Buffered:
    """What paho needs of a socket. What is sent goes out with `flush`; what was received and not yet asked for is `pending`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._got = b""
        self._at = 0
        self._unsent = bytearray()

    def recv(self, size: int) -> bytes:
        if self._at >= len(self._got):
            self._got, self._at = self._inner.recv(PIECE), 0
        piece = self._got[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def send(self, data: bytes | bytearray) -> int:
        self._unsent += data
        return len(data)

    def flush(self) -> bool:
        """Send what the system takes now; whether that was all. Raises `OSError` where the connection is gone."""
        while self._unsent:
            try:
                sent = self._inner.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            del self._unsent[:sent]
        return True

    def pending(self) -> int:
        there = len(self._got) - self._at
        return there + (self._inner.pending() if hasattr(self._inner, "pending") else 0)

    def setblocking(self, flag: bool) -> None:
        self._inner.setblocking(flag)

    def fileno(self) -> int:
        return int(self._inner.fileno())

    def close(self) -> None:
        """Send what is left, the last acknowledgements among it, as far as the other side takes it, and close."""
        with contextlib.suppress(OSError, ValueError):
            if self._unsent:
                self._inner.settimeout(GOODBYE)
                self._inner.sendall(bytes(self._unsent))
        self._unsent.clear()
        self._inner.close()
