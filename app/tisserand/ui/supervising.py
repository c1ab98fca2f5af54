"""The way between the editor and the supervision, in one window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from tisserand.texts import translate as _
from tisserand.ui import dialogs
from tisserand.ui.actions import APIS, FILE, HELP, SUPERVISION
from tisserand.ui.lookout import Lookout

if TYPE_CHECKING:
    from tisserand.service.alerts.calls import Alert
    from tisserand.ui.supervision.view import Supervision
    from tisserand.ui.tray import Tray
    from tisserand.ui.window import Window

ANYWHERE = frozenset({"theme", "language", "connections", "quit", "api_import"})
"""What leaves the view as it is, beside what is in the menus of the supervision, of APIs and of help, and what acts on rows."""


PAGE_ACTIONS = (
    "runs_page", "flows_page", "inbox_page", "schedules_page", "alerts_page", "search_page", "approvals_page", "apis_page", "terms_page",
    "gateways_page", "usage_page",
)  # fmt: skip


class Supervising(QObject):
    """Shows the supervision in the editor's place, and the editor again. Whatever belongs to the editor brings it back: nothing is
    changed that is not seen."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.view: Supervision | None = None
        """Made when it is first shown."""
        for entry, action in window.actions_:
            if entry.menu in (SUPERVISION, APIS, HELP) or entry.data or entry.grid or entry.id in ANYWHERE:
                continue
            if entry.menu != FILE or entry.id != "save":
                action.triggered.connect(lambda _checked=False: self.leave())
        bind = window.actions_.bind
        bind("supervision", self.toggle)
        for id in PAGE_ACTIONS:
            bind(id, partial(self.show, id))
        bind("history", self.history)
        bind("publish_api", self.publish_api)
        bind("api_import", self.import_api)
        bind("refresh", lambda: self.view.refresh() if self.view is not None else None)
        self._abandoned = False
        self.lookout = Lookout(window)
        self.tray: Tray | None = None
        self._allow(False)

    def look_out(self) -> None:
        """From now on, tell new alerts: in the tray of the desktop, or over the canvas where there is none."""
        from PySide6.QtWidgets import QSystemTrayIcon

        if QSystemTrayIcon.isSystemTrayAvailable():
            from tisserand.ui.tray import Tray

            self.tray = Tray(self.window_, self.lookout)
        else:
            self.lookout.alerted.connect(self._tell)
        self.lookout.begin()

    def _tell(self, alerts: Sequence[Alert]) -> None:
        from tisserand.ui.supervision.alerts import told

        self.window_.toast.tell(told(alerts[0], alerts[0].flow), _("Show"), partial(self.show, "alerts_page"))

    @property
    def shown(self) -> bool:
        return self.view is not None and self.window_.views.currentWidget() is self.view

    def toggle(self) -> None:
        """There and back."""
        if self.shown:
            self.leave()
        else:
            self.show()

    def show(self, page: str | None = None) -> Supervision:
        """Show the supervision, at one of its pages."""
        w = self.window_
        self._adopt()
        view = self._made()
        if not self.shown:
            self._allow(True)  # first: the page says more precisely what makes sense, as soon as it is seen
            w.views.setCurrentWidget(view)
        view.turn_to(page)
        view.focus_page()
        w.actions_["supervision"].setChecked(True)
        return view

    def leave(self) -> None:
        """Back to the editor."""
        w = self.window_
        if self.shown:
            w.views.setCurrentIndex(0)
            self._allow(False)
            w.canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)
        w.actions_["supervision"].setChecked(False)

    def take_over(self, other: Supervising) -> None:
        """Show the page that another window showed, which goes."""
        if other.shown and other.view is not None:
            self.window_.runner.root = other.window_.runner.root
            self.show(other.view.action)

    def may_leave(self) -> bool:
        """Before the window goes: whether what was written on a page and not kept may go with it, the person decides."""
        unsaved = self.view.unsaved() if self.view is not None else []
        if not unsaved or self._abandoned:
            return True
        return dialogs.ask_about_written(self.window_, unsaved) == "discard"

    def abandon(self) -> None:
        """Nothing is asked about any more."""
        self._abandoned = True

    def history(self) -> None:
        """The runs of the open flow."""
        flow = self.window_.document.flow.id
        view = self.show("runs_page")
        view.ground.runs_asked.emit(flow)

    def publish_api(self) -> None:
        """Publish the open flow as an API."""
        from tisserand.ui.apis.publishing import PublishDialog

        w = self.window_
        # What is published is the file.
        if not w.document.is_saved and not w.desk.disk.save():
            return
        flow = w.document.flow
        PublishDialog(w, (flow.id, flow.title)).open()

    def import_api(self) -> None:
        """A draft from an OpenAPI document, on the page of the catalogue."""
        from tisserand.ui.apis.catalogue import CatalogueView

        page = self.show("apis_page").page
        assert isinstance(page, CatalogueView)
        page.import_document()

    def _adopt(self) -> None:
        """Where no flow of a workspace is open, the person's own workspace is looked at, if there is one."""
        w, own = self.window_, Path.home() / "Tisserand"
        if w.runner.root is None and (own / "tisserand.yaml").is_file():
            w.runner.root = own

    def _made(self) -> Supervision:
        if self.view is None:
            from tisserand.ui.supervision.ground import Ground
            from tisserand.ui.supervision.view import Supervision

            self.view = Supervision(Ground(self.window_))
            for entry, action in self.window_.actions_:
                if entry.overseen:
                    action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                    self.view.addAction(action)
            self.window_.views.addWidget(self.view)
            self.lookout.begin()
        return self.view

    def _allow(self, on: bool) -> None:
        """What acts on the supervision makes sense there only; its pages say more precisely when."""
        for entry, action in self.window_.actions_:
            if entry.overseen:
                action.setEnabled(on and entry.id == "refresh")
