"""A secret is planted and used; then every file, log, process list and environment is searched for it."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PLANTED = "planted-Zx81/Qw+97"
DISGUISES = [
    PLANTED.encode(),
    base64.b64encode(PLANTED.encode())[:20],
    b"planted-Zx81%2FQw%2B97",
    PLANTED.encode().hex().encode(),
]

PROGRAM = """
import json, sys
from pathlib import Path
from tisserand.sdk import NodeError
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import LoneContext, config_of
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace

workspace = Workspace(Path(sys.argv[1]))
connections = Connections(workspace, registry())

class Context(LoneContext):
    def connection(self, name):
        return connections.get(name)
    def log(self, message, level="info"):
        log.append(connections.redactor.clean(message.to_json()))

log = []
context = Context(workspace.root)
node = registry().get("http.request").node
said = []
for url in ("private", "none", "echo/" ):
    config = config_of(node, {"connection": "api", "url": url, "attempts": 1})
    try:
        found = node().discover(context, config)
        rows = [batch.to_pylist() for batch in node().read(context, config, found)]
        said.append(connections.redactor.redact(repr(rows)))
    except NodeError as error:
        said.append(connections.redactor.redact(str(error)))
said.append(repr(connections.get("api")) + str(connections.get("api").secret) + connections.get("api").model_dump_json())
(workspace.root / "run.log").write_text(json.dumps([log, said]))
print(json.dumps(said), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def web() -> Iterator[Any]:
    path = Path(__file__).parents[1] / "servers" / "web.py"
    spec = importlib.util.spec_from_file_location("tests_servers_web", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.running() as server:
        yield server


def holds(content: bytes) -> bool:
    return any(disguise in content for disguise in DISGUISES)


def files_with_it(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and holds(path.read_bytes())]


def processes_with_it() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        for name in ("cmdline", "environ"):
            try:
                if holds((folder / name).read_bytes()):
                    found.append(f"{folder.name}/{name}")
            except OSError:
                continue  # it ended, or is another user's
    return found


def test_a_planted_secret_is_used_and_found_nowhere(web: Any, tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "workspace"
    root.mkdir()
    (root / "tisserand.yaml").write_text("id: planted\n")
    (root / "connections.yaml").write_text(f"api: {{type: http, base_url: '{web.url}', auth: bearer, secret: secret:api_key}}\n")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(home), "TISSERAND_SECRETS": "file", "HOME": str(tmp_path)}
    setting = "import sys; from tisserand.workspace.secrets import secret_store; secret_store('planted').set('api_key', sys.stdin.read())"
    done = subprocess.run([sys.executable, "-c", setting], input=PLANTED, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdin is not None and running.stdout is not None
    try:
        said = running.stdout.readline()
        assert "'in': True" in said
        assert web.asked[0].headers["authorization"] == f"Bearer {PLANTED}"
        if Path("/proc").is_dir():
            assert processes_with_it() == []
    finally:
        running.stdin.close()
        running.stdout.close()
        running.wait(20)
    assert json.loads(said) and not holds(said.encode())
    assert files_with_it(tmp_path) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """The search itself works: planted on purpose, it is found in a file, in arguments and in an environment."""
    (tmp_path / "log").write_text(f"password={PLANTED}")
    assert files_with_it(tmp_path) == [str(tmp_path / "log")]
    if not Path("/proc").is_dir():
        return
    sleeping = subprocess.Popen(["sleep", "30"], env={"PATH": os.environ["PATH"], "P": PLANTED})
    speaking = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)", PLANTED])
    try:
        wanted = {f"{sleeping.pid}/environ", f"{speaking.pid}/cmdline"}
        for _attempt in range(100):
            if wanted <= set(processes_with_it()):
                return
            time.sleep(0.05)
        raise AssertionError("the search is blind")
    finally:
        sleeping.kill()
        speaking.kill()
        sleeping.wait()
        speaking.wait()


def test_a_run_leaves_no_secret_behind(web: Any, tmp_path: Path) -> None:
    """The whole way: set through the command line, used by a run's own process, kept edges, journal, logs, errors."""
    root = tmp_path / "workspace"
    (root / "flows").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("id: planted\n")
    (root / "connections.yaml").write_text(f"api: {{type: http, base_url: '{web.url}', auth: bearer, secret: secret:api_key}}\n")
    config = "config: {connection: api, url: %s, attempts: 1, timeout: 2s, types: {a: string}}"
    flow = "tisserand: 1\nid: asks\nnodes:\n  asked:\n    kind: http.request\n    %s\n  see:\n    kind: flow.log\n    inputs: {table: asked}\n"
    flow += "    config: {message: seen}\n"
    for name in ("private", "none", "slow"):
        text = (flow % (config % name)).replace("id: asks", f"id: asks-{name}")
        (root / "flows" / f"asks-{name}.yaml").write_text(text)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "TISSERAND_SECRETS": "file", "HOME": str(tmp_path),
                   "TMPDIR": str(tmp_path)}  # fmt: skip
    cli = [sys.executable, "-c", "from tisserand.cli.main import main; main()"]
    where = ["--workspace", str(root)]
    done = subprocess.run(
        [*cli, "secret", "set", "api_key", *where], input=PLANTED + "\n", env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = ""
    for name, good in (("private", True), ("none", False), ("slow", False)):
        run = subprocess.Popen(
            [*cli, "run", f"asks-{name}", "--keep", "all", *where], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        assert run.stdout is not None
        if name == "slow" and Path("/proc").is_dir():
            while run.poll() is None and not any(asked.path == "/slow" for asked in web.asked):
                time.sleep(0.02)
            assert processes_with_it() == []
        said += run.stdout.read()
        run.stdout.close()
        assert (run.wait() == 0) is good, said
    assert {asked.headers["authorization"] for asked in web.asked} == {f"Bearer {PLANTED}"}
    assert {asked.path for asked in web.asked} == {"/private", "/none", "/slow"}
    assert not holds(said.encode()) and (root / ".tisserand" / "journal.sqlite").is_file()
    assert files_with_it(tmp_path) == []
