"""Screens of API management for the pictures: catalogue, document, versions, terms, gateways, usage, and Publish as API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_apis as made
from PySide6.QtWidgets import QDialog

from tisserand.ui.window import Window

Until = Callable[..., bool]


def apis(window: Window, shooter: Any, until: Until, folder: Path) -> None:
    """Every page of a small catalogue, and the dialogs over them."""
    (folder / "nothing").mkdir(parents=True)
    (folder / "nothing" / "tisserand.yaml").write_text("")
    window.runner.root = folder / "nothing"
    view = window.desk.supervising.show("apis_page")
    page: Any = view.page
    until(page.empty.other.isVisible, 20)
    shooter.take(window, "apis-none")
    root = made.workspace(folder / "shop")
    window.desk.load(root / "flows" / "price.yaml")
    until(lambda: not window.desk.disk.loading)
    view = window.desk.supervising.show("apis_page")
    page = view.page
    until(lambda: len(page.model.lines) >= 5, 20)
    page.choose("orders@2")
    until(lambda: page.detail is not None and page.detail.brief.key == "orders@2", 10)
    for at, screen in enumerate(page.SCREENS):
        page.tabs.setCurrentIndex(at)
        until(lambda: False, 0.6)
        shooter.take(window, f"apis-{screen}")
    page.tabs.setCurrentWidget(page.document)
    for at, face in enumerate(("operations", "schemas", "text")):
        page.document.tabs.setCurrentIndex(at + 1)
        until(lambda: False, 0.3)
        shooter.take(window, f"apis-document-{face}")
    page.tabs.setCurrentIndex(0)
    terms: Any = view.turn_to("terms_page")
    for at, screen in enumerate(("plans", "consumers", "subscriptions")):
        terms.tabs.setCurrentIndex(at)
        until(lambda at=at: len(terms.parts[at].model.lines) > 0, 10)
        until(lambda: False, 0.5)
        shooter.take(window, f"terms-{screen}")
    plan = terms.edit_plan(terms.plans.chosen())
    shooter.take(window, "terms-plan", plan)
    plan.reject()
    terms.tabs.setCurrentIndex(1)
    asked = terms.issue(False)
    shooter.take(window, "terms-issue", asked)
    asked.yes.click()
    until(lambda: window.findChild(QDialog, "once") is not None, 10)
    once = window.findChild(QDialog, "once")
    assert once is not None
    shooter.take(window, "terms-key", once)
    once.accept()
    gateways: Any = view.turn_to("gateways_page")
    until(lambda: len(gateways.model.lines) > 0, 10)
    gateways.look_at_plan()
    until(lambda: gateways.plan is not None, 20)
    shooter.take(window, "gateways")
    gateways.edit("")
    until(lambda: window.findChild(QDialog, "gateway") is not None, 10)
    form: Any = window.findChild(QDialog, "gateway")
    shooter.take(window, "gateways-new", form)
    form.reject()
    usage: Any = view.turn_to("usage_page")
    until(lambda: len(usage.model.lines) > 0, 10)
    shooter.take(window, "usage")
    window.desk.supervising.leave()
    window.actions_["publish_api"].trigger()
    dialog: Any = window.findChild(QDialog, "publish")
    until(lambda: dialog.publish.isEnabled(), 30)
    shooter.take(window, "publish", dialog)
    dialog.publish_now()
    until(lambda: dialog.detail is not None, 30)
    shooter.take(window, "publish-try", dialog)
    assert dialog.trying.operation.count() == 1
    dialog.reject()
