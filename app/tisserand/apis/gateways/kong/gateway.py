"""The adapter for Kong."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tisserand.apis.gateways.adapter import Capabilities, Change, Dropped, Gateway, Live, PolicyName, Progress
from tisserand.apis.gateways.compare import without
from tisserand.apis.gateways.coverage import unsupported
from tisserand.apis.gateways.http_api import HttpApi
from tisserand.apis.gateways.kept import Kept, kept, pack, seen, strays, unpack
from tisserand.apis.gateways.kong import configuration, deck, entities, fitting
from tisserand.apis.gateways.kong.admin import Admin, others_of, split
from tisserand.apis.gateways.kong.configuration import Configuration
from tisserand.apis.gateways.kong.entities import Entities
from tisserand.apis.neutral import Declared, digest
from tisserand.files import write_text
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config, When, Words
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import Secret, TargetPath
from tisserand.texts import Message, msg

ENFORCED: frozenset[PolicyName] = frozenset({
    "api_key", "basic", "jwt", "open", "subscriptions", "rate", "quota", "cors", "max_body", "ip_allow", "ip_deny",
    "request_headers", "response_headers", "cache", "health", "weights", "timeout", "lifecycle", "hosts", "version_path",
    "version_header", "operations", "operation_policies",
})  # fmt: skip
TESTED = "Schema-checked, never run against a live Kong: Kong’s own schemas (3.9, format 3.0 of decK), and a stand-in of its Admin API."
CHECKED = 100
"""Configurations of plugins that Kong is asked about before a push."""


class KongSettings(Config):
    """Where a Kong is, and how it is told what to do."""

    mode: Annotated[
        Literal["auto", "dbless", "database", "file"],
        Words(auto="As Kong itself says", dbless="Without a database", database="With a database", file="A file for decK, nobody is called"),
    ] = "auto"  # fmt: skip
    """How it takes definitions: whole and at once, entity by entity, or from a file that somebody else hands it."""
    owner: str = Field("", pattern=r"^[A-Za-z0-9._-]*$")
    """The word by which we know our things there again. Another workspace that pushes to the same Kong needs another one; empty: the
    name of the gateway."""
    admin: Annotated[str, When(mode=("auto", "dbless", "database"), required=True)] = Field("", pattern=r"^(https?://.*)?$")
    """Address of its Admin API, for example `http://127.0.0.1:8001`."""
    token: Secret | None = None
    """What proves that we may, where it asks for something."""
    token_header: str = "Kong-Admin-Token"  # noqa: S105
    """The header that the token goes in."""
    workspace: str = Field("", pattern=r"^[A-Za-z0-9._~-]*$")
    """A workspace of Kong Enterprise."""
    verify: bool = True
    """Check the certificate of the Admin API."""
    file: Annotated[TargetPath, When(mode="file", required=True)] = TargetPath("")
    """The file; keys of consumers stand in it, so nobody else may read it."""
    counters: Annotated[
        Literal["local", "cluster"], Words(local="On each node by itself", cluster="In the database, for all nodes together")
    ] = "local"
    """Where calls are counted. Kong without a database counts on each node."""
    address: str = ""
    """Where callers reach it, for people."""


class Kong(Gateway):
    """Kong Gateway 3 (OSS)."""

    kind: ClassVar[str] = "kong"
    title: ClassVar[str] = "Kong"
    Settings: ClassVar[type[Config]] = KongSettings

    @property
    def _set(self) -> KongSettings:
        assert isinstance(self.settings, KongSettings)
        return self.settings

    @property
    def _owner(self) -> str:
        return self._set.owner or self.name

    @property
    def _file(self) -> Path:
        return self.place.root / self._set.file

    def capabilities(self) -> Capabilities:
        return Capabilities(ENFORCED, atomic=self._set.mode in ("dbless", "file"), tested=TESTED)

    def dropped(self, declared: Declared) -> Sequence[Dropped]:
        reasons: dict[PolicyName, Message] = {
            "mtls": msg("Kong without a licence does not tell consumers by their certificates: nobody gets in with one."),
            "retries": msg("Kong sends a request again when it could not be delivered, not after an answer of 502, 503 or 504."),
            "version_query": msg("Kong does not tell versions apart by the query: a request may reach another version."),
        }
        return [*unsupported(declared, self.capabilities(), reasons), *fitting.dropped(declared)]

    def validate(self, declared: Declared) -> Sequence[Problem]:
        found = [*fitting.problems(declared)]
        if found or self._set.mode == "file":
            return found
        admin = self._admin
        admin.hide(_secrets(declared))
        if self._set.counters == "cluster" and self._without_database(admin):
            message = msg("Kong without a database counts calls on each node by itself.")
            found.append(Problem("gateway.unfit", message, None, Place(field=f"{self.name}.settings.counters")))
        plugins: dict[str, entities.Entity] = {}
        for each in self._configuration(declared).entities["plugin"].values():
            plugins.setdefault(json.dumps([each["name"], each["config"]], sort_keys=True), each)
        for each in list(plugins.values())[:CHECKED]:
            if fault := admin.plugin_fault(each["name"], each["config"]):
                message = msg("Kong refuses the plugin “{plugin}” of “{name}”: {fault}",
                              plugin=each["name"], name=each["instance_name"], fault=fault[:300])  # fmt: skip
                found.append(Problem("gateway.refused", message))
        return found

    def read(self) -> Live:
        found, others = self._live()
        live = {
            f"{kind}/{entities.known_as(self._owner, kind, each)}": entities.said(kind, each)
            for kind, some in found.items()
            for each in some.values()
        }
        told = _kept(found)
        items = {each.item: seen(each, live, entities.without_secrets) for each in told}
        hanging = {
            name: entities.said(name.partition("/")[0], each)
            for name, each in entities.hanging(found, others, self._owner).items()
        }
        return Live(
            {**items, **strays(told, live, entities.without_secrets)}, digest(live), len(others.get("service", ())),
            strays((), hanging, entities.without_secrets),
        )  # fmt: skip

    def apply(self, declared: Declared, changes: Sequence[Change], progress: Progress = lambda done, all: None) -> str:
        made = self._configuration(declared)
        if self._set.mode == "file":
            self._write(made)
        else:
            admin = self._admin
            admin.hide(_secrets(declared))
            if self._without_database(admin):
                _, others = split(admin.whole(), self._owner)
                admin.replace(deck.flat(made.entities, others))
            else:
                self._one_by_one(admin, made, progress)
        progress(len(changes), len(changes))
        return digest(made.objects())

    def state(self) -> Mapping[str, Any]:
        if self._set.mode == "file":
            return {"address": self._set.address}
        try:
            version = str(self._admin.information().get("version", ""))
        except NodeError:
            return {"address": self._set.address, "alive": False}
        return {"address": self._set.address, "version": version, "alive": True}

    # -- inside

    @cached_property
    def _admin(self) -> Admin:
        headers = {self._set.token_header: self.place.secret(self._set.token.name)} if self._set.token else {}
        return Admin(
            HttpApi(self.name, self._set.admin, headers, timeout=60, verify=self._set.verify), self._set.workspace, self._owner
        )

    def _without_database(self, admin: Admin) -> bool:
        return admin.without_database() if self._set.mode == "auto" else self._set.mode == "dbless"

    def _configuration(self, declared: Declared) -> Configuration:
        made = configuration.build(self._owner, declared, self._set.counters)
        items = without(declared.items, self.dropped(declared))
        told = {each.item: pack(each) for each in kept(items, made.objects(), made.owners) if each.item in made.carriers}
        made.carry(told)
        return made

    def _live(self) -> tuple[Entities, Entities]:
        """What is ours, and what is not."""
        if self._set.mode == "file":
            try:
                text = self._file.read_text(encoding="utf-8")
            except FileNotFoundError:
                return {kind: {} for kind in entities.KINDS}, {}
            except (OSError, UnicodeDecodeError) as error:
                raise NodeError("The file “{file}” cannot be read: {reason}", file=self._file.name, reason=str(error)) from None
            return deck.unnested(deck.parse(text, self._file.name)), {}
        admin = self._admin
        if self._without_database(admin):
            found, rest = split(admin.whole(), self._owner)
            return found, others_of(rest)
        return admin.read()

    def _write(self, made: Configuration) -> None:
        try:
            write_text(self._file, deck.text_of(deck.nested(made.entities)), 0o600)
        except OSError as error:
            raise NodeError("The file “{file}” cannot be written: {reason}", file=self._file.name, reason=str(error)) from None

    def _one_by_one(self, admin: Admin, made: Configuration, progress: Progress) -> None:
        live, _ = admin.read()
        before = copy.deepcopy(live)
        count, done = sum(map(len, made.entities.values())), [0]

        def step() -> None:
            done[0] += 1
            progress(min(done[0], count), count)

        try:
            admin.converge(live, made.entities, step)
        except NodeError as error:
            # What was asked for last may have had its effect although no answer came: look again before going back.
            try:
                live, _ = admin.read()
                admin.restore(live, before)
            except NodeError as second:
                raise NodeError(
                    msg("{first} Not all could be undone: {second}", first=error.message, second=second.message),
                    fix="Push again when it answers.", retry=True,
                ) from error  # fmt: skip
            raise


def _secrets(declared: Declared) -> list[str]:
    """What must not be repeated in a sentence."""
    headers = [value for some in declared.upstream_headers.values() for value in some.values()]
    return [*declared.values.values(), *headers]


def _kept(found: Entities) -> list[Kept]:
    words = [word for some in found.values() for each in some.values() for word in entities.words_of(each)]
    return [each for word in words if (each := unpack(word)) is not None]
