"""Drafts are written by several threads: the newest state is what is left, and nothing where nothing is wanted any more."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow
from tisserand.sdk.registry import registry
from tisserand.ui import drafts
from tisserand.ui.window import Window


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    real = drafts.write_flow

    def slow(flow: Flow) -> str:
        if flow.title == "old":
            time.sleep(0.6)
        return real(flow)

    monkeypatch.setattr(drafts, "write_flow", slow)
    made = Window(None, tmp_path / "drafts")
    made.kinds.catalog = registry()
    made.document.new()
    return made


def edited(window: Window, title: str) -> None:
    from tisserand.model.edit import SetFlow

    window.document.do(SetFlow({"title": title}))
    window.desk.drafts.write()


def test_an_older_state_does_not_come_last(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    edited(window, "old")
    edited(window, "new")
    qtbot.waitUntil(lambda: len(list((tmp_path / "drafts").glob("*.json"))) == 1, timeout=10_000)
    qtbot.wait(900)
    kept = next((tmp_path / "drafts").glob("*.json"))
    assert "title: new" in json.loads(kept.read_text())["text"]
    window.desk.sheets.abandon()
    window.desk.drafts.close()
    window.retire()


def test_what_is_given_up_leaves_nothing(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    edited(window, "old")
    window.desk.drafts.close()
    qtbot.wait(900)
    assert list((tmp_path / "drafts").glob("*")) == []
    window.desk.sheets.abandon()
    window.retire()
