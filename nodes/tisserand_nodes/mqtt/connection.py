"""The connection to an MQTT broker, and a client made for it."""

from __future__ import annotations

import secrets
import ssl
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tisserand.sdk import Connection, ConnectionType, Message, NodeError, Secret, Unit, When, msg

if TYPE_CHECKING:
    from tisserand_nodes.mqtt._client import Client

_HERE = ("localhost", "127.0.0.1", "::1")


class Mqtt(ConnectionType):
    """An MQTT broker, to which devices publish and from which messages arrive."""

    type: ClassVar[str] = "mqtt"
    title: ClassVar[str] = "MQTT broker"
    icon: ClassVar[str] = "radio"

    host: str
    """Name or address of the broker."""
    port: int = 8883
    """Port of the broker: usually 8883 with TLS, 1883 without."""
    tls: Literal["tls", "none"] = "tls"
    """How the connection is encrypted. With `none`, everything is sent in the clear."""
    ca_file: Annotated[str | None, When(tls="tls")] = None
    """A file with the certificates that are trusted, where the broker’s own is not signed by a public authority."""
    cert_file: Annotated[str | None, When(tls="tls")] = None
    """A file with the certificate that we show, where the broker asks for one."""
    key_file: Annotated[str | None, When(tls="tls")] = None
    """The file with the key of that certificate, where it is not in the same file."""
    user: str | None = None
    """Name to log in with; empty where the broker lets everybody in."""
    password: Secret | None = None
    """The password, as a reference to a secret."""
    clear_password: Annotated[bool, When(tls="none")] = False
    """Send the password in the clear, on a network where nobody listens. To this machine itself it is always sent."""
    client_id: str = "tisserand"
    """What the names begin with under which the broker knows us. What follows differs for each node that listens."""
    protocol: Literal["5", "3.1.1"] = "5"
    """The version of the protocol."""
    keepalive: Annotated[int, Unit("s")] = 30
    """After so long without a word, each side asks whether the other is still there."""
    timeout: Annotated[int, Unit("s")] = 10
    """How long an answer of the broker may take."""

    def check(self) -> Message:
        client = self.client(f"{self.client_id}-check-{secrets.token_hex(4)}", fresh=True)
        try:
            client.open()
        finally:
            client.close()
        return msg("MQTT broker at {where}, protocol {protocol}, encryption {lock}, logged in: {user}",
                   where=self.place(), protocol=self.protocol, lock="TLS" if self.tls == "tls" else "–", user=self.user or "–")  # fmt: skip

    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.host}:{self.port}"

    def client(self, name: str, **options: Any) -> Client:
        """A client that is not connected yet; raises `NodeError` where the settings forbid it."""
        if self.tls == "none" and self.password and not self.clear_password and self.host not in _HERE:
            raise NodeError(
                "A password is not sent to {where} in the clear.", where=self.place(), field="tls",
                fix="Choose TLS, or say that the network is safe under “clear_password”.",
            )  # fmt: skip
        from tisserand_nodes.mqtt._client import Client

        return Client(self, name, self.context(), **options)

    def context(self) -> ssl.SSLContext | None:
        """What is trusted and shown in TLS; None without."""
        if self.tls == "none":
            return None
        file = self.ca_file
        try:
            context = ssl.create_default_context(cafile=str(self.near(file)) if file else None)
            if self.cert_file:
                file = self.cert_file
                context.load_cert_chain(self.near(self.cert_file), self.near(self.key_file) if self.key_file else None)
        except OSError as error:
            raise NodeError("The certificates in “{file}” cannot be read: {reason}", file=file, reason=str(error)) from None
        return context


class MqttConnection(Connection):
    types = ("mqtt",)
