"""What is handed in as an entry of the catalogue, read as its model: all that is wrong as problems with their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from tisserand.apis.catalogue.faults import faults
from tisserand.apis.catalogue.files import FOLDER
from tisserand.apis.model import Api
from tisserand.engine.launch import Refused
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.texts import msg

C = TypeVar("C", bound=Config)


def valid_api(data: Mapping[str, Any]) -> Api:
    return valid(data, Api, FOLDER)


def valid(data: Mapping[str, Any], model: type[C], file: str, id: str = "") -> C:
    """Raises `Refused`."""
    broken = [
        Problem("entry.text", msg("It is no text: half a surrogate pair."), None, _place(file, id, at)) for at in _halves(data)
    ]
    if broken:
        raise Refused(broken)
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise Refused(placed(error, model, file, id)) from None


def placed(error: ValidationError, model: type[Config], file: str, id: str = "") -> list[Problem]:
    """What a model refuses, with the file and the field."""
    return [Problem(each.code, each.message, each.fix, _place(file, id, each.place.field or "")) for each in faults(error, model)]


def _place(file: str, id: str, inner: str) -> Place:
    return Place(file=file, field=".".join(part for part in (id, inner) if part) or None)


def _halves(value: Any, path: str = "") -> Iterator[str]:
    """Where a text stands that no file can hold."""
    waiting: list[tuple[str, Any]] = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
                yield path
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                waiting.append((path, name))
                waiting.append((f"{path}.{name}".lstrip(".") if str(name).isidentifier() else path, inner))
        elif isinstance(value, list | tuple):
            waiting.extend((path, each) for each in value)
