"""The one registry of actions: toolbar, menus, shortcuts and the page that lists them are all made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from tisserand.texts import N_, translate
from tisserand.ui.icons import icon
from tisserand.ui.theme import theme


@dataclass(frozen=True, slots=True)
class Entry:
    """One action as it is declared. `text` and `words` are gettext ids; `words` are what else a person may call it."""

    id: str
    text: str
    shortcut: str
    icon: str
    menu: str
    words: str = ""
    bar: str = ""
    """The short text in the toolbar; empty: not in the toolbar."""
    checkable: bool = False
    canvas: bool = False
    """Its keys belong to the canvas: in a text field they are text."""
    data: bool = False
    """It is about rows: its keys belong to the panes that show some."""
    grid: bool = False
    """About rows too, but its keys belong to the table itself: beside it they are text, or another's."""
    overseen: bool = False
    """It acts on what the supervision shows: its keys belong to that view."""


FILE, EDIT, ARRANGE, VIEW, RUN, HELP = N_("File"), N_("Edit"), N_("Arrange"), N_("View"), N_("Run menu"), N_("Help")
DATA, SUPERVISION, APIS = N_("Data"), N_("Supervision"), N_("APIs")
MENUS = (FILE, EDIT, ARRANGE, VIEW, RUN, DATA, SUPERVISION, APIS, HELP)

# fmt: off
ENTRIES: tuple[Entry, ...] = (
    Entry("new", N_("New flow"), "Ctrl+N", "file-plus", FILE, N_("create empty start")),
    Entry("open", N_("Open…"), "Ctrl+O", "folder-open", FILE, N_("load file flow"), N_("Open")),
    Entry("save", N_("Save"), "Ctrl+S", "save", FILE, N_("write file keep"), N_("Save")),
    Entry("save_as", N_("Save as…"), "Ctrl+Shift+S", "download", FILE, N_("copy file name")),
    Entry("connections", N_("Connections…"), "Ctrl+Shift+K", "plug", FILE, N_("database server mail password secret test")),
    Entry("close", N_("Close the flow"), "Ctrl+W", "x", FILE, N_("tab shut")),
    Entry("next_sheet", N_("Next flow"), "Ctrl+Tab", "chevron-right", FILE, N_("tab switch other")),
    Entry("previous_sheet", N_("Previous flow"), "Ctrl+Shift+Tab", "chevron-left", FILE, N_("tab switch other")),
    Entry("quit", N_("Quit"), "Ctrl+Q", "log-out", FILE, N_("exit close leave")),
    Entry("undo", N_("Undo"), "Ctrl+Z", "undo-2", EDIT, N_("back revert"), N_("Undo")),
    Entry("redo", N_("Redo"), "Ctrl+Shift+Z", "redo-2", EDIT, N_("again forward"), N_("Redo")),
    Entry("add", N_("Add a node…"), "Ctrl+Space", "plus", EDIT, N_("insert palette new step")),
    Entry("quick_add", N_("Add a node here…"), "/", "zap", EDIT, N_("quick insert wire fitting"), canvas=True),
    Entry("connect", N_("Wire to…"), "C", "link", EDIT, N_("connect edge line join"), canvas=True),
    Entry("loosen", N_("Take out of its wires"), "X", "unlink", EDIT, N_("shake loose detach disconnect"), canvas=True),
    Entry("cut", N_("Cut"), "Ctrl+X", "scissors", EDIT, N_("clipboard move"), canvas=True),
    Entry("copy", N_("Copy"), "Ctrl+C", "copy", EDIT, N_("clipboard text"), canvas=True),
    Entry("paste", N_("Paste"), "Ctrl+V", "clipboard-paste", EDIT, N_("clipboard insert"), canvas=True),
    Entry("duplicate", N_("Duplicate"), "Ctrl+Shift+D", "copy-check", EDIT, N_("twice again copy"), canvas=True),
    Entry("delete", N_("Delete"), "Del", "trash-2", EDIT, N_("remove erase"), canvas=True),
    Entry("select_all", N_("Select all"), "Ctrl+A", "scan", EDIT, N_("everything mark"), canvas=True),
    Entry("rename", N_("Rename"), "F2", "pencil", EDIT, N_("name title text write")),
    Entry("disable", N_("Switch on or off"), "D", "ban", EDIT, N_("disable enable skip"), canvas=True),
    Entry("note", N_("Add a note"), "N", "square-pen", ARRANGE, N_("comment text sticky remark"), canvas=True),
    Entry("frame", N_("Frame the selection"), "Shift+F", "square", ARRANGE, N_("box title together"), canvas=True),
    Entry("group", N_("Make a sub-flow of the selection…"), "Ctrl+G", "group", ARRANGE, N_("collapse extract reuse nodes")),
    Entry("ungroup", N_("Take the sub-flow apart"), "Ctrl+Shift+G", "boxes", ARRANGE, N_("expand inline dissolve")),
    Entry("enter", N_("Open the sub-flow"), "E", "log-in", ARRANGE, N_("go into called flow"), canvas=True),
    Entry("tidy", N_("Tidy the layout"), "Ctrl+L", "layout-grid", ARRANGE, N_("arrange align order clean"), N_("Tidy")),
    Entry("tidy_selection", N_("Tidy the selection"), "L", "wand-sparkles", ARRANGE, N_("arrange order part"), canvas=True),
    Entry("align_left", N_("Align left"), "Ctrl+Shift+Left", "align-left", ARRANGE, N_("line up edge"), canvas=True),
    Entry("align_right", N_("Align right"), "Ctrl+Shift+Right", "align-right", ARRANGE, N_("line up edge"), canvas=True),
    Entry("align_top", N_("Align at the top"), "Ctrl+Shift+Up", "align-top", ARRANGE, N_("line up edge"), canvas=True),
    Entry("align_bottom", N_("Align at the bottom"), "Ctrl+Shift+Down", "align-bottom", ARRANGE, N_("line up edge"), canvas=True),
    Entry("align_centre", N_("Align centres in a column"), "Shift+V", "align-centre", ARRANGE, N_("line up vertical"), canvas=True),
    Entry("align_middle", N_("Align centres in a row"), "Shift+H", "align-middle", ARRANGE, N_("line up horizontal"), canvas=True),
    Entry(
        "distribute_across", N_("Same gaps from left to right"), "Ctrl+Shift+H", "distribute-across", ARRANGE,
        N_("distribute spread space"), canvas=True,
    ),
    Entry(
        "distribute_down", N_("Same gaps from top to bottom"), "Ctrl+Shift+V", "distribute-down", ARRANGE,
        N_("distribute spread space"), canvas=True,
    ),
    Entry("fit", N_("Fit to the window"), "F", "fullscreen", VIEW, N_("zoom whole everything"), N_("Fit"), canvas=True),
    Entry("zoom_in", N_("Zoom in"), "Ctrl++", "zoom-in", VIEW, N_("larger closer")),
    Entry("zoom_out", N_("Zoom out"), "Ctrl+-", "zoom-out", VIEW, N_("smaller farther")),
    Entry("zoom_one", N_("Zoom to 100 %"), "Ctrl+0", "search", VIEW, N_("reset actual size")),
    Entry("palette", N_("Nodes"), "Ctrl+1", "panel-left", VIEW, N_("palette panel list"), checkable=True),
    Entry("inspector", N_("Settings"), "Ctrl+2", "panel-right", VIEW, N_("inspector panel form"), checkable=True),
    Entry("bottom", N_("Data and problems"), "Ctrl+3", "panel-bottom", VIEW, N_("panel table log"), checkable=True),
    Entry("minimap", N_("Small map"), "Ctrl+4", "grid-2x2", VIEW, N_("minimap overview whole"), checkable=True),
    Entry("canvas", N_("Go to the canvas"), "Ctrl+5", "workflow", VIEW, N_("focus keyboard cards flow")),
    Entry("log", N_("Show the log"), "Ctrl+6", "scroll-text", VIEW, N_("run events lines journal")),
    Entry("theme", N_("Light, dark or system colours"), "Ctrl+Shift+L", "sun-moon", VIEW, N_("theme appearance night")),
    Entry("language", N_("English or French"), "Ctrl+Alt+L", "languages", VIEW, N_("language anglais français")),
    Entry("run", N_("Run"), "F5", "play", RUN, N_("start execute go"), N_("Run")),
    Entry("cancel", N_("Cancel the run"), "Shift+F5", "square", RUN, N_("stop abort end"), N_("Stop")),
    Entry("run_to", N_("Run to here"), "Ctrl+F5", "circle-play", RUN, N_("until selected node part")),
    Entry("go_on", N_("Go on to the next breakpoint or the end"), "F7", "fast-forward", RUN, N_("continue resume debug repair")),
    Entry("step", N_("One node more"), "F10", "skip-forward", RUN, N_("step debug next")),
    Entry("breakpoint", N_("Breakpoint on or off"), "F9", "circle-dot", RUN, N_("stop pause debug")),
    Entry("watch", N_("Switch the flow on"), "F6", "radio", RUN, N_("watch listen folder trigger by itself"), N_("Switch on")),
    Entry("data", N_("Show data"), "Ctrl+D", "table", RUN, N_("rows table preview result")),
    Entry("enlarge", N_("Show the node at large"), "Ctrl+Return", "maximize", RUN, N_("input output columns three settings")),
    Entry("problems", N_("Show problems"), "F8", "triangle-alert", RUN, N_("errors check warnings")),
    Entry("outline", N_("Show the outline"), "Ctrl+Shift+O", "list-tree", RUN, N_("tree steps list nodes")),
    Entry("relock", N_("Accept the columns that the sources have now"), "Ctrl+Alt+K", "lock", RUN, N_("relock lock file drift")),
    Entry("filter_rows", N_("Filter by a formula"), "Ctrl+Shift+F", "filter", DATA, N_("where condition only rows"), data=True),
    Entry("find_rows", N_("Find a text"), "Ctrl+F", "search", DATA, N_("search rows cells look for"), data=True),
    Entry("sort_rows", N_("Sort by this column"), "S", "arrow-down-up", DATA, N_("order ascending descending"), grid=True),
    Entry("statistics", N_("Statistics of the column"), "I", "chart-column", DATA, N_("profile figures mean histogram"), grid=True),
    Entry("whole_value", N_("Show the whole value"), "Return", "scan", DATA, N_("cell long nested text open"), grid=True),
    Entry("as_table", N_("As a table"), "Alt+1", "table", DATA, N_("view rows grid"), data=True),
    Entry("as_schema", N_("Columns and types"), "Alt+2", "columns-3", DATA, N_("view schema structure"), data=True),
    Entry("as_json", N_("As JSON"), "Alt+3", "braces", DATA, N_("view rows objects raw"), data=True),
    Entry("select_rows", N_("Select all rows"), "Ctrl+A", "rows-3", DATA, N_("whole table cells mark"), grid=True),
    Entry("copy_cells", N_("Copy the cells"), "Ctrl+C", "copy", DATA, N_("clipboard spreadsheet values"), grid=True),
    Entry("copy_csv", N_("Copy as CSV"), "Ctrl+Shift+C", "file-text", DATA, N_("clipboard comma text"), grid=True),
    Entry("copy_markdown", N_("Copy as Markdown"), "Ctrl+Shift+M", "hash", DATA, N_("clipboard table text wiki"), grid=True),
    Entry("export", N_("Export…"), "Ctrl+E", "download", DATA, N_("write file CSV Excel Parquet JSON rows"), data=True),
    Entry(
        "supervision", N_("Supervision"), "F4", "activity", SUPERVISION, N_("monitor runs watch what happened editor back"),
        N_("Supervision"), checkable=True,
    ),
    Entry("runs_page", N_("Runs"), "Ctrl+7", "list", SUPERVISION, N_("list past live history executions")),
    Entry("flows_page", N_("Flows"), "Ctrl+8", "workflow", SUPERVISION, N_("load success rate figures plots on off")),
    Entry("inbox_page", N_("Inbox"), "Ctrl+9", "inbox", SUPERVISION, N_("events dead letters arrived waiting resubmit")),
    Entry("schedules_page", N_("Schedules"), "Alt+7", "calendar-clock", SUPERVISION, N_("due times calendar year when cron")),
    Entry("alerts_page", N_("Alerts"), "Alt+8", "bell", SUPERVISION, N_("unusual warnings errors silence acknowledge")),
    Entry("search_page", N_("Search for a value"), "Alt+9", "fingerprint-pattern", SUPERVISION, N_("business key trail erase personal")),
    Entry("approvals_page", N_("Approvals"), "Alt+0", "badge-check", SUPERVISION, N_("questions decisions approve reject wait")),
    Entry("history", N_("Runs of this flow"), "Ctrl+H", "history", SUPERVISION, N_("history past earlier executions")),
    Entry("refresh", N_("Look anew"), "Ctrl+R", "rotate-cw", SUPERVISION, N_("refresh reload update"), overseen=True),
    Entry("search_runs", N_("Search the runs"), "Alt+Shift+F", "search", SUPERVISION, N_("filter find text"), overseen=True),
    Entry("back", N_("Back to the list"), "Alt+Left", "chevron-left", SUPERVISION, N_("return up leave run"), overseen=True),
    Entry(
        "run_repair", N_("Open in the canvas where it failed"), "Alt+Shift+E", "wrench", SUPERVISION,
        N_("repair fix failed node continue"), N_("Repair"), overseen=True,
    ),
    Entry(
        "run_resume", N_("Resume the chosen run"), "Alt+Shift+R", "fast-forward", SUPERVISION, N_("continue go on"),
        N_("Resume"), overseen=True,
    ),
    Entry(
        "run_again", N_("Run again with the same parameters"), "Alt+Shift+A", "repeat", SUPERVISION, N_("restart repeat once more"),
        N_("Run again"), overseen=True,
    ),
    Entry(
        "run_stop", N_("Cancel the chosen run"), "Alt+Shift+C", "square", SUPERVISION, N_("stop abort end"),
        N_("Cancel"), overseen=True,
    ),
    Entry("run_flow", N_("Open its flow"), "Alt+Shift+O", "workflow", SUPERVISION, N_("edit file canvas"), N_("Flow"), overseen=True),
    Entry(
        "run_version", N_("Open the flow as it was then"), "Alt+Shift+V", "file-text", SUPERVISION, N_("version earlier copy"),
        overseen=True,
    ),
    Entry(
        "flow_runs", N_("Runs of the chosen flow"), "Alt+Shift+H", "history", SUPERVISION, N_("history list past"),
        N_("Runs"), overseen=True,
    ),
    Entry("flow_switch", N_("Switch the chosen flow on or off"), "Alt+Shift+W", "radio", SUPERVISION, N_("watch listen"), overseen=True),
    Entry("flow_pause", N_("Pause or go on with the chosen flow"), "Alt+Shift+P", "pause", SUPERVISION, N_("hold stop"), overseen=True),
    Entry(
        "event_edit", N_("Mend the row of the chosen event"), "Alt+Shift+M", "pencil", SUPERVISION, N_("edit change inbox"),
        N_("Mend"), overseen=True,
    ),
    Entry("event_keep", N_("Keep the mended row"), "Alt+Shift+K", "save", SUPERVISION, N_("save edit inbox"), N_("Keep"), overseen=True),
    Entry(
        "event_resubmit", N_("Resubmit the chosen events"), "Alt+Shift+S", "send", SUPERVISION, N_("dead letter once more again"),
        N_("Resubmit"), overseen=True,
    ),
    Entry(
        "event_discard", N_("Discard the chosen events"), "Alt+Shift+D", "trash-2", SUPERVISION, N_("dead letter give up drop"),
        N_("Throw away"), overseen=True,
    ),
    Entry("its_run", N_("Open its run"), "Alt+Shift+T", "list", SUPERVISION, N_("event alert last"), N_("Its run"), overseen=True),
    Entry(
        "due_run", N_("Run what was missed"), "Alt+Shift+Y", "play", SUPERVISION, N_("schedule asking answer yes now"),
        N_("Run it now"), overseen=True,
    ),
    Entry(
        "due_leave", N_("Leave what was missed"), "Alt+Shift+N", "x", SUPERVISION, N_("schedule asking answer no"),
        N_("Leave it"), overseen=True,
    ),
    Entry(
        "alert_acknowledge", N_("Acknowledge the chosen alert"), "Alt+Shift+B", "check", SUPERVISION, N_("known seen quiet"),
        N_("Acknowledge"), overseen=True,
    ),
    Entry(
        "alert_silence", N_("Silence alerts like the chosen one…"), "Alt+Shift+Q", "eye-off", SUPERVISION, N_("mute quiet until"),
        N_("Silence…"), overseen=True,
    ),
    Entry(
        "alert_unsilence", N_("End the chosen silence"), "Alt+Shift+U", "bell", SUPERVISION, N_("tell again unmute"),
        N_("Tell again"), overseen=True,
    ),
    Entry(
        "key_erase", N_("Erase the value that is searched for…"), "Alt+Shift+Z", "trash-2", SUPERVISION, N_("forget personal data"),
        N_("Erase…"), overseen=True,
    ),
    Entry("ask_approve", N_("Approve"), "Alt+Shift+G", "check", SUPERVISION, N_("yes decide question grant"), overseen=True),
    Entry("ask_reject", N_("Reject"), "Alt+Shift+J", "x", SUPERVISION, N_("no decide question refuse"), overseen=True),
    Entry("apis_page", N_("APIs"), "Alt+4", "globe", APIS, N_("catalogue openapi publish lifecycle versions")),
    Entry("terms_page", N_("Consumers, plans and keys"), "Alt+5", "key-round", APIS, N_("subscriptions credentials approve rate quota")),
    Entry("gateways_page", N_("Gateways"), "Alt+6", "shield-check", APIS, N_("push plan drift roll back envoy kong")),
    Entry("usage_page", N_("Usage of the APIs"), "Alt+Shift+L", "chart-column", APIS, N_("calls consumers latency errors statistics")),
    Entry("publish_api", N_("Publish as API…"), "Ctrl+Shift+P", "upload", FILE, N_("expose http request reply rest service")),
    Entry("api_import", N_("Import an OpenAPI document…"), "Alt+Shift+I", "import", FILE, N_("swagger api draft catalogue bring in")),
    Entry("api_published", N_("Publish the chosen API"), "Ctrl+Alt+U", "upload", APIS, N_("lifecycle stage release again"), overseen=True),
    Entry(
        "api_deprecated", N_("Deprecate the chosen API…"), "Ctrl+Alt+O", "hourglass", APIS, N_("lifecycle stage sunset end old"),
        overseen=True,
    ),
    Entry("api_retired", N_("Retire the chosen API"), "Ctrl+Alt+X", "circle-slash", APIS, N_("lifecycle stage gone switch off"), overseen=True),
    Entry("api_draft", N_("Make the chosen API a draft again"), "Ctrl+Alt+B", "undo-2", APIS, N_("lifecycle stage back"), overseen=True),
    Entry("api_keep", N_("Keep what was written about the API"), "Ctrl+Alt+S", "save", APIS, N_("save document settings"), overseen=True),
    Entry(
        "api_undo", N_("Undo what was written about the API"), "Ctrl+Alt+Z", "undo-2", APIS, N_("back revert document settings"),
        overseen=True,
    ),
    Entry(
        "entry_new", N_("New plan, consumer, subscription or gateway…"), "Ctrl+Alt+N", "plus", APIS, N_("add create entry"), overseen=True
    ),
    Entry("entry_edit", N_("Change the chosen plan, consumer or gateway…"), "Ctrl+Alt+C", "pencil", APIS, N_("edit entry"), overseen=True),
    Entry(
        "entry_remove", N_("Remove the chosen plan, consumer or gateway…"), "Ctrl+Alt+R", "trash-2", APIS, N_("delete entry"),
        overseen=True,
    ),
    Entry("key_issue", N_("Issue a key to the chosen consumer…"), "Ctrl+Alt+I", "key-round", APIS, N_("credential new give"), overseen=True),
    Entry(
        "key_rotate", N_("Replace a key of the chosen consumer…"), "Ctrl+Alt+W", "repeat", APIS, N_("credential rotate overlap"),
        overseen=True,
    ),
    Entry("key_revoke", N_("Revoke a key of the chosen consumer…"), "Ctrl+Alt+V", "ban", APIS, N_("credential take back"), overseen=True),
    Entry(
        "subscription_active", N_("Approve the chosen subscription"), "Ctrl+Alt+Y", "check", APIS, N_("yes decide grant resume"),
        overseen=True,
    ),
    Entry("subscription_rejected", N_("Reject the chosen subscription"), "Ctrl+Alt+J", "x", APIS, N_("no decide refuse"), overseen=True),
    Entry("subscription_suspended", N_("Suspend the chosen subscription"), "Ctrl+Alt+H", "pause", APIS, N_("hold stop"), overseen=True),
    Entry("subscription_ended", N_("End the chosen subscription"), "Ctrl+Alt+F", "circle-slash", APIS, N_("finish cancel"), overseen=True),
    Entry(
        "gateway_plan", N_("What would a push change?"), "Alt+Shift+X", "diff", APIS, N_("gateway plan compare difference drift"),
        overseen=True,
    ),
    Entry(
        "gateway_push", N_("Push to the gateway what was shown"), "Ctrl+Alt+P", "upload", APIS, N_("gateway apply make live deploy"),
        overseen=True,
    ),
    Entry("gateway_back", N_("Roll the gateway back"), "Ctrl+Alt+G", "undo-2", APIS, N_("rollback revision earlier push"), overseen=True),
    Entry("menu", N_("All actions"), "Alt+F", "ellipsis", HELP, N_("menu open list")),
    Entry("commands", N_("Find an action…"), "Ctrl+K", "command", HELP, N_("command palette search")),
    Entry("about", N_("About Tisserand"), "Shift+F1", "info", HELP, N_("version licence libraries")),
    Entry("shortcuts", N_("Keyboard shortcuts"), "F1", "keyboard", HELP, N_("keys help list actions")),
)
# fmt: on

TOOLBAR: tuple[str, ...] = (
    "run",
    "cancel",
    "watch",
    "|",
    "open",
    "save",
    "|",
    "undo",
    "redo",
    "|",
    "tidy",
    "fit",
    "|",
    "supervision",
)


def _keys(shortcut: str) -> list[QKeySequence]:
    """Keyboards have two keys for Enter."""
    keys = [QKeySequence(shortcut)]
    return [*keys, QKeySequence(shortcut.replace("Return", "Enter"))] if shortcut.endswith("Return") else keys


def menu_title(name: str) -> str:
    """A menu as a person reads it (the menu of runs shares its English word with the action)."""
    return translate(name if name != RUN else N_("Run"))


class Actions(QObject):
    """The registry brought to life for one window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._made: dict[str, QAction] = {}
        self.entries = {entry.id: entry for entry in ENTRIES}
        for entry in ENTRIES:
            action = QAction(translate(entry.text), window)
            action.setObjectName(entry.id)
            action.setShortcuts(_keys(entry.shortcut))
            action.setCheckable(entry.checkable)
            action.setIconText(translate(entry.bar or entry.text))
            if not entry.data and not entry.grid and not entry.overseen:
                window.addAction(action)
            self._made[entry.id] = action
        self.describe()
        self.recolour()
        theme().changed.connect(self.recolour)

    def __getitem__(self, id: str) -> QAction:
        return self._made[id]

    def __iter__(self) -> Iterator[tuple[Entry, QAction]]:
        return ((entry, self._made[entry.id]) for entry in ENTRIES)

    def keys(self, id: str) -> str:
        """The shortcut of an action as the system writes it."""
        return self._made[id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def bind(self, id: str, callback: Callable[[], object]) -> None:
        self._made[id].triggered.connect(lambda _checked=False: callback())

    def describe(self) -> None:
        """Tooltips: the text and its shortcut."""
        for entry, action in self:
            self.hint(entry.id, action.text())

    def hint(self, id: str, text: str) -> None:
        """What an action says when the pointer rests on its button: a text, and its shortcut."""
        self._made[id].setToolTip(f"{text}  {self.keys(id)}")

    def recolour(self) -> None:
        for entry, action in self:
            action.setIcon(icon(entry.icon, "on_accent" if entry.id == "run" else "text"))

    def menus(self) -> list[QMenu]:
        """The menus in their order; the window gives them a place."""
        made = []
        for name in MENUS:
            menu = QMenu("&" + menu_title(name), self._window)
            for entry, action in self:
                if entry.menu == name:
                    menu.addAction(action)
            made.append(menu)
        return made
