"""Tokens (JWT) in Kong: one credential for each consumer holds one public key, found by the claim that names the consumer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tisserand.apis.model import Api, Jwt
from tisserand.apis.neutral import Declared

ALGORITHMS: Mapping[str, str] = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
"""Kind of a key (RFC 7518) → the algorithm that it is for where it does not say so itself."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The one issuer whose tokens are taken."""

    jwks: str
    algorithm: str
    pem: str


def chosen(declared: Declared) -> Chosen | None:
    """Of all that is declared, the first issuer with exactly one key for signatures; Kong's credentials are the same for all APIs."""
    for api in declared.apis:
        for way in api.security:
            if isinstance(way, Jwt) and (found := _key(declared, way)) is not None:
                return found
    return None


def taken(api: Api, found: Chosen | None) -> Jwt | None:
    """The way by tokens that an API takes there."""
    ways = [way for way in api.security if isinstance(way, Jwt)]
    return next((way for way in ways if found is not None and way.jwks == found.jwks), None)


def _key(declared: Declared, way: Jwt) -> Chosen | None:
    keys = [each for each in (declared.jwks.get(way.jwks) or {}).get("keys", ()) if each.get("use", "sig") == "sig"]
    if len(keys) != 1:
        return None
    pem = _pem(keys[0])
    kind = str(keys[0].get("crv") if keys[0].get("kty") == "EC" else keys[0].get("kty"))
    algorithm = str(keys[0].get("alg") or ALGORITHMS.get(kind, ""))
    return Chosen(way.jwks, algorithm, pem) if pem and algorithm else None


def _pem(jwk: Mapping[str, Any]) -> str:
    """A public key (RFC 7517) as PEM; empty where it is none that Kong takes."""
    import base64
    import binascii

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def number(name: str) -> int:
        text = str(jwk[name])
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    curves: Mapping[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    try:
        if jwk.get("kty") == "RSA":
            key: Any = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        elif jwk.get("kty") == "EC" and jwk.get("crv") in curves:
            key = ec.EllipticCurvePublicNumbers(number("x"), number("y"), curves[str(jwk["crv"])]).public_key()
        else:
            return ""
    except (KeyError, ValueError, binascii.Error):
        return ""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_bytes(serialization.Encoding.PEM, form)
    return pem.decode()
