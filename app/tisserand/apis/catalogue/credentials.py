"""Credentials of consumers: made, replaced, taken back. Their values stand among the secrets only, and are told once.

The value is kept first, then the entry that names it: what a kill leaves in between is a secret that nobody names, which the next
credential of that consumer takes away.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from tisserand.apis.catalogue.declaring import in_utc
from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.writing import entry_text, write_entry
from tisserand.apis.model import Consumer, Credential
from tisserand.apis.neutral import fingerprint
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import Secret

FILE = "consumers.yaml"
PREFIX = "api-key."


class Secrets(Protocol):
    """Where values are kept."""

    def set(self, name: str, value: str) -> None: ...
    def delete(self, name: str) -> bool: ...
    def names(self) -> list[str]: ...


def issue(
    catalogue: Catalogue, store: Secrets, consumer: str, now: datetime, expires: datetime | None = None, replaces: str = "",
    overlap: timedelta | None = None, before: Callable[[str], object] = lambda _id: None,
) -> tuple[Credential, str]:  # fmt: skip
    """A new API key of a consumer, and its value. The one that it `replaces` expires after `overlap` (now, where None). `before` is
    called with its id before anything is done, and after all that could be refused."""
    known = _consumer(catalogue, consumer)
    if expires is not None and expires <= now:
        raise NodeError("A credential cannot expire in the past.", field="expires")
    if replaces and replaces not in {each.id for each in known.credentials}:
        raise NodeError(
            "“{consumer}” has no credential “{credential}”.", consumer=consumer, credential=replaces, field="replaces"
        )
    if overlap is not None and not replaces:
        raise NodeError("It is not said which key the new one takes the place of.", field="replaces")
    id, value = f"k{randomness.token_hex(4)}", randomness.token_urlsafe(32)
    name = f"{PREFIX}{consumer}.{id}"
    made = Credential(
        id=id, secret=Secret(f"secret:{name}"), fingerprint=fingerprint(value), created=now.replace(microsecond=0),
        expires=expires.replace(microsecond=0) if expires is not None else None,
    )  # fmt: skip
    ends = (now + (overlap or timedelta())).replace(microsecond=0)
    others = [
        each.model_copy(update={"expires": ends if each.expires is None else min(in_utc(each.expires), ends)})
        if each.id == replaces
        else each
        for each in known.credentials
    ]
    changed = known.model_copy(update={"credentials": [*others, made]})
    entry_text(catalogue, FILE, consumer, changed)  # what the file refuses is refused before the value is kept
    before(id)
    sweep(store, consumer, known.credentials)
    store.set(name, value)
    write_entry(catalogue, FILE, consumer, changed)
    return made, value


def revoke(
    catalogue: Catalogue, store: Secrets, consumer: str, credential: str, before: Callable[[str], object] = lambda _id: None
) -> None:
    """From the next push on it opens nothing; its value is gone at once. `before` as for `issue`."""
    known = _consumer(catalogue, consumer)
    if credential not in {each.id for each in known.credentials}:
        raise NodeError("“{consumer}” has no credential “{credential}”.", consumer=consumer, credential=credential)
    others = [each.model_copy(update={"state": "revoked"}) if each.id == credential else each for each in known.credentials]
    changed = known.model_copy(update={"credentials": others})
    write_entry(catalogue, FILE, consumer, changed, lambda: before(credential))
    kept = {each.secret.name for each in others if each.state != "revoked"}
    for each in known.credentials:
        if each.id == credential and each.secret.name not in kept:
            store.delete(each.secret.name)


def sweep(store: Secrets, consumer: str, known: Iterable[Credential]) -> list[str]:
    """Take away the values that no entry names, and those of credentials that were taken back: what a kill left; gives their names."""
    named = {each.secret.name for each in known if each.state != "revoked"}
    left = [name for name in store.names() if name.startswith(f"{PREFIX}{consumer}.") and name not in named]
    for name in left:
        store.delete(name)
    return left


def forget(catalogue: Catalogue, store: Secrets, consumer: str, known: Consumer) -> None:
    """Take away all values of a consumer that was removed, but those that credentials of others name too."""
    others = {each.secret.name for other in catalogue.consumers().by_id.values() for each in other.credentials}
    for name in {each.secret.name for each in known.credentials} - others:
        store.delete(name)
    sweep(store, consumer, [])


def _consumer(catalogue: Catalogue, id: str) -> Consumer:
    consumers = catalogue.consumers().by_id
    if id not in consumers:
        raise NodeError("There is no consumer “{consumer}”.", consumer=id, fix="Add it: tisserand api consumer add {consumer}")
    return consumers[id]
