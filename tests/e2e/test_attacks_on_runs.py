"""Flows that try to break out: through SQL, templates, YAML tags, paths and links. Each guard is also taken away, and the attack succeeds."""

from __future__ import annotations

import sys
import time

import pytest

from tisserand.engine import launch
from tisserand.model.yamlfile import read_flow

SECRET = "the content of a file that no flow may read"

ROWS = "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"


@pytest.fixture
def secret(tmp_path):
    """A file beside the workspace, not in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = outside / "secret.csv"
    path.write_text(f"a\n{SECRET}\n")
    return path


@pytest.fixture
def without(monkeypatch):
    """Runs whose worker lacks a guard: Python that is executed in the worker before it begins."""

    def take_away(code: str) -> None:
        start = f"{code}\nimport runpy, sys\nsys.argv = sys.argv[1:]\nrunpy.run_module('tisserand.engine.worker', run_name='__main__')"
        monkeypatch.setattr(launch, "worker_command", lambda folder: [sys.executable, "-P", "-c", start, "worker", str(folder)])

    return take_away


def sql(query: str) -> str:
    return ROWS + f'  q: {{kind: table.sql, inputs: {{tables: rows}}, config: {{query: "{query}"}}}}\n'


SQL = {
    "read_text": "SELECT content AS a FROM read_text('SECRET')",
    "a file as a table": "SELECT a FROM 'SECRET'",
    "a file as a quoted table": 'SELECT a FROM \\"SECRET\\"',
    "in a subquery": "SELECT (SELECT max(a) FROM read_csv('SECRET')) AS a FROM rows",
    "in a CTE": "WITH x AS (SELECT a FROM read_csv_auto('SECRET')) SELECT a FROM x",
    "by a name in capitals": "SELECT content AS a FROM READ_TEXT('SECRET')",
    "query": "SELECT * FROM query('SELECT content AS a FROM read_text(''SECRET'')')",
}
OTHER_SQL = {
    "COPY": "COPY rows TO 'SECRET'",
    "ATTACH": "ATTACH 'SECRET' AS s",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD 'SECRET'",
    "SET": "SET enable_external_access = true",
    "PRAGMA": "PRAGMA database_list",
    "two statements": "SELECT 1 AS a; COPY rows TO 'SECRET'",
    "CREATE": "CREATE TABLE t AS SELECT 1 AS a",
    "a setting": "SELECT current_setting('temp_directory') AS a",
    "the environment": "SELECT getenv('HOME') AS a",
    "the catalogue": "SELECT name AS a FROM duckdb_settings()",
    "the schema": "SELECT table_name AS a FROM information_schema.tables",
}


def test_sql_reaches_no_file(place, secret):
    for number, query in enumerate({**SQL, **OTHER_SQL}.values()):
        before = secret.read_text()
        found = place.run(f"sql-{number}", sql(query.replace("SECRET", str(secret))))
        assert found.state == "failed" and found.error is not None, query
        assert (found.error.place.node, found.error.place.field) == ("q", "config.query"), (query, found.error)
        assert SECRET not in found.error.line(), query
        assert secret.read_text() == before
        if number == 3:
            break
    # The rest in one process: each run costs a second.
    from tisserand.engine.isolated_sql import checked
    from tisserand.sdk.errors import NodeError

    for query in (*SQL.values(), *OTHER_SQL.values()):
        with pytest.raises(NodeError):
            checked(query.replace("SECRET", str(secret)).replace('\\"', '"'), {"rows": None})


def test_sql_without_the_first_guard_meets_the_second(secret):
    """What the parser lets through finds a connection without files; and without both, the file is read."""
    import duckdb

    from tisserand.engine.isolated_sql import locked_connection

    for name, query in SQL.items():
        text = query.replace("SECRET", str(secret)).replace('\\"', '"')
        with locked_connection({}) as locked:
            locked.execute("CREATE TABLE rows AS SELECT 1 AS a")
            with pytest.raises(duckdb.Error):
                locked.execute(text)
        with duckdb.connect() as opened:
            opened.execute("CREATE TABLE rows AS SELECT 1 AS a")
            assert SECRET in str(opened.execute(text).fetchall()), name
    with locked_connection({}) as locked:
        for text in ("SET enable_external_access = true", "INSTALL httpfs", f"ATTACH '{secret}.db' AS s"):
            with pytest.raises(duckdb.Error):
                locked.execute(text)


def test_sql_without_both_guards_reads_the_file(place, secret, without):
    without(
        "import tisserand.engine.isolated_sql as guard, contextlib, duckdb\n"
        "guard.checked = lambda text, tables: None\n"
        "@contextlib.contextmanager\n"
        "def opened(tables, *rest):\n"
        "    connection = duckdb.connect()\n"
        "    for name, table in tables.items():\n"
        "        connection.register(name, table)\n"
        "    yield connection\n"
        "guard.locked_connection = opened\n"
    )
    found = place.run("open", sql(SQL["read_text"].replace("SECRET", str(secret))))
    assert found.state == "done", found.error
    assert SECRET in str(place.rows(found.id, "q"))


TEMPLATES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ workspace.__class__.__base__.__subclasses__() | length }}",
    "{{ workspace.format.__globals__ }}",
    "{{ ('%s' | format(workspace)).__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{% for x in range(100000000) %}x{% endfor %}",
    "{{ '{0.__class__}'.format(workspace) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{{ 'x' * 10000000000 }}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ '%10000000000d' % 1 }}",
]


def test_templates_stay_in_their_sandbox(place):
    """All in one flow: every text is refused, at its node."""
    nodes = "".join(
        f"  n{number}: {{kind: flow.log, config: {{message: {template!r}}}}}\n".replace("\\'", "''")
        if "'" not in template
        else f'  n{number}: {{kind: flow.log, config: {{message: "{template}"}}}}\n'
        for number, template in enumerate(TEMPLATES)
    )
    from tisserand.engine.check import check_text
    from tisserand.workspace.folder import Workspace

    file = place.flow("texts", nodes)
    problems = check_text(Workspace(place.root), (place.root / file).read_text(), file=file).problems
    refused = {problem.place.node for problem in problems if problem.severity == "error"}
    # `format` is harmless in the sandbox only where it gives nothing of the inside away.
    shown = " ".join(problem.message.text("en") for problem in problems)
    assert refused == {f"n{number}" for number in range(len(TEMPLATES))}, (refused, problems)
    assert "<class" not in shown and "root:" not in shown
    started = time.process_time()
    assert place.run("texts", nodes).state == "failed"
    assert time.process_time() - started < 60


def test_templates_without_the_sandbox_reach_everything():
    import jinja2

    assert "subprocess.Popen" in jinja2.Environment().from_string(TEMPLATES[0]).render()
    assert "uid=" in jinja2.Environment().from_string(TEMPLATES[4]).render()


TAGS = {
    "flow": "tisserand: 1\nid: tagged\nnodes:\n  a: !!python/object/apply:os.mkdir [PWNED]\n",
    "map": "!!python/object/apply:os.mkdir [PWNED]\n",
}


def test_yaml_tags_make_no_objects(place, tmp_path):
    pwned = tmp_path / "pwned"
    for name, text in TAGS.items():
        text = text.replace("PWNED", str(pwned))
        file = f"flows/{name}.yaml"
        (place.root / file).write_text(text)
        found = place.again(file)
        assert found.state == "failed" and found.error is not None and found.error.place.line, found
        assert "python/object" in found.error.message.text("en"), found.error
    (place.root / "connections.yaml").write_text(TAGS["map"].replace("PWNED", str(pwned)))
    found = place.run("connected", "  r: {kind: sql.read, config: {connection: base, table: t}}\n")
    assert found.state == "failed" and found.error is not None
    assert not pwned.exists()


def test_yaml_tags_without_the_safe_loader_make_them(tmp_path):
    import yaml

    pwned = tmp_path / "pwned"
    yaml.unsafe_load(TAGS["map"].replace("PWNED", str(pwned)))
    assert pwned.exists()


def test_a_file_that_explodes_is_refused_at_once():
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    started = time.process_time()
    reading = read_flow(f"tisserand: 1\nid: x\n{laughs}nodes: {{}}\n")
    assert any(problem.code == "yaml.alias" for problem in reading.problems), reading.problems
    deep = read_flow("tisserand: 1\nid: x\nnodes: " + "[" * 100_000)
    assert deep.flow is None and deep.problems
    assert time.process_time() - started < 30  # exploded, it would be 10^12 values


def reads(path: str) -> str:
    write = "  out: {kind: file.write_csv, inputs: {table: r}, config: {path: out/o.csv}}\n"
    return f"  r: {{kind: file.read_csv, config: {{path: '{path}'}}}}\n" + write


def writes(path: str) -> str:
    return ROWS + f"  out: {{kind: file.write_csv, inputs: {{table: rows}}, config: {{path: '{path}'}}}}\n"


OPEN_PATHS = (
    "import pathlib, tisserand.workspace.folder as guard\n"
    "guard.Workspace.resolve = lambda self, text, environment=None: (self.root / text).resolve()\n"
)


def test_paths_and_links_do_not_lead_out(place, secret, without):
    root = place.root
    (root / "link.csv").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / ".tisserand").mkdir(exist_ok=True)
    ways = [str(secret), f"../{secret.parent.name}/secret.csv", "link.csv", "folder/secret.csv", "folder/*.csv"]
    for number, way in enumerate(ways):
        found = place.run(f"in-{number}", reads(way))
        assert found.state == "failed" and found.error is not None and found.error.place.node == "r", way
        assert SECRET not in found.error.line()
    before = secret.read_text()
    for number, way in enumerate([*ways[:4], ".tisserand/journal.sqlite"]):
        found = place.run(f"out-{number}", writes(way))
        assert found.state == "failed" and found.error is not None and found.error.place.node == "out", (way, found)
    assert secret.read_text() == before and not (root / "out").exists()
    without(OPEN_PATHS)
    assert place.run("unguarded-in", reads("link.csv")).state == "done"
    assert SECRET in (root / "out" / "o.csv").read_text()
    assert place.run("unguarded-out", writes(ways[1])).state == "done"
    assert secret.read_text() == "a\n1\n"


def test_a_link_put_there_while_the_run_waits_is_not_followed(place, secret):
    """The path is looked at when the node runs, not only when the flow starts."""
    (place.root / "out").mkdir()
    nodes = (
        ROWS
        + "  pause: {kind: flow.wait, inputs: {table: rows}, config: {duration: 2s}}\n"
        + "  out: {kind: file.write_csv, inputs: {table: pause}, config: {path: out/o.csv}}\n"
    )
    run = place.start("swapped", nodes)
    place.until(run, lambda found: "pause" in found.nodes and found.nodes["pause"].state == "running")
    (place.root / "out").rmdir()
    (place.root / "out").symlink_to(secret.parent)
    found = place.executor.wait(run)
    assert found.state == "failed" and found.error is not None and found.error.place.node == "out", found
    assert sorted(path.name for path in secret.parent.iterdir()) == ["secret.csv"]
