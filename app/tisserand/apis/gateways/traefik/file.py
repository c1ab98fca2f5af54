"""The file in the folder that Traefik watches: the objects as YAML, below the neutral items as comments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

from tisserand.apis.gateways.kept import Kept
from tisserand.apis.gateways.traefik.dynamic import Objects
from tisserand.apis.neutral import digest

HEAD = "# Written by Tisserand, which replaces it with the next push. What is changed here by hand shows up as drift.\n"
MARK = "# item: "
REVISION = "revision"


@dataclass(frozen=True)
class Content:
    """What such a file holds."""

    kept: Sequence[Kept]
    objects: Objects
    """`routers/name` → content, as it stands now."""
    revision: str


def revision_of(objects: Objects, kept: Sequence[Kept]) -> str:
    return digest([objects, [each.to_json() for each in kept]])


def marker(gateway: str, revision: str) -> str:
    """The name of a middleware that does nothing: by it is seen which revision Traefik has loaded."""
    return f"{gateway}~{REVISION}~{revision}"


def text_of(gateway: str, objects: Objects, kept: Sequence[Kept], certificate: Mapping[str, str] | None) -> str:
    """The file. `certificate`: `certFile` and `keyFile`, where Traefik finds them."""
    revision = revision_of(objects, kept)
    known = {
        **objects,
        f"middlewares/{marker(gateway, revision)}": {"headers": {"customResponseHeaders": {"x-revision": revision}}},
    }
    http: dict[str, dict[str, Any]] = {}
    for name, content in sorted(known.items()):
        kind, _, id = name.partition("/")
        http.setdefault(kind, {})[id] = content
    data: dict[str, Any] = {"http": http}
    if certificate:
        data["tls"] = {"certificates": [dict(certificate)]}
    lines = "".join(f"{MARK}{json.dumps(each.to_json(), sort_keys=True, ensure_ascii=True)}\n" for each in kept)
    return f"{HEAD}{lines}{yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1_000_000)}"


def parse(gateway: str, text: str) -> Content:
    """What stands in a file, however it was changed: lines of items that cannot be read are left out, and what is not YAML any more
    holds no objects."""
    kept = []
    for line in text.splitlines():
        if line.startswith(MARK):
            with suppress(ValueError, KeyError, TypeError):
                kept.append(Kept.from_json(json.loads(line.removeprefix(MARK))))
    objects: Objects = {}
    with suppress(yaml.YAMLError, AttributeError):
        data = yaml.load(text, Loader=yaml.CSafeLoader) or {}
        objects = {
            f"{kind}/{name}": content for kind, some in (data.get("http") or {}).items() for name, content in (some or {}).items()
        }
    found = [name for name in objects if name.startswith(f"middlewares/{gateway}~{REVISION}~")]
    for name in found:
        del objects[name]
    return Content(kept, objects, found[0].rpartition("~")[2] if len(found) == 1 else "")


class _Plain(yaml.CSafeDumper):
    """No anchors: people read the file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
