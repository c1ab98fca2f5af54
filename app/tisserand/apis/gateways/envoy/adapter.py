"""The embedded gateway as an adapter: plans, pushes and reads back through the files that Envoy watches."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from tisserand import files
from tisserand.apis import periods
from tisserand.apis.gateways.adapter import Capabilities, Change, Dropped, Gateway, Live, Place, Progress
from tisserand.apis.gateways.compare import without
from tisserand.apis.gateways.coverage import unsupported
from tisserand.apis.gateways.envoy import admin
from tisserand.apis.gateways.envoy.accesslog import AccessLog
from tisserand.apis.gateways.envoy.certificates import authorities
from tisserand.apis.gateways.envoy.checking import impossible, refused
from tisserand.apis.gateways.envoy.clusters import verifies
from tisserand.apis.gateways.envoy.discovery import read
from tisserand.apis.gateways.envoy.files import Folder
from tisserand.apis.gateways.envoy.filters import CHANGING, lookup, remaining
from tisserand.apis.gateways.envoy.harmful import harmful
from tisserand.apis.gateways.envoy.held import FILE, Held, made
from tisserand.apis.gateways.envoy.listener import inlined
from tisserand.apis.gateways.envoy.making import Made, Making
from tisserand.apis.gateways.envoy.places import CDS, RDS, SDS, ecds
from tisserand.apis.gateways.envoy.routes import KEYS, LUA, PASSWORDS
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.apis.neutral import Declared, digest
from tisserand.apis.usage import UsageRow
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

Json = dict[str, Any]

BLOCKED = "blocked.json"
"""Whose quota is used up, and until when."""
ADDRESS = "address.json"
"""The port, once it was chosen."""
TROUBLE = "trouble.json"
"""Why it does not run, where the executor could not start it."""
LOG = "envoy.log"
"""What Envoy itself says."""

CAPABILITIES = Capabilities(
    enforces=frozenset({
        "api_key", "jwt", "basic", "open", "subscriptions", "rate", "quota", "cors", "max_body", "ip_allow", "ip_deny", "request_headers",
        "response_headers", "retries", "health", "weights", "timeout", "lifecycle", "hosts", "version_path", "version_header",
        "version_query", "operations", "operation_policies", "usage",
    }),
    atomic=True,
    usage=True,
    tested="Envoy 1.40, the one that comes with Tisserand: each policy by real requests.",
)  # fmt: skip


class EnvoyGateway(Gateway):
    """Runs on this machine, as a child of the executor."""

    kind: ClassVar[str] = "envoy"
    title: ClassVar[str] = "Embedded gateway (Envoy)"
    Settings = EnvoySettings
    settings: EnvoySettings

    def __init__(self, name: str, settings: EnvoySettings, place: Place) -> None:
        super().__init__(name, settings, place)
        self.folder = Folder(place.state)
        self._making = Making()
        self._checked: frozenset[str] = frozenset()
        """Digests of the parts that Envoy would take, as it said of the last declaration that was right."""
        self._held: tuple[files.Stamp | None, Held] | None = None

    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def dropped(self, declared: Declared) -> Sequence[Dropped]:
        return unsupported(declared, CAPABILITIES)

    def read(self) -> Live:
        held = self._last()
        return Live(held.live(made(self.folder.seen), self.folder.stale()), held.revision)

    def validate(self, declared: Declared) -> Sequence[Problem]:
        found = [*impossible(declared, self.settings, self.place), *harmful(declared, self.settings.host, self.port())]
        if any(each.severity == "error" for each in found):
            return found
        wanted = self._made(declared)
        settings = self.settings
        if settings.tls is not None and not (self.folder.path / SDS).exists():
            # It never ran yet: what it serves can be right already, its certificate is looked at when it starts.
            settings = settings.model_copy(update={"tls": None})
        error = refused(inlined(settings, self.folder.path, *wanted.without(self._checked)), self.folder.path)
        if error:
            message = msg("Envoy would refuse this: {reason}", reason=error)
            found.append(Problem("envoy.refused", message, msg("Nothing was changed; mend what it names.")))
        else:
            self._checked = frozenset(wanted.digests.values())
        return found

    def apply(self, declared: Declared, changes: Sequence[Change], progress: Progress = lambda done, all: None) -> str:
        stops = until(declared, declared.exhausted)
        wanted = self._made(declared)
        filters = {**wanted.filters, LUA: lookup(declared, stops)} if stops else wanted.filters
        revision = digest([wanted.digests, stops])
        before = self._files()
        progress(0, 1)
        try:
            self.folder.put(wanted.clusters, filters, wanted.routes, revision)
            # As for `block`: after a kill in between it is told again, and not taken for live.
            files.write_text(self.folder.path / BLOCKED, json.dumps(stops), 0o600)
            held = Held(revision, without(declared.items, self.dropped(declared)), made(self.folder.seen))
            held.write(self.folder.path)
        except OSError as error:
            with suppress(OSError):  # a disk that is full: what it holds then is read afterwards, and told
                self._back(before)
            raise _unwritten(error) from error
        except BaseException:
            self._back(before)
            raise
        progress(1, 1)
        return revision

    def block(self, declared: Declared, exhausted: frozenset[tuple[str, str]]) -> None:
        """Let those of whom a quota is used up wait until its period ends. Nothing else changes, and no bucket of a rate is filled
        again."""
        stops = until(declared, exhausted)
        if stops == self._blocked():
            return
        # Noted only once it is live: what failed is tried again.
        try:
            self.folder.put_filter(LUA, lookup(declared, stops), f"{self._last().revision}.{digest(stops)}")
            files.write_text(self.folder.path / BLOCKED, json.dumps(stops), 0o600)
        except OSError as error:
            raise _unwritten(error) from error

    def close(self, fingerprints: frozenset[str]) -> None:
        """Keys and passwords that have ended go, also while something else was changed by hand."""
        for name in (KEYS, PASSWORDS):
            known, _revision = read(self.folder.path / ecds(name))
            left = [remaining(each, fingerprints) for each in known]
            if left != known:
                content = left[0]["typed_config"]
                try:
                    self.folder.put_filter(name, content, f"{self._last().revision}.{digest(content)}")
                except OSError as error:
                    raise _unwritten(error) from error

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        return AccessLog(self.folder.path, self.settings.log_size.bytes, self._reopen).rows(mark)

    def state(self) -> Mapping[str, Any]:
        port = self.port()
        scheme = "https" if self.settings.tls is not None else "http"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)  # noqa: S104 - compared only
        told = admin.info(self.folder.socket)
        if not told and (trouble := self._trouble()) is not None:
            raise trouble
        address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        return {
            "address": address if port else "",
            "alive": told.get("state") == "LIVE",
            "version": next(iter(str(told.get("version", "")).split("/")[1:2]), ""),
        }

    def port(self) -> int:
        """The port that it listens on, or 0 as long as none was chosen."""
        if self.settings.port:
            return self.settings.port
        try:
            return int(json.loads((self.folder.path / ADDRESS).read_text(encoding="utf-8"))["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _made(self, declared: Declared) -> Made:
        return self._making.of(declared, authorities(self.settings, self.place) if verifies(declared) else "")

    # -- what is kept beside Envoy's own files

    def _last(self) -> Held:
        """What was pushed last, read anew where it is another."""
        now = files.stamp(self.folder.path / FILE)
        if self._held is None or self._held[0] != now:
            self._held = now, Held.read(self.folder.path)
        return self._held[1]

    def _trouble(self) -> NodeError | None:
        """Why the executor could not start it."""
        try:
            told = json.loads((self.folder.path / TROUBLE).read_text(encoding="utf-8"))
            fix = Message.from_json(told["fix"]) if told["fix"] else None
            return NodeError(Message.from_json(told["message"]), fix=fix)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _blocked(self) -> list[tuple[str, str, int]]:
        try:
            listed = json.loads((self.folder.path / BLOCKED).read_text(encoding="utf-8"))
            return [(str(consumer), str(api), int(until)) for consumer, api, until in listed]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _files(self) -> dict[str, bytes | None]:
        names = [BLOCKED, RDS, CDS, *(ecds(name) for name in CHANGING)]
        return {name: _bytes(self.folder.path / name) for name in names}

    def _back(self, before: Mapping[str, bytes | None]) -> None:
        """The last good files: Envoy serves on with what they hold."""
        for name, content in before.items():
            path = self.folder.path / name
            if content is None:
                path.unlink(missing_ok=True)
            elif _bytes(path) != content:
                with files.replacing(path, 0o600) as temporary:
                    temporary.write_bytes(content)

    def _reopen(self) -> None:
        admin.ask(self.folder.socket, "POST", "/reopen_logs")


def until(declared: Declared, exhausted: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """`(consumer, API id, second)`: when the period of the quota ends that was used up."""
    now, found = time.time(), []
    for consumer, api in sorted(exhausted):
        quotas = [
            plan.quota
            for each in declared.subscriptions.values()
            if each.consumer == consumer and each.api == api
            for plan in (declared.plans.get(each.plan),)
            if plan is not None and plan.quota is not None
        ]
        if quotas:
            found.append((consumer, api, max(periods.end(quota.period, now) for quota in quotas)))
    return found


def _unwritten(error: OSError) -> NodeError:
    return NodeError(
        "The files of the embedded gateway cannot be written: {reason}.", reason=error.strerror or str(error), retry=True
    )


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
