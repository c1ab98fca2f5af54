"""The Python step: what code may give, its errors with their lines, and the process around it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tisserand.engine.isolated import process_isolated
from tisserand.sdk import NodeError
from tisserand.sdk.arrow import from_arrow
from tisserand.sdk.testing import LoneContext, config_of, run_step
from tisserand_nodes.python.step import PythonStep

TABLE = pa.table({"id": [1, 2, 3], "name": ["Ann", "Bob", None]})


def isolated(code: str, table: pa.Table = TABLE, ctx: LoneContext | None = None, **config: Any) -> tuple[pa.Table, LoneContext]:
    """Run the code as the engine does."""
    from tisserand.sdk.arrow import to_arrow

    ctx = ctx or LoneContext(Path.cwd())
    read = config_of(PythonStep, {"code": code, **config})
    schemas = PythonStep().output(read, {"table": from_arrow(table.schema)})
    given = process_isolated(PythonStep())(ctx, read, schemas, iter(table.to_batches(max_chunksize=2)))
    batches = [batch for port, batch in given if port == "table"]
    return pa.Table.from_batches(batches, schema=to_arrow(schemas["table"])), ctx


@pytest.mark.parametrize(
    "code",
    [
        "import pyarrow.compute as pc\ndef process(table):\n    return table.append_column('up', pc.utf8_upper(table['name']))",
        "def process(table):\n    return [{**r, 'up': r['name'] and r['name'].upper(), 'more': 1} for r in table.to_pylist()]",
        "def process(table):\n    for r in table.to_pylist():\n        yield {**r, 'up': r['name'] and r['name'].upper()}",
        "def process(table):\n    f = table.to_pandas()\n    f['up'] = f['name'].str.upper()\n    return f",
    ],
)
@pytest.mark.parametrize("rows", ["batches", "all"])
def test_what_code_may_give(code: str, rows: str) -> None:
    raw = {"code": code, "output": {"id": "int64", "up": "string"}, "rows": rows}
    wanted = [{"id": 1, "up": "ANN"}, {"id": 2, "up": "BOB"}, {"id": 3, "up": None}]
    assert run_step(PythonStep, raw, TABLE).rows() == wanted
    if rows == "all":  # a process takes most of a second to start
        assert isolated(**raw)[0].to_pylist() == wanted


def test_columns_stay_where_none_are_declared() -> None:
    assert isolated("def process(table):\n    return table")[0] == TABLE


def test_rejects_prints_and_parameters_come_through() -> None:
    code = (
        "print('started')\n"
        "def process(table):\n"
        "    print('rows', table.num_rows)\n"
        "    for r in table.to_pylist():\n"
        "        if r['name'] is None: reject(r, 'no name')\n"
        "        elif r['id'] >= parameters['least']: yield r\n"
    )
    rows, ctx = isolated(code, ctx=LoneContext(Path.cwd(), parameters={"least": 2}))
    assert rows.to_pylist() == [{"id": 2, "name": "Bob"}]
    assert [(reject.row, reject.error) for reject in ctx.rejects] == [({"id": 3, "name": None}, "no name")]
    assert [str(message) for _level, message in ctx.logs] == ["started", "rows 2", "rows 1"]


@pytest.mark.parametrize(
    ("code", "line", "sentence"),
    [
        ("def process(table):\n    return 1 / 0", 2, "Line 2 of the code failed: ZeroDivisionError"),
        ("def inner(x):\n    return x['y']\n\ndef process(table):\n    return inner({})", 2, "KeyError"),
        ("def process(table):\n    yield {}\n    raise ValueError('bad')", 3, "ValueError: bad"),
        ("raise RuntimeError('top')\ndef process(table): ...", 1, "RuntimeError: top"),
        ("def process(table):\n  return (", 2, "Line 2 of the code"),
        ("x = 1", None, "defines no “process”"),
        ("def process(table):\n    return 3", None, "gave int"),
        ("def process(table):\n    return table.select(['id'])", None, "gave no column “name”"),
        ("def process(table):\n    return [{'id': 'x'}]", None, "do not fit the columns"),
        ("import os\ndef process(table):\n    os._exit(3)", None, "exit code 3"),
        ("import os, signal\ndef process(table):\n    os.kill(os.getpid(), signal.SIGSEGV)", None, "ended by SIGSEGV"),
        ("def process(table):\n    return bytearray(3 * 2**30)", 2, "MemoryError"),
    ],
)
def test_errors_are_sentences_with_the_line(code: str, line: int | None, sentence: str) -> None:
    with pytest.raises(NodeError, match=sentence) as error:
        isolated(code)
    assert error.value.line == line


def test_it_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TISSERAND_MASTER_KEY_FILE", "/planted/key")
    monkeypatch.setenv("PLANTED", "planted-secret-value")
    code = (
        "import os, sys\n"
        "def process(table):\n"
        "    return [{'seen': repr(dict(os.environ)) + repr(sys.argv) + os.getcwd(), 'files': repr(os.listdir())}]"
    )
    rows, _ctx = isolated(code, output={"seen": "string", "files": "string"}, rows="all")
    seen = rows.to_pylist()[0]
    assert "planted" not in seen["seen"].lower() and "TISSERAND" not in seen["seen"]
    assert seen["files"] == "[]"
    # In the same process, without the isolation, the secret is there.
    assert (
        "planted-secret-value"
        in run_step(PythonStep, {"code": code, "output": {"seen": "string", "files": "string"}}, TABLE).rows()[0]["seen"]
    )


def test_what_it_writes_to_its_output_does_not_disturb() -> None:
    code = "import os, sys\ndef process(table):\n    os.write(1, b'N' * 100)\n    sys.stdout.flush()\n    print(sys.stdin.read())\n    return table"
    assert isolated(code)[0] == TABLE


class Stopped(Exception):  # noqa: N818 - named as the engine names it
    """What an engine raises where the run is cancelled."""


class Cancellable(LoneContext):
    def progress(self, rows: int = 0, bytes: int = 0) -> None:
        if self.stopped:
            raise Stopped


def test_an_endless_loop_is_killed_on_cancel_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    code = (
        "import os, subprocess, sys\n"
        f"other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(mark)!r}, 'w').write(f'{{os.getpid()}} {{other.pid}} ')\n"
        "def process(table):\n    while True: pass\n"
    )
    ctx = Cancellable(tmp_path)

    def cancel() -> None:
        while not mark.exists() or not mark.read_text().endswith(" "):
            time.sleep(0.02)
        ctx.stopped = True

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(Stopped):
        isolated(code, ctx=ctx)
    canceller.join()
    for pid in mark.read_text().split():
        assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]


def test_leaving_early_ends_the_process(tmp_path: Path) -> None:
    code = f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ndef process(table):\n    return table"
    config = config_of(PythonStep, {"code": code})
    schemas = PythonStep().output(config, {"table": from_arrow(TABLE.schema)})
    many: Iterator[Any] = iter(TABLE.to_batches() * 100)
    given = process_isolated(PythonStep)(LoneContext(tmp_path), config, schemas, many)
    next(given)
    given.close()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: the kernel's word to end a child")
def test_it_ends_with_a_killed_worker(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nimport pyarrow as pa\n"
        "from tisserand.engine.isolated import process_isolated\n"
        "from tisserand.sdk.testing import LoneContext, config_of\n"
        "from tisserand.sdk.arrow import from_arrow\n"
        "from tisserand_nodes.python.step import PythonStep\n"
        "t = pa.table({'a': [1]})\n"
        f"code = '''import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()) + ' ')\ndef process(table):\n    while True: pass\n'''\n"
        "config = config_of(PythonStep, {'code': code})\n"
        "schemas = {'table': from_arrow(t.schema)}\n"
        "list(process_isolated(PythonStep())(LoneContext(Path.cwd()), config, schemas, iter(t.to_batches())))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", script])
    mark = tmp_path / "pid"
    while not (mark.exists() and mark.read_text().endswith(" ")):
        assert worker.poll() is None
        time.sleep(0.05)
    worker.kill()
    worker.wait()
    pid = int(mark.read_text())
    for _attempt in range(200):
        try:
            if "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
                return
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.05)
    raise AssertionError("the step outlived its worker")


def test_a_large_table_passes_without_a_deadlock() -> None:
    table = pa.table({"id": pa.array(range(400_000)), "name": pa.array(["x" * 20] * 400_000)})
    config = config_of(PythonStep, {"code": "def process(table):\n    yield table\n    yield table"})
    schemas = PythonStep().output(config, {"table": from_arrow(table.schema)})
    batches = iter(table.to_batches(max_chunksize=100_000))
    assert (
        sum(batch.num_rows for _port, batch in process_isolated(PythonStep())(LoneContext(Path.cwd()), config, schemas, batches))
        == 800_000
    )


def test_check_finds_faults_before_the_run() -> None:
    def faults(**raw: Any) -> list[str]:
        return [str(error) for error in PythonStep().check(config_of(PythonStep, raw), {})]

    assert faults(code="def process(table): return table", output={"a": "int64"}) == []
    assert "Line 1" in faults(code="def process(:")[0]
    assert "defines no “process”" in faults(code="x = 1")[0]
    assert "not a type" in faults(code="def process(table): return table", output={"a": "nonsense"})[0]
