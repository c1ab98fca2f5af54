"""The open flow's file: opening it beside the window, saving it at once, and noticing when someone else changes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer
from PySide6.QtWidgets import QFileDialog

from tisserand.files import shipped
from tisserand.model.command import unique_id
from tisserand.model.edit import AddNote
from tisserand.model.flow import Note
from tisserand.model.problem import Problem
from tisserand.model.yamlfile import Reading, read_flow
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
        self._reading = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self.look)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(lambda _path: self._settle.start())
        window.document.opened.connect(self._watch)
        window.document.resumed.connect(self._watch)

    @property
    def loading(self) -> bool:
        """Whether a file is still being read."""
        return self._reading > 0

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
        """Open a flow of the start page; of an example that ships with Tisserand the person gets a copy of their own."""
        shipped_flows = shipped("flows").resolve()
        if not path.resolve().is_relative_to(shipped_flows):
            self.load(path)
            return
        source = path.resolve().parent.parent
        root = Path.home() / "Tisserand" / "examples" / source.name
        target = root / "flows" / path.name

        def copy() -> None:
            # What the person has changed in it stays.
            if not target.exists():
                ignored = shutil.ignore_patterns("out", ".tisserand")
                shutil.copytree(source, root, ignore=ignored, dirs_exist_ok=True, copy_function=_copy_new)

        def come(_none: object) -> None:
            self.load(target)
            self.window_.desk.say(msg("This is your own copy, in {folder}.", folder=str(root)).text())

        def failed(problems: list[Problem]) -> None:
            self.window_.notice.tell("\n".join(problem.message.text() for problem in problems), [])

        self.window_.background.do(copy, come, failed)

    def load(self, path: Path, then: Callable[[], object] | None = None) -> None:
        """Open a flow file, and the workspace around it, in a tab of its own; where it is open already, turn to it."""
        sheets, d = self.window_.desk.sheets, self.window_.document
        known = sheets.place_of(path)
        if known is not None:
            sheets.show(known)
            if d.is_saved and d.differs_on_disk():
                self.reload(path, unless_changed=True)
            return
        if not sheets.is_blank():
            sheets.add()
        self.reload(path, then)

    def _open_if_whole(self, path: Path, text: str) -> None:
        """A text was saved: where it is a flow, and nobody typed on meanwhile, it opens on the canvas."""
        d = self.window_.document

        def come(opened: Opened) -> None:
            whole = opened.flow is not None and all(problem.severity != "error" for problem in opened.problems)
            if whole and d.source == text and d.path == path:
                self._take(opened)

        self.window_.background.do(lambda: read(path), come, lambda _problems: None)

    def reload(self, path: Path, then: Callable[[], object] | None = None, *, unless_changed: bool = False) -> None:
        """Read a file into the tab that is shown. It is read elsewhere: a large one must not hold up the window.
        `unless_changed`: not over what is edited until it has been read."""
        sheets, d = self.window_.desk.sheets, self.window_.document
        self._reading += 1
        sheet, before = sheets.sheet, (d.flow, d.source)

        def come(opened: Opened) -> None:
            self._reading -= 1
            touched = sheets.sheet is sheet and (d.flow, d.source) != before
            if sheet not in sheets.sheets or (unless_changed and sheets.sheet is not sheet):
                return  # the tab is gone, or looks at its file again when it is shown
            if touched and unless_changed:
                self.look()
                return
            if touched and d.path != path:
                # Something was begun in the empty tab meanwhile: it stays, and the file gets a tab of its own.
                sheets.add()
            elif sheets.sheet is not sheet:
                sheets.show(sheets.sheets.index(sheet))
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

    def edit_source(self, text: str) -> None:
        """The text of a file that is no flow yet was changed; a large one is read elsewhere."""
        d = self.window_.document
        if d.source is None:
            return  # a last word of a text that is not shown any more
        d.edit_source(text)
        name = str(d.path or "")

        def failed(problems: list[Problem]) -> None:
            d.judge(text, Reading(None, problems, d.positions))

        self.window_.background.do(lambda: read_flow(text, name), lambda reading: d.judge(text, reading), failed)

    # -- saving --------------------------------------------------------------------------------------------------------
    def _comments_decided(self) -> bool:
        """What a person wrote behind `#` has no place in a flow: it goes only if they say so."""
        w = self.window_
        d = w.document
        if not d.comments:
            return True
        answer = dialogs.ask_about_comments(w, d.path.name if d.path else "", d.comments)
        if answer == "note":
            id = unique_id(d.flow, "comments")
            place = w.scene.bounds().bottomLeft()
            d.do(AddNote(Note(id, "\n".join(d.comments)), (round(place.x()), round(place.y()) + 32)))
        return answer != "stay"

    def save(self) -> bool:
        d = self.window_.document
        if d.path is None:
            return self.save_as()
        if not self._comments_decided():
            return False
        if not d.path.exists() or not d.differs_on_disk():
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
        self.window_.desk.editing.finish()
        chosen, _filter = QFileDialog.getSaveFileName(self.window_, _("Save the flow"), str(start), _("Flows") + " (*.yaml)")
        if not chosen:
            return False
        path = Path(chosen)
        if path.suffix not in (".yaml", ".yml"):
            # The system asked about the name as it was typed, not about this one.
            path = path.with_name(path.name + ".yaml")
            if path.exists() and dialogs.ask_to_replace(self.window_, path.name) != "replace":
                return False
        return self.write(path)

    def write(self, path: Path) -> bool:
        w = self.window_
        w.source.flush()
        w.desk.editing.finish()
        wrong = w.document.save(path)
        if wrong is not None:
            w.notice.tell(wrong.text(), [(_("Save as…"), w.actions_["save_as"].trigger)])
            return False
        w.notice.hide()
        w.desk.say(_("Saved as {file}").format(file=path.name))
        w.recent.add(path)
        self._watch()
        if w.document.source is not None:
            self._open_if_whole(path, w.document.source)
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
            d.mark_unsaved()
            w.notice.tell(msg("“{file}” is gone from the disk. Saving writes it again.", file=path.name).text(), [])
        elif d.is_saved:
            self.reload(path, unless_changed=True)
            w.desk.say(msg("“{file}” was changed by another program and has been loaded again.", file=path.name).text())
        else:
            text = msg("“{file}” was changed by another program. You have changes here that are not saved.", file=path.name)
            choices = [(_("Load theirs"), lambda: self.reload(path)), (_("Keep mine"), w.notice.hide)]
            w.notice.tell(text.text(), choices)


def _copy_new(source: str, target: str) -> str:
    """Copy a file, unless there is one already."""
    return target if Path(target).exists() else shutil.copy(source, target)
