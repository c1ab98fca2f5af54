"""Reading OpenAPI documents: any of 2.0, 3.0 and 3.1, from YAML or JSON, checked as a whole, given as 3.1."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import yaml

from tisserand.apis.openapi.lift import lift
from tisserand.apis.openapi.operations import at
from tisserand.apis.openapi.places import Lines, pointer_of
from tisserand.apis.openapi.rules import errors
from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

Json = dict[str, Any]

LARGEST = 8_000_000
"""Characters."""
MOST = 1_000_000
"""Values, aliases counted as often as they are named."""
SHOWN = 50
"""Problems that are told at most."""


def load(text: str) -> tuple[Json | None, list[Problem]]:
    """The document in 3.1, or None where it is none, and all that is wrong with it; what was lost on the way is a warning."""
    document, problem = parsed(text)
    if document is None:
        return None, [problem] if problem is not None else []
    lifted, problems = _checked(document)
    lines = Lines(text)
    return lifted, [each.at(line=lines.of(each.place.field or "")) for each in problems]


def _checked(document: Json) -> tuple[Json | None, list[Problem]]:
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version.startswith(("2.", "3.0", "3.1")) and version != "2":
        message = msg("It says neither “openapi: 3.1.0” nor 3.0 nor “swagger: 2.0”.")
        return None, [_problem("openapi.version", message, "", msg("Only OpenAPI 2.0, 3.0 and 3.1 are read."))]
    problems = [*_foreign(document)] or [*_elsewhere(document)] or [*_nowhere(document)]
    if problems:
        return None, problems[:SHOWN]
    problems = _wrong(document)
    if problems:
        return None, problems
    lifted, lost = lift(document)
    after = _wrong(lifted) if lifted != document else []
    return (lifted if not after else None), [*after, *lost]


def parsed(text: str) -> tuple[Json | None, Problem | None]:
    """A text as plain values, as it stands there, or why it cannot be read."""
    if len(text) > LARGEST:
        return None, _problem("openapi.large", msg("The document is larger than {most} characters.", most=LARGEST), "")
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = msg("It is not valid YAML: {reason}", reason=str(getattr(error, "problem", None) or error))
        return None, Problem("openapi.yaml", message, None, Place(line=mark.line + 1 if mark is not None else None))
    except json.JSONDecodeError as error:
        return None, Problem(
            "openapi.json", msg("It is not valid JSON: {reason}", reason=error.msg), None, Place(line=error.lineno)
        )
    except (ValueError, RecursionError):
        return None, _problem("openapi.form", msg("It cannot be read."), "")
    if not isinstance(data, dict):
        return None, _problem("openapi.form", msg("It is no OpenAPI document: it holds no names with values."), "")
    if not _bounded(data):
        return None, _problem("openapi.large", msg("It holds more than {most} values.", most=MOST), "")
    plain: Json = _plain(data)
    return plain, None


class _Loader(Loader):
    """Dates stay texts, as in JSON, and what JSON does not know (`!!binary`, `!!set`) is refused."""


_KNOWN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}
_Loader.yaml_constructors = {
    tag: construct for tag, construct in Loader.yaml_constructors.items() if tag is None or tag in _KNOWN
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _bounded(data: Any) -> bool:
    """Aliases of YAML make a few lines as large as one likes: values are counted as often as they would be written."""
    sizes: dict[int, int] = {}

    def size(value: Any, depth: int) -> int:
        if depth > 200:
            return MOST + 1
        if not isinstance(value, dict | list):
            return 1
        known = sizes.get(id(value))
        if known is None:
            sizes[id(value)] = MOST + 1  # a circle has no end
            inner = value.values() if isinstance(value, dict) else value
            known = 1
            for each in inner:
                known += size(each, depth + 1)
                if known > MOST:
                    break
            sizes[id(value)] = known
        return known

    return size(data, 0) <= MOST


def _plain(value: Any) -> Any:
    """Names of YAML that are no texts (200, true) are texts in JSON."""
    if isinstance(value, dict):
        return {_name(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _name(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _foreign(document: Json) -> Iterator[Problem]:
    """What JSON cannot hold: numbers that are none, and halves of characters."""
    waiting: list[tuple[str, Any]] = [("#", document)]
    while waiting:
        pointer, value = waiting.pop()
        if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, str) and not _whole(value)):
            yield _problem("openapi.value", msg("JSON cannot hold {value}.", value=ascii(value)[:100]), pointer)
        elif isinstance(value, dict):
            for key, each in value.items():
                if _whole(key):
                    waiting.append((f"{pointer}{pointer_of([key])[1:]}", each))
                else:
                    yield _problem("openapi.value", msg("JSON cannot hold {value}.", value=ascii(key)[:100]), pointer)
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{index}", each) for index, each in enumerate(value)]


def _whole(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


_DATA = ("example", "examples", "default", "enum", "const")
"""What stands there is data: a `$ref` in it is no reference."""


def _nowhere(document: Json) -> Iterator[Problem]:
    """References to places of the document that are not there. Below an `$id` they count from that: the rules look after those."""
    nothing = object()
    waiting: list[tuple[str, Any]] = [("#", document)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict) and not isinstance(value.get("$id"), str):
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and at(document, unquote(reference), nothing) is nothing:
                message = msg("“{reference}” leads to nothing.", reference=reference[:200])
                yield _problem("openapi.reference", message, pointer)
            waiting += [
                (f"{pointer}{pointer_of([key])[1:]}", each)
                for key, each in value.items()
                if key not in _DATA and not key.startswith("x-")
            ]
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{index}", each) for index, each in enumerate(value)]


def _elsewhere(document: Json) -> Iterator[Problem]:
    """References to other files and addresses: what stands there is not ours to read."""
    waiting: list[tuple[str, Any]] = [("#", document)]
    seen: set[int] = set()
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict | list):
            if id(value) in seen:
                continue
            seen.add(id(value))
        if isinstance(value, Mapping):
            for reference in map(value.get, ("$ref", "$dynamicRef", "$recursiveRef")):
                if not isinstance(reference, str) or reference.startswith("#"):
                    continue
                message = msg("“{reference}” leads out of the document.", reference=reference[:200])
                yield _problem(
                    "openapi.reference", message, pointer, msg("Put everything into one document first (“bundle” it).")
                )
            waiting += [(f"{pointer}{pointer_of([key])[1:]}", each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{index}", each) for index, each in enumerate(value)]


def _wrong(document: Json) -> list[Problem]:
    """What the official schemas and rules say, in one list."""
    from referencing.exceptions import Unresolvable

    version = str(document.get("openapi") or document.get("swagger"))
    found: dict[tuple[str, str], Problem] = {}
    try:
        for error in errors(_checkable(_without_files(document) if version.startswith("2") else document)):
            best = _deepest(error)
            if _of_a_link(best):
                continue
            text = str(best.message).partition("\n")[0]
            inner = pointer_of([*_around(document, error), *best.absolute_path])
            message = msg("It breaks the rules of OpenAPI: {reason}", reason=text[:300])
            found.setdefault((inner, text), _problem("openapi.wrong", message, inner))
            if len(found) >= SHOWN:
                break
    except (AssertionError, RecursionError, LookupError, TypeError, AttributeError, ValueError, Unresolvable) as error:
        if not found:  # else it stumbled over what it has just told
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            message = msg("It breaks the rules of OpenAPI: {reason}", reason=reason[:300])
            found["", "broken"] = _problem("openapi.wrong", message, "")
    return [*found.values()]


def _checkable(document: Json) -> Json:
    """Without the extensions among the paths: those who check stumble over them."""
    paths = document.get("paths")
    if not isinstance(paths, dict) or not any(str(path).startswith("x-") for path in paths):
        return document
    return {**document, "paths": {path: item for path, item in paths.items() if not str(path).startswith("x-")}}


def _of_a_link(error: Any) -> bool:
    """The official schema of 3.1 calls the `server` of a link `body`; the specification (4.8.20.1) does not."""
    steps = [*error.absolute_path]
    told = str(error.message).partition("\n")[0]
    return len(steps) > 1 and steps[-2] == "links" and told.endswith("('server' was unexpected)")


def _without_files(document: Json) -> Json:
    """`type: file` of an answer is right in 2.0, and unknown to those who check schemas."""

    def changed(value: Any, answer: bool) -> Any:
        if isinstance(value, dict):
            if answer and value.get("type") == "file":
                return {**value, "type": "string"}
            return {key: changed(each, key == "schema") for key, each in value.items()}
        return [changed(each, False) for each in value] if isinstance(value, list) else value

    whole: Json = changed(document, False)
    return whole


def _around(document: Json, error: Any) -> tuple[str | int, ...]:
    """What leads to the place from which an error counts: schemas are checked apart, and their errors begin there."""
    steps = [*error.absolute_path]
    if not steps:
        named = re.search(r"'(/[^']*)'", str(error.message))
        paths = document.get("paths")
        return ("paths", named[1]) if named is not None and isinstance(paths, dict) and named[1] in paths else ()
    if steps[0] in document:
        return ()
    waiting: deque[tuple[tuple[str | int, ...], Any]] = deque([((), document)])
    while waiting:
        way, value = waiting.popleft()
        if isinstance(value, dict) and _leads(value, steps, error.instance):
            return way
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [((*way, key), each) for key, each in inner if isinstance(each, dict | list)]
    return ()


def _leads(value: Any, steps: list[str | int], to: Any) -> bool:
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return type(value) is type(to) and bool(value == to)


def _deepest(error: Any) -> Any:
    """Of the branches that a schema may take, what is wrong in the nearest."""
    while getattr(error, "context", None):
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return error


def _problem(code: str, message: Message, pointer: str, fix: Message | None = None) -> Problem:
    return Problem(code, message, fix, Place(field=pointer or None))
