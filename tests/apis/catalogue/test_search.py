"""Search against a scan that knows nothing of ours: plain YAML, looked through for each question."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.search import Index, version_order

TAGS = ["sales", "Ventes", "Été", "a b", "SALES", "sale"]
OWNERS = ["Zoë", "zoe", "ops", "Ops team", "straße", ""]
NAMES = ["Order", "OrderLine", "Kundé", "total", "TOTAL_NET", "x-y"]
STATES = ["draft", "published", "deprecated", "retired"]
VERSIONS = ["1", "1.1", "1.2", "1.10", "2", "10", "1-beta", "v3"]  # in no order
LATEST_FIRST = ["10", "v3", "2", "1.10", "1.2", "1.1", "1", "1-beta"]  # as people count them


def schema(random_: random.Random, depth: int) -> dict[str, Any]:
    if depth == 0 or random_.random() < 0.3:
        return {"type": "string"}
    inner = {name: schema(random_, depth - 1) for name in random_.sample(NAMES, 2)}
    wrapped = {"type": "object", "properties": inner}
    return random_.choice([wrapped, {"type": "array", "items": wrapped}, {"allOf": [wrapped]}])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty APIs in folders, some with documents of one form or another, some broken."""
    place = tmp_path_factory.mktemp("searched")
    random_ = random.Random(20_261_125)
    for number in range(60):
        folder = place / "apis" / random_.choice(["", "a", "a/b"])
        folder.mkdir(parents=True, exist_ok=True)
        id, version = f"api{number // len(VERSIONS)}", VERSIONS[number % len(VERSIONS)]
        stem = f"{id}-{version}"
        data: dict[str, Any] = {
            "id": id, "version": version, "name": random_.choice(NAMES), "owner": random_.choice(OWNERS),
            "tags": random_.sample(TAGS, random_.randrange(4)), "lifecycle": random_.choice(STATES),
            "route": {"base_path": f"/p{number % 7}"}, "upstream": {"flow": "f"},
        }  # fmt: skip
        document = {
            "openapi": "3.1.0",
            "paths": {f"/{random_.choice(NAMES)}": {"get": {"responses": {"200": {"content": {"application/json": {
                "schema": schema(random_, 3)}}}}}}},
            "components": {"schemas": {name: schema(random_, 2) for name in random_.sample(NAMES, 1)}},
        }  # fmt: skip
        kind = random_.randrange(4)
        if kind:
            name = f"{stem}.openapi.{'json' if kind == 1 else 'yaml'}"
            data["openapi"] = name
            (folder / name).write_text(yaml.safe_dump(document, allow_unicode=True))
        (folder / f"{stem}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
    (place / "apis" / "broken.yaml").write_text("id: broken\ntags: [sales]\n")
    (place / "apis" / ".hidden.yaml").write_text("id: hidden\n")
    return place


def plain(text: str) -> str:
    """Without case and accents."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))


def scanned(root: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every API that is one, with its document."""
    for path in (root / "apis").rglob("*.yaml"):
        if ".openapi." in path.name or path.name.startswith("."):
            continue
        data = yaml.safe_load(path.read_text())
        if "upstream" in data:
            document = data.get("openapi")
            yield data, yaml.safe_load((path.parent / document).read_text()) if document else {}


def names(document: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("schemas", "properties"):
                found |= set(value)
            found |= names(value)
    elif isinstance(document, list):
        for value in document:
            found |= names(value)
    return found


def by_scan(known: list[tuple[dict[str, Any], dict[str, Any]]], **asked: str) -> set[str]:
    found = set()
    for data, document in known:
        words = plain(" ".join([data["id"], data["name"], data["owner"], *data["tags"], *document.get("paths", {})]))
        if (
            ("tag" not in asked or plain(asked["tag"]) in map(plain, data["tags"]))
            and ("owner" not in asked or plain(asked["owner"]) == plain(data["owner"]))
            and ("lifecycle" not in asked or asked["lifecycle"] == data["lifecycle"])
            and ("schema" not in asked or any(plain(asked["schema"]) in plain(name) for name in names(document)))
            and ("text" not in asked or all(word in words for word in plain(asked["text"]).split()))
        ):
            found.add(f"{data['id']}@{data['version']}")
    return found


ASKED: list[dict[str, str]] = [
    {},
    *({"tag": each} for each in (*TAGS, "ventes", "ete", "ÉTÉ", "sal", "nothing")),
    *({"owner": each} for each in ("Zoë", "ZOE", "ops", "ops team", "strasse", "nobody")),
    *({"schema": each} for each in (*NAMES, "order", "kunde", "tot", "-", "nothing")),
    *({"lifecycle": each} for each in STATES),
    *({"text": each} for each in ("order", "api3 ÉTÉ", "/kunde", "total zoe", "nothing order")),
    {"tag": "sales", "lifecycle": "published"},
    {"tag": "ete", "schema": "order", "owner": "ops"},
    {"schema": "total", "text": "api1", "lifecycle": "draft"},
]


def test_search_finds_what_a_scan_finds(root: Path) -> None:
    index, known = Index(Catalogue(root)), [*scanned(root)]
    hits = 0
    for asked in ASKED:
        found = [each.file.api.key for each in index.search(**asked) if each.file.api is not None]
        assert len(found) == len(set(found)) and set(found) == by_scan(known, **asked), asked
        hits += 0 < len(found) < 60
    assert hits > 20, "most questions tell some from others"


def test_the_latest_version_comes_first(root: Path) -> None:
    """Numbers as numbers, and what comes before a version before it."""
    found = [each.file.api for each in Index(Catalogue(root)).search("api1")]
    assert [api.version for api in found if api is not None and api.id == "api1"] == LATEST_FIRST
    assert sorted(VERSIONS, key=version_order, reverse=True) == LATEST_FIRST


def test_what_changed_is_found_anew(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "apis"
    place.mkdir()
    data = {"id": "a", "version": "1", "route": {"base_path": "/a"}, "upstream": {"flow": "f"}, "openapi": "a.openapi.yaml"}
    (place / "a.yaml").write_text(yaml.safe_dump(data))
    index = Index(Catalogue(tmp_path))
    document = place / "a.openapi.yaml"
    assert index.search(schema="Order") == []
    for text, expected in (
        ("components: {schemas: {Order: {}}}", 1),
        ("components: {schemas: {Other: {}, More: {}}}", 0),
        ("components: {schemas: {Order: !!bool maybe}}", 1),
        ("components: [", 0),
    ):
        document.write_text(text)
        assert len(index.search(schema="Order")) == expected, text
    document.write_text("components: {schemas: {Order: {}, Last: {}}}")
    assert len(index.search(schema="Last")) == 1
    document.unlink()
    assert index.search(schema="Last") == [] and len(index.search()) == 1
