"""What is done by typing: add a node that fits at the pointer or on a wire, wire by name, and start any action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, QPointF
from PySide6.QtWidgets import QWidget

from tisserand.model.graph import downstream
from tisserand.texts import in_all_languages
from tisserand.texts import translate as _
from tisserand.ui.canvas.look import COLUMN, HEIGHT, WIDTH
from tisserand.ui.canvas.wire import AFTER, Key
from tisserand.ui.chooser import Choice, Chooser
from tisserand.ui.kinds import GROUPS, kind_words
from tisserand.ui.panels.orders import WHEN, run_after

if TYPE_CHECKING:
    from tisserand.ui.window import Window

Port = tuple[str, str, str]
"""Node, `in` or `out`, port."""


@dataclass(frozen=True, slots=True)
class After:
    """A node that shall run after another one, and after which end of it."""

    node: str
    source: str
    when: str


class Quick(QObject):
    """The sheets of one window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        window.canvas.quick_asked.connect(self.add_node)
        window.canvas.wire_drop_asked.connect(self.insert)

    def _open(self, title: str, choices: list[Choice], then: Any, place: QPoint | None, back: QWidget | None = None) -> Chooser:
        w = self.window_
        made = Chooser(w, title, choices, then, back or (w.outline if w.outline.hasFocus() else w.canvas))
        # What is offered fits the flow as it is now: undone or changed meanwhile, nothing of it may be chosen any more.
        for change in (w.document.changed, w.document.opened, w.document.resumed):
            change.connect(made.leave)
        made.open_at(place)
        return made

    # -- nodes ---------------------------------------------------------------------------------------------------------
    def add_here(self) -> None:
        """From the keyboard: on the selected wire, behind the selected node, else where the pointer or the middle is."""
        w = self.window_
        if w.scene.wire_selection is not None and w.scene.wire_selection[3] != AFTER:
            self._ask_insert(w.scene.wire_selection)
            return
        selection = list(w.scene.selection)
        if len(selection) == 1 and w.scene.cards[selection[0]].shown.outputs:
            card = w.scene.cards[selection[0]]
            name = card.shown.outputs[0].name
            frame = card.frame()
            self.add_node(QPointF(frame.left() + COLUMN, frame.center().y()), (card.id, "out", name))
            return
        self.add_node(w.canvas.pointer_or_middle(), None)

    def add_node(self, point: QPointF, port: Port | None) -> None:
        """Choose among the nodes that fit the port a wire was drawn from (all, where there is none), and wire it."""

        def then(kind: str) -> None:
            if port is None:
                place = QPointF(point.x() - WIDTH / 2, point.y() - HEIGHT / 2)
                self.window_.desk.put(kind, place)
            elif port[1] == "out":
                self.window_.desk.put(kind, QPointF(point.x(), point.y() - HEIGHT / 2), source=(port[0], port[2]))
            else:
                place = QPointF(point.x() - WIDTH, point.y() - HEIGHT / 2)
                self.window_.desk.put(kind, place, target=(port[0], port[2]))

        side = port[1] if port is not None else ""
        self._open(_("Add a node"), self._kinds(needs_input=side == "out", needs_output=side == "in"), then, self._place(point))

    def _ask_insert(self, wire: Key) -> None:
        middle = self.window_.scene.wires[wire].path().pointAtPercent(0.5)
        choices = self._kinds(needs_input=True, needs_output=True)
        self._open(_("Insert a node"), choices, lambda kind: self.insert(kind, wire), self._place(middle))

    def insert(self, kind: str, wire: Key) -> None:
        """Put a node between the two ends of a wire; what stands behind makes room."""
        w = self.window_
        source, target = w.scene.cards[wire[0]].frame(), w.scene.cards[wire[2]].frame()
        found = w.kinds.get(kind)
        if found is None or not found.inputs or not found.outputs:
            w.desk.say(_("This node has no input or no output: it cannot stand on a wire."))
            return
        moves: dict[str, tuple[float, float]] = {}
        lacking = source.left() + 2 * COLUMN - target.left()
        if lacking > 0 and target.left() >= source.right():
            behind = {wire[2], *downstream(w.document.flow, wire[2])}
            moves = {id: (w.scene.cards[id].x0 + lacking, w.scene.cards[id].y0) for id in behind}
            place = QPointF(source.left() + COLUMN, (source.top() + target.top()) / 2)
        else:
            place = (source.center() + target.center()) / 2 - QPointF(WIDTH / 2, HEIGHT / 2)
        w.desk.put(kind, place, wire=wire, moves=moves)

    def _kinds(self, *, needs_input: bool, needs_output: bool) -> list[Choice]:
        kinds = self.window_.kinds
        headings = dict(GROUPS)
        order = {group: index for index, (group, _title) in enumerate(GROUPS)}
        found = []
        for each in kinds.catalog or ():
            if (needs_input and not each.inputs) or (needs_output and not each.outputs):
                continue
            group = kinds.group(each.kind)
            family = _(headings[group]) if group in headings else ""
            words = kind_words(each, headings.get(group, ""))
            found.append(Choice(each.kind, _(each.title), family, each.icon, group, words))
        # Behind a node one wants to transform, hardly to bring in.
        first = {"transform": -1} if needs_input else {"read": -1} if needs_output else {}
        return sorted(found, key=lambda choice: (first.get(choice.group, order.get(choice.group, 99)), choice.title))

    def _place(self, point: QPointF) -> QPoint:
        canvas = self.window_.canvas
        return canvas.viewport().mapTo(self.window_, canvas.mapFromScene(point))

    # -- wires ---------------------------------------------------------------------------------------------------------
    def connect_node(self) -> None:
        """From the selected node, choose by name the input that its rows shall go to, or the node that shall run after it."""
        w = self.window_
        selection = list(w.scene.selection)
        if len(selection) != 1:
            w.desk.say(_("Select one node first."))
            return
        card = w.scene.cards[selection[0]]
        before = {id for id in w.scene.cards if card.id in downstream(w.document.flow, id)}
        choices = []
        outputs = card.shown.outputs
        for other in w.scene.cards.values():
            if other is card or other.id in before:
                continue  # that wire would close a circle
            for port in other.shown.inputs:
                for out in outputs:
                    ends = [_(port.title) or port.name] if len(other.shown.inputs) > 1 else []
                    ends = [*([_(out.title) or out.name] if len(outputs) > 1 else []), *ends]
                    key = ((card.id, out.name), (other.id, port.name))
                    choices.append(
                        Choice(
                            key,
                            other.shown.title,
                            " → ".join(ends),
                            other.shown.icon,
                            other.shown.group,
                            " ".join((other.id, *ends)),
                        )
                    )
        choices += self._orders(card.id, before)
        if not choices:
            w.desk.say(_("There is no node that this one could be wired to."))
            return
        frame = card.frame()
        place = self._place(QPointF(frame.right() + 24, frame.top()))
        self._open(_("Wire to"), choices, self._join, place)

    def _join(self, key: Any) -> None:
        """What was chosen in the sheet: two ports, or (node, when) for an order without data."""
        d = self.window_.document
        if isinstance(key, After):
            d.do(run_after(d.flow, key.node, key.source, key.when))
        else:
            d.connect_ports(*key)

    def _orders(self, source: str, before: set[str]) -> list[Choice]:
        """The nodes that could run after this one, each once for every end that it may wait for; not those that come `before`."""
        w = self.window_
        found = []
        for card in w.scene.cards.values():
            known = source in w.document.flow.nodes[card.id].after
            # A trigger starts the run: nothing comes before it.
            if card.id == source or card.id in before or known or card.shown.group == "start":
                continue
            for when, words in WHEN:
                detail = f"{_('run after')} · {_(words)}"
                key = After(card.id, source, when)
                found.append(Choice(key, card.shown.title, detail, card.shown.icon, card.shown.group, f"{card.id} {detail}"))
        return found

    # -- actions -------------------------------------------------------------------------------------------------------
    def commands(self) -> None:
        """Every action of the registry, by its words in both languages; those that cannot be done now stand last."""
        actions = self.window_.actions_
        choices = []
        for entry, action in actions:
            if entry.id == "commands":
                continue
            words = f"{in_all_languages(entry.text)} {in_all_languages(entry.bar)} {in_all_languages(entry.words)}"
            choices.append(Choice(entry.id, action.text(), actions.keys(entry.id), entry.icon, "", words, action.isEnabled()))
        choices.sort(key=lambda choice: not choice.enabled)
        # Back to where the keyboard was: many actions are about what has it.
        back = self.window_.focusWidget()
        self._open(_("Find an action"), choices, lambda id: actions[id].trigger(), None, back)
