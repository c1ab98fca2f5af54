"""A push from the designer to a real adapter (Traefik's file provider), and usage beside sums that plain Python makes of the same rows."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tisserand.service.gateways.here import HereGateways
from tisserand.service.local import LocalExecutor
from tisserand.ui.apis.gateways import GatewaysView
from tisserand.ui.apis.usage import UsageView
from tisserand.ui.window import Window

LONG = 30_000
ALT, SHIFT, CONTROL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


def opened(window: Window, root: Path, qtbot: QtBot) -> GatewaysView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_6, ALT)
    assert window.desk.supervising.view is not None
    page = window.desk.supervising.view.page
    assert isinstance(page, GatewaysView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and page.compare.isEnabled(), timeout=LONG)
    return page


def lines(page: GatewaysView) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in line.cells) for line in page.differences.lines]


def file(root: Path) -> Path:
    [found] = (root / "traefik").glob("*.yaml")
    return found


def pushed(page: GatewaysView, qtbot: QtBot, count: int) -> None:
    qtbot.waitUntil(lambda: len(page.pushes.lines) == count and page.compare.isEnabled(), timeout=LONG)


def test_plan_push_drift_and_the_way_back(window: Window, qtbot: QtBot, shop: Path) -> None:
    page = opened(window, shop, qtbot)
    assert not page.push.isEnabled() and not window.actions_["gateway_push"].isEnabled(), "first one looks"
    QTest.keyClick(page.table, Qt.Key.Key_X, ALT | SHIFT)
    qtbot.waitUntil(lambda: page.plan is not None, timeout=LONG)
    told = lines(page)
    assert ("Create", "api/orders@2", "", "", "") in told
    dropped = [line for line in told if line[0] == "Not enforced"]
    assert {(line[1], line[2]) for line in dropped} == {
        ("api/orders@1", "policies.cache"), ("api/orders@2", "policies.cache"), ("plan/gold", "quota"), ("plan/free", "quota"),
    }  # fmt: skip
    assert set(page.boxes) == {"plan/gold:quota", "plan/free:quota"} and not page.push.isEnabled()
    for box in page.boxes.values():
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Space)
    assert page.push.isEnabled() and not list((shop / "traefik").glob("*.yaml"))
    QTest.keyClick(page.table, Qt.Key.Key_P, CONTROL | ALT)
    pushed(page, qtbot, 1)
    assert "orders.example.org" in file(shop).read_text()
    page.tabs.setCurrentIndex(1)
    assert [cell.text for cell in page.pushes.lines[0].cells][2] == "Done"
    # What is declared changes, and somebody edits the gateway itself.
    stage = shop / "apis" / "orders-1.yaml"
    stage.write_text(stage.read_text().replace("base_path: /orders", "base_path: /old-orders"))
    file(shop).write_text(file(shop).read_text().replace("https://orders.example.org", "https://elsewhere.example.org"))
    QTest.mouseClick(page.compare, LEFT)
    qtbot.waitUntil(lambda: page.plan is not None, timeout=LONG)
    moved = [line for line in page.differences.lines if line.item.item == "api/orders@1" and line.cells[2].text]
    assert any((line.cells[3].text, line.cells[4].text) == ("/orders", "/old-orders") for line in moved), lines(page)
    changed = next(line for line in page.differences.lines if line.cells[0].text == "Change")
    assert changed.cells[1].sign == "user" and "Others changed it" in changed.cells[1].more
    page.changes.choose(page.differences.index(page.differences.lines.index(changed), 0))
    assert "→" in page.whole.text() and "elsewhere.example.org" in str(lines(page))
    for box in page.boxes.values():
        box.setChecked(True)
    QTest.mouseClick(page.push, LEFT)
    pushed(page, qtbot, 2)
    assert "elsewhere.example.org" not in file(shop).read_text() and "/old-orders" in file(shop).read_text()
    page.tabs.setCurrentIndex(1)
    page.past.choose(page.pushes.index(1, 0))
    assert page.back.accessibleName() == "Roll back to push 1" and page.back.isEnabled()
    QTest.mouseClick(page.back, LEFT)
    pushed(page, qtbot, 3)
    assert "/old-orders" not in file(shop).read_text(), "what push 1 held is live again"
    window.desk.supervising.leave()
    assert not window.actions_["gateway_plan"].isEnabled()


def test_nobody_has_to_wait_for_a_gateway_that_is_slow(
    window: Window, qtbot: QtBot, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window stays alive while a gateway thinks, and what was given up does not come back."""
    real, go = HereGateways.plan, threading.Event()

    def slow(self: HereGateways, name: str) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        go.wait(20)
        return real(self, name)

    page = opened(window, shop, qtbot)
    monkeypatch.setattr(HereGateways, "plan", slow)
    QTest.mouseClick(page.compare, LEFT)
    assert page.busy.isVisible() and page.stop.isVisible() and not page.compare.isEnabled()
    window.desk.supervising.show("usage_page")
    window.desk.supervising.show("gateways_page")
    assert page.busy.isVisible() and not page.compare.isEnabled()
    page.stop.setFocus()
    QTest.keyClick(page.stop, Qt.Key.Key_Space)
    assert not page.busy.isVisible() and page.compare.isEnabled()
    go.set()
    qtbot.wait(800)
    assert page.plan is None and page.differences.lines == []


def test_usage_is_what_the_gateway_told(window: Window, qtbot: QtBot, shop: Path) -> None:
    executor = LocalExecutor(shop)
    now = int(time.time()) // 3600 * 3600
    rows = [row for _source, row in executor.gateways.store.found(_whole())]
    executor.close()
    day = [row for row in rows if row.hour > now - 24 * 3600]
    window.runner.root = shop
    QTest.keyClick(window, Qt.Key.Key_L, ALT | SHIFT)
    assert window.desk.supervising.view is not None
    page = window.desk.supervising.view.page
    assert isinstance(page, UsageView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 3, timeout=LONG)
    by_consumer = Counter[str]()
    for row in day:
        by_consumer[row.consumer] += row.requests
    assert [line.key for line in page.model.lines] == [name for name, _count in by_consumer.most_common()]
    assert {line.key: line.item.requests for line in page.model.lines} == by_consumer
    assert sum(each.errors for each in page.stretches) == sum(row.requests for row in day if row.status >= 500)
    assert sum(each.rejected for each in page.stretches) == sum(row.requests for row in day if row.status == 429)
    assert sum(each.good + each.rejected + each.errors for each in page.stretches) == sum(by_consumer.values())
    first = now + 3600 - 2 * 24 * 3600
    before = Counter[str]()
    for row in rows:
        if first <= row.hour < first + 24 * 3600:
            before[row.consumer] += row.requests
    assert before and {line.key: line.cells[2].text for line in page.model.lines} == {
        name: f"{round((count / before[name] - 1) * 100):+}%".replace("+0%", "0%") if before[name] else "new"
        for name, count in by_consumer.items()
    }
    page.by.setFocus()
    QTest.keyClick(page.by, Qt.Key.Key_End)
    days = Counter[str]()
    for row in day:
        days[time.strftime("%Y-%m-%d", time.gmtime(row.hour))] += row.requests
    qtbot.waitUntil(lambda: {line.key: line.item.requests for line in page.model.lines} == days, timeout=LONG)
    QTest.keyClick(page.by, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: {line.key for line in page.model.lines} == {"200", "404", "429", "503"}, timeout=LONG)
    QTest.keyClicks(page.search, "globex")
    wanted = sum(row.requests for row in day if row.consumer == "globex" and row.status == 429)
    qtbot.waitUntil(
        lambda: {line.key: line.item.requests for line in page.model.lines}.get("429") == wanted and len(page.model.lines) == 4
        and sum(line.item.requests for line in page.model.lines) == by_consumer["globex"],
        timeout=LONG,
    )  # fmt: skip
    assert page.calls.view.accessibleDescription() == page.total.text()


def _whole() -> Any:
    from tisserand.apis.usage import UsageQuery

    return UsageQuery()
