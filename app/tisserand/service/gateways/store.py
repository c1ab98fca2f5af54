"""What was pushed to the gateways, by whom, and how it went; each push is written down before it has an effect."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson

from tisserand.apis.model import Api, Consumer, Plan, Subscription
from tisserand.apis.neutral import Declared, Items, fingerprint
from tisserand.model.problem import Problem
from tisserand.service.gateways.calls import Pushed
from tisserand.store import Store

KEPT = 50
"""Of how many good pushes to a gateway the content is kept; who pushed when is kept for ever."""

CREDENTIAL = "upstream.credential"
"""In `Held.beside`: by what a published flow knows the gateway."""

GOOD = ("done", "rolled back")
_SQL_GOOD = "result IN ('done', 'rolled back')"

_SCHEMA = """
CREATE TABLE pushes (
  gateway TEXT NOT NULL, number INTEGER NOT NULL, revision TEXT NOT NULL, content_hash TEXT NOT NULL, at REAL NOT NULL,
  "by" TEXT NOT NULL, result TEXT NOT NULL, changes INTEGER NOT NULL, dropped TEXT NOT NULL, problem TEXT, pid INTEGER NOT NULL,
  started REAL NOT NULL, held BLOB, PRIMARY KEY (gateway, number)
);
"""
_INSERT = f"INSERT INTO pushes VALUES ({', '.join('?' * 13)})"  # noqa: S608
_COLUMNS = 'gateway, number, revision, content_hash, at, "by", result, changes, dropped, problem'


@dataclass(frozen=True, slots=True)
class Held:
    """What one push made live: enough to tell drift, and to make it live again. No value of a secret stands in it."""

    items: Items
    """What the gateway was to hold, without what it dropped."""
    entries: Mapping[str, Any]
    """`apis` (a list), `plans`, `consumers`, `subscriptions`: as the models dump them."""
    jwks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Item → what belongs to it though it stands in no file, with its digest: the keys of a JWT, the upstream's credential."""

    @classmethod
    def of(cls, declared: Declared, items: Items, beside: Mapping[str, Mapping[str, str]]) -> Held:
        known = declared.contents
        entries = {
            "apis": [*known.dumped("api", {api.key: api for api in declared.apis}).values()],
            "plans": known.dumped("plan", declared.plans),
            "consumers": known.dumped("consumer", declared.consumers),
            "subscriptions": known.dumped("subscription", declared.subscriptions),
        }
        return cls(items, entries, declared.jwks, beside)

    def declared(
        self, values: Mapping[str, str], credential: Mapping[str, str], left_out: frozenset[str] = frozenset()
    ) -> Declared:
        """It again, with what is not kept here: the values of credentials (`consumer/credential`), and the headers by which published
        flows know a gateway. `left_out` names credentials that do not come back."""
        consumers = {}
        for id, data in self.entries["consumers"].items():
            kept = [each for each in data["credentials"] if f"{id}/{each['id']}" not in left_out]
            consumers[id] = Consumer.model_validate({**data, "credentials": kept})
        apis = [Api.model_validate(each) for each in self.entries["apis"]]
        return Declared(
            apis,
            {id: Plan.model_validate(each) for id, each in self.entries["plans"].items()},
            consumers,
            {id: Subscription.model_validate(each) for id, each in self.entries["subscriptions"].items()},
            {name: value for name, value in values.items() if name not in left_out},
            self.jwks,
            {api.key: credential for api in apis if api.upstream.flow and credential},
        )

    def pack(self) -> bytes:
        parts = {"items": self.items, "entries": self.entries, "jwks": self.jwks, "beside": self.beside}
        return zlib.compress(orjson.dumps(parts, dict, orjson.OPT_NON_STR_KEYS), 1)

    @classmethod
    def unpack(cls, data: bytes) -> Held:
        return cls(**orjson.loads(zlib.decompress(data)))


def header_digest(headers: Mapping[str, str]) -> str:
    """By which it is seen that what an upstream wants to see has changed, without telling it."""
    return fingerprint(json.dumps(dict(headers), sort_keys=True))


class PushStore(Store):
    """The pushes of one workspace."""

    migrations: ClassVar[tuple[str, ...]] = (_SCHEMA,)

    def __init__(self, path: Path, on_write: Callable[[str], None] | None = None) -> None:
        super().__init__(path, on_write)
        self._latest: dict[str, tuple[int, Held]] = {}
        """Gateway → the push whose content was asked for last: it is asked for again, and is large."""

    def begin(
        self,
        gateway: str,
        held: Held,
        content_hash: str,
        by: str,
        changes: int,
        dropped: Sequence[str],
        started: float,
        alive: Callable[[int, float], bool],
    ) -> int | None:
        """Write down that a push begins; gives its number. None where another process is at one."""
        packed = held.pack()
        with self.writing("push.begun") as db:
            under_way = db.execute(
                "SELECT pid, started FROM pushes WHERE gateway = ? AND result = 'begun'", (gateway,)
            ).fetchall()
            if any(pid != os.getpid() and alive(pid, since) for pid, since in under_way):
                return None
            number = self._next(db, gateway)
            values = (gateway, number, "", content_hash, time.time(), by, "begun", changes, json.dumps([*dropped]), None)
            db.execute(_INSERT, (*values, os.getpid(), started, packed))
        self._latest[gateway] = number, held
        return number

    def refuse(self, gateway: str, content_hash: str, by: str, changes: int, problem: Problem) -> None:
        """Write down that a push was not begun, and why."""
        with self.writing("push.refused") as db:
            values = (gateway, self._next(db, gateway), "", content_hash, time.time(), by, "refused", changes, "[]")
            db.execute(_INSERT, (*values, json.dumps(problem.to_json()), os.getpid(), 0.0, None))

    def settle(self, gateway: str, number: int, result: str, revision: str = "", problem: Problem | None = None) -> None:
        """Write down how a push ended."""
        told = json.dumps(problem.to_json()) if problem else None
        with self.writing(f"push.{result.replace(' ', '_')}") as db:
            db.execute(
                "UPDATE pushes SET result = ?, revision = ?, problem = ? WHERE gateway = ? AND number = ?",
                (result, revision, told, gateway, number),
            )
            db.execute(
                "UPDATE pushes SET held = NULL WHERE gateway = ? AND held IS NOT NULL AND result <> 'begun' AND number NOT IN "  # noqa: S608
                f"(SELECT number FROM pushes WHERE gateway = ? AND {_SQL_GOOD} ORDER BY number DESC LIMIT ?)",
                (gateway, gateway, KEPT),
            )

    def history(self, gateway: str, limit: int) -> list[Pushed]:
        """The latest first."""
        sql = f"SELECT {_COLUMNS} FROM pushes WHERE gateway = ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - our own words
        return [_pushed(row) for row in self.rows(sql, (gateway, limit))]

    def begun(self, gateway: str = "") -> list[tuple[Pushed, int, float]]:
        """Pushes that nobody wrote an end of, with the process that began them."""
        sql = f"SELECT {_COLUMNS}, pid, started FROM pushes WHERE result = 'begun' AND ? IN ('', gateway)"  # noqa: S608
        return [(_pushed(row[:-2]), row[-2], row[-1]) for row in self.rows(sql, (gateway,))]

    def last_good(self, gateway: str) -> Pushed | None:
        """What was last made live."""
        sql = f"SELECT {_COLUMNS} FROM pushes WHERE gateway = ? AND {_SQL_GOOD} ORDER BY number DESC LIMIT 1"  # noqa: S608
        found = self.row(sql, (gateway,))
        return _pushed(found) if found else None

    def before(self, gateway: str, latest: Pushed) -> Pushed | None:
        """The last good one before it that held something else."""
        sql = (
            f"SELECT {_COLUMNS} FROM pushes WHERE gateway = ? AND {_SQL_GOOD} AND number < ? AND content_hash <> ? "  # noqa: S608
            "ORDER BY number DESC LIMIT 1"
        )
        found = self.row(sql, (gateway, latest.number, latest.content_hash))
        return _pushed(found) if found else None

    def pushed(self, gateway: str, number: int) -> Pushed | None:
        sql = f"SELECT {_COLUMNS} FROM pushes WHERE gateway = ? AND number = ?"  # noqa: S608
        found = self.row(sql, (gateway, number))
        return _pushed(found) if found else None

    def held(self, gateway: str, number: int) -> Held | None:
        """What a push held; None where that is not kept any more."""
        latest = self._latest.get(gateway)
        if latest is not None and latest[0] == number:
            return latest[1]
        found = self.row("SELECT held FROM pushes WHERE gateway = ? AND number = ?", (gateway, number))
        if not found or found[0] is None:
            return None
        held = Held.unpack(found[0])
        self._latest[gateway] = number, held
        return held

    @staticmethod
    def _next(db: Any, gateway: str) -> int:
        found: int = db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM pushes WHERE gateway = ?", (gateway,)).fetchone()[0]
        return found


def _pushed(row: Sequence[Any]) -> Pushed:
    gateway, number, revision, content_hash, at, by, result, changes, dropped, told = row
    problem = Problem.from_json(json.loads(told)) if told else None
    return Pushed(gateway, number, revision, content_hash, at, by, result, changes, tuple(json.loads(dropped)), problem)
