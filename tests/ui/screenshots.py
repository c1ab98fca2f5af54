"""Writes pictures of the designer (light and dark, full and small, empty) into a folder: `screenshots.py [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication

from tisserand import texts
from tisserand.files import shipped
from tisserand.ui.app import application, furnish
from tisserand.ui.theme import Mode, theme
from tisserand.ui.window import Window

FLOW = """tisserand: 1
id: late-orders
title: Orders by customer
nodes:
  orders:
    kind: file.read_csv
    title: Orders
    config:
      path: data/orders.csv
  customers:
    kind: file.read_csv
    title: Customers
    config:
      path: data/customers.csv
  paid:
    kind: table.filter
    title: Worth 100 or more
    inputs:
      table: orders
    config:
      where: amount >= 100
  named:
    kind: table.join
    title: Join on customer
    inputs:
      left: paid
      right: customers
    config:
      on: [customer]
      how: left
  by_country:
    kind: table.aggregate
    title: Sum by country
    inputs:
      table: named
    config:
      by: [country]
      values:
        orders: count()
        total: sum(amount)
  lake:
    kind: file.write_parquet
    title: Write to lake
    inputs:
      table: by_country
    config:
      path: out/by_country.parquet
  strangers:
    kind: file.write_csv
    title: Unknown customers
    inputs:
      table: named.unmatched
    config:
      path: out/strangers.csv
layout:
  orders: [0, 0]
  customers: [240, 128]
  paid: [240, 0]
  named: [480, 64]
  by_country: [720, 16]
  lake: [960, 16]
  strangers: [720, 128]
"""


def workspace(folder: Path) -> Path:
    """A small workspace with two tables and one flow; gives the flow's file."""
    (folder / "flows").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "out").mkdir()
    (folder / "tisserand.yaml").write_text("")
    names = ["Durand SA", "Keller AG", "Rossi SpA", "Nowak", "García"]
    lines = [f"{10000 + i},{i % 7},{(i * 37) % 900 + 0.5},2026-11-{i % 28 + 1:02d}" for i in range(12_480)]
    lines[3] = "10003,3,,2026-11-04"
    (folder / "data" / "orders.csv").write_text("\n".join(["order_id,customer,amount,day", *lines]) + "\n")
    countries = ["FR", "DE", "IT", "PL", "ES"]
    rows = [f"{i},{name},{country}" for i, (name, country) in enumerate(zip(names, countries, strict=True))]
    (folder / "data" / "customers.csv").write_text("\n".join(["customer,name,country", *rows]) + "\n")
    path = folder / "flows" / "late-orders.yaml"
    path.write_text(FLOW)
    return path


def until(ready: Callable[[], bool], seconds: float = 60) -> bool:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    for _round in range(5):
        QApplication.processEvents()
    return ready()


def shoot(window: Window, file: Path, mode: Mode, width: int = 1280, height: int = 800) -> None:
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    theme().apply(made, mode)
    window.resize(width, height)
    until(lambda: False, 0.15)
    window.canvas.first_sight()
    until(lambda: False, 0.15)
    window.grab().save(str(file))
    print(file)


def main(folder: Path, language: str = "en") -> None:
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language(language)
    folder.mkdir(parents=True, exist_ok=True)
    made = application(["tisserand"])
    with tempfile.TemporaryDirectory() as temporary:
        flow = workspace(Path(temporary) / "demo")
        theme().apply(made, "light")
        window = Window()
        window.show()
        furnish(window, None)
        for mode in ("light", "dark"):
            shoot(window, folder / f"empty-{mode}.png", mode)
        window.desk.load(flow)
        until(lambda: not window.desk.disk.loading)
        shoot(window, folder / "opened-light.png", "light")
        window.desk.runs.start()
        until(lambda: not window.runner.running)
        window.scene.select(["named"])
        until(lambda: window.data.grid.total > 0, 10)
        for mode in ("light", "dark"):
            shoot(window, folder / f"designer-{mode}.png", mode)
        window.scene.select(["paid"])
        window.document.set_config("paid", "where", "amont >= ")
        until(lambda: any(p.place.node == "paid" for p in window.desk.problems), 15)
        window.show_side("bottom", window.problems)
        shoot(window, folder / "problems-light.png", "light")
        window.scene.select(["by_country"])
        shoot(window, folder / "small-dark.png", "dark", 1024, 640)
        window.document.undo()
        window.background.close()
        window.runner.close()
        window.deleteLater()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/screenshots"), sys.argv[2] if len(sys.argv) > 2 else "en")
