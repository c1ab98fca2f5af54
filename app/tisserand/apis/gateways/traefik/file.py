"""The file in the folder that Traefik watches: the neutral items as comments, below them the objects.

It is YAML that is JSON as well, an object a line: large ones are read and written ten times as fast as in the usual style.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from tisserand.apis.gateways.kept import Kept
from tisserand.apis.gateways.traefik.objects import Objects
from tisserand.apis.neutral import digest
from tisserand.model.lenient_yaml import Loader

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
    others: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside `http`."""


def revision_of(objects: Objects, kept: Sequence[Kept]) -> str:
    return digest([objects, [each.to_json() for each in kept]])


def marker(gateway: str, revision: str) -> str:
    """The name of a middleware that does nothing: by it is seen which revision Traefik has loaded."""
    return f"{gateway}~{REVISION}~{revision}"


def text_of(gateway: str, objects: Objects, kept: Sequence[Kept], revision: str, certificate: Mapping[str, str] | None) -> str:
    """The file. `certificate`: `certFile` and `keyFile`, where Traefik finds them."""
    known = {
        **objects,
        f"middlewares/{marker(gateway, revision)}": {"headers": {"customResponseHeaders": {"x-revision": revision}}},
    }
    http: dict[str, dict[str, Any]] = {}
    for name, content in sorted(known.items()):
        kind, _, id = name.partition("/")
        http.setdefault(kind, {})[id] = content
    parts = [f"{_json(kind)}: {{\n{_lines(some)}\n}}" for kind, some in http.items()]
    more = f',\n"tls": {_json(tls_of(certificate))}' if certificate else ""
    told = "".join(f"{MARK}{json.dumps(each.to_json(), sort_keys=True, ensure_ascii=True)}\n" for each in kept)
    return f'{HEAD}{told}{{"http": {{\n{",".join(parts)}\n}}{more}}}\n'


def tls_of(certificate: Mapping[str, str] | None) -> Mapping[str, Any]:
    return {"certificates": [dict(certificate)]} if certificate else {}


def _lines(objects: Mapping[str, Any]) -> str:
    return ",\n".join(f"  {_json(name)}: {_json(content)}" for name, content in objects.items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def items(text: str) -> list[Kept]:
    """The items of a file; lines that cannot be read are left out."""
    kept = []
    for line in text.splitlines():
        if line.startswith(MARK):
            with suppress(ValueError, KeyError, TypeError):
                kept.append(Kept.from_json(json.loads(line.removeprefix(MARK))))
    return kept


def parse(gateway: str, text: str) -> Content:
    """What stands in a file, however it was changed: lines of items that cannot be read are left out, and what is not YAML any more
    holds no objects."""
    objects: Objects = {}
    others: dict[str, Any] = {}
    with suppress(yaml.YAMLError, AttributeError):
        data = load(text)
        others = {name: content for name, content in data.items() if name != "http"}
        objects = {
            f"{kind}/{name}": content for kind, some in (data.get("http") or {}).items() for name, content in (some or {}).items()
        }
    found = [name for name in objects if name.startswith(f"middlewares/{gateway}~{REVISION}~")]
    for name in found:
        del objects[name]
    return Content(items(text), objects, found[0].rpartition("~")[2] if len(found) == 1 else "", others)


def load(text: str) -> Any:
    """The YAML of such a file; raises `yaml.YAMLError`."""
    try:
        return json.loads("\n".join(line for line in text.splitlines() if not line.startswith("#")))
    except ValueError:
        return yaml.load(text, Loader=Loader) or {}  # noqa: S506 - a safe loader; somebody wrote it anew
