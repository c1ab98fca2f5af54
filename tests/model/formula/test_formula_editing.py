"""Formulas as text in an editor: renaming columns, colours and completion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tisserand.model.formula.editing import columns_used, complete, rename_column, tokens


def test_rename_keeps_everything_else() -> None:
    text = "upper( a ) ||  'a' -- a\n || \"a\" || $a || aa"
    assert rename_column(text, "a", "b c") == 'upper( "b c" ) ||  \'a\' -- a\n || "b c" || $a || aa'
    assert columns_used(rename_column(text, "a", "x")) == {"x", "aa"}
    assert rename_column("a + 1", "a", "case") == '"case" + 1'
    assert rename_column("not a formula (", "a", "b") == "not a formula ("


@given(st.text(min_size=1, max_size=8).filter(lambda name: "\x00" not in name))
def test_rename_to_any_name_is_read_back(name: str) -> None:
    assert columns_used(rename_column("a + lower(b)", "a", name)) == {name, "b"}


def test_tokens_cover_the_text() -> None:
    text = "CASE WHEN qty > $n THEN upper(\"a b\") /* x */ ELSE 'é' END"
    found = [(text[start:end], kind) for start, end, kind in tokens(text)]
    assert found == [
        ("CASE", "keyword"),
        ("WHEN", "keyword"),
        ("qty", "column"),
        (">", "operator"),
        ("$", "parameter"),
        ("n", "parameter"),
        ("THEN", "keyword"),
        ("upper", "function"),
        ("(", "operator"),
        ('"a b"', "column"),
        (")", "operator"),
        ("/* x */", "comment"),
        ("ELSE", "keyword"),
        ("'é'", "text"),
        ("END", "keyword"),
    ]


@given(st.text(alphabet="a1'\"-/*() $\n", max_size=25))
def test_tokens_of_any_text(text: str) -> None:
    end = 0
    for start, stop, _ in tokens(text):
        assert end <= start < stop <= len(text)
        end = stop


def test_completion() -> None:
    names = [candidate.text for candidate in complete("am", 2, ["amount", "a b"], [])]
    assert names == ["amount"]
    assert '"a b"' in [candidate.text for candidate in complete("a", 1, ["amount", "a b"], [])]
    assert "upper(" in [candidate.text for candidate in complete("1 + up", 6, [], [])]
    assert [c.text for c in complete("x > $le", 7, [], {"least": 1, "__now": 2})] == ["$least"]
    assert complete("'am", 3, ["amount"], []) == []
    assert complete("x + am", 6, ["amount"], [])[0].start == 4
