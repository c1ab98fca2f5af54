"""Commands as a person types them, in this process and in a workspace of its own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tisserand import texts
from tisserand.cli import main as cli


@dataclass(frozen=True)
class Said:
    """What a command left with, and what it printed where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document: nothing else on either side."""
        assert self.err == "", self.err
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table, its titles first. Cells stand two spaces or more apart."""
        return [[cell for cell in line.split("  ") if cell.strip()] for line in self.out.splitlines()]


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


Ask = Callable[..., Said]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ask]:
    """Run one command in the workspace `place`. Whatever it is, nobody is shown a traceback or a crash."""
    place = tmp_path / "place"
    (place / "flows").mkdir(parents=True)
    (place / "tisserand.yaml").write_text("id: cli-apis\nexecutor: {warm: false}\n")
    monkeypatch.chdir(place)

    def run(*argv: object, stdin: str = "", code: int | None = 0, terminal: bool = False) -> Said:
        monkeypatch.setattr(sys, "stdin", (Terminal if terminal else io.StringIO)(stdin))
        capfd.readouterr()
        found = cli.call([str(each) for each in argv])
        out, err = capfd.readouterr()
        said = Said(found, out, err)
        assert "Traceback" not in out + err and "did not foresee" not in out + err, said
        assert code is None or found == code, said
        return said

    yield run
    texts.set_language("en")
