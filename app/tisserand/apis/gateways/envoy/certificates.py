"""Certificates: the gateway's own, and those that vouch for upstreams."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.envoy.settings import TYPE, EnvoySettings, Tls
from tisserand.sdk.errors import NodeError

SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem")
"""Where systems keep the certificates that they trust, beside where Python looks."""


def authorities(settings: EnvoySettings, place: Place) -> str:
    """The file with the certificates that vouch for upstreams. Raises `NodeError` where there is none."""
    if settings.authorities:
        path = (place.root / settings.authorities).resolve()
        if not path.is_file():
            raise NodeError("The file “{path}” with certificates is not there.", path=settings.authorities, field="authorities")
        return str(path)
    known = ssl.get_default_verify_paths()
    for candidate in (known.cafile, known.openssl_cafile, *SYSTEM):
        if candidate and Path(candidate).is_file():
            return candidate
    raise NodeError(
        "This system tells no certificates that vouch for upstreams.", fix="Name a file in “authorities”.", field="authorities"
    )


def certificate(tls: Tls, place: Place) -> dict[str, Any]:
    """The gateway's own certificate with its key, as a secret of Envoy's (SDS). Raises `NodeError` where they do not fit."""
    chain = _read(place, tls.certificate)
    key = place.secret(tls.key_secret.name) if tls.key_secret else _read(place, tls.key)
    _check(tls, chain, key)
    return {
        "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "certificate",
        "tls_certificate": {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}},
    }


def _read(place: Place, file: str) -> str:
    try:
        return Path((place.root / file).resolve()).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NodeError("“{path}” cannot be read: {reason}", path=file, reason=reason, field="tls") from None


def _check(tls: Tls, chain: str, key: str) -> None:
    """Envoy would go on with the old certificate and say so in its log only."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        public = x509.load_pem_x509_certificates(chain.encode())[0].public_key()
        private = load_pem_private_key(key.encode(), None)
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        fit = public.public_bytes(*form) == private.public_key().public_bytes(*form)
    except (ValueError, TypeError):
        raise NodeError("“{path}” or its key is no certificate in PEM.", path=tls.certificate, field="tls") from None
    if not fit:
        raise NodeError("The key does not belong to the certificate “{path}”.", path=tls.certificate, field="tls")
