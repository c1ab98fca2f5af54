"""The form of every node type there is: each setting has an editor that shows what its declaration says and tells what is typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QFileDialog, QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node
from tisserand.sdk.form import FormField, form_of
from tisserand.sdk.registry import registry
from tisserand.ui.panels.composite import GroupEditor, ListEditor, MapEditor, UnionEditor, make_editor
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.panels.editors import UNSET, ChoiceEditor, CodeEditor, Editor, FormContext, LineEditor, PickEditor, SwitchEditor
from tisserand.ui.panels.formula import FormulaEditor
from tisserand.ui.panels.mapping import ColumnsEditor
from tisserand.ui.panels.secret import SecretEditor
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
NODES = {found.kind: found.node for found in registry()}
KINDS = sorted(NODES)
EDITORS: dict[str, tuple[type[Editor], ...]] = {
    "boolean": (SwitchEditor,),
    "choice": (ChoiceEditor,),
    "sql": (CodeEditor,),
    "python": (CodeEditor,),
    "formula": (FormulaEditor, ConditionEditor),
    "list": (ListEditor, ColumnsEditor),
    "map": (MapEditor,),
    "group": (GroupEditor,),
    "union": (UnionEditor,),
    "connection": (PickEditor,),
    "secret": (SecretEditor,),
}


def deep(fields: tuple[FormField, ...]) -> Iterator[FormField]:
    """All fields of a form, those inside others as well."""
    for field in fields:
        yield field
        inner = tuple(each for each in (field.key, field.item) if each is not None)
        yield from deep((*field.fields, *field.branches, *inner))


def opened(window: Window, kind: str, config: dict[str, Any] | None = None) -> dict[str, tuple[Editor, QWidget, QLabel]]:
    window.document.show(Flow("t", nodes={"n": Node("n", kind, config=config or {})}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    window.activateWindow()
    if window.inspector._more_button is not None:
        QTest.mouseClick(window.inspector._more_button, LEFT)
    QApplication.processEvents()
    return window.inspector._fields


def test_there_are_all_kinds() -> None:
    assert len(KINDS) > 30 and {"table.select", "file.read_csv", "sql.write", "trigger.folder"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_has_its_editor_and_label(window: Window, kind: str) -> None:
    fields = opened(window, kind)
    declared = NODES[kind].Config.model_fields
    assert list(fields) == list(declared)
    for name, (editor, holder, _wrong) in fields.items():
        assert isinstance(editor, EDITORS.get(editor.asked.widget, (LineEditor, PickEditor))), name
        said = [label.text() for label in holder.findChildren(QLabel)] + [box.text() for box in holder.findChildren(QCheckBox)]
        title = declared[name].title or name.replace("_", " ").capitalize()
        assert any(text.removesuffix(" *") == title for text in said), (name, said)
        if declared[name].is_required() and editor.asked.widget != "boolean":
            assert f"{title} *" in said, name
        if editor.asked.unit is not None:
            unit = next(label for label in holder.findChildren(QLabel) if label.text() == editor.asked.unit)
            assert unit.isVisibleTo(holder), name
    assert dict(window.document.flow.nodes["n"].config) == {}


CONDITIONAL = [
    (kind, field) for kind in KINDS for field in form_of(NODES[kind].Config) if field.when is not None
]  # fmt: skip


def test_some_settings_count_only_sometimes() -> None:
    assert len(CONDITIONAL) > 5


@pytest.mark.parametrize(("kind", "field"), CONDITIONAL, ids=[f"{kind}.{field.name}" for kind, field in CONDITIONAL])
def test_a_setting_shows_only_while_it_counts(window: Window, kind: str, field: FormField) -> None:
    assert field.when is not None
    fields = opened(window, kind)
    holder = fields[field.name][1]
    page = window.inspector.area.widget()
    declared = {each.name: each for each in form_of(NODES[kind].Config)}
    for other, allowed in field.when.conditions.items():
        window.document.set_config("n", other, allowed[0], unset=allowed[0] is None)
    assert holder.isVisibleTo(page)
    for other, allowed in field.when.conditions.items():
        asked = declared[other]
        free = [each for each in (*asked.choices, True, False, "5min", None) if each not in allowed]
        unfit = next(each for each in free if not asked.choices or each in asked.choices)
        window.document.set_config("n", other, unfit)
        assert not holder.isVisibleTo(page), (other, unfit)
        window.document.set_config("n", other, allowed[0], unset=allowed[0] is None)
        assert holder.isVisibleTo(page)


def test_by_keys_a_choice_brings_the_settings_that_belong_to_it(window: Window) -> None:
    fields = opened(window, "mail.send")
    page, combo = window.inspector.area.widget(), fields["rows"][0].combo  # type: ignore[attr-defined]
    assert not fields["max_rows"][1].isVisibleTo(page)
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert window.document.flow.nodes["n"].config == {"rows": "table"}
    assert fields["max_rows"][1].isVisibleTo(page) and not fields["file_name"][1].isVisibleTo(page)
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert fields["file_name"][1].isVisibleTo(page)


BOUNDED = [
    (kind, field.name, value)
    for kind in KINDS
    for field in form_of(NODES[kind].Config)
    for value in (
        *([field.minimum - 1] if field.minimum is not None else []),
        *([field.maximum + 1] if field.maximum is not None else []),
    )
    if field.widget in ("integer", "number") and field.when is None
]


def test_some_numbers_have_bounds() -> None:
    assert ("flow.log", "rows", -1) in BOUNDED and ("flow.log", "rows", 1001) in BOUNDED


@pytest.mark.parametrize(("kind", "name", "value"), BOUNDED, ids=str)
def test_a_number_out_of_bounds_is_marked(window: Window, kind: str, name: str, value: float) -> None:
    editor, _holder, wrong = opened(window, kind)[name]
    assert isinstance(editor, LineEditor)
    before = wrong.text()  # a setting that is missing is told
    editor.line.setFocus()
    editor.line.selectAll()
    QTest.keyClicks(editor.line, f"{value:g}")
    assert window.document.flow.nodes["n"].config[name] == value
    assert wrong.text() not in ("", before) and editor.line.property("wrong") is True
    window.actions_["undo"].trigger()
    assert wrong.text() == before and editor.line.property("wrong") is bool(before)


PATHS = [
    (kind, field.name, field.widget)
    for kind in KINDS
    for field in form_of(NODES[kind].Config)
    if field.widget in ("file", "folder", "target")
]


@pytest.mark.parametrize(("kind", "name", "widget"), PATHS, ids=str)
def test_a_path_is_chosen_relative_to_the_workspace(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, widget: str
) -> None:
    asked: list[str] = []
    chosen = tmp_path / "data" / "some file.x"

    def answer(which: str, result: Any) -> None:
        monkeypatch.setattr(
            QFileDialog, which, lambda _parent, _title, start, *_more: (asked.append(f"{which} {start}"), result)[1]
        )

    answer("getExistingDirectory", str(chosen))
    answer("getSaveFileName", (str(chosen), ""))
    answer("getOpenFileName", (str(chosen), ""))
    fields = opened(window, kind)
    window.inspector.context.workspace = tmp_path
    button = fields[name][0].findChild(QToolButton)
    assert button is not None and button.accessibleName() == "Choose a file"
    QTest.mouseClick(button, LEFT)
    dialog = {"folder": "getExistingDirectory", "target": "getSaveFileName", "file": "getOpenFileName"}[widget]
    assert asked == [f"{dialog} {tmp_path}"]
    assert window.document.flow.nodes["n"].config == {name: "data/some file.x"}
    # Outside the workspace it is the whole path; a dialog that is called off changes nothing.
    chosen = tmp_path.parent / "elsewhere.x"
    answer("getExistingDirectory", str(chosen))
    answer("getSaveFileName", (str(chosen), ""))
    answer("getOpenFileName", (str(chosen), ""))
    QTest.mouseClick(button, LEFT)
    assert window.document.flow.nodes["n"].config == {name: chosen.as_posix()}
    for which, nothing in (("getExistingDirectory", ""), ("getSaveFileName", ("", "")), ("getOpenFileName", ("", ""))):
        answer(which, nothing)
    QTest.mouseClick(button, LEFT)
    assert window.document.flow.nodes["n"].config == {name: chosen.as_posix()}


# -- each editor by itself, also those that stand inside lists, mappings and groups -------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_every_editor_tells_what_hands_do(qtbot: QtBot, kind: str) -> None:
    context = FormContext(columns=lambda _port: (("day", "date"), ("amount", "float64")))
    for asked in deep(form_of(NODES[kind].Config)):
        editor = make_editor(asked, context, inside=True)
        qtbot.addWidget(editor)
        told: list[Any] = []
        editor.edited.connect(told.append)
        editor.show_value(UNSET)
        editor.show()
        assert told == [], asked.name
        if isinstance(editor, ChoiceEditor):
            chooses(editor, told)
        elif isinstance(editor, SwitchEditor):
            switches(editor, told)
        elif isinstance(editor, LineEditor):
            writes(editor, told)
        elif isinstance(editor, PickEditor):
            picks(editor, told)
        elif isinstance(editor, ListEditor):
            grows(editor, told)
        elif isinstance(editor, MapEditor):
            names(editor, told)
        elif isinstance(editor, UnionEditor):
            turns(editor)


def chooses(editor: ChoiceEditor, told: list[Any]) -> None:
    """Every value is offered, by its word where it has one, and Home and Down reach them all."""
    asked, combo = editor.asked, editor.combo
    words = dict(asked.words)
    optional = asked.default is None and not asked.required
    wanted = [*([None] if optional else []), *asked.choices]
    assert [combo.itemData(index) for index in range(combo.count())] == wanted
    texts = [combo.itemText(index) for index in range(combo.count())][1 if optional else 0 :]
    assert texts == [words.get(str(choice), str(choice)) or "(none)" for choice in asked.choices] and all(texts)
    assert set(words) <= {str(choice) for choice in asked.choices}
    if not asked.required:
        assert combo.currentData() == asked.default
    combo.setFocus()
    reached = []
    QTest.keyClick(combo, Qt.Key.Key_Home)
    for _step in wanted:
        reached.append(combo.currentData())
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert reached == wanted
    values = [asked.default if each is UNSET else each for each in told]
    assert set(values) <= set(wanted) and (len(wanted) == 1 or values[-1] == wanted[-1]), asked.name


def switches(editor: SwitchEditor, told: list[Any]) -> None:
    before = editor.box.isChecked()
    assert before is bool(editor.asked.default)
    for _click in range(2):
        QTest.mouseClick(editor.box, LEFT, pos=QPoint(9, editor.box.height() // 2))
    values = [editor.asked.default if each is UNSET else each for each in told]
    assert values == [not before, before], editor.asked.name


def writes(editor: LineEditor, told: list[Any]) -> None:
    asked = editor.asked
    if asked.unit is not None:
        assert any(label.text() == asked.unit for label in editor.findChildren(QLabel)), asked.name
    editor.line.setFocus()
    editor.line.selectAll()
    QTest.keyClicks(editor.line, "73")
    number = asked.widget in ("integer", "number", "any")
    assert told[-1] == (73 if number else "73") and isinstance(told[-1], int) is number, asked.name
    if asked.widget == "integer":
        QTest.keyClicks(editor.line, "x")
        assert editor.line.text() == "73"
    assert bool(editor.findChildren(QToolButton)) == (asked.widget in ("file", "folder", "target"))


def picks(editor: PickEditor, told: list[Any]) -> None:
    if editor.asked.picks is not None and editor.asked.picks.what == "column":
        editor.combo.showPopup()
        assert [editor.combo.itemText(index) for index in range(editor.combo.count())] == ["day", "amount"]
        editor.combo.hidePopup()
    editor.combo.setFocus()
    line = editor.combo.lineEdit()
    assert line is not None
    line.selectAll()
    QTest.keyClicks(editor.combo, "zz")
    assert told[-1] == "zz"


def grows(editor: ListEditor, told: list[Any]) -> None:
    before = len(editor.rows)
    for _click in range(2):
        QTest.mouseClick(editor.add, LEFT)
    assert len(editor.rows) == before + 2 and len(told[-1]) == before + 2
    remove = next(each for each in editor.rows[-1].findChildren(QToolButton) if each.accessibleName() == "Remove")
    QTest.mouseClick(remove, LEFT)
    assert len(editor.rows) == before + 1 and len(told[-1]) == before + 1


def names(editor: MapEditor, told: list[Any]) -> None:
    QTest.mouseClick(editor.add, LEFT)
    field = editor._editors[-1][0].focusProxy()
    assert isinstance(field, QWidget)
    QTest.keyClicks(field, "zz")
    assert list(told[-1]) == ["zz"], editor.asked.name


def turns(editor: UnionEditor) -> None:
    combo: QComboBox = editor.combo
    assert combo.count() == len(editor.asked.branches) > 1
    texts = [combo.itemText(index) for index in range(combo.count())]
    assert all(texts) and len(set(texts)) == len(texts), (editor.asked.name, texts)
    combo.setFocus()
    for index in range(1, combo.count()):
        QTest.keyClick(combo, Qt.Key.Key_Down)
        assert editor._index == index and editor._part is not None
