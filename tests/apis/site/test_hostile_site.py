"""The reference site under load: hostile texts beyond the plain attacks, large documents, many APIs, values that JSON has not, and only a
keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.apis.site import test_site as plain
from tests.apis.site.test_site import DRAWN, api, document

from tisserand import texts
from tisserand.apis.openapi.reading import load
from tisserand.apis.site.writing import write_site
from tisserand.files import shipped


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts.add_catalogues(shipped("resources") / "locale")
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def seen(place: Path) -> Iterator[tuple[Any, Any]]:
    with plain.servers.browser(place) as found:
        yield found


@pytest.fixture
def site(request: pytest.FixtureRequest, place: Path) -> Path:
    return place / re.sub(r"\W+", "-", request.node.name)


SLY = (
    "[a](&#106;avascript:void(window.taken='entity'))",
    "[b](java\tscript:void(window.taken='tab'))",
    "[c](<java&Tab;script:void(window.taken='named')>)",
    "[d][e]\n\n[e]: <javascript&colon;void(window.taken='defined')>",
    "<javascript:void(window.taken='auto')>",
    "[f](vbscript:x) [g](data:text/html,<script>parent.taken='data'</script>)",
    "![h](x\" onerror=\"window.taken='alt')",
    "`unclosed <img src=x onerror=\"window.taken='unclosed'\">",
    "```\nunclosed fence <img src=x onerror=\"window.taken='fence'\">",
    "~~~\n<img src=x onerror=\"window.taken='tilde'\">\n~~~",
    "    <img src=x onerror=\"window.taken='indented'\">",
    "``<img src=x onerror=\"window.taken='double'\">` `` <svg/onload=\"window.taken='after'\">",
    "<\x00script>window.taken='nul'</script>",
    "<table><tr><td>`</td></tr></table><img src=x onerror=\"window.taken='row'\">`",
    "${window.taken='template'} {{constructor.constructor(\"window.taken='curly'\")()}}",
    "\u2028</script\u2029><script>window.taken='line'</script>",
    "<!--<img src=\"--><img src=x onerror=window.taken='comment'>\">",
    "]]><script>window.taken='cdata'</script>",
)  # fmt: skip


def sly() -> dict[str, Any]:
    """The texts everywhere that a document has text, also where a renderer looks for its own words."""
    made: dict[str, Any] = document("plain")
    text = "\n\n".join(SLY)
    operation = made["paths"]["/orders/{id}"]["get"]
    operation["description"] = text
    schema: dict[str, Any] = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for number, each in enumerate(SLY):
        schema["properties"][f"p{number} {each}"] = {
            "type": "string", "title": each, "description": each, "default": each, "enum": [each], "pattern": each, "format": each,
            "example": each, "x-enumDescriptions": {each: each}, "externalDocs": {"url": each, "description": each},
        }  # fmt: skip
        made["tags"].append({"name": each, "x-displayName": each, "description": each, "externalDocs": {"url": each}})
    operation["x-codeSamples"] = [{"lang": "js", "label": text, "source": text}]
    operation["x-badges"] = [{"name": text, "color": "red;background:url(http://tracker.example.org)"}]
    operation["callbacks"] = {
        "told": {text: {"post": {"summary": text, "description": text, "responses": {"200": {"description": text}}}}}
    }
    operation["security"] = [{"login": ["read"]}]
    made["components"] = {
        "securitySchemes": {
            "login": {"type": "oauth2", "description": text, "flows": {"implicit": {"authorizationUrl": "javascript:void(window.taken='flow')", "scopes": {"read": text}}}},
            "open": {"type": "openIdConnect", "openIdConnectUrl": "javascript:void(window.taken='connect')", "description": text},
        }
    }  # fmt: skip
    made["info"] |= {
        "contact": {
            "name": text,
            "email": "a@b\" onclick=\"window.taken='mail'",
            "url": "java\nscript:void(window.taken='contact')",
        },
        "license": {"name": text, "url": " javascript:void(window.taken='licence')"},
    }
    made["webhooks"] = {text: {"post": {"summary": text, "description": text, "responses": {"200": {"description": text}}}}}
    made["x-tagGroups"] = [{"name": text, "tags": ["orders", *SLY]}]
    return made


def test_sly_texts_everywhere_run_nothing(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    network.asked.clear()
    text = "\n".join(SLY)
    write_site(
        site,
        [(api(name=SLY[15], summary=text, owner=text, tags=[SLY[6]]), sly())],
        title=text,
        addresses=["https://api.example.org"],
    )
    page.open(network.url(f"{site.name}/orders@1.html"))
    page.until(DRAWN)
    page.value(
        "document.querySelectorAll('#reference :is(a, button, summary, [role=menuitem], [role=button])').forEach(e => { e.target = ''; if (!e.protocol || /script:|data:/.test(e.protocol)) e.click() })"
    )
    page.value("new Promise(done => setTimeout(done, 500))")
    assert page.value("window.taken || ({}).taken || ''") == ""
    assert page.value("Array.from(document.links).filter(e => /script:|data:/.test(e.protocol)).map(e => e.href)") == []
    assert page.value("document.querySelectorAll('#reference :is(script, iframe, form, object, embed)').length") == 0
    assert page.value("location.pathname").endswith("/orders@1.html")
    page.open(network.url(f"{site.name}/index.html"))
    assert page.value("window.taken || ''") == ""
    assert [each for each in network.asked if "site.test" not in each] == []


def test_a_document_that_cannot_be_drawn_says_so(site: Path, seen: tuple[Any, Any]) -> None:
    page, network = seen
    write_site(site, [(api(), document())])
    (site / "documents" / "orders@1.js").write_text("window.apiDocument = 'no json';\n")
    page.open(network.url(f"{site.name}/orders@1.html"))
    page.until("document.getElementById('reference').dataset.state === 'failed'", 30)
    assert "cannot be shown" in page.value("document.body.innerText")
    assert page.value("document.getElementById('waiting').hidden")


def large(operations: int) -> dict[str, Any]:
    made = document()
    one = made["paths"].pop("/orders/{id}")
    made["components"] = {"schemas": {}}
    for number in range(operations):
        name = f"Thing{number}"
        properties = {
            f"field{each}": {"type": "string", "description": f"What field {each} of {name} says. " * 2} for each in range(12)
        }
        made["components"]["schemas"][name] = {
            "type": "object",
            "properties": {**properties, "next": {"$ref": f"#/components/schemas/Thing{(number + 1) % operations}"}},
        }
        copied = json.loads(json.dumps(one))
        copied["get"] |= {"operationId": f"get{number}", "summary": f"Thing number {number}"}
        copied["get"]["responses"]["200"]["content"]["application/json"] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        made["paths"][f"/things{number}/{{id}}"] = copied
    return made


@pytest.mark.parametrize("operations", [40, pytest.param(700, marks=pytest.mark.soak)])
def test_a_large_document(site: Path, seen: tuple[Any, Any], operations: int) -> None:
    page, network = seen
    write_site(site, [(api(), large(operations))])
    page.open(network.url(f"{site.name}/orders@1.html"))
    # A large one takes its time: until then it is said.
    assert page.value(
        "document.getElementById('waiting').hidden === (document.getElementById('reference').dataset.state === 'drawn')"
    )
    page.until(DRAWN, 240)
    assert page.value("document.getElementById('waiting').hidden")
    text = page.value("document.getElementById('reference').textContent")
    assert "Thing number 0" in text and f"Thing number {operations - 1}" in text
    print(
        f"\n{(site / 'documents' / 'orders@1.js').stat().st_size / 1e6:.1f} MB document; {page.value('performance.now()') / 1000:.1f} s until drawn"
    )


def test_three_hundred_apis_are_searched(site: Path, seen: tuple[Any, Any]) -> None:
    page, _network = seen
    apis = [
        (api(f"api-{number}", name=f"Service {number}", owner=f"Team {number % 7}"), document(path=f"/things{number}/{{id}}"))
        for number in range(300)
    ]
    write_site(site, apis)
    page.open(f"file://{site}/index.html")
    page.value("document.getElementById('search').focus()")
    page.type("things123")
    assert page.value("Array.from(document.querySelectorAll('.api')).filter(e => !e.hidden).map(e => e.id)") == ["api-123@1"]
    took = page.value(
        "(() => { const s = document.getElementById('search'), began = performance.now();"
        " s.value = 'team 3'; s.dispatchEvent(new Event('input')); return performance.now() - began })()"
    )
    size = sum(each.stat().st_size for each in site.rglob("*") if each.is_file())
    print(
        f"\n300 APIs: {size / 1e6:.1f} MB, of which {(site / 'index.html').stat().st_size / 1e3:.0f} kB the list; a search takes {took:.0f} ms"
    )
    # Both words must stand in it, wherever: in “Team 3”, or in a number.
    expected = sum("3" in f"{number} {number % 7}" for number in range(300))
    assert page.value("Array.from(document.querySelectorAll('.api')).filter(e => !e.hidden).length") == expected


def test_with_a_keyboard_alone(site: Path, seen: tuple[Any, Any]) -> None:
    page, _network = seen
    write_site(site, [(api("orders", tags=["sale"]), document()), (api("stock", tags=["store"]), document())])
    page.open(f"file://{site}/index.html")

    def key(name: str, code: int, text: str = "") -> None:
        more = {"text": text} if text else {}
        page._call("Input.dispatchKeyEvent", type="keyDown", key=name, code=name, windowsVirtualKeyCode=code, **more)
        page._call("Input.dispatchKeyEvent", type="keyUp", key=name, code=name, windowsVirtualKeyCode=code)

    def here() -> str:
        found: str = page.value("(e => e.id || e.getAttribute('href') || e.className || e.tagName)(document.activeElement)")
        return found

    def shown() -> Any:
        return page.value("Array.from(document.querySelectorAll('.api')).filter(e => !e.hidden).map(e => e.id)")

    key("/", 191, "/")
    assert here() == "search"
    page.type("sto")
    assert shown() == ["stock@1"]
    key("Escape", 27)
    assert shown() == ["orders@1", "stock@1"]
    order = []
    for _ in range(12):
        key("Tab", 9)
        order.append(here())
    for reached in ("orders@1.html", "tag", "stock@1.html", "theme", "fr/index.html"):
        assert reached in order, order
    while here() != "theme":
        key("Tab", 9)
    before = page.value("document.documentElement.dataset.theme")
    key("Enter", 13, "\r")
    page.until(f"document.documentElement.dataset.theme !== '{before}'")
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid", "it is seen where one is"
    while here() != "orders@1.html":
        key("Tab", 9)
    key("Enter", 13, "\r")
    page.until(DRAWN)
    # Within the reference: what folds answers to the keyboard.
    reached = []
    for _ in range(25):
        key("Tab", 9)
        reached.append(page.value("document.activeElement.tagName"))
    assert "BUTTON" in reached
    page.value("localStorage.clear()")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"half \\ud800 a letter"'])
def test_what_a_page_could_not_hold_is_refused_when_it_is_read(value: str) -> None:
    text = json.dumps(document()).replace('"One order"', value)
    made, problems = load(text)
    assert made is None and [each.code for each in problems] == ["openapi.value"]
