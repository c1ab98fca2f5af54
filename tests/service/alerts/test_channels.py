"""Where alerts go: real web and mail servers, a program that stands for the desktop, kills between sending and noting it."""

import email
import email.policy
import hashlib
import hmac
import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tisserand.service.alerts import settings
from tisserand.service.alerts.delivery import Delivery
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

PLANTED = "planted-Hook-Secret-7731"


class Taker:
    """A web server that keeps what it is sent, and answers with the next of `statuses`."""

    def __init__(self):
        self.taken, self.statuses, self.slow = [], [], 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append((dict(self.headers), body))
                time.sleep(outer.slow)
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def taker():
    made = Taker()
    yield made
    made.close()


@pytest.fixture
def plant(plants, monkeypatch):
    monkeypatch.setenv("TISSERAND_SECRETS", "file")
    made = plants()
    made.add_flow("orders")
    secret_store(Workspace(made.root).id).set("hook", PLANTED)
    made.following.look()
    return made


def delivery(plant):
    return Delivery(plant.root, plant.executor.alerts.store, lambda: plant.following.settings, lambda: plant.now)


def fail(plant, plants, flow="orders"):
    run = plant.begin(flow, plant.now)
    plant.now += 1
    plant.end(run, plant.now, "failed", error=plants.problem("node.error"))
    plant.following.look()


def well(plant, flow="orders"):
    plant.end(plant.begin(flow, plant.now), plant.now, rows=5)
    plant.following.look()


def states(plant):
    return plant.executor.alerts.store.rows("SELECT channel, state, tries FROM outbox ORDER BY id")


def hook(plant, url, **more):
    lines = "".join(f"    {name}: {value}\n" for name, value in more.items())
    (plant.root / "alerts.yaml").write_text(
        f"channels:\n  hook:\n    type: webhook\n    url: {url}\n    secret: secret:hook\n{lines}"
    )


def test_a_webhook_is_signed_and_tried_again(plant, plants, taker):
    hook(plant, taker.url)
    taker.statuses = [500, 429]
    fail(plant, plants)
    sender = delivery(plant)
    assert sender.deliver("hook") and states(plant) == [("hook", "pending", 1)]
    assert not sender.deliver("hook")  # not yet
    plant.now += 5
    assert sender.deliver("hook")
    plant.now += 9
    assert not sender.deliver("hook")  # the pause has doubled
    plant.now += 1
    assert sender.deliver("hook") and states(plant) == [("hook", "sent", 3)]
    assert len({headers["X-Tisserand-Delivery"] for headers, _body in taker.taken}) == 1
    for headers, body in taker.taken:
        sealed = hmac.new(PLANTED.encode(), headers["X-Tisserand-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert headers["X-Tisserand-Signature"] == f"sha256={sealed}"
    document = json.loads(taker.taken[-1][1])
    assert document["event"] == "alert.opened" and document["text"] == "At its node “read”: It does not work."
    assert document["alert"]["flow"] == "orders" and document["alert"]["rule"] == "failed"
    well(plant)
    assert sender.deliver("hook") and json.loads(taker.taken[-1][1])["event"] == "alert.resolved"


def test_given_up_and_seen(plant, plants, taker):
    hook(plant, taker.url, attempts=2)
    taker.statuses = [503, 503, 302, 410]
    fail(plant, plants)
    sender = delivery(plant)
    sender.deliver("hook")
    plant.now += 60
    sender.deliver("hook")
    (channel,) = plant.executor.alerts.rules().channels
    assert (channel.failed, channel.pending) == (1, 0)
    assert channel.error.text("en") == "The webhook answers with the HTTP status 503."
    well(plant)
    sender.deliver("hook")
    fail(plant, plants)
    sender.deliver("hook")
    # A redirect is not followed, and what was refused for good is not tried again.
    assert [state for _channel, state, _tries in states(plant)] == ["failed", "failed", "failed"] and len(taker.taken) == 4


def test_a_slow_channel_holds_up_nobody(plant, plants, taker):
    other = Taker()
    try:
        taker.slow = 3.0
        (plant.root / "alerts.yaml").write_text(
            f"channels:\n  slow: {{type: webhook, url: '{taker.url}'}}\n  quick: {{type: webhook, url: '{other.url}'}}\n"
        )
        fail(plant, plants)
        sender = delivery(plant)
        sender.look()
        end = time.monotonic() + 20
        while not any(state == ("quick", "sent", 1) for state in states(plant)):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert ("slow", "pending", 0) in states(plant)
        while ("slow", "sent", 1) not in states(plant):
            assert time.monotonic() < end
            time.sleep(0.02)
        sender.stop()
    finally:
        other.close()


def test_which_alerts_go_where_and_when(plant, plants, taker):
    (plant.root / "alerts.yaml").write_text(
        textwrap.dedent(f"""
        channels:
          grave: {{type: webhook, url: '{taker.url}', severity: error, resolved: false}}
          drift: {{type: webhook, url: '{taker.url}', rules: [drift]}}
          sales: {{type: webhook, url: '{taker.url}', flows: ['sales-*']}}
          night: {{type: webhook, url: '{taker.url}', quiet: {{since: 22:00, until: '06:00', errors: true}}}}
        """)
    )
    assert settings.read(plant.root).problems == ()
    fail(plant, plants)
    fail(plant, plants, "sales-fr")
    names = [channel for channel, *_ in states(plant)]
    assert sorted(names) == ["grave", "grave", "night", "night", "sales"]


def test_quiet_hours(plant, plants, taker, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        (plant.root / "alerts.yaml").write_text(
            f"channels:\n  night: {{type: webhook, url: '{taker.url}', quiet: {{since: 22:00, until: '06:00', errors: true}}}}\n"
        )
        sender = delivery(plant)
        plant.now += 23 * 3600  # 23:00
        fail(plant, plants)
        fail(plant, plants, "other")
        assert not sender.deliver("night") and taker.taken == []
        well(plant, "other")  # over before the morning: nobody is told
        plant.now += 7 * 3600 - 30  # just before 06:00
        plant.following.look()
        assert not sender.deliver("night")
        plant.now += 60
        while sender.deliver("night"):
            pass
        assert [json.loads(body)["alert"]["flow"] for _headers, body in taker.taken] == ["orders"]
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def servers():
    path = Path(__file__).parents[2] / "servers" / "mail.py"
    spec = importlib.util.spec_from_file_location("tests_servers_mail_for_alerts", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_mail(plant, plants, tmp_path):
    secret_store(Workspace(plant.root).id).set("mail", "planted-password")
    with servers().running(tmp_path, login=("me", "planted-password")) as box:
        (plant.root / "connections.yaml").write_text(
            f"office: {{type: smtp, host: '{box.host}', port: {box.port}, ca_file: '{box.ca_file}', user: me, "
            "password: secret:mail, sender: 'Office <office@example.org>'}\n"
        )
        (plant.root / "alerts.yaml").write_text(
            "channels:\n  ops: {type: mail, connection: office, to: 'ops@example.org, Ann <ann@example.org>'}\n"
        )
        fail(plant, plants)
        assert delivery(plant).deliver("ops") and states(plant) == [("ops", "sent", 1)]
        sent = plant.executor.alerts.test_channel("ops", "ann")
        assert sent.ok
        (to, content), (_to, tested) = box.mails
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert to == ["ops@example.org", "ann@example.org"]
        assert mail["Subject"] == "orders: At its node “read”: It does not work."
        assert "Rule: failed" in mail.get_content() and "Flow: orders" in mail.get_content()
        assert b"This is a test." in email.message_from_bytes(tested, policy=email.policy.default).get_content().encode()
    fail(plant, plants, "other")
    assert delivery(plant).deliver("ops")  # the server is gone: it is tried again later
    assert states(plant)[-1] == ("ops", "pending", 1)


def test_the_desktop(plant, plants, tmp_path, monkeypatch):
    (plant.root / "alerts.yaml").write_text("channels:\n  desk: {type: desktop}\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    fail(plant, plants)
    delivery(plant).deliver("desk")
    assert states(plant) == [("desk", "failed", 1)]  # there is no such program here: said once, not tried for ever
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nopen({str(tmp_path / 'shown')!r}, 'w').write(json.dumps(sys.argv[1:]))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert plant.executor.alerts.test_channel("desk").ok
    fail(plant, plants, "--hint=evil")
    delivery(plant).deliver("desk")
    shown = json.loads((tmp_path / "shown").read_text())
    assert shown[shown.index("--") + 1] == "--hint=evil: At its node “read”: It does not work." and "--urgency=critical" in shown


CHILD = """
import os, signal, sys
from pathlib import Path
from tisserand.service.alerts import settings
from tisserand.service.alerts.delivery import Delivery
from tisserand.service.alerts.store import AlertStore

root, now, kill = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "kill"

def wrote(what):
    pass

store = AlertStore(root / ".tisserand" / "alerts.sqlite", wrote)
sender = Delivery(root, store, lambda: settings.read(root).settings, lambda: now)
if kill:
    sender._mark = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
while sender.deliver("hook"):
    pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_killed_between_sending_and_noting_it(plant, plants, taker):
    hook(plant, taker.url)
    fail(plant, plants)

    def child(kill):
        command = [sys.executable, "-c", textwrap.dedent(CHILD), str(plant.root), str(plant.now), kill]
        return subprocess.run(command, timeout=60, env=os.environ).returncode

    assert child("kill") == -signal.SIGKILL and child("kill") == -signal.SIGKILL
    assert child("") == 0 and child("") == 0
    ids = [headers["X-Tisserand-Delivery"] for headers, _body in taker.taken]
    assert len(ids) == 3 and len(set(ids)) == 1  # at least once, and whoever gets it can tell


def test_no_secret_anywhere(plant, plants, taker):
    secret_store(Workspace(plant.root).id).set("address", taker.url)
    hook(plant, "secret:address")
    taker.statuses = [404]
    fail(plant, plants)
    delivery(plant).deliver("hook")
    well(plant)
    fail(plant, plants)
    delivery(plant).deliver("hook")
    assert len(taker.taken) == 2
    plant.executor.alerts.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in (plant.root / ".tisserand").rglob("*"):
        if path.is_file():
            assert PLANTED.encode() not in path.read_bytes() and taker.url.encode() not in path.read_bytes(), path


WRONG = """\
channels:
  hook:
    type: webhook
    url: ftp://x
    secret: planted-literal-secret
  mail: {type: mail, to: a@example.org}
  1st: {type: desktop}
  odd: {type: pigeon}
  night:
    type: desktop
    rules: [fail]
    quiet: {since: soon, dayz: [mon]}
disabled: [nonsense]
extra: 1
by_hand: perhaps
"""


def test_all_problems_of_the_file_with_their_lines(plant):
    (plant.root / "alerts.yaml").write_text(WRONG)
    found = plant.executor.alerts.rules().problems
    assert sorted((problem.place.line, problem.code) for problem in found) == [
        (4, "config.url"), (5, "config.secret"), (6, "config.missing"), (7, "alerts.name"), (8, "alerts.type"),
        (11, "config.rule"), (12, "config.clock"), (12, "config.unknown"), (13, "alerts.rule"), (14, "alerts.unknown"),
        (15, "alerts.switch"),
    ]  # fmt: skip
    assert all(problem.place.file == "alerts.yaml" for problem in found)
    said = " ".join(problem.line() for problem in found)
    assert "planted-literal-secret" not in said
    for broken in ("channels: [", "- a", "channels: 3\n", "disabled: 3\n"):
        (plant.root / "alerts.yaml").write_text(broken)
        assert len(plant.executor.alerts.rules().problems) == 1
    (plant.root / "alerts.yaml").write_text("")
    assert plant.executor.alerts.rules().problems == ()
