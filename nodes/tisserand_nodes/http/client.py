"""Sends HTTP requests: patient with busy servers, never with credentials to another host, never more than a size limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, urljoin, urlsplit

from tisserand.sdk import Context, NodeError
from tisserand_nodes.http.connection import Http

if TYPE_CHECKING:
    import requests

BUSY = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often to try, and how much to take."""

    timeout: float = 30.0
    """Seconds that one answer may take in all."""
    attempts: int = 5
    longest_wait: float = 120.0
    """The longest pause that is waited out here; a longer one is left to the engine."""
    max_size: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    links: Mapping[str, str]
    """`rel` → absolute URL, from the `Link` header."""

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Client:
    """Requests of one node. Not for several threads at once."""

    def __init__(self, connection: Http | None, patience: Patience, ctx: Context | None = None) -> None:
        import requests

        self._connection = connection
        self._patience = patience
        self._ctx = ctx
        self._session = requests.Session()
        # Redirects are followed in `_follow`; left to itself, requests would read a redirect's body whatever its size.
        self._session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
        self._home = origin(connection.base_url) if connection else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._session.close()

    def url(self, text: str) -> str:
        """The whole URL of a path behind the base URL, or of a text that is a whole URL."""
        if self._connection is None or "://" in text.split("?")[0]:
            return _checked(text).geturl()
        base = self._connection.base_url
        if not text:
            return base
        return text_join(base, text)

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request, again while the server is busy; gives any answer that is not a sign of that."""
        from urllib3.exceptions import InvalidHeader
        from urllib3.util import Retry

        for attempt in range(1, self._patience.attempts + 1):
            last = attempt == self._patience.attempts
            try:
                answer = self._follow(method, url, query, headers, body)
            except NodeError as error:
                if last or not error.retry:
                    raise
                self._wait(min(0.5 * 2 ** (attempt - 1), 30))
                continue
            if answer.status not in BUSY:
                return answer
            asked = answer.headers.get("Retry-After")
            try:
                pause = Retry().parse_retry_after(asked) if asked else None
            except InvalidHeader:
                pause = None  # not a time: as if nothing had been said
            if last or (pause or 0) > self._patience.longest_wait:
                raise NodeError(
                    "{url} answers with status {status} after {count} attempts: {body}",
                    url=shown(url), status=answer.status, count=attempt, body=answer.text()[:200],
                    retry=True, retry_after=pause,
                )  # fmt: skip
            self._wait(min(0.5 * 2 ** (attempt - 1), 30) if pause is None else max(0.0, pause))
        raise AssertionError("at least one attempt is made")

    def _wait(self, seconds: float) -> None:
        wait: Callable[[float], None] = self._ctx.sleep if self._ctx else time.sleep
        wait(seconds)

    def _follow(self, method: str, url: str, query: Any, headers: Mapping[str, str] | None, body: Any) -> Answer:
        """One attempt; redirects followed, with credentials for the host of the connection only."""
        for _hop in range(6):
            answer = self._once(method, url, query, headers, body)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            url, query = _checked(urljoin(answer.url, target)).geturl(), None
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            if origin(url) != origin(answer.url):
                headers = None  # the flow's own headers may hold what is meant for that host only
                if body is not None:
                    raise NodeError(
                        "{url} sends the request on to another host, {other}.", url=shown(answer.url), other=shown(url)
                    )
        raise NodeError("{url} sends the request round in circles.", url=shown(url))

    def _once(self, method: str, url: str, query: Any, headers: Mapping[str, str] | None, body: Any) -> Answer:
        """One request, in a thread of its own: a silent server must not hold a run that was cancelled."""
        ctx = self._ctx
        if ctx is None:
            return self._asked(method, url, query, headers, body)
        asked: Future[Answer] = Future()

        def ask() -> None:
            try:
                asked.set_result(self._asked(method, url, query, headers, body))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
                asked.set_exception(error)

        threading.Thread(target=ask, name="http", daemon=True).start()
        while True:
            try:
                return asked.result(0.1)
            except TimeoutError:
                if asked.done():
                    raise
                ctx.sleep(0)  # raises where the run was cancelled or is out of time

    def _asked(self, method: str, url: str, query: Any, headers: Mapping[str, str] | None, body: Any) -> Answer:
        import requests
        import urllib3

        sent: dict[str, str] = {"Accept": "application/json", "User-Agent": "Tisserand"}
        if self._connection is not None and origin(url) == self._home:
            sent |= dict(self._connection.headers) | self._connection.credentials()
        if self._ctx is not None and self._ctx.traceparent:
            sent["traceparent"] = self._ctx.traceparent
        sent.update(headers or {})
        content = {"json": body} if isinstance(body, dict | list) else {"data": body.encode() if isinstance(body, str) else body}
        until = time.monotonic() + self._patience.timeout
        try:
            # The empty `auth` keeps requests from looking for passwords in a .netrc file.
            with self._session.request(
                method, url, params=query, headers=sent, auth=_nobody, allow_redirects=False, stream=True,
                timeout=(min(10.0, self._patience.timeout), self._patience.timeout), **content,
            ) as response:  # fmt: skip
                links = {rel: urljoin(response.url, link["url"]) for rel, link in response.links.items() if "url" in link}
                return Answer(response.status_code, response.headers, self._body(response, until), response.url, links)
        except requests.exceptions.SSLError as error:
            raise NodeError(
                "{url}: the server's certificate is not trusted: {reason}", url=shown(url), reason=_reason(error)
            ) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise self._late(url) from None
        except (
            requests.exceptions.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
            urllib3.exceptions.HTTPError,
        ) as error:
            raise NodeError("{url} cannot be reached: {reason}", url=shown(url), reason=_reason(error), retry=True) from None
        except (requests.exceptions.RequestException, ValueError) as error:
            raise NodeError("The request to {url} cannot be sent: {reason}", url=shown(url), reason=_reason(error)) from None

    def _body(self, response: requests.Response, until: float) -> bytes:
        """The body as it comes, up to the size and time limits: a server that drips bytes does not hold us."""
        gathered = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            gathered += chunk
            if len(gathered) > self._patience.max_size:
                raise NodeError(
                    "{url} sends more than {limit} bytes.", fix="Raise the size limit, or ask for smaller pages.",
                    url=shown(response.url), limit=self._patience.max_size,
                )  # fmt: skip
            if time.monotonic() > until:
                raise self._late(response.url)
            if self._ctx is not None and self._ctx.cancelled():
                break
        return bytes(gathered)

    def _late(self, url: str) -> NodeError:
        return NodeError("{url} has not answered within {seconds} s.", url=shown(url), seconds=self._patience.timeout, retry=True)


def _nobody(request: Any) -> Any:
    return request


def text_join(base: str, path: str) -> str:
    """A path behind a base URL; what stands behind the base stays behind it (`..` does not lead out)."""
    head, mark, query = base.partition("?")
    segments = path.partition("?")[0].replace("%2e", ".").replace("%2E", ".").split("/")
    if any(segment in ("..", ".") for segment in segments):
        raise NodeError("“{path}” must not hold “.” or “..”.", path=path)
    joined = head.rstrip("/") + "/" + path.lstrip("/")
    if mark:
        joined += ("&" if "?" in path else "?") + query
    return _checked(joined).geturl()


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError as error:
        raise NodeError("“{url}” is not a URL: {reason}", url=shown(url), reason=str(error), field="url") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NodeError("“{url}” is not a URL that begins with http:// or https://.", url=shown(url), field="url")
    if parts.username or parts.password:
        raise NodeError("A URL must not hold a name or password.", fix="Make a connection with a secret.", field="url")
    return parts


def origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def shown(url: str) -> str:
    """A URL as messages show it: without query, where keys may stand, and without name and password."""
    try:
        parts = urlsplit(url)
        return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]


def _reason(error: Exception) -> str:
    """The innermost cause of a failed request, in one line and without its URL."""
    inner: BaseException = error
    seen = 0
    while (deeper := inner.__cause__ or inner.__context__ or _first_error(inner)) is not None and seen < 10:
        inner, seen = deeper, seen + 1
    text = str(inner).splitlines()[0] if str(inner) else type(inner).__name__
    return text if "://" not in text and "?" not in text else type(inner).__name__


def _first_error(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, BaseException) else None
