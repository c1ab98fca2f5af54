"""A workspace with a small catalogue, made through the executor itself: APIs of every stage, plans, consumers with keys, usage, a gateway."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import yaml

from tisserand.apis.usage import BOUNDS_MS, UsageRow, latency_class
from tisserand.service.local import LocalExecutor

PRICE = (Path(__file__).parents[2] / "flows" / "examples" / "flows" / "trigger-request.yaml").read_text(encoding="utf-8")

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders of the shop", "version": "1", "description": "Every order of the shop, and what became of it."},
    "paths": {
        "/orders": {
            "get": {
                "operationId": "listOrders", "summary": "List the orders",
                "parameters": [
                    {"name": "country", "in": "query", "description": "Of one country only.", "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 100}},
                ],
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {
                    "type": "array", "items": {"$ref": "#/components/schemas/Order"}}}}}},
            },
            "post": {
                "operationId": "addOrder", "summary": "Take a new order",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                "responses": {"201": {"description": "made"}},
            },
        },
        "/orders/{number}": {
            "get": {
                "operationId": "getOrder", "summary": "One order",
                "parameters": [{"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {
                    "$ref": "#/components/schemas/Order"}}}}, "404": {"description": "none"}},
            },
        },
    },
    "components": {"schemas": {
        "Order": {
            "type": "object", "required": ["number", "lines"],
            "properties": {
                "number": {"type": "integer", "description": "Given by the shop."},
                "total": {"type": "number"},
                "customer": {"$ref": "#/components/schemas/Customer"},
                "lines": {"type": "array", "items": {"type": "object", "properties": {
                    "article": {"type": "string"}, "pieces": {"type": "integer"}}}},
            },
        },
        "Customer": {"type": "object", "properties": {"name": {"type": "string"}, "country": {"type": "string"}}},
    }},
}  # fmt: skip


def later() -> dict[str, Any]:
    """Version 2 of the document: an operation is gone, a property is new."""
    found: dict[str, Any] = yaml.safe_load(yaml.safe_dump(DOCUMENT))
    found["info"]["version"] = "2"
    del found["paths"]["/orders"]["post"]
    found["components"]["schemas"]["Order"]["properties"]["currency"] = {"type": "string"}
    return found


def api(id: str, version: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "version": version, "name": id.capitalize(), "owner": "sales", "route": {"base_path": f"/{id}"},
        "upstream": {"targets": [{"url": f"https://{id}.example.org/api"}]}, **more,
    }  # fmt: skip


def workspace(root: Path) -> Path:
    """Gives the root."""
    (root / "flows").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    (root / "flows" / "price.yaml").write_text(PRICE.replace("id: trigger-request", "id: price"))
    (root / "traefik").mkdir()
    settings = {"folder": "traefik", "address": "https://api.example.org"}
    gateways = {"edge": {"type": "traefik", "title": "Edge of the shop", "settings": settings}}
    (root / "gateways.yaml").write_text(yaml.safe_dump(gateways))
    executor = LocalExecutor(root)
    apis = executor.apis
    gold = {
        "name": "Gold",
        "rate": [{"count": 50, "per": "1s"}],
        "quota": {"count": 100_000, "period": "month"},
        "price": "0.01 EUR / call",
    }
    apis.save_entry("plan", "gold", gold)
    apis.save_entry("plan", "free", {"name": "To try it out", "quota": {"count": 500, "period": "day"}, "approval": "manual"})
    for id, name, contact in (
        ("acme", "Acme Ltd", "ops@acme.example"),
        ("globex", "Globex", ""),
        ("warehouse", "Our own warehouse", "it@shop.example"),
    ):
        apis.save_entry("consumer", id, {"name": name, "contact": contact})
    apis.issue("acme")
    apis.issue("warehouse", expires="2999-01-01")
    policies = {"cors": {"origins": ["https://shop.example.org"]}, "cache": 60, "ip_deny": ["203.0.113.0/24"]}
    for version, document in (("1", DOCUMENT), ("2", later())):
        apis.save(
            api("orders", version, name="Orders of the shop", tags=["sales", "core"], plans=["gold", "free"], policies=policies)
        )
        apis.set_document("orders", version, yaml.safe_dump(document, sort_keys=False))
        apis.move("orders", version, "published")
    apis.move("orders", "1", "deprecated", sunset="2999-06-30")
    for id, owner, tags in (
        ("stock", "logistics", ["core"]),
        ("invoices", "finance", ["money"]),
        ("customers", "sales", ["core"]),
    ):
        apis.save(api(id, owner=owner, tags=tags))
    copied = {**DOCUMENT, "info": {**DOCUMENT["info"], "title": "Orders, once more"}}
    apis.save(api("shop-orders", owner="marketing", upstream={"targets": [{"url": "https://orders.example.org/api"}]}))
    apis.set_document("shop-orders", "1", yaml.safe_dump(copied, sort_keys=False))
    apis.subscribe("orders", "gold", "acme")
    apis.subscribe("orders", "free", "globex")
    apis.subscribe("orders", "gold", "warehouse")
    used(executor)
    executor.close()
    return root


def used(executor: LocalExecutor, hours: int = 30, seed: int = 4) -> list[UsageRow]:
    """Calls of the last hours, as a gateway tells them; gives what was told."""
    chance, now = random.Random(seed), int(time.time()) // 3600 * 3600
    rows = []
    for ago in range(hours):
        for operation in ("GET /orders", "GET /orders/{number}", "POST /orders"):
            for consumer, plan in (("acme", "gold"), ("warehouse", "gold"), ("globex", "free")):
                for status, most in ((200, 400), (429, 40 if consumer == "globex" else 0), (404, 12), (503, 6)):
                    count = chance.randint(0, most)
                    if count:
                        latency = [0] * (len(BOUNDS_MS) + 1)
                        for _call in range(count):
                            latency[latency_class(chance.lognormvariate(2.2, 0.7))] += 1
                        rows.append(
                            UsageRow(now - ago * 3600, "orders", "2" if chance.random() < 0.8 else "1", operation, consumer, plan, status, count, 90 * count, 700 * count, tuple(latency))
                        )  # fmt: skip
    store = executor.gateways.store
    assert store.take("edge", rows, store.mark("edge"), "1")
    return rows
