"""The command line from outside: exit codes, one JSON document, sentences, languages, and how little `--help` loads."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tisserand import texts
from tisserand.cli import main as cli

COMMANDS = [
    "run",
    "resume",
    "check",
    "explain",
    "fmt",
    "new",
    "nodes",
    "schema",
    "runs",
    "logs",
    "data",
    "ps",
    "cancel",
    "pause",
    "unpause",
    "watch",
    "schedule",
    "inbox",
    "approvals",
    "approve",
    "signal",
    "find",
    "erase",
    "alerts",
    "audit",
    "retention",
    "api",
    "gateway",
    "connection",
    "secret",
    "serve",
    "executor",
    "designer",
]


@pytest.fixture
def call(capfd, monkeypatch, tmp_path):
    """Run one command in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*argv, stdin: str = ""):
        import io

        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capfd.readouterr()
        code = cli.call([str(arg) for arg in argv])
        out, err = capfd.readouterr()
        return code, out, err

    yield run
    texts.set_language("en")


@pytest.fixture
def place(call, tmp_path):
    code, _out, _err = call("new", tmp_path / "w")
    assert code == 0
    return tmp_path / "w"


def tisserand(*argv, **kwargs):
    env = os.environ | kwargs.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "tisserand.cli.main", *map(str, argv)],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
        **kwargs,
    )


# --- help


def test_help_names_every_command_and_says_something_of_each(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    for name in COMMANDS:
        line = next(line for line in out.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 2
    assert list(cli.COMMANDS) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(call, name):
    code, out, err = call(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: tisserand {name}")


def test_help_loads_nothing_heavy():
    heavy = ["ibis", "duckdb", "pyarrow", "pandas", "fastapi", "starlette", "uvicorn", "rich", "networkx", "pydantic", "sqlglot",
             "sqlalchemy", "requests", "PySide6", "yaml", "psutil", "tisserand.sdk", "tisserand.engine", "tisserand.service"]  # fmt: skip
    program = (
        "import sys\nfrom tisserand.cli.main import call\ncode = call(['--help'])\n"
        f"print(code, [name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert found.stderr.strip() == "0 []"


def test_the_version_is_told(call):
    assert call("--version") == (0, "Tisserand 0.1.0\n", "")


# --- wrong calls


@pytest.mark.parametrize(
    "argv",
    [
        ["rnu"],
        ["run"],
        ["run", "a", "b"],
        ["run", "a", "--memory", "much"],
        ["run", "a", "--threads", "0"],
        ["run", "a", "--keep", "most"],
        ["run", "a", "--unknown"],
        ["run", "first", "-p", "novalue", "--workspace", "w"],
        ["--lang", "xx", "nodes"],
        ["data", "last"],
        ["runs", "--limit", "0"],
    ],
)
def test_a_wrong_call_is_a_sentence_and_code_2(call, place, argv):
    code, out, err = call(*argv)
    assert (code, out) == (2, "")
    assert err and "Traceback" not in err
    code, out, err = call(*argv, "--json")
    assert code == 2
    assert json.loads(out)["problems"][0]["text"]


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "nothing"],
        ["run", "flows/nothing.yaml"],
        ["check", "nothing"],
        ["fmt", "nothing"],
        ["data", "last", "a"],
        ["data", "20260101-000000-abc123", "a"],
        ["data", "../../x", "a"],
        ["resume", "20260101-000000-abc123"],
        ["runs", "--workspace", "nowhere"],
        ["nodes", "table.fliter"],
        ["schema", "table.fliter"],
        ["new", ".", "--template", "nothing"],
        ["connection", "test", "crm"],
        ["connection", "remove", "crm"],
        ["connection", "add", "crm", "nothing"],
        ["secret", "remove", "nothing"],
    ],
)
def test_what_is_not_there_is_a_sentence_and_code_2(call, place, monkeypatch, argv):
    monkeypatch.chdir(place)
    code, out, err = call(*argv)
    assert (code, out) == (2, "")
    assert err.strip() and "Traceback" not in err and "did not foresee" not in err
    code, out, _err = call(*argv, "--json")
    assert code == 2
    assert json.loads(out)["problems"][0]["text"] == err.strip().splitlines()[0]


def test_outside_any_workspace_it_says_how_to_make_one(call, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    code, _out, err = call("runs")
    assert code == 2
    assert "tisserand new" in err


def test_what_nobody_foresaw_is_a_sentence_and_a_file(call, place, monkeypatch):
    monkeypatch.setattr("tisserand.cli.session.workspace", lambda *_: 1 / 0)
    code, out, err = call("runs")
    assert (code, out) == (1, "")
    assert "ZeroDivisionError" in err and "Traceback" not in err
    report = Path(err.split("“")[-1].split("”")[0])
    assert "Traceback" in report.read_text()
    report.unlink()


def test_a_store_that_is_none_is_a_sentence(call, place):
    (place / ".tisserand").mkdir(exist_ok=True)
    (place / ".tisserand" / "ledger.sqlite").write_text("no database")
    code, _out, error = call("watch", "--workspace", str(place))
    assert code == 2 and "ledger.sqlite” cannot be opened: file is not a database" in error


def test_the_traceback_is_there_for_who_asks(call, monkeypatch):
    monkeypatch.setattr("tisserand.cli.session.workspace", lambda *_: 1 / 0)
    monkeypatch.setenv("TISSERAND_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        call("runs")


# --- languages


def test_click_itself_speaks_through_our_catalogues(call, monkeypatch):
    shouting = {"Usage:": "AUFRUF:", "Options": "SCHALTER", "Error: {message}": "FEHLER: {message}", "Commands": "BEFEHLE"}
    monkeypatch.setattr("tisserand.cli.words.translate", lambda text: shouting.get(text, text))
    code, out, _err = call("--help")
    assert code == 0
    assert "AUFRUF:" in out and "SCHALTER" in out and "BEFEHLE" in out
    _code, _out, err = call("rnu")
    assert "FEHLER: No such command" in err
    monkeypatch.undo()
    cli.speak_our_language()


def test_every_word_of_click_in_our_list_is_really_clicks():
    import inspect

    import click.core
    import click.decorators
    import click.exceptions
    import click.formatting
    import click.parser
    import click.types

    from tisserand.cli.words import CLICK_WORDS

    source = "".join(
        inspect.getsource(module)
        for module in (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.types)
    )
    # The source writes a line break as \n.
    assert [word for word in CLICK_WORDS if word.replace("\n", "\\n").replace("\t", "\\t") not in source] == []


def test_the_language_is_an_option_or_the_environments(call, place, monkeypatch):
    call("--lang", "fr", "runs", "--workspace", place)
    assert texts.language() == "fr"
    monkeypatch.setenv("TISSERAND_LANG", "fr_CA.UTF-8")
    call("runs", "--workspace", place)
    assert texts.language() == "fr"
    call("--lang", "en", "runs", "--workspace", place)
    assert texts.language() == "en"


# --- workspaces and flows


def test_new_makes_a_workspace_and_flows_in_it(call, place, monkeypatch):
    assert (place / "tisserand.yaml").exists()
    assert (place / "flows" / "first.yaml").exists()
    monkeypatch.chdir(place)
    code, out, _err = call("new", "Second try.yaml", "--json")
    assert code == 0
    assert json.loads(out) == {"made": [str(place / "flows" / "Second try.yaml")]}
    assert "id: second-try\n" in (place / "flows" / "Second try.yaml").read_text()
    before = (place / "flows" / "first.yaml").read_text()
    for again in (["new", "first.yaml"], ["new", "."]):
        code, _out, err = call(*again)
        assert code == 2 and "already" in err
    assert (place / "flows" / "first.yaml").read_text() == before


def test_new_from_a_shipped_flow_brings_its_data(call, place, monkeypatch):
    monkeypatch.chdir(place)
    code, out, _err = call("new", "--templates", "--json")
    names = [template["name"] for template in json.loads(out)["templates"]]
    assert "file-read-csv" in names
    code, out, _err = call("new", "mine.yaml", "--template", "file-read-csv")
    assert code == 0
    assert "id: mine\n" in (place / "flows" / "mine.yaml").read_text()
    assert list((place / "data").iterdir())


def test_fmt_writes_the_one_form_and_then_nothing_more(call, place, monkeypatch):
    monkeypatch.chdir(place)
    path = place / "flows" / "loose.yaml"
    path.write_text(
        "id:    loose\ntisserand: 1\nnodes:\n    a: {kind: data.table,   config: {columns: {x: text}, rows: [['a']]}}\n"
    )
    before = path.read_text()
    assert call("fmt", "--check")[0] == 1
    assert path.read_text() == before
    code, out, _err = call("fmt", "--json")
    assert (code, json.loads(out)) == (0, {"changed": ["flows/loose.yaml"], "problems": []})
    assert path.read_text().startswith("tisserand: 1\nid: loose\n")
    assert call("fmt", "--check")[0] == 0


def test_fmt_never_loses_a_comment_unasked(call, place, monkeypatch):
    monkeypatch.chdir(place)
    path = place / "flows" / "noted.yaml"
    text = (
        "tisserand: 1\nid: noted\nnodes:\n  a:\n    kind: data.table\n"
        "    config: {columns: {x: text}, rows: [['no # comment']]}   # why\n"
    )
    path.write_text(text)
    code, _out, err = call("fmt", "noted")
    assert code == 2 and "flows/noted.yaml:6: " in err and "comment" in err
    assert path.read_text() == text
    assert call("fmt", "noted", "--drop-comments")[0] == 0
    assert "why" not in path.read_text() and "no # comment" in path.read_text()


def test_fmt_leaves_broken_files_alone(call, place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "flows" / "broken.yaml").write_text("id: [\n")
    code, _out, err = call("fmt", "flows/broken.yaml")
    assert code == 2 and "flows/broken.yaml:" in err
    assert (place / "flows" / "broken.yaml").read_text() == "id: [\n"


# --- reference


def test_nodes_are_listed_and_described_from_their_classes(call):
    code, out, _err = call("nodes", "--json")
    listed = {node["kind"]: node for node in json.loads(out)["nodes"]}
    assert code == 0 and {"table.filter", "file.read_csv"} <= set(listed)
    code, out, _err = call("nodes", "table.filter")
    assert code == 0
    for text in ("table.filter", "Inputs", "Outputs", "kept", "rejected", "where: formula (required)"):
        assert text in out
    code, out, _err = call("nodes", "table.filter", "--json")
    assert json.loads(out)["config"]["properties"]["where"]["format"] == "formula"


def test_every_node_has_a_page(call):
    _code, out, _err = call("nodes", "--json")
    for node in json.loads(out)["nodes"]:
        code, page, err = call("nodes", node["kind"])
        assert (code, err) == (0, "")
        assert node["title"] in page


def test_schemas_are_valid_against_their_draft(call):
    from jsonschema import Draft202012Validator

    for argv in (["schema", "node", "table.filter"], ["schema", "table.filter"]):
        code, out, _err = call(*argv)
        assert code == 0
        Draft202012Validator.check_schema(json.loads(out))


# --- connections and secrets


def test_a_secret_comes_from_standard_input_and_shows_nowhere(call, place, monkeypatch):
    monkeypatch.chdir(place)
    code, out, err = call("secret", "set", "crm.password", stdin="hunter2-planted\n")
    assert code == 0 and "hunter2" not in out + err
    code, out, _err = call("secret", "list", "--json")
    assert json.loads(out)["secrets"] == ["crm.password"]
    assert "hunter2" not in out
    for path in place.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()
    assert call("secret", "remove", "crm.password")[0] == 0
    assert json.loads(call("secret", "list", "--json")[1])["secrets"] == []
    assert call("secret", "set", "empty", stdin="")[0] == 2


def test_connections_are_added_tested_listed_and_removed(call, place, monkeypatch):
    monkeypatch.chdir(place)
    code, _out, err = call(
        "connection", "add", "local", "database", "--set", "system=sqlite", "--set", "file={{ workspace }}/data/x.sqlite"
    )
    assert (code, err) == (0, "")
    code, out, _err = call("connection", "list", "--json")
    assert [(c["name"], c["type"]) for c in json.loads(out)["connections"]] == [("local", "database")]
    code, out, _err = call("connection", "test", "local", "--json")
    tested = json.loads(out)
    assert code == (0 if tested["ok"] else 1)
    assert tested["message"]["text"]
    assert call("connection", "remove", "local")[0] == 0
    sqlite3.connect(place / "near.sqlite").execute("CREATE TABLE t (a)").connection.close()
    assert call("connection", "add", "near", "database", "--set", "system=sqlite", "--set", "file=near.sqlite")[0] == 0
    monkeypatch.chdir(place / "flows")  # a relative file is the workspace's, wherever one stands
    assert "near.sqlite" in call("connection", "test", "near")[1]
    monkeypatch.chdir(place)
    assert call("connection", "remove", "near")[0] == 0
    assert call("connection", "list", "--json")[1] == '{"connections": []}\n'


def test_a_connection_with_a_written_out_secret_is_refused(call, place, monkeypatch):
    monkeypatch.chdir(place)
    code, _out, err = call(
        "connection", "add", "pg", "database", "--set", "system=postgresql", "--set", "database=d", "--set", "password=plain-text"
    )
    assert code == 2 and "plain-text" not in err
    assert not (place / "connections.yaml").exists() or "plain-text" not in (place / "connections.yaml").read_text()


def test_a_reader_that_goes_away_is_no_fault(place):
    program = f"{sys.executable} -m tisserand.cli.main nodes | true"
    found = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=60)
    assert found.stderr == ""


def test_the_program_itself_leaves_with_the_code(place):
    assert tisserand("runs", "--workspace", place).returncode == 0
    wrong = tisserand("run", "--json", "nothing", "--workspace", place)
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["problems"]
