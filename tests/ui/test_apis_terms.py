"""Plans, consumers with their keys, and subscriptions, by keys and clicks; files, keyring and audit say what came of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot
from tests.ui import made_apis as made

from tisserand.ui.apis.terms import SHOWN, TermsView
from tisserand.ui.window import Window

LONG = 30_000
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton


def opened(window: Window, root: Path, qtbot: QtBot, at: int) -> TermsView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_5, ALT)
    assert window.desk.supervising.view is not None
    page = window.desk.supervising.view.page
    assert isinstance(page, TermsView)
    page.tabs.setCurrentIndex(at)
    qtbot.waitUntil(lambda: bool(page.parts[at].model.lines), timeout=LONG)
    return page


def choose(page: TermsView, at: int, id: str) -> None:
    part = page.parts[at]
    part.table.choose(part.model.index([line.key for line in part.model.lines].index(id), 0))


def asking(page: TermsView) -> Any:
    return next(dialog for dialog in page.findChildren(QDialog, "asking") if dialog.isVisible())


def file(root: Path, name: str) -> Any:
    return yaml.safe_load((root / f"{name}.yaml").read_text(encoding="utf-8"))


def test_a_plan_is_made_and_its_mistakes_are_told_in_place(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, 0)
    QTest.mouseClick(page.plans.buttons["new"], LEFT)
    dialog = asking(page)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is dialog.fields["id"], timeout=LONG)
    for field, text in (("id", "silver"), ("name", "Silver"), ("count", "ten"), ("quota", "9000")):
        QTest.keyClicks(dialog.fields[field], text)
    QTest.keyClick(dialog.fields["quota"], Qt.Key.Key_Return)
    assert dialog.wrong.isVisible() and "“ten”" in dialog.wrong.text() and "silver" not in file(shop, "plans")
    dialog.fields["count"].selectAll()
    QTest.keyClicks(dialog.fields["count"], "10")
    QTest.keyClick(dialog.fields["count"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "silver" in file(shop, "plans"), timeout=LONG)
    assert file(shop, "plans")["silver"]["rate"] == [{"count": 10, "per": "1s"}]
    assert file(shop, "plans")["silver"]["quota"] == {"count": 9000, "period": "month"}
    qtbot.waitUntil(lambda: len(page.plans.model.lines) == 3, timeout=LONG)
    choose(page, 0, "gold")
    QTest.mouseClick(page.plans.buttons["remove"], LEFT)
    dialog = asking(page)
    QTest.mouseClick(dialog.yes, LEFT)
    qtbot.waitUntil(dialog.wrong.isVisible, timeout=LONG)
    assert "gold" in file(shop, "plans"), "a plan that is used stays"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def issued(page: TermsView, qtbot: QtBot) -> str:
    """The key in the dialog that shows it once."""
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in page.findChildren(QDialog, "once")), timeout=LONG)
    dialog = next(dialog for dialog in page.findChildren(QDialog, "once") if dialog.isVisible())
    line = dialog.findChild(QLineEdit)
    assert isinstance(line, QLineEdit)
    value = line.text()
    copy = next(button for button in dialog.findChildren(QPushButton) if button.text() == "Copy")
    QTest.mouseClick(copy, LEFT)
    assert QApplication.clipboard().text() == value
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    return value


def test_a_key_is_shown_once_and_rotated_with_overlap_and_revoked(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, 1)
    choose(page, 1, "globex")
    assert not page.consumers.buttons["rotate"].isEnabled() and not page.consumers.buttons["revoke"].isEnabled()
    page.consumers.buttons["issue"].setFocus()
    QTest.keyClick(page.consumers.buttons["issue"], Qt.Key.Key_Space)
    QTest.mouseClick(asking(page).yes, LEFT)
    first = issued(page, qtbot)
    [credential] = file(shop, "consumers")["globex"]["credentials"]
    assert credential["fingerprint"] == "sha256:" + hashlib.sha256(first.encode()).hexdigest()[:16]
    for path in [*shop.glob("*.yaml"), *shop.glob(".tisserand/*.sqlite*")]:
        assert first.encode() not in path.read_bytes(), path
    qtbot.waitUntil(page.consumers.buttons["rotate"].isEnabled, timeout=LONG)
    QTest.mouseClick(page.consumers.buttons["rotate"], LEFT)
    dialog = asking(page)
    dialog.fields["overlap"].setText("two days")
    QTest.mouseClick(dialog.yes, LEFT)
    qtbot.waitUntil(dialog.wrong.isVisible, timeout=LONG)
    dialog.fields["overlap"].setText("2d")
    QTest.mouseClick(dialog.yes, LEFT)
    second = issued(page, qtbot)
    old, new = file(shop, "consumers")["globex"]["credentials"]
    assert second != first and old["expires"] and old.get("state", "active") == "active" and not new.get("expires")
    qtbot.waitUntil(lambda: len(page.consumers.chosen()[1]["credentials"]) == 2, timeout=LONG)  # type: ignore[index]
    QTest.mouseClick(page.consumers.buttons["revoke"], LEFT)
    dialog = asking(page)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert [each.get("state", "active") for each in file(shop, "consumers")["globex"]["credentials"]] == ["active", "active"]
    QTest.mouseClick(page.consumers.buttons["revoke"], LEFT)
    dialog = asking(page)
    choice = dialog.fields["key"]
    assert isinstance(choice, QComboBox)
    choice.setCurrentIndex(choice.findData(old["id"]))
    QTest.mouseClick(dialog.yes, LEFT)
    qtbot.waitUntil(
        lambda: [each.get("state", "active") for each in file(shop, "consumers")["globex"]["credentials"]][:1] == ["revoked"],
        timeout=LONG,
    )


def test_a_key_is_told_also_where_the_question_was_closed_meanwhile(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, 1)
    choose(page, 1, "globex")
    page.issue(False)
    dialog = asking(page)
    dialog.yes.click()
    dialog.reject()
    value = issued(page, qtbot)
    [credential] = file(shop, "consumers")["globex"]["credentials"]
    assert credential["fingerprint"] == "sha256:" + hashlib.sha256(value.encode()).hexdigest()[:16]


def test_waiting_subscriptions_are_decided(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot, 2)
    by_consumer = {line.item[1]["consumer"]: line.key for line in page.subscriptions.model.lines}
    choose(page, 2, str(by_consumer["globex"]))
    row = page.subscriptions.table.currentIndex().row()
    first = page.subscriptions.model.lines[row].cells[0]
    assert (first.text, first.sign) == ("Waits for approval", "circle-alert")
    buttons = page.subscriptions.buttons
    assert buttons["active"].isEnabled() and not buttons["suspended"].isEnabled()
    buttons["active"].setFocus()
    QTest.keyClick(buttons["active"], Qt.Key.Key_Space)
    entry = str(by_consumer["globex"])
    qtbot.waitUntil(lambda: file(shop, "subscriptions")[entry].get("state") == "active", timeout=LONG)
    qtbot.waitUntil(lambda: buttons["suspended"].isEnabled() and not buttons["active"].isEnabled(), timeout=LONG)
    QTest.mouseClick(buttons["new"], LEFT)
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in page.findChildren(QDialog, "asking")), timeout=LONG)
    dialog = asking(page)
    choices = [dialog.fields["api"].itemText(at) for at in range(dialog.fields["api"].count())]
    assert choices == ["orders"], "only what is published"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_thousands_are_scrolled_through_and_filtered_by_the_executor(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    root = tmp_path / "many"
    (root / "apis").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    (root / "apis" / "orders-1.yaml").write_text(yaml.safe_dump({**made.api("orders"), "lifecycle": "published"}))
    (root / "plans.yaml").write_text("gold: {name: Gold}\n")
    (root / "consumers.yaml").write_text("".join(f"consumer-{at:04}: {{name: Number {at}}}\n" for at in range(1300)))
    page = opened(window, root, qtbot, 1)
    part = page.consumers
    assert len(part.model.lines) == SHOWN and part.count.text() == "1 to 500 of 1,300"
    part.table.setFocus()
    for wanted in (1000, 1300):
        QTest.keyClick(part.table, Qt.Key.Key_End)
        qtbot.waitUntil(lambda wanted=wanted: len(part.model.lines) == wanted, timeout=LONG)
    assert [line.key for line in part.model.lines] == [
        f"consumer-{at:04}" for at in range(1300)
    ] and part.count.text() == "1,300 in all"
    QTest.keyClick(part.table, Qt.Key.Key_End)
    assert part.chosen() is not None and part.chosen()[0] == "consumer-1299"  # type: ignore[index]
    (root / "consumers.yaml").write_text((root / "consumers.yaml").read_text().replace("Number 1298", "Renamed"))
    page.refresh()
    qtbot.waitUntil(lambda: part.model.lines[1298].cells[1].text == "Renamed", timeout=LONG)
    assert len(part.model.lines) == 1300 and part.table.currentIndex().row() == 1299, "what is looked at is renewed in its place"
    (root / "consumers.yaml").write_text("first: {name: New}\n" + (root / "consumers.yaml").read_text())
    page.refresh()
    qtbot.waitUntil(lambda: part.count.text() == "1 to 1,300 of 1,301", timeout=LONG)
    assert part.model.lines[0].key == "first" and len({line.key for line in part.model.lines}) == 1300
    QTest.keyClicks(page.search, "number 1277")
    qtbot.waitUntil(lambda: [line.key for line in part.model.lines] == ["consumer-1277"], timeout=LONG)
    QTest.keyClicks(page.search, " nowhere")
    qtbot.waitUntil(part.none.isVisible, timeout=LONG)
    assert part.none.text() == "Nothing fits what is searched for." and not part.table.isVisible()
    page.search.clear()
    qtbot.waitUntil(lambda: len(part.model.lines) == SHOWN, timeout=LONG)
    # A subscription of one who is far down in the list: what is typed is looked for.
    page.tabs.setCurrentIndex(2)
    QTest.mouseClick(page.subscriptions.buttons["new"], LEFT)
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in page.findChildren(QDialog, "asking")), timeout=LONG)
    dialog = asking(page)
    consumer = dialog.fields["consumer"]
    consumer.lineEdit().selectAll()
    QTest.keyClicks(consumer.lineEdit(), "1277")
    qtbot.waitUntil(lambda: [consumer.itemText(at) for at in range(consumer.count())] == ["consumer-1277"], timeout=LONG)
    QTest.keyClick(consumer.lineEdit(), Qt.Key.Key_Down)
    assert consumer.currentText() == "consumer-1277"
    QTest.mouseClick(dialog.yes, LEFT)
    qtbot.waitUntil(lambda: (root / "subscriptions.yaml").is_file(), timeout=LONG)
    assert [each["consumer"] for each in file(root, "subscriptions").values()] == ["consumer-1277"]
