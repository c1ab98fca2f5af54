"""The types of config fields that mean more than their text: formulas, columns, paths, secrets, connections, durations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tisserand.model import units
from tisserand.sdk.config import Picks, Verbatim
from tisserand.sdk.errors import NodeError

if TYPE_CHECKING:
    import ibis


_INSERTED = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class _Marked(str):
    """A text with a `format` of its own (`form`) in the JSON Schema, which forms and editors understand."""

    form = "text"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(cls._read, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": cls.form}

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        return cls(value)


class Formula(_Marked, Verbatim):
    """A formula in Tisserand's dialect (SQL expressions, allow-listed functions). `$name` is a bound, typed parameter."""

    form = "formula"
    parameters: Mapping[str, Any]

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        if "{{" in value:
            raise PydanticCustomError("formula_template", "A formula takes no {{ }}: write $name for a parameter.")
        if not value.strip():
            raise PydanticCustomError("formula_empty", "The formula is empty.")
        formula = cls(value)
        formula.parameters = dict((info.context or {}).get("parameters") or {})
        return formula

    def on(self, table: ibis.Table) -> ibis.Value:
        """Compile against the columns of `table`, typed; raises `NodeError` for what is unknown or does not fit."""
        from tisserand.sdk.formulas import compile_formula

        return compile_formula(self, table, getattr(self, "parameters", {}))

    def over(self, table: ibis.Table) -> ibis.Value:
        """Compile as an aggregate over the rows of `table` (`sum(amount)`, `count()`): one value for each group."""
        from tisserand.sdk.formulas import compile_formula

        return compile_formula(self, table, getattr(self, "parameters", {}), aggregate=True)

    def type_over(self, columns: Mapping[str, str], aggregate: bool = False) -> str | None:
        """The type that `on` (or `over`, with `aggregate`) would give over columns (name → type), for `Transform.columns`; None
        where only compiling tells."""
        from tisserand.sdk.formulas import known_type

        return known_type(self, columns, getattr(self, "parameters", {}), aggregate)


class Condition(Formula):
    """A formula that is true or false, which a form can also build from comparisons. Nothing else differs from a `Formula`."""


class SqlText(_Marked, Verbatim):
    """A whole SQL statement; `$name` is a bound parameter, `{{ }}` is refused."""

    form = "sql"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        if "{{" in value:
            raise PydanticCustomError("sql_template", "SQL takes no {{ }}: write $name for a parameter.")
        text = cls(value)
        text.parameters = dict((info.context or {}).get("parameters") or {})
        return text

    parameters: Mapping[str, Any]


class Code(_Marked, Verbatim):
    """Python source text."""

    form = "python"


class FilePath(_Marked):
    """A file to read, relative to the workspace or absolute; kept inside the allowed folders by `Context.path`."""

    form = "file"


class FolderPath(_Marked):
    """A folder to read from."""

    form = "folder"


class TargetPath(_Marked):
    """A file to write."""

    form = "target"


class Secret(_Marked):
    """A reference to a secret (`secret:NAME` or the name alone), never its value. `Context.secret` gives the value.

    In a connection that a node gets, the same field is a `FilledSecret`: `reveal()` gives the value.
    """

    form = "secret"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Secret:
            # A filled one stays what it is: read as a text, only its dots would be left.
            return value if isinstance(value, FilledSecret) else cls(inner(value))

        return core_schema.no_info_wrap_validator_function(read, core_schema.str_schema())

    @property
    def name(self) -> str:
        """The name of the secret, without `secret:`."""
        return self.removeprefix("secret:").strip()

    def reveal(self) -> str:
        """The value, in a connection that was filled in; a bare reference has none."""
        raise NodeError("The secret “{name}” has not been filled in.", name=self.name)


class FilledSecret(Secret):
    """A secret with its value, as text that never prints: str, repr, format and JSON all show dots. Call `reveal()`."""

    _value: str

    def __new__(cls, value: str) -> FilledSecret:
        self = super().__new__(cls, "•••")
        self._value = value
        return self

    def reveal(self) -> str:
        return self._value

    def __reduce__(self) -> Any:
        raise TypeError("A secret is not pickled.")


class Connection(_Marked):
    """The name of a connection of the workspace. Subclass with `types` to say which connection types fit."""

    form = "connection"
    types: tuple[str, ...] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": cls.form, "x-connection-types": list(cls.types)}


class Url(_Marked, Verbatim):
    """A URL or the part of one behind a base URL. What `{{ name }}` inserts is URL-encoded, but for a base URL at the very start."""

    form = "url"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        render = (info.context or {}).get("render")
        if "{%" in value or "{#" in value:
            raise PydanticCustomError("url_template", "A URL takes {{ name }} only.")
        if render is None or "{{" not in value:
            return cls(value)

        def put(match: re.Match[str]) -> str:
            text: str = render(match[0])
            whole = match.start() == 0 and text.startswith(("http://", "https://"))
            return text if whole else quote(text, safe="")

        return cls(_INSERTED.sub(put, value))


class Duration(_Marked):
    """A duration as people write it (`30s`, `5min`, `2h`); `.seconds` is its value."""

    form = "duration-text"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        _checked(units.seconds, value)
        return cls(value)

    @property
    def seconds(self) -> float:
        return units.seconds(self)


class Size(_Marked):
    """A size as people write it (`512MB`, `1GB`); `.bytes` is its value."""

    form = "size-text"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Any:
        _checked(units.size, value)
        return cls(value)

    @property
    def bytes(self) -> int:
        return units.size(self)


ColumnName = Annotated[str, Picks("column")]
"""The name of a column of the input `table`; for another port write `Annotated[str, Picks("column", port="left")]`."""


def _checked(read: Any, value: str) -> None:
    try:
        read(value)
    except units.UnitError as error:
        # The sentence travels as id and arguments: pydantic's context carries them to `check_config`.
        raise PydanticCustomError(
            "unit", "{sentence}", {"sentence": error.message.text("en"), "message": error.message.to_json()}
        ) from None
