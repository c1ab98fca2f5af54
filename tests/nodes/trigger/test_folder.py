"""Watching a folder: what is told, how little the disk is asked, and where files go when their run is over."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tisserand.sdk import NodeError
from tisserand.sdk.testing import LoneContext
from tisserand_nodes.trigger import _listing, _moving
from tisserand_nodes.trigger._listing import Watched
from tisserand_nodes.trigger._moving import put_away
from tisserand_nodes.trigger.folder import Folder, FolderConfig


def config(**fields: Any) -> FolderConfig:
    return FolderConfig.model_validate({"folder": "in", **fields})


def write(path: Path, text: str = "a\n1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Looks:
    """A listing with a clock of its own."""

    def __init__(self, folder: Path, pattern: str = "*.csv", deep: bool = False, left_out: frozenset[Path] = frozenset()) -> None:
        self.watched = Watched(folder, pattern, deep, left_out)
        self.now = 0.0

    def __call__(self, seconds: float = 1.0) -> list[str]:
        self.now += seconds
        return [path.name for path, _state in self.watched.settled(self.now, 2.0)]


def test_a_file_is_told_once_when_it_stays_as_it_is(tmp_path: Path) -> None:
    look = Looks(tmp_path)
    path = write(tmp_path / "a.csv")
    assert [look(), look()] == [[], []]
    path.write_text("a\n1\n2\n")
    assert [look(), look(), look(), look(), look()] == [[], [], ["a.csv"], [], []]
    path.write_text("a\n1\n2\n3\n")
    assert [look(), look(), look()] == [[], [], ["a.csv"]], "a file that is changed later is another one"


def test_names_with_a_dot_links_folders_and_other_endings_are_left_alone(tmp_path: Path) -> None:
    for name in ("a.csv", ".b.csv", "c.txt", "sub/d.csv", ".hidden/e.csv", "done/f.csv"):
        write(tmp_path / name)
    (tmp_path / "link.csv").symlink_to(tmp_path / "c.txt")
    (tmp_path / "folder.csv").mkdir()
    flat, deep = Looks(tmp_path), Looks(tmp_path, deep=True, left_out=frozenset({tmp_path / "done"}))
    assert [flat(), flat(2)][1] == ["a.csv"]
    assert [deep(), deep(2)][1] == ["a.csv", "d.csv"]
    for pattern in ("*/*.csv", "**/d.csv"):
        named = Looks(tmp_path, pattern, left_out=frozenset({tmp_path / "done"}))
        assert [named(), named(2)][1] == ["d.csv"]


def test_ten_thousand_files_are_not_asked_for_at_each_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10_000):
        (tmp_path / f"{number:05}.csv").touch()
    asked = 0
    real = _listing.state_of

    def counted(path: Path) -> Any:
        nonlocal asked
        asked += 1
        return real(path)

    monkeypatch.setattr(_listing, "state_of", counted)
    look = Looks(tmp_path)
    assert [len(look()), len(look(2))] == [0, 10_000]
    asked = 0
    assert look() == []
    assert asked == _listing.AGAIN
    # A new one is seen at once, a changed one within as many looks as it takes to come round.
    write(tmp_path / "new.csv")
    (tmp_path / "09999.csv").write_text("changed")
    found = [name for _ in range(10_000 // _listing.AGAIN + 4) for name in look()]
    assert sorted(found) == ["09999.csv", "new.csv"]


def listening(ctx: LoneContext, fields: FolderConfig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for arrivals in Folder().listen(ctx, fields):
        found += [dict(event.row) for event in arrivals.events]
        ctx.stopped = True
    return found


@pytest.fixture
def arrived(tmp_path: Path) -> dict[str, Any]:
    """The row of the file `in/a.csv`, as it is told."""
    write(tmp_path / "in" / "a.csv")
    os.utime(tmp_path / "in" / "a.csv", ns=(1, 1_700_000_000_123_456_789))
    row = listening(LoneContext(tmp_path), config(settle="1ms"))[0]
    assert row == {
        "file": str(tmp_path / "in" / "a.csv"), "stem": "a", "size": 4, "modified": "2023-11-14T22:13:20.123456",
    }  # fmt: skip
    return row


@pytest.mark.parametrize(
    ("fields", "done", "left"),
    [
        ({}, True, "in/a.csv"),
        ({}, False, "in/a.csv"),
        ({"when_done": "delete"}, True, None),
        ({"when_done": "delete"}, False, "in/a.csv"),
        ({"when_done": "move", "done_folder": "done"}, True, "done/a.csv"),
        ({"when_done": "move", "done_folder": "done"}, False, "in/a.csv"),
        ({"failed_folder": "in/failed"}, False, "in/failed/a.csv"),
        ({"failed_folder": "in/failed"}, True, "in/a.csv"),
    ],
)
def test_where_files_go_when_their_run_is_over(tmp_path, arrived, fields, done, left) -> None:
    for _twice in range(2):
        Folder().ended(LoneContext(tmp_path), config(**fields), [arrived], done)
    found = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert found == ([left] if left else [])


def test_a_file_that_was_changed_meanwhile_is_left_where_it_is(tmp_path: Path, arrived: dict[str, Any]) -> None:
    write(tmp_path / "in" / "a.csv", "b\n2\n")
    Folder().ended(LoneContext(tmp_path), config(when_done="delete"), [arrived], True)
    assert (tmp_path / "in" / "a.csv").read_text() == "b\n2\n"


def test_folders_inside_are_kept_and_a_row_may_not_lead_out(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "x" / "a.csv")
    fields = config(settle="1ms", subfolders=True, when_done="move", done_folder="done")
    rows = listening(LoneContext(tmp_path), fields)
    Folder().ended(LoneContext(tmp_path), fields, rows, True)
    assert (tmp_path / "done" / "x" / "a.csv").exists()
    assert not path.exists()
    with pytest.raises(NodeError):
        Folder().ended(LoneContext(tmp_path), fields, [{**rows[0], "file": "/etc/passwd"}], True)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        config(when_done="move")
    assert [error.field for error in Folder().check(config(failed_folder="in"), {})] == ["failed_folder"]
    with pytest.raises(NodeError):
        listening(LoneContext(tmp_path), config(folder="nowhere"))


@pytest.mark.parametrize("linked", [True, False], ids=["links", "no links"])
def test_nothing_is_ever_overwritten(tmp_path: Path, linked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not linked:

        def refuse(source: Any, target: Any) -> None:
            raise OSError(errno.EXDEV, "another file system")

        monkeypatch.setattr(_moving.os, "link", refuse)
    names = set()
    for number in range(3):
        path = write(tmp_path / "in" / "a.csv", f"content {number}")
        os.utime(path, ns=(1, number))
        names.add(put_away(path, tmp_path / "done"))
    assert {path.name: path.read_text() for path in (tmp_path / "done").iterdir()} == {
        "a.csv": "content 0", "a (2).csv": "content 1", "a (3).csv": "content 2",
    }  # fmt: skip
    assert put_away(tmp_path / "in" / "gone.csv", tmp_path / "done") is None


def test_a_move_that_was_broken_off_is_finished(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "a.csv", "x")
    (tmp_path / "done").mkdir()
    os.link(path, tmp_path / "done" / "a.csv")
    put_away(path, tmp_path / "done")
    assert [path.name for path in (tmp_path / "done").iterdir()] == ["a.csv"]
    assert not path.exists()


def test_many_moves_at_once_lose_nothing(tmp_path: Path) -> None:
    sources = [write(tmp_path / f"in{number}" / "a.csv", str(number)) for number in range(20)]
    threads = [threading.Thread(target=put_away, args=(source, tmp_path / "done")) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(path.read_text()) for path in (tmp_path / "done").iterdir()) == list(range(20))


def test_a_name_that_is_no_text_holds_up_no_other_file(tmp_path: Path) -> None:
    write(tmp_path / "in" / "b.csv")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/a\xff.csv")).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    ctx = LoneContext(tmp_path)
    assert [Path(row["file"]).name for row in listening(ctx, config(settle="1ms"))] == ["b.csv"]
    assert [(level, "a\\udcff.csv” is left alone" in message.text("en")) for level, message in ctx.logs] == [("warning", True)]
