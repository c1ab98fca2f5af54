"""The entries of `gateways.yaml`: read for a form, checked as a push would check them, and written one at a time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.writing import plain, write_entry
from tisserand.apis.gateways.adapter import Place
from tisserand.apis.gateways.kinds import FILE, GatewayError, adapter
from tisserand.apis.model import ID, GatewayEntry
from tisserand.apis.neutral import digest
from tisserand.engine.launch import Refused, refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.apis.alone import alone_in
from tisserand.service.apis.valid import valid
from tisserand.texts import msg
from tisserand.workspace.secrets import SecretStore, check_name


def prefix(gateway: str) -> str:
    """What the names of the secrets begin with that are kept for a gateway."""
    return f"gateway.{gateway}."


class Entries:
    """Of one catalogue. Raises `Refused` with all that is wrong, and then nothing was written."""

    def __init__(self, catalogue: Catalogue, secrets: Callable[[], SecretStore], place: Callable[[str], Place]) -> None:
        self._catalogue = catalogue
        self._secrets = secrets
        self._place = place
        self._changing = threading.Lock()

    def read(self, name: str) -> Mapping[str, Any]:
        """What the file says of a gateway, and the `hash` of it."""
        entry = self._known(name)
        return {**entry.model_dump(mode="json"), "hash": _hash(entry)}

    def save(
        self, name: str, data: Mapping[str, Any], secrets: Mapping[str, str], note: Callable[[], object]
    ) -> None:  # fmt: skip
        """Write a new entry, or, with the `hash` of what was read, another content of one. `note` is called before it is done."""
        given = dict(data)
        hash = str(given.pop("hash", "") or "")
        with self._changing, alone_in(self._catalogue.root):
            self._whole(name)
            if not re.fullmatch(ID, name):
                message = msg(
                    "“{name}” cannot be the name of a gateway: small letters, digits, “_” and “-” only.", name=name[:100]
                )
                raise refusal("gateway.name", message, file=FILE, field=name[:100])
            known = self._catalogue.gateways().by_id.get(name)
            if known is not None and not hash:
                raise refusal("gateway.there", msg("There is a gateway “{name}” already.", name=name), field=f"{name}.@name")
            if hash and (known is None or _hash(known) != hash):
                raise refusal(
                    "gateway.changed", msg("“{file}” was changed meanwhile.", file=FILE), msg("Look at it anew, then save.")
                )
            entry = valid(given, GatewayEntry, FILE, name)
            kept = self._named(name, secrets)
            try:
                adapter(name, entry, self._place(name))
            except GatewayError as error:
                raise Refused([*error.problems]) from None

            def before() -> None:
                note()
                for each, value in kept.items():
                    self._secrets().set(each, value)

            self._write(name, entry, before)

    def remove(self, name: str, note: Callable[[], object]) -> None:
        """Take an entry out, and the secrets that were kept for it. What the gateway holds it goes on holding."""
        with self._changing, alone_in(self._catalogue.root):
            self._whole(name)
            self._known(name)
            self._write(name, None, note)
            store = self._secrets()
            for each in store.names():
                if each.startswith(prefix(name)):
                    store.delete(each)

    def _known(self, name: str) -> GatewayEntry:
        found = self._catalogue.gateways()
        known = found.by_id
        if name not in known:
            if found.problems:
                raise Refused([*found.problems])
            message = msg("There is no gateway “{name}”. Gateways: {known}.", name=name[:100], known=sorted(known) or ["–"])
            raise refusal("gateway.unknown", message, missing=True)
        return known[name]

    def _whole(self, name: str) -> None:
        """A file that is wrong is not written to, nor is an entry that is: what is wrong could be lost."""
        broken = [
            each
            for each in self._catalogue.gateways().problems
            if each.code.startswith("file.") or (each.place.field or "").split(".")[0] == name
        ]
        if broken:
            raise Refused(broken)

    @staticmethod
    def _named(name: str, secrets: Mapping[str, str]) -> Mapping[str, str]:
        """Secrets are kept for this gateway only: those of others are never written over."""
        for each in secrets:
            try:
                check_name(each)
            except NodeError as error:
                raise refusal("gateway.secret", error.message, error.fix) from None
            if not each.startswith(prefix(name)):
                message = msg("“{secret}” is not kept for the gateway “{name}”.", secret=each, name=name)
                raise refusal("gateway.secret", message, msg("Such secrets begin with “{prefix}”.", prefix=prefix(name)))
        return secrets

    def _write(self, name: str, entry: GatewayEntry | None, before: Callable[[], object]) -> None:
        try:
            write_entry(self._catalogue, FILE, name, entry, before)
        except NodeError as error:
            raise Refused([Problem("gateway.file", error.message, error.fix)]) from error


def _hash(entry: GatewayEntry) -> str:
    return digest(plain(entry))
