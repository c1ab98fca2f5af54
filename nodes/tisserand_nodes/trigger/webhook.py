"""Webhook: another program calls an address, and each call starts the flow."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from tisserand.sdk import (
    Arrived,
    Call,
    CalledTrigger,
    Config,
    Duration,
    Fault,
    ListenContext,
    NodeError,
    NotTaken,
    Picks,
    Receiver,
    Schema,
    Secret,
    Size,
    When,
    Words,
    msg,
)
from tisserand.sdk.columns import type_named
from tisserand_nodes.trigger._signatures import Signature, check_hex, check_standard, check_token, key_of

KEY_HEADERS: Mapping[str, str] = {
    "token": "Idempotency-Key",
    "hmac": "Idempotency-Key",
    "github": "X-GitHub-Delivery",
    "standard-webhooks": "webhook-id",
}
LONGEST_KEY = 255

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class BodyColumn(Config):
    """One value of the JSON in the body."""

    column: str
    """Name of the column."""
    type: Annotated[str, Picks("type")] = "string"
    """Its type, for example `string`, `int64`, `float64`, `boolean`, `date`, `timestamp(6)` or `decimal(10, 2)`."""
    path: str = ""
    """Where the value stands in the JSON, with dots between the names, for example `order.id`; empty for the column’s name."""
    required: bool = False
    """Refuse calls without this value."""


class WebhookConfig(Config):
    path: str = ""
    """What stands in the address behind the flow’s id, for example `orders/new`; may be empty."""
    signature: Annotated[
        Signature,
        Words(
            **{
                "token": "A token (Authorization: Bearer …)",
                "github": "GitHub (X-Hub-Signature-256)",
                "standard-webhooks": "Standard Webhooks (webhook-signature)",
                "hmac": "HMAC-SHA-256 of the body, in hex digits",
            }
        ),
    ] = "token"
    """How callers prove who they are. Calls that do not are refused."""
    secret: Secret
    """The token, or the secret that signatures are made with."""
    signature_header: Annotated[str, When(signature="hmac")] = "X-Signature"
    """The header that holds the signature."""
    tolerance: Annotated[Duration, When(signature="standard-webhooks")] = Duration("5min")
    """How old a signature may be: one that is older was caught and is sent again."""
    key_header: str = ""
    """The header that names a delivery for ever; what arrives with a known name starts nothing again. Empty for the usual one:
    `webhook-id`, `X-GitHub-Delivery`, else `Idempotency-Key`. A call without it is always a new one."""
    columns: list[BodyColumn] = []
    """The values that are taken from the JSON in the body. Without any, the body is one column named `body`."""
    body: Literal["json", "text"] = "json"
    """What the column `body` holds, where no values are taken from the JSON."""
    headers: list[str] = []
    """Headers that become columns too: `X-GitHub-Event` becomes `x_github_event`."""
    largest: Size = Size("1MB")
    """Larger bodies are refused."""


class Webhook(CalledTrigger[WebhookConfig]):
    """Start the flow once for every call of an address, which `tisserand inbox hooks` shows.

    The address is `http://127.0.0.1:PORT/hooks/FLOW/PATH`; put a proxy with TLS before it to be reached from other machines. A call
    is answered with 202 and the event’s number once the event is kept; a repeated one with 200 and the same number. Wrong
    callers get 401, a body that does not fit the columns 400 with what is wrong with each field, and when too many events wait 503.
    """

    kind, title, icon = "trigger.webhook", "Webhook", "webhook"

    def event(self, config: WebhookConfig) -> Schema:
        columns = {
            column.column: str(type_named(column.type, f"columns.{index}.type")) for index, column in enumerate(config.columns)
        } or {"body": _body_type(config)}
        return Schema.of({"received_at": "timestamp(6)", **{_column(name): "string" for name in config.headers}, **columns})

    def check(self, config: WebhookConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        seen = {"received_at"}
        for index, header in enumerate(config.headers):
            if not _HEADER.fullmatch(header):
                yield NodeError("“{name}” is not a name of a header.", name=header, field=f"headers.{index}")
            elif _column(header) in seen:
                yield NodeError("The column “{name}” comes twice.", name=_column(header), field=f"headers.{index}")
            seen.add(_column(header))
        for index, column in enumerate(config.columns):
            if column.column in seen:
                yield NodeError("The column “{name}” comes twice.", name=column.column, field=f"columns.{index}.column")
            seen.add(column.column)
        for name in ("key_header", "signature_header"):
            if getattr(config, name) and not _HEADER.fullmatch(getattr(config, name)):
                yield NodeError("“{name}” is not a name of a header.", name=getattr(config, name), field=name)
        if config.path and not all(_SEGMENT.fullmatch(part) for part in config.path.split("/")):
            yield NodeError(
                "“{path}” cannot stand in an address: letters, digits, “.”, “_”, “~” and “-” only, with “/” between the parts.",
                path=config.path,
                field="path",
            )

    def receiver(self, ctx: ListenContext, config: WebhookConfig) -> Receiver:
        for error in self.check(config, {}):
            raise error
        self.event(config)  # raises where a type is none: nothing is to be kept that no run could read
        try:
            key = key_of(config.signature, ctx.secret(config.secret))
        except ValueError:
            raise NodeError(
                "The secret “{name}” cannot be used for signatures.", name=config.secret.name, field="secret"
            ) from None
        return _Webhook(config, key)


class _Webhook(Receiver):
    def __init__(self, config: WebhookConfig, key: bytes) -> None:
        self.path, self.largest = config.path, config.largest.bytes
        self._config, self._secret = config, key
        self._key_header = (config.key_header or KEY_HEADERS[config.signature]).lower()

    def admit(self, headers: Mapping[str, str]) -> None:
        if self._config.signature == "token":
            check_token(headers.get("authorization", ""), self._secret)

    def key(self, call: Call) -> str | None:
        match self._config.signature:
            case "github":
                check_hex(call.headers.get("x-hub-signature-256", ""), call, self._secret)
            case "hmac":
                check_hex(call.headers.get(self._config.signature_header.lower(), ""), call, self._secret)
            case "standard-webhooks":
                check_standard(call, self._secret, self._config.tolerance.seconds)
            case "token":
                check_token(call.headers.get("authorization", ""), self._secret)
        key = call.headers.get(self._key_header, "").strip()
        if len(key) > LONGEST_KEY:
            raise NotTaken([Fault(self._key_header, msg("It is longer than {most} characters.", most=LONGEST_KEY))])
        return key or None

    def arrived(self, call: Call, key: str | None) -> Arrived:
        moment = datetime.fromtimestamp(call.time, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        row: dict[str, Any] = {"received_at": moment}
        row |= {_column(name): call.headers.get(name.lower()) for name in self._config.headers}
        row |= self._values(call.body)
        trace = call.headers.get("traceparent", "")
        return Arrived(row, key, trace if _TRACE.fullmatch(trace) else None)

    def _values(self, body: bytes) -> dict[str, Any]:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise NotTaken([Fault("body", msg("The body is not UTF-8 text."))]) from None
        if not self._config.columns and self._config.body == "text":
            return {"body": text}
        try:
            found = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError):
            raise NotTaken([Fault("body", msg("The body is not JSON."))]) from None
        if not self._config.columns:
            return {"body": text}
        if not isinstance(found, dict):
            raise NotTaken([Fault("body", msg("The body is no JSON object."))])
        values = {column.column: _at(found, (column.path or column.column).split(".")) for column in self._config.columns}
        missing = [
            Fault(column.path or column.column, msg("It is missing."))
            for column in self._config.columns
            if column.required and values[column.column] is None
        ]
        if missing:
            raise NotTaken(missing)
        return values


def _body_type(config: WebhookConfig) -> str:
    return "json" if config.body == "json" else "string"


def _column(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") or "header"


def _at(value: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    """`1e999` is JSON, but no number that a column could hold: kept as infinity, it would come as an empty value."""
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number
