"""What is done on the pages of APIs stands in the one registry: by its keys, and in the palette while its page is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from tisserand.ui.apis.catalogue import CatalogueView
from tisserand.ui.apis.gatewayform import GatewayDialog
from tisserand.ui.apis.gateways import GatewaysView
from tisserand.ui.apis.terms import TermsView
from tisserand.ui.window import Window

LONG = 30_000
ALT, CONTROL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
KEYS = {
    "api_published": Qt.Key.Key_U, "api_deprecated": Qt.Key.Key_O, "api_retired": Qt.Key.Key_X, "api_draft": Qt.Key.Key_B,
    "entry_new": Qt.Key.Key_N, "entry_edit": Qt.Key.Key_C, "entry_remove": Qt.Key.Key_R, "key_issue": Qt.Key.Key_I,
    "key_rotate": Qt.Key.Key_W, "key_revoke": Qt.Key.Key_V, "subscription_active": Qt.Key.Key_Y, "subscription_rejected": Qt.Key.Key_J,
    "subscription_suspended": Qt.Key.Key_H, "subscription_ended": Qt.Key.Key_F, "api_keep": Qt.Key.Key_S, "api_undo": Qt.Key.Key_Z,
    "gateway_back": Qt.Key.Key_G, "gateway_push": Qt.Key.Key_P,
}  # fmt: skip


def page_of(window: Window, root: Path, action: str) -> Any:
    window.runner.root = root
    return window.desk.supervising.show(action).page


def press(window: Window, action: str) -> None:
    """Its keys, as the list of shortcuts tells them, to whatever has the keyboard."""
    assert window.actions_.entries[action].shortcut == f"Ctrl+Alt+{chr(KEYS[action])}" and window.actions_[action].isEnabled(), (
        action
    )
    # Without a screen, nobody gives the window the keyboard back when a dialog closes.
    window.activateWindow()
    QTest.qWaitForWindowActive(window, 5000)
    QTest.keyClick(window.focusWidget() or window, KEYS[action], CONTROL | ALT)


def asking(page: Any) -> Any:
    return next(dialog for dialog in page.findChildren(QDialog, "asking") if dialog.isVisible())


def on(window: Window) -> set[str]:
    return {id for id in KEYS if window.actions_[id].isEnabled()}


def file(root: Path, name: str) -> Any:
    return yaml.safe_load((root / name).read_text(encoding="utf-8"))


def test_steps_of_a_life_by_keys(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = page_of(window, shop, "apis_page")
    assert isinstance(page, CatalogueView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 6, timeout=LONG)
    page.choose("orders@2")
    qtbot.waitUntil(lambda: on(window) == {"api_deprecated", "api_draft"}, timeout=LONG)
    press(window, "api_deprecated")
    dialog = asking(page)
    QTest.keyClicks(dialog.fields["sunset"], "2999-01-31")
    QTest.keyClick(dialog.fields["sunset"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: on(window) == {"api_published", "api_retired"}, timeout=LONG)
    assert file(shop, "apis/orders-2.yaml")["lifecycle"] == "deprecated"
    press(window, "api_published")
    qtbot.waitUntil(lambda: file(shop, "apis/orders-2.yaml")["lifecycle"] == "published", timeout=LONG)
    page.table.setFocus()
    page.tabs.setCurrentWidget(page.document)
    qtbot.waitUntil(lambda: page.document.title.text() == "Orders of the shop", timeout=LONG)
    QTest.keyClicks(page.document.title, "!")
    press(window, "api_undo")
    assert page.document.title.text() == "Orders of the shop" and "api_keep" not in on(window)
    QTest.keyClicks(page.document.title, "?")
    press(window, "api_keep")
    qtbot.waitUntil(lambda: file(shop, "apis/orders-2.openapi.yaml")["info"]["title"] == "Orders of the shop?", timeout=LONG)
    window.desk.supervising.show("usage_page")
    assert on(window) == set(), "they are about what is seen"
    window.desk.supervising.show("apis_page")
    qtbot.waitUntil(lambda: on(window) == {"api_deprecated", "api_draft"}, timeout=LONG)
    window.desk.supervising.leave()
    assert on(window) == set()


def test_the_palette_offers_what_the_page_can_do(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = page_of(window, shop, "terms_page")
    assert isinstance(page, TermsView)
    page.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: len(page.consumers.model.lines) == 3, timeout=LONG)
    page.consumers.table.setFocus()
    QTest.keyClick(page.consumers.table, Qt.Key.Key_K, CONTROL)
    qtbot.waitUntil(lambda: window.focusWidget() is not page.consumers.table, timeout=LONG)
    QTest.keyClicks(window.focusWidget(), "issue a key")
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in page.findChildren(QDialog, "asking")), timeout=LONG)
    assert asking(page).windowTitle() == "Issue a key for “acme”"
    QTest.keyClick(asking(page), Qt.Key.Key_Escape)


def test_keys_and_subscriptions_by_keys(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = page_of(window, shop, "terms_page")
    assert isinstance(page, TermsView)
    qtbot.waitUntil(lambda: len(page.plans.model.lines) == 2, timeout=LONG)
    qtbot.waitUntil(lambda: on(window) == {"entry_new", "entry_edit", "entry_remove"}, timeout=LONG)
    for action, title in (("entry_new", "Plan"), ("entry_edit", "Plan"), ("entry_remove", "Remove “gold”?")):
        press(window, action)
        assert asking(page).windowTitle() == title
        QTest.keyClick(asking(page), Qt.Key.Key_Escape)
    page.tabs.setCurrentIndex(1)
    keys = {"entry_new", "entry_edit", "entry_remove", "key_issue", "key_rotate", "key_revoke"}
    qtbot.waitUntil(lambda: on(window) == keys, timeout=LONG)
    for action, title in (
        ("key_issue", "Issue a key for “acme”"),
        ("key_rotate", "Replace a key"),
        ("key_revoke", "Revoke a key"),
    ):
        press(window, action)
        assert asking(page).windowTitle() == title
        QTest.keyClick(asking(page), Qt.Key.Key_Escape)
    page.tabs.setCurrentIndex(2)
    part = page.subscriptions
    qtbot.waitUntil(lambda: len(part.model.lines) == 3, timeout=LONG)
    by_consumer = {line.item[1]["consumer"]: str(line.key) for line in part.model.lines}
    part.table.choose(part.model.index([line.key for line in part.model.lines].index(by_consumer["globex"]), 0))
    states = [("subscription_active", "active"), ("subscription_suspended", "suspended"), ("subscription_ended", "ended")]
    for action, state in states:
        qtbot.waitUntil(window.actions_[action].isEnabled, timeout=LONG)
        press(window, action)
        qtbot.waitUntil(
            lambda state=state: file(shop, "subscriptions.yaml")[by_consumer["globex"]].get("state") == state, timeout=LONG
        )
    qtbot.waitUntil(lambda: on(window) == {"entry_new"}, timeout=LONG)


def dialog_of(page: GatewaysView, qtbot: QtBot) -> GatewayDialog:
    qtbot.waitUntil(lambda: any(each.isVisible() for each in page.findChildren(GatewayDialog)), timeout=LONG)
    return next(each for each in page.findChildren(GatewayDialog) if each.isVisible())


def test_a_gateway_is_added_changed_and_removed(window: Window, qtbot: QtBot, shop: Path) -> None:
    from tisserand.workspace.folder import Workspace
    from tisserand.workspace.secrets import secret_store

    store = secret_store(Workspace(shop).id)
    (shop / "gateways.yaml").write_text("# Ours\n" + (shop / "gateways.yaml").read_text())
    page = page_of(window, shop, "gateways_page")
    assert isinstance(page, GatewaysView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and "entry_edit" in on(window), timeout=LONG)
    press(window, "entry_new")
    dialog = dialog_of(page, qtbot)
    fields: Any = {name: editor for name, (editor, _holder, _wrong) in dialog.form.fields.items()}
    assert fields["@type"].focusProxy() is not None and dialog.form.type == "envoy" and "workers" in fields
    QTest.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    assert dialog.form.fields["@name"][2].text() == "Give the gateway a name first."
    QTest.keyClicks(fields["@name"].line, "side")
    dialog.form._retype("kong", [*dialog.form._known])
    fields = {name: editor for name, (editor, _holder, _wrong) in dialog.form.fields.items()}
    QTest.keyClicks(fields["@title"].line, "Kong of the shop")
    QTest.keyClicks(fields["token"].line, "very-secret")
    QTest.keyClicks(fields["admin"].line, "127.0.0.1:1")
    QTest.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dialog.form.fields["admin"][2].text()), timeout=LONG)
    assert "side" not in file(shop, "gateways.yaml") and store.names() == [each for each in store.names() if "side" not in each]
    fields["admin"].line.clear()
    QTest.keyClicks(fields["admin"].line, "http://127.0.0.1:1")
    QTest.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "side" in file(shop, "gateways.yaml"), timeout=LONG)
    entry = file(shop, "gateways.yaml")["side"]
    assert entry == {
        "type": "kong", "title": "Kong of the shop", "settings": {"admin": "http://127.0.0.1:1", "token": "secret:gateway.side.token"},
    }  # fmt: skip
    assert store.get("gateway.side.token") == "very-secret" and "very-secret" not in (shop / "gateways.yaml").read_text()
    assert (shop / "gateways.yaml").read_text().startswith("# Ours\n"), "the rest is as it was"
    for path in shop.glob(".tisserand/*.sqlite*"):
        assert b"very-secret" not in path.read_bytes(), path
    qtbot.waitUntil(lambda: page._name == "side" and "“Kong of the shop” does not answer." in page.told.text(), timeout=LONG)
    press(window, "entry_edit")
    dialog = dialog_of(page, qtbot)
    editor: Any = dialog.form.fields["@title"][0]
    assert editor.line.text() == "Kong of the shop" and not dialog.form.fields["@name"][0].isEnabled()
    editor.line.selectAll()
    QTest.keyClicks(editor.line, "Other Kong")
    # Somebody else changes it meanwhile: theirs is not written over.
    text = (shop / "gateways.yaml").read_text()
    (shop / "gateways.yaml").write_text(text.replace("Kong of the shop", "Theirs"))
    QTest.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.wrong.isVisible, timeout=LONG)
    assert "changed meanwhile" in dialog.wrong.text() and file(shop, "gateways.yaml")["side"]["title"] == "Theirs"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "entry_remove" in on(window), timeout=LONG)
    press(window, "entry_remove")
    QTest.mouseClick(asking(page).yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [*file(shop, "gateways.yaml")] == ["edge"], timeout=LONG)
    qtbot.waitUntil(lambda: store.get("gateway.side.token") is None, timeout=LONG)


def test_where_there_is_no_gateway_one_can_be_made(window: Window, qtbot: QtBot, shop: Path) -> None:
    (shop / "gateways.yaml").unlink()
    page = page_of(window, shop, "gateways_page")
    assert isinstance(page, GatewaysView)
    qtbot.waitUntil(page.empty.button.isVisible, timeout=LONG)
    assert not page.push.isEnabled() and not page.compare.isEnabled() and not page.back.isEnabled()
    QTest.mouseClick(page.empty.button, Qt.MouseButton.LeftButton)
    dialog = dialog_of(page, qtbot)
    name: Any = dialog.form.fields["@name"][0]
    QTest.keyClicks(name.line, "local")
    QTest.keyClick(name.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (shop / "gateways.yaml").is_file(), timeout=LONG)
    assert file(shop, "gateways.yaml") == {"local": {"type": "envoy"}}
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and page.compare.isEnabled(), timeout=LONG)


@pytest.mark.parametrize(("action", "first"), [("apis_page", 9), ("terms_page", 6), ("gateways_page", 5)])
def test_tab_goes_as_the_eye_does(window: Window, qtbot: QtBot, shop: Path, action: str, first: int) -> None:
    """From the top to the bottom, from the left to the right."""
    page = page_of(window, shop, action)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.split, timeout=LONG)
    start = page.search if hasattr(page, "search") else page.new
    start.setFocus()
    seen = []
    for _tab in range(first):
        focused = window.focusWidget()
        at = focused.mapTo(page, focused.rect().topLeft())
        seen.append((at.y() // 20, at.x(), focused.accessibleName() or type(focused).__name__))
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert seen == sorted(seen), seen
