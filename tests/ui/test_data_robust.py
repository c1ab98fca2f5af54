"""The data pane while things change under it: another selection, a second question, wrong formulas, places that cannot be written."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tisserand.service.protocol import Page
from tisserand.ui.panels.origin import Kept
from tisserand.ui.window import Window

LONG = 60_000
ODD = ['say "hi"', "a\nb", "Name", "name", "it's; -- no", "-minus"]


class Slow:
    """Stands for rows whose answers wait until they are let go, one by one or all."""

    def __init__(self, node: str, names: list[str], rows: int) -> None:
        self.node, self.names, self.rows = node, names, rows
        self.open = threading.Event()
        self.asked: list[tuple[str, Any]] = []

    def _wait(self, what: str, about: Any) -> None:
        self.asked.append((what, about))
        assert self.open.wait(30)

    def table(self) -> pa.Table:
        return pa.table([pa.array(range(self.rows), pa.int64())] * len(self.names), names=self.names)

    def page(self, _executor: Any, offset: int, limit: int, order: str | None, where: str | None) -> Page:
        self._wait("page", (offset, order, where))
        table = self.table() if where is None else self.table().slice(0, 1)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(offset, limit))
        return Page(bytes(sink.getvalue()), table.num_rows, offset)

    def find(self, _executor: Any, text: str, *_more: Any) -> tuple[int, int] | None:
        self._wait("find", text)
        return (self.rows - 1, 0)

    def profile(self, _executor: Any, column: str, _where: str | None) -> dict[str, Any]:
        self._wait("profile", column)
        return {"rows": self.rows, "nulls": 0, "distinct": self.rows, "exact": True, "frequent": []}


@pytest.fixture
def idle(window: Window, tmp_path: Path) -> Iterator[Window]:
    window.runner.root = tmp_path
    made: list[Slow] = []
    window.data.show_view("table")
    window.show_side("bottom", window.data)
    window.slow = made  # type: ignore[attr-defined]
    yield window
    for each in made:
        each.open.set()


def show(window: Window, names: list[str], rows: int, qtbot: QtBot, node: str = "one") -> Slow:
    """Rows that are there; the next questions wait."""
    slow = Slow(node, names, rows)
    window.slow.append(slow)  # type: ignore[attr-defined]
    slow.open.set()
    window.data._head.show()
    window.data.forget_questions()
    window.data.show_view("table")
    window.data.show_origin(slow)
    qtbot.waitUntil(lambda: window.data.grid.names == tuple(names), timeout=LONG)
    slow.open.clear()
    slow.asked.clear()
    return slow


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (lambda data: data.sort_by("a"), "page"),
        (lambda data: (data.filter.setText("a > 1"), data.apply_filter()), "page"),
        (lambda data: (data.finder.setText("9"), data._find_on()), "find"),
        (lambda data: data.show_profile("a"), "profile"),
        (lambda data: (data.grid.choose((0, 0)), data.view_current()), "page"),
        (lambda data: (data.grid.choose((0, 0)), data.copy("csv")), "page"),
    ],
)
def test_an_answer_about_other_rows_is_dropped(idle: Window, start: Callable[[Any], Any], what: str, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QApplication, QDialog

    data = idle.data
    QApplication.clipboard().setText("before")
    slow = show(idle, ["a"], 50, qtbot)
    start(data)
    qtbot.waitUntil(lambda: what in [kind for kind, _about in slow.asked], timeout=LONG)
    show(idle, ["b", "c"], 7, qtbot, "two")
    slow.open.set()
    # What was asked of the first rows is answered by then: the threads serve in turn.
    done: list[object] = []
    idle.background.do(lambda: None, done.append, lambda _problems: None)
    qtbot.waitUntil(lambda: bool(done), timeout=LONG)
    QTest.qWait(50)
    assert data.grid.names == ("b", "c") and data.grid.total == 7
    assert data.where is None and data.grid.order is None and data.grid.current is None
    assert data.profile.isHidden() and not data.wrong.text()
    assert idle.findChild(QDialog, "cell") is None and QApplication.clipboard().text() == "before"


def test_only_the_last_of_two_filters_counts(idle: Window, qtbot: QtBot) -> None:
    data = idle.data
    slow = show(idle, ["a"], 50, qtbot)
    first = threading.Event()
    answers: list[str | None] = []
    plain = slow.page

    def page(executor: Any, offset: int, limit: int, order: str | None, where: str | None) -> Page:
        slow.asked.append(("page", where))
        assert (first if where == "a > 1" else slow.open).wait(30)
        slow.open.set()
        answers.append(where)
        return plain(executor, offset, limit, order, where)

    slow.page = page  # type: ignore[method-assign]
    for text in ("a > 1", "a > 2"):
        data.filter.setText(text)
        data.apply_filter()
    slow.open.set()
    qtbot.waitUntil(lambda: data.where == "a > 2", timeout=LONG)
    first.set()
    qtbot.waitUntil(lambda: "a > 1" in answers, timeout=LONG)
    QTest.qWait(50)
    assert data.where == "a > 2" and data.grid.total == 1
    # Escape while a filter is under way: all rows stay.
    slow.open.clear()
    first.clear()
    data.filter.show()
    data.filter.setText("a > 1")
    data.apply_filter()
    QTest.keyClick(data.filter, Qt.Key.Key_Escape)
    first.set()
    slow.open.set()
    qtbot.waitUntil(lambda: data.where is None and data.grid.total == 50, timeout=LONG)
    QTest.qWait(50)
    assert data.where is None


def test_sorted_while_a_filter_is_under_way_both_hold(idle: Window, qtbot: QtBot) -> None:
    data = idle.data
    slow = show(idle, ["a"], 50, qtbot)
    data.filter.setText("a > 1")
    data.apply_filter()
    data.sort_by("a")
    slow.open.set()
    qtbot.waitUntil(lambda: data.where == "a > 1" and data.grid.total == 1 and data.grid.value(0, 0) == "0", timeout=LONG)
    assert data.grid.order == "a"
    qtbot.waitUntil(lambda: ("page", (0, "a", "a > 1")) in slow.asked, timeout=LONG)


def test_an_export_goes_on_beside_another_selection_and_its_end_is_told(idle: Window, tmp_path: Path, qtbot: QtBot) -> None:
    data = idle.data
    slow = show(idle, ODD, 50, qtbot)
    target = tmp_path / "odd.CSV"
    data.export_to(target)
    assert data.exporting and not data.export_button.isEnabled() and not idle.actions_["export"].isEnabled()
    show(idle, ["b"], 7, qtbot, "two")
    assert data.bar.export_row.isVisible()
    slow.open.set()
    qtbot.waitUntil(lambda: "odd.CSV" in data.wrong.text(), timeout=LONG)
    with target.open(newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ODD and len(lines) == 51 and lines[-1] == ["49"] * 6
    assert not data.exporting and data.export_button.isEnabled() and data.bar.export_row.isHidden()


def test_a_cancelled_export_leaves_no_file(idle: Window, tmp_path: Path, qtbot: QtBot) -> None:
    data = idle.data
    slow = show(idle, ["a"], 50, qtbot)
    folder = tmp_path / "out"
    folder.mkdir()
    data.export_to(folder / "rows.csv")
    qtbot.waitUntil(lambda: bool(slow.asked), timeout=LONG)
    QTest.mouseClick(data.bar.stop, Qt.MouseButton.LeftButton)
    slow.open.set()
    qtbot.waitUntil(lambda: "stopped" in data.wrong.text(), timeout=LONG)
    assert list(folder.iterdir()) == [] and not data.exporting


@pytest.mark.parametrize("name", ["rows.csv", "rows.xlsx", "rows.parquet", "rows.jsonl"])
def test_a_place_that_cannot_be_written_is_a_sentence(idle: Window, tmp_path: Path, qtbot: QtBot, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    slow = show(idle, ["a"], 50, qtbot)
    slow.open.set()
    idle.data.export_to(tmp_path / "file" / name)
    qtbot.waitUntil(lambda: f"“{name}” cannot be written" in idle.data.wrong.text(), timeout=LONG)
    assert not idle.data.exporting and (tmp_path / "file").read_text() == "no folder"


def test_too_many_rows_for_excel_is_a_sentence(
    idle: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tisserand.ui.panels import copying

    monkeypatch.setattr(copying, "MOST_EXCEL", 49)
    show(idle, ["a"], 50, qtbot).open.set()
    idle.data.export_to(tmp_path / "rows.xlsx")
    qtbot.waitUntil(lambda: "at most" in idle.data.wrong.text(), timeout=LONG)
    assert list(tmp_path.glob("*.xlsx*")) == []


def test_no_rows_and_300_columns_can_be_asked_everything(idle: Window, tmp_path: Path, qtbot: QtBot) -> None:
    data = idle.data
    show(idle, [f"c{index}" for index in range(300)], 0, qtbot).open.set()
    assert "0 rows" in data.title.text()
    for id in ("find_rows", "filter_rows", "statistics", "as_schema", "as_json", "as_table", "export"):
        assert idle.actions_[id].isEnabled(), id
    for id in ("copy_cells", "select_rows", "whole_value", "sort_rows"):
        assert not idle.actions_[id].isEnabled(), id
    data.show_view("json")
    assert data.text.toPlainText() == "[]"
    data.show_view("schema")
    assert len(data.text.toPlainText().splitlines()) == 300
    data.show_view("table")
    QTest.mouseClick(data.grid.viewport(), Qt.MouseButton.RightButton, pos=QPoint(120, 60))
    data.export_to(tmp_path / "none.csv")
    qtbot.waitUntil(lambda: (tmp_path / "none.csv").exists(), timeout=LONG)
    assert len((tmp_path / "none.csv").read_text().splitlines()) == 1


def test_odd_names_are_sorted_counted_and_found_by_the_executor(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    """Names with quotes, line breaks and the same letters in another case, asked for in earnest (as a look ahead)."""
    from tisserand.ui.panels.origin import Ahead

    table = pa.table([pa.array([column * 10 + row for row in (2, 0, 1)]) for column in range(3)], names=ODD[:2] + ODD[4:5])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    window.runner.root = tmp_path
    ahead = Ahead("n", "rows", "", None, 200)
    ahead._data = bytes(sink.getvalue())
    data = window.data
    data.show_origin(ahead)
    qtbot.waitUntil(lambda: data.grid.total == 3, timeout=LONG)
    for index, name in enumerate(data.grid.names):
        data.sort_by(name)
        first = str(index * 10)
        qtbot.waitUntil(lambda index=index, first=first: data.grid.value(0, index) == first, timeout=LONG)
        data.show_profile(name)
        qtbot.waitUntil(lambda: data.profile._page is not None, timeout=LONG)
        assert data.profile.column == name
    data.filter.setText("1 >")
    data.apply_filter()
    qtbot.waitUntil(lambda: bool(data.wrong.text()), timeout=LONG)
    assert data.grid.total == 3
    data.finder.setText("21")
    data._find_on()
    qtbot.waitUntil(lambda: data.grid.current == (1, 2), timeout=LONG)


def test_the_same_edge_is_the_same_origin() -> None:
    assert Kept("r", "n", "p") == Kept("r", "n", "p") != Kept("r", "n", "q")
