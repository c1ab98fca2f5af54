"""The roles of nodes: transform, reader, writer, step, isolated query, control, trigger. One small base class each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from tisserand.model.flow import In, Out
from tisserand.model.schema import Schema
from tisserand.sdk.config import Config
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.context import Context, ControlContext, ListenContext

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    import ibis
    import pyarrow as pa

    Relation: TypeAlias = ibis.Table

C = TypeVar("C", bound=Config)

REJECTS = Schema.of({"row": "string", "error": "string", "place": "string"})
"""The columns of every rejects port: the row (JSON, or the raw text), why, and where it stood."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where data stands, for lineage, in the words of OpenLineage's naming conventions: `postgres://host:5432` and `db.schema.table`,
    `file` and an absolute path."""

    namespace: str
    name: str


class Node(Generic[C]):
    """Base of all roles. Subclass one of the roles, never this."""

    kind: ClassVar[str] = ""
    """`family.verb_object`, stable for ever (`file.read_csv`)."""
    title: ClassVar[str] = ""
    icon: ClassVar[str] = "box"
    """Name of an icon in `resources/icons`, or of a file beside the node."""
    version: ClassVar[int] = 1
    inputs: ClassVar[tuple[In, ...]] = ()
    outputs: ClassVar[tuple[Out, ...]] = ()
    replaces: ClassVar[tuple[str, ...]] = ()
    """Kinds that this node took over; old flows follow."""
    role: ClassVar[str] = ""
    Config: ClassVar[type[Config]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Node):
                for argument in get_args(base):
                    if isinstance(argument, type) and issubclass(argument, Config):
                        cls.Config = argument

    @classmethod
    def help(cls) -> str:
        """The node's help: its docstring, cleaned; a gettext id."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def family(cls) -> str:
        return cls.kind.partition(".")[0]

    def ports(self, config: C) -> tuple[Out, ...]:
        """The output ports for a config, where they depend on it."""
        return self.outputs

    def lift(self, raw: dict[str, Any], version: int) -> dict[str, Any]:
        """Rewrite a raw config of an older `version` into today's. Called only for older versions."""
        return raw

    def datasets(self, config: C, connection: Callable[[str], ConnectionType]) -> Sequence[Dataset]:
        """What it reads or writes outside, for lineage. A node with a field `path` need not say so: that file is it. `connection`
        gives a connection by its name, without its secrets."""
        return ()

    def check(self, config: C, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        """Problems beyond the config's types, as `NodeError`s with `field`; `schemas` are the inputs' columns."""
        return ()


class Transform(Node[C]):
    """Relations in, relations out: lazy, no I/O. Its output columns are known before any run."""

    role = "transform"
    keeps_rows: ClassVar[bool] = False
    """Each output row is one input row (`formula`, `select`): row counts then need no counting."""
    inputs: ClassVar[tuple[In, ...]] = (In("table"),)
    outputs: ClassVar[tuple[Out, ...]] = (Out("table"),)

    def build(self, config: C, **relations: Relation) -> Relation | Mapping[str, Relation]:
        """Build the output relation, or one for each output port. An input that takes many arrives as a tuple of relations.
        Use Ibis expressions only; refer to columns as `table[name]`."""
        raise NotImplementedError

    def columns(self, config: C, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        """The columns of each output port, where they follow from the inputs' without building: planning is then several times
        faster. None wherever anything is doubtful or wrong: then `build` is asked, and says what is wrong. What is given must be
        exactly what `build` gives; the engine and the test kit compare."""
        return None

    def needs_order(self, config: C) -> str | None:
        """Name the config field that must declare an order for the result to be defined (`first`, `limit`), if it does not."""
        return None

    def deterministic(self, config: C) -> bool:
        """False where the same input may give another output (random, now)."""
        return True


@dataclass(frozen=True, slots=True)
class Discovery:
    """What looking at a source found: its columns, what was detected (dialect, encoding, sheet …, plain JSON values), and a
    fingerprint that changes when the source changes (None where that cannot be known)."""

    schema: Schema
    detected: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """A file scan that a backend does natively. `options` are those of DuckDB's reader of that format."""

    format: Literal["csv", "json", "parquet"]
    paths: tuple[Path, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Schema | None = None
    """The columns with their types, where the format does not carry them."""
    rejects: bool = False
    """Rows that cannot be read go to the `rejects` port instead of failing the node (CSV only)."""
    whole: Literal["", "quick", "exact"] = ""
    """How fractions are kept out of columns of whole numbers, which DuckDB would round: `quick` reads such columns as float64 and
    refuses what that cannot hold exactly, `exact` reads them as text; both cast afterwards (CSV only)."""


class Reader(Node[C]):
    """Brings data in from outside."""

    role = "reader"
    outputs: ClassVar[tuple[Out, ...]] = (Out("rows"),)
    columns_in_settings: ClassVar[bool] = False
    """The columns follow from the config alone: nothing outside can change them, so the flow's lock file need not hold them."""

    def discover(self, ctx: Context, config: C) -> Discovery:
        """Look at the source without reading it all. Must not change anything."""
        raise NotImplementedError

    def harmless(self, config: C) -> bool:
        """Whether looking at the source changes nothing. Otherwise it is not looked at where the lock file tells its columns."""
        return True

    def forget(self, config: C) -> None:
        """What `discover` took along for `read` may be out of date: other nodes had their turn in between."""

    def scan(self, ctx: Context, config: C, found: Discovery) -> Scan | None:
        """A scan that the backend reads natively (fast), or None to be read through `read`."""
        return None

    def read(self, ctx: Context, config: C, found: Discovery) -> Iterator[pa.RecordBatch]:
        """Yield Arrow batches with exactly the columns of `found.schema`. Stream: never gather the whole source."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Effect:
    """What a write would change, before it is done. `samples` holds a few rows of each kind."""

    insert: int = 0
    update: int = 0
    delete: int = 0
    unchanged: int = 0
    samples: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did; becomes the one row of the writer's `result` port (rows, bytes, where, seconds)."""

    rows: int
    where: str = ""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FileSink:
    """A file that a backend writes natively (`COPY`); `path` is as the config has it. `options` are DuckDB's COPY options."""

    format: Literal["csv", "json", "parquet"]
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = True
    """False: fail if the file exists already."""


class Writer(Node[C]):
    """Takes data out."""

    role = "writer"
    inputs: ClassVar[tuple[In, ...]] = (In("table"),)
    outputs: ClassVar[tuple[Out, ...]] = (Out("result", kind="result"),)
    delivery: ClassVar[Literal["atomic", "transactional", "idempotent", "at least once"]] = "at least once"
    """`atomic`: files through `ctx.target`, all or nothing. `transactional`: the node keeps `ctx.key` in the target, in the same
    transaction, and writes nothing when it is there already. `idempotent`: writing twice is as writing once. Otherwise the
    effect may be repeated by a resume, carrying `ctx.key`, and an unfinished one is reported as uncertain."""

    def target(self, config: C) -> Path | str | None:
        """What is written: a file as the config has it, or whatever names the place. Two writers of one target must declare which
        comes first, unless both only add to it."""
        return None

    def adds(self, config: C) -> bool:
        """Whether a second write adds to the first (rows appended, one more mail) instead of taking its place. A resume after an
        edit, which brings other rows, asks before it does that."""
        return self.delivery in ("transactional", "at least once")

    def plan(self, ctx: Context, config: C, batches: Iterator[pa.RecordBatch]) -> Effect:
        """What `write` would change; touches nothing."""
        raise NotImplementedError

    def sink(self, ctx: Context, config: C, schema: Schema) -> FileSink | None:
        """A file that the backend writes natively (fast), or None to be written through `write`."""
        return None

    def write(self, ctx: Context, config: C, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        """Write it all. `schema` is known even where no batch comes."""
        raise NotImplementedError


class Step(Node[C]):
    """Batches in, batches out, with I/O. Always a cut; never run by preview or check."""

    role = "step"
    inputs: ClassVar[tuple[In, ...]] = (In("table"),)
    outputs: ClassVar[tuple[Out, ...]] = (Out("table"),)
    repeatable: ClassVar[bool] = False
    """Running it twice on the same rows does no harm."""
    isolated: ClassVar[bool] = False
    """The engine runs `process` in a process of its own, without secrets, connections and environment (user code)."""

    def gathers(self, config: C) -> bool:
        """Whether all rows are taken in before anything is done with them: how many came in says then nothing of how far it is."""
        return False

    def repeats(self, config: C) -> bool:
        """`repeatable`, where it depends on the config. What does harm when repeated is told as uncertain after a kill."""
        return self.repeatable

    def output(self, config: C, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        """The columns of each output port but the rejects, from those of the inputs."""
        raise NotImplementedError

    def process(
        self, ctx: Context, config: C, schemas: Mapping[str, Schema], batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch | tuple[str, pa.RecordBatch]]:
        """Yield batches for the first output port, or `(port, batch)`. `schemas` are those of `output`."""
        raise NotImplementedError


class Isolated(Node[C]):
    """A query in user's SQL. The engine cuts the flow there and runs it alone on a locked connection over its inputs."""

    role = "isolated"

    def query(self, config: C) -> str:
        """One SELECT statement, in which the inputs are tables named as their ports (or as the nodes of a port that takes many)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a control node decided. `taken`: the output ports that carry on (None: all); the others' followers are skipped.
    `passes`: output port → the input port whose rows it hands on unchanged, or a Parquet file, or a list of rows (mappings)."""

    taken: frozenset[str] | None = None
    passes: Mapping[str, str | Path | Sequence[Mapping[str, Any]]] = field(default_factory=dict)


class Control(Node[C]):
    """Decides what runs next."""

    role = "control"
    inputs: ClassVar[tuple[In, ...]] = (In("table", optional=True),)
    one_way: ClassVar[bool] = False
    """Exactly one of its output ports carries on."""

    def output(self, config: C, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        """The columns of each output port, from those of the inputs that are connected."""
        return {port.name: schemas.get("table", Schema()) for port in self.ports(config)}

    def run(self, ctx: ControlContext, config: C) -> Outcome:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Arrived:
    """Something that happened outside, for which a flow is started."""

    row: Mapping[str, Any]
    """The columns of the event, as plain JSON values: moments as ISO 8601 texts, bytes as base64."""
    key: str | None = None
    """What names it for ever, within its trigger: what arrives again with the same key is the same event and starts nothing. None
    for what can never arrive twice."""
    trace: str | None = None
    """The `traceparent` (W3C Trace Context) that came with it."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What `Trigger.listen` yields: events that are kept together, all or none, before it is asked for more."""

    events: Sequence[Arrived] = ()
    mark: Any = None
    """Where to go on from after a restart (a plain JSON value): kept in the same transaction as the events, and given back as
    `ctx.mark`. None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How many events one run takes."""

    most: int = 1
    seconds: float = 0.0
    """Above 0: a tumbling window of this length over the times of arrival. Its events go into one run once it is over, or into
    several where there are more than `most`."""


class Trigger(Node[C]):
    """Starts a flow. Its `event` port carries what happened: one row for each event that the run was started for."""

    role = "trigger"
    outputs: ClassVar[tuple[Out, ...]] = (Out("event"),)
    looks: ClassVar[bool] = False
    """The columns of the event are learnt outside, by `discover`, as those of a reader are; `event` is then not asked."""

    def event(self, config: C) -> Schema:
        """The columns of the event. Parameters of the flow that are named as a column get its value, where a run takes one event."""
        raise NotImplementedError

    def discover(self, ctx: Context, config: C) -> Discovery:
        """As `Reader.discover`, where it `looks`."""
        raise NotImplementedError

    def harmless(self, config: C) -> bool:
        """As `Reader.harmless`."""
        return True

    def sample(self, config: C) -> Sequence[Mapping[str, Any]]:
        """The rows of an event where a person starts the flow, as `Arrived.row` has them; the flow's parameters named as a column
        are laid over. None: one row of what the start itself tells."""
        return ()

    def listen(self, ctx: ListenContext, config: C) -> Iterator[Arrivals]:
        """Yield what happens for as long as the flow is on. When the generator is asked for the next arrivals, those before are in
        the durable inbox: only then may it acknowledge them to whoever sent them. It ends when `ctx.cancelled()`."""
        raise NotImplementedError

    def grouping(self, config: C) -> Grouping:
        """How many events one run takes."""
        return Grouping()

    def ended(self, ctx: ListenContext, config: C, rows: Sequence[Mapping[str, Any]], done: bool) -> None:
        """The run of these events is over (`done`: well). May be called again after a crash: doing it twice must do no harm."""
