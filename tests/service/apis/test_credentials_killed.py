"""Keys are issued, replaced and taken back by processes that are killed at every single thing that they do to files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.apis.catalogue import credentials
from tisserand.service.local import LocalExecutor
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import FileStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PROGRAM = """
import json, os, shutil, signal, sys
from pathlib import Path
import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.scrypt
from tisserand.apis.catalogue import credentials
from tisserand.service.local import LocalExecutor

base, name, given = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
KINDS = {"open", "os.rename", "os.remove", "os.chmod", "tempfile.mkstemp"}
for number in range(1, 500):
    place = base.with_name(str(number))
    shutil.copytree(base, place)
    child = os.fork()
    if child == 0:
        os.environ["XDG_CONFIG_HOME"] = str(place / "config")
        executor = LocalExecutor(place / "desk")
        seen = 0

        def look(event, args):
            global seen
            if event in KINDS and str(place) in str(args):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        told = getattr(executor.apis, name)(**given)
        os.write(1, (json.dumps([number, told.value if told else None]) + "\\n").encode())
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
else:
    sys.exit("it never came to its end")
"""
"""A copy of the place for each number; there a child dies right before the n-th event (PEP 578) until one lives to the end."""

COMMENTED = "# ours\nother: {name: Other}   # stays\n\n# the best\n"


def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str, str]:
    base = tmp_path / "base"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(base / "config"))
    executor = LocalExecutor(Workspace.create(base / "desk").root)
    try:
        (executor.root / "consumers.yaml").write_text(COMMENTED)
        executor.apis.save_entry("consumer", "acme", {"name": "Acme"})
        first = executor.apis.issue("acme")
    finally:
        executor.close()
    return base, first.credential, first.value


def killed_everywhere(base: Path, name: str, given: dict[str, Any]) -> tuple[list[Path], Any]:
    """The places in the order in which their processes died, the last one done; and what that one told."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(base), name, json.dumps(given)], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    last, value = json.loads(line)
    return [base.with_name(str(number)) for number in range(1, last + 1)], value


def stands(place: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What the file says of acme's credentials, and the values that are kept."""
    text = (place / "desk" / "consumers.yaml").read_text()
    assert text.startswith(COMMENTED)
    store = FileStore(Workspace(place / "desk").id, place / "config" / "tisserand" / "secrets")
    return yaml.safe_load(text)["acme"]["credentials"], store.many(store.names())


def opens(credential: dict[str, Any], values: dict[str, str]) -> bool:
    """Whether the value that the entry names is there, and is the one it was made for."""
    value = values.get(credential["secret"].removeprefix("secret:"))
    return value is not None and credential["fingerprint"] == f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:16]}"


def used_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next executor issues one more: nothing is in its way, and what was left over is gone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    executor = LocalExecutor(place / "desk")
    try:
        made = executor.apis.issue("acme")
    finally:
        executor.close()
    known, values = stands(place)
    assert known[-1]["id"] == made.credential and opens(known[-1], values)
    named = {each["secret"].removeprefix("secret:") for each in known if each.get("state") != "revoked"}
    assert set(values) == named, "named by no entry"


def audited(place: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> int:
    executor = LocalExecutor(place / "desk")
    try:
        return sum(entry.what == what for entry in executor.audit.entries(limit=50))
    finally:
        executor.close()


def test_a_key_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, old, value = prepared(tmp_path, monkeypatch)
    places, told = killed_everywhere(base, "issue", {"consumer": "acme", "replaces": old, "overlap": "2h"})
    found = [stands(place) for place in places]
    for known, values in found:
        assert known[0]["id"] == old and values[f"api-key.acme.{old}"] == value, "whoever calls with the old one still can"
        assert ("expires" in known[0]) == (len(known) == 2), "it ends only where there is another"
        assert all(opens(each, values) for each in known), "an entry without its value would lock its consumer out"
    counts = [len(known) for known, _values in found]
    assert counts == sorted(counts) and set(counts) == {1, 2} and len(counts) >= 10
    assert audited(places[counts.index(2)], monkeypatch, "credential.issued") == 2
    known, values = found[-1]
    assert values[f"api-key.acme.{known[1]['id']}"] == told
    orphans = [place for place, (known, values) in zip(places, found, strict=True) if len(values) > len(known)]
    assert len(orphans) >= 2, "some were killed between the value and its entry"
    for place in (places[0], orphans[0], places[-2]):
        used_again(place, monkeypatch)
    with monkeypatch.context() as without:  # the guard taken away: the value would stay
        without.setattr(credentials, "sweep", lambda *_args: [])
        with pytest.raises(AssertionError, match="named by no entry"):
            used_again(orphans[-1], without)


def test_a_key_that_was_taken_back_leaves_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, old, _value = prepared(tmp_path, monkeypatch)
    places, _none = killed_everywhere(base, "revoke", {"consumer": "acme", "credential": old})
    states = []
    for place in places:
        (entry,), values = stands(place)
        states.append((entry.get("state", "active"), bool(values)))
        assert entry.get("state") == "revoked" or opens(entry, values)
    assert states[0] == ("active", True) and states[-1] == ("revoked", False)
    between = places[states.index(("revoked", True))]  # killed between the entry and the value
    assert audited(between, monkeypatch, "credential.revoked") == 1
    used_again(between, monkeypatch)
