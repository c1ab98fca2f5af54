"""The settings of an embedded gateway, and the names that its parts have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tisserand.sdk.config import Config, Unit
from tisserand.sdk.fields import Duration, Size

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
    """The gateway's own certificate. Changed files are taken up within seconds."""

    certificate: str
    """PEM file of the workspace: the certificate and those that vouch for it."""
    key: str
    """PEM file of the workspace with the private key; readable by its owner only."""


class EnvoySettings(Config):
    """How the embedded gateway listens."""

    host: str = "127.0.0.1"
    """The address that is listened on. Another than the loopback interface lets other machines call."""
    port: int = Field(0, ge=0, le=65535)
    """The port; 0 for a free one, which stays the same."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads that serve requests. Rates are counted over all of them."""
    tls: Tls | None = None
    trusted_hops: int = Field(0, ge=0, le=10)
    """Proxies before the gateway whose `X-Forwarded-For` is believed, for rules about addresses."""
    log_size: Size = Size("64MB")
    """The access log is begun anew at this size, once its usage was counted."""
    header_timeout: Annotated[Duration, Unit("s")] = Duration("10s")
    """How long a caller may take to send the head of a request."""
    idle_timeout: Annotated[Duration, Unit("s")] = Duration("60s")
    """How long a connection may stand idle."""
