"""`tisserand api …` as an administrator types it: every command, what it refuses and how, one JSON document, two languages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
import yaml
from tests.cli.conftest import Ask

from tisserand.apis.catalogue.files import ApiFile, Catalogue
from tisserand.cli.main import root

DOCUMENT = """\
openapi: 3.1.0
info: {title: Orders, version: "1", description: All orders.}
paths:
  /orders:
    get:
      operationId: listOrders
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
components:
  schemas:
    Order: {type: object, properties: {number: {type: integer}, total: {type: number}}}
"""
SWAGGER = """\
swagger: "2.0"
info: {title: Bills, version: "3"}
host: bills.example.org
basePath: /api
schemes: [https]
paths:
  /bills: {get: {responses: {"200": {description: ok}}}}
"""
FLOW = """\
tisserand: 1
id: price
nodes:
  asked: {kind: trigger.request, config: {path: /price}}
  answer: {kind: flow.reply, inputs: {table: asked}}
"""
ORDERS = {
    "id": "orders", "version": "1", "name": "Orders", "lifecycle": "published", "owner": "sales", "tags": ["money"],
    "openapi": "orders-1.openapi.yaml", "route": {"base_path": "/orders"},
    "upstream": {"targets": [{"url": "http://127.0.0.1:9"}]},
}  # fmt: skip


@pytest.fixture
def shop(ask: Ask) -> Ask:
    """`orders@1` is published, and acme is subscribed; `bare@1` is a draft without anything."""
    Path("apis").mkdir()
    Path("apis/orders-1.yaml").write_text(yaml.safe_dump(ORDERS))
    Path("apis/orders-1.openapi.yaml").write_text(DOCUMENT)
    Path("apis/bare-1.yaml").write_text("id: bare\nversion: '1'\nroute: {base_path: /bare}\nupstream: {}\n")
    Path("plans.yaml").write_text("gold: {name: Gold}\n")
    Path("consumers.yaml").write_text("acme: {name: Acme}\n")
    Path("subscriptions.yaml").write_text("acme-orders: {api: orders, plan: gold, consumer: acme, state: active}\n")
    Path("document.yaml").write_text(DOCUMENT)
    Path("swagger.yaml").write_text(SWAGGER)
    Path("latin.yaml").write_bytes(b"\xe9")
    return ask


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from commands(found, *path, name)


@pytest.mark.parametrize("group", ["api", "gateway"])
def test_the_help_of_every_command(ask: Ask, group: str) -> None:
    """It names all options, and says something else in French."""
    with click.Context(root) as context:
        top = root.get_command(context, group)
    assert top is not None
    paths = [*commands(top, group)]
    assert len(paths) > (30 if group == "api" else 8)
    for path in paths:
        told = ask(*path, "--help").out
        french = ask("--lang", "fr", *path, "--help").out
        command: click.Command = top
        for name in path[1:]:
            assert isinstance(command, click.Group)
            with click.Context(command) as context:
                command = command.get_command(context, name) or command
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in told and parameter.help, (path, parameter.opts)
        assert (
            told.startswith("Usage: tisserand ") and french.startswith("Usage\N{NO-BREAK SPACE}: tisserand ") and told != french
        ), path
        ask("--lang", "en", *path, "--help")


def test_a_life_from_a_document_to_its_end(ask: Ask) -> None:
    Path("document.yaml").write_text(DOCUMENT)
    made = ask("api", "import", "document.yaml")
    assert "orders@1" in made.out and "draft" in made.out
    ask("api", "set", "orders", "--name", "Orders", "--summary", "All of them.", "--owner", "sales", "--tag", "a", "--tag", "b",
        "--url", "http://127.0.0.1:9", "--base-path", "/o")  # fmt: skip
    assert "published" in ask("api", "publish", "orders").out
    shown = dict(line.split(None, 1) for line in ask("api", "show", "orders@1").out.splitlines())
    assert (shown["path"], shown["owner"], shown["tags"], shown["operations"]) == ("/o/v1", "sales", "a, b", "1")
    assert json.loads(ask("api", "show", "orders", "--document").out)["paths"].keys() == {"/orders"}
    ask("api", "new", "orders@2", "--url", "http://127.0.0.1:9", "--name", "Orders", "--plan", "gold", "--gateway", "edge")
    written = yaml.safe_load(Path("apis/orders-2.yaml").read_text())
    assert (written["plans"], written["gateways"]) == (["gold"], ["edge"])
    ask("api", "document", "orders@2", "-", stdin=DOCUMENT.replace("total: {type: number}", "total: {type: string}"))
    told = ask("api", "diff", "orders", "1", "2")
    assert told.out.splitlines()[0].startswith("! GET /orders") and "1 change breaks callers." in told.out
    assert ask("api", "diff", "orders", "1", "2", "--exit-code", code=3).out == told.out
    assert ask("api", "diff", "orders", "1", "1", "--exit-code").out == "Nothing changed that callers could notice.\n"
    assert "draft" in ask("api", "draft", "orders@1").out
    ask("api", "publish", "orders@1")
    assert "deprecated" in ask("api", "deprecate", "orders@1", "--sunset", "2999-12-31").out
    ask("api", "publish", "orders@1")
    ask("api", "deprecate", "orders@1", "--sunset", "2999-12-31")
    assert "retired" in ask("api", "retire", "orders@1").out
    assert ask("api", "remove", "orders@1").out == "“orders@1” is removed.\n"
    assert ask("api", "remove", "orders", "--json").json == {"removed": "orders@2"}
    assert [*Path("apis").iterdir()] == []


def test_the_list_is_narrowed_by_each_option(shop: Ask) -> None:
    shop("api", "import", "swagger.yaml", "--id", "bills", "--version", "3.1")
    keys = lambda *argv: [row[0] for row in shop("api", "list", *argv).rows[1:]]  # noqa: E731
    assert keys() == ["bare@1", "bills@3.1", "orders@1"]
    assert keys("ORDERS money") == keys("--tag", "Money") == keys("--owner", "SALES") == keys("--schema", "order") == ["orders@1"]
    assert keys("--state", "draft") == ["bare@1", "bills@3.1"] and keys("--state", "retired") == keys("nothing") == []
    assert shop("api", "list", "--limit", 1).out.splitlines()[-1] == "… and 2 more."
    found = shop("api", "list", "--tag", "money", "--json").json
    assert found["total"] == 1 and found["apis"][0]["consumers"] == 1 and found["apis"][0]["path"] == "/orders/v1"
    Path("apis/broken.yaml").write_text("id: [\n")
    assert shop("api", "list").err.startswith("apis/broken.yaml:2: The file is not valid YAML")
    assert "état" in shop("--lang", "fr", "api", "list").out and "publié" in shop("--lang", "fr", "api", "list").out.lower()


def test_lint_tells_all_and_leaves_with_2_where_something_is_wrong(shop: Ask) -> None:
    """Files that cannot be read, documents that are gone or outside, flows that are gone, names of what is not there: all at once."""
    assert shop("api", "lint", "bare").out == "0 problems\n"
    fine = shop("api", "lint")
    assert fine.out.endswith(" problems\n") and "apis/orders-1.yaml" in fine.err
    Path("apis/broken.yaml").write_text("id: broken\nversion: 1\n")
    for id, more in {
        "outside": "openapi: ../document.yaml\n",
        "gone": "openapi: gone.openapi.yaml\n",
        "flow": "plans: [iron]\n",
    }.items():
        upstream = "{flow: nothing}" if id == "flow" else "{}"
        head = f"id: {id}\nversion: '1'\nroute: {{base_path: /{id}}}\nupstream: {upstream}\n"
        Path(f"apis/{id}.yaml").write_text(head + more)
    told = shop("api", "lint", "--json", code=2).json
    assert told["ok"] is False
    errors = {
        (each["place"]["file"], each["place"]["line"], each["place"]["field"])
        for each in told["problems"]
        if each["severity"] == "error"
    }
    assert errors == {
        ("apis/broken.yaml", 2, "version"), ("apis/broken.yaml", None, "route"), ("apis/broken.yaml", None, "upstream"),
        ("apis/outside.yaml", 5, "openapi"), ("apis/gone.yaml", 5, "openapi"), ("apis/flow.yaml", None, "upstream.flow"),
    }  # fmt: skip
    one = {each["place"]["field"] for each in shop("api", "lint", "flow", "--json", code=2).json["problems"]}
    assert one == {"plans.0", "upstream.flow"}, "of one version the same is told"
    lines = shop("api", "lint", code=2).err.splitlines()
    assert len(lines) == len(set(lines)) == len(told["problems"]), "each is told once"
    assert "apis/flow.yaml:5: plans.0: There is no plan “iron”." in lines
    assert "apis/outside.yaml:5: openapi: “../document.yaml” lies outside the folder of APIs." in lines


def test_lint_looks_through_the_folder_a_few_times_only(shop: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each API: of thousands that would be millions of files."""
    for number in range(130):
        head = f"id: a{number}\nversion: '1'\nroute: {{base_path: /a{number}}}\nupstream: {{}}\n"
        Path(f"apis/a{number}.yaml").write_text(head + "openapi: gone.openapi.yaml\n")
    looked, apis = [0], Catalogue.apis

    def counted(catalogue: Catalogue) -> list[ApiFile]:
        looked[0] += 1
        return apis(catalogue)

    monkeypatch.setattr(Catalogue, "apis", counted)
    told = shop("api", "lint", "--json", code=2).json["problems"]
    assert len({each["place"]["file"] for each in told if each["place"]["field"] == "openapi"}) == 130
    assert looked[0] < 15


def test_what_is_set_leaves_all_else(shop: Ask) -> None:
    Path("apis/orders-1.yaml").write_text(yaml.safe_dump({
        **ORDERS, "policies": {"max_body": "1MB"}, "upstream": {"targets": [{"url": "http://a.example"}], "timeout": "3s"},
        "route": {"base_path": "/orders", "hosts": ["h.example"]},
    }))  # fmt: skip
    shop("api", "set", "orders", "--url", "http://b.example", "--url", "http://c.example", "--base-path", "/all")
    written = yaml.safe_load(Path("apis/orders-1.yaml").read_text())
    assert written["upstream"] == {"targets": [{"url": "http://b.example"}, {"url": "http://c.example"}], "timeout": "3s"}
    assert written["route"] == {"base_path": "/all", "hosts": ["h.example"]} and written["policies"] == {"max_body": "1MB"}
    before = Path("apis/orders-1.yaml").read_text()
    shop("api", "new", "orders", "--url", "http://d.example", code=2)
    assert Path("apis/orders-1.yaml").read_text() == before, "“new” replaces nothing"
    shop("api", "set", "bare", "--url", "http://b.example")
    shop("api", "set", "bare", "--flow", "f")
    assert yaml.safe_load(Path("apis/bare-1.yaml").read_text())["upstream"] == {"flow": "f"}


def test_redundancy_names_pairs_and_what_speaks_for_them(shop: Ask) -> None:
    assert shop("api", "redundancy").out == "No two APIs seem to offer the same.\n"
    Path("apis/sales.yaml").write_text(yaml.safe_dump({**ORDERS, "id": "sales", "route": {"base_path": "/sales"}}))
    lines = shop("api", "redundancy").out.splitlines()
    assert (
        lines[0].startswith("orders@1 · sales@1  ")
        and lines[0].endswith(" %")
        and all(line.startswith("  ") for line in lines[1:])
    )
    (pair,) = shop("api", "redundancy", "--json").json["pairs"]
    assert (pair["left"], pair["right"]) == ("orders@1", "sales@1") and pair["evidence"]
    assert shop("--lang", "fr", "api", "redundancy").out.splitlines()[1] != lines[1]


def test_the_reference_site(shop: Ask) -> None:
    assert shop("api", "docs").out == "4 pages written, the first is api-docs/index.html.\n"
    assert (Path("api-docs") / "fr" / "index.html").exists()
    pages = shop("api", "docs", "public", "--language", "fr", "--json").json["pages"]
    assert "en/orders@1.html" in pages and all((Path("public") / page).is_file() for page in pages)


def test_a_flow_becomes_an_api(shop: Ask) -> None:
    Path("flows/price.yaml").write_text(FLOW)
    told = shop(
        "api", "publish-flow", "price", "price@2", "--name", "Price", "--base-path", "/p", "--mode", "async", "--json"
    ).json
    assert (told["brief"]["lifecycle"], told["brief"]["path"], told["data"]["upstream"]["mode"]) == (
        "published",
        "/p/v2",
        "async",
    )
    assert "/price" in told["document"]["paths"] and told["generated"]
    assert "flow:price" in shop("api", "publish-flow", "price", "price", "--name", "Price").out
    said = shop("api", "call", "price", "/price", code=2).err
    assert said == "“price@2” is not served. Publish it, with the executor running: tisserand serve\n"


@pytest.fixture
def service() -> Iterator[str]:
    """Tells what it was asked; `/teapot` answers 418."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            text = json.dumps([self.command, self.path, self.headers.get("content-type"), self.headers.get("x-a"), body]).encode()
            self.send_response(418 if self.path == "/teapot" else 200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST  # noqa: N815 - the names of the base class

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_test_call(shop: Ask, service: str) -> None:
    shop("api", "set", "bare", "--url", service)
    told = shop("api", "call", "bare", "/x?y=1")
    assert (
        json.loads(told.out) == ["GET", "/x?y=1", None, None, ""]
        and told.err.startswith("200 in ")
        and told.err.endswith(" ms\n")
    )
    Path("body.json").write_text("{}")
    told = shop("api", "call", "bare@1", "/x", "--method", "POST", "--body", "body.json", "--header", "X-A: b:c")
    assert json.loads(told.out) == ["POST", "/x", "application/json", "b:c", "{}"]
    told = shop("api", "call", "bare", "/x", "--method", "PUT", "--body", "-", "--header", "content-type:text/plain", stdin="hé")
    assert json.loads(told.out) == ["PUT", "/x", "text/plain", None, "hé"]
    found = shop("api", "call", "bare", "/teapot", "--json", code=1).json
    assert (found["status"], json.loads(found["body"])[1]) == (418, "/teapot")
    assert shop("--lang", "fr", "api", "call", "bare", "/x").err.startswith("200 en ")


NO_ORDERS = "There is no API “nothing”."
REFUSED: list[tuple[str, str]] = [
    ("show nothing", NO_ORDERS),
    ("show orders@9", "There is no API “orders@9”."),
    ("show", "Missing argument 'API'"),
    ("show orders extra", "Got unexpected extra argument (extra)"),
    ("list --state alive", "'alive' is not one of 'draft', 'published', 'deprecated', 'retired'"),
    ("list --limit 0", "0 is not in the range 1<=x<=10000"),
    ("list --color red", "No such option '--color'"),
    ("list --workspace nowhere", "There is no folder “nowhere”."),
    ("nothing", "No such command 'nothing'"),
    ("new Orders --url http://x", "apis: id: “Orders” does not have the form that “id” needs; its help says which."),
    ("new x@ü --url http://x", "version: “ü” does not have the form"),
    ("new x --url ftp://x", "upstream.targets.0.url: “ftp://x” does not have the form"),
    ("new x --url http://x --base-path x", "route.base_path: “x” does not have the form"),
    ("new x --url http://x --flow f", "Either --url or --flow: one of them answers."),
    ("new orders --url http://x", "“orders@1” is there already. Choose another id or version."),
    ("new x --plan Gold", "plans.0: “Gold” does not have the form that “plans” needs"),
    ("set nothing --name x", NO_ORDERS),
    ("set orders --owner=", "apis/orders-1.yaml: owner: It has no owner. Say who answers for it."),
    ("set orders --plan iron", "apis/orders-1.yaml: plans.0: There is no plan “iron”. Plans: gold."),
    ("import nowhere.yaml", "“nowhere.yaml” cannot be read: No such file or directory"),
    ("import flows", "“flows” cannot be read: Is a directory"),
    ("import latin.yaml", "“latin.yaml” is not UTF-8 text."),
    ("import plans.yaml", "It says neither “openapi: 3.1.0” nor 3.0 nor “swagger: 2.0”."),
    ("import -", "It is no OpenAPI document: it holds no names with values."),
    ("import document.yaml", "“orders@1” is there already. Give the import another id or version."),
    ("import document.yaml --id ../x", "id: “../x” does not have the form"),
    ("document nothing document.yaml", NO_ORDERS),
    ("document orders nowhere.yaml", "“nowhere.yaml” cannot be read"),
    ("document orders swagger.yaml", "“orders@1” has subscriptions: make a new version."),
    ("publish nothing", NO_ORDERS),
    ("publish orders", "“orders@1” is published: it cannot become published from there."),
    ("publish bare --sunset 2999-01-01", "A version that becomes published is given no end. Leave the date out."),
    ("deprecate orders", "It is not said when “orders@1” ends. Give a date: --sunset."),
    ("deprecate orders --sunset soon", "“soon” is not a date. Write it as 2027-06-30."),
    ("deprecate orders --sunset 2020-01-01", "2020-01-01 is not in the future."),
    ("deprecate bare --sunset 2999-01-01", "“bare@1” is draft: it cannot become deprecated from there."),
    ("retire orders", "“orders@1” is published: it cannot become retired from there."),
    ("draft orders", "“orders@1” has 1 active subscriptions. Deprecate it instead"),
    ("remove orders", "“orders@1” is published: only drafts and retired versions are removed."),
    ("remove nothing", NO_ORDERS),
    ("diff orders 1 9", "There is no API “orders@9”."),
    ("diff bare 1 1", "“apis/bare-1.yaml” has no document to compare."),
    ("lint nothing", NO_ORDERS),
    ("docs ..", "“..” is no folder of the workspace."),
    ("docs apis", "“apis” holds something else than a reference site. Name a new folder."),
    ("docs x --language de", "'de' is not one of 'en', 'fr'"),
    ("publish-flow nothing x", "There is no flow “nothing”"),
    ("publish-flow price orders", "“orders@1” is there already. Choose another id or version."),
    ("publish-flow price X", "id: “X” does not have the form"),
    ("publish-flow price x --mode later", "'later' is not one of 'sync', 'async'"),
    ("call nothing /", NO_ORDERS),
    ("call orders relative", "“relative” is no path: it begins with “/”."),
    ("call orders / --header nocolon", "“nocolon” is no header: write NAME:VALUE."),
    ("call orders / --body nowhere", "“nowhere” cannot be read"),
    ("call orders / --gateway moon", "There is no gateway “moon” that can be called."),
    ("call orders / --method LOOK", "'LOOK' is not one of 'GET'"),
    ("call orders /", "“http://127.0.0.1:9” gave no answer: ConnectionError"),
    ("call bare /", "Nothing answers its requests. Name a flow, or an address with a weight."),
]


@pytest.mark.parametrize("line", [line for line, _sentence in REFUSED])
def test_what_is_refused_is_a_sentence_and_changes_nothing(shop: Ask, line: str) -> None:
    Path("flows/price.yaml").write_text(FLOW)
    files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and ".tisserand" not in path.parts}
    sentence = dict(REFUSED)[line]
    told = shop("api", *line.split(" "), code=2)
    assert told.out == "" and sentence in told.err
    document = shop("api", *line.split(" "), "--json", code=2)
    assert sentence in " ".join(each["text"] for each in document.json["problems"])
    assert {path: path.read_bytes() for path in files} == files
    assert {path for path in Path().rglob("*") if path.is_file() and ".tisserand" not in path.parts} == {*files}


def test_all_that_a_draft_lacks_is_told_line_by_line(shop: Ask) -> None:
    told = shop("api", "publish", "bare", code=2).err.splitlines()
    assert told == [
        "apis/bare-1.yaml: name: It has no name. Say what people call it.",
        "apis/bare-1.yaml: owner: It has no owner. Say who answers for it.",
        "apis/bare-1.yaml: upstream: Nothing answers its requests. Name a flow, or an address with a weight.",
        "apis/bare-1.yaml: openapi: It has no OpenAPI document: nobody could know how to call it. Add one: tisserand api document.",
    ]
    french = shop("--lang", "fr", "api", "publish", "bare", code=2).err.splitlines()
    assert len(french) == 4 and not {*told} & {*french}


HOSTILE = {
    "no truth": "!!bool maybe",
    "no day": "2026-02-31",
    "no number": "!!int ''",
    "too deep": "[" * 50_000 + "]" * 50_000,
    "itself": "&a [*a]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_that_cannot_be_stops_no_command(shop: Ask, name: str) -> None:
    """In a flow that has nothing to do with it, in the connections, and in the settings of the workspace: at most a sentence."""
    value = HOSTILE[name]
    Path("flows/odd.yaml").write_text(f"tisserand: 1\nid: odd\ntitle: {value}\nnodes: {{}}\n")
    shop("api", "diff", "orders", "1", "1")
    Path("connections.yaml").write_text(f"odd: {{type: http, base_url: {value}}}\n")
    for line in ("api diff orders 1 1", "api key issue acme", "connection list", "gateway list", "check odd"):
        assert shop(*line.split(), code=None).code in (0, 2), line
    assert shop("connection", "add", "more", "http", "--set", f"base_url={value}", code=None).code in (0, 2)
    Path("tisserand.yaml").write_text(f"id: cli-apis\nexecutor: {{warm: {value}}}\n")
    assert shop("api", "list", code=None).code in (0, 2)


def test_the_program_itself_in_french(shop: Ask) -> None:
    """As a process, in the language that the environment asks for."""
    env = {name: value for name, value in os.environ.items() if name != "TISSERAND_LANG"} | {
        "LANGUAGE": "fr:en",
        "LC_ALL": "C.UTF-8",
    }
    for argv, code, out, err in (
        (["api", "list"], 0, "publié", ""),
        (["api", "show", "nothing"], 2, "", "Il n’y a pas d’API « nothing »."),
    ):
        command = [sys.executable, "-m", "tisserand.cli.main", *argv]
        found = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90)
        assert (found.returncode, bool(found.stdout)) == (code, bool(out)), found
        assert out in found.stdout and err.replace("« ", "«\u00a0").replace(" »", "\u00a0»") in found.stderr
        assert "Traceback" not in found.stderr


SERVED = [
    "list", "list orders --schema total", "show orders", "show orders --document", "show nothing", "lint", "lint orders", "redundancy",
    "set orders --tag new", "new more --url http://127.0.0.1:9", "new orders --url http://127.0.0.1:9", "publish bare", "remove bare",
    "import swagger.yaml", "import document.yaml", "document orders swagger.yaml", "document more@1 document.yaml", "diff orders 1 1",
    "deprecate orders --sunset 2999-01-01", "publish orders", "docs site", "call orders / --gateway moon", "call orders relative",
    "plan set silver --rate 5/1s", "plan set silver --rate 0/1s", "plan list", "consumer add zeta", "consumer list",
    "subscribe zeta orders silver", "subscription list", "subscription suspend zeta-orders", "subscription reject zeta-orders",
    "subscription remove zeta-orders", "key issue nobody", "key revoke zeta k9", "key list", "consumer remove zeta", "plan remove silver",
    "list --json", "lint --json", "plan list --json", "subscription list --json", "redundancy --json",
]  # fmt: skip


def test_a_served_workspace_answers_alike(shop: Ask) -> None:
    """Whether a command asks the executor of the workspace or does it itself: the same is printed, and the same files are there."""
    Path("apis/broken.yaml").write_text("id: [\n")
    here = Path.cwd()
    other = here.parent / "served"
    shutil.copytree(here, other)
    command = [sys.executable, "-m", "tisserand.cli.main", "serve", "--json"]
    with subprocess.Popen(command, cwd=other, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None and json.loads(serving.stdout.readline())["url"].startswith("http://127.0.0.1:")
            for line in SERVED:
                alone = shop("api", *line.split(), code=None)
                served = shop("api", *line.split(), "--workspace", other, code=None)
                assert (alone.code, alone.err) == (served.code, served.err), line
                assert _without_hash(alone.out) == _without_hash(served.out), line
            key = shop("api", "key", "issue", "acme", "--workspace", other, "--json").json
            assert shop("api", "key", "list", "--workspace", other, "--json").json["keys"][0]["id"] == key["credential"]
            shop("api", "key", "revoke", "acme", key["credential"], "--workspace", other)
        finally:
            serving.terminate()
            assert serving.wait(60) == 0
    assert {path.relative_to(here) for path in here.glob("apis/*")} == {path.relative_to(other) for path in other.glob("apis/*")}


def _without_hash(text: str) -> str:
    return re.sub(r'"(hash|since)": "[^"]*"', "", text)
