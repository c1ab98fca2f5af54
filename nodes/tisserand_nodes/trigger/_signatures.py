"""How callers prove who they are: a token, or a signature over the body. All comparisons take the same time for any wrong guess."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Literal

from tisserand.sdk import Call, NotAllowed

Signature = Literal["token", "github", "standard-webhooks", "hmac"]

STANDARD_PREFIX = "whsec_"


def key_of(signature: Signature, secret: str) -> bytes:
    """The bytes that a secret stands for; raises `ValueError` for one that cannot be used."""
    if not secret.strip():
        raise ValueError
    if signature == "standard-webhooks" and secret.startswith(STANDARD_PREFIX):
        found = base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
        if not found:
            raise ValueError
        return found
    return secret.encode()


def check_token(authorization: str, key: bytes) -> None:
    """`Authorization: Bearer …`."""
    scheme, _space, given = authorization.partition(" ")
    if not hmac.compare_digest(given.strip().encode("utf-8", "replace"), key) or scheme.lower() != "bearer":
        raise NotAllowed


def check_hex(given: str, call: Call, key: bytes) -> None:
    """HMAC-SHA-256 over the body, in hex digits, with or without `sha256=` before them."""
    expected = hmac.new(key, call.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.strip().lower().removeprefix("sha256=").encode("utf-8", "replace"), expected.encode()):
        raise NotAllowed


def check_standard(call: Call, key: bytes, tolerance: float) -> None:
    """Standard Webhooks: HMAC-SHA-256 over id, time and body; one of several signatures may fit. What was signed longer ago than
    `tolerance` seconds, or later than that from now, was caught and is sent again."""
    identity, moment = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
    if not identity or not (moment.isascii() and moment.isdigit()) or len(moment) > 12:
        raise NotAllowed
    signed = f"{identity}.{moment}.".encode("utf-8", "replace") + call.body
    expected = hmac.new(key, signed, hashlib.sha256).digest()
    fits = False
    for part in call.headers.get("webhook-signature", "").split():
        version, _comma, text = part.partition(",")
        try:
            given = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        fits |= version == "v1" and hmac.compare_digest(given, expected)
    if not fits or abs(call.time - int(moment)) > tolerance:
        raise NotAllowed
