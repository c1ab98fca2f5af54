"""Ready scenarios: shipped flows whose parameters are a form; filled in, each becomes a flow of the person's own and starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.files import shipped, write_text
from tisserand.model.flow import Flow, Parameter
from tisserand.model.yamlfile import read_flow
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.theme import theme

ICONS = {"folder-to-excel": "folder-search", "merge-files": "layers", "compare-files": "git-compare"}
TEXTS = (
    N_("Turn CSV files into Excel"),
    N_("Every CSV file that arrives in a folder becomes an Excel workbook in another folder."),
    N_("Folder to watch"),
    N_("Every file that arrives here and ends in .csv is converted."),
    N_("Folder for the workbooks"),
    N_("Each workbook gets the name of its file."),
    N_("Put many CSV files into one"),
    N_("All CSV files of a folder become one table, without duplicate rows, in one Excel workbook."),
    N_("Folder with the files"),
    N_("Folder for the workbook"),
    N_("Name of the workbook"),
    N_("What changed between two files"),
    N_(
        "Compares yesterday’s CSV file with today’s by a column you choose, and writes what was added, changed and removed to Excel."
    ),
    N_("The file of before"),
    N_("The file of now"),
    N_("Column that tells the rows apart"),
    N_("Folder for the report"),
)
"""The texts of the shipped scenarios: a flow file has one language, the form two."""


@dataclass(frozen=True)
class Scenario:
    """One shipped flow."""

    path: Path
    flow: Flow

    @property
    def icon(self) -> str:
        return ICONS.get(self.flow.id, "workflow")

    @property
    def asked(self) -> list[Parameter]:
        """What the form asks: what the flow needs and what it has a default for. The rest an event fills in."""
        return [each for each in self.flow.parameters.values() if each.required or each.default is not None]

    @property
    def listens(self) -> bool:
        """Whether it starts by itself."""
        return any(node.kind.startswith("trigger.") and node.kind != "trigger.manual" for node in self.flow.nodes.values())


def scenarios() -> list[Scenario]:
    """All that are shipped, the one that runs by itself first."""
    found = []
    for path in sorted((shipped("flows") / "scenarios" / "flows").glob("*.yaml")):
        flow = read_flow(path.read_text(encoding="utf-8"), path.name).flow
        if flow is not None:
            found.append(Scenario(path, flow))
    return sorted(found, key=lambda each: (not each.listens, each.flow.id))


def settle(scenario: Scenario, root: Path, values: Mapping[str, str]) -> Path:
    """Make a flow of the workspace from a scenario and the values of its form; gives the new file. The folders that were chosen
    become folders that the workspace's flows may use."""
    from tisserand.workspace.folder import Workspace

    workspace = Workspace(root)
    parameters: dict[str, Parameter] = {}
    for name, parameter in scenario.flow.parameters.items():
        value = values.get(name)
        if value and parameter.type in ("file", "folder"):
            value = _placed(workspace, Path(value), parameter.type)
        parameters[name] = replace(parameter, default=value or parameter.default, required=False)
    target = root / "flows" / f"{scenario.flow.id}.yaml"
    number = 2
    while target.exists():
        target = root / "flows" / f"{scenario.flow.id}-{number}.yaml"
        number += 1
    title = _(scenario.flow.title)
    nodes = {id: replace(node, title=_(node.title) if node.title else None) for id, node in scenario.flow.nodes.items()}
    flow = replace(
        scenario.flow, id=target.stem, title=title, summary=_(scenario.flow.summary), tags=(), parameters=parameters, nodes=nodes
    )
    write_text(target, write_flow(flow))
    return target


def _placed(workspace: Any, path: Path, type: str) -> str:
    """A chosen path as the flow names it; what lies outside the workspace is allowed by having been chosen."""
    path = path.resolve()
    if type == "folder":
        path.mkdir(parents=True, exist_ok=True)
    if path.is_relative_to(workspace.root):
        return str(path.relative_to(workspace.root).as_posix())
    workspace.allow(path if type == "folder" else path.parent)
    return path.as_posix()


class ScenarioForm(QDialog):
    """The form of one scenario. `then` gets the values."""

    def __init__(self, parent: QWidget, scenario: Scenario, start: Path, then: Callable[[dict[str, str]], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("scenario")
        self.setWindowTitle(_(scenario.flow.title))
        self.setMinimumWidth(520)
        self._scenario = scenario
        self._start = start
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 18)
        box.setSpacing(14)
        heading = QLabel(_(scenario.flow.title))
        heading.setProperty("role", "title")
        heading.setWordWrap(True)
        box.addWidget(heading)
        told = QLabel(_(scenario.flow.summary))
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        box.addWidget(told)
        self.lines: dict[str, QLineEdit] = {}
        self.choosers: dict[str, QPushButton] = {}
        self._suggested: dict[str, str] = {}
        for parameter in scenario.asked:
            box.addLayout(self._field(parameter))
        box.addStretch(1)
        told = QLabel(_("It goes on in the background, also when this window is closed, until you switch it off (F6)."))
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        told.setVisible(scenario.listens)
        box.addWidget(told)
        buttons = QDialogButtonBox()
        label = _("Start") if scenario.listens else _("Run")
        self.go = buttons.addButton(label, QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", True)
        self.go.setDefault(True)
        buttons.addButton(_("Not now"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: then(self.values()))
        box.addWidget(buttons)
        theme().changed.connect(self._recolour)
        self._recolour()
        self._ready()

    def _recolour(self) -> None:
        self.go.setIcon(icon("play", "on_accent"))
        for button in self.choosers.values():
            button.setIcon(icon("folder-open", "accent"))

    def _field(self, parameter: Parameter) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        title = _(parameter.title or parameter.name)
        label = QLabel(title + (" *" if parameter.required else ""))
        label.setProperty("role", "label")
        column.addWidget(label)
        row = QHBoxLayout()
        row.setSpacing(8)
        line = QLineEdit(str(parameter.default or ""))
        line.setAccessibleName(title)
        line.textChanged.connect(self._ready)
        label.setBuddy(line)
        row.addWidget(line, 1)
        if parameter.type in ("file", "folder"):
            button = QPushButton(_("Choose…"))
            button.setAccessibleName(f"{title}: {_('Choose…')}")
            button.clicked.connect(lambda _checked=False, asked=parameter: self._choose(asked))
            button.setAutoDefault(False)
            row.addWidget(button)
            self.choosers[parameter.name] = button
        column.addLayout(row)
        if parameter.help:
            told = QLabel(_(parameter.help))
            told.setProperty("role", "help")
            told.setWordWrap(True)
            column.addWidget(told)
        self.lines[parameter.name] = line
        return column

    def _choose(self, parameter: Parameter) -> None:
        start = self.lines[parameter.name].text() or str(self._start)
        title = _(parameter.title or parameter.name)
        if parameter.type == "folder":
            chosen = QFileDialog.getExistingDirectory(self, title, start)
        else:
            chosen, _filter = QFileDialog.getOpenFileName(self, title, start)
        if chosen:
            self.lines[parameter.name].setText(chosen)
            self._suggest(Path(chosen), parameter)

    def _suggest(self, chosen: Path, parameter: Parameter) -> None:
        """Where the results go is proposed once it is known where the data comes from: one click less."""
        base = chosen if parameter.type == "folder" else chosen.parent
        for other in self._scenario.asked:
            line = self.lines[other.name]
            free = not line.text() or line.text() == self._suggested.get(other.name)
            if other.name == "target" and other is not parameter and other.type == "folder" and free:
                proposed = self._suggested["target"] = str(base.with_name(f"{base.name} - {_('results')}"))
                line.setText(proposed)

    def _ready(self) -> None:
        go = getattr(self, "go", None)
        if go is not None:
            go.setEnabled(all(self.lines[each.name].text().strip() for each in self._scenario.asked if each.required))

    def values(self) -> dict[str, str]:
        return {name: line.text().strip() for name, line in self.lines.items()}


class ScenarioCard(QPushButton):
    """One scenario on the start page: its icon, what it is called, what it does."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        self.scenario = scenario
        self.setProperty("scenario", True)
        self.setAccessibleName(_(scenario.flow.title))
        self.setAccessibleDescription(_(scenario.flow.summary))
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.setSpacing(6)
        self._sign = QLabel()
        box.addWidget(self._sign)
        title = QLabel(_(scenario.flow.title))
        title.setProperty("role", "heading")
        title.setWordWrap(True)
        box.addWidget(title)
        self.told = QLabel(_(scenario.flow.summary))
        self.told.setProperty("role", "help")
        self.told.setWordWrap(True)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        box.addWidget(self.told, 1)
        for label in (self._sign, title, self.told):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.recolour()

    def recolour(self) -> None:
        self._sign.setPixmap(icon(self.scenario.icon, "accent").pixmap(QSize(22, 22)))

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return QSize(200, layout.heightForWidth(max(self.width(), 180)))

    def fit(self, width: int, height: int) -> None:
        self.setFixedSize(width, height)

    def height_for(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None
        return layout.heightForWidth(width)
