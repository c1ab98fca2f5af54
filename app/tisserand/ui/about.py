"""The page about Tisserand: its version, what it stands on, and where things are."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout

from tisserand import __version__
from tisserand.texts import translate as _

if TYPE_CHECKING:
    from email.message import Message

    from tisserand.ui.window import Window

LIBRARIES = (
    "PySide6-Essentials",
    "duckdb",
    "ibis-framework",
    "pyarrow",
    "pydantic",
    "fastapi",
    "SQLAlchemy",
    "PyYAML",
    "keyring",
)


def show_about(window: Window) -> QDialog:
    """Does not block."""
    dialog = QDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("about")
    dialog.setWindowTitle(_("About Tisserand"))
    dialog.resize(640, 520)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(24, 20, 24, 18)
    box.setSpacing(10)
    heading = QLabel(f"Tisserand {__version__}")
    heading.setProperty("role", "title")
    box.addWidget(heading)
    told = QLabel(_("Weaves data flows, runs them, and looks after them. Free software under the Apache License 2.0."))
    told.setWordWrap(True)
    box.addWidget(told)
    counts = _("{nodes} node types, {actions} actions (F1 lists them with their keys).").format(
        nodes=len(list(window.kinds.catalog or ())), actions=len(window.actions_.entries)
    )
    place = str(window.runner.root) if window.runner.root is not None else "–"
    for text in (counts, _("Workspace: {path}").format(path=place), f"Qt {qVersion()}"):
        line = QLabel(text)
        line.setProperty("role", "muted")
        line.setWordWrap(True)
        line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(line)
    found = [(name, *_known(name)) for name in LIBRARIES]
    table = QTableWidget(len(found), 3)
    table.setAccessibleName(_("Libraries"))
    table.setHorizontalHeaderLabels([_("Library"), _("Version"), _("Licence")])
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    for row, cells in enumerate(found):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(row, column, item)
    table.resizeColumnsToContents()
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.horizontalHeader().setStretchLastSection(True)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    box.addWidget(table, 1)
    buttons = QDialogButtonBox()
    buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.AcceptRole)
    buttons.accepted.connect(dialog.accept)
    box.addWidget(buttons)
    dialog.open()
    return dialog


def _known(name: str) -> tuple[str, str]:
    """Version and licence of an installed library, as it says them itself."""
    try:
        about = cast("Message[str, str]", metadata.metadata(name))
    except metadata.PackageNotFoundError:
        return "–", "–"
    listed = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or () if each.startswith("License ::")]
    said = about.get("License-Expression") or (listed[0] if listed else None) or about.get("License") or "–"
    return about["Version"], str(said).splitlines()[0][:60]
