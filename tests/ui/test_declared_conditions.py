"""Conditions that a node declares are built from comparisons wherever they stand; a formula in the node at large lives on its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node
from tisserand.sdk import Condition, Config, Formula
from tisserand.sdk.form import form_of
from tisserand.ui.nodeview import NodeView
from tisserand.ui.panels.composite import ListEditor, make_editor
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.panels.editors import FormContext
from tisserand.ui.panels.formula import FormulaEditor
from tisserand.ui.window import Window

LONG = 60_000
LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier


class Rule(Config):
    must: Condition
    where: Formula


class Thing(Config):
    keep: Condition
    where: Formula
    value: Formula
    when: str = ""
    rules: tuple[Rule, ...] = ()


def test_a_condition_is_declared_or_has_the_name_of_one(qtbot: QtBot) -> None:
    context = FormContext()
    made = {field.name: make_editor(field, context) for field in form_of(Thing)}
    rules = made["rules"]
    assert isinstance(rules, ListEditor)
    for editor in made.values():
        qtbot.addWidget(editor)
        editor.show()
    assert isinstance(made["keep"], ConditionEditor) and isinstance(made["where"], ConditionEditor)
    assert isinstance(made["value"], FormulaEditor) and not isinstance(made["when"], ConditionEditor)
    QTest.mouseClick(rules.add, LEFT)
    assert [each.asked.name for each in rules.findChildren(ConditionEditor)] == ["must"]


def test_a_condition_reads_and_documents_as_a_formula() -> None:
    made = Thing.model_validate({"keep": "a > 1", "where": "b", "value": "c"})
    assert isinstance(made.keep, Formula) and isinstance(made.keep, Condition)
    properties = Thing.model_json_schema()["properties"]
    assert properties["keep"]["format"] == properties["value"]["format"] == "formula"
    with pytest.raises(ValueError, match="empty"):
        Thing.model_validate({"keep": " ", "where": "b", "value": "c"})


def test_a_rule_is_built_from_comparisons(window: Window) -> None:
    rules = [{"where": "amount > 100", "message": "Too small"}]
    window.document.show(Flow("t", nodes={"n": Node("n", "table.validate", config={"rules": rules})}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    window.activateWindow()
    QApplication.processEvents()
    found = window.inspector._fields["rules"][0].findChild(ConditionEditor)
    assert found is not None
    QTest.mouseClick(found.toggle, LEFT)
    QApplication.processEvents()
    row = found.rows[0]
    assert (row.column.currentText(), row.comparison.currentData(), row.value.text()) == ("amount", ">", "100")
    row.value.setFocus()
    row.value.selectAll()
    QTest.keyClicks(row.value, "250")
    assert window.document.flow.nodes["n"].config["rules"] == [{"where": "amount > 250", "message": "Too small"}]
    assert row.isVisible() and found.rows == [row]
    QTest.keyClick(row.value, Qt.Key.Key_Z, CTRL)
    assert window.document.flow.nodes["n"].config["rules"] == rules and found.rows[0].value.text() == "100"


@pytest.mark.parametrize(("method", "shown"), [("partial", "show"), ("redact", "text"), ("hash", "salt")])
def test_inside_an_entry_a_setting_shows_only_while_it_counts(window: Window, method: str, shown: str) -> None:
    entry: dict[str, Any] = {"column": "name", "method": method}
    (field,) = (name for name, info in _mask().items() if "tuple" in str(info.annotation))
    window.document.show(Flow("t", nodes={"n": Node("n", "table.mask", config={field: [entry]})}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    QApplication.processEvents()
    editor = window.inspector._fields[field][0]
    labels = [label.text().removesuffix(" *") for label in editor.findChildren(QLabel) if label.isVisibleTo(editor)]
    asked = editor.asked.item
    assert asked is not None
    titles = {part.name: part.title for part in asked.fields}
    assert titles[shown] in labels
    assert not {titles[other] for other in ("show", "text", "salt") if other != shown} & set(labels)


def _mask() -> dict[str, Any]:
    from tisserand.sdk.registry import registry

    return dict(next(found.node for found in registry() if found.kind == "table.mask").Config.model_fields)


# -- the node at large -------------------------------------------------------------------------------------------------
@pytest.fixture
def large(window: Window, demo: Path, qtbot: QtBot) -> NodeView:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.scene.select(["paid"])
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Return, CTRL)
    found = window.findChild(QDialog, "nodeview")
    assert isinstance(found, NodeView)
    found.activateWindow()
    return found


def formula(view: NodeView) -> FormulaEditor:
    editor = view.inspector._fields["where"][0]
    assert isinstance(editor, ConditionEditor)
    return editor.formula


def test_a_formula_at_large_lives_on_the_rows_of_its_own_node(window: Window, large: NodeView, qtbot: QtBot) -> None:
    # Meanwhile another card is selected, to which other rows arrive (those worth 100 or more).
    window.scene.select(["named"])
    editor = formula(large)
    editor.text.setFocus()
    QTest.keyClick(editor.text, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(editor.text, "amount * 2")
    # (i * 37) % 900 + 0.5 for i = 0, 1, 2 …; the fourth is missing.
    qtbot.waitUntil(lambda: "→" in editor.result.text(), timeout=LONG)
    assert editor.result.text().endswith("1.0, 75.0, 149.0, null, 297.0")
    large.close()


def test_escape_closes_the_offers_and_not_the_dialog(large: NodeView) -> None:
    text = formula(large).text
    text.setFocus()
    QTest.keyClick(text, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(text, "am")
    assert text.offers.isVisible()
    QTest.keyClick(text, Qt.Key.Key_Escape)
    assert not text.offers.isVisible() and large.isVisible() and text.hasFocus()
    QTest.keyClick(text, Qt.Key.Key_Escape)
    assert not large.isVisible()


def test_undo_reaches_into_the_node_at_large(window: Window, large: NodeView) -> None:
    text = formula(large).text
    text.setFocus()
    QTest.keyClick(text, Qt.Key.Key_End, CTRL)
    QTest.keyClicks(text, "7")
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 1007"
    QTest.keyClick(text, Qt.Key.Key_Z, CTRL)
    assert window.document.flow.nodes["paid"].config["where"] == text.toPlainText() == "amount >= 100"
    # The form beside the canvas follows as well.
    assert window.inspector._fields["where"][0].formula.text.toPlainText() == "amount >= 100"  # type: ignore[attr-defined]
    QTest.keyClick(text, Qt.Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert text.toPlainText() == "amount >= 1007"
    large.close()
