"""The pages say what the program does: derived ones are current, their flows check, their commands parse, their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "resources" / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def _derived() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("derived_docs", ROOT / "packaging" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, str] = module.pages()
    return found


def test_the_derived_pages_are_current() -> None:
    found = _derived()
    assert {"command-line.md", "nodes.md", "formulas.md", "connection-types.md", "writing-a-node.md"} <= found.keys()
    for name, text in found.items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"{name}: run “python packaging/docs.py write”"


def test_every_node_setting_and_function_has_its_line() -> None:
    from tisserand.model.formula.functions import FUNCTIONS
    from tisserand.sdk.registry import registry

    nodes = (DOCS / "nodes.md").read_text(encoding="utf-8")
    for node in registry():
        part = nodes.partition(f"\n## {node.kind}\n")[2].partition("\n## ")[0]
        assert part and all(f"`{name}`" in part for name in node.config_schema().get("properties", {})), node.kind
    formulas = (DOCS / "formulas.md").read_text(encoding="utf-8")
    assert all(f"`{function.signature}`".replace("|", "\\|") in formulas for function in FUNCTIONS.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (page.parent / target).exists(), target
    for name in re.findall(r"`((?:app|nodes|flows|tests|resources)/[\w/.-]+\.\w+)`", text):
        assert (ROOT / name).exists() or "late-orders" in name, name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_is_whole(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [line for line in lines if line.startswith("```")]
    assert len(fences) % 2 == 0 and fences[1::2] == ["```"] * (len(fences) // 2), "a block of code has no end"
    assert lines[0].startswith("# ") and lines[-1].strip()


def test_the_flow_of_the_page_is_right_and_runs(tmp_path: Path) -> None:
    from tisserand.engine.check import check_text
    from tisserand.service.local import LocalExecutor
    from tisserand.service.protocol import RunRequest
    from tisserand.workspace.folder import Workspace

    text = (DOCS / "flow-file.md").read_text(encoding="utf-8")
    flows = re.findall(r"^```yaml\n(tisserand: 1\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(flows) == 1
    (tmp_path / "flows").mkdir()
    (tmp_path / "tisserand.yaml").write_text("")
    (tmp_path / "flows" / "late-orders.yaml").write_text(flows[0], encoding="utf-8")
    assert check_text(Workspace(tmp_path), flows[0], file="flows/late-orders.yaml").problems == []
    executor = LocalExecutor(tmp_path)
    try:
        found = executor.wait(executor.start(RunRequest(file="flows/late-orders.yaml")))
    finally:
        executor.close()
    assert found.state == "done", found.error
    assert sorted((tmp_path / "out" / "late.csv").read_text().splitlines()) == ["DE,1,9", "FR,1,5", "country,orders,longest"]


def test_the_commands_of_the_pages_are_commands() -> None:
    import click

    from tisserand.cli.main import root

    lines = [
        line
        for page in PAGES
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(lines) > 8
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "tisserand", line
        command: click.Command | None = root
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, line
        command.make_context(line, words).close()


def test_no_page_lies_beside_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert {page.name for page in PAGES} - {"index.md"} == set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert "resources/docs/index.md" in (ROOT / "README.md").read_text(encoding="utf-8")
