"""The settings `executor: telemetry:` of `tisserand.yaml`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk.config import Config
from tisserand.sdk.fields import Duration, Secret, Size

_REFERENCE = re.compile(r"secret:\s*[A-Za-z0-9_][A-Za-z0-9_.-]*")
_KEEPS_SECRETS = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)


def _is_url(value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        raise PydanticCustomError("url", "A URL that begins with http:// or https:// is expected.")
    if value is not None and re.match(r"https?://[^/]*@", value):
        raise PydanticCustomError("url", "A URL must not hold a name or password.")
    return value


class Otlp(Config):
    """Where traces go, as OTLP over HTTP."""

    endpoint: str
    """The address of the collector, for example `http://localhost:4318`; `/v1/traces` is put behind it where it has no path."""
    headers: dict[str, str] = {}
    """Headers sent in addition; `secret:NAME` for those that let us in."""
    service: str = "tisserand"
    """The name of the service that the traces are shown under."""
    timeout: Duration = Duration("10s")
    """How long an answer may take."""

    _url = field_validator("endpoint")(_is_url)

    @field_validator("headers")
    @classmethod
    def _holds_no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if _KEEPS_SECRETS.search(name) and not _REFERENCE.fullmatch(text.strip()):
                raise PydanticCustomError("secret_header", "A header with credentials must be a reference: secret:NAME.")
        return value

    @property
    def url(self) -> str:
        whole = self.endpoint.rstrip("/")
        return whole if whole.count("/") > 2 else f"{whole}/v1/traces"


class OpenLineage(Config):
    """Where lineage events go: to a file, to an address, or both."""

    url: str | None = None
    """The address that takes events, for example `http://localhost:5000/api/v1/lineage`."""
    key: Secret | None = None
    """The API key, as a reference to a secret."""
    file: str | None = None
    """A file in the workspace to which each event is added as one line of JSON."""
    namespace: str | None = None
    """The namespace of the jobs; `tisserand://` and the id of the workspace where nothing is said."""
    timeout: Duration = Duration("10s")
    """How long an answer may take."""

    _url = field_validator("url")(_is_url)

    @field_validator("key", mode="before")
    @classmethod
    def _is_reference(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and _REFERENCE.fullmatch(value.strip())):
            raise PydanticCustomError("secret", "A secret is written out here. Only a reference may stand in the file.")
        return value


class Metrics(Config):
    """What `/metrics` shows."""

    flows: int = 200
    """How many flows are told apart; those that ran least are told together."""


class Log(Config):
    """What the executor writes while it serves."""

    format: Literal["none", "text", "json"] | None = None
    """Lines for people, one JSON object a line, or nothing. Where nothing is said: lines for people in `serve.log`, and nothing on a
    standard error that is anything else."""
    size: Size = Size("10MB")
    """How large `serve.log` may become before it is put aside."""
    files: int = 5
    """How many of those put aside are kept."""


class Telemetry(Config):
    """All of it."""

    otlp: Otlp | None = None
    openlineage: OpenLineage | None = None
    metrics: Metrics = Metrics()
    log: Log = Log()
