"""Keys of consumers by a clock that stands still: made, replaced with an overlap, ended, taken back. A value is told once, stands among
the secrets, and nowhere else; the fingerprint is what `sha256sum` says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.apis.catalogue import credentials
from tisserand.apis.catalogue.credentials import forget, issue, revoke
from tisserand.apis.catalogue.declaring import living
from tisserand.apis.catalogue.files import Catalogue
from tisserand.sdk.errors import NodeError
from tisserand.workspace.secrets import FileStore, KeyringStore

NOW = datetime(2026, 6, 15, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONSUMERS = "acme: {name: Acme}\nother: {name: Other}\n"


class Keyring:
    """A keyring as desktops have them; it keeps what it is given."""

    name = "In memory"

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


Desk = tuple[Catalogue, Any]


@pytest.fixture(params=["file", "keyring"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "consumers.yaml").write_text(CONSUMERS)
    store = FileStore("w", tmp_path / "secrets") if request.param == "file" else KeyringStore("w", Keyring())
    return Catalogue(tmp_path / "place"), store


def file_of(catalogue: Catalogue, consumer: str = "acme") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((catalogue.root / "consumers.yaml").read_text())[consumer].get("credentials", [])
    return found


def opens(catalogue: Catalogue, at: datetime) -> list[str]:
    """The credentials that a gateway is told at a moment."""
    return [each.id for each in living("acme", catalogue.consumers().by_id["acme"], at).credentials]


def everything(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_a_value_is_told_once_and_only_its_fingerprint_is_written(desk: Desk, tmp_path: Path) -> None:
    catalogue, store = desk
    made, value = issue(catalogue, store, "acme", NOW)
    (written,) = file_of(catalogue)
    assert written == {
        "id": made.id, "secret": f"secret:api-key.acme.{made.id}", "created": "2026-06-15T12:00:00Z",
        "fingerprint": "sha256:" + hashlib.sha256(value.encode()).hexdigest()[:16],
    }  # fmt: skip
    assert len(value) >= 43, "256 bits of randomness"
    assert store.get(f"api-key.acme.{made.id}") == value
    assert value not in repr(made) and value.encode() not in everything(tmp_path), "the encrypted file included"
    assert file_of(catalogue, "other") == [], "nobody else was touched"


def test_the_new_key_opens_at_once_and_the_old_one_until_the_overlap_is_over(desk: Desk) -> None:
    catalogue, store = desk
    old, _ = issue(catalogue, store, "acme", NOW)
    new, _ = issue(catalogue, store, "acme", NOW + HOUR, replaces=old.id, overlap=timedelta(days=7))
    ends = datetime(2026, 6, 22, 13, 0, 0, tzinfo=UTC)
    assert [each.get("expires") for each in file_of(catalogue)] == ["2026-06-22T13:00:00Z", None]
    assert opens(catalogue, NOW + HOUR) == [old.id, new.id] == opens(catalogue, ends - timedelta(microseconds=1))
    assert opens(catalogue, ends) == [new.id]
    assert store.get(f"api-key.acme.{old.id}") is not None, "until somebody takes it back"


# (the old one’s own end, the overlap, when the old one ends): never later than it was to end anyway.
OVERLAPS: list[tuple[timedelta | None, timedelta | None, timedelta]] = [
    (None, None, timedelta()),
    (None, 2 * HOUR, 2 * HOUR),
    (HOUR, 2 * HOUR, HOUR),
    (3 * HOUR, 2 * HOUR, 2 * HOUR),
    (3 * HOUR, None, timedelta()),
]


@pytest.mark.parametrize(("own", "overlap", "ends"), OVERLAPS)
def test_an_overlap_never_lengthens_a_life(
    tmp_path: Path, own: timedelta | None, overlap: timedelta | None, ends: timedelta
) -> None:
    (tmp_path / "consumers.yaml").write_text(CONSUMERS)
    catalogue, store = Catalogue(tmp_path), KeyringStore("w", Keyring())
    now = NOW.replace(microsecond=0)
    old, _ = issue(catalogue, store, "acme", now, expires=now + own if own else None)
    new, _ = issue(catalogue, store, "acme", now, replaces=old.id, overlap=overlap)
    assert opens(catalogue, now + ends) == [new.id]
    if ends:
        assert opens(catalogue, now + ends - timedelta(seconds=1)) == [old.id, new.id]


@pytest.mark.parametrize(
    ("written", "last"),
    [
        ("2026-06-15T14:00:00Z", 2 * HOUR),
        ("2026-06-15T14:00:00", 2 * HOUR),  # without a zone it is meant in UTC
        ("2026-06-15T14:00:00+02:00", timedelta()),
        ("'2026-06-15T14:00:00-01:00'", 3 * HOUR),
    ],
)
def test_an_end_that_was_written_by_hand(tmp_path: Path, written: str, last: timedelta) -> None:
    (tmp_path / "consumers.yaml").write_text(
        f"acme:\n  credentials:\n  - {{id: k, secret: s, fingerprint: f, created: 2026-01-01, expires: {written}}}\n"
    )
    catalogue, now = Catalogue(tmp_path), NOW.replace(microsecond=0)
    assert opens(catalogue, now + last) == [] and opens(catalogue, now + last - timedelta(seconds=1)) == ["k"]
    store = KeyringStore("w", Keyring())
    issue(catalogue, store, "acme", now, replaces="k", overlap=timedelta(days=9))
    assert opens(catalogue, now + last - timedelta(seconds=1))[0] == "k" and len(opens(catalogue, now + last)) == 1


def test_what_was_taken_back_opens_nothing_and_its_value_is_gone(desk: Desk) -> None:
    catalogue, store = desk
    first, _ = issue(catalogue, store, "acme", NOW)
    second, _ = issue(catalogue, store, "acme", NOW)
    revoke(catalogue, store, "acme", first.id)
    assert opens(catalogue, NOW) == [second.id]
    assert store.names() == [f"api-key.acme.{second.id}"]
    assert [each.get("state") for each in file_of(catalogue)] == ["revoked", None], "it stays on record"


def test_a_consumer_that_is_removed_loses_its_secrets(desk: Desk) -> None:
    catalogue, store = desk
    made, _ = issue(catalogue, store, "acme", NOW)
    theirs, _ = issue(catalogue, store, "other", NOW)
    named = file_of(catalogue, "other")[0]
    by_hand = {"id": "hand", "secret": "secret:handmade", "fingerprint": "f", "created": "2026-01-01T00:00:00Z"}
    shared = {**named, "id": "shared"}
    data = yaml.safe_load((catalogue.root / "consumers.yaml").read_text())
    data["acme"]["credentials"] += [by_hand, shared]
    (catalogue.root / "consumers.yaml").write_text(yaml.safe_dump(data))
    store.set("handmade", "x")
    store.set("password-of-a-database", "y")
    known = catalogue.consumers().by_id["acme"]
    del data["acme"]
    (catalogue.root / "consumers.yaml").write_text(yaml.safe_dump(data))
    forget(catalogue, store, "acme", known)
    assert store.names() == sorted([f"api-key.other.{theirs.id}", "password-of-a-database"])
    assert store.get(f"api-key.acme.{made.id}") is None


REFUSED: list[tuple[Callable[[Catalogue, Any], object], str]] = [
    (lambda c, s: issue(c, s, "acme", NOW, expires=NOW), "A credential cannot expire in the past."),
    (
        lambda c, s: issue(c, s, "acme", NOW, expires=NOW.astimezone(timezone(9 * HOUR)) - HOUR),
        "A credential cannot expire in the past.",
    ),
    (lambda c, s: issue(c, s, "acme", NOW, replaces="k9"), "“acme” has no credential “k9”."),
    (lambda c, s: issue(c, s, "acme", NOW, overlap=HOUR), "It is not said which key the new one takes the place of."),
    (lambda c, s: issue(c, s, "nobody", NOW), "There is no consumer “nobody”."),
    (lambda c, s: revoke(c, s, "acme", "k9"), "“acme” has no credential “k9”."),
    (lambda c, s: revoke(c, s, "nobody", "k9"), "There is no consumer “nobody”."),
]


@pytest.mark.parametrize(("ask", "sentence"), REFUSED)
def test_what_is_refused_leaves_everything_as_it_was(tmp_path: Path, ask: Callable[..., object], sentence: str) -> None:
    (tmp_path / "consumers.yaml").write_text(CONSUMERS)
    store = KeyringStore("w", Keyring())
    with pytest.raises(NodeError) as refused:
        ask(Catalogue(tmp_path), store)
    assert refused.value.message.text("en") == sentence
    assert (tmp_path / "consumers.yaml").read_text() == CONSUMERS and store.names() == []


def test_what_the_file_refuses_is_refused_before_a_value_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "consumers.yaml").write_text("{acme: {name: Acme}}\n")  # in one line: an entry cannot be set there
    store, noted = KeyringStore("w", Keyring()), list[str]()
    with pytest.raises(NodeError, match="each on lines of its own"):
        issue(Catalogue(tmp_path), store, "acme", NOW, before=noted.append)
    assert store.names() == [] and noted == [], "nothing is kept, and the audit tells of nothing"
    monkeypatch.setattr(credentials, "entry_text", lambda *_args: "")  # the guard taken away
    with pytest.raises(NodeError, match="each on lines of its own"):
        issue(Catalogue(tmp_path), store, "acme", NOW, before=noted.append)
    assert len(store.names()) == len(noted) == 1
