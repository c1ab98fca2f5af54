"""Files of the catalogue that are broken or made to break: each is told, and those beside it are found all the same."""

from pathlib import Path

import pytest

from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.search import Index

GOOD = "id: good\nversion: '1'\nroute: {base_path: /good}\nupstream: {targets: [{url: 'http://127.0.0.1:9'}]}\n"
BAD = "id: bad\nversion: '1'\nroute: {base_path: /bad}\nupstream: {targets: [{url: 'http://127.0.0.1:9'}]}\n"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("x: &a [*a]\n", "config.unknown"),
        ("x: {1: a, b: c}\n", "config.unknown"),
        ("x0: &a0 [1]\n" + "".join(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)), "config.unknown"),
        ("x: " + "[" * 50_000 + "]" * 50_000 + "\n", "file.yaml"),
        ("x: 99999-99-99T00:00:00Z\nsince: 2026-02-31\n", "config.datetime_from_date_parsing"),
        ("x: \0\n", "file.yaml"),
        ("id: twice\n", "file.twice"),
    ],
)  # fmt: skip
def test_one_bad_file_hides_no_other(tmp_path: Path, more: str, code: str) -> None:
    (tmp_path / "apis").mkdir()
    (tmp_path / "apis" / "good-1.yaml").write_text(GOOD)
    (tmp_path / "apis" / "bad-1.yaml").write_text(BAD + more)
    catalogue = Catalogue(tmp_path)
    bad, good = catalogue.apis()
    assert bad.api is None and code in {each.code for each in bad.problems} and good.api is not None
    assert [each.file.file for each in Index(catalogue).search()] == ["apis/good-1.yaml"]
