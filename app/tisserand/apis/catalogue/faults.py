"""What a model of the catalogue refuses, in the words of its files: the path as it stands there, and the names that are known there."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tisserand.model.problem import Place, Problem
from tisserand.sdk.problems import config_problems
from tisserand.texts import Message, msg


def faults(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each finding; `place.field` is the path within the entry, "" for the entry itself."""
    found = zip(error.errors(include_url=False), config_problems(error, model), strict=True)
    return [_fault(finding, problem, model) for finding, problem in found]


def _fault(finding: Any, problem: Problem, model: type[BaseModel]) -> Problem:
    inner = (problem.place.field or "").removeprefix("config").lstrip(".")
    path, holder = _within(model, inner.split(".") if inner else [])
    message, fix = problem.message, problem.fix
    if problem.code == "config.unknown":
        name = str(finding["loc"][-1])
        near = difflib.get_close_matches(name, holder, 1)
        message = msg("“{field}” is not a field that is known here.", field=name)
        fix = msg("Did you mean “{near}”?", near=near[0]) if near else msg("Known here: {known}.", known=sorted(holder))
    elif problem.code == "config.union_tag_not_found":
        path.append("kind")
        message = msg("“{field}” is missing.", field="kind")
    elif problem.code == "config.union_tag_invalid":
        path.append("kind")
        tags = finding["ctx"]
        message = msg("“{value}” is not one of {expected}.", value=str(tags["tag"])[:60], expected=tags["expected_tags"])
    elif "field" in message.args and path and path[-1].isdigit():
        named = next((step for step in reversed(path) if not step.isdigit()), path[-1])
        message = Message(message.id, {**message.args, "field": named})
    return replace(problem, message=message, fix=fix, place=Place(field=".".join(path)))


def _within(model: type[BaseModel], path: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """The path without the branches of unions, which nobody writes, and the names of the fields beside its last step."""
    steps: list[str] = []
    here: type[BaseModel] | None = model
    names: Sequence[str] = ()
    branches: Mapping[str, type[BaseModel]] = {}
    for step in path:
        if step in branches:
            here, branches = branches[step], {}
            continue
        steps.append(step)
        if step.isdigit():
            continue
        fields = here.model_fields if here is not None else {}
        names = [*fields]
        inner = [*_models(fields[step].annotation)] if step in fields else []
        here = inner[0] if len(inner) == 1 else None
        branches = {str(each.model_fields["kind"].default): each for each in inner if "kind" in each.model_fields}
    return steps, names


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
