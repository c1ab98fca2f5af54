"""The few dialogs: a file that cannot be read, unsaved changes, parameters before a run, the page of shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.flow import Flow, Node, Parameter
from tisserand.model.problem import Problem
from tisserand.sdk.form import FormField, Widget, human
from tisserand.texts import in_all_languages
from tisserand.texts import translate as _
from tisserand.ui.actions import Actions, menu_title
from tisserand.ui.chooser import plain
from tisserand.ui.panels.composite import labelled, make_editor
from tisserand.ui.panels.editors import UNSET, FormContext
from tisserand.ui.theme import theme


def tell_broken(parent: QWidget, name: str, problems: Sequence[Problem]) -> QDialog:
    """A file that could not be opened, with everything that is wrong in it. Does not block."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(_("This file cannot be opened"))
    dialog.setObjectName("broken")
    dialog.setMinimumSize(520, 220)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(20, 18, 20, 16)
    box.setSpacing(12)
    heading = QLabel(_("“{file}” cannot be opened. The file was left as it is.").format(file=name))
    heading.setProperty("role", "heading")
    heading.setWordWrap(True)
    box.addWidget(heading)
    listed = QListWidget()
    listed.setWordWrap(True)
    listed.setAccessibleName(_("Problems"))
    # The heading names the file already.
    listed.addItems([problem.at(line=None).line().removeprefix(f"{problem.place.file}:") for problem in problems])
    listed.setObjectName("problems")
    box.addWidget(listed, 1)
    buttons = QDialogButtonBox()
    buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.AcceptRole)
    buttons.accepted.connect(dialog.accept)
    box.addWidget(buttons)
    dialog.open()
    return dialog


Role = QMessageBox.ButtonRole


def _asked(parent: QWidget, title: str, text: str, choices: Sequence[tuple[str, str, Role]], default: str, more: str = "") -> str:
    """Ask a question with an answer for each of (id, words, role); gives the id. `default` is what Enter means; closing the
    question is the last one."""
    box = QMessageBox(parent)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    buttons = {id: box.addButton(words, role) for id, words, role in choices}
    box.setDefaultButton(buttons[default])
    layout = box.layout()
    assert layout is not None
    layout.setContentsMargins(24, 20, 24, 18)
    box.exec()
    clicked = box.clickedButton()
    return next((id for id, button in buttons.items() if button is clicked), choices[-1][0])


def ask_to_save(parent: QWidget, title: str) -> str:
    """What to do with unsaved changes: `save`, `discard` or `stay`."""
    choices = (
        ("save", _("Save"), Role.AcceptRole),
        ("discard", _("Do not save"), Role.DestructiveRole),
        ("stay", _("Go on editing"), Role.RejectRole),
    )
    return _asked(parent, _("Unsaved changes"), _("“{flow}” has changes that are not saved.").format(flow=title), choices, "save")


def ask_about_run(parent: QWidget, title: str) -> str:
    """What becomes of a run when the window closes: `go_on` without it, `cancel` or `stay`."""
    text = _("“{flow}” is still running.").format(flow=title)
    choices = (
        ("go_on", _("Let it go on"), Role.AcceptRole),
        ("cancel", _("Cancel the run"), Role.DestructiveRole),
        ("stay", _("Keep the window open"), Role.RejectRole),
    )
    more = _("It can go on without the window. “tisserand runs” tells how it went.")
    return _asked(parent, _("A run is under way"), text, choices, "stay", more)


def ask_about_written(parent: QWidget, names: Sequence[str]) -> str:
    """What was written about APIs and is not kept: `discard` or `stay`."""
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return _asked(
        parent,
        _("Not kept yet"),
        _("What you wrote about {names} is not kept yet.").format(names=shown),
        [("discard", _("Discard it"), Role.DestructiveRole), ("stay", _("Stay"), Role.RejectRole)],
        "stay",
    )


def ask_about_uncertain(parent: QWidget, nodes: Sequence[str]) -> str:
    """What becomes of sinks that may have written before a run broke off: `repeat`, `skip` or `stay`."""
    text = _("Nobody knows whether {nodes} wrote before the run broke off. Look at the target first.").format(
        nodes=", ".join(nodes)
    )
    choices = (
        ("repeat", _("Write again"), Role.DestructiveRole),
        ("skip", _("Take it as written"), Role.AcceptRole),
        ("stay", _("Not now"), Role.RejectRole),
    )
    return _asked(parent, _("Resume the run"), text, choices, "stay")


def ask_to_overwrite(parent: QWidget, name: str) -> str:
    """What to do where the file holds what another program wrote: `mine`, `theirs` or `stay`."""
    text = _("“{file}” was changed by another program since it was opened here.").format(file=name)
    choices = (
        ("mine", _("Write mine over it"), Role.DestructiveRole),
        ("theirs", _("Load theirs"), Role.AcceptRole),
        ("stay", _("Go on editing"), Role.RejectRole),
    )
    return _asked(parent, _("Changed on disk"), text, choices, "stay")


def ask_to_replace(parent: QWidget, name: str) -> str:
    """Whether a file that is there already may be replaced: `replace` or `stay`."""
    text = _("“{file}” exists already.").format(file=name)
    choices = (("replace", _("Replace it"), Role.DestructiveRole), ("stay", _("Not now"), Role.RejectRole))
    return _asked(parent, _("Replace the file?"), text, choices, "stay")


def ask_about_comments(parent: QWidget, name: str, comments: Sequence[str]) -> str:
    """What becomes of a file's comments, for which a flow has no place: `note`, `drop` or `stay`."""
    text = _("“{file}” holds comments. A flow that is saved from the canvas has no place for them.").format(file=name)
    shown = [f"# {line if len(line) <= 80 else line[:79] + '…'}" for line in comments[:6]]
    choices = (
        ("note", _("Keep them as a note"), Role.AcceptRole),
        ("drop", _("Save without them"), Role.DestructiveRole),
        ("stay", _("Go on editing"), Role.RejectRole),
    )
    more = "\n".join(shown + (["…"] if len(comments) > len(shown) else []))
    return _asked(parent, _("Comments in the file"), text, choices, "note", more)


_WIDGETS: dict[str, Widget] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "choice": "choice",
    "file": "file",
    "folder": "folder",
}


def parameter_field(parameter: Parameter) -> FormField:
    """A flow's parameter as a field of a form."""
    return FormField(
        parameter.name,
        parameter.title or human(parameter.name),
        parameter.help or "",
        _WIDGETS.get(parameter.type, "text"),
        parameter.required and parameter.default is None,
        default=parameter.default,
        choices=parameter.choices,
        unit=parameter.unit,
    )


def parameter_form(parent: QWidget, flow: Flow, context: FormContext, then: Callable[[Mapping[str, Any]], None]) -> QDialog:
    """Ask for the values of a flow's parameters, with the defaults filled in; `then` gets what differs. Does not block."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("parameters")
    dialog.setWindowTitle(_("Run with"))
    dialog.setMinimumWidth(420)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(20, 18, 20, 16)
    box.setSpacing(14)
    trigger = manual_start(flow)
    prompt = str(trigger.config.get("prompt") or "") if trigger is not None else ""
    heading = QLabel(prompt or _("Run “{flow}” with").format(flow=flow.title or flow.id))
    heading.setProperty("role", "title")
    heading.setWordWrap(True)
    box.addWidget(heading)
    given: dict[str, Any] = {}
    buttons = QDialogButtonBox()
    run = buttons.addButton(_("Run"), QDialogButtonBox.ButtonRole.AcceptRole)
    run.setDefault(True)
    needed = {name for name, parameter in flow.parameters.items() if parameter.required and parameter.default is None}
    page = QWidget()
    page.setObjectName("page")
    form = QVBoxLayout(page)
    form.setContentsMargins(0, 0, 0, 0)
    form.setSpacing(14)

    first: QWidget | None = None
    told = QLabel()
    told.setProperty("role", "muted")
    told.setWordWrap(True)

    def ready() -> None:
        lacking = [flow.parameters[name] for name in flow.parameters if name in needed and given.get(name) in (None, "")]
        run.setEnabled(not lacking)
        names = ", ".join(parameter.title or human(parameter.name) for parameter in lacking)
        told.setText(_("Still needed: {names}").format(names=names))
        told.setVisible(bool(lacking))

    for parameter in flow.parameters.values():
        editor = make_editor(parameter_field(parameter), replace(context, follows=False))
        editor.setObjectName(parameter.name)
        editor.show_value(UNSET)

        def keep(value: Any, name: str = parameter.name) -> None:
            if value is UNSET:
                given.pop(name, None)
            else:
                given[name] = value
            ready()

        editor.edited.connect(keep)
        form.addWidget(labelled(editor))
        first = first or editor
    form.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(page)
    area.setMinimumHeight(min(page.sizeHint().height() + 4, 420))
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    box.addWidget(area, 1)
    box.addWidget(told)
    buttons.addButton(_("Not now"), QDialogButtonBox.ButtonRole.RejectRole)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    dialog.accepted.connect(lambda: then(given))
    box.addWidget(buttons)
    ready()
    if first is not None:
        (first.focusProxy() or first).setFocus()
    dialog.open()
    return dialog


def manual_start(flow: Flow) -> Node | None:
    """The node by which a person starts the flow, where there is one."""
    return next((node for node in flow.nodes.values() if node.kind == "trigger.manual" and not node.disabled), None)


def show_shortcuts(parent: QWidget, actions: Actions) -> QDialog:
    """Every action with its shortcut, found by its words. Does not block."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("shortcuts")
    dialog.setWindowTitle(_("Keyboard shortcuts"))
    dialog.resize(560, 620)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(24, 20, 24, 18)
    box.setSpacing(12)
    heading = QLabel(_("Keyboard shortcuts"))
    heading.setProperty("role", "title")
    box.addWidget(heading)
    search = QLineEdit()
    search.setPlaceholderText(_("Find an action"))
    search.setAccessibleName(_("Find an action"))
    box.addWidget(search)
    rows = list(actions)
    table = QTableWidget(len(rows), 3)
    table.setHorizontalHeaderLabels([_("Action"), _("Menu"), _("Shortcut")])
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column in (1, 2):
        table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    table.setAccessibleName(_("Keyboard shortcuts"))
    for index, (entry, action) in enumerate(rows):
        item = QTableWidgetItem(action.icon(), action.text())
        item.setData(
            Qt.ItemDataRole.UserRole,
            plain(f"{action.text()} {in_all_languages(entry.text)} {in_all_languages(entry.words)} {actions.keys(entry.id)}"),
        )
        table.setItem(index, 0, item)
        table.setItem(index, 1, QTableWidgetItem(menu_title(entry.menu)))
        table.setItem(index, 2, QTableWidgetItem(actions.keys(entry.id)))

    def recolour() -> None:
        for index, (_entry, action) in enumerate(rows):
            item = table.item(index, 0)
            if item is not None:
                item.setIcon(action.icon())

    theme().changed.connect(recolour)
    dialog.destroyed.connect(lambda: theme().changed.disconnect(recolour))

    def narrow(text: str) -> None:
        wanted = plain(text).split()
        for index in range(table.rowCount()):
            item = table.item(index, 0)
            words = item.data(Qt.ItemDataRole.UserRole) if item else ""
            table.setRowHidden(index, not all(word in words for word in wanted))

    search.textChanged.connect(narrow)
    box.addWidget(table, 1)
    buttons = QDialogButtonBox()
    buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.AcceptRole).setAutoDefault(False)
    buttons.accepted.connect(dialog.accept)
    box.addWidget(buttons)
    search.setFocus()
    dialog.open()
    return dialog
