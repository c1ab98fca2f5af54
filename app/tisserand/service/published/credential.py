"""The credential by which published flows know the gateways of their workspace; its value stands among the secrets only."""

from __future__ import annotations

import secrets

from tisserand.workspace.secrets import SecretStore, changing, secret_store

NAME = "tisserand.gateway-credential"


def gateway_credential(workspace_id: str, store: SecretStore | None = None) -> str:
    """The credential, made when it is first asked for. Raises `NodeError` where the secrets cannot be read."""
    store = store or secret_store(workspace_id)
    if (known := store.get(NAME)) is not None:
        return known
    # Threads of the executor and processes of the command line ask for it when the first flow is published: who kept one that another
    # replaced would be refused until it starts anew.
    with changing(workspace_id):
        if (known := store.get(NAME)) is not None:
            return known
        made = secrets.token_urlsafe(32)
        store.set(NAME, made)
        return made
