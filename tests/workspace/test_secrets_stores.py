"""Secrets: both stores, the file's protection, and the redactor."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tisserand.sdk.errors import NodeError
from tisserand.workspace.secrets import FileStore, KeyringStore, Redactor, SecretStore, secret_store


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A desktop keyring, which no test machine has: keyring's own interface over a dictionary."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not found")


@pytest.fixture(autouse=True)
def _own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TISSERAND_MASTER_KEY_FILE", raising=False)
    monkeypatch.delenv("TISSERAND_SECRETS", raising=False)


@pytest.fixture(params=["file", "keyring"])
def store(request: Any) -> SecretStore:
    return FileStore("ws-1") if request.param == "file" else KeyringStore("ws-1", MemoryKeyring())


def test_a_store_keeps_gives_lists_and_forgets(store: SecretStore) -> None:
    assert store.get("crm") is None and store.names() == []
    store.set("crm", "s3cret é\nline two")
    store.set("secret:mail", "other")
    assert store.get("crm") == "s3cret é\nline two"
    assert store.get("secret:mail") == "other"
    assert store.names() == ["crm", "mail"]
    assert store.delete("crm") and not store.delete("crm")
    assert store.names() == ["mail"]
    with pytest.raises(NodeError, match="not a name"):
        store.set("../x", "v")


def test_the_file_is_private_and_says_nothing(tmp_path: Path) -> None:
    FileStore("ws-1").set("crm", "planted-secret-value")
    folder = tmp_path / "config" / "tisserand" / "secrets"
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"planted-secret-value" not in path.read_bytes()
        assert base64.b64encode(b"planted-secret-value") not in path.read_bytes()
    assert FileStore("ws-1").get("crm") == "planted-secret-value"


def test_another_key_or_another_name_does_not_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore("ws-1")
    store.set("crm", "value")
    path = Path(store.where)
    data = json.loads(path.read_text())
    data["secrets"]["admin"] = data["secrets"]["crm"]
    path.write_text(json.dumps(data))
    with pytest.raises(NodeError, match="cannot be decrypted"):
        FileStore("ws-1").get("admin")
    key = tmp_path / "other.key"
    key.write_text("a pass phrase\n")
    key.chmod(0o600)
    monkeypatch.setenv("TISSERAND_MASTER_KEY_FILE", str(key))
    with pytest.raises(NodeError, match="cannot be decrypted"):
        FileStore("ws-1").get("crm")
    key.chmod(0o644)
    with pytest.raises(NodeError, match="other users"):
        FileStore("ws-1").get("crm")


def test_a_damaged_file_is_a_sentence() -> None:
    store = FileStore("ws-1")
    store.set("crm", "value")
    Path(store.where).write_text('{"secrets": 3')
    with pytest.raises(NodeError, match="damaged"):
        store.get("crm")


def test_without_a_desktop_keyring_the_file_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends.fail import Keyring as NoKeyring

    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    assert isinstance(secret_store("ws-1"), FileStore)
    monkeypatch.setenv("TISSERAND_SECRETS", "keyring")
    with pytest.raises(NodeError, match="no keyring"):
        secret_store("ws-1")
    monkeypatch.setattr(keyring, "get_keyring", MemoryKeyring)
    assert isinstance(secret_store("ws-1"), KeyringStore)
    monkeypatch.setenv("TISSERAND_SECRETS", "nonsense")
    with pytest.raises(NodeError, match="TISSERAND_SECRETS"):
        secret_store("ws-1")


def test_redaction_knows_the_disguises() -> None:
    secret = 'p@ss/w+rd=é"x'
    redactor = Redactor([secret, "ab"])
    texts = [
        f"password={secret};",
        f"https://u:{quote(secret, safe='')}@host/",
        f"https://u:{quote(secret, safe='').lower()}@host/",
        json.dumps({"p": secret}),
        json.dumps({"p": secret}, ensure_ascii=False),
        repr({"p": secret}),
        "Basic " + base64.b64encode(f"user:{secret}".encode()).decode(),
        "Basic " + base64.b64encode(f"use:{secret}".encode()).decode(),
        "Basic " + base64.b64encode(f"us:{secret}".encode()).decode(),
        secret.encode().hex().upper(),
    ]
    for text in texts:
        shown = redactor.redact(text)
        assert "•••" in shown, text
        assert "w+rd" not in shown and "w%2" not in shown.lower(), shown
    assert redactor.redact("abba ab") == "abba •••"
    assert redactor.clean({"a": [secret, 3, None]}) == {"a": ["•••", 3, None]}


@given(st.text(min_size=4, max_size=30).filter(lambda text: text.strip()), st.text(max_size=10), st.text(max_size=10))
def test_a_known_value_never_survives(secret: str, before: str, after: str) -> None:
    shown = Redactor([secret]).redact(before + secret + after)
    assert "•••" in shown
    assert secret not in shown or secret in "•••" + after or secret in before + "•••"
