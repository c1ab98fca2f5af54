"""The designer as hands use it: real mouse and key events on a real window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node, Ref
from tisserand.ui.panels.composite import ListEditor, MapEditor
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton


def at(window: Window, point: QPointF) -> QPoint:
    return window.canvas.mapFromScene(point)


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def drag(window: Window, start: QPoint, end: QPoint) -> None:
    port = window.canvas.viewport()
    QTest.mousePress(port, LEFT, pos=start)
    QTest.mouseMove(port, start + QPoint(6, 6))
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, pos=end)


def middle(window: Window, id: str) -> QPoint:
    return at(window, window.scene.cards[id].frame().center())


def two(window: Window) -> None:
    nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter")}
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0, 0), "b": (300, 0)}))
    window.canvas.fit()
    QApplication.processEvents()


def test_add_from_the_palette_by_typing_and_enter(window: Window) -> None:
    search = window.palette_panel.search
    window.actions_["add"].trigger()
    QTest.keyClicks(search, "read csv")
    QTest.keyClick(search, Qt.Key.Key_Return)
    assert [node.kind for node in window.document.flow.nodes.values()] == ["file.read_csv"]
    assert not window.welcome.isVisible()
    search.clear()
    QTest.keyClicks(search, "filter rows")
    QTest.keyClick(search, Qt.Key.Key_Return)
    nodes = window.document.flow.nodes
    assert nodes["filter"].inputs == {"table": (Ref("read_csv"),)}
    assert list(window.scene.selection) == ["filter"]


def test_wire_by_dragging_from_port_to_port(window: Window) -> None:
    two(window)
    a, b = window.scene.cards["a"], window.scene.cards["b"]
    drag(window, at(window, a.output_point("rows")), at(window, b.input_point("table")))
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("a"),)}
    assert ("a", "", "b", "table") in window.scene.wires
    # Taking the end off its port and dropping it in the open removes the wire.
    drag(window, at(window, b.input_point("table")), at(window, QPointF(240, 160)))
    assert window.document.flow.nodes["b"].inputs == {}
    assert not window.scene.wires


def test_a_circle_is_refused_with_a_sentence(window: Window) -> None:
    nodes = {"a": Node("a", "table.filter"), "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)})}
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0, 0), "b": (300, 0)}))
    window.document.connect_ports(("b", "kept"), ("a", "table"))
    assert window.document.flow.nodes["a"].inputs == {}
    assert "circle" in window.statusBar().currentMessage()


def test_move_undo_redo(window: Window) -> None:
    two(window)
    start = middle(window, "a")
    drag(window, start, start + QPoint(80, 40))
    moved = window.document.flow.layout["a"]
    assert moved != (0, 0)
    assert "Undo" in window.actions_["undo"].text() and "a" in window.actions_["undo"].text()
    window.actions_["undo"].trigger()
    assert window.document.flow.layout["a"] == (0, 0)
    assert (window.scene.cards["a"].x0, window.scene.cards["a"].y0) == (0, 0)
    window.actions_["redo"].trigger()
    assert window.document.flow.layout["a"] == moved


def test_escape_gives_up_a_drag(window: Window) -> None:
    two(window)
    port = window.canvas.viewport()
    start = middle(window, "a")
    QTest.mousePress(port, LEFT, pos=start)
    QTest.mouseMove(port, start + QPoint(50, 50))
    assert window.scene.cards["a"].x0 != 0
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)
    QTest.mouseRelease(port, LEFT, pos=start + QPoint(50, 50))
    assert window.scene.cards["a"].x0 == 0
    assert window.document.is_saved


def test_delete_and_bring_back(window: Window) -> None:
    two(window)
    window.document.connect_ports(("a", "rows"), ("b", "table"))
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=middle(window, "a"))
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert list(window.document.flow.nodes) == ["b"]
    assert list(window.scene.cards) == ["b"] and not window.scene.wires
    window.actions_["undo"].trigger()
    assert list(window.document.flow.nodes) == ["a", "b"]
    assert ("a", "", "b", "table") in window.scene.wires


def test_rubber_band_and_arrow_keys(window: Window) -> None:
    two(window)
    drag(window, at(window, QPointF(-20, -20)), at(window, QPointF(520, 90)))
    assert set(window.scene.selection) == {"a", "b"}
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=middle(window, "a"))
    QTest.keyClick(window.canvas, Qt.Key.Key_Right)
    assert list(window.scene.selection) == ["b"]
    QTest.keyClick(window.canvas, Qt.Key.Key_Backtab)
    assert list(window.scene.selection) == ["a"]


def test_zoom_keeps_the_point_under_the_pointer(window: Window) -> None:
    two(window)
    spot = QPoint(300, 200)
    before = window.canvas.mapToScene(spot)
    window.canvas.set_zoom(1.7, spot)
    after = window.canvas.mapToScene(spot)
    assert abs(before.x() - after.x()) < 1.5 and abs(before.y() - after.y()) < 1.5


def test_edit_a_field_and_undo_it_as_one_step(window: Window) -> None:
    two(window)
    window.scene.select(["b"])
    editor = window.inspector._fields["where"][0]
    text = editor.findChild(QPlainTextEdit)
    text.setFocus()
    QTest.keyClicks(text, "x > 1")
    assert window.document.flow.nodes["b"].config == {"where": "x > 1"}
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes["b"].config == {}


def test_an_error_stands_under_its_field(window: Window) -> None:
    two(window)
    window.scene.select(["b"])
    wrong = window.inspector._fields["where"][2]
    assert wrong.isVisible() and "missing" in wrong.text()
    assert window.problems.list.count() >= 1
    text = window.inspector._fields["where"][0].findChild(QPlainTextEdit)
    QTest.keyClicks(text, "true")
    assert not wrong.isVisible()


def test_a_problem_leads_to_its_field(window: Window) -> None:
    two(window)
    problem = next(p for p in window.desk.problems if p.place.node == "b")
    window.desk.go_to(problem)
    assert list(window.scene.selection) == ["b"]
    assert window.inspector._fields["where"][0].isAncestorOf(QApplication.focusWidget())


def test_lists_and_mappings_are_edited_in_place(window: Window) -> None:
    nodes = {"s": Node("s", "table.aggregate")}
    window.document.show(Flow("t", nodes=nodes, layout={"s": (0, 0)}))
    window.scene.select(["s"])
    by = window.inspector._fields["by"][0]
    assert isinstance(by, ListEditor)
    by.add.click()
    QTest.keyClicks(by.rows[0].findChild(QLineEdit), "country")
    assert window.document.flow.nodes["s"].config["by"] == ["country"]
    values = window.inspector._fields["values"][0]
    assert isinstance(values, MapEditor)
    values.add.click()
    name, formula = values.rows[0].findChild(QLineEdit), values.rows[0].findChild(QPlainTextEdit)
    QTest.keyClicks(name, "total")
    QTest.keyClicks(formula, "sum(x)")
    assert window.document.flow.nodes["s"].config["values"] == {"total": "sum(x)"}
    remove = by.rows[0].findChildren(QAbstractButton)[-1]
    remove.click()
    assert "by" not in window.document.flow.nodes["s"].config


def test_open_and_save_leave_the_bytes(window: Window, demo: Path) -> None:
    before = demo.read_bytes()
    load(window, demo)
    assert len(window.scene.cards) == 7 and len(window.scene.wires) == 6
    assert window.desk.disk.save()
    first = demo.read_bytes()
    load(window, demo)
    window.document.move({"lake": (1000, 16)})
    assert "•" in window.heading.text()
    window.document.undo()
    assert "•" not in window.heading.text()
    assert window.desk.disk.save()
    assert demo.read_bytes() == first
    assert before.count(b"\n") - 20 < first.count(b"\n")


def test_a_move_changes_one_line(window: Window, demo: Path) -> None:
    load(window, demo)
    window.desk.disk.save()
    before = demo.read_text().splitlines()
    window.document.move({"lake": (1008, 24)})
    window.desk.disk.save()
    after = demo.read_text().splitlines()
    assert [line for line in after if line not in before] == ["  lake: [1008, 24]"]


@pytest.mark.parametrize("name", ["missing.yaml", "folder"])
def test_a_file_that_cannot_be_read(window: Window, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    load(window, tmp_path / name)
    dialog = window.findChild(QDialog, "broken")
    assert dialog is not None
    dialog.accept()


def test_an_unknown_kind_keeps_its_settings(window: Window, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    text = "tisserand: 1\nid: f\nnodes:\n  odd:\n    kind: acme.weave\n    config: {depth: 3}\nlayout:\n  odd: [0, 0]\n"
    path.write_text(text)
    load(window, path)
    assert not window.scene.cards["odd"].shown.known
    window.scene.select(["odd"])
    window.document.move({"odd": (10, 10)})
    window.desk.disk.save()
    assert path.read_text() == text.replace("[0, 0]", "[10, 10]")


def test_tidy_is_one_step_and_leaves_no_overlap(window: Window, demo: Path) -> None:
    load(window, demo)
    before = dict(window.document.flow.layout)
    window.actions_["tidy"].trigger()
    frames = [card.frame() for card in window.scene.cards.values()]
    assert not any(a.intersects(b) for i, a in enumerate(frames) for b in frames[i + 1 :])
    for id, node in window.document.flow.nodes.items():
        for _port, ref in node.refs():
            assert window.document.flow.layout[ref.node][0] < window.document.flow.layout[id][0]
    window.actions_["undo"].trigger()
    assert dict(window.document.flow.layout) == before


def test_copy_and_paste(window: Window) -> None:
    two(window)
    window.document.connect_ports(("a", "rows"), ("b", "table"))
    window.scene.select(["a", "b"])
    window.actions_["copy"].trigger()
    window.actions_["paste"].trigger()
    flow = window.document.flow
    assert len(flow.nodes) == 4
    new = [id for id in flow.nodes if id not in ("a", "b")]
    assert list(window.scene.selection) == new


def test_every_action_has_a_shortcut_and_each_only_once(window: Window) -> None:
    # Ctrl+C and Ctrl+A mean cards on the canvas and cells in a table: each place has its own.
    rows = [action.shortcut().toString() for entry, action in window.actions_ if entry.data or entry.grid]
    others = [action.shortcut().toString() for entry, action in window.actions_ if not entry.data and not entry.grid]
    assert all(rows) and len(set(rows)) == len(rows)
    assert all(others) and len(set(others)) == len(others)


def test_the_shortcuts_page_finds_by_words(window: Window) -> None:
    window.actions_["shortcuts"].trigger()
    dialog = window.findChild(QDialog, "shortcuts")
    assert dialog is not None
    dialog.accept()


def test_letters_typed_in_a_field_do_not_trigger_the_canvas(window: Window) -> None:
    two(window)
    window.scene.select(["b"])
    text = window.inspector._fields["where"][0].findChild(QPlainTextEdit)
    text.setFocus()
    QTest.keyClicks(text, "fd")
    QTest.keyClick(text, Qt.Key.Key_Delete)
    assert text.toPlainText() == "fd"
    assert set(window.document.flow.nodes) == {"a", "b"}
    assert not window.document.flow.nodes["b"].disabled


def test_themes_repaint_without_a_word(window: Window, demo: Path) -> None:
    load(window, demo)
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    for mode in ("dark", "light"):
        theme().apply(made, mode)
        assert not window.grab().isNull()
    window.resize(1024, 640)
    QApplication.processEvents()
    assert window.width() == 1024 and window.height() == 640


def test_far_away_the_overview_is_painted(window: Window) -> None:
    nodes = {f"n{i}": Node(f"n{i}", "table.filter") for i in range(300)}
    layout = {f"n{i}": (float(i % 20) * 260, float(i // 20) * 100) for i in range(300)}
    window.document.show(Flow("big", nodes=nodes, layout=layout))
    window.canvas.set_zoom(0.1)
    assert not window.canvas.grab().isNull()
    assert sum(len(boxes) for boxes in window.scene.overview()[1].values()) == 300


def test_the_first_window_loads_no_engine() -> None:
    code = (
        "import sys\n"
        "from tisserand.ui.app import application, furnish\n"
        "from tisserand.ui.window import Window\n"
        "app = application(['x']); w = Window(); w.show(); app.processEvents(); furnish(w, None); app.processEvents()\n"
        "print([m for m in ('ibis', 'duckdb', 'pyarrow', 'pandas') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_data_pane_says_what_to_do(window: Window, qtbot: QtBot) -> None:
    two(window)
    window.scene.select(["a"])
    assert "F5" in window.data.said.text()
