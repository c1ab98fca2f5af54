"""The flow as a tree in the order in which it runs, with states as words: the face of the canvas for keys and screen readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QFocusEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from tisserand.model.flow import Flow
from tisserand.texts import translate as _
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.canvas.wire import Key
from tisserand.ui.panels.outlinemodel import FRAMES, NOTES, Line, OutlineModel, stretches
from tisserand.ui.theme import theme

_Flag = QItemSelectionModel.SelectionFlag


class Outline(QTreeView):
    """One line for each node, under it one for each wire that feeds it; then frames and notes."""

    chosen = Signal(object, object, object)
    """What was selected here: the ids of nodes, a wire's key or None, the ids of frames and notes."""
    settings_asked = Signal()
    data_asked = Signal()
    rename_asked = Signal()

    def __init__(self, scene: FlowScene) -> None:
        super().__init__()
        self.setObjectName("outline")
        self.setAccessibleName(_("Outline"))
        self.setAccessibleDescription(
            _(
                "The flow as a tree, in the order in which it runs. Enter opens the settings, Space shows the data, the right arrow"
                " opens what feeds a step."
            )
        )
        self._scene = scene
        self.lines = OutlineModel(scene, self)
        self.setModel(self.lines)
        self.setUniformRowHeights(True)
        self.setIconSize(QSize(16, 16))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setExpandsOnDoubleClick(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(0, 300)
        self.header().resizeSection(1, 280)
        self._flow: Flow | None = None
        self._stale = self._following = self._choosing = False
        self._open: set[str] = set()
        """The nodes under which wires are seen; what is open stays so when its line is made anew."""
        self._shut: set[str] = set()
        """The groups that a person closed."""
        self.expanded.connect(lambda index: self._note_open(index, True))
        self.collapsed.connect(lambda index: self._note_open(index, False))
        self.selectionModel().selectionChanged.connect(lambda _more, _less: self._chose())
        self.doubleClicked.connect(lambda _index: self._enter())
        theme().changed.connect(self.lines.recolour)

    # -- following -----------------------------------------------------------------------------------------------------
    def show_flow(self, flow: Flow) -> None:
        """Follow the flow and its states; nothing is done while nobody can see or hear it."""
        self._flow = flow
        self._stale = True
        if self.isVisible() or QAccessible.isActive():
            self.renew()

    def renew(self) -> None:
        """Bring the lines up to date. What is open stays open, and the keyboard stays at its line."""
        if self._flow is None:
            return
        self._stale = False
        current = self.currentIndex()
        here = self.lines.line(current) if current.isValid() else None
        self._following = True
        self.lines.show_flow(self._flow)
        for index in (*map(self.lines.node, self._open), *map(self.lines.group, {FRAMES, NOTES} - self._shut)):
            if index.isValid() and not self.isExpanded(index):
                self.expand(index)
        again = self._place_of(here) if here is not None else QModelIndex()
        if again.isValid() and again.row() != self.currentIndex().row():
            self.selectionModel().setCurrentIndex(again, _Flag.NoUpdate)
        self._following = False
        self.follow()

    def follow(self) -> None:
        """Select what is selected on the canvas."""
        if self._stale or self._following:
            return
        self._following = True
        scene, wanted = self._scene, QItemSelection()
        rows = (self.lines.row_of(id) for id in scene.selection)
        for first, last in stretches(row for row in rows if row is not None):
            wanted.select(self.lines.index(first, 0), self.lines.index(last, 0))
        others = [*(("wire", key) for key in (scene.wire_selection,) if key), *(("mark", id) for id in scene.marks)]
        for index in map(self._place_of, others):
            if index.isValid():
                self.expand(index.parent())
                wanted.select(index, index)
        self.selectionModel().select(wanted, _Flag.ClearAndSelect | _Flag.Rows)
        if not self._choosing and not wanted.isEmpty() and not wanted.contains(self.currentIndex().siblingAtColumn(0)):
            first_one = wanted.first().topLeft()
            self.selectionModel().setCurrentIndex(first_one, _Flag.NoUpdate)
            self.scrollTo(first_one)
        self._following = False

    def _place_of(self, line: Line) -> QModelIndex:
        kind, key = line
        places: dict[str, Callable[[Any], QModelIndex]] = {
            "node": self.lines.node,
            "wire": self.lines.wire,
            "group": self.lines.group,
        }
        return places.get(kind, self.lines.mark)(key)

    def _note_open(self, index: QModelIndex, on: bool) -> None:
        kind, key = self.lines.line(index)
        known = self._open if kind == "node" else self._shut
        if on == (kind == "node"):
            known.add(key)
        else:
            known.discard(key)

    # -- choosing ------------------------------------------------------------------------------------------------------
    def _chose(self) -> None:
        """Tell what is selected here. Wires count only where nothing else is selected, and of several the one that has the
        keyboard: on the canvas there is one at most."""
        if self._following:
            return
        lines = [self.lines.line(index) for index in self.selectionModel().selectedRows(0)]
        ids = tuple(key for kind, key in lines if kind == "node")
        marks = tuple(key for kind, key in lines if kind in ("frame", "note"))
        wires: list[Key] = [key for kind, key in lines if kind == "wire"]
        wire = None
        if wires and not ids and not marks:
            current = self.currentIndex()
            here = self.lines.line(current) if current.isValid() else None
            wire = here[1] if here is not None and here[0] == "wire" and here[1] in wires else wires[-1]
        self._choosing = True
        self.chosen.emit(ids, wire, marks)
        self.follow()
        self._choosing = False

    def _enter(self) -> None:
        """The settings of a step (of a wire: of the step that it feeds), the words of a frame or note."""
        if not self.currentIndex().isValid():
            return
        kind, key = self.lines.line(self.currentIndex())
        if kind == "group":
            self.setExpanded(self.currentIndex(), not self.isExpanded(self.currentIndex()))
        elif kind in ("frame", "note"):
            self.rename_asked.emit()
        else:
            if kind == "wire":
                self.setCurrentIndex(self.lines.node(key[2]))
            self.settings_asked.emit()

    # -- events --------------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.renew()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid() and self.lines.rowCount():
            self.setCurrentIndex(self.lines.index(0, 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self._enter()
        elif event.key() == Qt.Key.Key_Space and not event.modifiers() and index.isValid():
            if self.lines.line(index)[0] in ("node", "wire"):
                self.data_asked.emit()
        else:
            super().keyPressEvent(event)
