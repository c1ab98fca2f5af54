"""pyarrow works without loading pandas, and with it as ever once somebody imports it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = "import sys\nfrom tisserand.sdk.without_pandas import spare_pandas\nspare_pandas()\nimport pyarrow as pa\n"


def ask(code: str, head: str = HEAD) -> str:
    return subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_values_become_columns_without_it():
    code = "t = pa.table({'a': [1, None], 'b': ['x', 'y']}); print('pandas' in sys.modules, t.to_pylist())"
    assert ask(code) == "False [{'a': 1, 'b': 'x'}, {'a': None, 'b': 'y'}]"
    assert ask(code, "import sys, pyarrow as pa\n").startswith("True")  # else there is nothing to spare


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print(pa.table({'a': [1]}).to_pandas().a.tolist())", "[1]"),
        ("import pandas as pd; print(pa.array(pd.Series([1, None])).to_pylist())", "[1.0, None]"),
        (
            "import pandas as pd; print(pa.Table.from_pandas(pd.DataFrame({'a': [1, None]})).to_pylist())",
            "[{'a': 1.0}, {'a': None}]",
        ),
        ("import pandas.api.types as t; print(t.is_integer(3))", "True"),
    ],
)
def test_who_wants_pandas_has_it(code, told):
    assert ask(code) == told


def test_twice_is_once():
    assert ask("before = list(sys.meta_path); spare_pandas(); print(before == sys.meta_path)") == "True"
