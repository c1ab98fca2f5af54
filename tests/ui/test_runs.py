"""Real runs from the window: keys and clicks, the executor behind them, and rows compared with plain SQL and pandas."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.files import shipped
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
LONG = 60_000


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def run(window: Window, qtbot: QtBot) -> None:
    """Press F5 and wait until the run is over and its first rows are there."""
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    QApplication.processEvents()


def click(window: Window, id: str) -> None:
    window.canvas.fit()
    spot = window.canvas.mapFromScene(window.scene.cards[id].frame().center())
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=spot)


def states(window: Window) -> dict[str, str]:
    return {id: card.standing.state for id, card in window.scene.cards.items()}


def column(window: Window, name: str, count: int) -> list[str | None]:
    grid = window.data.grid
    return [grid.value(row, grid.names.index(name)) for row in range(count)]


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a shipped workspace, since runs write into it."""

    def made(name: str) -> Path:
        target = tmp_path / name
        shutil.copytree(shipped("flows") / name, target, ignore=shutil.ignore_patterns(".tisserand", "out"))
        return target

    return made


def test_a_run_shows_its_states_and_the_rows_of_every_edge(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    run(window, qtbot)
    assert set(states(window).values()) == {"done"}
    assert "Done" in window.state.text()
    assert window.log.toPlainText().splitlines()[-2].endswith("Run done")

    orders = pandas.read_csv(demo.parent.parent / "data" / "orders.csv")
    paid = orders[orders["amount"] >= 100]
    assert window.scene.wires["paid", "", "named", "left"].rows == len(paid)
    assert window.scene.wires["orders", "", "paid", "table"].rows == len(orders)

    click(window, "paid")
    qtbot.waitUntil(lambda: window.data.grid.total == len(paid), timeout=LONG)
    assert column(window, "order_id", 3) == [str(value) for value in paid["order_id"][:3]]
    # The last page is fetched when it is seen, and only then.
    window.data.grid.verticalScrollBar().setValue(window.data.grid.verticalScrollBar().maximum())
    window.data.grid.grab()
    qtbot.waitUntil(lambda: window.data.grid.value(len(paid) - 1, 0) != "", timeout=LONG)
    assert window.data.grid.value(len(paid) - 1, 0) == str(paid["order_id"].iloc[-1])
    assert len(window.data.grid._pages) < 10

    # A missing value is one, not a text.
    click(window, "orders")
    qtbot.waitUntil(lambda: window.data.grid.total == len(orders), timeout=LONG)
    assert column(window, "amount", 4)[3] is None


def test_a_writer_tells_what_it_wrote(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    run(window, qtbot)
    root = demo.parent.parent
    written = len(pandas.read_parquet(root / "out" / "by_country.parquet"))
    assert window.scene.cards["lake"].standing.detail.startswith(f"{written} rows")


def test_a_showcase_flow_by_hand_in_sql(window: Window, qtbot: QtBot, workspace: Callable[[str], Path]) -> None:
    root = workspace("showcase")
    load(window, root / "flows" / "plane-age.yaml")
    run(window, qtbot)
    assert set(states(window).values()) == {"done"}, window.log.toPlainText()
    flights = str(root / "data" / "flights.parquet")
    expected = duckdb.sql(f"select count(*) from '{flights}'").fetchall()[0]
    click(window, "flights")
    qtbot.waitUntil(lambda: window.data.grid.total == expected[0], timeout=LONG)
    first = duckdb.sql(f"select tailnum from '{flights}' limit 5").fetchall()
    assert column(window, "tailnum", 5) == [row[0] for row in first]


@pytest.mark.parametrize("name", ["table-validate", "flow-branch", "flow-for-each"])
def test_examples_run_from_the_window(window: Window, qtbot: QtBot, workspace: Callable[[str], Path], name: str) -> None:
    load(window, workspace("examples") / "flows" / f"{name}.yaml")
    run(window, qtbot)
    assert "Done" in window.state.text(), window.log.toPlainText()
    assert set(states(window).values()) <= {"done", "skipped"}


def test_cancel(window: Window, qtbot: QtBot, workspace: Callable[[str], Path]) -> None:
    flow = workspace("examples") / "flows" / "flow-wait.yaml"
    flow.write_text(flow.read_text().replace("duration: 1s", "duration: 29s"))
    load(window, flow)
    QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: states(window)["pause"] == "running", timeout=LONG)
    assert window.actions_["cancel"].isEnabled() and not window.actions_["run"].isEnabled()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5, Qt.KeyboardModifier.ShiftModifier)
    assert "Cancelled" in window.state.text()
    assert states(window) == {"orders": "done", "pause": "stopped", "see_table": "ready"}
    assert window.actions_["run"].isEnabled()


def test_a_cancel_before_the_run_has_a_name_is_kept(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG) as blocker:
        QTest.keyClick(window, Qt.Key.Key_F5)
        window.actions_["cancel"].setEnabled(True)
        window.actions_["cancel"].trigger()
    assert blocker.args is not None and blocker.args[0].state in {"cancelled", "done"}


def test_a_failed_run_says_so_everywhere(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    root = demo.parent.parent
    with qtbot.waitSignal(window.runner.checked, timeout=LONG):
        pass
    ragged = (root / "data" / "orders.csv").read_text() + "99999,1,2,not a day,too,many\n"
    (root / "data" / "orders.csv").write_text(ragged)
    run(window, qtbot)
    assert "Failed" in window.state.text()
    card = window.scene.cards["orders"]
    assert card.standing.state == "failed"
    sentence = card.standing.detail
    assert "12482" in sentence
    assert window.tabs.currentWidget() is window.problems
    listed = [window.problems.list.item(row).text() for row in range(window.problems.list.count())]
    assert any(sentence in text for text in listed)
    assert sentence in window.log.toPlainText()
    # The state outlives new colours, and ends with the node's next change.
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    theme().apply(made, "dark")
    assert card.standing.state == "failed" and window.problems.list.count() == len(listed)
    theme().apply(made, "light")
    window.document.set_config("orders", "bad_rows", "reject")
    assert window.scene.cards["orders"].standing.state != "failed"
    run(window, qtbot)
    assert states(window)["orders"] == "done"


def test_a_run_of_an_earlier_flow_leaves_the_new_one_alone(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    QTest.keyClick(window, Qt.Key.Key_F5)
    other = demo.with_name("other.yaml")
    other.write_text(demo.read_text().replace("id: late-orders", "id: other"))
    load(window, other)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        pass
    assert set(states(window).values()) == {"ready"}


def test_problems_found_by_the_executor_come_while_editing(window: Window, qtbot: QtBot, demo: Path) -> None:
    load(window, demo)
    with qtbot.waitSignal(window.runner.checked, timeout=LONG):
        pass
    assert window.problems.list.count() == 0
    window.document.set_config("by_country", "by", ["contry"])
    qtbot.waitUntil(lambda: window.problems.list.count() > 0, timeout=LONG)
    item = window.problems.list.item(0)
    assert "contry" in item.text()
    # What was found at one node stays while another is edited.
    window.document.set_node("paid", title="Paid")
    assert window.problems.list.count() > 0
    spot = window.problems.list.visualItemRect(item).center()
    window.show_side("bottom", window.problems)
    QTest.mouseClick(window.problems.list.viewport(), LEFT, pos=spot)
    assert list(window.scene.selection) == ["by_country"]


def test_a_start_by_hand_asks_for_its_parameters(window: Window, qtbot: QtBot, workspace: Callable[[str], Path]) -> None:
    load(window, workspace("examples") / "flows" / "trigger-manual.yaml")
    QTest.keyClick(window, Qt.Key.Key_F5)
    form = window.findChild(QDialog, "parameters")
    assert form is not None and form.isVisible() and not window.runner.running
    assert any(label.text() == "Which month shall be reported?" for label in form.findChildren(QLabel))
    line = form.findChild(QLineEdit)
    assert line is not None and line.text() == "2024-01"
    line.selectAll()
    QTest.keyClicks(line, "2026-11")
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(line, Qt.Key.Key_Return)
    assert "Started for 2026-11" in window.log.toPlainText()


def test_a_run_waits_for_what_it_cannot_do_without(window: Window, qtbot: QtBot, workspace: Callable[[str], Path]) -> None:
    flow = workspace("examples") / "flows" / "trigger-manual.yaml"
    flow.write_text(flow.read_text().replace('default: "2024-01"', "required: true"))
    load(window, flow)
    QTest.keyClick(window, Qt.Key.Key_F5)
    form = window.findChild(QDialog, "parameters")
    assert form is not None
    start = form.findChildren(QDialogButtonBox)[0].buttons()[0]
    assert not start.isEnabled()
    line = form.findChild(QLineEdit)
    QTest.keyClicks(line, "2026-10")
    assert start.isEnabled()
    QTest.keyClick(form, Qt.Key.Key_Escape)
    assert not window.runner.running and set(states(window).values()) == {"ready"}
