"""The executor on the other side of HTTP: the designer's and the command line's way to a running `tisserand serve`."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import requests

from tisserand.engine.journal import FINAL, Event
from tisserand.engine.launch import refusal
from tisserand.model.problem import Problem
from tisserand.service.protocol import Checked, ConnectionInfo, Page, Refused, RunInfo, RunRequest, Tested, Uncertain, Watch
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from requests import Response

    from tisserand.service.alerts.remote import RemoteAlerts
    from tisserand.service.apis.remote import RemoteApis
    from tisserand.service.audit.remote import RemoteAudit
    from tisserand.service.figures.remote import RemoteFigures
    from tisserand.service.gateways.remote import RemoteGateways
    from tisserand.service.inbox.remote import RemoteInbox
    from tisserand.service.keys.remote import RemoteKeys
    from tisserand.service.published.remote import RemotePublished
    from tisserand.service.queue.remote import RemoteQueue
    from tisserand.service.retention.remote import RemoteRetention
    from tisserand.service.schedule.remote import HttpSchedules
    from tisserand.service.waits.remote import RemoteWaits

PATIENCE = (5.0, 30.0)
"""Seconds to wait for a connection, and between two signs of life (the executor sends one every ten seconds)."""

LONG = (5.0, 600.0)
"""The same for calls that look at data before they answer."""

TRIES = 5

RESTART = 60.0
"""Seconds for which the stream of all events waits for an executor that is away."""


class HttpExecutor:
    """Implements `Executor` against one executor process."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # Neither a proxy of the environment nor a .netrc may get to see the token.
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    @cached_property
    def alerts(self) -> RemoteAlerts:
        from tisserand.service.alerts.remote import RemoteAlerts

        return RemoteAlerts(self)

    def health(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.call("GET", "/health").json())

    def start(self, request: RunRequest) -> str:
        return str(self.call("POST", "/runs", request.to_json()).json()["id"])

    def resume(
        self,
        run: str,
        uncertain: Uncertain | None = None,
        edited: bool = False,
        text: str | None = None,
        until: str | None = None,
        by: str = "",
    ) -> str:
        asked = {"uncertain": uncertain, "edited": edited, "text": text, "until": until, "by": by}
        return str(self.call("POST", f"/runs/{_part(run)}/resume", asked).json()["id"])

    def cancel(self, run: str, by: str = "") -> None:
        self.call("POST", f"/runs/{_part(run)}/cancel", params={"by": by})

    @cached_property
    def published(self) -> RemotePublished:
        from tisserand.service.published.remote import RemotePublished

        return RemotePublished(self)

    @cached_property
    def queue(self) -> RemoteQueue:
        from tisserand.service.queue.remote import RemoteQueue

        return RemoteQueue(self)

    def run(self, run: str) -> RunInfo:
        return RunInfo.from_json(self.call("GET", f"/runs/{_part(run)}").json())

    def flow_text(self, run: str) -> str:
        return str(self.call("GET", f"/runs/{_part(run)}/flow").json()["text"])

    def runs(
        self, flow: str | None = None, state: str | None = None, limit: int = 100, before: str | None = None
    ) -> list[RunInfo]:
        found = self.call("GET", "/runs", params={"flow": flow, "state": state, "limit": limit, "before": before}).json()
        return [RunInfo.from_json(run) for run in found]

    def events(self, run: str, after: int = 0, follow: bool = False) -> Iterator[Event]:
        self.run(run)  # refuses at once what does not exist
        return self._events(run, after, follow)

    def _events(self, run: str, after: int, follow: bool) -> Iterator[Event]:
        failures = 0
        while True:
            ended = False
            try:
                for event in self._stream(f"/runs/{_part(run)}/events", after, follow):
                    if event.seq is not None:
                        after, failures = event.seq, 0
                        ended = event.kind.removeprefix("run.") in FINAL
                    yield event
            except requests.RequestException as error:
                # What was seen is not asked for again: the stream goes on after the last number.
                failures += 1
                if failures >= TRIES:
                    raise self._unreachable(error) from error
                time.sleep(0.2 * failures)
                continue
            if not follow or ended or (found := self.run(run)).final or found.state == "waiting":
                return

    def tail(self, after: int | None = None, follow: bool = False) -> Iterator[Event]:
        away = time.monotonic()
        while True:
            begun = time.monotonic()
            try:
                for event in self._stream("/events", after, follow):
                    after = event.seq
                    yield event
                if not follow:
                    return
            except requests.RequestException as error:
                if time.monotonic() - begun > PATIENCE[0]:
                    away = time.monotonic()  # it was there until now
                # Before the first event nobody knows where to go on. A restart takes a while.
                if after is None or not follow or time.monotonic() - away > RESTART:
                    raise self._unreachable(error) from error
                time.sleep(0.2)

    def _stream(self, path: str, after: int | None, follow: bool) -> Iterator[Event]:
        params = {"after": after, "follow": str(follow).lower()}
        with self._session.get(self.url + path, params=params, stream=True, timeout=PATIENCE) as answer:
            _check(answer)
            for line in answer.iter_lines(chunk_size=None):
                if line:
                    yield Event.from_json(json.loads(line))

    def watch(self, file: str, by: str = "") -> None:
        self.call("POST", "/watches", {"file": file, "on": True, "by": by})

    def unwatch(self, file: str, by: str = "") -> None:
        self.call("POST", "/watches", {"file": file, "on": False, "by": by})

    def watches(self) -> list[Watch]:
        return [Watch.from_json(watch) for watch in self.call("GET", "/watches").json()]

    @cached_property
    def schedules(self) -> HttpSchedules:
        from tisserand.service.schedule.remote import HttpSchedules

        return HttpSchedules(self)

    def check(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> list[Problem]:
        found = self.call("POST", "/check", {"file": file, "text": text, "env": env}, timeout=LONG).json()
        return [Problem.from_json(problem) for problem in found]

    def schemas(
        self,
        *,
        file: str | None = None,
        text: str | None = None,
        env: str | None = None,
        node: str | None = None,
        relock: bool = False,
    ) -> Checked:
        body = {"file": file, "text": text, "env": env, "node": node, "relock": relock}
        return Checked.from_json(self.call("POST", "/schemas", body, timeout=LONG).json())

    def explain(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> dict[str, Any]:
        body = {"file": file, "text": text, "env": env}
        return cast(dict[str, Any], self.call("POST", "/explain", body, timeout=LONG).json())

    def page(
        self,
        run: str,
        node: str,
        port: str | None = None,
        offset: int = 0,
        limit: int = 100,
        order: str | None = None,
        where: str | None = None,
    ) -> Page:
        params = {"port": port, "offset": offset, "limit": limit, "order": order, "where": where}
        return _page(self.call("GET", f"/runs/{_part(run)}/data/{_part(node)}", params=params, timeout=LONG))

    def find(
        self,
        run: str,
        node: str,
        port: str | None,
        text: str,
        start: int = 0,
        back: bool = False,
        order: str | None = None,
        where: str | None = None,
    ) -> tuple[int, int] | None:
        params = {"port": port, "text": text, "start": start, "back": str(back).lower(), "order": order, "where": where}
        found = self.call("GET", f"/runs/{_part(run)}/data/{_part(node)}/find", params=params, timeout=LONG).json()
        return (found["row"], found["column"]) if found is not None else None

    def profile(self, run: str, node: str, port: str | None, column: str, where: str | None = None) -> Mapping[str, Any]:
        params = {"port": port, "column": column, "where": where}
        answer = self.call("GET", f"/runs/{_part(run)}/data/{_part(node)}/profile", params=params, timeout=LONG)
        return cast(dict[str, Any], answer.json())

    def evaluate(self, formula: str, rows: bytes, parameters: Mapping[str, Any]) -> tuple[str, list[str | None]]:
        body = {"formula": formula, "rows": b64encode(rows).decode(), "parameters": dict(parameters)}
        found = self.call("POST", "/evaluate", body, timeout=LONG).json()
        return found["type"], found["values"]

    def preview(
        self,
        *,
        node: str,
        port: str | None = None,
        file: str | None = None,
        text: str | None = None,
        env: str | None = None,
        limit: int = 100,
    ) -> Page:
        body = {"node": node, "port": port, "file": file, "text": text, "env": env, "limit": limit}
        return _page(self.call("POST", "/preview", body, timeout=LONG))

    def connections(self, env: str | None = None) -> list[ConnectionInfo]:
        return [ConnectionInfo(**found) for found in self.call("GET", "/connections", params={"env": env}).json()]

    def test_connection(self, name: str, env: str | None = None) -> Tested:
        answer = self.call("POST", f"/connections/{_part(name)}/test", params={"env": env}, timeout=LONG).json()
        return Tested(answer["ok"], Message.from_json(answer["message"]), answer["seconds"])

    @cached_property
    def figures(self) -> RemoteFigures:
        from tisserand.service.figures.remote import RemoteFigures

        return RemoteFigures(self)

    @cached_property
    def inbox(self) -> RemoteInbox:
        from tisserand.service.inbox.remote import RemoteInbox

        return RemoteInbox(self)

    @cached_property
    def audit(self) -> RemoteAudit:
        from tisserand.service.audit.remote import RemoteAudit

        return RemoteAudit(self)

    @cached_property
    def retention(self) -> RemoteRetention:
        from tisserand.service.retention.remote import RemoteRetention

        return RemoteRetention(self)

    @cached_property
    def keys(self) -> RemoteKeys:
        from tisserand.service.keys.remote import RemoteKeys

        return RemoteKeys(self)

    @cached_property
    def waits(self) -> RemoteWaits:
        from tisserand.service.waits.remote import RemoteWaits

        return RemoteWaits(self)

    @cached_property
    def apis(self) -> RemoteApis:
        from tisserand.service.apis.remote import RemoteApis

        return RemoteApis(self)

    @cached_property
    def gateways(self) -> RemoteGateways:
        from tisserand.service.gateways.remote import RemoteGateways

        return RemoteGateways(self)

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        timeout: tuple[float, float] = PATIENCE,
    ) -> Response:
        """One call of the control API, for the areas of the protocol too; raises `Refused` with the problems of the answer."""
        try:
            answer = self._session.request(
                method, self.url + path, json=body, params=params, timeout=timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        _check(answer)
        return answer

    def _unreachable(self, error: Exception) -> Refused:
        return refusal(
            "executor.unreachable",
            msg("The executor at {url} does not answer ({error}).", url=self.url, error=type(error).__name__),
            msg("Start it with “tisserand serve”."),
        )


def _check(answer: Response) -> None:
    if 200 <= answer.status_code < 300:
        return
    try:
        data = answer.json()
        problems = [Problem.from_json(problem) for problem in data["problems"]]
        missing = bool(data.get("missing"))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = msg("The executor answers with the HTTP status {status}.", status=answer.status_code)
        problems, missing = [Problem("executor.status", message)], False
    raise Refused(problems, missing=missing)


def _part(text: str) -> str:
    """One segment of a path: it is never empty and cannot climb out of its place."""
    if not text:
        raise refusal("call.empty", msg("A name is empty."), missing=True)
    quoted = quote(text, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def _page(answer: Response) -> Page:
    return Page(answer.content, int(answer.headers["X-Total-Rows"]), int(answer.headers["X-Offset"]))
