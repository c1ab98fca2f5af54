"""Undo and redo are exact: after any sequence of edits the file is byte for byte what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tisserand.model import edit
from tisserand.model.flow import Flow, Frame, Limits, Node, Note, Parameter, Ref, Retry
from tisserand.model.history import History
from tisserand.model.yamlfile import read_flow, write_flow

IDS = ["a", "b", "c", "d", "e_2", "long_name"]
ids = st.sampled_from(IDS)
ports = st.sampled_from(["table", "left", "right"])
values = st.one_of(st.text(max_size=6), st.integers(), st.lists(st.integers(), max_size=3), st.none())
fields = st.sampled_from(["x", "y", "z"])
places = st.tuples(st.integers(-99, 99), st.floats(-99, 99))
ref = st.builds(Ref, ids, st.sampled_from([None, "out"]))

node_commands = st.one_of(
    st.builds(
        edit.AddNode,
        st.builds(Node, ids, st.just("table.filter"), config=st.dictionaries(fields, values, max_size=2)),
        st.one_of(st.none(), places),
    ),
    st.builds(edit.RemoveNodes, st.lists(ids, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(edit.RenameNode, ids, ids),
    st.builds(edit.Connect, ref, ids, ports, st.booleans()),
    st.builds(edit.Disconnect, ids, ports, st.one_of(st.none(), ref)),
    st.builds(
        edit.SetConfig, ids, st.dictionaries(fields, values, max_size=2), st.lists(fields, max_size=1).map(tuple), st.booleans()
    ),
    st.builds(
        edit.SetNode,
        ids,
        st.one_of(
            st.fixed_dictionaries({"title": st.text(max_size=3)}),
            st.fixed_dictionaries({"after": st.dictionaries(ids, st.sampled_from(["done", "failed"]), max_size=2)}),
            st.fixed_dictionaries({"disabled": st.booleans(), "retry": st.just(Retry(3))}),
        ),
    ),
    st.builds(edit.MoveNodes, st.dictionaries(ids, places, min_size=1, max_size=3)),
)
mark_commands = st.one_of(
    st.builds(edit.AddFrame, st.builds(Frame, st.sampled_from(["f", "g", "a"]), holds=st.lists(ids, max_size=2).map(tuple))),
    st.builds(edit.RemoveFrame, st.sampled_from(["f", "g"])),
    st.builds(edit.SetFrame, st.just("f"), st.fixed_dictionaries({"title": st.text(max_size=3)})),
    st.builds(edit.AddNote, st.builds(Note, st.sampled_from(["n", "m"]), st.text(max_size=4), ids), places),
    st.builds(edit.RemoveNote, st.sampled_from(["n", "m"])),
    st.builds(edit.SetNote, st.just("n"), st.fixed_dictionaries({"near": st.one_of(st.none(), ids)})),
    st.builds(edit.SetParameter, st.builds(Parameter, st.sampled_from(["p", "q"]), default=values.filter(lambda v: not isinstance(v, list)))),
    st.builds(edit.SetParameter, st.builds(Parameter, st.just("r")), st.sampled_from(["p", "q"])),
    st.builds(edit.RemoveParameter, st.sampled_from(["p", "q", "r"])),
    st.builds(edit.SetFlow, st.fixed_dictionaries({"title": st.text(max_size=3)})),
    st.builds(edit.SetFlow, st.fixed_dictionaries({"keys": st.dictionaries(st.just("k"), ids.map(lambda id: f"{id}.c"))})),
    st.builds(edit.SetFlow, st.just({"limits": Limits("1GB"), "tags": ("x", "on")})),
)  # fmt: skip


class Editing(RuleBasedStateMachine):
    """Random edits, undone and redone, watched against the text of the file."""

    @initialize()
    def start(self) -> None:
        nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}, config={"x": 1})}
        first = Flow("f", nodes=nodes, layout={"b": (0, 0), "a": (1, 2.5)}, frames={"f": Frame("f", "F", ("b", "a"))})
        self.history = History(first)
        self.texts = [write_flow(first)]
        self.seen: list[Any] = []
        self.history.listen(lambda before, after, command: self.seen.append((before, after)))

    def _do(self, command: edit.Command) -> None:
        before, depth = self.history.flow, len(self.texts)
        try:
            after = command.apply(before)
        except edit.EditError as error:
            assert str(error).endswith(".")
            return
        assert write_flow(command.inverse(before).apply(after)) == write_flow(before)
        self.history.seal()
        self.history.do(command)
        if self.history.flow is not before:
            self.texts = [*self.texts[: self._position()], write_flow(self.history.flow)]
        assert len(self.texts) <= depth + 1

    def _position(self) -> int:
        return getattr(self, "at", len(self.texts))

    @rule(command=node_commands)
    def edit_node(self, command: edit.Command) -> None:
        self._do(command)

    @rule(command=mark_commands)
    def edit_mark(self, command: edit.Command) -> None:
        self._do(command)

    @rule(chosen=st.lists(ids, max_size=3), at=st.one_of(st.none(), places))
    def copy_and_paste(self, chosen: list[str], at: Any) -> None:
        self._do(edit.Paste(edit.copy_text(self.history.flow, chosen), at))

    @rule(commands=st.lists(node_commands, min_size=1, max_size=3))
    def several(self, commands: list[edit.Command]) -> None:
        self._do(edit.Several(tuple(commands)))

    @precondition(lambda self: self.history.can_undo)
    @rule()
    def undo_all_and_redo_all(self) -> None:
        now = write_flow(self.history.flow)
        seen = [now]
        while self.history.can_undo:
            self.history.undo()
            seen.append(write_flow(self.history.flow))
        assert seen[::-1] == self.texts
        assert self.history.is_saved
        while self.history.can_redo:
            self.history.redo()
        assert write_flow(self.history.flow) == now

    @invariant()
    def the_file_can_be_read_back(self) -> None:
        if hasattr(self, "history"):
            reading = read_flow(write_flow(self.history.flow))
            assert reading.problems == []
            assert reading.flow == self.history.flow

    @invariant()
    def listeners_saw_every_change(self) -> None:
        if getattr(self, "seen", None):
            assert self.seen[-1][1] is self.history.flow
            assert all(earlier[1] is later[0] for earlier, later in zip(self.seen, self.seen[1:], strict=False))


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def small() -> Flow:
    nodes = {
        "read": Node("read", "file.read_csv", config={"path": "a.csv"}),
        "late": Node("late", "table.filter", inputs={"table": (Ref("read"),)}, config={"where": "a > 1", "mode": "x"}),
        "all": Node("all", "table.union", inputs={"tables": (Ref("late"), Ref("read"))}, many=frozenset({"tables"})),
        "tell": Node("tell", "mail.send", after={"late": "done"}),
    }
    return Flow(
        "f",
        keys={"k": "late.flight"},
        nodes=nodes,
        frames={"f1": Frame("f1", "Clean", ("late", "all"))},
        notes={"n1": Note("n1", "Note", "late")},
        layout={"read": (0, 0), "late": (220, 0), "n1": (5, 5)},
    )


def test_renaming_follows_every_reference() -> None:
    text = write_flow(small())
    assert write_flow(edit.RenameNode("late", "slow").apply(small())) == text.replace("late", "slow")


def test_removing_takes_along_whatever_names_the_node() -> None:
    flow = edit.RemoveNodes(("late",)).apply(small())
    assert "late" not in write_flow(flow)
    assert flow.nodes["all"].inputs == {"tables": (Ref("read"),)} and flow.nodes["all"].many == {"tables"}
    assert flow.nodes["tell"].after == {} and flow.notes["n1"].near is None and flow.keys == {}


def test_moving_one_node_changes_one_line() -> None:
    before = write_flow(small()).splitlines()
    after = write_flow(edit.MoveNodes({"late": (221.004, 7.5)}).apply(small())).splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [("  late: [220, 0]", "  late: [221, 7.5]")]


def test_adding_a_node_adds_its_block_and_its_place() -> None:
    before = write_flow(small()).splitlines()
    node = Node("new", "table.sort", inputs={"table": (Ref("late"),)}, config={"by": ["a"]})
    after = write_flow(edit.AddNode(node, (1, 2)).apply(small())).splitlines()
    added = [line for line in after if line not in before]
    assert added == ["  new:", "    kind: table.sort", "    inputs: {table: late}", "    config: {by: [a]}", "  new: [1, 2]"]
    assert [line for line in after if line in before or line.startswith("    inputs")][: len(before)] != []
    assert len(after) == len(before) + 5


def test_a_wire_that_closes_a_circle_is_refused() -> None:
    try:
        edit.Connect(Ref("all"), "late", "table").apply(small())
    except edit.EditError as error:
        assert str(error) == "“all” needs “late” itself: this wire would close a circle."
    else:
        raise AssertionError("accepted")


def test_a_secret_is_refused_by_the_editor_too() -> None:
    for command in (
        edit.SetConfig("read", {"password": "hunter2"}),
        edit.SetNode("read", {"title": "AKIAIOSFODNN7EXAMPLE"}),
        edit.AddNote(Note("n2", "ghp_abcdefghijklmnopqrstuvwxyz0123456789")),
        edit.SetParameter(Parameter("token", default="abc")),
    ):
        try:
            command.apply(small())
        except edit.EditError as error:
            assert "cannot hold a secret" in str(error)
        else:
            raise AssertionError(command)
    assert edit.SetConfig("read", {"password": "secret:CRM"}).apply(small()).nodes["read"].config["password"] == "secret:CRM"


def test_typing_in_one_field_and_dragging_on_are_one_step_each() -> None:
    history = History(small())
    for text in ("b", "b >", "b > 2"):
        history.do(edit.SetConfig("late", {"where": text}))
    history.do(edit.MoveNodes({"late": (1, 1)}))
    history.do(edit.MoveNodes({"late": (2, 1)}))
    assert str(history.undo_name) == "Move of “late”"
    history.seal()
    history.do(edit.MoveNodes({"late": (3, 1)}))
    history.undo()
    history.undo()
    assert str(history.undo_name) == "Change of “where” of “late”"
    history.undo()
    assert not history.can_undo and history.is_saved
    assert history.redo().nodes["late"].config["where"] == "b > 2"


def test_saving_is_remembered_across_undo() -> None:
    history = History(small())
    history.do(edit.MoveNodes({"late": (1, 1)}))
    history.mark_saved()
    history.do(edit.MoveNodes({"late": (2, 1)}))
    assert not history.is_saved
    history.undo()
    assert history.is_saved and history.can_undo
    history.undo()
    assert not history.is_saved


def test_an_edit_that_changes_nothing_is_no_step() -> None:
    history = History(small())
    history.do(edit.SetConfig("late", {"where": "a > 1"}))
    assert not history.can_undo


def test_paste_finds_new_names_and_keeps_the_wires_among_the_copies() -> None:
    flow = small()
    paste = edit.Paste(edit.copy_text(flow, ["all", "late"]), at=(10, 20))
    assert paste.ids(flow) == {"late": "late_2", "all": "all_2"}
    after = paste.apply(flow)
    assert after.nodes["all_2"].inputs == {"tables": (Ref("late_2"),)}
    assert after.nodes["late_2"].inputs == {} and after.layout["late_2"] == (10, 20)
    assert replace(after, nodes={id: after.nodes[id] for id in flow.nodes}, layout=flow.layout) == flow


def test_paste_of_something_else_is_refused_with_a_sentence() -> None:
    said = {}
    for text in ("", "hello", "a: [", "nodes: {}", "nodes: {A: {kind: 1}}"):
        try:
            edit.Paste(text).apply(small())
        except edit.EditError as error:
            said[text] = str(error)
    assert said[""] == "The file is empty."
    assert said["hello"] == "The file holds no mapping of names to values."
    assert said["a: ["].startswith("This is not well-formed YAML: ")
    assert said["nodes: {}"] == "The text holds no nodes."
    assert said["nodes: {A: {kind: 1}}"] == "“A” cannot be the id of a node."


def test_new_names_are_slugs() -> None:
    flow = small()
    assert [edit.unique_id(flow, wanted) for wanted in ("late", "Été 1", "", "3", "n1", "x")] == [
        "late_2", "ete_1", "node", "n3", "n1_2", "x",
    ]  # fmt: skip


def test_a_flow_rewritten_was_always_so() -> None:
    history = History(Flow("untitled"))
    history.do(edit.SetFlow({"title": "One"}))
    history.mark_saved()
    history.do(edit.SetFlow({"summary": "Two"}))
    history.undo()
    history.rewrite(lambda flow: replace(flow, id="one"))
    assert history.flow == Flow("one", title="One") and history.is_saved
    assert history.undo() == Flow("one") and not history.is_saved
    history.redo()
    assert history.is_saved
    assert history.redo() == Flow("one", title="One", summary="Two")
