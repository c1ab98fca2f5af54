"""Redundancy bench: a whole catalogue looked through for APIs that offer the same, and for how many of the planted ones are found.

Usage: bench_redundancy.py [APIS].
"""

from __future__ import annotations

import sys
import time
from typing import Any

from made_catalogue import catalogue
from measure import table

from tisserand.apis.openapi.redundancy import redundant


def main(apis: int = 5_000) -> dict[str, Any]:
    rows = []
    for size in (apis // 4, apis):
        known, expected = catalogue(size, size // 10, seed=5)
        begun = time.process_time()
        found = {(each.left, each.right) for each in redundant(known)}
        took = time.process_time() - begun
        rows.append([len(known), f"{took:.2f} s", f"{len(found & expected)} of {len(expected)}", len(found - expected)])
    return {
        "title": "Redundancy in the catalogue",
        "text": table(["APIs with documents", "CPU", "planted duplicates found", "false alarms"], rows),
    }


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:]))["text"])
