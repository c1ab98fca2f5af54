"""Reading formulas: limits, places, and sentences instead of tracebacks for whatever text arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tisserand.model.formula.check import check
from tisserand.model.formula.syntax import parse
from tisserand.model.formula.tree import Call, Case, Column, FormulaError, Literal, walk


def test_precedence() -> None:
    tree = parse("1 + 2 * 3 = 7 AND NOT a OR b")
    assert isinstance(tree, Call)
    assert tree.name == "or"
    conjunction = tree.args[0]
    assert isinstance(conjunction, Call)
    assert [part.name for part in conjunction.args if isinstance(part, Call)] == ["=", "not"]


def test_literals_and_case() -> None:
    assert parse("'it''s'") == Literal("it's", 0)
    assert parse("-5") == Literal(-5, 1)
    assert parse("1.5e3") == Literal(1500.0, 0)
    tree = parse("CASE WHEN a THEN 1 ELSE 2 END")
    assert isinstance(tree, Case)
    assert parse('"two words"') == Column("two words", 0)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("", "The formula is empty."),
        ("a::int", "“::” at position 2 is not allowed in a formula."),
        ("1 + (SELECT 2)", "“SELECT” at position 6 is not allowed in a formula."),
        ("sum(x) OVER ()", "“OVER” at position 8 is not allowed in a formula."),
        ("a.b", "“.” at position 2 is not allowed in a formula."),
        ("a; b", "“;” at position 2 is not allowed in a formula."),
        (";", "“;” at position 1 is not allowed in a formula."),
        ("'abc", "The formula cannot be read: a quote or comment is opened and not closed."),
        ("a b", "The formula cannot be read at position 3, near “b”."),
        ("99999999999999999999", "The number 99999999999999999999 is too large."),
    ],
)
def test_sentences(formula: str, sentence: str) -> None:
    with pytest.raises(FormulaError) as error:
        parse(formula)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "formula",
    [
        "x" * 100_000,
        "(" * 500 + "1" + ")" * 500,
        "1+" * 3000 + "1",
        "1+2-" * 1500 + "1",
        "NOT " * 2000 + "a",
        "- " * 2000 + "1",
        "a = " * 2000 + "1",
        "abs(" * 400 + "1" + ")" * 400,
        "CASE WHEN a THEN " * 300 + "1" + " END" * 300,
    ],
    ids=lambda text: text[:12],
)
def test_too_long_or_too_deep_is_a_sentence(formula: str) -> None:
    with pytest.raises(FormulaError, match=r"too deeply|at most"):
        parse(formula)


def test_long_conditions_are_fine() -> None:
    text = " OR ".join(f"a = {number}" for number in range(1500))
    _, kind = check(parse(text), {"a": "integer"}, {})
    assert kind == "boolean"
    assert sum(isinstance(part, Column) for part in walk(parse(text))) == 1500


@given(st.text(alphabet="ab1.'\"()[]{}$,;:+-*/%<>=|!&^~@#?\\ \n\tANDORNOTCASEWHENSELECTénull", max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    refused: FormulaError | None = None
    try:
        parse(text)
    except FormulaError as error:
        refused = error
    if refused is not None:
        assert str(refused).endswith(".")
        assert 0 <= refused.at <= len(text)
