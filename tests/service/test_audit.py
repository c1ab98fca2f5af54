"""The audit log: it only grows, and what is changed behind its back shows."""

import hashlib
import json
import sqlite3

import pytest

from tisserand.service.audit.store import Audit


def filled(path):
    audit = Audit(path)
    for n in range(5):
        audit.note("run.started", f"run {n}", {"n": n}, by="ann")
    return audit


def test_entries_are_chained_as_documented(tmp_path):
    with_hashes = filled(tmp_path / "a.sqlite")
    entries = sorted(with_hashes.entries(), key=lambda entry: entry.id)
    before = "0" * 64
    for entry in entries:
        data = json.dumps(dict(entry.data), sort_keys=True, ensure_ascii=False)
        text = json.dumps(
            [before, entry.id, entry.time, entry.by, entry.what, entry.target, data], ensure_ascii=False, separators=(",", ":")
        )
        before = hashlib.sha256(text.encode()).hexdigest()
        assert entry.hash == before
    assert list(with_hashes.broken()) == []
    assert [entry.target for entry in with_hashes.entries("run 3")] == ["run 3"]


@pytest.mark.parametrize("change", ["UPDATE entries SET \"by\" = 'bob' WHERE id = 3", "DELETE FROM entries WHERE id = 3"])
def test_what_is_changed_shows(tmp_path, change):
    filled(tmp_path / "a.sqlite").close()
    with sqlite3.connect(tmp_path / "a.sqlite") as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(change)
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        db.execute("DROP TRIGGER entries_stay")
        db.execute("DROP TRIGGER entries_last")
        db.execute(change)
    audit = Audit(tmp_path / "a.sqlite")
    assert list(audit.broken()) == [3 if "UPDATE" in change else 4]
