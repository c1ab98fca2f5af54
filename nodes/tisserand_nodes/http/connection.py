"""The connection to an HTTP service: where it is, and how to be let in."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import Connection, ConnectionType, Message, NodeError, Secret, When, msg

_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "apikey"}


class Http(ConnectionType):
    """An HTTP service: its base URL and its credentials, which are sent to that host only."""

    type: ClassVar[str] = "http"
    title: ClassVar[str] = "HTTP service"
    icon: ClassVar[str] = "globe"

    base_url: str
    """The URL that the paths of requests are put behind, for example `https://api.example.org/v2`."""
    auth: Literal["none", "basic", "bearer", "header"] = "none"
    """How to be let in: not at all, by name and password, by a token, or by a key in a header of its own."""
    user: Annotated[str, When(auth="basic")] = ""
    """Name to log in with."""
    secret: Annotated[Secret | None, When(auth=("basic", "bearer", "header"), required=True)] = None
    """The password, token or key, as a reference to a secret."""
    header: Annotated[str, When(auth="header")] = "X-API-Key"
    """The header that carries the key."""
    headers: dict[str, str] = {}
    """Headers sent with every request. Secrets do not belong here: use `secret`."""
    check_path: str = ""
    """The path that *test connection* asks for."""

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if "{{" not in value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise PydanticCustomError("url", "A URL that begins with http:// or https:// is expected.")
        return value

    @field_validator("headers")
    @classmethod
    def _holds_no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name.lower() in _SECRET_HEADERS:
                raise PydanticCustomError(
                    "secret_header", "A header with credentials must not stand here: use “auth” and “secret”."
                )
        return value

    def check(self) -> Message:
        from tisserand_nodes.http.client import Client, Patience

        with Client(self, Patience(timeout=10, attempts=1)) as client:
            answer = client.send("GET", client.url(self.check_path))
        host = urlsplit(self.base_url).netloc
        if answer.status in (401, 403):
            raise NodeError("{host} does not let us in (status {status}).", host=host, status=answer.status)
        return msg("{host} answers with status {status} in {size} bytes", host=host, status=answer.status, size=len(answer.body))

    def credentials(self) -> dict[str, str]:
        """The headers that let us in."""
        if self.auth == "none" or self.secret is None:
            return {}
        value = self.secret.reveal()
        if self.auth == "basic":
            import base64

            return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{value}".encode()).decode()}
        return {"Authorization": f"Bearer {value}"} if self.auth == "bearer" else {self.header: value}


class HttpConnection(Connection):
    types = ("http",)
