"""Which operations a gateway is told of, where a document names them: one that is odd opens nothing by mistake."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tisserand.apis.catalogue.declaring import Surroundings, declared
from tisserand.apis.catalogue.files import Catalogue

API = """id: orders
version: '1'
lifecycle: published
openapi: orders-1.openapi.yaml
route: {base_path: /orders}
upstream: {targets: [{url: 'http://127.0.0.1:9'}]}
"""
AROUND = Surroundings(lambda _names: {}, {}, {}, lambda _place: {}, datetime(2026, 11, 1, tzinfo=UTC))


def told(root: Path, document: str) -> tuple[list[str], list[str]]:
    """The operations of the one API, and the codes of what is wrong."""
    (root / "apis").mkdir()
    (root / "apis" / "orders-1.yaml").write_text(API)
    (root / "apis" / "orders-1.openapi.yaml").write_text(document)
    found, problems = declared(Catalogue(root), "main", AROUND)
    assert all(each.place.file == "apis/orders-1.yaml" for each in problems)
    return [f"{each.method} {each.path}" for each in found.apis[0].route.operations], [each.code for each in problems]


@pytest.mark.parametrize(
    ("document", "operations", "problems"),
    [
        ("paths: {/a: {get: {}, trace: {}, x-note: {}, parameters: []}, x-more: {get: {}}}", ["GET /a"], []),
        ("paths: {/a: {$ref: '#/components/pathItems/a'}}\ncomponents: {pathItems: {a: {put: {}}}}", ["PUT /a"], []),
        ("paths: {/a: {$ref: '#/paths/~1a'}, /b: {get: {}}}", ["GET /b"], []),
        ("paths: {a: {get: {}}, /b: {get: {}}}", ["GET /b"], ["api.document"]),
        ("paths: {7: {get: {}}, null: {get: {}}, /b: {post: {operationId: 7}}}", ["POST /b"], ["api.document"] * 2),
        # As if they named nothing, these would let everything through.
        ("paths: {/a: {get: 7}, /b: [get]}", [], ["api.document"]),
        ("paths: [{/a: {get: {}}}]", [], ["api.document"]),
        ("paths: /a", [], ["api.document"]),
        ("[paths]", [], ["api.document"]),
        ("", [], ["api.document"]),
        ("paths: {", [], ["api.document"]),
        ("openapi: 3.1.0\nwebhooks: {}\n", [], []),
    ],
)
def test_what_a_document_names(tmp_path: Path, document: str, operations: list[str], problems: list[str]) -> None:
    assert told(tmp_path, document) == (operations, problems)
