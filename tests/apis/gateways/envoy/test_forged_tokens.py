"""Tokens that nobody issued, or that say something else than their issuer meant: each beside one that is right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.apis.gateways.envoy.conftest import Site
from tests.apis.gateways.envoy.declaring import api, credential, declared
from tests.apis.gateways.envoy.test_attacks import raw

from tisserand.apis.gateways.envoy import filters
from tisserand.apis.model import Consumer
from tisserand.apis.neutral import Declared

SIGNER, STRANGER = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
WAY = {"kind": "jwt", "issuer": "https://id.example", "audiences": ["orders"], "jwks": "keys.json"}
NOW = int(time.time())
CLAIMS = {"iss": "https://id.example", "aud": "orders", "sub": "acme-app", "exp": NOW + 3600}


def public(key: rsa.RSAPrivateKey, **more: str) -> dict[str, Any]:
    told = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: told[name] for name in ("kty", "n", "e")} | {"kid": "one", **more}


def guarded(site: Site, *ways: dict[str, Any], jwk: dict[str, Any] | None = None) -> Declared:
    people = {
        "acme": Consumer(subject="acme-app", credentials=[credential("k1", "key-of-acme")]),
        "other": Consumer(subject="other-app"),
    }
    keys = {"keys.json": {"keys": [jwk or public(SIGNER, alg="RS256")]}}
    return declared(api(site.one.url, security=[WAY, *ways]), consumers=people, jwks=keys, values={"acme/k1": "key-of-acme"})


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(head: dict[str, Any], sign: Callable[[bytes], bytes], claims: str = "") -> str:
    """As no library would make it."""
    signed = f"{text(json.dumps(head).encode())}.{text((claims or json.dumps(CLAIMS)).encode())}"
    return f"{signed}.{text(sign(signed.encode()))}"


def signed(claims: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return by_hand({"alg": "RS256", "kid": "one"}, lambda said: SIGNER.sign(said, PKCS1v15(), SHA256()), claims)


def token(key: rsa.RSAPrivateKey = SIGNER, head: dict[str, Any] | None = None, **claims: Any) -> str:
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(told, key, "RS256", headers={"kid": "one", **(head or {})})


def forged() -> dict[str, tuple[str, int]]:
    """What is tried → the token, and what it is answered."""
    pem = SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    modulus = public(SIGNER)["n"].encode()
    return {
        "right": (token(), 200), "without kid": (jwt.encode(CLAIMS, SIGNER, "RS256"), 200),
        "none": (by_hand({"alg": "none", "typ": "JWT"}, lambda _said: b""), 401),
        "None": (by_hand({"alg": "NONE", "kid": "one"}, lambda _said: b""), 401),
        "the public key as a secret": (by_hand({"alg": "HS256", "kid": "one"}, lambda said: hmac.new(pem, said, hashlib.sha256).digest()), 401),
        "its modulus as a secret": (by_hand({"alg": "HS256", "kid": "one"}, lambda said: hmac.new(modulus, said, hashlib.sha256).digest()), 401),
        "nothing as a secret": (by_hand({"alg": "HS256", "kid": "one"}, lambda said: hmac.new(b"", said, hashlib.sha256).digest()), 401),
        "a key of another name": (token(head={"kid": "../../etc/passwd"}), 401),
        "a key that comes along": (token(STRANGER, {"jwk": public(STRANGER)}), 401),
        "a key from elsewhere": (token(STRANGER, {"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/"}), 401),
        "no signature": (token().rpartition(".")[0] + ".", 401), "another signature": (token()[:-6] + "AAAAAA", 401),
        "no end": (token(exp=None), 401), "an end of 0": (token(exp=0), 401), "an end before 1970": (signed(json.dumps({**CLAIMS, "exp": -1})), 401),
        "an end past all numbers": (signed(json.dumps({**CLAIMS, "exp": 2**64 + NOW})), 401),
        "an end in words": (signed(json.dumps({**CLAIMS, "exp": "tomorrow"})), 401),
        "not yet": (token(nbf=NOW + 3600), 401), "over": (token(exp=NOW - 300), 401),
        "no audience": (token(aud=None), 403), "no issuer": (token(iss=None), 401), "another issuer": (token(iss="https://id.example.evil"), 401),
        "nobody": (token(sub=None), 403), "an empty name": (token(sub=""), 403), "a list": (signed(json.dumps({**CLAIMS, "sub": ["acme-app"]})), 401),
        "two names": (signed(json.dumps({**CLAIMS, "sub": "other-app"})[:-1] + ', "sub": "acme-app"}'), 401),
        "a name and a header": (token(sub="acme-app\r\nx-consumer-id: acme"), 403), "a name and an end": (token(sub="acme-app\0"), 403),
        "names in a row": (token(sub="other-app,acme-app"), 403), "an id for a subject": (token(sub="acme"), 403),
    }  # fmt: skip


@pytest.mark.parametrize("named", [True, False], ids=["key for RS256", "key for anything"])
def test_only_what_the_issuer_signed_opens(site: Site, named: bool) -> None:
    site.push(guarded(site, jwk=public(SIGNER, **({"alg": "RS256"} if named else {}))))
    before = site.one.asked
    told = forged()
    found = {
        why: site.call("/orders/v1/x", key=None, headers={"authorization": f"Bearer {each}"}).status_code
        for why, (each, _status) in told.items()
    }
    assert found == {why: status for why, (_token, status) in told.items()}
    assert site.one.asked - before == list(found.values()).count(200)


def test_tokens_stand_in_their_header_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a query they would stand in logs; of two it is not said which one counts."""
    told = guarded(site)
    site.push(told)
    assert site.call(f"/orders/v1/x?access_token={token()}", key=None).status_code == 401
    for first, second in (("x.y.z", token()), (token(), "x.y.z")):
        lines = f"host: x\nauthorization: Bearer {first}\nauthorization: Bearer {second}\nconnection: close\n"
        assert raw(site, f"GET /orders/v1/x HTTP/1.1\n{lines}\n")[0] == 401
    # Without the guard the one in the query opens.
    real = filters.tokens

    def anywhere(what: Declared) -> dict[str, Any]:
        made = real(what)
        for provider in made["providers"].values():
            del provider["from_headers"]
        return made

    monkeypatch.setattr(filters, "tokens", anywhere)
    site.gateway.apply(guarded(site), [])
    assert site.call(f"/orders/v1/x?access_token={token()}", key=None).status_code == 200


def test_a_key_beside_a_token_does_not_reach_the_service(site: Site) -> None:
    """Whoever sends both is let in by the token: the key is nobody's business then either."""
    site.push(guarded(site, {"kind": "api_key"}, {"kind": "basic"}))
    answer = site.call("/orders/v1/x", headers={"authorization": f"Bearer {token()}"})
    assert answer.status_code == 200 and "key-of-acme" not in answer.text and token() not in answer.text
    assert site.call("/orders/v1/x", headers={"authorization": "Bearer nonsense"}).status_code == 401, "the key does not save it"
