"""Unsaved changes, kept in a file of their own until they are saved: a crash takes away a second of work, not an hour."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from PySide6.QtCore import QObject, QTimer

from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.model.yamlfile import read_flow
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import msg, ngettext
from tisserand.texts import translate as _

if TYPE_CHECKING:
    from tisserand.ui.sheets import Sheet
    from tisserand.ui.window import Window

PAUSE = 800
"""Milliseconds without an edit before what there is is written."""


@dataclass(frozen=True)
class Draft:
    """A flow with changes that were never saved."""

    file: Path
    path: Path | None
    title: str
    text: str
    source: bool
    """A text that was no flow yet."""


class Drafts(QObject):
    """Writes the drafts of one window, and finds those of windows that went without closing."""

    def __init__(self, window: Window, folder: Path | None) -> None:
        super().__init__(window)
        self.window_ = window
        self.folder = folder
        self._began: float | None = None
        self._number = 0
        self._newest: dict[Path, int] = {}
        """Draft → the state of it that shall be written."""
        self._writing = threading.Lock()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.write)
        window.document.changed.connect(lambda *_both: self._timer.start())
        window.document.state_changed.connect(self._timer.start)

    def write(self) -> None:
        """Keep what is shown now, or forget its draft where everything is saved."""
        self._timer.stop()
        if self.folder is None:
            return
        w = self.window_
        d, sheet = w.document, w.desk.sheets.sheet
        if d.is_saved:
            self.forget(sheet)
            return
        if not sheet.draft:
            sheet.draft = f"{uuid4().hex}.json"
        target, flow, source = self.folder / sheet.draft, d.flow, d.source
        about: dict[str, Any] = {
            "path": str(d.path.resolve()) if d.path else None,
            "title": d.title,
            "source": source is not None,
        }

        self._number += 1
        number = self._newest[target] = self._number

        def work() -> None:
            # A flow is a value: it can be written out here, while the person edits on.
            text = source if source is not None else write_flow(flow)
            content = {"pid": os.getpid(), "began": self._started(), **about, "text": text}
            with self._writing:
                # Several threads write: an older state must not come last, nor one that is not wanted any more.
                if self._newest.get(target) == number:
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    write_text(target, json.dumps(content, ensure_ascii=False), mode=0o600)

        def failed(problems: list[Problem]) -> None:
            reason = problems[0].message.text() if problems else ""
            w.desk.say(msg("Unsaved changes cannot be kept safe: {reason}", reason=reason).text())

        w.background.do(work, lambda _none: None, failed)

    def _started(self) -> float:
        """When this process began: with its number it names one process for ever."""
        if self._began is None:
            import psutil

            self._began = psutil.Process().create_time()
        return self._began

    def forget(self, sheet: Sheet) -> None:
        """What a tab shows is saved, or given up."""
        if self.folder is None or not sheet.draft:
            return
        target = self.folder / sheet.draft
        with self._writing:  # one that is on its way is over by then, and none comes after
            self._newest.pop(target, None)
            _remove(target)
        sheet.draft = ""

    def close(self) -> None:
        """The window closes as it should: nothing is left to recover."""
        self._timer.stop()
        for sheet in self.window_.desk.sheets.sheets:
            self.forget(sheet)

    # -- what others left ----------------------------------------------------------------------------------------------
    def offer(self) -> None:
        """Look, beside the window, for what a crash left, and offer it."""
        if self.folder is None or not self.folder.is_dir():
            return
        folder = self.folder
        self.window_.background.do(lambda: left(folder), self._tell, lambda _problems: None)

    def _tell(self, found: list[Draft]) -> None:
        if not found:
            return
        names = ", ".join(f"“{draft.title}”" for draft in found[:3]) + (" …" if len(found) > 3 else "")
        text = ngettext(
            "Tisserand ended unexpectedly. The unsaved changes of {count} flow were kept: {names}.",
            "Tisserand ended unexpectedly. The unsaved changes of {count} flows were kept: {names}.",
            len(found),
        ).format(count=len(found), names=names)
        choices = [(_("Recover"), lambda: self.recover(found)), (_("Discard"), lambda: self._discard(found))]
        self.window_.notice.tell(text, choices)

    def recover(self, found: list[Draft]) -> None:
        """Open each draft in a tab of its own, with its changes not saved yet."""
        w = self.window_
        for draft in found:
            reading = None if draft.source else read_flow(draft.text, str(draft.path or draft.title))
            if not w.desk.sheets.is_blank():
                w.desk.sheets.add()
            if draft.path is not None:
                w.desk.disk.move_in(draft.path)
            w.document.recover(reading.flow if reading is not None else None, draft.path, draft.text)
            # Its own draft first, then the old one may go.
            self.write()
            w.background.do(partial(_remove, draft.file), lambda _none: None, lambda _problems: None)

    def _discard(self, found: list[Draft]) -> None:
        for draft in found:
            _remove(draft.file)


def _remove(file: Path) -> None:
    """Take a draft away. A folder that cannot be used holds none."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


def left(folder: Path) -> list[Draft]:
    """The drafts whose window is gone, the oldest first. A file that is no draft is left alone."""
    import psutil

    found: list[tuple[float, Draft]] = []
    for file in folder.glob("*.json"):
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            pid, began = int(data["pid"]), float(data["began"])
            path = Path(data["path"]) if data["path"] else None
            draft = Draft(file, path, str(data["title"]), str(data["text"]), bool(data["source"]))
            written = file.stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue
        try:
            alive = abs(psutil.Process(pid).create_time() - began) < 1
        except (psutil.Error, ValueError, OverflowError):
            alive = False  # gone, or no number that a process could have
        if not alive:
            found.append((written, draft))
    return [draft for _written, draft in sorted(found, key=lambda pair: pair[0])]
