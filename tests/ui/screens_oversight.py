"""Screens of the further pages of the supervision for the pictures: inbox, schedules, alerts, a value's trail, approvals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QDialog

from tisserand.sdk import Arrived
from tisserand.service.alerts.store import Finding
from tisserand.service.inbox.here import FILE as INBOX
from tisserand.service.inbox.store import InboxStore
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.texts import msg
from tisserand.ui.window import Window

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from schedules import World

Until = Callable[..., bool]

HOOK = """tisserand: 1
id: orders
title: Orders of the shop
nodes:
  arrives:
    kind: trigger.webhook
    config:
      secret: secret:shop-hook
      columns:
      - {column: number, type: int64}
      - {column: customer}
      - {column: amount, type: "decimal(10, 2)"}
      - {column: express, type: boolean}
      - {column: lines, type: json}
"""
KEYS = """tisserand: 1
id: packing
title: Pack the parcels
keys: {order: orders.id}
nodes:
  orders: {kind: data.table, config: {columns: {id: text}, rows: [[ORD-17004], [ORD-17005]]}}
  out: {kind: file.write_csv, inputs: {table: orders}, config: {path: out/packed.csv}}
"""
ASKS = """tisserand: 1
id: pay
title: Pay the suppliers
nodes:
  bills:
    kind: data.table
    config:
      columns: {bill: integer, supplier: text, amount: number, due: text}
      rows: [[501, Sail & Sons, 1204.5, 2026-11-30], [502, Loom Ltd, 80, 2026-12-01], [507, Chloé Tissus, 3310, 2026-12-02]]
  ask: {kind: flow.approve, inputs: {table: bills}, config: {question: Pay these three bills?, comment: required, timeout: 2d}}
  paid: {kind: flow.log, inputs: {table: ask.approved}, config: {message: Paid}}
"""
CALENDARS = """france: {country: FR, open: [mon, tue, wed, thu, fri], exclude: [{date: 2026-12-24, reason: Inventory}]}
"""


def oversight(window: Window, shooter: Any, until: Until, root: Path) -> None:
    """Every page beside runs and flows, over one workspace."""
    window.runner.root = root
    _inbox(root)
    page: Any = window.desk.supervising.show("inbox_page").page
    until(lambda: page.model.lines and page.model.lines[0].cells[1].text == "Orders of the shop", 10)
    page.table.setCurrentIndex(page.model.index(1, 0))
    until(lambda: "number" in page.form.fields, 10)
    shooter.take(window, "inbox")
    page.form.fields["number"].editor.setText("many")
    page.form.save()
    until(lambda: page.form.fields["number"].wrong.text(), 10)
    shooter.take(window, "inbox-wrong")
    page.form.as_json.click()
    page.chips["waiting"].click()
    until(lambda: not page.model.lines or page.model.lines[0].item.state == "waiting", 10)
    page.search.setText("nowhere")
    until(lambda: page.stack.currentWidget() is page.empty, 10)
    shooter.take(window, "inbox-none")
    page = window.desk.supervising.show("schedules_page").page
    until(lambda: len(page.model.lines) == 2 and bool(page.ahead.lines), 10)
    page.tabs.setCurrentWidget(page.past)
    until(lambda: bool(page.why.text()), 10)
    shooter.take(window, "schedules-asking")
    page.table.setCurrentIndex(page.model.index(1, 0))
    page.tabs.setCurrentIndex(0)
    until(lambda: page.ahead.lines and page.ahead.lines[0].item.file == "flows/working.yaml", 10)
    closed = next(line.item for line in page.ahead.lines if line.item.closed and "holiday" in line.item.reason.args)
    page.year.choose(date.fromtimestamp(closed.due))
    until(lambda: bool(page.why.text()), 10)
    shooter.take(window, "schedules-year")
    page.tabs.setCurrentWidget(page.coming)
    until(lambda: bool(page.why.text()), 2)
    shooter.take(window, "schedules-to-come")
    _alerts(root)
    page = window.desk.supervising.show("alerts_page").page
    until(lambda: len(page.model.lines) >= 4, 10)
    window.desk.supervising.lookout.look()
    until(lambda: window.desk.supervising.lookout.seen.badges.get("alerts_page"), 10)
    shooter.take(window, "alerts")
    window.actions_["alert_silence"].trigger()
    dialog: Any = window.findChild(QDialog, "silence")
    shooter.take(window, "alerts-silence", dialog)
    dialog.reject()
    _asked(root)
    page = window.desk.supervising.show("search_page").page
    until(lambda: page.name.count() > 1, 10)
    shooter.take(window, "search-empty")
    page.search.setText("ORD-17004")
    page.look_for()
    until(lambda: bool(page.model.lines), 10)
    shooter.take(window, "search")
    window.actions_["key_erase"].trigger()
    dialog = window.findChild(QDialog, "erasing")
    until(lambda: dialog._planned is not None, 10)
    shooter.take(window, "search-erase", dialog)
    dialog.reject()
    page = window.desk.supervising.show("approvals_page").page
    until(lambda: bool(page.model.lines) and page.detail.rows.total > 0, 20)
    shooter.take(window, "approvals")


def _alerts(root: Path) -> None:
    """Alerts as the rules raise them, one of them known, one silent."""
    executor = LocalExecutor(root)
    store, now = executor.alerts.store, time.time()
    look = msg("Look into it: tisserand logs {run}", run="20261125-060000-000000a")
    lost = msg("At its node “{node}”: {reason}", node="orders", reason=msg("The shop did not answer: {status}.", status=502))
    late = msg("The run took {took}; usually it takes {usual}.", took="14 min", usual="2 to 4 min")
    few = msg("The run wrote no row; usually {usual}.", usual="900 to 1,200")
    grows = msg("More runs are queued from minute to minute.")
    with store.writing("screens") as db:
        for rule, flow, text, severity, ago in (
            ("failed", "orders", lost, "error", 4000.0),
            ("duration", "nightly", late, "warning", 36_000.0),
            ("no_rows", "working", few, "warning", 90_000.0),
            ("queue", "", grows, "warning", 600.0),
        ):
            for time_ in (now - ago, now - ago / 2):
                store.raise_(db, Finding(rule, flow, text, look, severity, None, "20261125-060000-000000a"), time_)  # type: ignore[arg-type]
    known = next(alert for alert in executor.alerts.list() if alert.rule == "duration")
    executor.alerts.acknowledge(known.id, "ann", "The table was rebuilt")
    executor.alerts.silence(now + 3600, "working", None, "bob", "Stocktaking")
    executor.close()


def _asked(root: Path) -> None:
    """Runs with a business key, and one that asks."""
    (root / "flows" / "packing.yaml").write_text(KEYS)
    (root / "flows" / "pay.yaml").write_text(ASKS)
    executor = LocalExecutor(root)
    for file in ("flows/packing.yaml", "flows/packing.yaml", "flows/pay.yaml"):
        run = executor.start(RunRequest(file=file, keep="all", by="ann"))
        while executor.run(run).state in ("queued", "running"):
            time.sleep(0.05)
    executor.close()


def workspace(folder: Path) -> Path:
    """A workspace whose schedules missed some days."""
    begin = date.today() - timedelta(days=4)
    world = World(folder, f"{begin:%Y-%m-%d} 00:00", CALENDARS)
    nightly = world.flow(
        'cron: "30 2 * * *", timezone: UTC, missed: ask, catch_up: 30d', "nightly", head="title: Stock of the night\n"
    )
    world.flow(
        'cron: "0 12 * * *", timezone: Europe/Paris, calendar: france', "working", head="title: Invoices of working days\n"
    )
    world.on(nightly)
    world.up()
    world.until(f"{begin + timedelta(days=1):%Y-%m-%d} 03:00", 1800)
    world.down()
    world.now = time.time()
    world.up()
    world.close()
    return world.root


def _inbox(root: Path) -> None:
    """Events of a shop, some given up on."""
    (root / "flows" / "orders.yaml").write_text(HOOK)
    store = InboxStore(root / ".tisserand" / INBOX)
    rows = [
        {
            "number": 17001 + n,
            "customer": f"Customer {n}",
            "amount": f"{n * 7}.50",
            "express": n % 2 == 0,
            "lines": [{"item": n, "count": 2}],
        }
        for n in range(14)
    ]
    store.keep("flows/orders.yaml", "arrives", [Arrived(row, f"order-{row['number']}") for row in rows])
    for count, dead in ((5, True), (4, False)):
        batch = store.take("flows/orders.yaml", "arrives", count, float("inf"))
        assert batch is not None
        store.began(batch.label, f"20261125-060000-{count:07x}")
        if dead:
            told = {"id": "The shop did not answer: {status}.", "args": {"status": 502}}
            fix = {"id": "Look whether the address of the connection is right.", "args": {}}
            store.dead(batch.label, {"code": "http.failed", "message": told, "fix": fix, "place": {}, "severity": "error"})
    store.close()
