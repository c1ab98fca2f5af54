"""What an API is, as it stands in the files of a workspace: each class is one entry, and the form for it.

An API is `apis/<name>.yaml`; `plans.yaml`, `consumers.yaml`, `subscriptions.yaml` and `gateways.yaml` hold entries by id.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk.config import Config, Unit, When, Words
from tisserand.sdk.fields import Duration, Secret, Size

Lifecycle = Literal["draft", "published", "deprecated", "retired"]
Period = Literal["hour", "day", "week", "month"]
Method = Literal["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"]

ID = r"[a-z0-9][a-z0-9_-]{0,62}"
"""Ids of APIs, plans, consumers, credentials, subscriptions and gateways: they become names in every gateway."""
LARGEST = 2**53
"""Up to here, every whole number means the same to all who read JSON (RFC 8259, 6)."""
VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"

Id = Annotated[str, Field(pattern=f"^{ID}$")]


class Target(Config):
    """One address behind an upstream."""

    url: str = Field(pattern=r"^https?://")
    """Where requests go, for example `https://orders.example.org/api`."""
    weight: int = Field(1, ge=0, le=1000)
    """Its share of the requests, beside the others’."""


class HealthCheck(Config):
    """How it is noticed that a target does not answer."""

    path: str = Field("/", pattern=r"^/")
    """Asked with GET; an answer of 200 to 299 is healthy."""
    every: Duration = Duration("10s")
    """Time between two checks."""
    timeout: Duration = Duration("2s")
    """How long an answer may take."""
    unhealthy: int = Field(3, ge=1, le=100)
    """Failed checks in a row after which a target gets no requests."""
    healthy: int = Field(2, ge=1, le=100)
    """Good checks in a row after which it gets requests again."""


class Upstream(Config):
    """What answers the requests: a flow of this workspace, or any address."""

    flow: str = ""
    """Id of a flow with a “Request” and a “Reply”; empty where `targets` say it."""
    targets: list[Target] = []
    """Addresses of the service behind the API."""
    mode: Annotated[Literal["sync", "async"], Words(**{"sync": "Wait for the answer", "async": "Start a job to poll"})] = "sync"
    """Whether a flow’s caller waits for the answer, or gets a job to ask for."""
    timeout: Duration = Duration("15s")
    """How long an answer may take; afterwards the caller gets 504."""
    retries: int = Field(0, ge=0, le=10)
    """How often a request that could not be delivered, or was answered with 502, 503 or 504, is sent again."""
    verify: bool = True
    """Check the certificate of `https` targets."""
    health: HealthCheck | None = None
    """Ask the targets now and then whether they live."""


class ApiKey(Config):
    """A key in a header or in the query names the consumer."""

    kind: Literal["api_key"] = "api_key"
    place: Literal["header", "query"] = "header"
    """Where the key stands."""
    name: str = Field("x-api-key", pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of the header or of the query parameter."""


class Jwt(Config):
    """A signed token of an identity provider names the consumer."""

    kind: Literal["jwt"] = "jwt"
    issuer: str
    """The `iss` that tokens must have."""
    audiences: list[str] = []
    """The `aud`, of which tokens must have one; empty takes any."""
    jwks: str
    """The public keys: a file of the workspace, or an `https` address that is read when definitions are pushed."""
    consumer_claim: str = "sub"
    """The claim that holds the consumer’s `subject`."""


class Basic(Config):
    """Name and password."""

    kind: Literal["basic"] = "basic"


class MutualTls(Config):
    """A certificate names the consumer."""

    kind: Literal["mtls"] = "mtls"
    ca: str = ""
    """Certificates that vouch for those of consumers: a file of the workspace."""


class Open(Config):
    """Everybody may call. Only an administrator may say so; the audit keeps who did."""

    kind: Literal["open"] = "open"
    approved_by: str
    """Who allowed it."""


Security = Annotated[ApiKey | Jwt | Basic | MutualTls | Open, Field(discriminator="kind")]


class Cors(Config):
    """Which web pages may call from a browser."""

    origins: list[str] = []
    """Addresses of pages, for example `https://shop.example.org`, or `*`."""
    methods: list[Method] = ["GET", "POST"]
    headers: list[str] = ["content-type", "x-api-key", "authorization"]
    """Headers that pages may send."""
    expose: list[str] = []
    """Headers of answers that pages may read."""
    credentials: bool = False
    """Send cookies along; not with `*`."""
    max_age: Duration = Duration("10min")
    """How long a browser remembers."""


class Headers(Config):
    """Changes to the headers of a message."""

    set: dict[str, str] = {}
    """Header → value; what was there is replaced."""
    remove: list[str] = []


class Policies(Config):
    """What holds for every call. In an operation: what holds there instead."""

    cors: Cors | None = None
    max_body: Size | None = None
    """Larger bodies get 413."""
    ip_allow: list[str] = []
    """Networks that may call, for example `10.0.0.0/8`; empty: all."""
    ip_deny: list[str] = []
    """Networks that get 403."""
    request_headers: Headers = Headers()
    response_headers: Headers = Headers()
    cache: Annotated[int, Field(ge=0), Unit("s")] = 0
    """How long a gateway may answer GET from its cache; 0 never."""


class Operation(Config):
    """One method at one path of the document."""

    method: Method
    path: str = Field(pattern=r"^/")
    """Below the base path, as in the document: `/orders/{id}`."""
    id: str = ""
    """`operationId` of the document."""
    policies: Policies | None = None


class Route(Config):
    """Where an API is found."""

    base_path: str = Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")
    """What addresses begin with, for example `/orders`."""
    versioning: Annotated[
        Literal["path", "header", "query", "none"],
        Words(path="In the path (/v1)", header="In a header", query="In the query", none="Not at all"),
    ] = "path"
    """Where callers say which version they mean."""
    name: Annotated[str, When(versioning=("header", "query"))] = "version"
    """Name of the header or of the query parameter."""
    hosts: list[str] = []
    """Host names under which it is found; empty: every one."""
    strip: bool = True
    """Take base path and version away before a request goes on."""
    operations: list[Operation] = []
    """Which operations are let through; empty: those of the document, or everything where it names none."""


class Api(Config):
    """One version of an API."""

    id: Id
    """The same for all versions, and for ever."""
    version: str = Field(pattern=f"^{VERSION}$")
    name: str = ""
    """What people call it."""
    summary: str = ""
    lifecycle: Annotated[Lifecycle, Words(draft="Draft", published="Published", deprecated="Deprecated", retired="Retired")] = (
        "draft"
    )
    since: datetime | None = None
    """Since when it is at this stage of its life."""
    sunset: Annotated[date | None, When(lifecycle=("deprecated", "retired"))] = None
    """When a deprecated version goes."""
    owner: str = ""
    """Who answers for it."""
    tags: list[str] = []
    openapi: str = ""
    """The OpenAPI 3.1 document: a file beside this one. Empty: generated from the flow."""
    route: Route
    upstream: Upstream
    security: list[Security] = [ApiKey()]
    """The ways to prove who calls, of which one suffices."""
    policies: Policies = Policies()
    plans: list[Id] = []
    """The plans under which it can be subscribed."""
    gateways: list[Id] = []
    """Where it is pushed; empty: to every gateway of the workspace."""

    @property
    def key(self) -> str:
        """`id@version`, the name of this version everywhere."""
        return f"{self.id}@{self.version}"

    @property
    def path(self) -> str:
        """What addresses of this version begin with."""
        return f"{self.route.base_path}/v{self.version.lstrip('v')}" if self.route.versioning == "path" else self.route.base_path


class Rate(Config):
    count: int = Field(ge=1, le=LARGEST)
    per: Duration
    """For example `1s` or `1min`."""


class Quota(Config):
    count: int = Field(ge=1, le=LARGEST)
    period: Period
    """Calendar periods in UTC; weeks begin on Monday."""


class Plan(Config):
    """Terms under which consumers call an API; limits count for each consumer and API."""

    name: str = ""
    summary: str = ""
    rate: list[Rate] = []
    """Calls within a short time; above that, 429."""
    quota: Quota | None = None
    """Calls within a calendar period; above that, 429."""
    price: str = ""
    """As people read it, for example `0.01 EUR / call`."""
    approval: Annotated[Literal["automatic", "manual"], Words(automatic="At once", manual="After somebody approved")] = (
        "automatic"
    )


class Credential(Config):
    """What proves who a consumer is. Its value stands in the keyring only."""

    id: Id
    kind: Literal["api_key", "basic"] = "api_key"
    secret: Secret
    fingerprint: str
    """`sha256:` and the first 16 hex digits of the value’s SHA-256: enough to recognise it, too little to guess it."""
    created: datetime
    expires: datetime | None = None
    state: Literal["active", "revoked"] = "active"


class Consumer(Config):
    """Who calls: a program of a partner, of a department, of a customer."""

    name: str = ""
    contact: str = ""
    subject: str = ""
    """What the consumer claim of a JWT holds for it; empty: its id."""
    credentials: list[Credential] = []
    tags: list[str] = []


class Subscription(Config):
    """A consumer may call an API under a plan."""

    api: Id
    version: str = ""
    """Empty: every version."""
    plan: Id
    consumer: Id
    state: Literal["pending", "active", "suspended", "rejected", "ended"] = "pending"
    start: Annotated[date | None, Field(title="From")] = None
    end: Annotated[date | None, Field(title="Until")] = None
    decided_by: str = ""


class GatewayEntry(Config):
    """One gateway of `gateways.yaml`: its type, and the settings of that type’s adapter."""

    type: str
    title: str = ""
    settings: dict[str, Any] = {}
