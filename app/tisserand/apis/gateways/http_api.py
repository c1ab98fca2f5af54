"""The HTTP interface of a gateway: time limits, another try where it does no harm, and sentences instead of stack traces."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from json import dumps
from typing import Any
from urllib.parse import urlsplit

import requests

from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

CONNECT = 5.0
TRIES = 3
SHOWN = 300
"""Characters of an answer in a sentence."""
LOOKED_AT = 10_000
"""Characters of an answer from which secrets are taken."""
AGAIN = frozenset({429, 502, 503, 504})
SAFE = frozenset({"GET", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""


class HttpApi:
    """Calls to one address. `headers` may hold a secret: they go to that address only, redirections are not followed."""

    def __init__(
        self, gateway: str, base: str, headers: Mapping[str, str] | None = None, timeout: float = 15.0, verify: bool = True
    ) -> None:
        self.gateway, self.base, self.timeout = gateway, base.rstrip("/"), timeout
        self._session = requests.Session()
        self._session.headers.update(headers or {})
        self._session.verify = verify
        self._session.trust_env = False
        self._hidden = [value for value in (headers or {}).values() if value]

    def close(self) -> None:
        self._session.close()

    def hide(self, values: Iterable[str]) -> None:
        """Keep values out of what is said: gateways repeat what they refuse."""
        self._hidden = list(dict.fromkeys([*self._hidden, *(value for value in values if value)]))

    def ask(self, method: str, path: str, body: Any = None, *, fine: tuple[int, ...] = ()) -> requests.Response:
        """The answer, where it is 2xx or in `fine`; otherwise raises `NodeError` with what it said."""
        answer = self._sent(method, path, body)
        if answer.ok or answer.status_code in fine:
            return answer
        said = self._said(answer)
        if answer.status_code in (401, 403):
            raise NodeError(
                "The gateway “{gateway}” does not accept our token: {status} to {method} {path}.",
                gateway=self.gateway, status=answer.status_code, method=method, path=path,
                fix="Check the token in gateways.yaml and its secret.", field="settings.token",
            )  # fmt: skip
        raise NodeError(
            "The gateway “{gateway}” answered {status} to {method} {path}: {said}",
            gateway=self.gateway, status=answer.status_code, method=method, path=path, said=said or "–",
            retry=answer.status_code in AGAIN,
        )  # fmt: skip

    def json(self, method: str, path: str, body: Any = None, *, fine: tuple[int, ...] = ()) -> Any:
        """Its JSON; None where the answer is one of `fine` or empty."""
        answer = self.ask(method, path, body, fine=fine)
        if answer.status_code in fine or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise NodeError(
                "At {address}, something answered that is not the interface of the gateway “{gateway}”.",
                address=self._place(), gateway=self.gateway,
            ) from None  # fmt: skip

    def _sent(self, method: str, path: str, body: Any) -> requests.Response:
        for number in range(TRIES):
            last = number + 1 == TRIES or method not in SAFE
            try:
                answer = self._session.request(
                    method, self.base + path, json=body, timeout=(CONNECT, self.timeout), allow_redirects=False
                )
            except requests.exceptions.SSLError:
                raise NodeError(
                    "The certificate of {address} is not to be trusted.", address=self._place(), field="settings.verify"
                ) from None
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                if last:
                    late = isinstance(error, requests.exceptions.Timeout)
                    raise NodeError(
                        "The gateway “{gateway}” does not answer at {address}: {reason}",
                        gateway=self.gateway, address=self._place(), retry=True,
                        reason=msg("no answer in time.") if late else msg("no connection."),
                        fix="Is it running, and is the address in gateways.yaml right?",
                    ) from None  # fmt: skip
            except requests.exceptions.RequestException:
                raise NodeError("“{address}” is not an address that can be called.", address=self._place()) from None
            else:
                if last or answer.status_code not in AGAIN:
                    return answer
            time.sleep(0.2 * 2**number)
        raise AssertionError("the last try returns or raises")

    def _place(self) -> str:
        """The address without a password."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _said(self, answer: requests.Response) -> str:
        return self.clean(answer.text)[:SHOWN]

    def clean(self, text: str) -> str:
        """Without what is hidden, also as JSON writes it, and JSON in JSON; the longest first, as one may be a part of another. Of a
        long text, the beginning."""
        known = set()
        for value in self._hidden:
            once = dumps(value)[1:-1]
            known |= {value, once, dumps(once)[1:-1]}
        cut, longest = len(text) > LOOKED_AT, max(map(len, known), default=0)
        text = text[:LOOKED_AT]
        for each in sorted(known, key=len, reverse=True):
            text = text.replace(each, "•••")
        if cut:  # at its end may stand a half of one
            text = text[: -longest - 1]
        return " ".join(text.split())
