"""What answers tell callers of the life of a version."""

from __future__ import annotations

from datetime import UTC, datetime, time
from email.utils import format_datetime

from tisserand.apis.model import Api


def headers(api: Api) -> dict[str, str]:
    """`Deprecation` (RFC 9745: `@` and seconds since 1970) and `Sunset` (RFC 8594: an HTTP date) of a deprecated version."""
    if api.lifecycle != "deprecated":
        return {}
    since = api.since if api.since is None or api.since.tzinfo else api.since.replace(tzinfo=UTC)
    found = {"Deprecation": f"@{int(since.timestamp())}" if since else "@0"}
    if api.sunset is not None:
        found["Sunset"] = http_date(datetime.combine(api.sunset, time(), UTC))
    return found


def http_date(moment: datetime) -> str:
    """As RFC 9110, 5.6.7 writes it: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
