"""The open flow's file: opening it beside the window, saving it at once, and noticing when someone else changes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer
from PySide6.QtWidgets import QFileDialog

from tisserand.model.problem import Problem
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui import dialogs
from tisserand.ui.document import Opened, read
from tisserand.ui.naming import UNTITLED, slug
from tisserand.ui.sheets import may_leave

if TYPE_CHECKING:
    from tisserand.ui.window import Window

SETTLE = 150
"""Milliseconds: whoever writes a file in several steps has finished by then."""


class Disk(QObject):
    """What the window does with files."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.loading = False
        self._wanted: Path | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self.look)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(lambda _path: self._settle.start())
        window.document.opened.connect(self._watch)
        window.document.resumed.connect(self._watch)

    def may_leave(self) -> bool:
        """Whether the open flow may be left: saved, or the person says so."""
        return may_leave(self.window_)

    # -- opening -------------------------------------------------------------------------------------------------------
    def new(self) -> None:
        """In a tab of its own, unless what is shown is new and untouched."""
        if self.window_.desk.sheets.is_blank():
            self.window_.document.new()
        else:
            self.window_.desk.sheets.add()

    def open(self) -> None:
        start = str(self.window_.document.path or self.window_.runner.root or Path.home())
        chosen, _filter = QFileDialog.getOpenFileName(self.window_, _("Open a flow"), start, _("Flows") + " (*.yaml *.yml)")
        if chosen:
            self.load(Path(chosen))

    def open_path(self, path: Path) -> None:
        self.load(path)

    def load(self, path: Path, then: Callable[[], object] | None = None) -> None:
        """Open a flow file, and the workspace around it, in a tab of its own; where it is open already, turn to it."""
        sheets, d = self.window_.desk.sheets, self.window_.document
        known = sheets.place_of(path)
        if known is not None:
            sheets.show(known)
            if d.is_saved or not d.differs_on_disk():
                self.reload(path)
            return
        if not sheets.is_blank():
            sheets.add()
        self.reload(path, then)

    def reload(self, path: Path, then: Callable[[], object] | None = None) -> None:
        """Read a file into the tab that is shown. It is read elsewhere: a large one must not hold up the window."""
        self.loading, self._wanted = True, path
        sheet = self.window_.desk.sheets.sheet

        def come(opened: Opened) -> None:
            if self._wanted == path:
                self.loading = False
                if self.window_.desk.sheets.sheet is sheet:
                    self._take(opened)
                    if then is not None and opened.flow is not None:
                        then()

        def failed(problems: list[Problem]) -> None:
            come(Opened(path, None, problems=problems))

        self.window_.background.do(lambda: read(path), come, failed)

    def _take(self, opened: Opened) -> None:
        w = self.window_
        if opened.raw is None:
            dialogs.tell_broken(w, opened.path.name, opened.problems)
            sheets = w.desk.sheets
            if sheets.is_blank() and len(sheets.sheets) > 1:
                sheets.close(sheets.current)  # the tab that was made for it
            return
        self.move_in(opened.path)
        w.document.take(opened)
        w.recent.add(opened.path)

    def move_in(self, path: Path) -> None:
        """Work in the workspace that a file belongs to."""
        from tisserand.sdk.errors import NodeError
        from tisserand.workspace.folder import Workspace

        w = self.window_
        try:
            w.runner.root = Workspace.find(path).root
        except NodeError:
            w.runner.root = path.resolve().parent
        w.inspector.context.workspace = w.runner.root
        w.runner.survey()

    # -- saving --------------------------------------------------------------------------------------------------------
    def save(self) -> bool:
        d = self.window_.document
        if d.path is None:
            return self.save_as()
        if not d.differs_on_disk():
            return self.write(d.path)
        answer = dialogs.ask_to_overwrite(self.window_, d.path.name)
        if answer == "theirs":
            self.reload(d.path)
        return answer == "mine" and self.write(d.path)

    def save_as(self) -> bool:
        d = self.window_.document
        root = self.window_.runner.root
        name = d.flow.id if d.flow.id != UNTITLED else slug(d.flow.title) or "new-flow"
        start = d.path or ((root / "flows" if root else Path.home()) / f"{name}.yaml")
        chosen, _filter = QFileDialog.getSaveFileName(self.window_, _("Save the flow"), str(start), _("Flows") + " (*.yaml)")
        return self.write(Path(chosen).with_suffix(".yaml")) if chosen else False

    def write(self, path: Path) -> bool:
        w = self.window_
        w.source.flush()
        wrong = w.document.save(path)
        if wrong is not None:
            w.notice.tell(wrong.text(), [(_("Save as…"), w.actions_["save_as"].trigger)])
            return False
        w.notice.hide()
        w.desk.say(_("Saved as {file}").format(file=path.name))
        w.recent.add(path)
        self._watch()
        if w.document.source is not None and not any(problem.severity == "error" for problem in w.document.broken):
            self.reload(path)  # a flow again
        return True

    # -- noticing ------------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        watched = self._watcher.files()
        if watched:
            self._watcher.removePaths(watched)
        path = self.window_.document.path
        if path is not None and path.is_file():
            self._watcher.addPath(str(path))

    def look(self) -> None:
        """The file was touched: take what stands in it now, or say so where that would lose changes."""
        w = self.window_
        d = w.document
        self._watch()  # a file that was replaced is another one to the watcher
        if d.path is None or not d.differs_on_disk():
            return
        path = d.path
        if not path.is_file():
            w.notice.tell(msg("“{file}” is gone from the disk. Saving writes it again.", file=path.name).text(), [])
        elif d.is_saved:
            self.reload(path)
            w.desk.say(msg("“{file}” was changed by another program and has been loaded again.", file=path.name).text())
        else:
            text = msg("“{file}” was changed by another program. You have changes here that are not saved.", file=path.name)
            choices = [(_("Load theirs"), lambda: self.reload(path)), (_("Keep mine"), w.notice.hide)]
            w.notice.tell(text.text(), choices)
