"""The window: panels around the canvas, and the wiring between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.texts import language, set_language
from tisserand.texts import translate as _
from tisserand.ui.actions import TOOLBAR, Actions
from tisserand.ui.background import Background
from tisserand.ui.canvas.accessible import NodeList
from tisserand.ui.canvas.gestures import Canvas
from tisserand.ui.canvas.minimap import Minimap
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.desk import Desk
from tisserand.ui.document import Document
from tisserand.ui.icons import ICON, icon
from tisserand.ui.kinds import Kinds
from tisserand.ui.notice import Notice
from tisserand.ui.panels.data import DataPane
from tisserand.ui.panels.editors import FormContext
from tisserand.ui.panels.inspector import Inspector
from tisserand.ui.panels.log import Log
from tisserand.ui.panels.outline import Outline
from tisserand.ui.panels.palette import Palette
from tisserand.ui.panels.problems import Problems
from tisserand.ui.panels.source import SourceView
from tisserand.ui.recent import Recent
from tisserand.ui.runner import Runner
from tisserand.ui.shortened import Shortened
from tisserand.ui.theme import MODES, Mode, theme
from tisserand.ui.toast import Toast
from tisserand.ui.welcome import Welcome

LOW, ROOMY = 300, 320
"""Heights of the bottom panel: below the first a filter or figures leave too little of the rows; the second is enough."""


class Window(QMainWindow):
    """One window on one or several flows. What its actions do is in `desk`."""

    language_changed = Signal()

    def __init__(self, settings: QSettings | None = None, drafts: Path | None = None) -> None:
        """`drafts` is the folder where unsaved changes are kept; without it a crash loses them."""
        super().__init__()
        self.settings = settings
        self.drafts_folder = drafts
        self.bare: tuple[str, ...] = ()
        """The panels that stay away although they are switched on: there is nothing in them yet."""
        self.setObjectName("window")
        self.kinds = Kinds()
        self.document = Document(self.kinds)
        self.background = Background()
        self.runner = Runner(self.background)
        self.actions_ = Actions(self)
        self.scene = FlowScene()
        self.canvas = Canvas(self.scene)
        self.palette_panel = Palette(self.kinds)
        self.source = SourceView()
        self.inspector = Inspector(self.document, FormContext())
        self.data = DataPane(self.runner, self.actions_)
        self.problems = Problems(self.actions_["relock"])
        self.log = Log()
        self.outline = Outline(self.scene)
        self.welcome = Welcome(self.canvas)
        self.notice = Notice()
        self.recent = Recent(settings)
        self.node_list = NodeList(self.canvas)
        self.minimap = Minimap(self.canvas)
        self.toast = Toast(self.canvas)
        self._lay_out()
        self._make_toolbar()
        self.desk = Desk(self)
        self._column.insertWidget(0, self.desk.sheets.bar)
        self._wire_panels()
        self.canvas.installEventFilter(self)
        theme().changed.connect(self._recolour)
        self._restore()

    # -- layout --------------------------------------------------------------------------------------------------------
    def _lay_out(self) -> None:
        self.setMinimumSize(760, 480)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.data, _("Data"))
        self.tabs.addTab(self.problems, _("Problems"))
        self.tabs.addTab(self.outline, _("Outline"))
        self.tabs.addTab(self.log, _("Log"))
        left, right = _panel(self.palette_panel), _panel(self.inspector)
        left.setMinimumWidth(170)
        right.setMinimumWidth(230)
        self._upper = QSplitter(Qt.Orientation.Horizontal)
        self.middle = QStackedWidget()
        self.middle.addWidget(self.canvas)
        self.middle.addWidget(self.source)
        for widget in (left, self.middle, right):
            self._upper.addWidget(widget)
        self._upper.setSizes([240, 760, 280])
        self._outer = QSplitter(Qt.Orientation.Vertical)
        self._outer.addWidget(self._upper)
        self._outer.addWidget(self.tabs)
        self._outer.setSizes([476, 274])
        for splitter in (self._upper, self._outer):
            splitter.setHandleWidth(1)
            splitter.setChildrenCollapsible(False)
        self._upper.setStretchFactor(1, 1)
        self._outer.setStretchFactor(0, 2)
        self._outer.setStretchFactor(1, 1)
        whole = QWidget()
        box = self._column = QVBoxLayout(whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.notice)
        box.addWidget(self._outer, 1)
        self.views = QStackedWidget()
        self.views.addWidget(whole)
        self.setCentralWidget(self.views)
        self.sides = {"palette": left, "inspector": right, "bottom": self.tabs}
        self.setTabOrder(self.palette_panel.search, self.palette_panel.tree)
        self.setTabOrder(self.palette_panel.tree, self.canvas)
        self.setTabOrder(self.canvas, self.inspector.area)
        self.setTabOrder(self.inspector.area, self.tabs)
        self.state = QLabel()
        self.state.setContentsMargins(10, 0, 10, 0)
        self.place = QLabel()
        self.place.setContentsMargins(10, 0, 10, 0)
        self.statusBar().addWidget(self.state, 1)
        self.statusBar().addPermanentWidget(self.place)
        self.statusBar().setSizeGripEnabled(False)

    def _make_toolbar(self) -> None:
        bar = QToolBar(_("Tools"))
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.setIconSize(ICON)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for name in TOOLBAR:
            if name == "|":
                bar.addSeparator()
                continue
            bar.addAction(self.actions_[name])
            if name == "run":
                button = bar.widgetForAction(self.actions_[name])
                button.setProperty("primary", True)
        self.bar = bar
        self.heading = Shortened()
        self.heading.setProperty("role", "heading")
        bar.addWidget(self.heading)
        self.menu_button = QToolButton()
        self.menu_button.setText(_("Menu"))
        self.menu_button.setAccessibleName(_("Menu"))
        everything = self.actions_["menu"]
        self.menu_button.setToolTip(everything.toolTip())
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.menu_button.setIconSize(ICON)
        menu = QMenu(self)
        for part in self.actions_.menus():
            menu.addMenu(part)
        self.menu_button.setMenu(menu)
        bar.addWidget(self.menu_button)
        self.addToolBar(bar)
        self._recolour()

    def _fit_toolbar(self) -> None:
        """Where the texts of all buttons have no room, those with telling icons go without."""
        style = Qt.ToolButtonStyle
        narrow = self.width() < 1180
        for name in ("undo", "redo", "tidy", "fit"):
            button = self.bar.widgetForAction(self.actions_[name])
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(style.ToolButtonIconOnly if narrow else style.ToolButtonTextBesideIcon)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_toolbar()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # What has a use for Escape itself (an offer, a search) keeps it; from anywhere else it leads back to the canvas.
        if event.key() == Qt.Key.Key_Escape and self.canvas.isVisible():
            self.canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            super().keyPressEvent(event)

    def _recolour(self) -> None:
        self.menu_button.setIcon(icon("ellipsis"))
        self.canvas.viewport().update()

    def _wire_panels(self) -> None:
        for id in self.sides:
            action = self.actions_[id]
            action.setChecked(True)
            action.toggled.connect(lambda _on: self.show_bare(()))
        self.show_bare(self.bare)
        self.actions_["minimap"].setChecked(True)
        self.actions_["minimap"].toggled.connect(self.minimap.allow)
        self.data.room_wanted.connect(self.make_room)

    # -- events --------------------------------------------------------------------------------------------------------
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.canvas and event.type() == QEvent.Type.Resize:
            self.welcome.centre()
        return super().eventFilter(watched, event)

    def show_bare(self, without: tuple[str, ...]) -> None:
        """Show the panels that are switched on but these: on the start page there is nothing yet to set or to look at. Whoever
        asks for a panel gets it all the same."""
        self.bare = without
        for id, side in self.sides.items():
            side.setVisible(self.actions_[id].isChecked() and id not in without)
        # Now, not when the event loop comes to it: what is shown next on the canvas shall fit the room that it has.
        for splitter in (self._upper, self._outer):
            QApplication.sendPostedEvents(splitter, QEvent.Type.LayoutRequest)

    def show_side(self, id: str, tab: QWidget | None = None) -> None:
        """Open a panel, and turn to one of its tabs."""
        self.actions_[id].setChecked(True)
        self.sides[id].show()
        if tab is not None:
            self.tabs.setCurrentWidget(tab)

    def make_room(self) -> None:
        """The bottom panel, where it is low, gets room for what was opened in it; the canvas keeps its least."""
        if self.tabs.isVisible() and self.tabs.height() < LOW:
            self._outer.setSizes([sum(self._outer.sizes()) - ROOMY, ROOMY])

    def open_menu(self) -> None:
        """The menu of everything, at its button."""
        self.menu_button.menu().popup(self.menu_button.mapToGlobal(self.menu_button.rect().bottomLeft()))

    def next_theme(self) -> None:
        """System → light → dark → system."""
        mode = MODES[(MODES.index(theme().mode) + 1) % len(MODES)]
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme().apply(application, mode)
        if self.settings is not None:
            self.settings.setValue("theme", mode)
        words: dict[Mode, str] = {"system": _("Colours of the system"), "light": _("Light colours"), "dark": _("Dark colours")}
        self.desk.say(words[mode])

    def next_language(self) -> None:
        """English → French → English. Every text is made anew, so whoever opened this window opens another in its place."""
        if self.runner.running:
            self.desk.say(_("The language can be changed when the run is over."))
            return
        if not self.desk.supervising.may_leave():
            return
        chosen = set_language("fr" if language() == "en" else "en")
        if self.settings is not None:
            self.settings.setValue("language", chosen)
        self.language_changed.emit()

    def succeed(self, other: Window) -> None:
        """Take over what another window showed: its flow with the history, its run, its place on the screen."""
        self.setGeometry(other.geometry())
        self.desk.sheets.take_over(other.desk.sheets)
        self.desk.supervising.take_over(other.desk.supervising)

    def retire(self) -> None:
        """Go without a question: another window has taken over."""
        self.background.close()
        self.runner.close()
        self.hide()
        self.deleteLater()

    def _restore(self) -> None:
        self.resize(1280, 800)
        if self.settings is None:
            return
        for name, call in self._kept().items():
            value: Any = self.settings.value(name)
            if isinstance(value, QByteArray) and not value.isEmpty():
                call(value)
        for id in (*self.sides, "minimap"):
            # Settings files hold texts.
            self.actions_[id].setChecked(str(self.settings.value(f"shown/{id}", "true")).lower() == "true")
        tab = str(self.settings.value("tab", "0"))
        self.tabs.setCurrentIndex(int(tab) if tab.isdecimal() else 0)

    def _kept(self) -> dict[str, Any]:
        return {
            "geometry": self.restoreGeometry,
            "upper": self._upper.restoreState,
            "outer": self._outer.restoreState,
        }

    def closeEvent(self, event: QCloseEvent) -> None:
        if not (self.desk.sheets.may_leave_all() and self.desk.supervising.may_leave() and self.desk.runs.may_leave()):
            event.ignore()
            return
        self.desk.drafts.close()
        if self.settings is not None:
            self.settings.setValue("geometry", self.saveGeometry())
            self.settings.setValue("upper", self._upper.saveState())
            self.settings.setValue("outer", self._outer.saveState())
            for id in (*self.sides, "minimap"):
                self.settings.setValue(f"shown/{id}", self.actions_[id].isChecked())
            self.settings.setValue("tab", self.tabs.currentIndex())
        self.background.close()
        self.runner.close()
        event.accept()


def _panel(inner: QWidget) -> QFrame:
    frame = QFrame()
    frame.setObjectName("panel")
    box = QVBoxLayout(frame)
    box.setContentsMargins(0, 0, 0, 0)
    box.addWidget(inner)
    return frame
