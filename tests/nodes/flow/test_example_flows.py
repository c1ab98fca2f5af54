"""The example flows of the table, flow and trigger nodes load, fit their nodes, and use every output port."""

from pathlib import Path

import pytest

from tisserand.engine.resolve import ResolvedNode, resolve
from tisserand.model.yamlfile import read_flow, write_flow
from tisserand.sdk.node import Discovery
from tisserand.sdk.registry import registry
from tisserand.sdk.testing import LoneContext
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace

EXAMPLES = Path(__file__).parents[3] / "flows" / "examples"
FAMILIES = ("table", "flow", "trigger")
FLOWS = sorted(path for path in (EXAMPLES / "flows").glob("*.yaml") if path.stem.split("-")[0] in FAMILIES)


def discovered(node: ResolvedNode) -> Discovery:
    workspace = Workspace(EXAMPLES)
    shop = {"shop": Connections(workspace, registry()).get("shop", workspace.environment())}
    found: Discovery = node.node.discover(LoneContext(EXAMPLES, connections=shop), node.config)
    return found


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_example_fits_its_nodes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    reading = read_flow(text, path.name)
    assert [problem.line() for problem in reading.problems] == []
    assert reading.flow is not None
    assert write_flow(reading.flow) == text
    assert reading.flow.id == path.stem
    values = {"workspace": str(EXAMPLES), **{name: parameter.default for name, parameter in reading.flow.parameters.items()}}
    resolution = resolve(reading.flow, registry(), values, discovered)
    assert [problem.line() for problem in resolution.problems] == []
    for node in resolution.nodes.values():
        assert set(node.schemas) == {out.name for out in node.outputs}, node.id


def test_every_port_of_every_kind_is_used_in_its_example() -> None:
    unused = []
    for kind in registry():
        if kind.family not in FAMILIES:
            continue
        path = EXAMPLES / "flows" / f"{kind.kind.replace('.', '-').replace('_', '-')}.yaml"
        flow = read_flow(path.read_text(encoding="utf-8"), path.name).flow
        assert flow is not None
        used = {str(ref) for node in flow.nodes.values() for _, ref in node.refs()}
        firsts = {ref for ref in used if "." not in ref}
        for node in flow.nodes.values():
            if node.kind != kind.kind or (kind.kind == "flow.log" and node.id.startswith("see_")):
                continue
            outs = kind.outputs_for(node.config)
            for index, out in enumerate(outs):
                if f"{node.id}.{out.name}" not in used and not (index == 0 and node.id in firsts) and out.kind != "result":
                    unused.append(f"{kind.kind}: {node.id}.{out.name}")
    assert unused == []
