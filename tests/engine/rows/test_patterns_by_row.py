"""Regular expressions and LIKE on random patterns: Python's `re` where it is used, against RE2 in DuckDB; and what is left to the database."""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import pytest
from tests.engine.rows.batch import Batch, compared, table_of

from tisserand.engine.rows.operations.patterns import like, translated

ATOMS = [
    "a", "b", "é", ".", r"\d", r"\w", r"\s", r"\S", "[a-c]", "[^a]", r"[\d_]", "[é-ü]", "(a)", "(?:ab)", "(a|b)", "^", "$", r"\b", "x", r"\.",
    r"\-", "[.-]", r"\n", r"[a\-z]", r"\$", "#", " ", "&", "~", r"\W", "()", "[a", "{", r"\Q", "(?i)a", r"\pL", "[[:alpha:]]", r"\z", r"\x41",
]  # fmt: skip
TIMES = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?", "??", "{2,}", "{,2}", "**"]
TEXTS = [
    "", "a", "ab", "aab", "abab", "a\n", "é", "éa", "a b", "1a_2", "-", "a-b", "日本", "x.y", "b\nb", "a$", "zz", "\x0b", "a\u00a0b", "ÀB1", "A", "#&~",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def compare(connection: duckdb.DuckDBPyConnection, pattern: str) -> bool:
    found = translated(pattern)
    if found is None:
        return False
    group = min(1, found.pattern.groups)
    sql = f"SELECT t, regexp_matches(t, $p), regexp_extract(t, $p, {group}), regexp_replace(t, $p, '<\\0>', 'g') FROM unnest($t) u(t)"
    for text, matches, part, replaced in connection.execute(sql, {"p": pattern, "t": TEXTS}).fetchall():
        match = found.pattern.search(text)
        assert (match is not None, (match[group] or "") if match else "") == (matches, part), (pattern, text)
        if not found.empty:
            assert found.pattern.sub(lambda one: f"<{one[0]}>", text) == replaced, (pattern, text)
    return True


def patterns(seed: int, count: int) -> Iterator[str]:
    drawn = random.Random(seed)
    for _ in range(count):
        yield "".join(drawn.choice(ATOMS) + drawn.choice(TIMES) for _ in range(drawn.randrange(1, 5))) + drawn.choice(
            ["", "", "", "|b", r"|\b"]
        )


def test_patterns_match_as_re2_does(connection: duckdb.DuckDBPyConnection) -> None:
    assert sum(compare(connection, pattern) for pattern in patterns(1, 600)) > 100


@pytest.mark.soak
def test_many_patterns(connection: duckdb.DuckDBPyConnection) -> None:
    for seed in range(2, 12):
        for pattern in patterns(seed, 5_000):
            compare(connection, pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|aa)*b", "(a*)*", "(?:a?){3}", "(?i)straße", r"\pL", r"\Qa\E", "[[:digit:]]", "a{1001}", "a{,3}", "a**", "(?P<n>a)", r"\z", r"\x41", "[a-\\d]",
        "a++", "(?s).", "(a", "a)", "[b-a]",
    ],
)  # fmt: skip
def test_what_is_left_to_the_database(pattern: str) -> None:
    """What the two read differently, and what could take Python for ever."""
    assert translated(pattern) is None


@pytest.mark.parametrize("pattern", ["a*a*$", "a+$", "(a*)b?a*!!", "^a*a*a*b", "a{1,900}b"])
def test_no_pattern_takes_for_ever(connection: duckdb.DuckDBPyConnection, pattern: str) -> None:
    """Texts that are made to be dear are cut off by their length: `re` alone takes minutes for these."""
    found = translated(pattern)
    assert found is not None and found.longest <= 1_000
    table = table_of({"s": "string"})
    rows = [("a" * 20_000 + "!",), ("a" * 20_000,)]
    compared(
        Batch(), {"s": "string"}, rows, table.select(x=table["s"].re_search(pattern), y=table["s"].re_extract(pattern, 0)), table
    )


def test_like(connection: duckdb.DuckDBPyConnection) -> None:
    drawn = random.Random(3)
    for _ in range(40):
        pattern = "".join(drawn.choice("ab%_%é\n\\.") for _ in range(drawn.randrange(0, 6)))
        texts = ["".join(drawn.choice("abéa\n\\.") for _ in range(drawn.randrange(0, 8))) for _ in range(60)]
        for text, matches in connection.execute(
            "SELECT t, t LIKE $p FROM unnest($t) u(t)", {"p": pattern, "t": texts}
        ).fetchall():
            assert like(pattern)(text) is matches, (pattern, text)
