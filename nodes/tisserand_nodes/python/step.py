"""A step in the user's own Python, run in a process of its own."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tisserand.sdk import Code, Config, Context, NodeError, Out, Schema, Step

if TYPE_CHECKING:
    import pyarrow as pa

_FILE = "<step>"


class PythonConfig(Config):
    code: Code
    """Python that defines `def process(table): …`, which takes a pyarrow table and returns one (or a list of rows as
    dictionaries, or yields several of them). `parameters` holds the flow's parameters; `reject(row, reason)` sends a row to the
    rejects; what is printed is logged."""
    output: dict[str, str] = {}
    """The columns that come out, with their types, for example `amount: float64`. Leave it empty where the columns stay as they
    come in."""
    rows: Literal["batches", "all"] = "batches"
    """Whether `process` is called for each batch as it comes, or once with all rows (they must fit into memory)."""


class PythonStep(Step[PythonConfig]):
    """Transform rows with your own Python. It runs in a process of its own, without secrets, connections and environment; it is not
    called where no row arrives."""

    kind, title, icon = "python.step", "Python", "code"
    outputs = (Out("table"), Out("rejects", "Rejects", kind="rejects"))
    isolated: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    def check(self, config: PythonConfig, schemas: Mapping[str, Schema]) -> Iterator[NodeError]:
        import ast

        try:
            tree = ast.parse(config.code, _FILE)
        except (SyntaxError, ValueError) as error:
            yield _syntax(error)
            return
        # Under a condition or by assignment is fine, too: only a code without the name is surely wrong.
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
        if "process" not in names:
            yield NodeError("The code defines no “process”.", fix="Write “def process(table): …”.", field="code")
        for name, type in config.output.items():
            yield from _bad_type(name, type)

    def gathers(self, config: PythonConfig) -> bool:
        return config.rows == "all"

    def output(self, config: PythonConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        for name, type in config.output.items():
            for problem in _bad_type(name, type):
                raise problem
        return {"table": Schema.of(config.output) if config.output else schemas["table"]}

    def process(
        self, ctx: Context, config: PythonConfig, schemas: Mapping[str, Schema], batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from tisserand.sdk.arrow import to_arrow

        process = _defined(ctx, config.code)
        schema = to_arrow(schemas["table"])
        tables: Iterable[pa.Table] = (pa.Table.from_batches([batch]) for batch in batches)
        if config.rows == "all":
            gathered = list(batches)
            tables = [pa.Table.from_batches(gathered)] if gathered else []
        for table in tables:
            for result in _called(process, table):
                yield from _shaped(result, schema).to_batches(max_chunksize=65_536)


def _bad_type(name: str, type: str) -> Iterator[NodeError]:
    import ibis

    try:
        ibis.dtype(type)
    except Exception as error:  # noqa: BLE001 - Ibis raises its parser's own errors
        reason = str(error).splitlines()[0] if str(error) else ""
        yield NodeError("“{type}” is not a type: {reason}", type=type, reason=reason, field=f"output.{name}")


def _syntax(error: SyntaxError | ValueError) -> NodeError:
    line = getattr(error, "lineno", None)
    reason = getattr(error, "msg", None) or str(error)
    return NodeError("Line {number} of the code: {reason}", number=line or 1, reason=reason, line=line, field="code")


def _defined(ctx: Context, code: str) -> Callable[[Any], Any]:
    """The user's function, from the code run once."""

    def reject(row: Any, reason: object = "", place: object = "") -> None:
        ctx.reject(row, str(reason), str(place))

    names: dict[str, Any] = {"__name__": "step", "parameters": dict(ctx.parameters), "reject": reject}
    try:
        compiled = compile(code, _FILE, "exec")
    except (SyntaxError, ValueError) as error:
        raise _syntax(error) from None
    try:
        exec(compiled, names)  # noqa: S102 - this is what the step is for; the engine gives it a process of its own
    except NodeError:
        raise
    except Exception as error:  # noqa: BLE001 - user's code may raise anything
        raise _user_error(error) from None
    process = names.get("process")
    if not callable(process):
        raise NodeError("The code defines no “process”.", fix="Write “def process(table): …”.", field="code")
    return process  # type: ignore[no-any-return]


def _called(process: Callable[[Any], Any], table: pa.Table) -> Iterator[Any]:
    """What one call gave: one result, or each that it yields."""
    try:
        result = process(table)
        if isinstance(result, Iterator):
            yield from result
        else:
            yield result
    except (NodeError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - user's code may raise anything
        raise _user_error(error) from None


def _user_error(error: Exception) -> NodeError:
    """The sentence for an exception in the user's code, with the last line of theirs on the way to it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
    number = lines[-1] if lines else None
    return NodeError(
        "Line {number} of the code failed: {error}",
        number=number or "?",
        error=f"{type(error).__name__}: {error}",
        line=number,
        field="code",
    )


def _shaped(result: Any, schema: pa.Schema) -> pa.Table:
    """A result as a table with exactly the declared columns."""
    import pyarrow as pa

    if isinstance(result, pa.RecordBatch):
        result = pa.Table.from_batches([result])
    elif isinstance(result, Mapping):
        result = [result]
    elif type(result).__module__.startswith("pandas"):
        result = pa.Table.from_pandas(result, preserve_index=False)
    if isinstance(result, list | tuple) and all(isinstance(row, Mapping) for row in result):
        try:
            return pa.Table.from_pylist([dict(row) for row in result], schema=schema)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise NodeError(
                "The rows that “process” gave do not fit the columns: {reason}", reason=str(error), field="output"
            ) from None
    if not isinstance(result, pa.Table):
        raise NodeError("“process” gave {type}; a table or a list of rows is expected.", type=type(result).__name__, field="code")
    missing = [name for name in schema.names if name not in result.column_names]
    if missing:
        raise NodeError(
            "“process” gave no column “{name}”. It gave: {columns}.", name=missing[0], columns=result.column_names, field="output"
        )
    try:
        return result.select(schema.names).cast(schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise NodeError(
            "The table that “process” gave does not fit the columns: {reason}", reason=str(error), field="output"
        ) from None
