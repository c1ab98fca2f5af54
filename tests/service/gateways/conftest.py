"""A workspace with a small catalogue and a fake gateway."""

import json

import pytest
import yaml

from tisserand.apis.gateways import kinds
from tisserand.apis.neutral import fingerprint
from tisserand.service.local import LocalExecutor
from tisserand.workspace.secrets import secret_store

ID = "gateway-tests"
FAKE = "tests.service.gateways.fake:FakeGateway"

ORDERS = {
    "id": "orders",
    "version": "1",
    "lifecycle": "published",
    "route": {"base_path": "/orders"},
    "upstream": {"targets": [{"url": "http://orders.example.org"}]},
    "plans": ["gold"],
}


class Desk:
    """The files of a workspace, and what stands in the fake gateway."""

    def __init__(self, root):
        self.root = root
        self.state = root / ".tisserand" / "gateways" / "main"

    def write(self, file, data):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(data, sort_keys=False))

    def api(self, **over):
        data = {**ORDERS, **over}
        self.write(f"apis/{data['id']}-{data['version']}.yaml", data)

    def consumer(self, name="acme", value="k-acme-1", credential="main", **over):
        secret_store(ID).set(f"{name}.{credential}", value)
        key = {
            "id": credential, "secret": f"secret:{name}.{credential}", "fingerprint": fingerprint(value),
            "created": "2025-01-01T00:00:00Z", **over,
        }  # fmt: skip
        file = self.root / "consumers.yaml"
        known = yaml.safe_load(file.read_text()) if file.exists() else {}
        known.setdefault(name, {"name": name, "credentials": []})
        known[name]["credentials"] = [each for each in known[name]["credentials"] if each["id"] != credential] + [key]
        self.write("consumers.yaml", known)

    def live(self):
        file = self.state / "live.json"
        return json.loads(file.read_text()) if file.exists() else None

    def edit_live(self, item, content):
        """As somebody does who goes to the gateway itself."""
        live = self.live()
        if content is None:
            del live[item]
        else:
            live[item] = content
        (self.state / "live.json").write_text(json.dumps(live))

    def applied(self):
        file = self.state / "applied"
        return len(file.read_text()) if file.exists() else 0

    def break_(self, how, text=""):
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / how).write_text(text)

    def mend(self, how):
        (self.state / how).unlink()

    def log(self, *rows):
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "access.log").open("a") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)


def call(hour, consumer="acme", status=200, requests=1, api="orders", version="1", plan="gold", operation="GET /o", **more):
    return {
        "hour": hour, "api": api, "version": version, "operation": operation, "consumer": consumer, "plan": plan,
        "status": status, "requests": requests, "bytes_in": 10 * requests, "bytes_out": 20 * requests,
        "latency": [0, requests, *[0] * 14], **more,
    }  # fmt: skip


@pytest.fixture
def secrets_in_a_file(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TISSERAND_SECRETS", "file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def desk(tmp_path, monkeypatch, secrets_in_a_file):
    monkeypatch.setitem(kinds.ADAPTERS, "fake", FAKE)
    (tmp_path / "tisserand.yaml").write_text(f"id: {ID}\nexecutor: {{warm: false}}\n")
    (tmp_path / "flows").mkdir()
    found = Desk(tmp_path)
    found.write("gateways.yaml", {"main": {"type": "fake", "title": "Main"}})
    found.write(
        "plans.yaml", {"gold": {"name": "Gold", "rate": [{"count": 10, "per": "1s"}], "quota": {"count": 100, "period": "day"}}}
    )
    found.consumer()
    found.write("subscriptions.yaml", {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}})
    found.api()
    return found


@pytest.fixture
def executor(desk):
    made = LocalExecutor(desk.root, grace=2)
    yield made
    made.close()
