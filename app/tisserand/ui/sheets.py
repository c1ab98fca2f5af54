"""Several flows in one window: a tab for each, with its history, its run and the place that was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtWidgets import QTabBar

from tisserand.texts import translate as _
from tisserand.ui import dialogs

if TYPE_CHECKING:
    from tisserand.model.flow import Flow
    from tisserand.ui.document import Parked
    from tisserand.ui.findings import Findings
    from tisserand.ui.standings import Standings
    from tisserand.ui.window import Window


@dataclass(eq=False)
class Sheet:
    """What one tab keeps while another is shown."""

    parked: Parked | None = None
    """None while it is the one that is shown."""
    root: Path | None = None
    standings: Standings | None = None
    findings: Findings | None = None
    selection: tuple[str, ...] = ()
    zoom: float = 1.0
    centre: QPointF | None = None
    draft: str = ""
    """The name of the file that keeps its unsaved changes."""


class Sheets(QObject):
    """The tabs of one window. There is always one; alone it needs no tab."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.sheets: list[Sheet] = [Sheet()]
        self.current = 0
        self.leaving: list[Callable[[], None]] = []
        """Called before another tab is shown."""
        self.bar = QTabBar()
        self.bar.setObjectName("sheets")
        self.bar.setDocumentMode(True)
        self.bar.setExpanding(False)
        self.bar.setDrawBase(False)
        self.bar.setTabsClosable(True)
        self.bar.setMovable(True)
        self.bar.setUsesScrollButtons(True)
        self.bar.setElideMode(Qt.TextElideMode.ElideRight)
        self.bar.setAccessibleName(_("Open flows"))
        self.bar.addTab("")
        self.bar.hide()
        self.bar.currentChanged.connect(self.show)
        self.bar.tabCloseRequested.connect(self.close)
        self.bar.tabMoved.connect(self._moved)
        for id, call in {
            "close": lambda: self.close(self.current),
            "next_sheet": lambda: self._step(1),
            "previous_sheet": lambda: self._step(-1),
        }.items():
            window.actions_.bind(id, call)

    @property
    def sheet(self) -> Sheet:
        return self.sheets[self.current]

    def is_blank(self) -> bool:
        """Whether what is shown is an untouched new flow, in whose place another may be opened."""
        d = self.window_.document
        return d.path is None and d.source is None and not d.flow.nodes and d.undo_name is None

    def flows(self, root: Path) -> list[Flow]:
        """The flows of a workspace that are open, as they stand."""
        parked = [sheet.parked.history.flow for sheet in self.sheets if sheet.parked is not None and sheet.root == root]
        return [*([self.window_.document.flow] if self.window_.runner.root == root else []), *parked]

    def place_of(self, path: Path) -> int | None:
        """The tab that has a file open."""
        wanted = path.resolve()
        for index, sheet in enumerate(self.sheets):
            own = self.window_.document.path if index == self.current else sheet.parked.path if sheet.parked else None
            if own is not None and own.resolve() == wanted:
                return index
        return None

    def add(self) -> None:
        """A new tab, shown, with an empty flow."""
        root = self.window_.runner.root
        self._park()
        self.sheets.append(Sheet(root=root))
        self.current = len(self.sheets) - 1
        blocked = self.bar.blockSignals(True)
        self.bar.addTab("")
        self.bar.setCurrentIndex(self.current)
        self.bar.blockSignals(blocked)
        self.window_.document.new()
        self._retitle()

    def show(self, index: int) -> None:
        """Turn to a tab."""
        if not 0 <= index < len(self.sheets) or index == self.current:
            return
        self._park()
        self._unpark(index)

    def _park(self) -> None:
        w, sheet = self.window_, self.sheet
        for call in self.leaving:
            call()
        w.canvas.cancel()
        sheet.parked = w.document.park()
        sheet.root = w.runner.root
        sheet.standings, sheet.findings = w.desk.standings, w.desk.findings
        sheet.selection = tuple(w.scene.selection)
        sheet.zoom = w.canvas.zoom()
        sheet.centre = w.canvas.mapToScene(w.canvas.viewport().rect().center())

    def _unpark(self, index: int) -> None:
        w = self.window_
        self.current = index
        sheet = self.sheet
        assert sheet.parked is not None and sheet.standings is not None and sheet.findings is not None
        w.runner.root = w.inspector.context.workspace = sheet.root
        parked, sheet.parked = sheet.parked, None
        w.desk.standings, w.desk.findings = sheet.standings, sheet.findings
        w.document.unpark(parked)
        w.canvas.set_zoom(sheet.zoom)
        if sheet.centre is not None:
            w.canvas.bring(sheet.centre, w.canvas.viewport().rect().center())
        w.scene.select(sheet.selection)
        if sheet.root is not None:
            w.runner.survey()
        blocked = self.bar.blockSignals(True)
        self.bar.setCurrentIndex(index)
        self.bar.blockSignals(blocked)
        self._retitle()
        w.desk.disk.look()

    def close(self, index: int) -> None:
        """Close a tab, asking where it has changes that are not saved. The last one leaves the start page."""
        self.show(index)
        w = self.window_
        if self.current != index or not w.desk.disk.may_leave():
            return
        w.desk.drafts.forget(self.sheet)
        if len(self.sheets) == 1:
            w.document.new()
            return
        self._drop(index)

    def _drop(self, index: int) -> None:
        for call in self.leaving:
            call()
        del self.sheets[index]
        blocked = self.bar.blockSignals(True)
        self.bar.removeTab(index)
        self.bar.blockSignals(blocked)
        self._unpark(min(index, len(self.sheets) - 1))

    def abandon(self) -> None:
        """Close everything without a question."""
        while len(self.sheets) > 1:
            self._drop(self.current)
        self.window_.desk.runs.abandon()
        self.window_.desk.supervising.abandon()
        self.window_.document.new()

    def may_leave_all(self) -> bool:
        """Before the window closes: every tab that has unsaved changes is shown and asked about."""
        for index in range(len(self.sheets)):
            if index != self.current and self._is_saved(index):
                continue
            self.show(index)
            if not self.window_.desk.disk.may_leave():
                return False
        return True

    def _is_saved(self, index: int) -> bool:
        parked = self.sheets[index].parked
        return parked is None or parked.is_saved

    def take_over(self, other: Sheets) -> None:
        """Show the tabs of another window, which goes."""
        other._park()
        for index, sheet in enumerate(other.sheets):
            if index == 0:
                self.sheets[0] = sheet
            else:
                self.sheets.append(sheet)
                self.bar.addTab("")
        self._unpark(other.current)
        for index in range(len(self.sheets)):
            self._name(index)

    def _moved(self, source: int, target: int) -> None:
        shown = self.sheet
        self.sheets.insert(target, self.sheets.pop(source))
        self.current = self.sheets.index(shown)

    def _step(self, by: int) -> None:
        self.show((self.current + by) % len(self.sheets))

    def retitle(self) -> None:
        """The tab that is shown has another name, or other changes."""
        self._name(self.current)

    def _retitle(self) -> None:
        for index in range(len(self.sheets)):
            self._name(index)

    def _name(self, index: int) -> None:
        w = self.window_
        parked = self.sheets[index].parked
        title, saved, path = (
            (parked.title, parked.is_saved, parked.path) if parked else (w.document.title, w.document.is_saved, w.document.path)
        )
        # An ampersand would be taken for the mark of a shortcut.
        short = title if len(title) <= 40 else title[:39] + "…"
        self.bar.setTabText(index, short.replace("&", "&&") + ("" if saved else " •"))
        self.bar.setTabToolTip(index, str(path or title))
        self.bar.setVisible(len(self.sheets) > 1)


def may_leave(window: Window) -> bool:
    """Whether the flow that is shown may be left: saved, or the person says so."""
    d = window.document
    window.source.flush()
    window.desk.editing.finish()
    if d.is_saved:
        return True
    answer = dialogs.ask_to_save(window, d.title)
    return window.desk.disk.save() if answer == "save" else answer == "discard"
