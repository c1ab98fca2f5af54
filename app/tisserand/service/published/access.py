"""Who may call a published flow: whoever holds a key, or the gateway that shows its credential."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from tisserand.service.published.calls import CONSUMER_HEADER, CREDENTIAL_HEADER, PLAN_HEADER, Serving

_CREDENTIAL, _CONSUMER, _PLAN = CREDENTIAL_HEADER.encode(), CONSUMER_HEADER.encode(), PLAN_HEADER.encode()


@dataclass(frozen=True, slots=True)
class Caller:
    consumer: str = ""
    """Empty: nobody who is known."""
    plan: str = ""


class Access(Protocol):
    challenge: bytes
    """What `WWW-Authenticate` says."""

    def caller(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller | None:
        """Who calls; None for who may not."""


def access(serving: Serving) -> Access:
    return Gateway(serving) if serving.gateway else Keys(serving)


def digest(value: bytes) -> str:
    """SHA-256, hex. Keys are long random texts: nothing slower is needed against guessing."""
    return hashlib.sha256(value).hexdigest()


def shows(headers: Mapping[bytes, bytes], wanted: str) -> bool:
    """Whether the credential of the workspace's gateways is shown. Takes as long whatever is shown."""
    shown = headers.get(_CREDENTIAL)
    return bool(wanted) and shown is not None and hmac.compare_digest(digest(shown), wanted)


class Gateway:
    """Only a gateway may call: it has settled who its caller is. A direct call is refused, whatever else it holds."""

    challenge = b'Gateway realm="tisserand"'

    def __init__(self, serving: Serving) -> None:
        self._wanted = serving.gateway

    def caller(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller | None:
        if not shows(headers, self._wanted):
            return None
        return Caller(headers.get(_CONSUMER, b"").decode("latin-1"), headers.get(_PLAN, b"").decode("latin-1"))


class Keys:
    """Whoever shows a key that is known and has not expired. What a caller says of itself otherwise does not count."""

    def __init__(self, serving: Serving) -> None:
        self._keys = {
            digest: (Caller(consumer, serving.plans.get(consumer, "")), expires)
            for digest, (consumer, expires) in serving.keys.items()
        }
        self._open, self._own = serving.open, serving.own
        self._name = serving.key_name.lower().encode("latin-1") if serving.key_place == "header" else b""
        self._parameter = serving.key_name
        self.challenge = f'ApiKey in="{serving.key_place}", name="{serving.key_name}"'.encode()

    def caller(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller | None:
        key = headers.get(self._name) if self._name else self._in_query(query)
        if key is not None:
            # The digest is looked up, not the key: how long that takes tells nothing that could be guessed on.
            known = self._keys.get(digest(key))
            if known is not None and (known[1] is None or known[1] > time.time()):
                return known[0]
        if self._open or shows(headers, self._own):
            return Caller()
        return None

    def _in_query(self, query: bytes) -> bytes | None:
        try:
            found = parse_qsl(query.decode("ascii"), max_num_fields=1000)
        except ValueError:
            return None
        return next((value.encode() for name, value in found if name == self._parameter), None)
