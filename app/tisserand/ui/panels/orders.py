"""The order without data: after which nodes a node runs, and after which end of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from tisserand.model.command import Command, Several
from tisserand.model.edit_nodes import SetNode
from tisserand.model.flow import Flow
from tisserand.model.graph import downstream
from tisserand.sdk.form import FormField
from tisserand.texts import N_, msg
from tisserand.texts import translate as _
from tisserand.ui.chooser import Choice, Chooser
from tisserand.ui.icons import icon
from tisserand.ui.kinds import Kinds
from tisserand.ui.panels.editors import ChoiceEditor, Editor, FormContext

WHEN: tuple[tuple[str, str], ...] = (
    ("done", N_("when it is done")),
    ("failed", N_("when it failed")),
    ("always", N_("in any case")),
    ("undo", N_("to undo it when the run is cancelled")),
)

_END = FormField("end", "", widget="choice", required=True, choices=tuple(key for key, _words in WHEN), words=WHEN)


def run_after(flow: Flow, node: str, source: str, when: str) -> Command:
    """Lets a node run after another one."""
    change = SetNode(node=node, changes={"after": {**flow.nodes[node].after, source: when}})
    return Several((change,), msg("Order: “{node}” after “{source}”", node=node, source=source))


def may_precede(flow: Flow, node: str) -> list[str]:
    """The nodes after which a node could run: no circle, and not in its list yet."""
    behind = {node, *downstream(flow, node)}
    return [id for id in flow.nodes if id not in behind and id not in flow.nodes[node].after]


@dataclass(frozen=True)
class Around:
    """What the list asks of the flow."""

    flow: Callable[[], Flow]
    kinds: Kinds
    node: str

    def title(self, id: str) -> str:
        flow = self.flow()
        return self.kinds.face(flow.nodes[id], flow).title if id in flow.nodes else id


class OrdersEditor(Editor):
    """One line for each node that comes first."""

    def __init__(self, asked: FormField, around: Around) -> None:
        super().__init__(asked)
        self._around = around
        self._value: dict[str, str] = {}
        self.rows: list[QWidget] = []
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self.add = QPushButton(_("Add a node to wait for"))
        self.add.setIcon(icon("plus", "accent"))
        self.add.setProperty("quiet", True)
        self.add.clicked.connect(self._choose)
        self._box.addWidget(self.add)

    def _show(self, value: Any) -> None:
        self._value = dict(value) if isinstance(value, Mapping) else {}
        for row in self.rows:
            self._box.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        self.rows = [self._row(id, when) for id, when in self._value.items()]
        for place, row in enumerate(self.rows):
            self._box.insertWidget(place, row)

    def _row(self, id: str, when: str) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        title = self._around.title(id)
        named = QLabel(f"{title} · {id}")
        named.setToolTip(id)
        named.setMinimumWidth(40)
        line.addWidget(named, 1)
        ends = ChoiceEditor(_END, FormContext())
        ends.show_value(when)
        ends.combo.setAccessibleName(_("When “{node}” has ended").format(node=title))
        ends.edited.connect(lambda value: self._change(id, value))
        line.addWidget(ends)
        remove = QToolButton()
        remove.setIcon(icon("x", "muted"))
        remove.setToolTip(_("Remove"))
        remove.setAccessibleName(_("Do not wait for “{node}”").format(node=title))
        remove.setProperty("tight", True)
        remove.clicked.connect(lambda: self._drop(id))
        line.addWidget(remove)
        return row

    def _change(self, id: str, when: str) -> None:
        self._value = {**self._value, id: when}
        self._tell(dict(self._value))

    def _drop(self, id: str) -> None:
        left = {other: when for other, when in self._value.items() if other != id}
        self._show(left)
        self._tell(left)
        self.add.setFocus()

    def _choose(self) -> None:
        choices = self._choices()
        place = self.add.mapTo(self.window(), self.add.rect().bottomLeft())
        Chooser(self.window(), _("Run after"), choices, self._take, self.add).open_at(place)

    def _choices(self) -> Sequence[Choice]:
        flow, kinds = self._around.flow(), self._around.kinds
        found = []
        for id in may_precede(flow, self._around.node):
            face = kinds.face(flow.nodes[id], flow)
            found.append(Choice(id, face.title, id, face.icon, face.group, id))
        return found

    def _take(self, id: str) -> None:
        self._show({**self._value, id: "done"})
        self._tell(dict(self._value))
