"""Both executors over the real engine: checks, columns, plans, pages and previews."""

import pytest

from tisserand.service.protocol import Refused, RunRequest

FLOW = """\
tisserand: 1
id: engine
nodes:
  orders:
    kind: file.read_csv
    config: {path: "{{ workspace }}/data/orders.csv"}
  large:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amount > 10}
  out:
    kind: file.write_csv
    inputs: {table: large.kept}
    config: {path: "{{ workspace }}/out/large.csv"}
"""


@pytest.fixture
def flow(root):
    (root / "data").mkdir()
    (root / "data" / "orders.csv").write_text("id,amount\n" + "".join(f"{n},{n * 5}\n" for n in range(1, 6)))
    (root / "flows" / "engine.yaml").write_text(FLOW)
    return "flows/engine.yaml"


def rows(page):
    import pyarrow as pa

    return pa.ipc.open_stream(page.data).read_all().to_pylist()


def test_a_real_run_and_the_rows_of_its_edges(executor, flow, root):
    run = executor.start(RunRequest(flow, keep="all"))
    assert list(executor.events(run, follow=True))[-1].kind == "run.done"
    found = executor.run(run)
    assert found.nodes["large"].rows["kept"] == 3
    page = executor.page(run, "large", "kept", offset=1, limit=1)
    assert (page.total, page.offset, rows(page)) == (3, 1, [{"id": 4, "amount": 20}])
    assert [row["id"] for row in rows(executor.page(run, "large", "kept", order="-amount"))] == [5, 4, 3]
    assert rows(executor.page(run, "large", "kept", limit=0)) == []
    for node, port, order in [("large", "nothing", None), ("nothing", None, None), ("../x", None, None), ("large", "kept", "x")]:
        with pytest.raises(Refused):
            executor.page(run, node, port, order=order)


def test_columns_problems_and_plan(executor, flow):
    checked = executor.schemas(file=flow)
    assert checked.ok
    assert [(c.name, c.type) for c in checked.schemas["large"]["kept"]] == [("id", "int64"), ("amount", "int64")]
    assert list(executor.schemas(file=flow, node="orders").schemas) == ["orders"]
    assert executor.check(file=flow) == []
    wrong = FLOW.replace("amount > 10", "amuont > 10").replace("kind: file.write_csv", "kind: file.wirte_csv")
    found = executor.check(file=flow, text=wrong)
    assert {problem.place.line for problem in found} == {12}
    columns = executor.schemas(text=FLOW.replace("amount > 10", "amuont > 10"))
    assert not columns.ok and columns.problems[0].place.node == "large"
    assert executor.explain(file=flow)["units"]
    with pytest.raises(Refused):
        executor.explain(text=wrong)
    with pytest.raises(Refused, match="nowhere"):
        executor.check(file=flow, env="nowhere")


def test_a_preview_has_no_effect(executor, flow, root):
    assert [row["amount"] for row in rows(executor.preview(node="large", port="kept", file=flow, limit=2))] == [15, 20]
    with pytest.raises(Refused):
        executor.preview(node="nothing", file=flow)
    assert not (root / "out").exists()
    assert executor.runs() == []
