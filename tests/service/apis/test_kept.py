"""What the catalogue keeps: published versions as their guards want them, documents that callers rely on, and files that are of others.
Each test names one guard; without it, it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.service.apis.conftest import BROKEN, DOCUMENT, Shop

from tisserand.service.protocol import Refused


def refused(ask: Callable[[], object]) -> list[tuple[str, str | None]]:
    """The codes and fields of a refusal."""
    with pytest.raises(Refused) as caught:
        ask()
    assert all(each.message.text("en") for each in caught.value.problems)
    return [(each.code, each.place.field) for each in caught.value.problems]


def files(root: Path) -> dict[str, bytes]:
    """All that a person keeps there."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".tisserand")}


SAVED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"name": ""}, [("api.name", "name")]),
    ({"owner": " "}, [("api.owner", "owner")]),
    ({"security": []}, [("api.security", "security")]),
    ({"security": [{"kind": "open", "approved_by": ""}]}, [("api.open", "security.0.approved_by")]),
    ({"upstream": {}}, [("api.upstream", "upstream")]),
    ({"plans": ["iron"]}, [("api.plan", "plans.0")]),
    ({"gateways": ["moon"]}, [("api.gateway", "gateways.0")]),
    ({"openapi": "gone.openapi.yaml"}, [("api.document", "openapi")]),
    ({"route": {"base_path": "/other"}}, [("api.taken", "route")]),
    ({"name": "", "owner": ""}, [("api.name", "name"), ("api.owner", "owner")]),
]  # fmt: skip


def test_a_published_version_is_not_saved_worse(shop: Shop) -> None:
    """`lifecycle.worse`: else everybody could call it a moment after it was published with a key."""
    shop.published(id="other", route={"base_path": "/other"})
    shop.published(openapi="orders-1.openapi.yaml")
    before = files(shop.root)
    for more, expected in SAVED:
        data = shop.data(openapi="orders-1.openapi.yaml") | more
        assert refused(lambda data=data: shop.apis.save(data)) == expected, more
    assert files(shop.root) == before and shop.audited()[0] == ("api.moved", "orders@1")
    assert shop.apis.save(shop.data(openapi="orders-1.openapi.yaml", summary="Better")).brief.lifecycle == "published"


def test_a_version_whose_document_is_not_compared_tells_the_rest(shop: Shop) -> None:
    """The new version has no document: that is told beside all else, not instead of it."""
    shop.published(version="1.0")
    shop.apis.save(shop.data(version="1.1", name="", owner=""))
    codes = [code for code, _field in refused(lambda: shop.apis.move("orders", "1.1", "published"))]
    assert codes == ["api.name", "api.owner", "api.document"]
    shop.apis.save(shop.data(version="1.1"))
    shop.apis.set_document("orders", "1.1", DOCUMENT)
    shop.file("orders-1.0.openapi.yaml").unlink()
    assert refused(lambda: shop.apis.move("orders", "1.1", "published")) == [("api.breaks", "openapi")]


def test_a_document_that_breaks_subscribed_callers_is_refused(shop: Shop) -> None:
    """Whether it is handed in, or another one is named, or another flow generates it."""
    shop.published()
    shop.apis.set_document("orders", "1", DOCUMENT.replace("/orders:", "/orders: {}\n  /more:").replace("/more:", "/orders:"))
    shop.subscribed()
    before = files(shop.root)
    assert [code for code, _ in refused(lambda: shop.apis.set_document("orders", "1", BROKEN))] == ["api.breaks"]
    assert files(shop.root) == before
    shop.file("broken.openapi.yaml").write_text(BROKEN)
    data = dict(shop.apis.get("orders").data)
    assert [code for code, _ in refused(lambda: shop.apis.save({**data, "openapi": "broken.openapi.yaml"}))] == ["api.breaks"]
    shop.apis.set_document("orders", "1", DOCUMENT.replace("total:", "extra: {type: integer}, total:"))  # nobody minds more
    shop.apis.decide("acme-orders", "ended")
    shop.apis.set_document("orders", "1", BROKEN)
    assert shop.apis.get("orders").document["paths"].keys() == {"/purchases"}  # type: ignore[index]


def test_within_a_first_number_no_document_breaks_callers_of_older_versions(shop: Shop) -> None:
    """A published 1.1 whose document is replaced is still compared with 1.0."""
    shop.published(version="1.0")
    shop.published(version="1.1")
    assert [code for code, _ in refused(lambda: shop.apis.set_document("orders", "1.1", BROKEN))] == ["api.breaks"]
    shop.apis.save(shop.data(version="1.2"))
    shop.apis.set_document("orders", "1.2", BROKEN)  # a draft may be anything


def test_a_retired_version_answers_again_only_as_it_was_guarded(shop: Shop) -> None:
    shop.published()
    shop.apis.move("orders", "1", "deprecated", "2999-01-01")
    shop.apis.move("orders", "1", "retired")
    shop.apis.save(shop.data(security=[], openapi="orders-1.openapi.yaml"))
    assert refused(lambda: shop.apis.move("orders", "1", "deprecated", "2999-01-01")) == [("api.security", "security")]
    shop.apis.save(shop.data(openapi="orders-1.openapi.yaml"))
    written = shop.file().read_text()
    shop.file().write_text(written.replace("2999-01-01", "2020-01-01"))
    assert refused(lambda: shop.apis.move("orders", "1", "deprecated")) == [("api.sunset", "sunset")]
    assert shop.apis.move("orders", "1", "deprecated", "2999-02-01").data["sunset"] == "2999-02-01"


def test_an_end_is_refused_where_it_means_nothing(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.apis.set_document("orders", "1", DOCUMENT)
    assert refused(lambda: shop.apis.move("orders", "1", "published", "2999-01-01")) == [("api.sunset", "sunset")]
    assert refused(lambda: shop.apis.move("orders", "1", "published", "tomorrow")) == [("api.date", None)]
    assert refused(lambda: shop.apis.move("orders", "1", "public")) == [("api.step", None)]


def test_documents_are_found_in_the_folder_of_apis_only(shop: Shop) -> None:
    """`Catalogue.document_place`, on every way to a document: saved, read, kept, searched, removed."""
    outside = shop.root / "private.openapi.yaml"
    outside.write_text(DOCUMENT)
    shop.apis.save(shop.data(id="other", route={"base_path": "/other"}))
    shop.file("link").symlink_to(shop.root)
    for name in ("../private.openapi.yaml", str(outside), "link/private.openapi.yaml", "other-1.yaml", ".", "a\0b"):
        assert refused(lambda name=name: shop.apis.save(shop.data(openapi=name))) == [("call.refused", "openapi")], name
    shop.apis.save(shop.data())
    shop.file().write_text(shop.file().read_text() + "openapi: ../private.openapi.yaml\n")
    detail = shop.apis.get("orders")
    assert detail.document is None and [(each.code, each.place.line) for each in detail.problems] == [("api.outside", 10)]
    assert [(code, field) for code, field in refused(lambda: shop.apis.set_document("orders", "1", BROKEN))] == [
        ("api.outside", "openapi")
    ]
    assert shop.apis.search(schema="Order").total == 0
    assert shop.apis.redundancy() and shop.apis.docs("site"), "one file is in nobody’s way"
    shop.apis.remove("orders", "1")
    assert outside.read_text() == DOCUMENT


def test_what_is_new_takes_no_file_that_is_there(shop: Shop) -> None:
    """`check_new`: a file that cannot be read is no API, and still somebody’s."""
    theirs = "id: [\n# work of an afternoon\n"
    shop.file().parent.mkdir()
    shop.file().write_text(theirs)
    shop.file("bills-1.openapi.yaml").write_text("notes: mine\n")
    assert refused(lambda: shop.apis.save(shop.data())) == [("call.refused", None)]
    assert refused(lambda: shop.apis.import_document(DOCUMENT, "orders", "1")) == [("call.refused", None)]
    assert refused(lambda: shop.apis.import_document(DOCUMENT, "bills", "1")) == [("call.refused", None)]
    shop.apis.save(shop.data(id="bills"))
    assert refused(lambda: shop.apis.set_document("bills", "1", DOCUMENT)) == [("call.refused", None)]
    shop.file("dangling-1.yaml").symlink_to(shop.root / "nowhere")
    assert refused(lambda: shop.apis.save(shop.data(id="dangling"))) == [("call.refused", None)]
    assert shop.file().read_text() == theirs and shop.file("bills-1.openapi.yaml").read_text() == "notes: mine\n"
    assert not os.path.lexists(shop.root / "nowhere")
    # A kill between the document and the file leaves the document: the same import goes on from there.
    shop.apis.import_document(DOCUMENT, "again", "1")
    shop.file("again-1.yaml").unlink()
    assert shop.apis.import_document(DOCUMENT, "again", "1").brief.key == "again@1"


def test_a_document_goes_with_the_last_version_that_names_it(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.apis.set_document("orders", "1", DOCUMENT)
    (shop.root / "apis" / "more").mkdir()
    shop.file("more/second.yaml").write_text(
        yaml.safe_dump(shop.data(id="second", openapi="../orders-1.openapi.yaml", route={"base_path": "/second"}))
    )
    shop.apis.remove("orders", "1")
    assert shop.apis.get("second").document is not None, "another folder names it by another path"
    shop.apis.remove("second", "1")
    assert not shop.file("orders-1.openapi.yaml").exists()


def test_a_document_in_json_stays_json(shop: Shop) -> None:
    shop.apis.save(shop.data(openapi="orders.openapi.json"))
    shop.apis.set_document("orders", "1", DOCUMENT)
    assert json.loads(shop.file("orders.openapi.json").read_text())["paths"].keys() == {"/orders"}


def test_broken_files_are_told_though_they_are_no_apis(shop: Shop) -> None:
    """`Apis.problems`: the list does not hold them."""
    shop.apis.save(shop.data(plans=["iron"]))
    shop.file("broken.yaml").write_text("id: [\n")
    (shop.root / "plans.yaml").write_text("gold: 7\n")
    assert shop.apis.search().total == 1
    found = [(each.place.file, each.place.line, each.severity) for each in shop.apis.problems()]
    assert found == [("apis/broken.yaml", 2, "error"), ("plans.yaml", 1, "error")]
    (shop.root / "plans.yaml").write_text("gold: {}\n")
    assert [(each.place.file, each.place.line, each.place.field, each.severity) for each in shop.apis.problems()] == [
        ("apis/broken.yaml", 2, None, "error"), ("apis/orders-1.yaml", 11, "plans.0", "warning"),
    ]  # fmt: skip


def test_what_was_read_and_is_gone_is_not_saved(shop: Shop) -> None:
    read = dict(shop.apis.save(shop.data()).data)
    shop.apis.remove("orders", "1")
    assert refused(lambda: shop.apis.save(read)) == [("api.changed", None)], "somebody removed it"
    assert not shop.file().exists()


def test_only_what_was_done_is_audited(shop: Shop) -> None:
    shop.published(security=[{"kind": "open", "approved_by": "boss"}])
    entries = shop.executor.audit.entries(limit=50)
    assert [each.data.get("open") for each in entries if each.what in ("api.saved", "api.moved")] == [["boss"], ["boss"]]
    done = shop.audited()
    for ask in (
        lambda: shop.apis.save_entry("plan", "gold", {"rate": [{"count": 0, "per": "1s"}]}),
        lambda: shop.apis.remove_entry("plan", "gold"),
        lambda: shop.apis.subscribe("orders", "gold", "acme"),
        lambda: shop.apis.decide("acme-orders", "active"),
        lambda: shop.apis.issue("acme"),
        lambda: shop.apis.revoke("acme", "k1"),
        lambda: shop.apis.set_document("orders", "1", "{"),
        lambda: shop.apis.import_document("{"),
        lambda: shop.apis.import_document(DOCUMENT, "NO ID"),
        lambda: shop.apis.remove("orders", "1"),
        lambda: shop.apis.save(shop.data(name="half \ud800")),
    ):
        refused(ask)
    assert shop.audited() == done
    (shop.root / "plans.yaml").write_text("{iron: {}, lead: {}}\n")  # in one line: no entry can be taken out
    refused(lambda: shop.apis.remove_entry("plan", "iron"))
    assert shop.audited() == done
    (shop.root / "plans.yaml").unlink()
    assert shop.subscribed() == "acme-orders"
    shop.apis.save(shop.data(id="draft"))
    shop.apis.subscribe("draft", "gold", "acme")
    assert shop.audited()[0] == ("subscription.made", "acme-draft")


def test_whoever_is_subscribed_is_not_there_for_the_next_api_of_that_name(shop: Shop) -> None:
    shop.apis.save(shop.data())
    shop.apis.save(shop.data(version="2"))
    shop.subscribed()
    shop.apis.remove("orders", "2")  # `orders@1` is left, which the subscription is of as well
    assert refused(lambda: shop.apis.remove("orders", "1")) == [("call.refused", None)]
    shop.apis.decide("acme-orders", "ended")
    shop.apis.remove("orders", "1")
    assert shop.apis.problems() == []


def test_an_api_whose_flow_is_gone_is_in_nobodys_way(shop: Shop) -> None:
    """It is saved, shown, and told of; the others are compared and written as before."""
    found = shop.apis.save(shop.data(upstream={"flow": "gone"}))
    assert found.document is None
    assert [(each.place.file, each.place.field, each.severity) for each in found.problems] == [
        ("apis/orders-1.yaml", "upstream.flow", "error")
    ]
    shop.published(id="other", route={"base_path": "/other"})
    assert shop.apis.redundancy() == [] and shop.apis.docs("site")
    data = shop.data(upstream={"flow": "gone"}, name="", security=[])
    shop.apis.save(data)
    assert refused(lambda: shop.apis.move("orders", "1", "published")) == [
        ("api.name", "name"), ("api.security", "security"), ("call.refused", "upstream.flow"),
    ]  # fmt: skip
