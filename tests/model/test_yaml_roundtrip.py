"""Any flow that is written reads back equal, and writing it again gives the same bytes."""

from __future__ import annotations

import string
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tisserand.model.flow import Flow, Frame, Limits, Node, Note, Parameter, Ref, Retry
from tisserand.model.yamlfile import read_data, read_flow, write_flow
from tisserand.model.yamltext import dump

NASTY = [
    "", " ", "on", "yes", "No", "null", "~", "true", "1", "1.0", "1e3", "0x1F", "007", "1:30", "2024-01-01", "2024-01-01 10:00:00",
    "a: b", "a:", "- a", "# a", "a # b", "a\nb", "a\nb\n", "a\n\n\nb", "\na", " a\nb", "a\n  b\n c\n", "a\t", "\ta", "{{ x }}/y",
    "{a}", "[a]", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "'a'", '"a"', "a'b", 'a"b', "\\", "\\n", "é", "日本", "🙂 a", "\x00",
    "\x7f", "\x85", "\u2028", "\ufeff", "\r\n", "a\rb", "---", "...", "--- a", "? a", "a, b", "=", "<<", ".5", "+1", "-", "1_000",
    "a  b", "0 6 * * mon-fri", "x" * 200, "a b " * 60, "x > 1 and y < 2", "10s", "1GB", "http://a/b?c=d&e", "secret:NAME", "a\n \nb",
]  # fmt: skip

texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=30), st.text("ab: \n#-'\"\t{}[],", max_size=20))
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.integers(-5, 5).map(float)
)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)), max_leaves=12
)
slugs = st.text(string.ascii_lowercase, min_size=1, max_size=1).flatmap(
    lambda first: st.text(string.ascii_lowercase + string.digits + "_", max_size=8).map(lambda rest: first + rest)
)
durations = st.sampled_from(["10s", "5min", "1.5h", "2 d", "300ms"])
numbers = st.one_of(st.integers(-(10**6), 10**6), st.integers(-(10**8), 10**8).map(lambda n: round(n / 100, 2)))
some = st.one_of(st.none(), texts)


@st.composite
def nodes(draw: Any, id: str) -> Node:
    refs = st.builds(Ref, slugs, st.one_of(st.none(), slugs))
    inputs = draw(st.dictionaries(slugs, st.lists(refs, max_size=3).map(tuple), max_size=3))
    many = frozenset(port for port, refs in inputs.items() if len(refs) != 1 or draw(st.booleans()))
    return Node(
        id=id,
        kind=draw(st.sampled_from(["table.filter", "file.read_csv", "on.off"])),
        version=draw(st.integers(1, 4)),
        title=draw(some),
        inputs=inputs,
        many=many,
        after=draw(st.dictionaries(slugs, st.sampled_from(["done", "failed", "always"]), max_size=2)),
        config=draw(st.dictionaries(texts, values, max_size=5)),
        retry=draw(st.one_of(st.none(), st.builds(Retry, st.integers(1, 9), durations, st.sampled_from([1, 2.0, 1.5])))),
        on_error=draw(st.sampled_from([None, "stop", "continue", "route"])),
        timeout=draw(st.one_of(st.none(), durations)),
        disabled=draw(st.booleans()),
        pinned=draw(some),
        breakpoint=draw(st.booleans()),
    )


def parameters(name: str) -> st.SearchStrategy[Parameter]:
    return st.builds(
        Parameter,
        name=st.just(name),
        type=st.sampled_from(["text", "integer", "choice", "date"]),
        default=scalars,
        required=st.booleans(),
        title=some.filter(lambda t: t != ""),
        help=some.filter(lambda t: t != ""),
        unit=some.filter(lambda t: t != ""),
        choices=st.lists(scalars, max_size=3).map(tuple),
        minimum=st.one_of(st.none(), numbers),
        maximum=st.one_of(st.none(), numbers),
    )


@st.composite
def flows(draw: Any) -> Flow:
    ids = draw(st.lists(slugs, max_size=5, unique=True))
    names = draw(st.lists(slugs, max_size=3, unique=True))
    others = draw(st.lists(slugs, max_size=2, unique=True))
    return Flow(
        id=draw(slugs),
        title=draw(texts),
        summary=draw(texts),
        owner=draw(some.filter(lambda t: t != "")),
        tags=tuple(draw(st.lists(texts, max_size=3))),
        keys=draw(st.dictionaries(texts, st.just("a.b"), max_size=2)),
        limits=draw(
            st.builds(
                Limits,
                st.sampled_from([None, "1GB", "512 MiB"]),
                st.one_of(st.none(), durations),
                st.sampled_from([None, "skip", "queue"]),
            )
        ),
        parameters={name: draw(parameters(name)) for name in names},
        nodes={id: draw(nodes(id)) for id in ids},
        frames={id: Frame(id, draw(texts), tuple(draw(st.lists(slugs, max_size=30)))) for id in others},
        notes={id: Note(id, draw(texts), draw(st.one_of(st.none(), slugs))) for id in others},
        layout=draw(st.dictionaries(slugs, st.tuples(numbers, numbers), max_size=4)),
    )


def ordered(value: Any) -> Any:
    """Mappings as lists of pairs, so that their order counts too."""
    if isinstance(value, dict):
        return [(key, ordered(item)) for key, item in value.items()]
    return [ordered(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(flows())
def test_what_is_written_reads_back_equal_and_writes_the_same_bytes(flow: Flow) -> None:
    text = write_flow(flow)
    reading = read_flow(text)
    assert [p for p in reading.problems if p.code != "flow.secret"] == []
    assert reading.flow == flow
    assert [ordered(n.config) for n in reading.flow.nodes.values()] == [ordered(n.config) for n in flow.nodes.values()]
    assert write_flow(reading.flow) == text
    text.encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_other_yaml_readers_see_the_same_values(value: Any) -> None:
    """PyYAML by the rules of YAML 1.1 agrees, but for keys such as `on`, which stay plain by design."""
    if any(_word(key) for key in _keys(value)):
        return
    node = Node("a", "a.b", config={"value": value})
    read = yaml.load(write_flow(Flow("f", nodes={"a": node})), Loader=yaml.CSafeLoader)
    assert read["nodes"]["a"]["config"] == {"value": value}


def _word(key: str) -> bool:
    return key.lower() in {"on", "off", "yes", "no", "y", "n"}


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(texts, values, min_size=1, max_size=4), st.booleans())
def test_plain_data_that_is_written_reads_back_equal(data: dict[str, Any], flow: bool) -> None:
    found, problems, _positions = read_data(dump(data, flow=flow))
    assert not problems and found == data
