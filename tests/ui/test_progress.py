"""How far a run is, as the window shows it; ending it from any tab; and what becomes of it when the window closes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunInfo
from tisserand.texts import set_language
from tisserand.ui import dialogs
from tisserand.ui.canvas.state import Standing, second_lines, standing
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
LONG = 60_000
ROWS = 2_000_000
FLOW = """tisserand: 1
id: long
title: The long way
nodes:
  many: {kind: file.read_parquet, config: {path: many.parquet}}
  sorted: {kind: table.sort, inputs: {table: many}, config: {by: [text]}}
  slow:
    kind: python.step
    inputs: {table: sorted}
    config:
      code: |
        import time
        def process(table):
            time.sleep(0.03)
            return table
  few: {kind: table.filter, inputs: {table: slow}, config: {where: id < 10}}
  out: {kind: file.write_csv, inputs: {table: few}, config: {path: out/few.csv}}
layout: {many: [0, 0], sorted: [264, 0], slow: [528, 0], few: [792, 0], out: [1056, 0]}
"""
WAIT = """tisserand: 1
id: wait
title: Patience
nodes:
  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}
  pause: {kind: flow.wait, inputs: {table: one}, config: {duration: SECONDS}}
  out: {kind: file.write_csv, inputs: {table: pause}, config: {path: out/one.csv}}
layout: {one: [0, 0], pause: [264, 0], out: [528, 0]}
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two million rows of random text, whose sort takes seconds."""
    path = tmp_path_factory.mktemp("rows") / "many.parquet"
    duckdb.sql(f"COPY (SELECT range AS id, md5(range::VARCHAR) AS text FROM range({ROWS})) TO '{path}' (FORMAT parquet)")
    return path


def place(folder: Path, text: str) -> Path:
    """A workspace with one flow; gives its file."""
    (folder / "flows").mkdir(parents=True)
    (folder / "tisserand.yaml").write_text("")
    path = folder / "flows" / "flow.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def long(tmp_path: Path, rows: Path) -> Path:
    flow = place(tmp_path / "long", FLOW)
    os.link(rows, tmp_path / "long" / "many.parquet")
    return flow


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def states(window: Window) -> dict[str, str]:
    return {id: card.standing.state for id, card in window.scene.cards.items()}


def start(window: Window, qtbot: QtBot, node: str) -> None:
    """Press F5, and wait until the node runs."""
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: states(window)[node] == "running", timeout=LONG)


def coloured(window: Window, id: str) -> int:
    """How many points of the lowest lines of a card have the colour of what runs."""
    corner = window.canvas.mapFromScene(window.scene.cards[id].frame().bottomLeft())
    far = window.canvas.mapFromScene(window.scene.cards[id].frame().bottomRight())
    picture = window.canvas.viewport().grab().toImage()
    wanted = theme().colour("running").rgb()
    ratio = picture.devicePixelRatio()
    points = [
        (round(x * ratio), round(y * ratio))
        for x in range(corner.x() + 11, far.x() - 11)
        for y in range(corner.y() - 4, corner.y())
    ]
    found = [x for x, y in points if picture.pixel(x, y) == wanted]
    return len(set(found))


def test_cards_tell_the_share_and_the_rows_before_they_are_done(window: Window, qtbot: QtBot, long: Path) -> None:
    load(window, long)
    window.canvas.set_zoom(1.0)
    seen: dict[str, list[Standing]] = {}
    outlined: list[str] = []
    told: list[str] = []
    widths: list[tuple[float, int]] = []

    def note(_infos: object) -> None:
        told.append(window.state.text())
        for id, card in window.scene.cards.items():
            if card.standing.state == "running":
                seen.setdefault(id, []).append(card.standing)
        share = window.scene.cards["sorted"].standing.share
        if share is not None and len(widths) < 40:
            window.canvas.bring(window.scene.cards["sorted"].frame().center(), window.canvas.viewport().rect().center())
            widths.append((share, coloured(window, "sorted")))
        model = window.outline.model()
        for row in range(model.rowCount()):
            if model.index(row, 0).data() == window.scene.cards["slow"].shown.title:
                outlined.append(model.index(row, 1).data())

    window.show_side("bottom", window.outline)
    window.runner.progressed.connect(note)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    assert set(states(window).values()) == {"done"}, window.log.toPlainText()
    shares = [found.share for found in seen["sorted"] if found.share is not None]
    assert shares and all(0 <= share < 1 for share in shares) and shares == sorted(shares)
    both = [found for found in seen["slow"] if found.share is not None and found.rows]
    assert both
    for found in both:
        assert found.share is not None and 0 < found.share < 1 and 0 < dict(found.rows)[""] <= ROWS
        assert second_lines(found)[0] == f"Running · {round(found.share * 100)}% · {dict(found.rows)['']:,} rows"
    assert any(" · " in text and "% · " in text and text.startswith("Running · ") for text in outlined)
    # The line at the lower edge is as long as the share says: between the corners of the card.
    room = window.scene.cards["sorted"].frame().width() - 20
    assert any(wide for _share, wide in widths)
    assert all(abs(wide - share * room) <= 3 for share, wide in widths), widths
    # All nodes count from the plan on, not only those that began.
    counted = {text for text in told if "/" in text}
    assert counted and all(text.startswith("Running … ") and text.endswith(" / 5") for text in counted)
    # When it is over, no share is left.
    assert all(card.standing.share is None for card in window.scene.cards.values()) and coloured(window, "sorted") == 0


@pytest.mark.parametrize(("language", "line"), [("en", "Running · 43% · 1,234,567 rows"), ("fr", None)])
def test_the_second_line_in_both_languages(language: str, line: str | None) -> None:
    from tisserand.service.protocol import NodeInfo

    before = set_language(language)
    try:
        found = second_lines(standing(NodeInfo("running", {"": 1_234_567}, share=0.43)))
        if line is not None:
            assert found == (line, "Running · 43%")
        else:
            assert "43\u202f%" in found[0] and "1\u202f234\u202f567" in found[0]
        assert "99" in second_lines(standing(NodeInfo("running", share=0.999)))[0]
        assert standing(NodeInfo("done", {"table": 1}, share=0.5)).share is None
    finally:
        set_language(before if before != language else "en")


def test_a_sort_under_way_is_ended_by_a_key_and_the_flow_runs_again(window: Window, qtbot: QtBot, long: Path) -> None:
    load(window, long)
    start(window, qtbot, "sorted")
    begun = time.monotonic()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG) as blocker:
        QTest.keyClick(window, Qt.Key.Key_F5, SHIFT)
        assert window.state.text().startswith("Stopping …")
    assert time.monotonic() - begun < 4
    assert blocker.args is not None and blocker.args[0].state == "cancelled"
    assert "Cancelled" in window.state.text()
    assert states(window) == {"many": "done", "sorted": "stopped", "slow": "ready", "few": "ready", "out": "ready"}
    assert second_lines(window.scene.cards["sorted"].standing) == ("Stopped",)
    assert not (long.parent.parent / "out").exists()
    # At once again, to the end of what is wanted.
    window.scene.select(["many"])
    with qtbot.waitSignal(window.runner.finished, timeout=LONG) as blocker:
        QTest.keyClick(window, Qt.Key.Key_F5, Qt.KeyboardModifier.ControlModifier)
    assert blocker.args is not None and blocker.args[0].state == "done"


# -- from another tab --------------------------------------------------------------------------------------------------


@pytest.fixture
def two(window: Window, qtbot: QtBot, tmp_path: Path) -> Window:
    """A run under way in the first tab, while the second is shown."""
    load(window, place(tmp_path / "a", WAIT.replace("SECONDS", "29s")))
    start(window, qtbot, "pause")
    other = WAIT.replace("SECONDS", "1ms").replace("Patience", "The other")
    load(window, place(tmp_path / "b", other))
    return window


def press_tab(window: Window, index: int) -> None:
    bar = window.desk.sheets.bar
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(index).center() - QPoint(10, 0))
    QApplication.processEvents()


def test_another_tab_says_whose_run_it_stops(two: Window, qtbot: QtBot) -> None:
    window = two
    stop, run = window.actions_["cancel"], window.actions_["run"]
    assert window.state.text() == "“Patience” is running … 1 / 3"
    assert stop.isEnabled() and stop.text() == "Cancel the run of “Patience”" and "“Patience”" in stop.toolTip()
    assert stop.iconText() == "Stop"
    assert not run.isEnabled() and "“Patience”" in run.toolTip()
    press_tab(window, 0)
    assert stop.text() == "Cancel the run" and window.state.text() == "Running … 1 / 3"
    press_tab(window, 1)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG) as blocker:
        QTest.keyClick(window, Qt.Key.Key_F5, SHIFT)
        assert window.state.text().startswith("Stopping “Patience” …")
    assert blocker.args is not None and blocker.args[0].state == "cancelled"
    # What is shown is told nothing of another flow's end but in passing.
    assert window.state.text() == "" and window.statusBar().currentMessage().startswith("Patience — Cancelled")
    assert set(states(window).values()) == {"ready"}
    assert stop.text() == "Cancel the run" and not stop.isEnabled() and run.isEnabled() and "Patience" not in run.toolTip()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    assert set(states(window).values()) == {"done"}
    press_tab(window, 0)
    assert states(window) == {"one": "done", "pause": "stopped", "out": "ready"}


def test_a_run_that_does_not_start_is_told_of_its_own_flow(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    load(window, place(tmp_path / "a", WAIT.replace("SECONDS", "1ms")))
    # The folder of the runs is a file: no run can begin.
    (tmp_path / "a" / ".tisserand").mkdir(exist_ok=True)
    (tmp_path / "a" / ".tisserand" / "runs").write_text("")
    window.actions_["run"].trigger()
    with qtbot.waitSignal(window.runner.refused, timeout=LONG):
        load(window, place(tmp_path / "b", WAIT.replace("Patience", "The other").replace("SECONDS", "1ms")))
    assert window.statusBar().currentMessage().startswith("Patience — ")
    assert not window.desk.findings.of(window.document.flow, "") and window.actions_["run"].isEnabled()
    assert window.state.text() == ""


# -- the window closes -------------------------------------------------------------------------------------------------


@pytest.fixture
def pausing(window: Window, qtbot: QtBot, tmp_path: Path) -> Iterator[Window]:
    """A window with a run under way that takes a second or two; no process of it is left behind."""
    before = set(psutil.Process().children(recursive=True))
    load(window, place(tmp_path / "w", WAIT.replace("SECONDS", "2s")))
    start(window, qtbot, "pause")
    yield window
    end = time.monotonic() + 30
    while left := set(psutil.Process().children(recursive=True)) - before:
        assert time.monotonic() < end, left
        QApplication.processEvents()


def ended(root: Path, run: str | None) -> RunInfo:
    """How a run ended, told by an executor that did not start it."""
    assert run is not None
    executor = LocalExecutor(root)
    try:
        for _event in executor.events(run, follow=True):
            pass
        return executor.run(run)
    finally:
        executor.close()


def test_a_run_goes_on_when_its_window_closes(pausing: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def go_on(_parent: object, title: str) -> str:
        asked.append(title)
        return "go_on"

    monkeypatch.setattr(dialogs, "ask_about_run", go_on)
    run = pausing.runner.run_id
    assert pausing.close() and asked == ["Patience"] and not pausing.isVisible()
    assert ended(tmp_path / "w", run).state == "done"
    assert (tmp_path / "w" / "out" / "one.csv").read_text().split() == ["a", "1"]


def test_a_run_is_cancelled_with_its_window(pausing: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "ask_about_run", lambda *_args: "cancel")
    run = pausing.runner.run_id
    assert pausing.close() and not pausing.isVisible()
    assert ended(tmp_path / "w", run).state == "cancelled"
    assert not (tmp_path / "w" / "out").exists()


def test_closing_is_thought_better_of(pausing: Window, qtbot: QtBot) -> None:
    questions: list[str] = []

    def press() -> None:
        box = pausing.findChild(QMessageBox)
        assert box is not None
        questions.extend([box.text(), box.informativeText()])
        stay = next(button for button in box.findChildren(QPushButton) if button.text() == "Keep the window open")
        assert stay.isDefault()
        QTest.mouseClick(stay, LEFT)

    QTimer.singleShot(100, press)
    assert not pausing.close() and pausing.isVisible() and pausing.runner.running
    assert questions[0] == "“Patience” is still running." and "tisserand runs" in questions[1]
    qtbot.waitUntil(lambda: not pausing.runner.running, timeout=LONG)
    assert set(states(pausing).values()) == {"done"}


def test_an_executor_that_does_not_answer_keeps_the_window(pausing: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    from tisserand.ui import runs

    monkeypatch.setattr(runs, "PATIENCE", 0.05)
    monkeypatch.setattr(dialogs, "ask_about_run", lambda *_args: "cancel")
    monkeypatch.setattr(pausing.runner._background, "do", lambda *_args: None)
    assert not pausing.close() and pausing.isVisible()
    assert "“Patience”" in pausing.notice.text.text()
    monkeypatch.undo()
    pausing.runner.cancel()


def test_nothing_is_asked_where_nothing_runs(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "ask_about_run", lambda *_args: pytest.fail("nothing runs"))
    assert window.close()
