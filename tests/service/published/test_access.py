"""Who may call: each guard is seen to refuse, and the same request to pass where it is taken away."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable

import pytest
from tests.service.published.conftest import GATEWAY, KEY, OTHER, Published, digest, until

ORDER = {"order": {"id": 7}, "quantity": 1, "unit_price": 2.5}


@pytest.fixture
def types(publish: Callable[..., Published]) -> Published:
    """As it was published, for each test."""
    if not (known := getattr(publish, "types", None)):
        known = publish("types")
        publish.types = known  # type: ignore[attr-defined]
    new = secrets.token_hex(8)  # by which is seen that all of it was taken over
    known.serve(
        gateway="", keys={digest(KEY): ("ada", None), digest(OTHER): ("bo", None), digest(new): (new, None)}, open=False,
        key_place="header", key_name="x-api-key", own=digest(GATEWAY), max_body=1_000_000,
    )  # fmt: skip
    until(lambda: consumer(known, new) == new, 60)
    return known


def consumer(flow: Published, key: str | None = KEY, **headers: str) -> str | int:
    """Whom the flow takes the caller for, or the status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = flow.ask("POST", "/echo", key, json=[{}], headers=named)
    return answer.json()[0]["consumer"] or "" if answer.status_code == 200 else answer.status_code


def test_without_a_key_with_a_wrong_one_or_an_expired_one_nobody_is_let_in(types: Published) -> None:
    assert (consumer(types), consumer(types, OTHER)) == ("ada", "bo")
    for key in (None, "", "wrong", KEY[:-1], KEY + "x", digest(KEY)):
        assert consumer(types, key) == 401
    refused = types.ask("POST", "/echo", None, data=b"x" * 10)
    assert refused.headers["www-authenticate"].startswith("ApiKey")
    # Whether there is such a path is told to nobody who is not known.
    assert types.ask("GET", "/nothing", None).status_code == 401
    types.serve(keys={digest(KEY): ("ada", time.time() + 4), digest(OTHER): ("bo", None)})
    assert consumer(types) == "ada"
    until(lambda: consumer(types) == 401, 60)
    # The guard is the digest that is known: with it, the same request passes.
    types.serve(keys={digest("wrong"): ("eve", None)})
    until(lambda: consumer(types, "wrong") == "eve", 60)
    assert consumer(types, OTHER) == 401
    types.serve(open=True)
    until(lambda: consumer(types, None) == "", 60)


def test_a_key_in_the_query_counts_where_it_is_said_so(types: Published) -> None:
    assert types.ask("POST", f"/echo?api_key={KEY}", None, json=[]).status_code == 401
    types.serve(key_place="query", key_name="api_key")
    until(lambda: types.ask("POST", f"/echo?api_key={KEY}", None, json=[]).status_code == 200, 60)
    assert consumer(types) == 401


def test_behind_a_gateway_a_direct_call_is_refused_whatever_it_holds(types: Published) -> None:
    assert consumer(types) == "ada"
    # Without a gateway what a caller says of itself does not count.
    assert consumer(types, x_consumer_id="root") == "ada"
    types.serve(gateway=digest(GATEWAY))
    until(lambda: consumer(types) == 401, 60)
    assert consumer(types, x_consumer_id="eve") == 401
    assert consumer(types, x_tisserand_gateway="guessed", x_consumer_id="eve") == 401
    assert consumer(types, x_tisserand_gateway=digest(GATEWAY), x_consumer_id="eve") == 401
    assert consumer(types, None, x_tisserand_gateway=GATEWAY, x_consumer_id="zoe") == "zoe"
    # The gateway settles who calls: a key that reaches the flow says nothing.
    assert consumer(types, KEY, x_tisserand_gateway=GATEWAY, x_consumer_id="zoe") == "zoe"
    types.serve(gateway="")
    until(lambda: consumer(types) == "ada", 60)


def test_the_workspace_itself_may_call_with_its_credential_to_test(types: Published) -> None:
    assert consumer(types, None, x_tisserand_gateway=GATEWAY, x_consumer_id="eve") == ""
    types.serve(own="")
    until(lambda: consumer(types, None, x_tisserand_gateway=GATEWAY) == 401, 60)


def test_health_is_told_to_the_workspace_only(types: Published) -> None:
    assert types.ask("GET", "/.tisserand/health").status_code == 404
    told = types.ask("GET", "/.tisserand/health", None, headers={"x-tisserand-gateway": GATEWAY})
    assert told.status_code == 200 and told.json()["requests"] > 0
    again = types.ask("GET", "/.tisserand/health", None, headers={"x-tisserand-gateway": GATEWAY})
    assert again.json()["requests"] == told.json()["requests"]  # to look after it is no use of it


def test_no_key_stands_in_the_files_of_the_process(types: Published) -> None:
    consumer(types), consumer(types, "a-wrong-key-that-was-tried")
    until(lambda: asked(types) >= {"", "ada"}, 60)
    for path in types.folder.iterdir():
        data = path.read_bytes()
        assert KEY.encode() not in data and b"a-wrong-key-that-was-tried" not in data and GATEWAY.encode() not in data, path
    assert oct((types.folder / "serve.json").stat().st_mode & 0o777) == "0o600"
    assert oct(types.folder.stat().st_mode & 0o777) == "0o700"


def asked(flow: Published) -> set[str]:
    """Whose requests stand in the history."""
    with contextlib.closing(sqlite3.connect(flow.folder / "usage.sqlite")) as db:
        return {name for (name,) in db.execute("SELECT DISTINCT consumer FROM requests")}
