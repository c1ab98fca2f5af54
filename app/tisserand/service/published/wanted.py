"""What is to be served, and for whom: the flows of published APIs, with the keys of those who subscribed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, time

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.apis.model import Api, ApiKey, Consumer, Open, Subscription
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.published.calls import Serving
from tisserand.service.published.credential import gateway_credential
from tisserand.service.published.operations import LARGE
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import SecretStore, secret_store


class Wanted:
    """Reads the catalogue anew only where its files have changed."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.root = catalogue.root
        self._catalogue = catalogue
        self._digests: dict[tuple[str, str], str] = {}
        """Secret and fingerprint → SHA-256 of its value."""
        self._own = ""

    def published(self) -> list[tuple[ApiFile, Api]]:
        """The APIs that a flow of this workspace answers now."""
        return [
            (file, file.api)
            for file in self._catalogue.apis()
            if file.api is not None and file.api.upstream.flow and file.api.lifecycle in ("published", "deprecated")
        ]

    def servings(self) -> tuple[dict[str, Serving], dict[str, Problem]]:
        """By `id@version`: how each is to be served, and why one cannot be."""
        apis = self.published()
        found: dict[str, Serving] = {}
        problems: dict[str, Problem] = {}
        if not apis:
            return found, problems
        workspace = Workspace(self.root)
        store = secret_store(workspace.id)
        self._own = self._own or _digest(gateway_credential(workspace.id))
        for file, api in apis:
            try:
                found[api.key] = self._serving(workspace, store, api)
            except NodeError as error:
                problems[api.key] = Problem("published.flow", error.message, None, Place(file=file.file, field="upstream.flow"))
        return found, problems

    def _serving(self, workspace: Workspace, store: SecretStore, api: Api) -> Serving:
        flow = workspace.find_flow(api.upstream.flow)
        if not flow.is_relative_to(self.root):
            raise NodeError("“{path}” lies outside the workspace.", path=str(flow))
        keyed = next((each for each in api.security if isinstance(each, ApiKey)), None)
        behind = self._behind_gateway(api)
        keys: dict[str, tuple[str, float | None]] = {}
        plans: dict[str, str] = {}
        if keyed is not None and not behind:
            keys, plans = self._callers(store, api)
        return Serving(
            api.id, api.version, flow.relative_to(self.root).as_posix(), api.upstream.mode, api.upstream.timeout.seconds,
            gateway=self._own if behind else "",
            keys=keys,
            key_place=keyed.place if keyed is not None else "header",
            key_name=keyed.name if keyed is not None else "x-api-key",
            open=any(isinstance(each, Open) and each.approved_by for each in api.security),
            max_body=api.policies.max_body.bytes if api.policies.max_body is not None else LARGE,
            plans=plans,
            own=self._own,
            base=api.path,
        )  # fmt: skip

    def _behind_gateway(self, api: Api) -> bool:
        """Whether a gateway settles who calls. Where nobody can tell, for the file is broken, nothing else is let in."""
        gateways = self._catalogue.gateways()
        if gateways.problems:
            return True
        return any(name in gateways.by_id for name in api.gateways) if api.gateways else bool(gateways.by_id)

    def _callers(self, store: SecretStore, api: Api) -> tuple[dict[str, tuple[str, float | None]], dict[str, str]]:
        keys: dict[str, tuple[str, float | None]] = {}
        plans: dict[str, str] = {}
        consumers: Mapping[str, Consumer] = self._catalogue.consumers().by_id
        now = datetime.now(UTC)
        for subscription in self._catalogue.subscriptions().by_id.values():
            consumer = consumers.get(subscription.consumer)
            if consumer is None or not _holds(subscription, api, now):
                continue
            plans[subscription.consumer] = subscription.plan
            for credential in consumer.credentials:
                expires = _earlier(credential.expires, subscription)
                if credential.kind != "api_key" or credential.state != "active" or (expires or 1e18) <= now.timestamp():
                    continue
                digest = self._known(store, credential.secret.name, credential.fingerprint)
                if digest is not None:
                    keys[digest] = (subscription.consumer, expires)
        return keys, plans

    def _known(self, store: SecretStore, name: str, fingerprint: str) -> str | None:
        """SHA-256 of a secret; None for one that is not there or is another than the file says: it lets nobody in."""
        known = self._digests.get((name, fingerprint))
        if known is None:
            value = store.get(name)
            if value is None:
                return None
            known = _digest(value)
            if fingerprint != f"sha256:{known[:16]}":
                return None
            self._digests[name, fingerprint] = known
        return known


def unsafe(api: Api) -> Problem | None:
    """Why nobody could call an API without a gateway: only API keys are checked by the process itself."""
    if any(isinstance(each, ApiKey | Open) for each in api.security):
        return None
    return Problem(
        "published.security", msg("Only a gateway can check how callers of “{api}” prove who they are.", api=api.key),
        msg("Add a gateway, or let callers show an API key."), severity="warning",
    )  # fmt: skip


def _holds(subscription: Subscription, api: Api, now: datetime) -> bool:
    if subscription.api != api.id or subscription.version not in ("", api.version) or subscription.state != "active":
        return False
    today = now.date()
    return (subscription.start is None or subscription.start <= today) and (subscription.end is None or subscription.end >= today)


def _earlier(expires: datetime | None, subscription: Subscription) -> float | None:
    ends: list[float] = []
    if expires is not None:
        ends.append((expires if expires.tzinfo else expires.replace(tzinfo=UTC)).timestamp())
    if subscription.end is not None:
        ends.append(datetime.combine(subscription.end, time.max, UTC).timestamp())
    return min(ends, default=None)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
