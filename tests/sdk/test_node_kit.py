"""The kit for testing nodes: it runs each role as the engine would, and fails where a node breaks its promise."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tisserand.sdk import (
    REJECTS,
    Config,
    Context,
    Discovery,
    Isolated,
    NodeError,
    Reader,
    Schema,
    SqlText,
    Step,
    TargetPath,
    Transform,
    Writer,
    Written,
    msg,
)
from tisserand.sdk.testing import LoneContext, config_of, run_isolated, run_reader, run_step, run_transform, run_writer


class NoConfig(Config):
    pass


class PathConfig(Config):
    path: TargetPath


class SqlConfig(Config):
    query: SqlText


class Doubled(Transform[NoConfig]):
    def build(self, config, table):
        return table.mutate(a=table.a * 2)


class Liar(Reader[NoConfig]):
    def discover(self, ctx: Context, config):
        return Discovery(Schema.of({"a": "int64"}))

    def read(self, ctx, config, found):
        yield pa.record_batch({"a": ["text"]})


class Half(Writer[PathConfig]):
    def write(self, ctx, config, schema, batches):
        target = ctx.target(config.path)
        target.write_text("half")
        rows = sum(batch.num_rows for batch in batches)
        if rows > 1:
            raise NodeError("Broken off.")
        return Written(rows, config.path)


class Picky(Step[NoConfig]):
    def output(self, config, schemas):
        return {"table": schemas["table"]}

    def process(self, ctx, config, schemas, batches):
        for batch in batches:
            ctx.log(msg("Seen."))
            for row in batch.to_pylist():
                if row["a"] < 0:
                    ctx.reject(row, "Negative.")
            yield batch.filter(pa.array([value >= 0 for value in batch.to_pydict()["a"]]))


class Query(Isolated[SqlConfig]):
    outputs = Transform.outputs

    def query(self, config):
        return str(config.query)


def test_roles(tmp_path):
    table = pa.table({"a": [1, -2, 3]})
    assert run_transform(Doubled, {}, table=table).rows() == [{"a": 2}, {"a": -4}, {"a": 6}]
    step = run_step(Picky, {}, table)
    assert step.rows() == [{"a": 1}, {"a": 3}]
    assert [(reject.row, reject.error) for reject in step.rejects] == [({"a": -2}, "Negative.")]
    assert len(step.logs) == 1
    assert run_isolated(Query, {"query": "SELECT sum(a)::BIGINT AS s FROM t"}, t=table).rows() == [{"s": 2}]


def test_a_query_cannot_reach_files():
    with pytest.raises(Exception, match="disabled"):
        run_isolated(Query, {"query": "SELECT * FROM read_text('/etc/hostname')"})


def test_a_wrong_schema_is_found(tmp_path):
    with pytest.raises(AssertionError, match="Liar declared"):
        run_reader(Liar, {}, tmp_path)


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "t").write_text("old")
    with pytest.raises(NodeError, match="Broken off"):
        run_writer(Half, {"path": "t"}, pa.table({"a": [1, 2]}), tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("t", "old")]
    run_writer(Half, {"path": "{{ workspace }}/t"}, pa.table({"a": [1]}), tmp_path)
    assert (tmp_path / "t").read_text() == "half"


def test_context(tmp_path):
    ctx = LoneContext(tmp_path, secrets={"KEY": "value"})
    assert ctx.secret("secret:KEY") == "value"
    for ask in (lambda: ctx.secret("OTHER"), lambda: ctx.connection("crm"), lambda: ctx.path("../x")):
        with pytest.raises(NodeError):
            ask()
    assert config_of(Half, {"path": "{{ day }}.csv"}, {"day": "monday"}).path == "monday.csv"
    assert REJECTS.names == ("row", "error", "place")
