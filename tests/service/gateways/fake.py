"""A fake gateway for tests of what is the same for all: its configuration is a JSON file, its access log a file of JSON lines.

It is no server and enforces nothing. What real gateways do is tested with the real ones.
"""

from __future__ import annotations

import json
from typing import ClassVar

from tisserand.apis.gateways.adapter import Capabilities, Dropped, Gateway, Live
from tisserand.apis.gateways.compare import without
from tisserand.apis.usage import UsageRow
from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg


class FakeSettings(Config):
    port: int = 8080
    """For show."""
    atomic: bool = True
    reads_back: bool = True


class FakeGateway(Gateway):
    """Drops `policies.cache` (other) and `policies.ip_deny` (security). Files in its folder make it fail: `broken` (with a text)
    refuses, `half` breaks off after half of the items, `lies` keeps what it had and says nothing."""

    kind: ClassVar[str] = "fake"
    title: ClassVar[str] = "Fake"
    Settings = FakeSettings

    @property
    def file(self):
        return self.place.state / "live.json"

    def capabilities(self):
        return Capabilities(
            frozenset({"api_key", "subscriptions", "rate", "quota", "cors"}),
            atomic=self.settings.atomic,
            reads_back=self.settings.reads_back,
            usage=True,
        )

    def dropped(self, declared):
        found = []
        for api in declared.apis:
            if api.policies.cache:
                found.append(Dropped(f"api/{api.key}", "policies.cache", msg("It has no cache.")))
            if api.policies.ip_deny:
                found.append(Dropped(f"api/{api.key}", "policies.ip_deny", msg("It cannot ban."), "security"))
        return found

    def read(self):
        if (self.place.state / "down").exists():
            raise NodeError("The gateway is down.")
        if not self.file.exists():
            return Live()
        return Live(json.loads(self.file.read_text()), f"r{self.file.stat().st_ino}")

    def validate(self, declared):
        bad = self.place.state / "invalid"
        return [Problem("fake.invalid", msg("{text}", text=bad.read_text()))] if bad.exists() else []

    def apply(self, declared, changes, progress=lambda done, all: None):
        assert changes
        state = self.place.state
        (state / "applied").open("a").write("x")
        wanted = json.loads(json.dumps(without(declared.items, self.dropped(declared))))
        if (state / "broken").exists():
            raise NodeError("The gateway answers: {text}", text=(state / "broken").read_text())
        if not (state / "lies").exists():
            if (state / "half").exists():
                write_text(self.file, json.dumps(dict([*wanted.items()][: len(wanted) // 2])))
                if (state / "kill").exists():
                    import os
                    import signal

                    os.kill(os.getpid(), signal.SIGKILL)
                raise NodeError("It broke off.")
            write_text(self.file, json.dumps(wanted))
        # Keys stand beside, as in a real gateway; no test may find them in a store of ours.
        write_text(state / "keys.json", json.dumps(dict(declared.values)))
        write_text(state / "upstreams.json", json.dumps({key: dict(h) for key, h in declared.upstream_headers.items()}))
        return f"r{len((state / 'applied').read_text())}"

    def block(self, declared, exhausted):
        write_text(self.place.state / "blocked.json", json.dumps(sorted(exhausted)))

    def usage(self, mark):
        log = self.place.state / "access.log"
        at = int(mark or 0)
        if not log.exists():
            return (), mark
        with log.open("rb") as stream:
            stream.seek(at)
            lines = stream.readlines()[:50]
        rows = [UsageRow(**{**(data := json.loads(line)), "latency": tuple(data["latency"])}) for line in lines]
        return rows, str(at + sum(len(line) for line in lines))

    def state(self):
        return {"address": f"http://127.0.0.1:{self.settings.port}", "alive": not (self.place.state / "down").exists()}
