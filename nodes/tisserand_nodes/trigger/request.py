"""Request: another program asks over HTTP and waits for what “Reply” answers."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Arrivals, Config, ListenContext, NodeError, Picks, Schema, Size, Trigger, When, Words
from tisserand.sdk.columns import type_named

_PATH = re.compile(r"(/(?:[A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]*\}))+|/")
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SIMPLE = ("string", "boolean", "int8", "int16", "int32", "int64", "float32", "float64", "decimal", "date", "timestamp", "time")
"""The types whose values can be written as one text."""

OWN = ("received_at", "consumer")
"""Columns that every request has."""


class RequestParameter(Config):
    """One value in the address or in a header."""

    name: str = Field(min_length=1)
    """What callers call it."""
    place: Annotated[
        Literal["path", "query", "header"],
        Words(path="In the path, as {name}", query="In the query, behind “?”", header="In a header"),
    ] = "query"
    """Where it stands."""
    column: str = ""
    """Name of the column; empty for its own name, a header’s in small letters with “_”."""
    type: Annotated[str, Picks("type")] = "string"
    """Its type, for example `string`, `int64`, `float64`, `boolean`, `date`, `timestamp(6)` or `decimal(10, 2)`."""
    required: Annotated[bool, When(place=("query", "header"))] = False
    """Refuse requests without it. One in the path is always there."""
    default: Annotated[Any, When(place=("query", "header"))] = None
    """What counts where it is missing."""
    help: str = ""
    """What the documentation says of it."""
    example: Any = None
    """A value for the documentation, and for runs started by hand."""

    @property
    def named(self) -> str:
        """The name of its column."""
        if self.column:
            return self.column
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_") or "header" if self.place == "header" else self.name


class BodyValue(Config):
    """One value of the JSON in the body."""

    column: str = Field(min_length=1)
    """Name of the column."""
    type: Annotated[str, Picks("type")] = "string"
    """Its type, for example `string`, `int64`, `float64`, `boolean`, `date`, `timestamp(6)` or `decimal(10, 2)`."""
    path: str = ""
    """Where the value stands in the JSON, with dots between the names, for example `order.id`; empty for the column’s name."""
    required: bool = False
    """Refuse requests without this value."""
    help: str = ""
    """What the documentation says of it."""
    example: Any = None
    """A value for the documentation, and for runs started by hand."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names on the way to the value."""
        return tuple((self.path or self.column).split("."))


class RequestConfig(Config):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """GET asks for data, POST hands over or has something worked out; PUT, PATCH and DELETE change what is there."""
    path: str = Field("/", pattern=r"^/")
    """Behind the address of the API, for example `/orders/{id}`; each name in braces is a parameter."""
    parameters: list[RequestParameter] = []
    """The values in the address and in headers. Each becomes a column."""
    body: Annotated[list[BodyValue], When(method=("POST", "PUT", "PATCH"))] = []
    """The values that are taken from the JSON in the body. Without any, no body is read."""
    array: Annotated[bool, When(method=("POST", "PUT", "PATCH"))] = False
    """The body is a list of such objects: each becomes a row."""
    largest: Size = Size("1MB")
    """Larger bodies are refused."""


class Request(Trigger[RequestConfig]):
    """Start the flow for a request of another program, which gets what “Reply” is given.

    A flow with a request is published as an API; until then nothing listens. Every value is checked against its type before the flow
    sees it; what does not fit is answered with 400 and all that is wrong. A flow may hold several requests, each with a reply
    behind it. Started by hand, the flow gets the examples as its request.

    Besides its values the event tells when the request came (`received_at`, UTC) and who called (`consumer`).
    """

    kind, title, icon = "trigger.request", "Request", "log-in"

    def event(self, config: RequestConfig) -> Schema:
        columns: dict[str, str] = {"received_at": "timestamp(6)", "consumer": "string"}
        for index, parameter in enumerate(config.parameters):
            columns[parameter.named] = str(type_named(parameter.type, f"parameters.{index}.type"))
        for index, value in enumerate(config.body):
            columns[value.column] = str(type_named(value.type, f"body.{index}.type"))
        return Schema.of(columns)

    def check(self, config: RequestConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        yield from _path_faults(config)
        seen = {*OWN}
        for index, parameter in enumerate(config.parameters):
            field = f"parameters.{index}"
            if parameter.place == "header" and not _HEADER.fullmatch(parameter.name):
                yield NodeError("“{name}” is not a name of a header.", name=parameter.name, field=f"{field}.name")
            if parameter.named.casefold() in seen:
                yield NodeError("The column “{name}” comes twice.", name=parameter.named, field=f"{field}.column")
            seen.add(parameter.named.casefold())
            kind = str(type_named(parameter.type, f"{field}.type")).partition("(")[0]
            if kind not in _SIMPLE:
                yield NodeError(
                    "A parameter cannot be of the type “{type}”.", type=parameter.type, field=f"{field}.type",
                    fix="Take a simple type, or put the value into the body.",
                )  # fmt: skip
        for index, value in enumerate(config.body):
            if value.column.casefold() in seen:
                yield NodeError("The column “{name}” comes twice.", name=value.column, field=f"body.{index}.column")
            seen.add(value.column.casefold())
        if config.body and config.method in ("GET", "DELETE"):
            yield NodeError(
                "A {method} request has no body.", method=config.method, field="body", fix="Choose POST, or take parameters."
            )
        if config.array and not config.body:
            yield NodeError("A list needs to know what its objects hold.", field="array", fix="Declare the values of the body.")

    def sample(self, config: RequestConfig) -> Sequence[Mapping[str, Any]]:
        """One row of the examples."""
        row = {each.named: each.default if each.example is None else each.example for each in config.parameters}
        row |= {each.column: each.example for each in config.body}
        plain = {name: value if value is None or _is_json(value) else str(value) for name, value in row.items()}
        return [{"received_at": None, "consumer": None, **plain}]

    def listen(self, ctx: ListenContext, config: RequestConfig) -> Iterator[Arrivals]:
        """Nothing to listen to: a published flow has a process of its own that hands over its requests."""
        return iter(())


def _path_faults(config: RequestConfig) -> Iterator[NodeError]:
    if not _PATH.fullmatch(config.path):
        yield NodeError(
            "“{path}” cannot stand in an address: letters, digits, “.”, “_”, “~” and “-” only, or a name in braces between two “/”.",
            path=config.path, field="path",
        )  # fmt: skip
        return
    if config.path == "/openapi.json" or config.path.split("/")[1] in ("jobs", ".tisserand"):
        yield NodeError(
            "The path “{path}” is taken: jobs and the description of every API stand there.", path=config.path, field="path",
            fix="Choose another path.",
        )  # fmt: skip
    named = _PLACE.findall(config.path)
    declared = [each.name for each in config.parameters if each.place == "path"]
    for name in dict.fromkeys(named):
        if name not in declared:
            yield NodeError(
                "The path holds “{name}”, but there is no parameter of that name in the path.", name=name, field="path"
            )
        if named.count(name) > 1:
            yield NodeError("The path holds “{name}” twice.", name=name, field="path")
    for index, each in enumerate(config.parameters):
        if each.place == "path" and each.name not in named:
            yield NodeError("The path does not hold “{name}”.", name=each.name, field=f"parameters.{index}.name")


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False  # YAML reads dates by itself
    return True
