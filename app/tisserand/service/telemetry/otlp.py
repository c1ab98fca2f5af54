"""Sending spans to a collector: OTLP over HTTP, as protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tisserand import __version__
from tisserand.sdk.errors import NodeError
from tisserand.service.telemetry.spans import Span


def encoded(spans: Sequence[Span], service: str, workspace: str) -> bytes:
    """An `ExportTraceServiceRequest`."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1 import trace_pb2 as pb

    codes = {"unset": pb.Status.STATUS_CODE_UNSET, "ok": pb.Status.STATUS_CODE_OK, "error": pb.Status.STATUS_CODE_ERROR}
    made = [
        pb.Span(
            trace_id=bytes.fromhex(span.trace),
            span_id=bytes.fromhex(span.id),
            parent_span_id=bytes.fromhex(span.parent or ""),
            name=span.name,
            kind=pb.Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=_nano(span.begin),
            end_time_unix_nano=_nano(max(span.begin, span.end)),
            attributes=_pairs(span.attributes),
            events=[
                pb.Span.Event(time_unix_nano=_nano(time), name=name, attributes=_pairs(about))
                for time, name, about in span.events
            ],
            # A status that is not an error may carry no message.
            status=pb.Status(code=codes[span.status], message=span.message if span.status == "error" else ""),
        )
        for span in spans
    ]
    about = {"service.name": service, "service.version": __version__, "tisserand.workspace": workspace}
    scope = pb.ScopeSpans(scope=InstrumentationScope(name="tisserand", version=__version__), spans=made)
    request = ExportTraceServiceRequest(
        resource_spans=[pb.ResourceSpans(resource=Resource(attributes=_pairs(about)), scope_spans=[scope])]
    )
    return bytes(request.SerializeToString())


def post(url: str, body: bytes, headers: Mapping[str, str], content: str, timeout: float) -> None:
    """Raises `NodeError`, with `retry` where it may go better later."""
    import requests

    sent = {"Content-Type": content, "User-Agent": f"Tisserand/{__version__}", **headers}
    try:
        with requests.post(
            url, data=body, headers=sent, timeout=timeout, allow_redirects=False, auth=_nobody, stream=True
        ) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        raise NodeError(
            "The receiver of telemetry cannot be reached: {reason}", reason=type(error).__name__, retry=True
        ) from None
    if not 200 <= status < 300:
        # Who is not let in today may be let in when the secret is corrected; what is malformed will always be.
        again = status >= 500 or status in (401, 403, 404, 408, 425, 429)
        raise NodeError("The receiver of telemetry answers with the HTTP status {status}.", status=status, retry=again)


def _nobody(request: Any) -> Any:
    return request


def _pairs(values: Mapping[str, str | int | float | bool]) -> list[Any]:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    found = []
    for name, value in values.items():
        if isinstance(value, bool):
            any_ = AnyValue(bool_value=value)
        elif isinstance(value, int):
            any_ = AnyValue(int_value=value)
        elif isinstance(value, float):
            any_ = AnyValue(double_value=value)
        else:
            any_ = AnyValue(string_value=value)
        found.append(KeyValue(key=name, value=any_))
    return found


def _nano(moment: float) -> int:
    return round(moment * 1e6) * 1000
