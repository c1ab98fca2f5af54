"""Search bench: a catalogue of thousands of API files with their documents, asked as people ask.

Usage: bench_search.py [APIS].
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from made_catalogue import catalogue as made
from measure import table

from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.search import Index
from tisserand.apis.catalogue.writing import api_text

BOUND = 200
"""Milliseconds: the median of every kind of question."""
ROUNDS = 15


def main(apis: int = 5_000, rounds: int = ROUNDS) -> dict[str, Any]:
    known, _ = made(apis, 0, seed=7)
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "apis").mkdir()
        for api, document in known:
            stem = f"{api.id}-{api.version}"
            whole = api.model_copy(update={"openapi": f"{stem}.openapi.yaml", "owner": f"team-{rng.randrange(50)}"})
            (root / "apis" / f"{stem}.yaml").write_text(api_text(whole))
            text = yaml.dump(document, Dumper=yaml.CSafeDumper)
            (root / "apis" / f"{stem}.openapi.yaml").write_text(text)
        index = Index(Catalogue(root))
        begun = time.perf_counter()
        assert len(index.search()) == apis
        first = time.perf_counter() - begun
        asked: dict[str, dict[str, str]] = {
            "a word": {"text": known[0][0].name},
            "two words": {"text": f"{known[1][0].id} {known[1][0].name}"},
            "a property": {
                "schema": min(next(iter(known[2][1]["components"]["schemas"].values()))["properties"].keys() - {"id"})
            },
            "an owner": {"owner": "team-7"},
            "nothing that is there": {"text": "quite-unknown"},
            "everything": {},
        }
        rows, missed = [], 0
        for name, question in asked.items():
            times, worked = [], []
            for _ in range(rounds):
                begun, cpu = time.perf_counter(), time.process_time()
                found = index.search(**question)
                times.append((time.perf_counter() - begun) * 1000)
                worked.append((time.process_time() - cpu) * 1000)
            middle = statistics.median(times)
            missed += middle > BOUND
            rows.append([name, len(found), f"{middle:.0f} ms", f"{statistics.median(worked):.0f} ms", f"{max(times):.0f} ms"])
    text = table([f"asked of {apis:,} APIs", "found", "median", "CPU", "slowest"], rows)
    text += f"\n\nFirst look (every file and document read): {first:.1f} s."
    return {"title": "Search in the catalogue", "text": text + (f"\n\n{missed} MISSED" if missed else "")}


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:]))["text"])
