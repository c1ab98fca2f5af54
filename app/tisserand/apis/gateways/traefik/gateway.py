"""The adapter for Traefik: a file in its folder, its own interface to see what it made of it."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tisserand.apis.gateways.adapter import Capabilities, Change, Dropped, Gateway, Live, PolicyName, Progress
from tisserand.apis.gateways.compare import without
from tisserand.apis.gateways.coverage import unsupported
from tisserand.apis.gateways.entitled import entitled_by_api
from tisserand.apis.gateways.http_api import HttpApi
from tisserand.apis.gateways.kept import kept, seen, strays
from tisserand.apis.gateways.traefik import access_log, dynamic, file, fitting, rules, trial
from tisserand.apis.neutral import Declared
from tisserand.apis.usage import UsageRow
from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.sdk.config import Config, Unit, When
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import FilePath, FolderPath, Secret
from tisserand.texts import Message, msg

ENFORCED: frozenset[PolicyName] = frozenset({
    "api_key", "basic", "open", "subscriptions", "rate", "cors", "max_body", "ip_allow", "ip_deny", "request_headers",
    "response_headers", "retries", "health", "weights", "timeout", "lifecycle", "hosts", "version_path", "version_header",
    "version_query", "operations", "operation_policies",
})  # fmt: skip
COUNTED: frozenset[PolicyName] = frozenset({"quota", "usage"})
"""What needs Traefik's access log."""
AGAIN = "~again"
"""Behind the revision of a file that is pushed once more."""
TESTED = "Traefik 3.7.15, the real program: every policy by requests, with it and without it."


class TraefikSettings(Config):
    """Where a Traefik is, and how it is told what to do."""

    folder: FolderPath
    """The folder of its file provider (`providers.file.directory`, with `watch`); our file in it is `tisserand-OWNER.yaml`."""
    owner: str = Field("", pattern=r"^[A-Za-z0-9._-]*$")
    """The word that our names there begin with. Another workspace that pushes to the same Traefik needs another one; empty: the name
    of the gateway."""
    api: str = Field("", pattern=r"^(https?://.*)?$")
    """Address of its own interface (`api`), for example `http://127.0.0.1:8080`: there is seen what it made of the file. Empty: a push
    is written and not looked after."""
    api_user: str = ""
    """Name for that interface, where it asks for one."""
    api_password: Annotated[Secret | None, When(api_user=())] = None
    """The password that goes with it."""
    verify: bool = True
    """Check the certificate of that interface."""
    entry_points: list[str] = Field(["web"], min_length=1)
    """The entry points at which APIs are found."""
    tls: bool = False
    """Answer at these entry points with TLS only."""
    certificate: Annotated[str, When(tls=True)] = ""
    """The certificate, a path as Traefik sees it; empty: one of those that it has."""
    key: Annotated[str, When(tls=True)] = ""
    """The private key that goes with it."""
    address: str = ""
    """Where callers reach it, for people."""
    access_log: FilePath = FilePath("")
    """Its access log (`accesslog.format=json`), if it can be read from here: usage and quotas are counted from it."""
    group: bool = False
    """Let the group of the folder read the file, too: keys of consumers stand in it, and Traefik must be able to read them."""
    patience: Annotated[float, Field(ge=0.5, le=120), Unit("s")] = 15.0
    """How long it may take to load the file."""
    program: FilePath = FilePath("")
    """A `traefik` program of this machine that tries definitions before a push; empty: the one on the path, if there is one."""


class Traefik(Gateway):
    """Traefik Proxy 3.6 or later, through its file provider. A push replaces one file."""

    kind: ClassVar[str] = "traefik"
    title: ClassVar[str] = "Traefik"
    Settings: ClassVar[type[Config]] = TraefikSettings

    @property
    def _set(self) -> TraefikSettings:
        assert isinstance(self.settings, TraefikSettings)
        return self.settings

    @property
    def _owner(self) -> str:
        return self._set.owner or self.name

    @property
    def path(self) -> Path:
        """Our file."""
        return (self.place.root / self._set.folder / f"tisserand-{self._owner}.yaml").absolute()

    def capabilities(self) -> Capabilities:
        counted = bool(self._set.access_log)
        return Capabilities(ENFORCED | (COUNTED if counted else frozenset()), atomic=True, usage=counted, tested=TESTED)

    def dropped(self, declared: Declared) -> Sequence[Dropped]:
        reasons: dict[PolicyName, Message] = {
            "jwt": msg("Traefik without a licence does not check tokens (JWT): nobody gets in with one."),
            "cache": msg("Traefik without a licence keeps no answers: every call reaches the service."),
            "quota": msg("Traefik counts no calendar periods; with its access log (setting “access_log”) we count them."),
        }
        found = unsupported(declared, self.capabilities(), reasons)
        for api in declared.apis:
            if api.upstream.health is not None:
                reason = msg("Traefik takes a target out after one failed check, and back after one good one.")
                found += [Dropped(f"api/{api.key}", f"upstream.health.{name}", reason) for name in ("unhealthy", "healthy")]
        return [*found, *_counted_twice(declared)]

    def validate(self, declared: Declared) -> Sequence[Problem]:
        found = fitting.problems(declared)
        if found:
            return found
        program = trial.program(self._set.program)
        return trial.problems(program, self._text(declared)[0], self._set.entry_points) if program else ()

    def read(self) -> Live:
        foreign, loaded = 0, None
        if self._set.api:
            loaded = self._api.json("GET", "/api/rawdata")
            foreign = _foreign(loaded, self._owner)
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Live(foreign=foreign)
        except (OSError, UnicodeDecodeError) as error:
            raise NodeError("The file “{file}” cannot be read: {reason}", file=self.path.name, reason=str(error)) from None
        content = file.parse(self._owner, text)
        live = {name: _as_loaded(name, each, loaded) for name, each in content.objects.items()}
        items = {each.item: seen(each, live, _shown) for each in content.kept}
        others = strays(content.kept, {**content.objects, **self._others(content)}, _shown)
        return Live({**items, **others}, content.revision, foreign)

    def apply(self, declared: Declared, changes: Sequence[Change], progress: Progress = lambda done, all: None) -> str:
        text, revision = self._text(declared)
        before = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else None
        try:
            if text != before:
                if self._serves(revision):
                    # It was pushed before and changed by hand since: what is seen of it now is of then. Under another mark, which tells
                    # that the file is read, and then under its own.
                    again = f"{revision}{AGAIN}"
                    self._write(text.replace(file.marker(self._owner, revision), file.marker(self._owner, again)))
                    self._loaded(again)
                self._write(text)
            self._loaded(revision)
        except NodeError:
            if text != before:
                self._back(before)
            raise
        progress(len(changes), len(changes))
        return revision

    def block(self, declared: Declared, exhausted: frozenset[tuple[str, str]]) -> None:
        """Refuse these `(consumer, api id)` with 429, and nobody else. Raises `NodeError` where the file was changed by hand: that is
        overwritten by a push only."""
        if not self._set.access_log:
            return
        items = self.read().items
        if not items or any("live" in content for content in items.values()):
            raise NodeError(
                "The file for Traefik was changed by hand: who has used up a quota is not refused until the next push.",
                fix="See “tisserand gateway drift {name}”, then push.", name=self.name,
            )  # fmt: skip
        self.apply(replace(declared, exhausted=exhausted), ())

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        if not self._set.access_log:
            return super().usage(mark)
        return access_log.read(self.place.root / self._set.access_log, mark, self._owner, self._items)

    def _others(self, content: file.Content) -> Mapping[str, Any]:
        """What stands in the file outside of `http`, and is none of ours."""
        return {name: each for name, each in content.others.items() if name != "tls" or each != file.tls_of(self._certificate)}

    @property
    def _certificate(self) -> Mapping[str, str] | None:
        settings = self._set
        return {"certFile": settings.certificate, "keyFile": settings.key} if settings.tls and settings.certificate else None

    def _items(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        return {each.item: each.content for each in file.items(text)}

    def state(self) -> Mapping[str, Any]:
        if not self._set.api:
            return {"address": self._set.address}
        try:
            version = self._api.json("GET", "/api/version") or {}
        except NodeError:
            return {"address": self._set.address, "alive": False}
        return {"address": self._set.address, "version": str(version.get("Version", "")), "alive": True}

    # -- inside

    def _text(self, declared: Declared) -> tuple[str, str]:
        """The file for what is declared, and its revision."""
        now = datetime.now(UTC)
        made = dynamic.build(self._owner, declared, self._set.entry_points, self._set.tls, dynamic.next_periods(declared, now))
        made.share([f"api/{api.key}" for api in declared.apis])
        items = kept(without(declared.items, self.dropped(declared)), made.objects, made.owners)
        revision = file.revision_of(made.objects, items)
        return file.text_of(self._owner, made.objects, items, revision, self._certificate), revision

    def _write(self, text: str) -> None:
        if not self.path.parent.is_dir():
            raise NodeError("There is no folder “{folder}” for Traefik.", folder=str(self.path.parent), field="settings.folder")
        try:
            write_text(self.path, text, 0o640 if self._set.group else 0o600)
        except OSError as error:
            raise NodeError("The file “{file}” cannot be written: {reason}", file=self.path.name, reason=str(error)) from None

    def _back(self, before: str | None) -> None:
        """What was there before, so that it serves on."""
        if before is None:
            self.path.unlink(missing_ok=True)
        else:
            self._write(before)

    def _serves(self, revision: str) -> bool:
        """Whether Traefik has read a file with this revision."""
        path = f"/api/http/middlewares/{file.marker(self._owner, revision)}@file"
        return bool(self._set.api) and self._api.json("GET", path, fine=(404,)) is not None

    def _loaded(self, revision: str) -> None:
        """Wait until Traefik serves this revision. Raises `NodeError` with what it holds against it."""
        if not self._set.api:
            return
        end = time.monotonic() + self._set.patience
        while not self._serves(revision):
            if time.monotonic() > end:
                raise NodeError(
                    "Traefik has not loaded the file within {seconds} s.", seconds=self._set.patience,
                    fix="Look into its log: it may be unable to read “{file}”, or watch another folder.", file=self.path.name,
                )  # fmt: skip
            time.sleep(0.05)
        faults = _faults(self._api.json("GET", "/api/rawdata"), self._owner)
        if faults:
            raise NodeError("Traefik refuses {count} of the definitions: {faults}", count=len(faults), faults=faults[:3])

    @cached_property
    def _api(self) -> HttpApi:
        headers = {}
        if self._set.api_user and self._set.api_password:
            word = base64.b64encode(f"{self._set.api_user}:{self.place.secret(self._set.api_password.name)}".encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        return HttpApi(self.name, self._set.api, headers, verify=self._set.verify)


def _counted_twice(declared: Declared) -> list[Dropped]:
    """Subscriptions of every version whose calls are counted for some versions apart, as a subscription of one version stands beside
    them."""
    lists: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    callers = entitled_by_api(declared)
    for api in declared.apis:
        if api.lifecycle != "retired":
            for caller in callers[api.key]:
                lists.setdefault((api.id, caller.consumer), set()).add(tuple(caller.subscriptions))
    reason = msg(
        "The calls of this subscription are counted apart for versions that the consumer has subscribed by themselves, too."
    )
    found = []
    for (_, _), some in sorted(lists.items()):
        if len(some) > 1:
            twice = sorted({id for each in some for id in each if sum(id in other for other in some) > 1})
            found += [Dropped(f"subscription/{id}", "counted", reason, "limit") for id in twice if _limited(declared, id)]
    return found


def _limited(declared: Declared, subscription: str) -> bool:
    plan = declared.plans.get(declared.subscriptions[subscription].plan)
    return plan is not None and bool(plan.rate)


def _foreign(loaded: Mapping[str, Any], gateway: str) -> int:
    names = [*(loaded.get("routers") or {}), *(loaded.get("services") or {})]
    return sum(not name.startswith(f"{gateway}~") and not name.endswith("@internal") for name in names)


def _faults(loaded: Mapping[str, Any], gateway: str) -> list[str]:
    """What Traefik refuses of ours: `name: why`."""
    found = []
    for kind in ("routers", "middlewares", "services"):
        for name, each in sorted((loaded.get(kind) or {}).items()):
            if name.startswith(f"{gateway}~") and each.get("status") not in (None, "enabled"):
                found.append(
                    f"{name.removesuffix('@file')}: {rules.without_secrets('; '.join(each.get('error') or ['disabled']))}"
                )
    return found


def _as_loaded(name: str, content: Any, loaded: Mapping[str, Any] | None) -> Any:
    """An object of the file, or what Traefik says of it where it does not serve it as it stands there."""
    kind, _, id = name.partition("/")
    if loaded is None or kind not in ("routers", "middlewares", "services"):
        return content
    found = (loaded.get(kind) or {}).get(f"{id}@file")
    if found is None:
        return {"status": "not loaded"}
    if found.get("status") not in (None, "enabled"):
        return {"status": found["status"], "error": [rules.without_secrets(each) for each in found.get("error") or []]}
    if kind == "routers" and isinstance(content, Mapping) and found.get("rule") != content.get("rule"):
        return {"status": "loaded with another rule", "rule": found.get("rule")}
    return content


def _shown(name: str, content: Any) -> Any:
    """An object without keys and credentials."""
    if not isinstance(content, Mapping):
        return content
    shown = dict(content)
    if isinstance(shown.get("rule"), str):
        shown["rule"] = rules.without_secrets(shown["rule"])
    if isinstance(headers := shown.get("headers"), Mapping) and isinstance(told := headers.get("customRequestHeaders"), Mapping):
        shown["headers"] = {**headers, "customRequestHeaders": {each: "•••" if value else "" for each, value in told.items()}}
    return shown
