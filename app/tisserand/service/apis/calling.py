"""A test call to an API, with an end to its time and to what is read of its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tisserand.engine.launch import refusal
from tisserand.service.apis.calls import Answered
from tisserand.texts import msg

LARGEST = 1_000_000
"""Bytes of an answer that are shown."""


def called(method: str, address: str, path: str, headers: Mapping[str, str], body: str, patience: float) -> Answered:
    """The answer, whatever its status. Raises `Refused` where there is none within `patience` seconds; who drips answers on after
    that is cut off there."""
    import requests
    from urllib3.exceptions import HTTPError

    began = time.perf_counter()
    read = bytearray()
    try:
        with requests.request(
            method, address + path, headers=dict(headers), data=body.encode() if body else None, timeout=(5, patience),
            allow_redirects=False, stream=True,
        ) as answer:  # fmt: skip
            # `read1` gives what is there: `iter_content` waits until a part is full, however slowly it comes.
            while (part := answer.raw.read1(16_384, decode_content=True)) and len(read) < LARGEST:
                read += part
                if time.perf_counter() - began > patience:
                    break
    except (requests.RequestException, HTTPError, ValueError) as error:
        message = msg("“{address}” gave no answer: {reason}", address=address, reason=type(error).__name__)
        raise refusal("api.no_answer", message, msg("Is the executor running? tisserand serve")) from None
    spent = (time.perf_counter() - began) * 1000
    text = read[:LARGEST].decode(_encoding(answer.encoding), errors="replace")
    return Answered(answer.status_code, dict(answer.headers), text, round(spent, 1))


def _encoding(said: str | None) -> str:
    """The character set of an answer; one that Python does not know is read as UTF-8."""
    try:
        "".encode(said or "utf-8")
    except LookupError:
        return "utf-8"
    return said or "utf-8"
