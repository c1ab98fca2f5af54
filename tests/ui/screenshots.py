"""Pictures of every screen, light and dark, English and French, in three sizes: `screenshots.py [FOLDER [LANGUAGES]]`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QApplication, QWidget

from tisserand import texts
from tisserand.files import shipped
from tisserand.model.edit import AddFrame, AddNote
from tisserand.model.flow import Flow, Frame, Node, Note, Parameter
from tisserand.ui import about, dialogs
from tisserand.ui.app import application, furnish, translate_qt
from tisserand.ui.nodeview import NodeView
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.scenarios import ScenarioForm
from tisserand.ui.theme import Mode, theme
from tisserand.ui.window import Window

FLOW = """tisserand: 1
id: late-orders
title: Orders by customer
nodes:
  orders:
    kind: file.read_csv
    title: Orders
    config:
      path: data/orders.csv
  customers:
    kind: file.read_csv
    title: Customers
    config:
      path: data/customers.csv
  paid:
    kind: table.filter
    title: Worth 100 or more
    inputs:
      table: orders
    config:
      where: amount >= 100
  named:
    kind: table.join
    title: Join on customer
    inputs:
      left: paid
      right: customers
    config:
      on: [customer]
      how: left
  by_country:
    kind: table.aggregate
    title: Sum by country
    inputs:
      table: named
    config:
      by: [country]
      values:
        orders: count()
        total: sum(amount)
  lake:
    kind: file.write_parquet
    title: Write to lake
    inputs:
      table: by_country
    config:
      path: out/by_country.parquet
  strangers:
    kind: file.write_csv
    title: Unknown customers
    inputs:
      table: named.unmatched
    config:
      path: out/strangers.csv
layout:
  orders: [0, 0]
  customers: [264, 128]
  paid: [264, 0]
  named: [528, 64]
  by_country: [792, 16]
  lake: [1056, 16]
  strangers: [792, 128]
"""


def workspace(folder: Path) -> Path:
    """A small workspace with two tables and one flow; gives the flow's file."""
    (folder / "flows").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "out").mkdir()
    (folder / "tisserand.yaml").write_text("")
    names = ["Durand SA", "Keller AG", "Rossi SpA", "Nowak", "García"]
    lines = [f"{10000 + i},{i % 7},{(i * 37) % 900 + 0.5},2026-11-{i % 28 + 1:02d}" for i in range(12_480)]
    lines[3] = "10003,3,,2026-11-04"
    (folder / "data" / "orders.csv").write_text("\n".join(["order_id,customer,amount,day", *lines]) + "\n")
    countries = ["FR", "DE", "IT", "PL", "ES"]
    rows = [f"{i},{name},{country}" for i, (name, country) in enumerate(zip(names, countries, strict=True))]
    (folder / "data" / "customers.csv").write_text("\n".join(["customer,name,country", *rows]) + "\n")
    path = folder / "flows" / "late-orders.yaml"
    path.write_text(FLOW)
    return path


def until(ready: Callable[[], bool], seconds: float = 60) -> bool:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    for _round in range(5):
        QApplication.processEvents()
    return ready()


SIZES = ((1280, 800), (1920, 1080), (1024, 640))
README = (1500, 900)


class Shooter:
    """Takes each screen in every colour and size, in one language."""

    def __init__(self, application: QApplication, folder: Path, sizes: Sequence[tuple[int, int]]) -> None:
        self.application = application
        self.folder = folder
        self.sizes = sizes

    def take(self, window: Window, screen: str, dialog: QWidget | None = None, *, fit: bool = False) -> None:
        """One screen; a dialog over it is taken on its own. `fit`: the whole flow, however small."""
        modes: tuple[Mode, Mode] = ("light", "dark")
        for mode in modes:
            theme().apply(self.application, mode)
            for size in self.sizes if dialog is None else self.sizes[:1]:
                window.resize(*size)
                until(lambda: False, 0.1)
                if dialog is None:
                    (window.canvas.fit if fit else window.canvas.first_sight)()
                # The small map comes after a moment of rest.
                until(lambda: False, 0.3)
                self.snap(dialog or window, screen, mode, size)

    def snap(self, widget: QWidget, screen: str, mode: Mode, size: tuple[int, int]) -> None:
        """What is there now."""
        name = f"{screen}-{mode}-{texts.language()}-{size[0]}x{size[1]}.png"
        widget.grab().save(str(self.folder / name))
        print(self.folder / name)

    def for_the_readme(self, window: Window) -> None:
        """The one picture that is kept in the repository."""
        theme().apply(self.application, "light")
        window.resize(*README)
        until(lambda: False, 0.2)
        window.canvas.first_sight()
        until(lambda: False, 0.2)
        target = shipped("resources") / "pictures" / "designer.png"
        target.parent.mkdir(exist_ok=True)
        window.grab().save(str(target))


def empty(window: Window, shooter: Shooter, flow: Path) -> None:
    shooter.take(window, "start")
    window.recent.add(flow)
    window.document.new()
    shooter.take(window, "start-again")


def opened(window: Window, flow: Path) -> None:
    window.desk.sheets.abandon()
    window.desk.load(flow)
    until(lambda: not window.desk.disk.loading)
    until(lambda: bool(window.desk.findings.schemas))


def edited(window: Window, shooter: Shooter, flow: Path) -> None:
    opened(window, flow)
    shooter.take(window, "opened")
    window.scene.select(["paid"])
    window.document.set_config("paid", "where", "amont >= ")
    window.document.set_config("by_country", "by", ["contry"])
    until(lambda: any(p.place.node == "paid" for p in window.desk.problems), 15)
    window.show_side("bottom", window.problems)
    shooter.take(window, "problems")
    window.document.undo()
    window.document.undo()
    window.document.set_config("orders", "path", "data/missing.csv")
    window.scene.select(["by_country"])
    until(lambda: False, 1)
    flow.write_text(flow.read_text() + "# changed\n")
    until(window.notice.isVisible, 5)
    shooter.take(window, "changed-on-disk")
    window.document.undo()
    window.notice.hide()


def ran(window: Window, shooter: Shooter, flow: Path) -> None:
    opened(window, flow)
    window.desk.runs.start()
    until(lambda: not window.runner.running)
    window.scene.select(["named"])
    until(lambda: window.data.grid.total > 0, 10)
    shooter.take(window, "designer")
    if texts.language() == "en" and shooter.sizes == SIZES:
        shooter.for_the_readme(window)
    window.show_side("bottom", window.log)
    shooter.take(window, "log")
    window.show_side("bottom", window.data)
    window.scene.cards["paid"].show_hover(True)
    shooter.take(window, "hover")
    window.scene.cards["paid"].show_hover(False)


def failed(window: Window, shooter: Shooter, flow: Path) -> None:
    with (flow.parent.parent / "data" / "orders.csv").open("a") as lines:
        lines.write("99999,1,2,not a day,too,many\n")
    opened(window, flow)
    window.desk.runs.start()
    until(lambda: not window.runner.running)
    window.scene.select(["orders"])
    until(lambda: False, 0.5)
    shooter.take(window, "failed")


def asked(window: Window, shooter: Shooter, flow: Path) -> None:
    page = dialogs.show_shortcuts(window, window.actions_)
    shooter.take(window, "shortcuts", page)
    page.accept()
    page = about.show_about(window)
    shooter.take(window, "about", page)
    page.accept()
    form = dialogs.parameter_form(window, FORM, window.inspector.context, lambda _values: None)
    until(lambda: False, 0.1)
    shooter.take(window, "parameters", form)
    form.reject()


def drawn(window: Window, shooter: Shooter, flow: Path) -> None:
    """Frames, notes, a breakpoint that the debugger stopped at, the toast, tabs, a file that is no flow."""
    opened(window, flow)
    window.document.do(AddFrame(Frame("clean", texts.translate("Clean and join"), ("paid", "named"))))
    note = "Only orders worth 100 or more: the small ones are billed by the shops."
    window.document.do(AddNote(Note("why", note, "lake"), (1056, 112)))
    window.scene.select(["by_country"])
    window.actions_["breakpoint"].trigger()
    window.actions_["go_on"].trigger()
    until(lambda: not window.runner.running)
    window.scene.select(["customers"])
    window.actions_["duplicate"].trigger()
    window.actions_["delete"].trigger()
    shooter.take(window, "debugging")
    broken = flow.parent / "broken.yaml"
    broken.write_text("tisserand: 1\nid: broken\nnodes:\n  a: {kind: file.read_csv\n  b: [\n")
    window.desk.load(broken)
    until(lambda: not window.desk.disk.loading)
    shooter.take(window, "broken")
    window.desk.sheets.abandon()


def asked_data(window: Window, shooter: Shooter, flow: Path) -> None:
    """The data pane with a filter and figures, the condition builder, the node at large."""
    opened(window, flow)
    window.desk.runs.start()
    until(lambda: not window.runner.running)
    window.scene.select(["named"])
    until(lambda: window.data.grid.total > 0, 10)
    window.data.ask_filter()
    window.data.filter.setText("amount > 100 and country == 'FR'")
    window.data.apply_filter()
    until(lambda: window.data.where is not None, 10)
    window.data.show_profile("amount")
    window.data.grid.current, window.data.grid.anchor = (5, 4), (2, 2)
    until(lambda: False, 1)
    shooter.take(window, "questions")
    window.scene.select(["paid"])
    editor = window.inspector._fields["where"][0]
    assert isinstance(editor, ConditionEditor)
    window.document.set_config("paid", "where", "amount >= 100 and day between to_date('2026-11-01') and to_date('2026-11-15')")
    editor.toggle.click()
    shooter.take(window, "conditions")
    window.document.undo()
    window.actions_["enlarge"].trigger()
    large = window.findChild(NodeView, "nodeview")
    assert large is not None
    until(lambda: large.output.grid.total > 0 and large.input.grid.total > 0, 15)
    shooter.take(window, "at-large", large)
    large.close()


def others(window: Window, shooter: Shooter, flow: Path) -> None:
    import screens

    opened(window, flow)
    screens.sheets(window, shooter, until)
    screens.under_way(window, shooter, until)
    screens.panels(window, shooter, until)
    screens.forms(window, shooter, until)
    screens.odd(window, shooter, until)
    screens.small_dialogs(window, shooter, until, flow)


def supervised(window: Window, shooter: Shooter, flow: Path) -> None:
    import screens_oversight
    import screens_supervision

    window.desk.sheets.abandon()
    screens_supervision.supervision(window, shooter, until, flow)
    screens_oversight.oversight(window, shooter, until, screens_oversight.workspace(flow.parent.parent.parent / "oversight"))


def managed(window: Window, shooter: Shooter, flow: Path) -> None:
    import screens_apis

    window.desk.sheets.abandon()
    screens_apis.apis(window, shooter, until, flow.parent.parent.parent / "apis")


def scenario(window: Window, shooter: Shooter, flow: Path) -> None:
    window.desk.sheets.abandon()
    form = ScenarioForm(window, window.welcome.cards[0].scenario, flow.parent, lambda _values: None)
    form.open()
    form.lines["source"].setText("/home/ann/Inbox")
    form.lines["target"].setText("/home/ann/Inbox - results")
    until(lambda: False, 0.1)
    shooter.take(window, "scenario", form)
    form.reject()


FORM = Flow(
    "form",
    nodes={"start": Node("start", "trigger.manual", config={"prompt": "Which month shall be reported?"})},
    parameters={
        "month": Parameter("month", type="text", required=True, help="As year and month, for example 2026-11."),
        "limit": Parameter("limit", type="number", default=1000, unit="EUR"),
        "all": Parameter("all", type="boolean", default=False, title="Cancelled orders too"),
    },
)


def main(folder: Path, languages: Sequence[str] = ("en", "fr"), sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """All screens. The picture in the README is kept in the repository, everything else outside it."""
    texts.add_catalogues(shipped("resources") / "locale")
    folder.mkdir(parents=True, exist_ok=True)
    made = application(["tisserand"])
    shooter = Shooter(made, folder, sizes)
    for language in languages:
        texts.set_language(language)
        translate_qt(made)
        with tempfile.TemporaryDirectory() as temporary:
            flow = workspace(Path(temporary) / "demo")
            theme().apply(made, "light")
            window = Window()
            window.show()
            furnish(window, None)
            for screens in (empty, scenario, edited, ran, drawn, asked_data, others, supervised, managed, failed, asked):
                screens(window, shooter, flow)
            window.retire()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), sys.argv[2].split(",") if len(sys.argv) > 2 else ("en", "fr"))
    else:
        main(Path(tempfile.gettempdir()) / "tisserand-screenshots")
