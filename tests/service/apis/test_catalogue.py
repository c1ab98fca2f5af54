"""The catalogue through the executor: drafts, guards, documents, terms, keys; what stands in the files afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

DOCUMENT = """\
openapi: 3.1.0
info: {title: Orders, version: "1", description: All orders.}
paths:
  /orders:
    get:
      operationId: listOrders
      summary: List the orders
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Order'}}}}}
        "404": {description: none}
components:
  schemas:
    Order: {type: object, properties: {number: {type: integer}, total: {type: number}}}
"""


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    place = Workspace.create(tmp_path / "place")
    found = LocalExecutor(place.root)
    yield found
    found.close()


def _api(**more: Any) -> dict[str, Any]:
    return {
        "id": "orders", "version": "1", "name": "Orders", "owner": "sales", "route": {"base_path": "/orders"},
        "upstream": {"targets": [{"url": "http://127.0.0.1:9/x"}]}, **more,
    }  # fmt: skip


def _published(executor: LocalExecutor, **more: Any) -> None:
    data = _api(**more)
    executor.apis.save(data)
    executor.apis.set_document(data["id"], data["version"], DOCUMENT)
    executor.apis.move(data["id"], data["version"], "published")


def test_a_draft_is_told_all_that_it_lacks(executor: LocalExecutor) -> None:
    executor.apis.save(_api(name="", owner="", security=[], upstream={}, plans=["gold"], gateways=["edge"]))
    with pytest.raises(Refused) as refused:
        executor.apis.move("orders", "1", "published")
    codes = {problem.code for problem in refused.value.problems}
    assert codes == {"api.name", "api.owner", "api.security", "api.upstream", "api.plan", "api.gateway", "api.document"}
    assert all(problem.message.text("en") and problem.place.file == "apis/orders-1.yaml" for problem in refused.value.problems)


def test_a_life(executor: LocalExecutor) -> None:
    _published(executor)
    assert executor.apis.get("orders").data["lifecycle"] == "published"
    for to, code in (("retired", "api.step"), ("deprecated", "api.sunset")):
        with pytest.raises(Refused) as refused:
            executor.apis.move("orders", "1", to)
        assert refused.value.problems[0].code == code
    with pytest.raises(Refused):
        executor.apis.remove("orders", "1")
    executor.apis.move("orders", "1", "deprecated", sunset="2999-01-01")
    written = yaml.safe_load((executor.root / "apis" / "orders-1.yaml").read_text())
    assert written["lifecycle"] == "deprecated" and written["sunset"] == "2999-01-01" and written["since"]
    executor.apis.move("orders", "1", "retired")
    executor.apis.remove("orders", "1")
    assert list((executor.root / "apis").iterdir()) == []
    noted = [entry.what for entry in executor.audit.entries(limit=20)]
    assert noted[:2] == ["api.removed", "api.moved"]


def test_the_life_goes_its_own_way(executor: LocalExecutor) -> None:
    executor.apis.save(_api(lifecycle="published"))
    assert executor.apis.get("orders").data["lifecycle"] == "draft", "who saves does not publish"


def test_what_others_changed_is_not_overwritten(executor: LocalExecutor) -> None:
    read = executor.apis.save(_api()).data
    executor.apis.save(_api(name="Theirs"))
    with pytest.raises(Refused) as refused:
        executor.apis.save({**read, "name": "Ours"})
    assert refused.value.problems[0].code == "api.changed"
    assert executor.apis.get("orders").brief.name == "Theirs"


def test_two_at_one_place(executor: LocalExecutor) -> None:
    _published(executor)
    executor.apis.save(_api(id="others"))
    executor.apis.set_document("others", "1", DOCUMENT)
    with pytest.raises(Refused) as refused:
        executor.apis.move("others", "1", "published")
    assert [problem.code for problem in refused.value.problems] == ["api.taken"]


def test_a_breaking_change_needs_a_new_first_number(executor: LocalExecutor) -> None:
    _published(executor, version="1.0")
    broken = DOCUMENT.replace("/orders:", "/purchases:")
    for version in ("1.1", "2.0"):
        executor.apis.save(_api(version=version))
        executor.apis.set_document("orders", version, broken)
    with pytest.raises(Refused) as refused:
        executor.apis.move("orders", "1.1", "published")
    assert {problem.code for problem in refused.value.problems} == {"api.breaks"}
    executor.apis.move("orders", "2.0", "published")
    impact = executor.apis.changes("orders", "1.0", "2.0")
    assert [each.code for each in impact.changes if each.breaking] == ["path.removed"]


def test_documents_stay_among_the_apis(executor: LocalExecutor) -> None:
    for name in ("../../outside.yaml", "/etc/passwd", "a\0b"):
        with pytest.raises(Refused):
            executor.apis.save(_api(openapi=name))
    with pytest.raises(Refused):
        executor.apis.save(_api(id="../x"))


def test_an_imported_document_is_a_draft(executor: LocalExecutor) -> None:
    found = executor.apis.import_document(DOCUMENT)
    assert (found.brief.id, found.brief.version, found.brief.lifecycle, found.brief.operations) == ("orders", "1", "draft", 1)
    assert executor.apis.search(schema="total").total == 1 and executor.apis.search(schema="nothing").total == 0
    assert executor.apis.search("órders LIST").total == 0 and executor.apis.search("ÓRDERS /orders").total == 1


def test_what_an_import_loses_is_said_to_who_imports(
    executor: LocalExecutor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document that is kept is of 3.1 and does not tell any more."""
    from tisserand.cli.main import call

    text = """\
swagger: "2.0"
info: {title: Old, version: "1"}
schemes: [https, wss]
host: old.example.org
paths: {/a: {get: {responses: {"200": {description: ok}}}}}
"""
    (tmp_path / "old.yaml").write_text(text)
    found = executor.apis.import_document(text)
    assert [(each.code, each.severity, each.place.field) for each in found.problems if each.code == "openapi.lost"] == [
        ("openapi.lost", "warning", "#/schemes")
    ]  # fmt: skip
    assert not [each for each in executor.apis.get("old", "1").problems if each.code == "openapi.lost"]
    again = executor.apis.set_document("old", "1", text)
    assert [each.code for each in again.problems if each.code == "openapi.lost"] == ["openapi.lost"]
    assert call(["api", "import", str(tmp_path / "old.yaml"), "--id", "older", "--workspace", str(executor.root)]) == 0
    assert "wss" in capsys.readouterr().err


def test_terms_and_their_comments(executor: LocalExecutor) -> None:
    (executor.root / "plans.yaml").write_text("# ours\nsilver: {name: Silver}   # stays\n\n# the best\ngold:\n  name: Gold\n")
    executor.apis.save_entry("plan", "gold", {"name": "Golden", "rate": [{"count": 5, "per": "1s"}], "approval": "manual"})
    executor.apis.save_entry("plan", "bronze", {"name": "Bronze"})
    text = (executor.root / "plans.yaml").read_text()
    assert (
        text.startswith("# ours\nsilver: {name: Silver}   # stays\n\n# the best\ngold:\n  name: Golden\n") and "bronze:" in text
    )
    executor.apis.remove_entry("plan", "gold")
    assert "# the best\nbronze:" in (executor.root / "plans.yaml").read_text()


def test_subscriptions(executor: LocalExecutor) -> None:
    _published(executor)
    executor.apis.save_entry("plan", "open", {"name": "Open"})
    executor.apis.save_entry("plan", "gold", {"name": "Gold", "approval": "manual"})
    executor.apis.save_entry("consumer", "acme", {"name": "Acme"})
    with pytest.raises(Refused) as refused:
        executor.apis.subscribe("nothing", "none", "nobody")
    assert len(refused.value.problems) == 3
    assert executor.apis.subscribe("orders", "gold", "acme") == "acme-orders"
    state = lambda: executor.apis.entries("subscription")[0]["acme-orders"]["state"]  # noqa: E731
    assert state() == "pending"
    with pytest.raises(Refused):
        executor.apis.subscribe("orders", "open", "acme")
    executor.apis.decide("acme-orders", "active", by="boss")
    assert state() == "active" and executor.apis.get("orders").brief.consumers == 1
    with pytest.raises(Refused):
        executor.apis.move("orders", "1", "draft")
    with pytest.raises(Refused):
        executor.apis.remove_entry("consumer", "acme")
    executor.apis.decide("acme-orders", "ended")
    with pytest.raises(Refused):
        executor.apis.decide("acme-orders", "active")


def test_keys_are_told_once_and_stand_nowhere(executor: LocalExecutor) -> None:
    executor.apis.save_entry("consumer", "acme", {"name": "Acme"})
    first = executor.apis.issue("acme")
    second = executor.apis.issue("acme", replaces=first.credential, overlap="2h", expires="2999-01-01")
    store = secret_store(Workspace(executor.root).id)
    assert store.get(f"api-key.acme.{first.credential}") == first.value and first.value not in repr(first)
    found = {each["id"]: each for each in executor.apis.entries("consumer")[0]["acme"]["credentials"]}
    assert found[first.credential]["expires"] and found[second.credential]["expires"].startswith("2999")
    executor.apis.save_entry("consumer", "acme", {"name": "Acme Inc.", "credentials": []})
    assert len(executor.apis.entries("consumer")[0]["acme"]["credentials"]) == 2, "keys go their own way"
    with pytest.raises(Refused):
        executor.apis.issue("acme", replaces=first.credential, overlap="some time")
    executor.apis.revoke("acme", first.credential)
    assert store.get(f"api-key.acme.{first.credential}") is None
    everything = b"".join(path.read_bytes() for path in executor.root.rglob("*") if path.is_file())
    assert first.value.encode() not in everything and second.value.encode() not in everything


def test_what_a_kill_left_is_taken_away(executor: LocalExecutor) -> None:
    """Killed between the secret and the entry: the value is named by nobody."""
    executor.apis.save_entry("consumer", "acme", {"name": "Acme"})
    store = secret_store(Workspace(executor.root).id)
    store.set("api-key.acme.k0", "left over")
    store.set("api-key.acme-2.k0", "of another consumer")
    executor.apis.issue("acme")
    assert store.get("api-key.acme.k0") is None and store.get("api-key.acme-2.k0") == "of another consumer"


def test_many_write_at_once(executor: LocalExecutor) -> None:
    """Each change is a whole one: none is lost to another."""
    threads = [
        threading.Thread(target=executor.apis.save_entry, args=("consumer", f"c{number}", {"name": str(number)}))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(executor.apis.entries("consumer")[0]) == {f"c{number}" for number in range(12)}


def test_files_that_are_wrong_are_told_and_left(executor: LocalExecutor) -> None:
    (executor.root / "consumers.yaml").write_text("acme: {name: A}\nacme: {name: B}\n")
    with pytest.raises(Refused) as refused:
        executor.apis.save_entry("consumer", "new", {"name": "N"})
    assert refused.value.problems[0].place.line == 2
    assert (executor.root / "consumers.yaml").read_text() == "acme: {name: A}\nacme: {name: B}\n"
    (executor.root / "apis").mkdir()
    (executor.root / "apis" / "bad.yaml").write_text(
        "id: BAD\nversion: 1\nroute: {base_path: x, what: 1}\nowner: [a]\nupstream: {}\n"
    )
    file = executor.apis.catalogue.apis()[0]
    assert file.api is None and len(file.problems) == 5, [p.line() for p in file.problems]
    assert {problem.place.line for problem in file.problems} == {1, 2, 3, 4}


def test_json_of_everything(executor: LocalExecutor) -> None:
    _published(executor)
    found = executor.apis.get("orders")
    again = type(found).from_json(json.loads(json.dumps(found.to_json())))
    assert again == found or again.to_json() == found.to_json()


def test_the_reference_site_is_written_into_a_folder_of_its_own(executor: LocalExecutor) -> None:
    _published(executor)
    pages = executor.apis.docs("public/docs", "fr")
    assert list(pages) == ["en/index.html", "en/orders@1.html", "index.html", "orders@1.html"]
    assert executor.apis.docs("public/docs", "fr") == pages, "again over itself"
    for folder in ("..", ".", "", "/etc", ".tisserand/x", "apis", "public", "a\0b", "a\udcff"):
        with pytest.raises(Refused):
            executor.apis.docs(folder)


def test_a_document_is_kept_word_for_word_and_not_over_what_others_wrote(executor: LocalExecutor) -> None:
    executor.apis.save(_api())
    text = DOCUMENT.replace("paths:", "# Prix\u00a0: voir le site\npaths:  # all of them")
    first = executor.apis.set_document("orders", "1", text)
    path = executor.root / "apis" / "orders-1.openapi.yaml"
    assert path.read_bytes() == text.encode() and first.text == text
    path.write_text(text + "# theirs\n", encoding="utf-8")
    with pytest.raises(Refused) as refused:
        executor.apis.set_document("orders", "1", text + "# mine\n", hash=first.document_hash)
    assert [each.code for each in refused.value.problems] == ["api.changed"] and path.read_text().endswith("# theirs\n")
    again = executor.apis.get("orders", "1")
    assert again.text.endswith("# theirs\n") and again.document_hash != first.document_hash
    executor.apis.set_document("orders", "1", text, hash=again.document_hash)
    # What has to be lifted is written anew, and so is YAML into a file that is called JSON.
    lifted = executor.apis.set_document("orders", "1", text.replace("openapi: 3.1.0", "openapi: 3.0.3"))
    assert yaml.safe_load(lifted.text)["openapi"].startswith("3.1") and "Prix" not in lifted.text
    path.unlink()
    data = executor.apis.get("orders", "1").data
    executor.apis.save({**data, "openapi": "orders-1.openapi.json"})
    executor.apis.set_document("orders", "1", text)
    assert json.loads((executor.root / "apis" / "orders-1.openapi.json").read_text())["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + "".join(f"k{at}: &k{at} [*{'c' if at == 0 else f'k{at - 1}'}, *{'c' if at == 0 else f'k{at - 1}'}]\n" for at in range(40)),
        "paths: 3\ninfo: []\ncomponents: x\n", "paths: {/a: {get: [1], parameters: x}}\n", "paths: {/a: {get: {parameters: [3], responses: [x]}}}\n",
        "components: {schemas: {A: {$ref: '#/components/schemas/A', properties: [1]}}}\npaths: {}\n", "[" * 5000, "\x00", "- 1\n",
        "paths: {3: {get: {4: 5}}}\nsecurity: x\n", "paths: &p {/a: *p}\n",
    ],
    ids=["bomb", "kinds", "lists", "numbers", "circle", "deep", "zero", "list", "keys", "itself"],
)  # fmt: skip
def test_a_hostile_document_is_one_that_something_is_said_of(executor: LocalExecutor, text: str) -> None:
    executor.apis.save({**_api(), "openapi": "orders-1.openapi.yaml"})
    (executor.root / "apis" / "orders-1.openapi.yaml").write_text("openapi: 3.1.0\n" + text)
    [brief] = executor.apis.search().apis
    assert brief.problems > 0 and executor.apis.get("orders", "1").problems
