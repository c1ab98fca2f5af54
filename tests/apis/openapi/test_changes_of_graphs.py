"""Breaking changes in schemas that refer to each other, and to themselves: all are found, nothing is looked at for ever."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tisserand.apis.openapi.breaking import changes

Json = dict[str, Any]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def document(schemas: Json, *roots: str) -> Json:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            f"/{root}": {
                "get": {"responses": {"200": {"description": "x", "content": {"application/json": {"schema": ref(root)}}}}}
            }
            for root in roots or ("A0",)
        },
        "components": {"schemas": schemas},
    }


def thing(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def found(old: Json, new: Json, *roots: str) -> list[tuple[str, str, bool]]:
    return [(each.where, each.code, each.breaking) for each in changes(document(old, *roots), document(new, *roots))]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
import tests.apis.openapi.test_changes_of_graphs as here
from tisserand.apis.openapi.breaking import changes
old, new, expected = here.LARGE[sys.argv[1]]()
told = changes(old, new)
assert len(told) == expected, (len(told), told[:3])
"""


def _dense() -> tuple[Json, Json, int]:
    """Each of thirty refers to all: to follow every way takes 30! steps."""
    made = {f"A{n}": thing(**{f"p{m}": ref(f"A{m}") for m in range(30)}, own={"type": "string"}) for n in range(30)}
    other = copy.deepcopy(made)
    other["A29"]["properties"]["own"]["type"] = "integer"
    return document(made), document(other), 1


def _doubled() -> tuple[Json, Json, int]:
    """`allOf` of the same twice, thirty levels deep: a thousand million if written out."""
    made = {f"A{n}": {"allOf": [ref(f"A{n + 1}"), ref(f"A{n + 1}")]} for n in range(30)} | {"A30": thing(x={"type": "string"})}
    other = copy.deepcopy(made)
    other["A30"]["properties"]["x"]["type"] = "integer"
    return document(made), document(other), 1


def _chosen() -> tuple[Json, Json, int]:
    """`oneOf` over all, in each."""
    made = {f"A{n}": {"oneOf": [ref(f"A{m}") for m in range(30)]} for n in range(30)}
    other = copy.deepcopy(made)
    other["A29"]["oneOf"].append({"type": "null"})
    return document(made), document(other), 1


def _chain() -> tuple[Json, Json, int]:
    made = {f"A{n}": thing(next=ref(f"A{n + 1}")) for n in range(3_000)} | {"A3000": {"type": "string"}}
    return document(made), document(made | {"A3000": {"type": "integer"}}), 1


def _ring() -> tuple[Json, Json, int]:
    """Every one of 300 operations reaches all of 300 schemas: a change in one is a change of all of them."""
    made = {f"A{n}": thing(**{f"f{m}": {"type": "string"} for m in range(8)}, next=ref(f"A{(n + 1) % 300}")) for n in range(300)}
    other = copy.deepcopy(made)
    other["A5"]["properties"]["f0"]["type"] = "integer"
    return document(made, *made), document(other, *made), 300


def _values() -> tuple[Json, Json, int]:
    return (
        document({"A0": {"enum": [f"v{n}" for n in range(50_000)]}}),
        document({"A0": {"enum": [f"w{n}" for n in range(50_000)]}}),
        2,
    )


def _paths() -> tuple[Json, Json, int]:
    made, other = document({}), document({})
    made["paths"] = {f"/a{n}": {"get": {"responses": {}}} for n in range(20_000)}
    other["paths"] = {f"/b{n}": {"get": {"responses": {}}} for n in range(20_000)}
    return made, other, 40_000


LARGE = {
    "dense": _dense,
    "doubled": _doubled,
    "chosen": _chosen,
    "chain": _chain,
    "ring": _ring,
    "values": _values,
    "paths": _paths,
}


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX")
@pytest.mark.parametrize("name", LARGE)
def test_all_is_found_in_little_time(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, name], capture_output=True, text=True, timeout=90)
    assert done.returncode != -signal.SIGXCPU, "more than 10 s"
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_holds_itself_is_compared_to_its_end() -> None:
    tree = thing(value={"type": "string"}, left=ref("A0"), right=ref("A0"), others={"type": "array", "items": ref("A0")})
    other = copy.deepcopy(tree)
    assert found({"A0": tree}, {"A0": other}) == []
    other["properties"]["value"]["maxLength"] = 3
    other["required"] = ["left"]
    told = found({"A0": tree}, {"A0": other})
    assert {code for _, code, _ in told} == {"reply.bound.tightened", "reply.property.required"}
    # Held within itself by `allOf`, which means nothing.
    assert found({"A0": {"allOf": [ref("A0")]}}, {"A0": {"allOf": [ref("A0")]}}) == []
    assert [
        breaking for *_, breaking in found({"A0": {"allOf": [ref("A0")]}}, {"A0": {"allOf": [ref("A0"), {"type": "object"}]}})
    ] == [True]
    # A circle of references alone.
    assert found({"A0": ref("B"), "B": ref("A0")}, {"A0": ref("B"), "B": ref("A0")}) == []


def test_what_is_deep_is_found_and_its_place_stays_short() -> None:
    def nested(kind: str) -> Json:
        inner: Json = {"type": kind}
        for number in range(90):
            inner = thing(**{f"n{number}": inner})
        return {"A0": inner}

    [(where, code, breaking)] = found(nested("string"), nested("integer"))
    assert (code, breaking) == ("reply.type", True) and where.count(".") < 60


def test_what_moves_into_a_component_or_out_of_it_is_no_change() -> None:
    item = thing(sku={"type": "string"}, more={"oneOf": [{"type": "string"}, thing(x={"type": "integer"})]})
    inline = {"A0": thing(item=item, choice={"anyOf": [item, {"type": "null"}]})}
    named = {"A0": thing(item=ref("Item"), choice={"anyOf": [ref("Item"), {"type": "null"}]}), "Item": item}
    renamed = {"A0": thing(item=ref("Thing"), choice={"anyOf": [ref("Thing"), {"type": "null"}]}), "Thing": item}
    for old, new in ((inline, named), (named, inline), (named, renamed)):
        assert found(old, new) == []
    changed = copy.deepcopy(named)
    changed["Item"]["properties"]["sku"]["type"] = "integer"
    assert {(where, code) for where, code, _ in found(inline, changed)} == {
        ("GET /A0 → 200 → item.sku", "reply.type"), ("GET /A0 → 200 → choice", "reply.composition"),
    }  # fmt: skip


def test_what_stands_beside_a_reference_counts() -> None:
    """Since 3.1, `$ref` is one keyword among others."""
    money = {"Money": {"type": "number", "minimum": 0}}
    old = money | {"A0": thing(price={**ref("Money"), "maximum": 10, "description": "old"})}
    new = money | {"A0": thing(price={**ref("Money"), "maximum": 5, "description": "new"})}
    assert [code for _, code, _ in found(old, new)] == ["reply.bound.tightened"]
    assert found(old, money | {"A0": thing(price={**ref("Money"), "maximum": 10, "x-more": 1})}) == []


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (
            {"allOf": [thing(a={"type": "string"}), thing(b={"type": "string"})]},
            thing(a={"type": "string"}, b={"type": "string"}),
            True,
        ),
        ({"allOf": [{"type": "string"}]}, {"allOf": [{"type": "integer"}]}, False),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"oneOf": [{"type": "string"}]}, False),
        ({"oneOf": [{"type": "string", "description": "a"}]}, {"oneOf": [{"type": "string", "title": "b", "x-c": 1}]}, True),
        ({"type": "array", "items": True}, {"type": "array", "items": False}, False),
        ({"enum": [1]}, {"enum": [True]}, False),
        (True, True, True),
        (True, {"type": "string"}, False),
    ],
)
def test_compositions_and_schemas_that_are_true_or_false(old: Any, new: Any, same: bool) -> None:
    assert (found({"A0": old}, {"A0": new}) == []) is same


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("/orders/{id}", "/orders/{order}", []),
        ("/orders/{id}/lines/{line}", "/orders/{line}/lines/{id}", []),
        ("/orders/{id}", "/orders/{id}/", ["path.removed", "operation.added"]),
        ("/orders/{id}", "/orders", ["path.removed", "operation.added"]),
        ("/orders({id})", "/orders({key})", []),
        ("/orders/{id}.json", "/orders/{id}", ["path.removed", "operation.added"]),
    ],
)
def test_paths_that_are_written_in_another_way(old: str, new: str, codes: list[str]) -> None:
    def made(path: str) -> Json:
        names = [each.split("}")[0] for each in path.split("{")[1:]]
        listed = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        return {**document({}), "paths": {path: {"get": {"parameters": listed, "responses": {"200": {"description": "x"}}}}}}

    assert [each.code for each in changes(made(old), made(new))] == codes


def test_a_parameter_that_moves_between_places_and_styles() -> None:
    def made(**parameter: Any) -> Json:
        listed = [{"name": "id", "schema": {"type": "array", "items": {"type": "string"}}, **parameter}]
        return {**document({}), "paths": {"/a": {"get": {"parameters": listed, "responses": {"200": {"description": "x"}}}}}}

    query = made(**{"in": "query"})
    assert [each.code for each in changes(query, made(**{"in": "header"}))] == ["parameter.moved"]
    assert [each.code for each in changes(query, made(**{"in": "query", "explode": False}))] == ["parameter.style"]
    assert changes(query, made(**{"in": "query", "style": "form", "explode": True})) == []
