"""What the window's actions do: files, edits and runs, each in hands of its own, brought together here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QMenu

from tisserand.model.flow import Flow
from tisserand.model.problem import Problem
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui import dialogs
from tisserand.ui.actions import ARRANGE
from tisserand.ui.announce import announce
from tisserand.ui.canvas.look import COLUMN, HEIGHT, WIDTH
from tisserand.ui.clipping import Clipping
from tisserand.ui.connections import Connecting
from tisserand.ui.debugging import Debugging
from tisserand.ui.disk import Disk
from tisserand.ui.drafts import Drafts
from tisserand.ui.editing import Editing
from tisserand.ui.findings import Findings
from tisserand.ui.going import Going
from tisserand.ui.grouping import Grouping
from tisserand.ui.instep import InStep
from tisserand.ui.naming import renames
from tisserand.ui.nodeview import NodeViews
from tisserand.ui.panels.rowactions import RowActions
from tisserand.ui.peek import Peek
from tisserand.ui.quick import Quick
from tisserand.ui.runs import Runs
from tisserand.ui.sheets import Sheets
from tisserand.ui.standings import Standings
from tisserand.ui.supervising import Supervising
from tisserand.ui.trying import Trying
from tisserand.ui.watching import Watching

if TYPE_CHECKING:
    from tisserand.ui.window import Window


class Desk(InStep):
    """The hands behind the window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        # Before the others: what belongs to the editor brings it back first.
        self.supervising = Supervising(window)
        self.sheets = Sheets(window)
        self.disk = Disk(window)
        self.drafts = Drafts(window, window.drafts_folder)
        self.runs = Runs(self)
        self.quick = Quick(window)
        self.connecting = Connecting(window)
        self.editing = Editing(window)
        self.clipping = Clipping(window)
        self.peek = Peek(window)
        self.grouping = Grouping(window)
        self.watching = Watching(window)
        self.debugging = Debugging(window)
        self.trying = Trying(window)
        self.row_actions = RowActions(window)
        self.node_views = NodeViews(window)
        self.going = Going(window)
        self._bind()
        self._connect()
        self._opened()

    def _bind(self) -> None:
        w, d = self.window_, self.window_.document
        calls: dict[str, Any] = {
            "new": self.disk.new,
            "open": self.disk.open,
            "save": self.disk.save,
            "save_as": self.disk.save_as,
            "quit": w.close,
            "undo": d.undo,
            "redo": d.redo,
            "add": self.ask_node,
            "quick_add": self.quick.add_here,
            "connect": self.quick.connect_node,
            "commands": self.quick.commands,
            "select_all": lambda: w.scene.select(w.scene.cards, marks=[*w.scene.frames, *w.scene.notes]),
            "fit": w.canvas.fit,
            "zoom_in": lambda: w.canvas.zoom_by(1.25),
            "zoom_out": lambda: w.canvas.zoom_by(0.8),
            "zoom_one": lambda: w.canvas.set_zoom(1.0),
            "theme": w.next_theme,
            "language": w.next_language,
            "run": lambda: self.runs.start(),
            "cancel": self.runs.cancel,
            "relock": self.runs.relock,
            "outline": self.show_outline,
            "menu": w.open_menu,
            "about": self._show_about,
            "shortcuts": lambda: dialogs.show_shortcuts(w, w.actions_),
        }
        for id, call in calls.items():
            w.actions_.bind(id, call)
        for entry, action in w.actions_:
            if entry.canvas:
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
                w.canvas.addAction(action)
                if len(entry.shortcut) > 1 or not entry.shortcut.isalpha():
                    w.outline.addAction(action)  # there, single letters find a line by its name

    def _connect(self) -> None:
        w = self.window_
        d = w.document
        d.opened.connect(self._opened)
        d.resumed.connect(self._resumed)
        d.source_changed.connect(self.show_problems)
        w.source.edited.connect(self.disk.edit_source)
        self.sheets.leaving += [w.source.flush, self.editing.finish, self.drafts.write]
        d.changed.connect(self._changed)
        d.state_changed.connect(self.titles)
        d.refused.connect(lambda message: self.say(message.text()))
        w.canvas.moved.connect(lambda places, joins: d.move(places, joins=joins))
        w.canvas.connect_asked.connect(d.connect_ports)
        w.canvas.rewired.connect(d.rewire)
        w.canvas.drop_asked.connect(lambda kind, point: self.add(kind, point))
        w.canvas.settings_asked.connect(self.show_settings)
        w.canvas.data_asked.connect(self.show_data)
        w.canvas.wire_clicked.connect(self._show_wire)
        w.canvas.menu_asked.connect(self._menu)
        w.canvas.zoomed.connect(lambda _zoom: self.titles())
        w.scene.selected.connect(self._selected)
        w.palette_panel.chosen.connect(lambda kind: self.add(kind, None))
        w.problems.chosen.connect(self.go_to)
        w.welcome.add_asked.connect(self.ask_node)
        w.welcome.flow_asked.connect(self.disk.open_path)
        w.welcome.open_asked.connect(self.disk.open)
        w.welcome.scenario_asked.connect(self.ask_scenario)
        w.outline.settings_asked.connect(self.show_settings)
        w.outline.data_asked.connect(self.show_data)
        w.outline.rename_asked.connect(self.editing.rename)
        w.runner.checked.connect(self._checked)
        w.runner.surveyed.connect(self._surveyed)

    def _show_about(self) -> None:
        from tisserand.ui.about import show_about

        show_about(self.window_)

    def say(self, text: str) -> None:
        self.window_.statusBar().showMessage(text, 8000)
        announce(self.window_.statusBar(), text)

    def load(self, path: Path) -> None:
        self.disk.load(path)

    # -- edits ---------------------------------------------------------------------------------------------------------
    def ask_node(self) -> None:
        """To the palette, ready to type."""
        self.window_.show_side("palette")
        self.window_.palette_panel.search.setFocus()
        self.window_.palette_panel.search.selectAll()

    def add(self, kind: str, point: QPointF | None) -> None:
        """Add a node where it was dropped, else behind the selected one."""
        w = self.window_
        source: str | None = None
        if point is None:
            selection = list(w.scene.selection)
            if len(selection) == 1:
                source = selection[0]
                frame = w.scene.cards[source].frame()
                point = QPointF(frame.left() + COLUMN, frame.top())
            else:
                point = w.canvas.mapToScene(w.canvas.viewport().rect().center()) - QPointF(WIDTH / 2, HEIGHT / 2)
        else:
            point -= QPointF(WIDTH / 2, HEIGHT / 2)
        self._show_new(w.document.add(kind, self._free_place(point), source))

    def put(self, kind: str, point: QPointF, **wiring: Any) -> None:
        """Add a node with its corner at a place, wired as `Document.put` has it."""
        self._show_new(self.window_.document.put(kind, self._free_place(point, wiring.get("moves") or {}), **wiring))

    def _show_new(self, id: str | None) -> None:
        w = self.window_
        if id is not None:
            w.scene.select([id])
            w.canvas.reveal(w.scene.cards[id].frame())
            if not w.outline.hasFocus():
                w.canvas.setFocus()

    def _free_place(self, point: QPointF, moved: Mapping[str, Any] | None = None) -> tuple[float, float]:
        """The place, or the next below it where no card stands (those that are `moved` do not count)."""
        x, y = float(round(point.x() / 8) * 8), float(round(point.y() / 8) * 8)
        cards = self.window_.scene.cards.values()
        frames = [card.frame().adjusted(-16, -16, 16, 16) for card in cards if card.id not in (moved or {})]
        while any(frame.contains(x + WIDTH / 2, y + HEIGHT / 2) for frame in frames):
            y += HEIGHT + 32
        return x, y

    def ask_scenario(self, scenario: Any) -> None:
        """The form of a ready scenario; filled in, it becomes a flow and starts."""
        from tisserand.ui.scenarios import ScenarioForm

        w = self.window_
        ScenarioForm(w, scenario, Path.home(), lambda values: self._begin(scenario, values)).open()

    def _begin(self, scenario: Any, values: dict[str, str]) -> None:
        from tisserand.sdk.errors import NodeError
        from tisserand.ui.scenarios import settle

        w = self.window_
        try:
            path = settle(scenario, self.runs.home(), values)
        except NodeError as error:
            w.notice.tell(error.message.text(), [])
            return
        except OSError as error:
            reason = error.strerror or str(error)
            w.notice.tell(msg("“{file}” cannot be written: {reason}.", file=str(error.filename), reason=reason).text(), [])
            return
        self.disk.load(path, self.watching.toggle if scenario.listens else self.runs.start)

    # -- keeping in step -----------------------------------------------------------------------------------------------
    def _opened(self) -> None:
        w = self.window_
        w.notice.hide()
        # New ones: a run of the flow before may still note in the old ones how it goes.
        self.standings = Standings()
        self.findings = Findings(w.kinds, self.standings)
        self._show_flow()
        self._after_change()
        w.canvas.first_sight()

    def _resumed(self) -> None:
        """Another tab: its flow is shown as it was left."""
        self._show_flow()
        self._after_change()

    def _show_flow(self) -> None:
        w = self.window_
        w.notice.hide()
        w.toast.hide()
        self.runs.forget()
        self.watching.forget()
        self.debugging.forget()
        w.runner.forget_checks()
        w.scene.show_flow(w.document.flow, w.kinds.face)
        self._say_where_rows_appear()
        source = w.document.source
        w.middle.setCurrentWidget(w.canvas if source is None else w.source)
        if source is not None:
            w.source.show_source(source)
            w.show_side("bottom", w.problems)

    def _changed(self, before: Any, after: Any) -> None:
        chosen, renamed = list(self.window_.scene.selection), renames(before, after)
        self.window_.scene.sync(after)
        if any(id in renamed for id in chosen):
            self.window_.scene.select([renamed.get(id, id) for id in chosen])
        self._after_change()

    def _after_change(self) -> None:
        w = self.window_
        flow = w.document.flow
        empty = not flow.nodes and w.document.source is None and not flow.notes
        if empty:
            w.welcome.fill(w.recent.paths())
        w.welcome.setVisible(empty)
        bare = BARE_START if empty else BARE_SOURCE if w.document.source is not None else ()
        if bare != w.bare:
            w.show_bare(bare)
        w.welcome.centre()
        self.show_problems()
        if w.runner.root is not None and flow.nodes:
            w.runner.check_soon(flow, self.file())
        self.watching.follow()
        self.titles()

    def file(self) -> str | None:
        """The flow's file as the executor names it: relative to the workspace."""
        path, root = self.window_.document.path, self.window_.runner.root
        if path is None or root is None or not path.resolve().is_relative_to(root):
            return None
        return path.resolve().relative_to(root).as_posix()

    def _checked(self, flow: Flow, answer: Any) -> None:
        self.findings.take_check(flow, answer)
        self.show_problems()

    def _surveyed(self, connections: Any, flows: Any) -> None:
        """What there is in the workspace: offered wherever a setting names one."""
        context = self.window_.inspector.context
        context.connections = lambda: connections
        context.flows = lambda: flows

    def show_settings(self) -> None:
        self.window_.show_side("inspector")
        self.window_.inspector.focus_field("")

    def show_data(self) -> None:
        self.window_.show_side("bottom", self.window_.data)
        self.show_edge()

    def _show_wire(self, wire: Any) -> None:
        """A click on a wire opens its rows, where a run left some."""
        if self.standings.run is not None and self.standings.done(self.window_.document.flow, wire[0]):
            self.show_data()

    def show_outline(self) -> None:
        w = self.window_
        w.show_side("bottom", w.outline)
        w.outline.setFocus()

    def _choose(self, id: str) -> None:
        """A node was chosen elsewhere than on the canvas."""
        w = self.window_
        if id in w.scene.cards:
            w.scene.select([id])
            w.canvas.reveal(w.scene.cards[id].frame())

    def go_to(self, problem: Problem) -> None:
        """To the node and field of a problem."""
        w = self.window_
        id = problem.place.node
        if w.document.source is not None:
            w.source.go_to(problem)
            return
        if id is None and (problem.place.field or "").partition(".")[0] in ("id", "keys", "limits", "parameters"):
            w.scene.select([])  # what is wrong with the flow itself stands in its own form
            w.show_side("inspector")
            w.inspector.focus_field(problem.place.field or "")
            return
        if id is None or id not in w.scene.cards:
            return
        self._choose(id)
        w.show_side("inspector")
        w.inspector.focus_field(problem.place.field or "")

    def _menu(self, place: Any) -> None:
        """The menu of what is selected."""
        w = self.window_
        menu = QMenu(w)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for id in MENU if w.scene.selection or w.scene.wire_selection or w.scene.marks else MENU_OF_NOTHING:
            if id == "|":
                menu.addSeparator()
            elif w.actions_[id].isEnabled():
                menu.addAction(w.actions_[id])
        if len(w.scene.selection) > 1:
            arrange = menu.addMenu(_(ARRANGE))
            for entry, action in w.actions_:
                if entry.menu == ARRANGE and action.isEnabled():
                    arrange.addAction(action)
        menu.popup(place)


BARE_START = ("inspector", "bottom")
"""The panels that have nothing to show before there is a node."""
BARE_SOURCE = ("palette", "inspector")
"""Those that have nothing to do with a text that is no flow yet."""
MENU = (
    "quick_add",
    "connect",
    "data",
    "run_to",
    "breakpoint",
    "|",
    "cut",
    "copy",
    "duplicate",
    "rename",
    "disable",
    "loosen",
    "delete",
    "|",
    "note",
    "frame",
    "group",
    "enter",
    "ungroup",
)
MENU_OF_NOTHING = ("quick_add", "paste", "note", "|", "select_all", "tidy", "fit")
