"""What a person writes about an API is never lost: not when another one is looked at, not when the file changed, not by being kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tisserand.ui.apis.catalogue import CatalogueView
from tisserand.ui.apis.doctree import TEXT
from tisserand.ui.window import Window

LONG = 30_000
LEFT = Qt.MouseButton.LeftButton


def opened(window: Window, root: Path, qtbot: QtBot) -> CatalogueView:
    window.runner.root = root
    page = window.desk.supervising.show("apis_page").page
    assert isinstance(page, CatalogueView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 6, timeout=LONG)
    return page


def turn(page: CatalogueView, qtbot: QtBot, key: str) -> None:
    page.table.choose(page.model.index([line.key for line in page.model.lines].index(key), 0))
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == key, timeout=LONG)


def dots(page: CatalogueView) -> set[str]:
    return {str(line.key) for line in page.model.lines if line.cells[0].sign == "pencil"}


def test_what_is_written_waits_while_another_one_is_looked_at(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    page.tabs.setCurrentWidget(page.document)
    turn(page, qtbot, "orders@1")
    tab = page.document
    qtbot.waitUntil(lambda: tab.title.text() == "Orders of the shop", timeout=LONG)
    QTest.keyClicks(tab.title, " (mine)")
    tab.tabs.setCurrentIndex(1)
    first = tab.operations.topLevelItem(0)
    assert first is not None
    first.child(0).setText(TEXT, "Two letters")
    assert dots(page) == {"orders@1"} and page.tabs.tabText(page.tabs.indexOf(tab)) == "Document •"
    turn(page, qtbot, "orders@2")
    tab.tabs.setCurrentIndex(3)
    qtbot.waitUntil(lambda: not tab.dirty() and "operationId" in tab.text.toPlainText(), timeout=LONG)
    QTest.keyClicks(tab.text, "# later")
    QTest.keyClick(tab.text, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dots(page) == {"orders@1", "orders@2"}, timeout=LONG)
    page.tabs.setCurrentWidget(page.settings)
    qtbot.waitUntil(lambda: bool(page.settings.fields), timeout=LONG)
    owner: Any = page.settings.fields["owner"][0]
    owner.line.selectAll()
    QTest.keyClicks(owner.line, "me")
    turn(page, qtbot, "stock@1")
    assert owner.line.text() == "logistics" and not page.settings.save.isEnabled()
    turn(page, qtbot, "orders@2")
    assert owner.line.text() == "me" and page.settings.save.isEnabled() and "not kept yet" in page.settings.said.text()
    page.tabs.setCurrentWidget(page.document)
    assert tab.text.toPlainText().startswith("# later\n") and tab.save.isEnabled()
    turn(page, qtbot, "orders@1")
    assert tab.title.text() == "Orders of the shop (mine)" and tab.text.isReadOnly()
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: tab.said.text() == "The document is kept.", timeout=LONG)
    kept = yaml.safe_load((shop / "apis" / "orders-1.openapi.yaml").read_text())
    assert kept["info"]["title"] == "Orders of the shop (mine)"
    assert kept["paths"]["/orders"]["get"]["parameters"][0]["description"] == "Two letters"
    assert dots(page) == {"orders@2"}


def test_a_document_is_kept_as_it_was_written(window: Window, qtbot: QtBot, shop: Path) -> None:
    """Comments, quotes, and the no-break spaces of French."""
    path = shop / "apis" / "orders-1.openapi.yaml"
    text = "# Ours, by hand\n" + path.read_text(encoding="utf-8").replace(
        "Every order of the shop", "Toutes les commandes\u00a0!"
    )
    path.write_text(text, encoding="utf-8")
    page = opened(window, shop, qtbot)
    page.tabs.setCurrentWidget(page.document)
    turn(page, qtbot, "orders@1")
    tab = page.document
    qtbot.waitUntil(lambda: tab.title.text() == "Orders of the shop", timeout=LONG)
    tab.tabs.setCurrentIndex(3)
    assert tab.text.toPlainText().startswith("# Ours")
    assert not tab.dirty() and not tab.save.isEnabled() and not tab.title.isReadOnly()
    QTest.keyClicks(tab.text, "# And mine")
    QTest.keyClick(tab.text, Qt.Key.Key_Return)
    assert tab.title.isReadOnly()
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: tab.said.text() == "The document is kept.", timeout=LONG)
    assert path.read_text(encoding="utf-8") == "# And mine\n" + text
    tab.tabs.setCurrentIndex(0)
    QTest.keyClicks(tab.title, "!")
    assert "comments" in tab.note.text() and tab.note.property("role") == "warning", "it is said before it is done"
    QTest.mouseClick(tab.undo, LEFT)
    assert not tab.note.isVisible() and not tab.dirty()


def test_a_document_that_others_changed_is_not_written_over(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    page.tabs.setCurrentWidget(page.document)
    turn(page, qtbot, "orders@1")
    tab = page.document
    qtbot.waitUntil(lambda: tab.title.text() == "Orders of the shop", timeout=LONG)
    QTest.keyClicks(tab.title, " (mine)")
    path = shop / "apis" / "orders-1.openapi.yaml"
    theirs = path.read_text().replace("Orders of the shop", "Orders (theirs)")
    path.write_text(theirs)
    QTest.mouseClick(tab.save, LEFT)
    qtbot.waitUntil(lambda: "changed meanwhile" in tab.said.text(), timeout=LONG)
    assert path.read_text() == theirs and tab.title.text() == "Orders of the shop (mine)", "nothing of either is lost"
    QTest.mouseClick(tab.undo, LEFT)
    qtbot.waitUntil(lambda: tab.title.text() == "Orders (theirs)", timeout=LONG)


def test_what_lint_says_is_counted_in_the_list(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    turn(page, qtbot, "orders@2")
    assert page.detail is not None and len(page.detail.problems) > 2
    counted = {str(line.key): line.cells[7].text for line in page.model.lines}
    assert counted["orders@2"] == str(len(page.detail.problems)) == str(page.detail.brief.problems)
    assert counted["stock@1"] == "", "it has no document of which anything could be said"
    path = shop / "apis" / "orders-2.openapi.yaml"
    path.write_text("openapi: 3.1.0\ninfo: {title: Orders, version: '2'}\npaths: [\n")
    page.refresh()
    qtbot.waitUntil(lambda: page.model.lines[page.model.row_of("orders@2") or 0].cells[7].text == "1", timeout=LONG)


def test_a_file_that_cannot_be_read_is_told(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    assert not page.faults.isVisible()
    (shop / "apis" / "broken-1.yaml").write_text("id: [\n")
    page.refresh()
    qtbot.waitUntil(page.faults.isVisible, timeout=LONG)
    assert "apis/broken-1.yaml" in page.faults.text() and len(page.model.lines) == 6
    (shop / "apis" / "broken-1.yaml").unlink()
    page.refresh()
    qtbot.waitUntil(lambda: not page.faults.isVisible(), timeout=LONG)
