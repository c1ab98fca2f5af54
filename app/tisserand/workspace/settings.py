"""The settings of the executor: the block `executor` of `tisserand.yaml`, each part read by whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.problems import config_problems
from tisserand.workspace.folder import MARKER, Workspace

C = TypeVar("C", bound=Config)

BLOCK = "executor"


def settings(workspace: Workspace, part: str, model: type[C]) -> C:
    """The settings `executor: <part>:` of a workspace as `model`, its defaults where nothing is said. Raises `NodeError` with
    file and field; `part` names all of the block with ""."""
    block = _mapping(workspace.settings.get(BLOCK), BLOCK)
    given = _mapping(block.get(part), f"{BLOCK}.{part}") if part else block
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = config_problems(error, model)[0]
        field = ".".join(filter(None, (BLOCK, part, (first.place.field or "").removeprefix("config").removeprefix("."))))
        raise NodeError("“{key}” in “{file}”: {reason}", key=field, file=MARKER, reason=first.message, fix=first.fix) from None


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise NodeError("“{key}” in “{file}” must hold names with values (“name: value”).", key=name, file=MARKER)
    return value
