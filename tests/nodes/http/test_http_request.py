"""Reading from HTTP: pages, credentials, busy and slow servers, redirects, and answers that are not what was expected."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tisserand.sdk import NodeError
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.testing import LoneContext, columns, config_of, run_reader
from tisserand_nodes.http.client import Client, Patience
from tisserand_nodes.http.connection import Http
from tisserand_nodes.http.json_rows import columns as columns_of
from tisserand_nodes.http.request import HttpRequest


def read(folder: Path, **config: Any) -> Any:
    context = {name: config.pop(name) for name in ("connections", "parameters") if name in config}
    return run_reader(HttpRequest, config, folder, **context)


def test_nested_json_becomes_typed_columns(web: Any, tmp_path: Path) -> None:
    found = read(tmp_path, url=f"{web.url}/nested", records="data.items")
    assert columns(found.found.schema) == {
        "id": "int64", "name": "string", "price": "float64", "tags": "array<string>", "at": "struct<city: string, n: int64>",
    }  # fmt: skip
    assert found.rows()[1] == {"id": 2, "name": "item 2", "price": 1.0, "tags": ["a", "b"], "at": {"city": "Lyon", "n": 2}}


@pytest.mark.parametrize(
    "config",
    [
        {"url": "/pages", "records": "items", "pagination": "page"},
        {"url": "/cursor", "records": "items", "pagination": "cursor"},
        {"url": "/link", "pagination": "link"},
        {"url": "/items"},
    ],
)
def test_every_page_is_read_once(web: Any, tmp_path: Path, config: dict[str, Any]) -> None:
    found = read(tmp_path, connection="api", connections={"api": Http(base_url=web.url)}, **config)
    assert [row["id"] for row in found.rows()] == list(range(1, 26))


def test_pages_in_circles_or_without_end_are_errors(web: Any, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="round in circles"):
        read(tmp_path, url=f"{web.url}/circle", records="items", pagination="cursor")
    with pytest.raises(NodeError, match="more than 2 pages"):
        read(tmp_path, url=f"{web.url}/pages", records="items", pagination="page", max_pages=2)


@pytest.mark.parametrize(
    ("fields", "header", "value"),
    [
        ({"auth": "basic", "user": "me"}, "authorization", "Basic " + base64.b64encode(b"me:planted-key").decode()),
        ({"auth": "bearer"}, "authorization", "Bearer planted-key"),
        ({"auth": "header", "header": "X-Api-Key"}, "x-api-key", "planted-key"),
    ],
)
def test_credentials_go_to_their_host_only(
    web: Any, other_web: Any, tmp_path: Path, fields: dict[str, Any], header: str, value: str
) -> None:
    api = Http(base_url=web.url, secret=FilledSecret("planted-key"), headers={"X-Team": "ops"}, **fields)
    assert read(tmp_path, connection="api", url="private", connections={"api": api}).rows() == [{"in": True}]
    assert web.asked[-1].headers[header] == value and web.asked[-1].headers["x-team"] == "ops"
    web.elsewhere = f"{other_web.url}/items"
    read(tmp_path, connection="api", url="away", headers={"X-Mine": "1"}, connections={"api": api})
    assert other_web.asked and not {"authorization", "x-api-key", "x-team", "x-mine"} & set(other_web.asked[-1].headers)
    assert "planted" not in repr(api) + api.model_dump_json()


def test_requests_alone_would_read_a_netrc_file(web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password planted\n")
    monkeypatch.setenv("NETRC", str(netrc))
    read(tmp_path, url=f"{web.url}/items")
    assert "authorization" not in web.asked[-1].headers
    requests.get(f"{web.url}/items", timeout=5)
    assert "authorization" in web.asked[-1].headers


def test_a_busy_server_is_asked_again(web: Any, tmp_path: Path) -> None:
    web.busy = {"/items": 2, "/429after": 1}
    ctx, config = LoneContext(tmp_path), config_of(HttpRequest, {"url": f"{web.url}/items"})
    assert HttpRequest().discover(ctx, config).schema.names[0] == "id"
    assert ctx.slept == [0.5, 1.0]
    with pytest.raises(NodeError, match="status 404"):
        HttpRequest().discover(ctx, config_of(HttpRequest, {"url": f"{web.url}/429after"}))
    assert ctx.slept == [0.5, 1.0, 7.0]


def test_a_server_busy_for_long_is_left_to_the_engine(web: Any, tmp_path: Path) -> None:
    web.busy = {"/429after": 9}
    with (
        pytest.raises(NodeError, match="status 429 after 1 attempts") as error,
        Client(None, Patience(longest_wait=5), LoneContext(tmp_path)) as client,
    ):
        client.send("GET", f"{web.url}/429after")
    assert error.value.retry and error.value.retry_after == 7


def test_a_server_that_drips_is_late(web: Any, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="not answered within") as error:
        read(tmp_path, url=f"{web.url}/slow", timeout="300ms", attempts=1)
    assert error.value.retry


@pytest.mark.parametrize(
    ("path", "config", "sentence"),
    [
        ("/none", {}, "status 404"),
        ("/private", {}, "status 401"),
        ("/html", {}, "not answer in JSON but in text/html"),
        ("/large", {"max_size": "100KB"}, "more than 100000 bytes"),
        ("/nested", {"records": "data.rows"}, "no “rows” at “data”. There: items"),
        ("/loop", {}, "round in circles"),
        ("/file", {}, "not a URL that begins with http"),
        ("/drift", {"pagination": "page"}, 'Row 2: “"x"” in the column “a” does not fit: int64 is expected, not text'),
        ("/more", {"pagination": "page"}, "Row 2 has a field “b” that the flow does not know"),
    ],
)
def test_what_is_not_as_expected_is_a_sentence(
    web: Any, tmp_path: Path, path: str, config: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NodeError) as error:
        read(tmp_path, url=web.url + path, **config)
    assert sentence in str(error.value)


def test_types_and_new_fields_may_be_stated(web: Any, tmp_path: Path) -> None:
    found = read(tmp_path, url=f"{web.url}/drift", pagination="page", types={"a": "string"})
    assert found.rows() == [{"a": "1"}, {"a": "x"}]
    found = read(tmp_path, url=f"{web.url}/more", pagination="page", new_fields="ignore")
    assert found.rows() == [{"a": 1}, {"a": 2}]


def test_inserted_values_are_encoded(web: Any, tmp_path: Path) -> None:
    given = {"who": "a/b?c=d&e #%é", "text": "x&y=z"}
    found = read(tmp_path, url=web.url + "/echo/{{ who }}", query={"q": "{{ text }}"}, parameters=given)
    assert found.rows()[0]["path"] == "a/b?c=d&e #%é" and found.rows()[0]["q"] == {"q": "x&y=z"}
    with pytest.raises(ValidationError, match="name"):
        config_of(HttpRequest, {"url": "{% for x in y %}"}, given)


def test_a_body_is_sent_as_json(web: Any, tmp_path: Path) -> None:
    found = read(tmp_path, url=f"{web.url}/echo/x", method="POST", body={"who": "{{ who }}"}, parameters={"who": 'a"b'})
    assert found.rows()[0]["body"] == '{"who": "a\\"b"}'


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("file:///etc/passwd", "begins with http"),
        ("ftp://x/y", "begins with http"),
        ("http://", "begins with http"),
        ("http://me:planted@127.0.0.1:1/", "must not hold a name or password"),
        ("http://127.0.0.1:1/?key=planted", "cannot be reached"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("http://[::1", "not a URL"),
        ("", "whole URL|begins with http"),
    ],
)
def test_bad_urls_are_sentences_and_show_no_secret(tmp_path: Path, url: str, sentence: str) -> None:
    with pytest.raises(NodeError, match=sentence) as error:
        read(tmp_path, url=url, attempts=1)
    assert "planted" not in str(error.value)


def test_a_path_does_not_lead_out_of_the_base(tmp_path: Path) -> None:
    with Client(Http(base_url="http://h/v1/tenant?x=1"), Patience()) as client:
        assert client.url("a/b") == "http://h/v1/tenant/a/b?x=1"
        for attack in ("../admin", "a/../../admin", "%2e%2e/admin", "./x"):
            with pytest.raises(NodeError, match="must not hold"):
                client.url(attack)


def test_columns_are_unified() -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": None, "c": [], "d": {"x": 1}, "e": 1, "f": True, "g": 2**70, "h": {"odd name": 1}, "i": None},
        {"a": 1.5, "b": "t", "c": [1], "d": {"y": "z"}, "e": "t", "f": None, "g": 1, "h": None},
    ]
    assert columns_of(rows) == {
        "a": "float64", "b": "string", "c": "array<int64>", "d": "struct<x: int64, y: string>", "e": "string", "f": "boolean",
        "g": "decimal(38, 0)", "h": "string", "i": "string",
    }  # fmt: skip


def test_check_and_literal_secrets(web: Any) -> None:
    assert "status 200" in str(Http(base_url=web.url, check_path="items").check())
    with pytest.raises(NodeError, match="does not let us in"):
        Http(base_url=web.url, check_path="private").check()
    with pytest.raises(ValidationError, match="credentials"):
        Http(base_url=web.url, headers={"Authorization": "Bearer planted"})
    with pytest.raises(ValidationError, match="http://"):
        Http(base_url="ftp://x")
