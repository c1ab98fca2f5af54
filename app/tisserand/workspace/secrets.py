"""Secrets: kept in the desktop's keyring or, where there is none, in an encrypted file; and removed from every text shown.

What the encrypted file protects against: a copy of the workspace, of its repository, or of the secrets file alone (a backup,
a synchronised folder) gives nothing away, and other accounts of the machine can read neither file. What it does not: whoever
can read both the file and its key file, which is whoever acts as this user, can decrypt it. Put the key elsewhere (a mounted
volume, a password in a file that only the service can read) with `TISSERAND_MASTER_KEY_FILE`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from tisserand import files
from tisserand.sdk.errors import NodeError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DOTS = "•••"
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}


class SecretStore(Protocol):
    """Named secrets of one workspace."""

    @property
    def where(self) -> str:
        """Where the secrets are kept, for people."""

    def get(self, name: str) -> str | None: ...
    def set(self, name: str, value: str) -> None: ...
    def delete(self, name: str) -> bool: ...
    def names(self) -> list[str]: ...


def secret_store(workspace_id: str) -> SecretStore:
    """The store of a workspace. `TISSERAND_SECRETS=file` or `keyring` decides; otherwise the keyring where the desktop has one."""
    asked = os.environ.get("TISSERAND_SECRETS", "").strip().lower()
    if asked not in ("", "file", "keyring"):
        raise NodeError("TISSERAND_SECRETS is “{value}”; write “file” or “keyring”.", value=asked)
    if asked == "file" or (not asked and os.environ.get("TISSERAND_MASTER_KEY_FILE")):
        return FileStore(workspace_id)
    backend = _desktop_keyring()
    if backend is not None:
        return KeyringStore(workspace_id, backend)
    if asked == "keyring":
        raise NodeError(
            "This machine has no keyring that can be used.", fix="Leave TISSERAND_SECRETS unset to use an encrypted file."
        )
    return FileStore(workspace_id)


def changing(workspace_id: str, folder: Path | None = None) -> AbstractContextManager[None]:
    """Nobody else changes the secrets of this workspace meanwhile, in whatever process: what is there can be looked at before."""
    folder = folder or config_folder() / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return files.locked(folder / f"{workspace_id}.lock")


def values(store: SecretStore, names: Iterable[str]) -> dict[str, str]:
    """The values of many secrets at once; those that are not there are left out."""
    if isinstance(store, FileStore):
        return store.many(names)
    return {name: value for name in names if (value := store.get(name)) is not None}


def check_name(name: str) -> str:
    """The name of a secret, without `secret:`; raises `NodeError` where it cannot be one."""
    name = name.removeprefix("secret:").strip()
    if not _NAME.fullmatch(name):
        raise NodeError("“{name}” is not a name of a secret: letters, digits, “_”, “.” and “-” only.", name=name)
    return name


def _desktop_keyring() -> Any:
    """The keyring of the desktop, or None. Plain-text backends have a priority below 1 and are never taken."""
    import keyring.core
    from keyring.errors import KeyringError

    try:
        backend = keyring.get_keyring()
        return backend if keyring.core.recommended(backend) else None
    except (KeyringError, RuntimeError):
        return None


class KeyringStore:
    """Secrets in the desktop's keyring, under the service `tisserand:<workspace id>`."""

    def __init__(self, workspace_id: str, backend: Any) -> None:
        self._id = workspace_id
        self._service = f"tisserand:{workspace_id}"
        self._backend = backend

    @property
    def where(self) -> str:
        return f"{self._backend.name} ({self._service})"

    def get(self, name: str) -> str | None:
        value: str | None = self._ask("get_password", self._service, check_name(name))
        return value

    def set(self, name: str, value: str) -> None:
        name = check_name(name)
        with changing(self._id):
            self._ask("set_password", self._service, name, value)
            self._keep_names({*self.names(), name})

    def delete(self, name: str) -> bool:
        name = check_name(name)
        with changing(self._id):
            if self.get(name) is None:
                return False
            self._ask("delete_password", self._service, name)
            self._keep_names({*self.names()} - {name})
            return True

    def names(self) -> list[str]:
        listed = self._ask("get_password", f"{self._service}:names", "names")
        return sorted(json.loads(listed)) if listed else []

    def _keep_names(self, names: Iterable[str]) -> None:
        """Keyrings cannot list: the names stand in an entry of their own."""
        self._ask("set_password", f"{self._service}:names", "names", json.dumps(sorted(names)))

    def _ask(self, call: str, *args: str) -> Any:
        from keyring.errors import KeyringError

        try:
            return getattr(self._backend, call)(*args)
        except KeyringError as error:
            raise NodeError("The keyring refuses: {reason}", reason=str(error) or type(error).__name__) from None


class FileStore:
    """Secrets in an encrypted file of the user (AES-256-GCM, key derived by scrypt), mode 0600. See the module for its limits."""

    def __init__(self, workspace_id: str, folder: Path | None = None) -> None:
        self._id = workspace_id
        self._folder = folder or config_folder() / "secrets"
        self._path = self._folder / f"{workspace_id}.json"
        self._keys: dict[bytes, bytes] = {}

    @property
    def where(self) -> str:
        return str(self._path)

    def get(self, name: str) -> str | None:
        return self._opened(self._read(), check_name(name))

    def many(self, names: Iterable[str]) -> dict[str, str]:
        """The values of those that are there; the file is read once."""
        data = self._read()
        found = {name: self._opened(data, check_name(name)) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _opened(self, data: dict[str, Any], name: str) -> str | None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealed = data["secrets"].get(name)
        if sealed is None:
            return None
        try:
            raw = base64.b64decode(sealed)
            return AESGCM(self._key(data)).decrypt(raw[:12], raw[12:], self._bound_to(name)).decode()
        except (InvalidTag, ValueError):
            raise NodeError(
                "The secret “{name}” in “{file}” cannot be decrypted with the key in “{key}”.",
                name=name,
                file=str(self._path),
                key=str(self._key_path()),
                fix="Use the key file it was made with, or set the secret again.",
            ) from None

    def set(self, name: str, value: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        name = check_name(name)
        with changing(self._id, self._folder):
            data = self._read()
            nonce = secrets.token_bytes(12)
            sealed = nonce + AESGCM(self._key(data)).encrypt(nonce, value.encode(), self._bound_to(name))
            data["secrets"][name] = base64.b64encode(sealed).decode()
            self._write(data)

    def delete(self, name: str) -> bool:
        with changing(self._id, self._folder):
            data = self._read()
            if data["secrets"].pop(check_name(name), None) is None:
                return False
            self._write(data)
            return True

    def names(self) -> list[str]:
        return sorted(self._read()["secrets"])

    def _bound_to(self, name: str) -> bytes:
        """Authenticated with each secret, so that one cannot be passed off as another."""
        return f"{self._id}\0{name}".encode()

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(data, dict) and isinstance(data.get("secrets"), dict) and isinstance(data.get("salt"), str):
                return data
        except FileNotFoundError:
            return {
                "format": 1,
                "kdf": "scrypt",
                **_SCRYPT,
                "salt": base64.b64encode(secrets.token_bytes(16)).decode(),
                "secrets": {},
            }
        except ValueError:
            pass  # not JSON: the sentence below says it
        except OSError as error:
            raise NodeError(
                "The secrets file “{file}” cannot be read: {reason}", file=str(self._path), reason=str(error)
            ) from None
        raise NodeError(
            "The secrets file “{file}” is damaged.",
            file=str(self._path),
            fix="Restore it, or delete it and set the secrets again.",
        )

    def _write(self, data: dict[str, Any]) -> None:
        self._private_folder()
        files.write_text(self._path, json.dumps(data, indent=1) + "\n", mode=0o600)

    def _private_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _key(self, data: dict[str, Any]) -> bytes:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        salt = base64.b64decode(data["salt"])
        known = self._keys.get(salt)
        if known is None:
            cost = {part: int(data.get(part, value)) for part, value in _SCRYPT.items()}
            known = self._keys[salt] = Scrypt(salt=salt, length=32, **cost).derive(self._master())
        return known

    def _key_path(self) -> Path:
        given = os.environ.get("TISSERAND_MASTER_KEY_FILE")
        return Path(given) if given else self._folder / "master.key"

    def _master(self) -> bytes:
        path = self._key_path()
        if not os.environ.get("TISSERAND_MASTER_KEY_FILE"):
            self._private_folder()
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                pass  # made earlier, or just now by another process
            else:
                with os.fdopen(handle, "w", encoding="ascii") as stream:
                    stream.write(secrets.token_urlsafe(32) + "\n")
                    stream.flush()
                    os.fsync(stream.fileno())
        for _attempt in range(50):
            try:
                key = path.read_bytes().strip()
            except OSError as error:
                raise NodeError("The key file “{file}” cannot be read: {reason}", file=str(path), reason=str(error)) from None
            if key:
                break
            time.sleep(0.02)  # another process is just writing it
        else:
            raise NodeError("The key file “{file}” is empty.", file=str(path))
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise NodeError(
                "The key file “{file}” can be read by other users of this machine.",
                file=str(path),
                fix="Take their rights away: chmod 600 “{file}”.",
            )
        return key


def config_folder() -> Path:
    """The user's configuration folder of Tisserand."""
    base = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if os.name == "nt" else None)
    return (Path(base) if base else Path.home() / ".config") / "tisserand"


class Redactor:
    """Knows secret values and takes them out of texts: as they are, and as they look in URLs, JSON, headers and dumps."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Know one more value. Lines of a long value (a private key) count each."""
        if not value.strip() or value in self._values:
            return
        self._values.add(value)
        self._values.update(line for line in value.splitlines() if len(line) >= 12)
        forms = {form for known in self._values for form in _forms(known)}
        # Longest first, so that a secret that begins with another is taken out whole.
        self._pattern = re.compile("|".join(sorted(forms, key=len, reverse=True)))

    def redact(self, text: str) -> str:
        return self._pattern.sub(_DOTS, text) if self._pattern else text

    def clean(self, value: Any) -> Any:
        """`redact` over plain JSON values, at any depth."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return value


def _forms(value: str) -> set[str]:
    """Patterns of the ways in which a value may stand in a text."""
    if len(value) < 4:
        # Too short to look for inside words: everything would turn into dots.
        return {rf"(?<!\w){re.escape(value)}(?!\w)"}
    raw = value.encode()
    plain = {value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}
    plain |= {json.dumps(value, ensure_ascii=False)[1:-1], raw.hex(), repr(raw)[2:-1]}
    encoded: set[str] = set()
    for shift in range(3) if len(raw) >= 6 else ():
        # In “user:password” the password starts at any of three places of a base64 group; the groups cut by its ends are left out.
        first = -(-shift // 3) * 4 if shift else 0
        whole = (shift + len(raw)) // 3 * 4
        inner = base64.b64encode(b"\0" * shift + raw).decode()[first:whole]
        encoded |= {inner, inner.replace("+", "-").replace("/", "_")}
    patterns = {re.escape(form) for form in plain if len(form) >= 4}
    # The cut groups at both ends go too.
    patterns |= {rf"[A-Za-z0-9+/_-]{{0,4}}{re.escape(form)}[A-Za-z0-9+/_=-]{{0,6}}" for form in encoded if len(form) >= 4}
    # %2f and %2F are the same, and so are the digits of a hex dump.
    return patterns | {f"(?i:{re.escape(form)})" for form in (quote(value, safe=""), raw.hex()) if form != value}
