"""A catalogue made at random, with planted duplicates: for the test of redundancy and for its bench."""

from __future__ import annotations

import random
from typing import Any

from tisserand.apis.model import Api

Known = list[tuple[Api, dict[str, Any] | None]]

_SOUNDS = ("ba", "do", "fi", "ga", "hu", "je", "ko", "li", "mo", "na", "pe", "ru", "sa", "ti", "vo", "zu")


def word(rng: random.Random) -> str:
    return "".join(rng.choice(_SOUNDS) for _ in range(rng.randint(2, 4)))


def api(id: str, name: str, url: str) -> Api:
    route = {"base_path": f"/{id}"}
    return Api.model_validate({"id": id, "version": "1", "name": name, "route": route, "upstream": {"targets": [{"url": url}]}})


def document(things: list[str], properties: list[list[str]], key: str = "id", prefix: str = "") -> dict[str, Any]:
    """Each thing can be listed, made, asked for and removed, as most APIs have it."""
    paths: dict[str, Any] = {}
    for thing in things:
        answer = {"200": {"description": "ok"}}
        paths[f"{prefix}/{thing}s"] = {"get": {"responses": answer}, "post": {"responses": answer}}
        paths[f"{prefix}/{thing}s/{{{key}}}"] = {"get": {"responses": answer}, "delete": {"responses": answer}}
    schemas: dict[str, Any] = {
        thing.capitalize(): {"type": "object", "properties": {name: {"type": "string"} for name in ["id", *names]}}
        for thing, names in zip(things, properties, strict=True)
    }
    schemas["Problem"] = {"type": "object", "properties": {"title": {}, "status": {}, "detail": {}}}
    schemas["Page"] = {"type": "object", "properties": {"total": {}, "offset": {}, "limit": {}}}
    paths["/health"] = {"get": {"responses": {"200": {"description": "ok"}}}}
    return {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths, "components": {"schemas": schemas}}


def catalogue(size: int, planted: int, seed: int) -> tuple[Known, set[tuple[str, str]]]:
    """Unrelated APIs, each with things and properties of its own, and near copies of some: another name, other parameters, a version
    in the path, a property more or less, and now and then a thing more."""
    rng = random.Random(seed)
    known: Known = []
    expected = set()
    parts = []
    for index in range(size):
        things = [word(rng) for _ in range(rng.randint(2, 5))]
        properties = [[word(rng) for _ in range(rng.randint(4, 9))] for _ in things]
        parts.append((things, properties))
        id = f"{word(rng)}-{index}"
        known.append((api(id, word(rng), f"https://{word(rng)}.example.org/{index}"), document(things, properties)))
    for index, source in enumerate(rng.sample(range(size), planted)):
        things, properties = parts[source]
        changed = [[*names[: len(names) - (len(names) > 6)], *([word(rng)] if len(names) > 6 else [])] for names in properties]
        more = [word(rng)] if len(things) > 3 else []
        made = document([*things, *more], [*changed, *([word(rng), word(rng)] for _ in more)], key="number", prefix="/v2")
        copy = api(f"copy-{index}", word(rng), f"https://{word(rng)}.example.org/copy")
        known.append((copy, made))
        first, second = sorted((known[source][0].key, copy.key))
        expected.add((first, second))
    rng.shuffle(known)
    return known, expected
