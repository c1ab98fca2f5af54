"""Reading OpenAPI documents: any of 2.0, 3.0 and 3.1, from YAML or JSON, checked as a whole, given as 3.1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tisserand.apis.openapi.lift import lift
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
    document, problem = _parsed(text)
    if document is None:
        return None, [problem] if problem is not None else []
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version.startswith(("2.", "3.0", "3.1")) and version != "2":
        message = msg("It says neither “openapi: 3.1.0” nor 3.0 nor “swagger: 2.0”.")
        return None, [_problem("openapi.version", message, "", msg("Only OpenAPI 2.0, 3.0 and 3.1 are read."))]
    problems = [*_elsewhere(document)]
    if problems:
        return None, problems
    problems = _wrong(document)
    if problems:
        return None, problems
    lifted, lost = lift(document)
    after = _wrong(lifted) if lifted != document else []
    return (lifted if not after else None), [*after, *lost]


def _parsed(text: str) -> tuple[Json | None, Problem | None]:
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


class _Loader(yaml.CSafeLoader):
    """Dates stay texts, as in JSON."""


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
            reference = value.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#") and not pointer.endswith("/properties"):
                message = msg("“{reference}” leads out of the document.", reference=reference[:200])
                yield _problem(
                    "openapi.reference", message, pointer, msg("Put everything into one document first (“bundle” it).")
                )
            waiting += [(f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}", each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{index}", each) for index, each in enumerate(value)]


def _wrong(document: Json) -> list[Problem]:
    """What the official schemas and rules say, in one list."""
    from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

    version = str(document.get("openapi") or document.get("swagger"))
    validator = (
        OpenAPIV2SpecValidator
        if version.startswith("2")
        else OpenAPIV30SpecValidator
        if version.startswith("3.0")
        else OpenAPIV31SpecValidator
    )
    found: dict[tuple[str, str], Problem] = {}
    try:
        for error in validator(document).iter_errors():
            pointer = "#" + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.absolute_path)
            best = _deepest(error)
            text = str(best.message).partition("\n")[0]
            inner = (
                "#"
                + "".join(
                    f"/{str(step).replace('~', '~0').replace('/', '~1')}"
                    for step in [*error.absolute_path, *best.path]
                    if best is not error
                )
                if best is not error
                else pointer
            )
            message = msg("It breaks the rules of OpenAPI: {reason}", reason=text[:300])
            found.setdefault((inner, text), _problem("openapi.wrong", message, inner))
            if len(found) >= SHOWN:
                break
    except (RecursionError, KeyError, TypeError, AttributeError, ValueError) as error:
        message = msg("It breaks the rules of OpenAPI: {reason}", reason=f"{type(error).__name__}: {error}"[:300])
        found.setdefault(("", "broken"), _problem("openapi.wrong", message, ""))
    return [*found.values()]


def _deepest(error: Any) -> Any:
    """Of the branches that a schema may take, what is wrong in the nearest."""
    while getattr(error, "context", None):
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return error


def _problem(code: str, message: Message, pointer: str, fix: Message | None = None) -> Problem:
    return Problem(code, message, fix, Place(field=pointer or None))
