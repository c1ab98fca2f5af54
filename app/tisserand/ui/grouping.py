"""Sub-flows in the designer: make one of the selection, take one apart, go into one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog

from tisserand.files import write_text
from tisserand.model.command import EditError
from tisserand.model.edit_group import CALL, Grouped, group, ungroup
from tisserand.model.flow import Ref
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui.document import read
from tisserand.ui.naming import slug

if TYPE_CHECKING:
    from tisserand.ui.window import Window


class Grouping(QObject):
    """Sub-flows of one window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        for id, call in {"group": self.ask, "ungroup": self.take_apart, "enter": self.enter}.items():
            window.actions_.bind(id, call)

    def ask(self) -> None:
        """Ask how the new flow shall be called, then make it."""
        w = self.window_
        if not w.scene.selection:
            w.desk.say(_("Select the nodes that shall become a sub-flow first."))
            return
        if w.runner.root is None or w.document.path is None:
            w.desk.say(_("Save the flow first: a sub-flow becomes a file beside it."))
            return
        dialog = QInputDialog(w)
        dialog.setObjectName("subflow")
        dialog.setWindowTitle(_("Make a sub-flow"))
        dialog.setLabelText(_("Name of the new flow"))
        dialog.setOkButtonText(_("Make it"))
        dialog.setCancelButtonText(_("Not now"))
        dialog.textValueSelected.connect(self.make)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def make(self, title: str) -> None:
        """Write the new flow's file, then put one node in the place of the selection."""
        w = self.window_
        d = w.document
        assert d.path is not None
        ids = tuple(id for id in d.flow.nodes if id in w.scene.selection)
        path = _free_path(d.path.parent, title)
        try:
            made = group(d.flow, ids, path.stem, title.strip(), self._columns(set(ids)), self._port, d.takes_many)
            # The file first: a node that calls a flow which is not there would be the worse half.
            write_text(path, write_flow(made.child))
        except EditError as error:
            w.desk.say(error.message.text())
        except OSError as error:
            reason = msg("“{file}” cannot be written: {reason}.", file=path.name, reason=error.strerror or str(error))
            w.desk.say(reason.text())
        else:
            self._finish(made, path)

    def _finish(self, made: Grouped, path: Path) -> None:
        w = self.window_
        if w.document.do(made.edit):
            w.scene.select([made.node])
            w.runner.survey()
            w.desk.say(_("{file} is the new sub-flow.").format(file=path.name))

    def _columns(self, chosen: set[str]) -> dict[str, str] | None:
        """The columns that enter the selection, as the last check found them."""
        w = self.window_
        for id, node in w.document.flow.nodes.items():
            for _port, ref in node.refs():
                if id in chosen and ref.node not in chosen:
                    schema = w.desk.findings.schemas.get(ref.node, {}).get(self._port(ref))
                    return {column.name: column.type for column in schema} if schema is not None else None
        return None

    def _port(self, ref: Ref) -> str:
        d = self.window_.document
        return ref.port or d.kinds.default_output(d.flow.nodes[ref.node], d.flow)

    def _called(self) -> tuple[str, Path] | None:
        """The selected node and the file of the flow that it calls."""
        w = self.window_
        chosen = list(w.scene.selection)
        node = w.document.flow.nodes.get(chosen[0]) if len(chosen) == 1 else None
        name = str(node.config.get("flow") or "") if node is not None and node.kind == CALL else ""
        if node is None or not name or w.document.path is None:
            w.desk.say(_("Select one node of the kind “Sub-flow” in a saved flow first."))
            return None
        path = w.document.path.parent / f"{name}.yaml"
        if not path.is_file():
            w.desk.say(msg("There is no file “{file}”.", file=path.name).text())
            return None
        return node.id, path

    def take_apart(self) -> None:
        """Put the nodes of a sub-flow in the place of the node that calls it; its file stays."""
        found = self._called()
        if found is None:
            return
        w, (id, path) = self.window_, found
        opened = read(path)
        if opened.flow is None or any(problem.severity == "error" for problem in opened.problems):
            w.desk.say(msg("“{file}” cannot be read in full.", file=path.name).text())
            return
        try:
            edit, new = ungroup(w.document.flow, id, opened.flow, self._port, w.document.takes_many)
        except EditError as error:
            w.desk.say(error.message.text())
            return
        if w.document.do(edit):
            w.scene.select(new)

    def enter(self) -> None:
        """Open the flow that the selected node calls."""
        found = self._called()
        if found is not None:
            self.window_.desk.disk.open_path(found[1])


def _free_path(folder: Path, title: str) -> Path:
    """A file for a new flow of that title that no other flow has."""
    stem = slug(title) or slug(f"sub-flow {title}")
    path, number = folder / f"{stem}.yaml", 2
    while path.exists():
        path = folder / f"{stem}-{number}.yaml"
        number += 1
    return path
