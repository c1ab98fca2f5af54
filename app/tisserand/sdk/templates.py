"""Texts with `{{ name }}`: rendered by Jinja2 in its sandbox; an undefined name is an error, never an empty text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


class Templates:
    """Renders texts over one set of values. Jinja2 is loaded when the first template is met."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @cached_property
    def _environment(self) -> ImmutableSandboxedEnvironment:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
        # `range` and friends would let a text eat all memory; a text only inserts values.
        environment.globals.clear()
        return environment

    def render(self, text: str) -> str:
        """Render one text; raises PydanticCustomError (it runs inside config validation) with the reason."""
        from jinja2 import TemplateError

        try:
            return self._environment.from_string(text).render(self._values)
        except TemplateError as error:
            known = ", ".join(sorted(self._values)) or "–"
            raise PydanticCustomError(
                "template",
                "The text “{text}” cannot be filled in: {reason}. Known names: {known}.",
                {"text": text, "reason": str(error).rstrip("."), "known": known},
            ) from None
