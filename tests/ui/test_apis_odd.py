"""Odd answers and odd moments on the pages of APIs: nothing raises, nothing typed is lost, and the window never waits."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMessageBox
from pytestqt.qtbot import QtBot

from tisserand import texts
from tisserand.service.apis.calls import Answered
from tisserand.service.apis.here import HereApis
from tisserand.service.gateways.here import HereGateways
from tisserand.ui import dialogs
from tisserand.ui.apis.catalogue import CatalogueView
from tisserand.ui.apis.gateways import GatewaysView
from tisserand.ui.apis.publishing import PublishDialog
from tisserand.ui.apis.trying import LONGEST, shown
from tisserand.ui.app import in_another_language
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LONG = 30_000
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
PAGES = ("apis_page", "terms_page", "gateways_page", "usage_page")


def catalogue(window: Window, root: Path, qtbot: QtBot, key: str) -> CatalogueView:
    window.runner.root = root
    page = window.desk.supervising.show("apis_page").page
    assert isinstance(page, CatalogueView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 6, timeout=LONG)
    page.table.choose(page.model.index(page.model.row_of(key) or 0, 0))
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == key, timeout=LONG)
    return page


def gateways(window: Window, root: Path, qtbot: QtBot) -> GatewaysView:
    window.runner.root = root
    page = window.desk.supervising.show("gateways_page").page
    assert isinstance(page, GatewaysView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and page.compare.isEnabled(), timeout=LONG)
    return page


def publishing(window: Window, path: Path, qtbot: QtBot) -> PublishDialog:
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    QTest.keyClick(window, Qt.Key.Key_P, CONTROL | SHIFT)
    return next(each for each in window.findChildren(PublishDialog) if each.isVisible())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"a":[1,2]}', '{\n  "a": [\n    1,\n    2\n  ]\n}'),
        ("[" * 3000, "[" * 2000 + " …"),
        ("", ""),
        ("x" * 1_000_000, "It is longer: these are its first 100,000 characters."),
        ("\n".join(f"{at} line" for at in range(100_000)), "It is longer: these are its first 100,000 characters."),
        (bytes(range(256)).decode("utf-8", "replace") * 300, "The answer is no text: image/png, 76800 bytes."),
        ("Grüße\u00a0: été\n\tтекст", "Grüße\u00a0: été\n\tтекст"),
    ],
    ids=["json", "deep", "empty", "one long line", "many lines", "binary", "other letters"],
)
def test_an_answer_is_shown_as_it_can_be_looked_at(body: str, told: str) -> None:
    found = shown(Answered(200, {"Content-Type": "image/png", "Content-Length": "76800"}, body, 1.0))
    assert found.endswith(told) and len(found) <= LONGEST + 200


def test_three_presses_of_a_key_from_a_flow_to_a_call(
    window: Window, qtbot: QtBot, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+Shift+P, Enter, Enter; a megabyte comes back, and the window goes on meanwhile."""
    release = threading.Event()

    def call(self: HereApis, *_asked: Any, **_more: Any) -> Answered:
        assert threading.current_thread() is not threading.main_thread()
        assert release.wait(30)
        return Answered(200, {"content-type": "application/json"}, "[" + ",".join(["12345"] * 160_000) + "]", 7.0)

    monkeypatch.setattr(HereApis, "call", call)
    dialog = publishing(window, shop / "flows" / "price.yaml", qtbot)
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.detail is not None, timeout=LONG)
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
    assert not dialog.trying.send.isEnabled() and dialog.trying.status.text() == "Waiting for the answer …"
    ticks: list[float] = []
    for _tick in range(5):
        QApplication.processEvents()
        ticks.append(time.monotonic())
    assert len(ticks) == 5, "the window goes on"
    release.set()
    qtbot.waitUntil(lambda: dialog.trying.status.text() == "Status 200 after 7.0 ms", timeout=LONG)
    assert dialog.trying.answer.toPlainText().endswith("It is longer: these are its first 100,000 characters.")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_taken_name_and_an_odd_version_are_told_where_they_are_written(window: Window, qtbot: QtBot, shop: Path) -> None:
    dialog = publishing(window, shop / "flows" / "price.yaml", qtbot)
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    for id, version, word in (("orders", "1", "is there already"), ("price", "1 beta/ü", "version"), ("", "1", "")):
        dialog.id.setText(id)
        dialog.version.setText(version)
        QTest.mouseClick(dialog.publish, LEFT)
        qtbot.waitUntil(lambda: dialog.publish.isEnabled() and dialog.told.property("role") == "error", timeout=LONG)
        assert word in dialog.told.text().lower(), dialog.told.text()
        if id == "orders":
            assert dialog.focusWidget() is dialog.id and dialog.id.selectedText() == "orders"
    assert not (shop / "apis" / "price-1.yaml").exists()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_the_window_closes_while_a_long_call_runs(
    qapp: QApplication, qtbot: QtBot, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push that hangs, two windows: one closes, the other one lives; what comes later reaches nobody."""
    real, go, begun = HereGateways.plan, threading.Event(), threading.Event()

    def slow(self: HereGateways, name: str) -> Any:
        begun.set()
        go.wait(30)
        return real(self, name)

    first, second = Window(), Window()
    try:
        for each in (first, second):
            each.document.new()
            each.show()
        page = gateways(first, shop, qtbot)
        other = gateways(second, shop, qtbot)
        monkeypatch.setattr(HereGateways, "plan", slow)
        QTest.mouseClick(page.compare, LEFT)
        assert begun.wait(30)
        first.close()
        assert not first.isVisible()
        go.set()
        QTest.mouseClick(other.compare, LEFT)
        qtbot.waitUntil(lambda: other.plan is not None, timeout=LONG)
    finally:
        go.set()
        for each in (first, second):
            each.desk.sheets.abandon()
            each.close()
            each.deleteLater()


def test_what_is_written_is_asked_about_before_the_window_goes(
    window: Window, qtbot: QtBot, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = catalogue(window, shop, qtbot, "orders@1")
    page.tabs.setCurrentWidget(page.document)
    qtbot.waitUntil(lambda: page.document.title.text() == "Orders of the shop", timeout=LONG)
    QTest.keyClicks(page.document.title, "!")
    asked: list[str] = []

    def answer(self: QMessageBox) -> int:
        asked.append(self.text())
        self.defaultButton().click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    language = texts.language()
    window.next_language()
    assert asked == ["What you wrote about orders@1 is not kept yet."] and texts.language() == language
    window.close()
    assert window.isVisible() and len(asked) == 2 and page.document.title.text() == "Orders of the shop!"
    # Another workspace is looked at, and this one again.
    elsewhere = shop.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tisserand.yaml").write_text("")
    window.runner.root = elsewhere
    view = window.desk.supervising.view
    assert view is not None
    view.refresh()
    qtbot.waitUntil(page.empty.button.isVisible, timeout=LONG)
    assert view.unsaved() == ["orders@1"]
    window.runner.root = shop
    view.refresh()
    qtbot.waitUntil(lambda: len(page.model.lines) == 6 and page.stack.currentWidget() is page.split, timeout=LONG)
    page.choose("orders@1")
    qtbot.waitUntil(lambda: page.document.title.text() == "Orders of the shop!", timeout=LONG)
    monkeypatch.setattr(dialogs, "ask_about_written", lambda *_asked: "discard")
    assert window.desk.supervising.may_leave()


@pytest.mark.parametrize("action", PAGES)
def test_colours_and_language_change_while_a_page_is_open(qapp: QApplication, qtbot: QtBot, shop: Path, action: str) -> None:
    first = Window()
    windows = [first]
    try:
        first.document.new()
        first.show()
        first.runner.root = shop
        page: Any = first.desk.supervising.show(action).page
        qtbot.waitUntil(lambda: page.stack.currentWidget() is page.split, timeout=LONG)
        for mode in ("dark", "light"):
            theme().apply(qapp, mode)  # type: ignore[arg-type]
            first.grab()
        texts.set_language("fr")
        windows.append(in_another_language(first))
        view = windows[1].desk.supervising.view
        assert view is not None and view.action == action and view.page is not page, "the same page is seen again"
        shown_page: Any = view.page
        qtbot.waitUntil(lambda: shown_page.stack.currentWidget() is shown_page.split, timeout=LONG)
        windows[1].grab()
    finally:
        texts.set_language("en")
        windows[-1].desk.sheets.abandon()
        windows[-1].close()
        windows[-1].deleteLater()


def test_what_changed_since_one_looked_is_shown_before_it_is_pushed(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = gateways(window, shop, qtbot)
    QTest.mouseClick(page.compare, LEFT)
    qtbot.waitUntil(lambda: page.plan is not None, timeout=LONG)
    for box in page.boxes.values():
        box.setChecked(True)
    stage = shop / "apis" / "orders-2.yaml"
    stage.write_text(stage.read_text().replace("https://orders.example.org/api", "https://elsewhere.example.org/api"))
    seen = page.plan
    QTest.mouseClick(page.push, LEFT)
    qtbot.waitUntil(lambda: page.plan is not seen and page.compare.isEnabled(), timeout=LONG)
    assert "Nothing was pushed" in page.told.text() and not list((shop / "traefik").glob("*.yaml"))
    assert not page.push.isEnabled(), "what is not enforced is accepted for what is shown now"
    for box in page.boxes.values():
        box.setChecked(True)
    QTest.mouseClick(page.push, LEFT)
    qtbot.waitUntil(lambda: len(page.pushes.lines) == 1, timeout=LONG)
    assert "elsewhere.example.org" in next((shop / "traefik").glob("*.yaml")).read_text()


def test_a_push_that_fails_says_why_and_is_listed(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = gateways(window, shop, qtbot)
    QTest.mouseClick(page.compare, LEFT)
    qtbot.waitUntil(lambda: page.plan is not None, timeout=LONG)
    for box in page.boxes.values():
        box.setChecked(True)
    (shop / "traefik").rmdir()
    (shop / "traefik").write_text("no folder")
    QTest.mouseClick(page.push, LEFT)
    qtbot.waitUntil(lambda: page.told.property("role") == "error" and page.compare.isEnabled(), timeout=LONG)
    assert "traefik" in page.told.text()


def test_a_broken_file_of_gateways_is_told(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = gateways(window, shop, qtbot)
    (shop / "gateways.yaml").write_text("edge: [\n")
    page.refresh()
    view = window.desk.supervising.view
    assert view is not None
    qtbot.waitUntil(view.trouble.isVisible, timeout=LONG)
    QTest.mouseClick(page.change, LEFT)
    qtbot.waitUntil(lambda: page.told.property("role") == "error", timeout=LONG)
    assert "YAML" in page.told.text() and not page.findChildren(QDialog, "gateway")


def test_usage_of_nobody_of_one_and_of_thirty_days(window: Window, qtbot: QtBot, shop: Path) -> None:
    window.runner.root = shop
    page: Any = window.desk.supervising.show("usage_page").page
    qtbot.waitUntil(lambda: len(page.model.lines) == 3, timeout=LONG)
    for at in range(page.span.count()):
        page.span.setCurrentIndex(at)
        page.span.activated.emit(at)
        qtbot.waitUntil(lambda at=at: len(page.stretches) == (24, 168, 30, 365)[at], timeout=LONG)
    QTest.keyClicks(page.search, "acme")
    qtbot.waitUntil(lambda: [line.key for line in page.model.lines] == ["acme"], timeout=LONG)
    QTest.keyClicks(page.search, "nobody")
    qtbot.waitUntil(lambda: page.model.lines == [] and page.total.text().startswith("0 calls"), timeout=LONG)


def test_import_of_what_is_there_asks_for_another_name(window: Window, qtbot: QtBot, shop: Path, tmp_path: Path) -> None:
    page = catalogue(window, shop, qtbot, "orders@1")
    path = tmp_path / "orders.json"
    swagger = {"swagger": "2.0", "info": {"title": "stock", "version": "1"}, "host": "old.example.org", "paths": {"/a": {"get": {
        "responses": {"200": {"description": "ok"}}}}}}  # fmt: skip
    path.write_text(yaml.safe_dump(swagger))
    page.take_document(str(path))
    qtbot.waitUntil(lambda: any(each.isVisible() for each in page.findChildren(QDialog, "asking")), timeout=LONG)
    dialog: Any = next(each for each in page.findChildren(QDialog, "asking") if each.isVisible())
    assert "is there already" in dialog.wrong.text()
    QTest.keyClicks(dialog.fields["id"], "old-stock")
    QTest.keyClick(dialog.fields["id"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (shop / "apis" / "old-stock-1.yaml").is_file(), timeout=LONG)
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.brief.key == "old-stock@1", timeout=LONG)
    assert page.detail is not None and page.detail.document is not None and page.detail.document["openapi"].startswith("3.1")
