"""The settings of an embedded gateway, and the names that its parts have."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk.config import Config, Unit
from tisserand.sdk.fields import Duration, FilePath, Secret, Size

TYPE = "type.googleapis.com/"

ROUTES = "tisserand"
"""Name of the one route configuration."""

CONSUMER, PLAN = "x-consumer-id", "x-consumer-plan"
SUBJECT = "x-tisserand-subject"
"""The claim of a JWT that names its consumer; never reaches an upstream."""
OURS = (CONSUMER, PLAN, SUBJECT, "x-tisserand-gateway")
"""Headers that only the gateway may set: taken away from whatever callers send."""

METADATA = "tisserand"
"""Namespace of the metadata of routes and clusters."""


class Tls(Config):
    """The gateway’s own certificate. A new one is taken up within seconds, without a restart."""

    certificate: FilePath
    """PEM file: the certificate, and those that vouch for it."""
    key: FilePath = FilePath("")
    """PEM file with its private key, where that is no secret of the workspace."""
    key_secret: Secret = Secret("")
    """The private key as a secret of the workspace."""

    @model_validator(mode="after")
    def _one_key(self) -> Tls:
        if bool(self.key) == bool(self.key_secret):
            raise PydanticCustomError("tls_key", "Name either the file of the private key or its secret.")
        return self


class EnvoySettings(Config):
    """How the embedded gateway listens."""

    host: str = "127.0.0.1"
    """The address that is listened on. Another than the loopback interface lets other machines call."""
    port: int = Field(0, ge=0, le=65535)
    """The port; 0 for a free one, which stays the same."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads that serve requests. Rates are counted over all of them."""
    tls: Tls | None = None
    authorities: FilePath = FilePath("")
    """PEM file with the certificates that vouch for upstreams; empty: those that this system trusts."""
    trusted_hops: int = Field(0, ge=0, le=10)
    """Proxies before the gateway whose `X-Forwarded-For` is believed, for rules about addresses."""
    log_size: Size = Size("64MB")
    """How much of the access log is kept. What was not counted yet is kept four times as long."""
    header_timeout: Annotated[Duration, Unit("s")] = Duration("10s")
    """How long a caller may take to send the head of a request."""
    request_timeout: Annotated[Duration, Unit("s")] = Duration("60s")
    """How long a caller may take to send a whole request."""
    idle_timeout: Annotated[Duration, Unit("s")] = Duration("60s")
    """How long a connection may stand idle."""

    @field_validator("host")
    @classmethod
    def _an_address(cls, host: str) -> str:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise PydanticCustomError("address", "Write an address of this machine, for example 127.0.0.1 or 0.0.0.0.") from None
        return host
