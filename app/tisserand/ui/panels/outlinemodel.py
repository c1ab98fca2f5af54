"""The lines of the outline: nodes in the order in which they run, under each what feeds it, then frames and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from tisserand.model.flow import Flow, Node
from tisserand.model.graph import order
from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.card import Card
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.canvas.state import face, told
from tisserand.ui.canvas.wire import AFTER, Key
from tisserand.ui.canvas.wire import spoken as wire_words
from tisserand.ui.icons import icon

Index = QModelIndex | QPersistentModelIndex
Line = tuple[str, Any]
"""`node` and its id, `wire` and its key, `frame` or `note` and its id, `group` and its name."""
FRAMES, NOTES = "frames", "notes"
_TITLES = {FRAMES: N_("Frames"), NOTES: N_("Notes")}
_NOTHING = QModelIndex()
_ROLE = Qt.ItemDataRole
_SHOWN = (_ROLE.DisplayRole, _ROLE.AccessibleTextRole, _ROLE.DecorationRole, _ROLE.ToolTipRole)
_NO_LINE, _GROUP = Qt.ItemFlag.NoItemFlags, Qt.ItemFlag.ItemIsEnabled
_STEP = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
_LEAF = _STEP | Qt.ItemFlag.ItemNeverHasChildren


class OutlineModel(QAbstractItemModel):
    """Lines are made when they are asked for, so that a flow of 10,000 nodes costs no more than what is seen of it.

    Frames stand in a group of their own: what they hold need not follow one another in the order of the run, and the order is
    what a person without the picture needs.
    """

    def __init__(self, scene: FlowScene, parent: QObject) -> None:
        super().__init__(parent)
        self._scene = scene
        self._flow = Flow("")
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._wires: dict[str, tuple[Key, ...]] = {}
        """What feeds a node, for those that were asked."""
        self._fed: set[str] = set()
        """The nodes that are fed by something."""
        self._told: dict[str, tuple[Any, ...]] = {}
        """What was last said of each node."""
        self._carried: dict[str, tuple[Any, ...]] = {}
        """The same of the wires that feed a node."""
        # A line below another knows the one above by a number that stays when lines come and go.
        self._numbers: dict[str, int] = {FRAMES: 1, NOTES: 2}
        self._names: dict[int, str] = {1: FRAMES, 2: NOTES}

    # -- following -----------------------------------------------------------------------------------------------------
    def show_flow(self, flow: Flow) -> None:
        """Follow a change of the flow or of how its nodes stand: only lines that differ are told."""
        old = self._flow
        if flow is not old:
            changed = [id for id, node in flow.nodes.items() if id in old.nodes and old.nodes[id] is not node]
            gone = old.nodes.keys() != flow.nodes.keys()
            rewired = [id for id in changed if _fed_by(old.nodes[id]) != _fed_by(flow.nodes[id])]
            self._flow = flow
            fed, self._fed = self._fed, {key[2] for key in self._scene.wires}
            if gone or rewired or list(old.nodes) != list(flow.nodes):
                self._reorder(list(order(flow)))
            self._rewire()
            if any((id in fed) != (id in self._fed) and id not in self._wires for id in rewired):
                # Nobody asked for their lines yet; whether there are any is asked again with the next layout.
                self.layoutAboutToBeChanged.emit()
                self.layoutChanged.emit()
            self._regroup({FRAMES: tuple(flow.frames), NOTES: tuple(flow.notes)}, old)
        self._retell()

    def _reorder(self, ids: list[str]) -> None:
        """Take another order: what stays at the beginning and at the end is not touched."""
        old = self._ids
        if ids == old:
            return
        first, most = 0, min(len(old), len(ids))
        while first < most and old[first] == ids[first]:
            first += 1
        last = 0
        while last < most - first and old[-1 - last] == ids[-1 - last]:
            last += 1
        if first < len(old) - last:
            self.beginRemoveRows(_NOTHING, first, len(old) - last - 1)
            self._take(old[:first] + old[len(old) - last :])
            self.endRemoveRows()
        if first < len(ids) - last:
            self.beginInsertRows(_NOTHING, first, len(ids) - last - 1)
            self._take(ids)
            self.endInsertRows()

    def _take(self, ids: list[str]) -> None:
        self._ids = ids
        self._rows = {id: row for row, id in enumerate(ids)}
        self._wires = {id: keys for id, keys in self._wires.items() if id in self._rows}

    def _rewire(self) -> None:
        for id, known in list(self._wires.items()):
            keys = self._keys(id)
            if keys == known:
                continue
            above = self.node(id)
            if known:
                self.beginRemoveRows(above, 0, len(known) - 1)
                self._wires[id] = ()
                self.endRemoveRows()
            if keys:
                self.beginInsertRows(above, 0, len(keys) - 1)
                self._wires[id] = keys
                self.endInsertRows()

    def _regroup(self, wanted: Mapping[str, tuple[str, ...]], old: Flow) -> None:
        groups = {name: ids for name, ids in wanted.items() if ids}
        if groups != self._groups:
            first = len(self._ids)
            if self._groups:
                self.beginRemoveRows(_NOTHING, first, first + len(self._groups) - 1)
                self._groups = {}
                self.endRemoveRows()
            if groups:
                self.beginInsertRows(_NOTHING, first, first + len(groups) - 1)
                self._groups = groups
                self.endInsertRows()
        elif (self._flow.frames, self._flow.notes) != (old.frames, old.notes):
            for name, ids in groups.items():
                above = self.group(name)
                self.dataChanged.emit(self.index(0, 0, above), self.index(len(ids) - 1, 2, above))

    def _retell(self) -> None:
        """Tell which nodes stand otherwise or are called otherwise, and which wires carried other rows."""
        cards = self._scene.cards
        now = {id: (card.shown, card.standing, card.disabled) for id, card in cards.items()}
        before, self._told = self._told, now
        self._retell_wires()
        rows = [self._rows[id] for id, said in now.items() if id in self._rows and id in before and before[id] != said]
        if any(before[id][0] != said[0] for id, said in now.items() if id in before):
            rows = list(range(len(self._ids)))  # other lines name it
        for first, last in stretches(rows):
            self.dataChanged.emit(self.index(first, 0), self.index(last, 2))

    def _retell_wires(self) -> None:
        wires = self._scene.wires
        carried: dict[str, tuple[Any, ...]] = {}
        for id, keys in self._wires.items():
            carried[id] = tuple(
                (wires[key].rows, wires[key].source.shown, wires[key].target.shown) for key in keys if key in wires
            )
            if carried[id] and self._carried.get(id, carried[id]) != carried[id]:
                above = self.node(id)
                self.dataChanged.emit(self.index(0, 0, above), self.index(len(keys) - 1, 2, above))
        self._carried = carried

    def recolour(self) -> None:
        """Icons have other colours."""
        if self._ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, 2))

    # -- where a line is -----------------------------------------------------------------------------------------------
    def node(self, id: str) -> QModelIndex:
        row = self._rows.get(id)
        return self.index(row, 0) if row is not None else QModelIndex()

    def wire(self, key: Key) -> QModelIndex:
        keys = self._below(key[2])
        return self.index(keys.index(key), 0, self.node(key[2])) if key in keys else QModelIndex()

    def group(self, name: str) -> QModelIndex:
        return self.index(len(self._ids) + list(self._groups).index(name), 0) if name in self._groups else QModelIndex()

    def mark(self, id: str) -> QModelIndex:
        for name, ids in self._groups.items():
            if id in ids:
                return self.index(ids.index(id), 0, self.group(name))
        return QModelIndex()

    def row_of(self, id: str) -> int | None:
        return self._rows.get(id)

    def line(self, index: Index) -> Line:
        """What an index stands for."""
        name, row = self._names.get(index.internalId(), ""), index.row()
        if name in (FRAMES, NOTES):
            return ("frame" if name == FRAMES else "note", self._groups[name][row])
        if name:
            return ("wire", self._below(name)[row])
        if row < len(self._ids):
            return ("node", self._ids[row])
        return ("group", list(self._groups)[row - len(self._ids)])

    def _keys(self, id: str) -> tuple[Key, ...]:
        node = self._flow.nodes.get(id)
        return tuple(dict.fromkeys(key for key in _fed_by(node) if key in self._scene.wires)) if node is not None else ()

    def _below(self, id: str) -> tuple[Key, ...]:
        found = self._wires.get(id)
        if found is None:
            found = self._wires[id] = self._keys(id)
        return found

    def _number(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self._numbers) + 1
            self._names[found] = name
        return found

    # -- what Qt asks --------------------------------------------------------------------------------------------------
    def index(self, row: int, column: int, parent: Index = _NOTHING) -> QModelIndex:
        if not parent.isValid():
            return self.createIndex(row, column, 0)
        if parent.internalId():
            return QModelIndex()
        return self.createIndex(row, column, self._number(self.line(parent)[1]))

    def parent(self, index: Index | None = None) -> Any:
        if index is None:
            return super().parent()
        name = self._names.get(index.internalId(), "")
        if not name:
            return QModelIndex()
        return self.group(name) if name in (FRAMES, NOTES) else self.node(name)

    def rowCount(self, parent: Index = _NOTHING) -> int:
        if not parent.isValid():
            return len(self._ids) + len(self._groups)
        if parent.internalId() or parent.column() > 0:
            return 0
        kind, key = self.line(parent)
        return len(self._groups[key]) if kind == "group" else len(self._below(key))

    def hasChildren(self, parent: Index = _NOTHING) -> bool:
        if parent.isValid() and not parent.internalId() and parent.row() < len(self._ids):
            # Asked of every node with each layout: it must cost next to nothing.
            id = self._ids[parent.row()]
            known = self._wires.get(id)
            return id in self._fed if known is None else bool(known)
        return self.rowCount(parent) > 0

    def columnCount(self, parent: Index = _NOTHING) -> int:
        return 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == _ROLE.DisplayRole:
            return (_("Step"), _("State"), _("Fed by"))[section]
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return _NO_LINE
        if index.internalId():
            return _LEAF
        return _STEP if index.row() < len(self._ids) else _GROUP

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> Any:
        if role not in _SHOWN or not index.isValid():
            return None
        kind, key = self.line(index)
        column = index.column()
        if kind == "group":
            return _(_TITLES[key]) if column == 0 and role in (_ROLE.DisplayRole, _ROLE.AccessibleTextRole) else None
        if kind == "node":
            card = self._scene.cards.get(key)
            return self._of_node(card, column, role) if card is not None else None
        if kind == "wire":
            return self._of_wire(key, column, role)
        return self._of_mark(kind, key, column, role)

    def _of_node(self, card: Card, column: int, role: int) -> Any:
        sign, token, _word = face(state_of(card))
        if role == _ROLE.DecorationRole:
            return (icon(card.shown.icon, card.shown.group), icon(sign, token), None)[column]
        if role == _ROLE.AccessibleTextRole and column == 0:
            return f"{card.shown.title}: {told(state_of(card), card.standing.detail)}"
        if column == 2:
            node = self._flow.nodes.get(card.id)
            names = dict.fromkeys(ref.node for _port, ref in node.refs()) if node is not None else {}
            return ", ".join(self._scene.cards[other].shown.title for other in names if other in self._scene.cards)
        return card.shown.title if column == 0 else told(state_of(card), card.standing.detail)

    def _of_wire(self, key: Key, column: int, role: int) -> Any:
        wire = self._scene.wires.get(key)
        if wire is None:
            return None
        if role == _ROLE.DecorationRole:
            return icon("clock" if wire.after else "arrow-right", "muted") if column == 0 else None
        line, rows, aloud = wire_words(wire)
        if role == _ROLE.AccessibleTextRole and column == 0:
            return aloud
        return (line, rows, "")[column]

    def _of_mark(self, kind: str, id: str, column: int, role: int) -> Any:
        if role == _ROLE.DecorationRole:
            return icon("square" if kind == "frame" else "square-pen", "muted") if column == 0 else None
        if kind == "note":
            note = self._flow.notes[id]
            near = self._scene.cards.get(note.near or "")
            beside = _("beside “{node}”").format(node=near.shown.title) if near is not None else ""
            parts = (" ".join(note.text.split()) or _("Empty note"), beside, "")
        else:
            frame = self._flow.frames[id]
            held = [self._scene.cards[one].shown.title for one in frame.holds if one in self._scene.cards]
            count = ngettext("holds {count} step", "holds {count} steps", len(held)).format(count=len(held))
            parts = (" ".join(frame.title.split()) or _("Frame"), count, ", ".join(held))
        if role == _ROLE.AccessibleTextRole and column == 0:
            return ": ".join(part for part in parts[:2] if part)
        return parts[column]


def state_of(card: Card) -> str:
    """The state that a person reads: one that is switched off stands nowhere else."""
    return "disabled" if card.disabled else card.standing.state


def stretches(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as stretches without a gap: the first and the last of each."""
    found: list[tuple[int, int]] = []
    for row in sorted(rows):
        if found and found[-1][1] >= row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def _fed_by(node: Node) -> tuple[Key, ...]:
    data = ((ref.node, ref.port or "", node.id, port) for port, ref in node.refs())
    return (*data, *((other, when, node.id, AFTER) for other, when in node.after.items()))
