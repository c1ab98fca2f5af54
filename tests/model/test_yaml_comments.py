"""Where comments stand in a flow file, beside everything that only looks like one."""

import pytest

from tisserand.model.yamltext import comments


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\n", []),
        ("# one\na: 1 # two\n#three\n", [(1, "one"), (2, "two"), (3, "three")]),
        ("a: 'x # y'\nb: \"# z\" # real\n", [(2, "real")]),
        ("a: x#y\nb: http://h/#place\n", []),
        ("a: |\n  # not one\n  text\nb: 1 # one\n", [(4, "one")]),
        ("a: >- # at the sign\n  # text\n  more\n", [(1, "at the sign")]),
        ("a: [1, # in a list\n  2]\n", [(1, "in a list")]),
        ("a: 'over\n  # two lines'  # behind\n", [(2, "behind")]),
        ("a: {b: 1} # end\n", [(1, "end")]),
        ("é: 'ü # ä' # ö\n", [(1, "ö")]),
        ("a: [\n", []),
    ],
)
def test_comments(text: str, found: list[tuple[int, str]]) -> None:
    assert comments(text) == found
