"""What the gateway says itself: errors as problem+json (RFC 9457), and one line of log for each request."""

from __future__ import annotations

from typing import Any

from tisserand.apis.gateways.envoy.settings import CONSUMER, METADATA, PLAN

Json = dict[str, Any]

REASONS: dict[int, tuple[str, str]] = {
    400: ("Bad Request", "The request is malformed."),
    401: ("Unauthorized", "No valid credential was sent."),
    403: ("Forbidden", "Whoever calls may not do so: there is no active subscription, or the address is not allowed."),
    404: ("Not Found", "There is no such API, version or operation."),
    405: ("Method Not Allowed", "The operation does not know this method."),
    408: ("Request Timeout", "The request took too long to arrive."),
    410: ("Gone", "This version of the API was retired."),
    413: ("Content Too Large", "The body is larger than this API takes."),
    429: ("Too Many Requests", "The plan of this subscription allows no more calls for now."),
    431: ("Request Header Fields Too Large", "The head of the request is too large."),
    502: ("Bad Gateway", "The service behind this API gave no proper answer."),
    503: ("Service Unavailable", "The service behind this API cannot be reached."),
    504: ("Gateway Timeout", "The service behind this API took too long."),
}
"""Status → title and detail. English, as APIs are; the status is what programs go by."""


CHALLENGE: Json = {
    "header": {"key": "www-authenticate", "value": 'ApiKey realm="gateway"'},
    "append_action": "ADD_IF_ABSENT",
}


def mappers() -> list[Json]:
    """For answers of the gateway itself only: those of upstreams go through as they are."""
    return [
        {
            "filter": {
                "status_code_filter": {
                    "comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": f"none.{status}"}}
                }
            },
            "body_format_override": {
                "json_format": {"type": "about:blank", "title": title, "status": status, "detail": detail},
                "content_type": "application/problem+json",
            },
            # What every 401 must say (RFC 9110, 11.6.1); the filter of tokens says it itself.
            **({"headers_to_add": [CHALLENGE]} if status == 401 else {}),
        }
        for status, (title, detail) in REASONS.items()
    ]


LOG_FORMAT: Json = {
    "t": "%START_TIME(%s)%",
    "api": f"%METADATA(ROUTE:{METADATA}:api)%",
    "version": f"%METADATA(ROUTE:{METADATA}:version)%",
    "operation": f"%METADATA(ROUTE:{METADATA}:operation)%",
    "consumer": f"%REQ({CONSUMER})%",
    "plan": f"%REQ({PLAN})%",
    "status": "%RESPONSE_CODE%",
    "in": "%BYTES_RECEIVED%",
    "out": "%BYTES_SENT%",
    "ms": "%DURATION%",
    "trace": "%REQ(TRACEPARENT)%",
    "flags": "%RESPONSE_FLAGS%",
}
"""One JSON object a line. Neither paths nor queries: they may hold what is nobody's business."""
