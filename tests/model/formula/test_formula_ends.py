"""A formula that stops in the middle says what it waits for."""

import pytest

from tisserand.model.formula.syntax import FormulaError, parse


@pytest.mark.parametrize(
    ("text", "near"), [("amount >=", ">="), ("a +", "+"), ("a and", "and"), ("not", "not"), ("f(a,", ","), ("a in (1,", ",")]
)
def test_what_is_missing_is_said(text: str, near: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert (
        caught.value.message.text()
        == f"Something is missing after “{near}” at position {text.rindex(near) + 1}, the end of the formula."
    )


@pytest.mark.parametrize("text", ["a b", "1 2", "'x' 'y' z", "(a) b"])
def test_what_is_too_much_is_no_lack(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert "cannot be read" in caught.value.message.text()
