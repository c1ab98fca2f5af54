"""Operators with help and tested examples, and the whole language as plain data for reference pages and completion."""

from __future__ import annotations

from typing import Any

from tisserand.model.formula.functions import FUNCTIONS
from tisserand.texts import N_

OPERATORS: tuple[tuple[str, str, tuple[tuple[str, Any], ...]], ...] = (
    ("a + b, a - b, a * b", N_("Arithmetic; whole numbers that do not fit 64 bits are an error."), (("2 + 3 * 4", 14),)),
    ("a / b", N_("Real division; by zero it gives NULL."), (("7 / 2", 3.5), ("1 / 0", None))),
    ("a % b", N_("Rest of the division, with the sign of a; by zero it gives NULL."), (("-7 % 3", -1),)),
    (
        "a = b, a <> b, a < b, a <= b, a > b, a >= b",
        N_("Comparison; with NULL it gives NULL."),
        (("'a' < 'b'", True), ("1 = NULL", None)),
    ),
    ("a AND b, a OR b, NOT a", N_("Logic with NULL as “unknown”."), (("TRUE OR NULL", True), ("TRUE AND NULL", None))),
    ("a IS NULL, a IS NOT NULL", N_("Whether a value is missing."), (("NULL IS NULL", True), ("1 IS NOT NULL", True))),
    ("a IN (b, c, …)", N_("Whether a equals one of the values."), (("2 IN (1, 2)", True), ("3 IN (1, NULL)", None))),
    ("a BETWEEN b AND c", N_("Whether a lies between b and c, both included."), (("2 BETWEEN 1 AND 2", True),)),
    (
        "a LIKE b, a ILIKE b",
        N_("Pattern: % any characters, _ one; ILIKE ignores capitals."),
        (("'Paris' LIKE 'P%'", True), ("'Paris' ILIKE 'p_ris'", True)),
    ),
    ("a || b", N_("Texts joined; NULL gives NULL."), (("'a' || 'b'", "ab"), ("'a' || NULL", None))),
    (
        "CASE WHEN a THEN b ELSE c END",
        N_("The first value whose condition is true."),
        (("CASE WHEN 1 > 2 THEN 'x' ELSE 'y' END", "y"), ("CASE 2 WHEN 2 THEN 'two' END", "two")),
    ),
    (
        "CAST(a AS type), TRY_CAST(a AS type)",
        N_("Conversion; where it fails CAST is an error, TRY_CAST gives NULL."),
        (("CAST('12' AS integer)", 12), ("TRY_CAST('x' AS integer)", None)),
    ),
)
"""How it is written, help, examples."""


def reference() -> list[dict[str, Any]]:
    """Functions and operators as plain data, for the reference page and for completion."""
    functions = [
        {
            "name": f.name,
            "signature": f.signature,
            "category": f.category,
            "help": f.help,
            "aliases": list(f.aliases),
            "examples": [list(example) for example in f.examples],
        }
        for f in FUNCTIONS.values()
    ]
    operators = [
        {
            "name": form,
            "signature": form,
            "category": "operator",
            "help": text,
            "aliases": [],
            "examples": [list(e) for e in examples],
        }
        for form, text, examples in OPERATORS
    ]
    return functions + operators
