"""The page of APIs by keys and clicks, over a real catalogue: what is searched, kept and moved is read from the files afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot
from tests.ui import made_apis as made

from tisserand.ui.apis.catalogue import SHOWN, CatalogueView
from tisserand.ui.apis.doctree import TEXT
from tisserand.ui.panels.editors import LineEditor
from tisserand.ui.window import Window

LONG = 30_000
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton


def open_page(window: Window, root: Path) -> CatalogueView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_4, ALT)
    assert window.desk.supervising.view is not None
    page = window.desk.supervising.view.page
    assert isinstance(page, CatalogueView)
    return page


def keys(page: CatalogueView) -> list[str]:
    return [line.item.key for line in page.model.lines]


def steps(page: CatalogueView) -> list[QPushButton]:
    return [button for button in page.steps.values() if button.isVisible()]


def opened(window: Window, root: Path, qtbot: QtBot, key: str = "") -> CatalogueView:
    page = open_page(window, root)
    qtbot.waitUntil(lambda: len(page.model.lines) == 6, timeout=LONG)
    if key:
        page.table.choose(page.model.index(keys(page).index(key), 0))
        qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == key, timeout=LONG)
    return page


def written(root: Path, file: str) -> Any:
    return yaml.safe_load((root / "apis" / file).read_text(encoding="utf-8"))


def test_found_as_one_types_and_by_filters(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    assert QApplication.focusWidget() is page.search and page.count.text() == "6 APIs"
    QTest.keyClicks(page.search, "shop")
    qtbot.waitUntil(lambda: sorted(keys(page)) == ["orders@1", "orders@2", "shop-orders@1"], timeout=LONG)
    QTest.keyClicks(page.search, " nowhere")
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.empty, timeout=LONG)
    assert page.empty.text.text() == "No API fits what is searched for." and not page.empty.button.isVisible()
    page.search.clear()
    qtbot.waitUntil(lambda: len(page.model.lines) == 6, timeout=LONG)
    owner = page.owner.lineEdit()
    assert owner is not None and [page.owner.itemText(at) for at in range(page.owner.count())][:3] == ["", "finance", "logistics"]
    QTest.keyClicks(owner, "finance")
    qtbot.waitUntil(lambda: keys(page) == ["invoices@1"], timeout=LONG)
    owner.clear()
    page.tag.setCurrentText("core")
    qtbot.waitUntil(lambda: sorted(keys(page)) == ["customers@1", "orders@1", "orders@2", "stock@1"], timeout=LONG)
    page.life.setFocus()
    for _down in range(3):
        QTest.keyClick(page.life, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: keys(page) == ["orders@1"], timeout=LONG)
    assert [page.model.lines[0].cells[at].text for at in (1, 2, 3, 6)] == ["1", "Deprecated", "/orders/v1", "2"]
    assert page.model.lines[0].cells[2].sign == "hourglass", "an icon and a word, not a colour alone"


def test_an_empty_catalogue_has_two_ways_out(
    window: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new"
    root.mkdir()
    (root / "tisserand.yaml").write_text("")
    page = open_page(window, root)
    qtbot.waitUntil(page.empty.other.isVisible, timeout=LONG)
    assert page.empty.button.text() == "Publish a flow…" and page.empty.other.text() == "Import OpenAPI…"
    document = tmp_path / "orders.yaml"
    document.write_text(yaml.safe_dump({**made.DOCUMENT, "servers": [{"url": "https://orders.example.org/api"}]}))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_asked: (str(document), ""))
    QTest.mouseClick(page.empty.other, LEFT)
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and page.detail is not None, timeout=LONG)
    assert page.stack.currentWidget() is page.split and page.detail.brief.lifecycle == "draft"
    assert [line.key for line in page.facts.model.lines] == [("get", "/orders"), ("post", "/orders"), ("get", "/orders/{number}")]
    assert len(list((root / "apis").glob("*.openapi.yaml"))) == 1
    document.write_text("openapi: 3.1.0\npaths: [")
    page.bring.setFocus()
    QTest.keyClick(page.bring, Qt.Key.Key_Space)
    assert window.desk.supervising.view is not None
    qtbot.waitUntil(window.desk.supervising.view.trouble.isVisible, timeout=LONG)


def test_guards_stand_in_the_way_in_sentences(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, "stock@1")
    [publish] = steps(page)
    QTest.mouseClick(publish, LEFT)
    qtbot.waitUntil(page.told.isVisible, timeout=LONG)
    assert "no OpenAPI document" in page.told.text() and written(shop, "stock-1.yaml").get("lifecycle", "draft") == "draft"
    page.choose("orders@2")
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == "orders@2", timeout=LONG)
    assert not page.told.isVisible(), "what was said of another API goes with it"
    qtbot.waitUntil(lambda: [each.accessibleName() for each in steps(page)] == ["Deprecate…", "Back to draft"], timeout=LONG)
    QTest.mouseClick(steps(page)[0], LEFT)
    dialog: Any = page.window().findChild(QDialog, "asking")
    QTest.keyClick(dialog.fields["sunset"], Qt.Key.Key_Return)
    qtbot.waitUntil(dialog.wrong.isVisible, timeout=LONG)
    QTest.keyClicks(dialog.fields["sunset"], "2999-01-31")
    QTest.keyClick(dialog.fields["sunset"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: written(shop, "orders-2.yaml")["lifecycle"] == "deprecated", timeout=LONG)
    qtbot.waitUntil(lambda: [each.accessibleName() for each in steps(page)] == ["Retire", "Publish again"], timeout=LONG)
    assert str(written(shop, "orders-2.yaml")["sunset"]) == "2999-01-31"


def test_the_document_as_form_trees_and_text(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, "orders@1")
    page.tabs.setCurrentWidget(page.document)
    tab = page.document
    qtbot.waitUntil(lambda: tab.title.text() == "Orders of the shop", timeout=LONG)
    QTest.keyClicks(tab.title, "!")
    assert tab.save.isEnabled() and tab.text.isReadOnly(), "the text does not know of it"
    tab.tabs.setCurrentIndex(1)
    tree = tab.operations
    first = tree.topLevelItem(0)
    assert first is not None and first.text(0) == "GET /orders" and first.childCount() == 3
    country = first.child(0)
    assert [country.text(at) for at in range(4)] == ["country", "Query", "string", ""]
    tree.setFocus()
    tree.setCurrentItem(country)
    QTest.keyClick(tree, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: isinstance(QApplication.focusWidget(), QLineEdit), timeout=LONG)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "Two letters")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: country.text(TEXT) == "Two letters", timeout=LONG)
    page.refresh()
    qtbot.wait(300)
    assert country.text(TEXT) == "Two letters" and tab.title.text().endswith("!"), "a look leaves what is written"
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: tab.said.text() == "The document is kept.", timeout=LONG)
    kept = written(shop, "orders-1.openapi.yaml")
    assert kept["info"]["title"] == "Orders of the shop!"
    assert kept["paths"]["/orders"]["get"]["parameters"][0]["description"] == "Two letters"
    assert kept["paths"]["/orders/{number}"] == made.DOCUMENT["paths"]["/orders/{number}"], "the rest is as it was"
    tab.tabs.setCurrentIndex(2)
    order = tab.schemas.topLevelItem(0)
    assert order is not None and [order.child(at).text(0) for at in range(order.childCount())] == [
        "number",
        "total",
        "customer",
        "lines",
    ]
    lines = order.child(3)
    assert (
        lines.text(2) == "[object]"
        and lines.text(3) == "Yes"
        and [lines.child(at).text(0) for at in range(2)] == ["article", "pieces"]
    )
    tab.tabs.setCurrentIndex(3)
    whole = tab.text.toPlainText()
    tab.text.setPlainText(whole + "\n  broken: [\n")
    qtbot.waitUntil(lambda: "not valid YAML" in tab.problems.item(0).text(), timeout=LONG)
    assert tab.title.isReadOnly(), "the form does not know of it"
    QTest.keyClick(tab.problems, Qt.Key.Key_Return)
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: tab.said.property("role") == "error", timeout=LONG)
    assert written(shop, "orders-1.openapi.yaml") == kept, "what cannot be read is not kept"
    QTest.mouseClick(tab.undo, LEFT)
    assert tab.text.toPlainText() == whole and not tab.dirty() and not tab.title.isReadOnly()


def test_upstream_and_policies_as_a_form(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, "orders@2")
    page.tabs.setCurrentWidget(page.settings)
    tab = page.settings
    qtbot.waitUntil(lambda: bool(tab.fields), timeout=LONG)
    assert not tab.save.isEnabled()
    before = written(shop, "orders-2.yaml")
    owner = tab.fields["owner"][0]
    assert isinstance(owner, LineEditor)
    owner.line.setFocus()
    owner.line.selectAll()
    QTest.keyClicks(owner.line, "shop")
    policies: Any = tab.fields["policies"][0]
    most: Any = next(editor for editor, _holder in policies._fields if editor.asked.name == "max_body")
    QTest.keyClicks(most.line, "many")
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: tab.fields["policies"][2].isVisible(), timeout=LONG)
    assert written(shop, "orders-2.yaml") == before, "nothing of it is saved"
    most.line.selectAll()
    QTest.keyClicks(most.line, "2MB")
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: written(shop, "orders-2.yaml")["owner"] == "shop", timeout=LONG)
    after = written(shop, "orders-2.yaml")
    assert after["policies"] == {**before["policies"], "max_body": "2MB"} and after["lifecycle"] == "published"
    qtbot.waitUntil(lambda: not tab.dirty(), timeout=LONG)
    # Somebody else saves meanwhile: nothing is written over theirs.
    owner.line.selectAll()
    QTest.keyClicks(owner.line, "mine")
    (shop / "apis" / "orders-2.yaml").write_text(yaml.safe_dump({**after, "owner": "theirs"}, sort_keys=False))
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: "changed meanwhile" in tab.said.text(), timeout=LONG)
    assert written(shop, "orders-2.yaml")["owner"] == "theirs"


def test_versions_and_look_alikes(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, "orders@2")
    page.tabs.setCurrentWidget(page.compared)
    qtbot.waitUntil(lambda: len(page.compared.model.lines) == 3, timeout=LONG)
    told = {(line.cells[0].text, line.cells[1].text) for line in page.compared.model.lines}
    assert ("Breaks callers", "POST /orders") in told and len([each for each in told if each[0] == "Harmless"]) == 2
    assert page.compared.told.text() == "1 change breaks callers. Consumers of version 1: acme, globex, warehouse."
    page.tabs.setCurrentWidget(page.alike)
    qtbot.waitUntil(lambda: len(page.alike.model.lines) == 2, timeout=LONG)
    assert {line.key for line in page.alike.model.lines} == {("orders@1", "shop-orders@1"), ("orders@2", "shop-orders@1")}
    assert "orders.example.org" in page.alike.why.text()
    page.alike.table.setFocus()
    QTest.keyClick(page.alike.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == "shop-orders@1", timeout=LONG)


def test_many_apis_are_turned_like_leaves(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    root = tmp_path / "many"
    (root / "apis").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    for number in range(230):
        data = made.api(f"api-{number:03}", route={"base_path": f"/api-{number:03}"})
        (root / "apis" / f"api-{number:03}-1.yaml").write_text(yaml.safe_dump(data))
    page = open_page(window, root)
    qtbot.waitUntil(lambda: len(page.model.lines) == SHOWN, timeout=LONG)
    assert page.count.text() == "1 to 100 of 230" and not page.earlier.isEnabled()
    seen = keys(page)
    for shown in (100, 30):
        page.later.setFocus()
        QTest.keyClick(page.later, Qt.Key.Key_Space)
        qtbot.waitUntil(lambda shown=shown, last=seen[-1]: len(page.model.lines) == shown and keys(page)[0] > last, timeout=LONG)
        seen += keys(page)
    assert len(set(seen)) == 230 and not page.later.isEnabled() and page.count.text() == "201 to 230 of 230"
    QTest.keyClicks(page.search, "api-007")
    qtbot.waitUntil(lambda: keys(page) == ["api-007@1"], timeout=LONG)
    assert not page.later.isVisible()
