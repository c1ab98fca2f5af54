"""The form of the flow, shown while no node is selected: title, id, tags, keys, limits and parameters, each an edit with a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Limits, Node, Parameter, Ref
from tisserand.model.problem import Place, Problem
from tisserand.texts import msg
from tisserand.ui.panels.composite import ListEditor, MapEditor
from tisserand.ui.panels.editors import LineEditor
from tisserand.ui.panels.flowform import FlowForm
from tisserand.ui.panels.parameters import ParameterForm, misfit
from tisserand.ui.panels.parts import Parts
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton


def two(window: Window) -> None:
    nodes = {
        "a": Node("a", "file.read_csv", config={"path": "{{ start }}/x.csv"}),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}, config={"where": "x > $start and y > $started"}),
    }
    parameters = {"start": Parameter("start", "integer", 3)}
    window.document.show(Flow("t", nodes=nodes, parameters=parameters, layout={"a": (0, 0), "b": (300, 0)}))
    QApplication.processEvents()


def form(window: Window) -> FlowForm:
    found = window.inspector.flow_form
    assert found is not None
    return found


def line(parts: Parts, name: str) -> QLineEdit:
    editor = parts.parts[name].editor
    assert isinstance(editor, LineEditor)
    return editor.line


def write(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def choose(combo: QComboBox, words: str) -> None:
    """By the keyboard, as the closed box takes it."""
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home)
    for _step in range(combo.count()):
        if combo.currentText() == words:
            break
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert combo.currentText() == words


def opened(window: Window, number: int = 0) -> ParameterForm:
    block = form(window).blocks[number]
    if not block.head.isChecked():
        window.inspector.area.ensureWidgetVisible(block.head)
        QTest.mouseClick(block.head, LEFT)
    assert block.form is not None
    return block.form


def test_typing_a_title_is_one_step_with_a_name(window: Window) -> None:
    two(window)
    write(line(form(window), "title"), "Late flights")
    write(line(form(window), "summary"), "Which ones.")
    assert (window.document.flow.title, window.document.flow.summary) == ("Late flights", "Which ones.")
    assert window.heading.text().startswith("Late flights")
    assert "summary" in window.actions_["undo"].text()
    window.actions_["undo"].trigger()
    assert (window.document.flow.title, window.document.flow.summary) == ("Late flights", "")
    window.actions_["undo"].trigger()
    assert window.document.flow.title == "" and line(form(window), "title").text() == ""
    assert window.document.undo_name is None


def test_owner_and_tags(window: Window) -> None:
    two(window)
    write(line(form(window), "owner"), "ops")
    tags = form(window).parts["tags"].editor
    assert isinstance(tags, ListEditor)
    for word in ("weekly", "flights"):
        QTest.mouseClick(tags.add, LEFT)
        QTest.keyClicks(QApplication.focusWidget(), word)
    data = yaml.safe_load(window.document.text())
    assert data["owner"] == "ops" and data["tags"] == ["weekly", "flights"]


def test_what_does_not_fit_is_told_and_not_written(window: Window) -> None:
    two(window)
    memory = line(form(window), "memory")
    wrong = form(window).parts["memory"].wrong
    write(memory, "512")
    assert window.document.flow.limits == Limits() and not wrong.isHidden() and "KB" in wrong.text()
    assert window.document.is_saved
    # Something else changes: the text stays for the person to complete.
    window.document.move({"a": (8, 8)})
    assert memory.text() == "512"
    QTest.keyClicks(memory, "MB")
    assert window.document.flow.limits == Limits(memory="512MB") and wrong.isHidden()
    write(line(form(window), "timeout"), "30min")
    overlap = form(window).parts["overlap"].editor.findChild(QComboBox)
    assert overlap is not None
    choose(overlap, "Let the new one wait")
    assert yaml.safe_load(window.document.text())["limits"] == {"memory": "512MB", "timeout": "30min", "overlap": "queue"}
    memory.setFocus()
    memory.selectAll()
    QTest.keyClick(memory, Qt.Key.Key_Delete)
    assert window.document.flow.limits == Limits(timeout="30min", overlap="queue")


def test_the_id_is_chosen_until_the_flow_is_saved(window: Window, tmp_path: Path) -> None:
    two(window)
    id, wrong = line(form(window), "id"), form(window).parts["id"].wrong
    write(id, "Late Flights")
    assert not wrong.isHidden()
    QTest.keyClick(id, Qt.Key.Key_Return)
    assert window.document.flow.id == "t"
    write(id, "late-flights")
    assert window.document.flow.id == "t" and wrong.isHidden()
    QTest.keyClick(id, Qt.Key.Key_Return)
    assert window.document.flow.id == "late-flights"
    assert form(window)._why.isHidden() and not id.isReadOnly()
    assert window.desk.disk.write(tmp_path / "other.yaml")
    assert id.isReadOnly() and not form(window)._why.isHidden() and "runs" in form(window)._why.text()
    write(id, "x")
    QTest.keyClick(id, Qt.Key.Key_Return)
    assert window.document.flow.id == "late-flights"


def saved_as(window: Window, path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name that the dialog proposed."""
    asked: list[str] = []

    def answer(_parent: object, _title: str, start: str, _filter: str) -> tuple[str, str]:
        asked.append(start)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    return Path(asked[0]).name


def test_a_first_save_gives_the_flow_its_id(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.document.put("table.sort", (0, 0))
    write(line(form_of_nothing(window), "title"), "Cafe orders")
    assert saved_as(window, tmp_path / "cafe-orders.yaml", monkeypatch) == "cafe-orders.yaml"
    assert yaml.safe_load((tmp_path / "cafe-orders.yaml").read_text())["id"] == "cafe-orders"
    assert window.document.is_saved and window.document.flow.id == "cafe-orders"
    # It is no step of its own: undo takes back what the person did, and the flow keeps its id.
    window.actions_["undo"].trigger()
    window.actions_["undo"].trigger()
    assert window.document.undo_name is None
    assert window.document.flow.id == "cafe-orders" and not window.document.flow.nodes
    window.actions_["redo"].trigger()
    window.actions_["redo"].trigger()
    assert window.document.is_saved


def form_of_nothing(window: Window) -> FlowForm:
    window.scene.select([])
    QApplication.processEvents()
    return form(window)


@pytest.mark.parametrize(
    ("title", "file", "id"),
    [
        ("Cafe", "x.yaml", "x"),
        ("Cafe", "日本.yaml", "cafe"),
        ("", "untitled.yaml", "flow"),
        ("Taken", "taken.yml.yaml", "taken-yml"),
        ("", "2024 orders.yaml", "flow"),
        ("", "busy.yaml", "busy-2"),
    ],
)
def test_ids_from_words(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str, file: str, id: str) -> None:
    (tmp_path / "another.yaml").write_text("tisserand: 1\nid: busy\n")
    window.document.put("table.sort", (0, 0))
    if title:
        write(line(form_of_nothing(window), "title"), title)
    saved_as(window, tmp_path / file, monkeypatch)
    assert yaml.safe_load((tmp_path / file).read_text())["id"] == id


def test_a_file_that_cannot_be_written_gives_no_id(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.document.put("table.sort", (0, 0))
    (tmp_path / "file").write_text("")
    saved_as(window, tmp_path / "file" / "x.yaml", monkeypatch)
    assert window.document.flow.id == "untitled" and window.notice.isVisible()


def test_a_parameter_from_nothing(window: Window) -> None:
    two(window)
    QTest.mouseClick(form(window).add, LEFT)
    made = opened(window, 1)
    assert QApplication.focusWidget() is line(made, "name")
    QTest.keyClicks(QApplication.focusWidget(), "least")
    QTest.keyClick(line(made, "name"), Qt.Key.Key_Return)
    kind = made.parts["type"].editor.findChild(QComboBox)
    assert kind is not None
    choose(kind, "Whole number")
    write(line(made, "default"), "15")
    write(line(made, "minimum"), "20")
    # The default would lie outside: told where it was typed, and the flow stays valid.
    assert window.document.flow.parameters["least"].minimum == 2 and "20" in made.parts["minimum"].wrong.text()
    write(line(made, "minimum"), "1")
    write(line(made, "title"), "Smallest delay counted")
    write(line(made, "unit"), "min")
    write(line(made, "help"), "Shorter ones do not count.")
    box = made.parts["required"].editor.focusProxy()
    assert box is not None
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    found = yaml.safe_load(window.document.text())["parameters"]
    assert list(found) == ["start", "least"]
    assert found["least"] == {
        "type": "integer",
        "default": 15,
        "required": True,
        "title": "Smallest delay counted",
        "help": "Shorter ones do not count.",
        "unit": "min",
        "minimum": 1,
    }


def test_a_choice_and_its_default(window: Window) -> None:
    two(window)
    made = opened(window)
    kind = made.parts["type"].editor.findChild(QComboBox)
    assert kind is not None
    choose(kind, "One of several")
    choices = made.parts["choices"].editor
    assert isinstance(choices, ListEditor) and not choices.isHidden()
    for word in ("no", "5", "05"):
        QTest.mouseClick(choices.add, LEFT)
        QTest.keyClicks(QApplication.focusWidget(), word)
    assert window.document.flow.parameters["start"].choices == ("no", 5, "05")
    assert window.document.flow.parameters["start"].default is None
    write(line(made, "default"), "7")
    assert window.document.flow.parameters["start"].default is None and not made.parts["default"].wrong.isHidden()
    write(line(made, "default"), "5")
    assert window.document.flow.parameters["start"].default == 5
    again = yaml.safe_load(window.document.text())["parameters"]["start"]
    assert again == {"type": "choice", "default": 5, "choices": ["no", 5, "05"]}


def test_another_type_takes_what_does_not_fit_along(window: Window) -> None:
    two(window)
    made = opened(window)
    kind = made.parts["type"].editor.findChild(QComboBox)
    assert kind is not None
    choose(kind, "Date")
    assert window.document.flow.parameters["start"] == Parameter("start", "date")
    write(line(made, "default"), "2024-02-30")
    assert window.document.flow.parameters["start"].default != "2024-02-30"
    write(line(made, "default"), "2024-02-29")
    assert window.document.flow.parameters["start"].default == "2024-02-29"
    window.actions_["undo"].trigger()
    assert window.document.flow.parameters["start"].default is None
    while window.document.undo_name is not None:
        window.actions_["undo"].trigger()
    assert window.document.flow.parameters["start"] == Parameter("start", "integer", 3)
    assert line(made, "default").text() == "3"


def test_a_renamed_parameter_is_followed_in_one_step(window: Window) -> None:
    two(window)
    made = opened(window)
    name = line(made, "name")
    write(name, "Begin")
    assert not made.parts["name"].wrong.isHidden()
    write(name, "begin")
    QTest.keyClick(name, Qt.Key.Key_Return)
    flow = window.document.flow
    assert list(flow.parameters) == ["begin"]
    assert flow.nodes["b"].config["where"] == "x > $begin and y > $started"
    assert flow.nodes["a"].config["path"] == "{{ begin }}/x.csv"
    # The form stands where it stood.
    assert form(window).blocks[0].form is made and form(window).blocks[0].head.text().startswith("begin")
    write(line(made, "title"), "First")
    assert window.document.flow.parameters["begin"].title == "First"
    window.actions_["undo"].trigger()
    window.actions_["undo"].trigger()
    assert window.document.flow.parameters == {"start": Parameter("start", "integer", 3)}
    assert window.document.flow.nodes["b"].config["where"] == "x > $start and y > $started"
    assert form(window).blocks[0].head.text().startswith("start")


def test_a_name_that_is_taken_is_told(window: Window) -> None:
    two(window)
    QTest.mouseClick(form(window).add, LEFT)
    made = opened(window, 1)
    write(line(made, "name"), "start")
    QTest.keyClick(line(made, "name"), Qt.Key.Key_Return)
    assert "taken" in made.parts["name"].wrong.text() and list(window.document.flow.parameters) == ["start", "parameter"]


def test_a_parameter_goes_and_comes_back(window: Window) -> None:
    two(window)
    QTest.mouseClick(form(window).blocks[0].remove, LEFT)
    assert not window.document.flow.parameters and not form(window).blocks
    window.actions_["undo"].trigger()
    assert list(window.document.flow.parameters) == ["start"] and len(form(window).blocks) == 1


def test_business_keys_offer_the_columns_that_there_are(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: bool(window.desk.findings.schemas), timeout=30_000)
    keys = form_of_nothing(window).parts["keys"].editor
    assert isinstance(keys, MapEditor)
    QTest.mouseClick(keys.add, LEFT)
    QTest.keyClicks(QApplication.focusWidget(), "order")
    wrong = form(window).parts["keys"].wrong
    assert not wrong.isHidden() and not window.document.flow.keys
    combo = keys.rows[0].findChild(QComboBox)
    assert combo is not None
    combo.showPopup()
    offered = [combo.itemText(index) for index in range(combo.count())]
    combo.hidePopup()
    assert "paid.order_id" in offered
    edit = combo.lineEdit()
    assert edit is not None
    edit.setFocus()
    QTest.keyClicks(edit, "paid.order_id")
    assert yaml.safe_load(window.document.text())["keys"] == {"order": "paid.order_id"} and wrong.isHidden()


def test_the_form_stays_with_its_flow(window: Window) -> None:
    two(window)
    write(line(form(window), "memory"), "512")
    before = form(window)
    window.desk.sheets.add()
    assert line(form(window), "memory").text() == "" and line(form(window), "title").text() == ""
    window.desk.sheets.show(0)
    assert form(window).parts["memory"].wrong.isHidden() and line(form(window), "id").text() == "t"
    window.scene.select(["a"])
    assert window.inspector.flow_form is None
    window.scene.select(["a", "b"])
    assert window.inspector.flow_form is None
    window.scene.select([])
    assert form(window) is not before


def test_a_name_half_typed_is_dropped_with_its_form(window: Window) -> None:
    two(window)
    write(line(form(window), "id"), "half")
    window.scene.select(["a"])
    QApplication.processEvents()
    assert window.document.flow.id == "t"


def test_a_text_that_is_no_flow_has_no_form(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("tisserand: 1\nid: x\nnodes: [")
    window.desk.load(path)
    qtbot.waitUntil(lambda: window.document.source is not None, timeout=10_000)
    assert window.inspector.flow_form is None


def test_the_form_follows_the_colours(window: Window) -> None:
    two(window)
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    before = form(window).add.icon().pixmap(16).toImage()
    try:
        theme().apply(made, "dark")
        assert form(window).add.icon().pixmap(16).toImage() != before
    finally:
        theme().apply(made, "light")


def test_the_title_is_at_hand_for_the_keyboard(window: Window) -> None:
    two(window)
    window.scene.select([])
    window.desk.show_settings()
    assert QApplication.focusWidget() is line(form(window), "title")


@pytest.mark.parametrize(("field", "name"), [("limits.memory", "memory"), ("keys.order", "keys"), ("id", "id")])
def test_a_problem_of_the_flow_leads_to_its_field(window: Window, field: str, name: str) -> None:
    two(window)
    window.scene.select(["a"])
    window.desk.go_to(Problem("flow.odd", msg("Odd."), None, Place(flow="t", field=field)))
    assert form(window).parts[name].holder.isAncestorOf(QApplication.focusWidget())


def test_a_problem_of_a_parameter_leads_into_its_block(window: Window) -> None:
    two(window)
    window.scene.select(["a"])
    window.desk.go_to(Problem("parameter.type", msg("Odd."), None, Place(flow="t", field="parameters.start")))
    assert form(window).blocks[0].head.isChecked()
    assert QApplication.focusWidget() is line(opened(window), "default")


@pytest.mark.parametrize(
    ("type", "default", "fits"),
    [
        ("integer", 1, True),
        ("integer", True, False),
        ("integer", 1.5, False),
        ("number", 1, True),
        ("number", float("inf"), False),
        ("boolean", False, True),
        ("boolean", "yes", False),
        ("timestamp", "2024-02-29T10:00", True),
        ("timestamp", "noon", False),
        ("text", 5, False),
        ("file", "a.csv", True),
        ("choice", 5, True),
    ],
)
def test_which_defaults_fit(type: Any, default: Any, fits: bool) -> None:
    assert (misfit(Parameter("p", type, default)) is None) is fits
