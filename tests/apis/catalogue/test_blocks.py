"""Entries read and written block by block: whatever a file holds, it means what YAML says of the whole file."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tisserand.apis.catalogue import blocks, files
from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.writing import write_entry
from tisserand.apis.model import Consumer

ENTRY = [
    "a: 1", "b: {name: B}", "c:\n  name: C", "d:\n- x", "e: |\n  text\n", "f: >-\n  some\n  words", "g: &one {name: G}", "h: 'it\'\'s'",
    "k:", "l: word\n  more words", "m: x  # why", "n: {name: [\n  1]}", "yes: 1", "1: one", '"o": 1', "p: \"two\n  lines\"",
]  # fmt: skip
"""What may stand in such a file."""
ODD = [
    "...", "---", "%YAML 1.1", "? q\n: 1", "- x", "  - y", "# a word", "  # inside", "", "r: 'open", "closed'", 's: "open', 't: x"', "u: {name: [",
    "], k: 1}", "}", "v: *one", "w: {<<: *one}", "m : 1", "n:x", "~: 2", "\tname: tab", "a: 2", "{x: 1}", "[y]", "z: a: b", "A: \x85", "B: \u2028",
    "!tag", "C: !tag x", "D: [1,", "2]", "E: ]", "\ufeff", "\r", "F: 'x\ra: 3'",
]  # fmt: skip
"""What should not, and what goes wrong now and then."""
TEXTS = st.lists(st.sampled_from(ENTRY), max_size=5, unique=True).flatmap(
    lambda good: st.lists(st.tuples(st.integers(0, len(good)), st.sampled_from(ODD)), max_size=3).map(
        lambda odd: [
            *(line for place in range(len(good) + 1) for line in (*(o for at, o in odd if at == place), *good[place : place + 1]))
        ]
    )
)


def read_by_blocks(text: str) -> dict[object, object] | None:
    """As the catalogue does; None where it reads the file as a whole."""
    found: dict[object, object] = {}
    for block in blocks.cut(text) or [blocks.Block("[", 0)]:
        try:
            content = blocks.read(block.text)
        except (yaml.YAMLError, ValueError):
            return None
        data = {} if content.data is None else content.data
        if (content.data is not None and not content.mapping) or content.twice or data.keys() & found.keys():
            return None
        found.update(data)
    return found


@settings(max_examples=1000, deadline=None)
@given(TEXTS, st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_blocks_mean_what_the_file_means(lines: list[str], end: str, last: bool) -> None:
    text = end.join(lines) + (end if last else "")
    found = read_by_blocks(text)
    if found is not None:
        assert found == yaml.safe_load(text)


def test_blocks_tell_the_lines_of_the_file(tmp_path: Path) -> None:
    text = "# ours\n\nacme:\n  name: Acme\n\n# theirs\nbeta:\n  name: Beta\n  colour: red\ngamma: {nme: G}\n"
    (tmp_path / "consumers.yaml").write_text(text)
    found = Catalogue(tmp_path).consumers()
    assert [*found.by_id] == ["acme"]
    assert [(each.place.field, each.place.line) for each in found.problems if each.code == "config.unknown"] == [
        ("beta.colour", 9), ("gamma.nme", 10),
    ]  # fmt: skip


ENTRIES = "# The first.\nacme:\n  name: Acme  # as they write it\n\n# The second.\nbeta: {name: Beta}\n\n# The last words.\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("id", "entry", "expected"),
    [
        ("acme", Consumer(name="New"), ENTRIES.replace("  name: Acme  # as they write it\n", "  name: New\n")),
        ("beta", Consumer(name="New"), ENTRIES.replace("beta: {name: Beta}\n", "beta:\n  name: New\n")),
        ("gamma", Consumer(name="G"), ENTRIES + "gamma:\n  name: G\n"),
        ("acme", None, ENTRIES.replace("acme:\n  name: Acme  # as they write it\n", "")),
        ("beta", None, ENTRIES.replace("beta: {name: Beta}\n", "")),
    ],
)
def test_one_entry_is_changed_and_every_other_line_stays(
    tmp_path: Path, id: str, entry: Consumer | None, expected: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "consumers.yaml"
    for known in (True, False):  # by the block, and by the whole file where it was not read before
        file.write_bytes(ENTRIES.replace("\n", end).encode())
        catalogue = Catalogue(tmp_path)
        if known:
            catalogue.consumers()
        write_entry(catalogue, "consumers.yaml", id, entry)
        assert file.read_bytes().decode() == expected.replace("\n", end)


def test_of_many_entries_one_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "consumers.yaml"
    file.write_text("".join(f"c{number}:\n  name: Consumer {number}\n" for number in range(300)))
    catalogue = Catalogue(tmp_path)
    before = catalogue.consumers().by_id
    read: list[str] = []
    whole = files.read_yaml
    monkeypatch.setattr(files, "read_yaml", lambda text: read.append(text) or whole(text))
    write_entry(catalogue, "consumers.yaml", "c7", Consumer(name="Seven"))
    after = catalogue.consumers().by_id
    assert read == ["c7:\n  name: Seven\n"]
    assert after["c7"].name == "Seven" and all(after[id] is before[id] for id in before if id != "c7")
