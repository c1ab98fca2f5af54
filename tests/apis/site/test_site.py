"""The reference site: what is written, and what a real browser without any network makes of it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tisserand import texts
from tisserand.apis.model import Api, Plan
from tisserand.apis.site import writing
from tisserand.apis.site.harmless import formatted, harmless
from tisserand.apis.site.pages import POLICY
from tisserand.apis.site.words import LABELS, WORDS
from tisserand.apis.site.writing import write_site
from tisserand.files import shipped

_spec = importlib.util.spec_from_file_location("tests_servers_browser", Path(__file__).parents[2] / "servers" / "browser.py")
assert _spec is not None and _spec.loader is not None
servers = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = servers
_spec.loader.exec_module(servers)

DRAWN = "document.getElementById('reference')?.dataset.state === 'drawn' && !!document.querySelector('#reference h2')"
PLANS = {
    "gold": Plan.model_validate(
        {
            "name": "Gold & more",
            "rate": [{"count": 10, "per": "1s"}],
            "quota": {"count": 1000, "period": "month"},
            "price": "1 EUR",
        }
    ),
    "other": Plan(),
}


def api(id: str = "orders", version: str = "1", **more: Any) -> Api:
    told = {
        "id": id, "version": version, "name": id.capitalize(), "lifecycle": "published", "owner": "Sales",
        "route": {"base_path": f"/{id}"}, "upstream": {"targets": [{"url": "http://inner.example.org:8080"}]},
    }  # fmt: skip
    return Api.model_validate({**told, **more})


def document(text: str = "All orders.", path: str = "/orders/{id}") -> dict[str, Any]:
    order = {"type": "object", "description": text, "properties": {"total": {"type": "number", "description": text}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1", "description": text},
        "servers": [{"url": "http://inner.example.org:8080", "description": text}],
        "tags": [{"name": "orders", "description": text}],
        "paths": {
            path: {
                "get": {
                    "operationId": "getOrder",
                    "summary": "One order",
                    "description": text,
                    "tags": ["orders"],
                    "parameters": [{"name": "id", "in": "path", "required": True, "description": text, "schema": {"type": "integer"}}],
                    "responses": {
                        "200": {"description": text, "content": {"application/json": {"schema": order, "example": {"total": 12.5, "note": text}}}}
                    },
                }
            }
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the browser sees; each test writes a site into a folder of its own."""
    texts.add_catalogues(shipped("resources") / "locale")
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def seen(place: Path) -> Iterator[tuple[Any, Any]]:
    with servers.browser(place) as found:
        yield found


@pytest.fixture
def site(request: pytest.FixtureRequest, place: Path) -> Path:
    return place / re.sub(r"\W+", "-", request.node.name)


def test_pages_are_written_in_both_languages_and_drafts_are_not(tmp_path: Path) -> None:
    apis = [
        (api(version="1"), document()),
        (api(version="10"), document()),
        (api(version="2"), None),
        (api("draft", lifecycle="draft"), document()),
    ]
    pages = write_site(tmp_path, apis, "fr", title="Nos API")  # fmt: skip
    assert pages == [
        f"{place}{name}" for place in ("en/", "") for name in ("index.html", "orders@10.html", "orders@2.html", "orders@1.html")
    ]
    assert all((tmp_path / page).is_file() for page in pages)
    assert '<html lang="fr">' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in (tmp_path / "en" / "index.html").read_text(encoding="utf-8")
    files = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file()}
    assert "documents/orders@2.js" not in files
    assert "inner.example.org" not in "".join(
        (tmp_path / each).read_text(encoding="utf-8") for each in files if "assets" not in each
    )
    # Again with less: what is gone goes, what others put there stays.
    (tmp_path / "own.html").write_text("mine")
    (tmp_path / "site.json").write_text(
        json.dumps([*json.loads((tmp_path / "site.json").read_text()), "../own.html", "/etc/hosts"])
    )
    write_site(tmp_path, apis[:1], "fr")
    left = {
        each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file() and "assets" not in each.parts
    }
    assert left == {
        "index.html",
        "en/index.html",
        "orders@1.html",
        "en/orders@1.html",
        "documents/orders@1.js",
        "site.json",
        "own.html",
    }


def test_the_same_catalogue_gives_the_same_site(tmp_path: Path) -> None:
    apis = [(api(), document()), (api("items"), document())]
    write_site(tmp_path / "a", apis)
    write_site(tmp_path / "b", [*reversed(apis)])
    read = [
        {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert read[0] == read[1]


def test_the_renderer_is_the_one_that_is_named() -> None:
    folder = shipped("resources") / "site"
    named = re.search(r"sha256 ([0-9a-f]{64})", (folder / "SOURCE.txt").read_text(encoding="utf-8"))
    assert named is not None
    assert hashlib.sha256((folder / "redoc.standalone.js").read_bytes()).hexdigest() == named[1]
    assert "MIT" in (folder / "LICENSE-Redoc.txt").read_text(encoding="utf-8")


def test_every_colour_of_the_style_sheets_is_known() -> None:
    folder = shipped("resources") / "site"
    known = set(re.findall(r"--(\w+):", writing.colours()))
    used = set(re.findall(r"var\(--(\w+)\)", (folder / "site.css").read_text())) | set(
        re.findall(r'colour\("(\w+)"\)', (folder / "reference.js").read_text())
    )
    assert used <= known


def test_the_list_is_searched(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    apis = [
        (api("orders", tags=["vente"], summary="Toutes les commandes passées"), document()),
        (api("orders", "2"), document(path="/purchases/{id}")),
        (api("stock", owner="Logistics", lifecycle="deprecated", sunset=date(2027, 1, 31)), document(path="/items/{id}/places")),
        (api("gone", lifecycle="retired"), None),
    ]
    write_site(site, apis)
    page.open(network.url(f"{site.name}/index.html"))

    def shown() -> list[str]:
        found: list[str] = page.value("Array.from(document.querySelectorAll('.api')).filter(e => !e.hidden).map(e => e.id)")
        return found

    def look(text: str) -> list[str]:
        page.value("(s => { s.value = ''; s.focus(); s.dispatchEvent(new Event('input')) })(document.getElementById('search'))")
        page.type(text)
        return shown()

    assert shown() == ["gone@1", "orders@2", "orders@1", "stock@1"]
    assert page.value("document.getElementById('count').textContent") == "4 of 4"
    assert look("stock") == ["stock@1"]
    assert look("LOGIS") == ["stock@1"], "by owner, in any case"
    assert look("passees") == ["orders@1"], "without accents"
    assert look("get places") == ["stock@1"], "by path and method"
    assert page.value(
        "Array.from(document.querySelectorAll('.operations li')).filter(e => !e.hidden).map(e => e.textContent)"
    ) == ["GET /items/{id}/places One order"]
    assert look("purchases") == ["orders@2"]
    assert look("nowhere") == []
    assert page.value("!document.getElementById('none').hidden && document.getElementById('count').textContent") == "0 of 4"
    look("")
    page.press("document.querySelector('.tag')")
    assert shown() == ["orders@1"], "by tag, with a click"
    page.open(network.url(f"{site.name}/index.html#stock"))
    assert shown() == ["stock@1"], "a search can be sent as a link"
    assert page.value("document.querySelector('#stock\\\\@1 .badge').textContent") == "Deprecated"
    page.press("document.querySelector('#stock\\\\@1 a')")
    page.until(DRAWN)
    assert "2027-01-31" in page.value("document.querySelector('.warning').textContent")
    page.open(network.url(f"{site.name}/gone@1.html"))
    assert "410" in page.value("document.querySelector('.warning').textContent")
    assert page.told() == []


@pytest.mark.parametrize("way", ["http", "file"])
def test_a_reference_is_drawn_without_a_server_and_without_the_network(site: Path, seen: tuple[Any, Any], way: str) -> None:
    page, network = seen
    network.asked.clear()
    write_site(site, [(api(plans=["gold", "missing"]), document())], plans=PLANS, addresses=["https://api.example.org/"])
    base = network.url(f"{site.name}/") if way == "http" else f"file://{site}/"
    page.open(f"{base}orders@1.html")
    page.until(DRAWN)
    text = page.value("document.body.innerText")
    for word in (
        "One order",
        "/orders/{id}",
        "All orders.",
        "total",
        "12.5",
        "Gold & more",
        "10 calls per 1s",
        "1000 calls a month",
        "1 EUR",
        "x-api-key",
    ):
        assert word in text
    assert "https://api.example.org/orders/v1" in page.value("document.getElementById('reference').textContent")
    assert "inner.example.org" not in page.value("document.documentElement.outerHTML")
    gone = [each for each in page.requests() if not each.startswith((base, "data:", "about:", f"http://{network.host}/favicon"))]
    assert gone == [] or gone == ["https://cdn.redoc.ly/redoc/logo-mini.svg"], "which the policy refuses"
    assert network.asked == []
    assert [each for each in page.told() if "cdn.redoc.ly" not in each and "favicon" not in each] == []


def test_what_leaves_without_the_policy_is_seen(site: Path, seen: tuple[Any, Any]) -> None:
    """The check above would notice: without the policy, the renderer asks its maker for a picture."""
    page, network = seen
    network.asked.clear()
    write_site(site, [(api(), document("![seen](http://tracker.example.org/pixel.png)"))])
    page.open(network.url(f"{site.name}/orders@1.html"))
    page.until(DRAWN)
    page.value("new Promise(done => setTimeout(done, 300))")
    assert network.asked == []
    _without_policy(site / "orders@1.html")
    page.open(network.url(f"{site.name}/orders@1.html"))
    page.until(DRAWN)
    page.until("performance.getEntriesByType('resource').filter(e => e.name.includes('tracker')).length")
    assert any("tracker.example.org" in each for each in network.asked)
    assert any("cdn.redoc.ly" in each for each in network.asked)


def test_light_and_dark(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    write_site(site, [(api(), document())])
    back = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('#reference h2')).color"
    tokens = json.loads((shipped("resources") / "themes" / "tokens.json").read_text(encoding="utf-8"))

    def rgb(name: str, token: str) -> str:
        value = tokens[name][token]
        return f"rgb({int(value[1:3], 16)}, {int(value[3:5], 16)}, {int(value[5:7], 16)})"

    for name in ("light", "dark"):
        page.open(network.url(f"{site.name}/orders@1.html"), dark=name == "dark")
        page.until(DRAWN)
        assert (page.value(back), page.value(ink)) == (rgb(name, "canvas"), rgb(name, "text"))
    page.press("document.getElementById('theme')")
    page.until(f"{DRAWN} && {ink} === '{rgb('light', 'text')}'")
    page.open(network.url(f"{site.name}/index.html"))
    assert page.value(back) == rgb("light", "canvas"), "the choice holds on the next page, whatever the system wants"
    page.value("localStorage.clear()")


def test_french(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    write_site(site, [(api(), document())], "en")
    page.open(network.url(f"{site.name}/index.html"))
    page.press("document.querySelector('a[hreflang=fr]')")
    page.until("document.documentElement.lang === 'fr' && document.readyState === 'complete'")
    assert page.value("document.getElementById('search').placeholder") == texts.translate("Search names, tags, paths …", "fr")
    page.press("document.querySelector('.api a')")
    page.until(DRAWN)
    text = page.value("document.body.innerText.toLowerCase()")
    for message in (
        LABELS["responses"],
        LABELS["responseSamples"],
        WORDS["Authorizations:"] if "security" in document() else WORDS["Copy"],
        WORDS["required"],
    ):
        assert message.text("fr").lower() in text
    assert page.value("document.querySelector('a[hreflang=en]').getAttribute('href')") == "../orders@1.html"


ATTACKS = (
    "<script>window.taken = 'script'</script>",
    "<img src=x onerror=\"window.taken = 'img'\">",
    "<svg onload=\"window.taken = 'svg'\"></svg>",
    "<iframe srcdoc=\"<script>parent.taken = 'iframe'</script>\"></iframe>",
    "<a id=link href=\"javascript:void(window.taken = 'link')\">here</a> [there](javascript:void(window.taken='markdown'))",
    "</script><script>window.taken = 'closed'</script>",
    "<details open ontoggle=\"window.taken = 'toggle'\">x</details>",
    "```\n<img src=x onerror=\"window.taken = 'code'\">\n``` ` <img src=x onerror=\"window.taken = 'tick'\">",
    "<math><mtext><table><mglyph><style><img src=x onerror=\"window.taken = 'mutation'\">",
    "<style>body { display: none }</style><div style=\"position:fixed;inset:0\">cover</div>",
)  # fmt: skip


def _attacked() -> tuple[Api, dict[str, Any]]:
    all_of_them = "\n\n".join(ATTACKS)
    found = api(name=ATTACKS[1], summary=all_of_them, owner=ATTACKS[2], tags=[ATTACKS[0], '"><b>'])
    made = document(all_of_them, path="/<img src=x onerror=\"window.taken='path'\">/{id}")
    operation = next(iter(made["paths"].values()))["get"]
    operation["summary"] = made["info"]["title"] = ATTACKS[1]
    operation["tags"] = [made["tags"][0].setdefault("name", "x")]
    operation["externalDocs"] = {"url": "javascript:void(window.taken='docs')", "description": all_of_them}
    made["info"]["termsOfService"] = made["info"].setdefault("contact", {"name": ATTACKS[1]})["url"] = (
        "javascript:void(window.taken='terms')"
    )
    made["info"]["x-logo"] = {"url": "http://tracker.example.org/logo.png"}
    made["__proto__"] = {"taken": "proto"}
    return found, made


def _without_policy(*pages: Path) -> None:
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert POLICY in text
        page.write_text(text.replace(POLICY, "img-src * data:"), encoding="utf-8")


def _attack(page: Any, address: str) -> Any:
    """Open it, click on everything that can be clicked, and tell what got through."""
    page.open(address)
    page.until(DRAWN)
    clicked = "#reference :is(a[href^=javascript], button, summary)"
    page.value(f"document.querySelectorAll('{clicked}').forEach(e => {{ e.target = ''; e.click() }})")
    page.value("new Promise(done => setTimeout(done, 500))")
    return page.value("window.taken || ({}).taken || ''")


def test_a_document_of_a_stranger_runs_nothing(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    network.asked.clear()
    write_site(site, [_attacked()])
    assert _attack(page, network.url(f"{site.name}/orders@1.html")) == ""
    assert page.value("location.pathname").endswith("/orders@1.html")
    assert page.value("getComputedStyle(document.body).display") == "block"
    assert page.value("document.querySelectorAll('#reference :is(script, iframe, style, form, object, embed, math)').length") == 0
    assert (
        page.value("Array.from(document.querySelectorAll('#reference [style]')).filter(e => e.style.position === 'fixed').length")
        == 0
    )
    assert page.value("Array.from(document.links).filter(e => e.protocol === 'javascript:').length") == 0
    page.open(network.url(f"{site.name}/index.html"))
    assert page.value("window.taken || ''") == ""
    assert page.value("document.querySelectorAll('main :is(img, script, iframe, b)').length") == 0
    assert network.asked == []


def test_the_walls_hold_alone_and_without_them_the_attack_succeeds(
    site: Path, seen: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, network = seen
    address = network.url(f"{site.name}/orders@1.html")
    script = site / "assets" / "reference.js"
    # Our cleaning alone: neither policy nor the renderer's cleaning.
    write_site(site, [_attacked()])
    _without_policy(site / "orders@1.html")
    _without_cleaning(script)
    ours = _attack(page, address)
    # The renderer's cleaning alone.
    monkeypatch.setattr(writing, "harmless", lambda document, servers: {**document})
    write_site(site, [_attacked()])
    _without_policy(site / "orders@1.html")
    renderers = _attack(page, address)
    # The policy alone.
    write_site(site, [_attacked()])
    _without_cleaning(script)
    policys = _attack(page, address)
    # Nothing at all.
    _without_policy(site / "orders@1.html")
    nothing = _attack(page, address)
    # The renderer cleans what it makes of Markdown, not the addresses of a document: alone it would not do.
    assert (ours, renderers, policys) == ("", "docs", "")
    assert nothing != ""


def _without_cleaning(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert "sanitize: true, untrustedSpec: true, " in text
    script.write_text(text.replace("sanitize: true, untrustedSpec: true, ", ""), encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("plain *text* & more", "plain *text* & more"),
        ("a < b and c > d, x <= y", "a &lt; b and c > d, x &lt;= y"),
        ("<b>bold</b><br/>", "<b>bold</b><br/>"),
        ("<b onclick=x>", "&lt;b onclick=x>"),
        ("<div>", "&lt;div>"),
        ("`<div>` stays", "`<div>` stays"),
        ("```\n<div>\n```\n<div>", "```\n<div>\n```\n&lt;div>"),
        ("<!-- c -->", "&lt;!-- c -->"),
        ("[a](javascript:x)", "[a](#)"),
        ("[a]( JavaScript :x)", "[a]( #)"),
        ("[a]: data:text/html,x", "[a]: #"),
        ("[a](https://example.org/?q=javascript:x)", "[a](https://example.org/?q=javascript:x)"),
        ("data: a list", "data: a list"),
    ],
)
def test_texts_keep_what_formats_and_lose_the_rest(given: str, wanted: str) -> None:
    assert formatted(given) == wanted


def test_names_and_examples_of_a_document_stay_as_they_are() -> None:
    schema = {"type": "object", "properties": {"example": {"description": "<div>"}, "url": {"type": "string"}, "x-logo": {}}}
    given = {"components": {"schemas": {"description": schema}}, "example": {"url": "javascript:x", "description": "<div>"}}
    made = harmless(given, ["/orders"])
    inner = made["components"]["schemas"]["description"]["properties"]
    assert inner == {"example": {"description": "&lt;div>"}, "url": {"type": "string"}, "x-logo": {}}
    assert made["example"] == given["example"]
    assert made["servers"] == [{"url": "/orders"}]
