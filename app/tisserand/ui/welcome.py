"""The empty canvas: one sentence, a few flows to start from, and one big plus."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tisserand.files import shipped
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.theme import theme

MOST = 3


class Welcome(QFrame):
    """Lies over the canvas while the flow has no node."""

    add_asked = Signal()
    example_asked = Signal(object)
    """The path of a flow file."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setAccessibleName(_("Start"))
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 24, 24, 24)
        box.setSpacing(10)
        self._plus = QPushButton()
        self._plus.setProperty("primary", True)
        self._plus.setObjectName("plus")
        self._plus.setIconSize(QSize(32, 32))
        self._plus.setToolTip(_("Add a node"))
        self._plus.setAccessibleName(_("Add a node"))
        self._plus.clicked.connect(self.add_asked)
        box.addWidget(self._plus, 0, Qt.AlignmentFlag.AlignHCenter)
        title = QLabel(_("Weave your first flow"))
        title.setProperty("role", "title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        box.addWidget(title)
        said = QLabel(_("Bring data in from the left, transform it, send it out on the right."))
        said.setProperty("role", "muted")
        said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        said.setWordWrap(True)
        box.addWidget(said)
        self._examples = QVBoxLayout()
        self._examples.setSpacing(6)
        box.addSpacing(8)
        box.addLayout(self._examples)
        self._buttons: list[QPushButton] = []
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self.setFixedWidth(420)
        theme().changed.connect(self._recolour)
        self._recolour()

    def fill(self) -> None:
        """Offer the shipped examples (their titles are read from the first lines only)."""
        if self._buttons:
            return
        found = examples()
        if found:
            label = QLabel(_("Or start from an example:"))
            label.setProperty("role", "muted")
            self._examples.addWidget(label)
        for path, title in found:
            button = QPushButton(_(title))
            button.setProperty("example", True)
            button.setToolTip(str(path))
            button.clicked.connect(lambda _checked=False, chosen=path: self.example_asked.emit(chosen))
            self._examples.addWidget(button)
            self._buttons.append(button)
        self._recolour()
        self.adjustSize()

    def _recolour(self) -> None:
        self._plus.setIcon(icon("plus", "on_accent"))
        for button in self._buttons:
            button.setIcon(icon("workflow", "accent"))

    def centre(self) -> None:
        parent = self.parentWidget()
        assert parent is not None
        self.adjustSize()
        self.move(max(0, (parent.width() - self.width()) // 2), max(0, (parent.height() - self.height()) // 2))


def examples() -> list[tuple[Path, str]]:
    """A few flows to start from: the showcase's first, then the nodes' examples."""
    found: list[tuple[Path, str]] = []
    for folder in ("showcase", "examples"):
        for path in sorted((shipped("flows") / folder / "flows").glob("*.yaml")):
            found.append((path, _title(path)))
            if len(found) == MOST:
                return found
    return found


def _title(path: Path) -> str:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[:12]:
        if line.startswith("title:"):
            return line.partition(":")[2].strip().strip("\"'") or path.stem
    return path.stem
