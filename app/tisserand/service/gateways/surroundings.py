"""Where the values come from that stand in no file of the catalogue: secrets, addresses of published flows, key sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.apis.catalogue.declaring import Surroundings
from tisserand.apis.gateways.adapter import Place
from tisserand.apis.model import Operation
from tisserand.apis.usage_store import UsageSource
from tisserand.engine.launch import Refused
from tisserand.sdk.errors import NodeError
from tisserand.service.gateways.flows import FlowUsages, addresses
from tisserand.service.published.calls import CREDENTIAL_HEADER
from tisserand.service.published.credential import gateway_credential
from tisserand.service.published.folder import published_folder
from tisserand.workspace import secrets
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

PATIENCE = (5.0, 10.0)
"""Seconds until a provider of keys answers."""
LARGEST = 1_000_000
"""Bytes of a key set."""


class Around:
    """What surrounds the catalogue of one workspace."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._workspace = Workspace(executor.root)
        self._catalogue = executor.catalogue
        self._flows = FlowUsages(executor.root)

    @cached_property
    def secret_store(self) -> secrets.SecretStore:
        return secrets.secret_store(self._workspace.id)

    def now(self) -> Surroundings:
        return Surroundings(self.values, self.addresses(), self.credential(), self._keys, datetime.now(UTC), self.operations())

    def operations(self) -> Mapping[str, Sequence[Operation]]:
        """API key → what its flow answers; for a flow that answers later, the job that is asked for too."""
        found = {}
        for file in self._catalogue.apis():
            api = file.api
            if api is None or not api.upstream.flow or api.openapi or api.lifecycle in ("draft", "retired"):
                continue
            try:
                told = self._executor.published.suits(api.upstream.flow).operations
            except Refused:
                continue  # a flow that is gone has no address either: that is told
            jobs = [Operation(method="GET", path="/jobs/{id}")] if api.upstream.mode == "async" else []
            found[api.key] = [*(Operation(method=each["method"], path=each["path"]) for each in told), *jobs]
        return found

    def values(self, names: Iterable[str]) -> Mapping[str, str]:
        """The values of secrets, where they are known."""
        wanted = {*names}
        return secrets.values(self.secret_store, wanted) if wanted else {}

    def place(self, gateway: str) -> Place:
        """Where an adapter lives."""
        state = self._workspace.state / "gateways" / gateway
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.chmod(0o700)
        return Place(self._executor.root, state, self._secret)

    def addresses(self) -> Mapping[str, str]:
        """API key → where its published flow answers now."""
        return addresses(self._executor.root)

    def credential(self) -> Mapping[str, str]:
        """Headers by which published flows know a gateway; none where no flow was ever published."""
        if not published_folder(self._executor.root).is_dir():
            return {}
        return {CREDENTIAL_HEADER: gateway_credential(self._workspace.id, self.secret_store)}

    def flow_usage(self) -> Sequence[UsageSource]:
        """Published flows, which tell of the calls that came past no gateway."""
        return self._flows.sources()

    def _secret(self, reference: str) -> str:
        name = reference.removeprefix("secret:").strip()
        value = self.secret_store.get(name)
        if value is None:
            raise NodeError(
                "There is no secret “{name}” in {where}.",
                fix="Set it: tisserand secret set {name}",
                name=name,
                where=self.secret_store.where,
            )
        return value

    def _keys(self, place: str) -> Mapping[str, Any]:
        """A key set (RFC 7517) of an `https` address or of a file of the workspace."""
        text = self._downloaded(place) if "://" in place else self._file(place)
        try:
            data = json.loads(text)
        except ValueError as error:
            raise NodeError("“{place}” is not JSON: {reason}", place=place, reason=str(error)) from None
        keys = data.get("keys") if isinstance(data, dict) else None
        if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
            raise NodeError("“{place}” holds no set of keys (“keys”, RFC 7517).", place=place)
        if any("d" in key or key.get("kty") == "oct" for key in keys):
            raise NodeError("“{place}” holds private or shared keys: only public keys belong there.", place=place)
        return {"keys": keys}

    def _file(self, place: str) -> str:
        path = (self._executor.root / place).resolve()
        if not path.is_relative_to(self._executor.root):
            raise NodeError("“{path}” lies outside the workspace.", path=place)
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NodeError("“{path}” cannot be read: {reason}", path=place, reason=reason) from None

    @staticmethod
    def _downloaded(url: str) -> str:
        import requests

        if not url.startswith("https://"):
            raise NodeError("Keys are read over https only, not from “{url}”.", url=url)
        try:
            answer = requests.get(url, timeout=PATIENCE, allow_redirects=False)
        except requests.RequestException as error:
            raise NodeError("“{url}” does not answer ({error}).", url=url, error=type(error).__name__, retry=True) from None
        if answer.status_code != 200 or len(answer.content) > LARGEST:
            raise NodeError("“{url}” gives no keys: HTTP status {status}.", url=url, status=answer.status_code, retry=True)
        return answer.text
