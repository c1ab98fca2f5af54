"""A field that takes any value holds what was typed: numbers, truths, lists, and texts that only look like one."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tisserand.sdk.form import FormField
from tisserand.ui.panels.editors import UNSET, FormContext, LineEditor

TYPED = [
    ("12", 12), ("-0.5", -0.5), ("1e3", 1000.0), ("true", True), ("false", False), ("[1, two]", [1, "two"]), ("{a: 1}", {"a": 1}),
    # As a flow file has them, not as YAML 1.1 would.
    ("yes", "yes"), ("on", "on"), ("007", "007"), ("012", "012"), ("12:30", "12:30"), ("1_000", "1_000"), ("2024-13-01", "2024-13-01"),
    ("2024-02-30 10:00:00", "2024-02-30 10:00:00"), ("null", "null"), ("~", "~"),
    # What only looks like YAML is a text.
    ("a #b", "a #b"), ("a: b", "a: b"), ("&a [*a]", "&a [*a]"), ("!!int x", "!!int x"), ("!!timestamp x", "!!timestamp x"),
    ("0x_", "0x_"), ("[1, 2", "[1, 2"), ("- a", "- a"), ("'quoted'", "quoted"), ('"true"', "true"), ("%", "%"), ("@x", "@x"),
]  # fmt: skip


def editor(qapp: QApplication) -> LineEditor:
    return LineEditor(FormField("value", "Value", widget="any", required=True), FormContext())


@pytest.mark.parametrize(("text", "value"), TYPED)
def test_what_is_typed_is_meant(qapp: QApplication, text: str, value: object) -> None:
    made = editor(qapp)
    told: list[object] = []
    made.edited.connect(told.append)
    QTest.keyClicks(made.line, text)
    assert told and repr(told[-1]) == repr(value) and made.line.text() == text


@pytest.mark.parametrize(
    "value", ["true", "12", "1.5", "[a]", "{a", "yes", "007", "plain", "'", '"x"', " space ", 12, True, [1, "two"]]
)
def test_what_is_shown_is_read_as_the_same(qapp: QApplication, value: object) -> None:
    made, other = editor(qapp), editor(qapp)
    made.show_value(value)
    told: list[object] = []
    other.edited.connect(told.append)
    other.line.setText(made.line.text()[:-1])
    QTest.keyClicks(other.line, made.line.text()[-1])
    assert repr(told[-1]) == repr(value) or (isinstance(value, str) and told[-1] == value.strip())


def test_five_thousand_digits_are_a_text(qapp: QApplication) -> None:
    made = editor(qapp)
    made.show_value(UNSET)
    made.line.setMaxLength(6000)
    made.line.setText("9" * 4999)
    told: list[object] = []
    made.edited.connect(told.append)
    QTest.keyClicks(made.line, "9")
    assert told == ["9" * 5000]
