"""Files and languages from the window: the start page, changes on disk, unsaved changes, English and French in one session."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand import texts
from tisserand.files import shipped
from tisserand.model.flow import Flow, Node
from tisserand.ui import dialogs
from tisserand.ui.app import furnish_later, in_another_language
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def changed(window: Window) -> None:
    window.document.set_node("lake", title="Somewhere else")


def test_the_start_page_opens_a_copy_of_an_example(
    window: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    own = tmp_path / "Tisserand" / "examples" / "showcase"
    assert window.welcome.isVisible()
    QTest.mouseClick(window.welcome.buttons[0], LEFT)
    qtbot.waitUntil(lambda: bool(window.document.flow.nodes), timeout=20_000)
    assert not window.welcome.isVisible()
    assert window.runner.root == own.resolve() and (own / "data" / "airlines.csv").exists()
    # It can be run, changed and saved; the shipped one stays, and so does the changed one.
    path = window.document.path
    assert path is not None and path.parent == own / "flows"
    original = shipped("flows") / "showcase" / "flows" / path.name
    before = original.read_text()
    node = next(iter(window.document.flow.nodes))
    window.document.set_node(node, title="Mine")
    assert window.desk.disk.save() and "Mine" in path.read_text() and original.read_text() == before
    qtbot.waitUntil(lambda: not window.desk.problems, timeout=30_000)
    window.document.new()
    window.desk.disk.open_path(original)
    qtbot.waitUntil(lambda: bool(window.document.flow.nodes), timeout=20_000)
    assert window.document.flow.nodes[node].title == "Mine"


def test_the_start_page_offers_the_flows_of_last_time(window: Window, demo: Path) -> None:
    before = len(window.welcome.buttons)
    load(window, demo)
    window.document.new()
    assert len(window.welcome.buttons) == before + 1
    assert "Orders by customer" in window.welcome.buttons[0].toolTip()
    demo.unlink()
    load(window, shipped("flows") / "showcase" / "flows" / "plane-age.yaml")
    window.document.new()
    assert all("Orders by customer" not in button.toolTip() for button in window.welcome.buttons)


def test_an_executor_that_is_connected_while_the_window_closes(window: Window, tmp_path: Path) -> None:
    closed: list[str] = []

    class Slow:
        """While it is closed, a thread that checks a flow connects to another workspace."""

        def close(self) -> None:
            window.runner._executors[tmp_path / "late"] = cast(Any, Slow())
            closed.append("one")

    window.runner._executors[tmp_path / "first"] = cast(Any, Slow())
    window.runner.close()
    assert closed == ["one"]
    window.runner._executors.clear()


def test_recent_flows_are_remembered(qapp: QApplication, tmp_path: Path, demo: Path) -> None:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    for _start in range(2):
        made = Window(settings)
        load(made, demo)
        assert made.recent.paths() == [demo.resolve()]
        made.retire()
        settings.sync()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_a_file_changed_by_another_program_is_loaded_again(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    demo.write_text(demo.read_text().replace("title: Orders by customer", "title: Changed outside"))
    qtbot.waitUntil(lambda: window.document.title == "Changed outside", timeout=10_000)
    # A file that was replaced, as editors do, is noticed too.
    other = demo.with_suffix(".new")
    other.write_text(demo.read_text().replace("Changed outside", "Replaced outside"))
    other.replace(demo)
    qtbot.waitUntil(lambda: window.document.title == "Replaced outside", timeout=10_000)


def test_changes_here_are_not_lost_to_changes_on_disk(
    window: Window, qtbot: QtBot, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(window, demo)
    changed(window)
    theirs = demo.read_text().replace("title: Orders by customer", "title: Changed outside")
    demo.write_text(theirs)
    qtbot.waitUntil(window.notice.isVisible, timeout=10_000)
    assert window.document.flow.nodes["lake"].title == "Somewhere else"
    QTest.mouseClick(window.notice.buttons[1], LEFT)
    assert not window.notice.isVisible()
    # Saving asks once more before it writes over what another program wrote.
    monkeypatch.setattr(dialogs, "ask_to_overwrite", lambda *_args: "stay")
    assert not window.desk.disk.save()
    assert demo.read_text() == theirs
    monkeypatch.setattr(dialogs, "ask_to_overwrite", lambda *_args: "mine")
    assert window.desk.disk.save()
    assert "Somewhere else" in demo.read_text() and "Changed outside" not in demo.read_text()


def test_our_own_saving_is_no_change(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    changed(window)
    assert window.desk.disk.save()
    qtbot.wait(400)
    assert window.document.undo_name is not None and not window.notice.isVisible()


def test_unsaved_changes_are_asked_about(window: Window, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(window, demo)
    before = demo.read_text()
    changed(window)
    monkeypatch.setattr(dialogs, "ask_to_save", lambda *_args: "stay")
    window.actions_["close"].trigger()
    assert window.document.flow.nodes
    monkeypatch.setattr(dialogs, "ask_to_save", lambda *_args: "discard")
    window.actions_["close"].trigger()
    assert not window.document.flow.nodes and demo.read_text() == before
    load(window, demo)
    changed(window)
    monkeypatch.setattr(dialogs, "ask_to_save", lambda *_args: "save")
    window.actions_["close"].trigger()
    assert "Somewhere else" in demo.read_text()


def test_a_file_that_cannot_be_written_stays_whole(window: Window, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(window, demo)
    before = demo.read_text()
    changed(window)

    def full(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tisserand.ui.document.write_text", full)
    assert not window.desk.disk.save()
    assert window.notice.isVisible() and "No space left" in window.notice.text.text()
    assert demo.read_text() == before and not window.document.is_saved


def test_the_language_changes_under_the_flow(window: Window, demo: Path) -> None:
    texts.add_catalogues(shipped("resources") / "locale")
    load(window, demo)
    changed(window)
    window.scene.select(["named"])
    told: list[bool] = []
    window.language_changed.connect(lambda: told.append(True))
    try:
        window.actions_["language"].trigger()
        assert told and texts.language() == "fr"
        made = in_another_language(window)
        assert made.document.flow is window.document.flow and not made.document.is_saved
        assert list(made.scene.selection) == ["named"] and made.isVisible()
        assert made.actions_["undo"].text() != "Undo"
        made.actions_["undo"].trigger()
        assert made.document.is_saved
        made.retire()
    finally:
        texts.set_language("en")


def test_the_node_types_come_beside_the_window(window: Window, qtbot: QtBot, demo: Path) -> None:
    window.kinds.catalog = None
    window.palette_panel.fill()
    assert window.palette_panel.tree.topLevelItemCount() == 0
    furnish_later(window, demo)
    qtbot.waitUntil(lambda: len(window.scene.cards) == 7, timeout=20_000)
    assert window.palette_panel.tree.topLevelItemCount() == 6


def test_pickers_offer_what_there_is(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    examples = shipped("flows") / "examples"
    load(window, examples / "flows" / "sql-read.yaml")
    context = window.inspector.context
    qtbot.waitUntil(lambda: bool(context.connections()), timeout=20_000)
    assert "flow-call" in context.flows()
    id = next(id for id, node in window.document.flow.nodes.items() if node.kind == "sql.read")
    window.scene.select([id])
    combo = window.inspector._fields["connection"][0].combo
    combo.showPopup()
    offered = [combo.itemText(index) for index in range(combo.count())]
    combo.hidePopup()
    assert window.document.flow.nodes[id].config["connection"] in offered
    assert combo.currentText() == window.document.flow.nodes[id].config["connection"]


def test_pickers_offer_the_columns_that_really_arrive(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    with qtbot.waitSignal(window.runner.checked, timeout=30_000):
        pass
    window.scene.select(["by_country"])
    by = window.inspector._fields["by"][0]
    combo = by._editors[0].combo
    combo.showPopup()
    offered = [combo.itemText(index) for index in range(combo.count())]
    combo.hidePopup()
    assert offered == ["order_id", "customer", "amount", "day", "name", "country"]


def test_a_card_of_an_unknown_kind_keeps_a_name_of_500_letters(window: Window) -> None:
    node = Node("odd", "acme.weave", title="Größe 🧵 " + "نسيج" * 120)
    window.document.show(Flow("t", nodes={"odd": node}, layout={"odd": (0, 0)}))
    window.scene.select(["odd"])
    assert not window.grab().isNull()
