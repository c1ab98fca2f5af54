"""A workspace with an executor in this process, and a small catalogue in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tisserand.service.local import LocalExecutor
from tisserand.workspace.folder import Workspace

DOCUMENT = """\
openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /orders:
    get:
      operationId: listOrders
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
components:
  schemas:
    Order: {type: object, properties: {number: {type: integer}, total: {type: number}}}
"""
BROKEN = DOCUMENT.replace("/orders:", "/purchases:")
"""Whoever calls `/orders` finds nothing there any more."""


class Shop:
    """`orders@1` and what belongs to it."""

    def __init__(self, executor: LocalExecutor) -> None:
        self.executor = executor
        self.apis = executor.apis
        self.root = executor.root

    def data(self, **more: Any) -> dict[str, Any]:
        return {
            "id": "orders", "version": "1", "name": "Orders", "owner": "sales", "route": {"base_path": "/orders"},
            "upstream": {"targets": [{"url": "http://127.0.0.1:9/x"}]}, **more,
        }  # fmt: skip

    def published(self, document: str = DOCUMENT, **more: Any) -> dict[str, Any]:
        data = self.data(**more)
        self.apis.save(data)
        self.apis.set_document(data["id"], data["version"], document)
        return dict(self.apis.move(data["id"], data["version"], "published").data)

    def subscribed(self, **more: Any) -> str:
        self.apis.save_entry("plan", "gold", {"name": "Gold", **more})
        self.apis.save_entry("consumer", "acme", {"name": "Acme"})
        return self.apis.subscribe("orders", "gold", "acme")

    def file(self, name: str = "orders-1.yaml") -> Path:
        return self.root / "apis" / name

    def audited(self) -> list[tuple[str, str]]:
        """The latest first."""
        return [(each.what, each.target) for each in self.executor.audit.entries(limit=50)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    executor = LocalExecutor(Workspace.create(tmp_path / "place").root)
    yield Shop(executor)
    executor.close()
