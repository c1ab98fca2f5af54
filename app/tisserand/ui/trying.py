"""What a formula gives on the rows that really arrive: asked of the executor beside the window, the rows fetched once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from tisserand.model.flow import Node, Ref
from tisserand.model.problem import Problem
from tisserand.model.yamlwrite import write_flow
from tisserand.ui.panels.formula import Tried

if TYPE_CHECKING:
    from tisserand.ui.window import Window

SAMPLE = 50


class Trying(QObject):
    """The sample rows of one window's flow, kept for the node that is being edited."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self._kept: tuple[Any, bytes] | None = None
        """What the rows are of, and the rows."""
        context = window.inspector.context
        context.try_formula = self.ask
        context.parameters = lambda: list(window.document.flow.parameters)

    def ask(self, id: str | None, port: str, formula: str, then: Callable[[Tried], None]) -> None:
        """Try a formula of a node over the rows that arrive at one of its ports."""
        w = self.window_
        flow = w.document.flow
        node = flow.nodes.get(id or "")
        ref = _source(node, port) if node is not None else None
        if node is None or ref is None or w.runner.root is None:
            return
        name = ref.port or w.kinds.default_output(flow.nodes[ref.node], flow)
        standings = w.desk.standings
        ran = standings.run if standings.done(flow, ref.node) and standings.fresh(flow, ref.node) else None
        key = (ref.node, name, ran, None if ran else flow.nodes[ref.node], w.runner.root)
        kept = self._kept[1] if self._kept is not None and self._kept[0] == key else None
        file = w.desk.file()
        values = {each.name: each.default for each in flow.parameters.values()}

        def work(executor: Any) -> tuple[bytes, Any]:
            rows = kept
            if rows is None and ran is not None:
                rows = executor.page(ran, ref.node, name, 0, SAMPLE).data
            elif rows is None:
                rows = executor.preview(node=ref.node, port=name, file=file, text=write_flow(flow), limit=SAMPLE).data
            return rows, executor.evaluate(formula, rows, values)

        def come(answer: Any) -> None:
            rows, (type, found) = answer
            self._kept = (key, rows)
            then(Tried(type, tuple("null" if value is None else value for value in found)))

        def failed(problems: list[Problem]) -> None:
            if problems and problems[0].code != "designer.unexpected":
                then(Tried(error=problems[0].message.text()))

        w.runner.ask(work, come, failed)


def _source(node: Node, port: str) -> Ref | None:
    """What feeds a port of a node; its first input where the port is not known."""
    refs = node.inputs.get(port) or next(iter(node.inputs.values()), ())
    return refs[0] if refs else None
