"""The credential by which published flows know the gateways of their workspace; its value stands among the secrets only."""

from __future__ import annotations

import secrets
import threading

from tisserand.workspace.secrets import SecretStore, secret_store

NAME = "tisserand.gateway-credential"
_making = threading.Lock()
"""Several threads of the executor ask for it first when the first flow is published: who kept one that another replaced would be
refused until it starts anew."""


def gateway_credential(workspace_id: str, store: SecretStore | None = None) -> str:
    """The credential, made when it is first asked for. Raises `NodeError` where the secrets cannot be read."""
    store = store or secret_store(workspace_id)
    if (known := store.get(NAME)) is not None:
        return known
    with _making:
        if (known := store.get(NAME)) is not None:
            return known
        store.set(NAME, secrets.token_urlsafe(32))
        # Another process may have made one in the same moment: what is there now counts for both.
        made = store.get(NAME)
        assert made is not None
        return made
