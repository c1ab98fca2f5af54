"""Starts the designer: theme, window, then (after the first paint) the node types and the flow that was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLibraryInfo, QLocale, QSettings, QStandardPaths, QTimer, QTranslator
from PySide6.QtWidgets import QApplication

from tisserand import texts
from tisserand.files import shipped
from tisserand.model.problem import Problem
from tisserand.ui.garbage import Garbage, settle
from tisserand.ui.theme import MODES, load_fonts, theme
from tisserand.ui.window import Window


def application(arguments: list[str]) -> QApplication:
    """The one Qt application, with our look."""
    running = QApplication.instance()
    made = running if isinstance(running, QApplication) else QApplication(arguments)
    made.setApplicationName("Tisserand")
    made.setOrganizationName("Tisserand")
    made.setDesktopFileName("tisserand")
    made.setStyle("Fusion")
    if made.findChild(Garbage, "garbage") is None:
        Garbage(made)
    load_fonts()
    return made


def furnish(window: Window, asked: Path | None) -> None:
    """Load the node types, and open what was asked for: a flow file, or a workspace (its first flow)."""
    from tisserand.sdk.registry import registry

    _furnished(window, registry(), asked)


def furnish_later(window: Window, asked: Path | None) -> None:
    """The same beside the window, which shows at once and answers meanwhile."""

    def work() -> Any:
        from tisserand.sdk.registry import registry

        return registry()

    def failed(problems: list[Problem]) -> None:
        window.notice.tell("\n".join(problem.message.text() for problem in problems), [])

    def come(found: Any) -> None:
        _furnished(window, found, asked)
        window.desk.drafts.offer()
        # Not before the first picture stands: painting would have to share the processor with it.
        QTimer.singleShot(150, window, lambda: window.background.do(load, lambda _none: settle(), failed))

    def load() -> None:
        from tisserand.service.warm import warm

        # While the person looks around, so that it falls neither into the first run nor into the first look at data or at runs.
        warm()
        import tisserand.service.figures.calls
        import tisserand.ui.panels.cells
        import tisserand.ui.supervision.run
        import tisserand.ui.supervision.runs
        import tisserand.ui.supervision.view  # noqa: F401

    window.background.do(work, come, failed)


def _furnished(window: Window, found: Any, asked: Path | None) -> None:
    window.kinds.catalog = found
    window.palette_panel.fill()
    flow = _flow_of(asked)
    if flow is not None:
        window.desk.load(flow)
        return
    if asked is not None and asked.is_dir():
        window.runner.root = asked.resolve()
    window.document.new()


def in_another_language(window: Window) -> Window:
    """A window that shows what this one showed, every text of it in the language in use."""
    running = QApplication.instance()
    assert isinstance(running, QApplication)
    translate_qt(running)
    made = Window(window.settings, window.drafts_folder)
    made.kinds.catalog = window.kinds.catalog
    made.palette_panel.fill()
    made.succeed(window)
    made.show()
    window.retire()
    return made


def _flow_of(asked: Path | None) -> Path | None:
    if asked is None or not asked.is_dir():
        return asked
    return next(iter(sorted((asked / "flows").glob("*.yaml"))), None)


def choose_language(settings: QSettings) -> str:
    """What TISSERAND_LANG says, else what was chosen in the window, else the environment's or the system's language."""
    chosen = os.environ.get("TISSERAND_LANG") or str(settings.value("language") or "")
    # Windows and macOS say the language in their settings, not in the environment.
    return texts.set_language(chosen or texts.asked_language() or QLocale.system().name())


def translate_qt(made: QApplication) -> None:
    """Qt's own words (file dialogs, the menus of text fields) in the language in use."""
    for old in made.findChildren(QTranslator):
        made.removeTranslator(old)
        old.deleteLater()
    own = QTranslator(made)
    if own.load(f"qtbase_{texts.language()}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        made.installTranslator(own)


def _follow(made: QApplication) -> None:
    """The system turned light or dark."""
    if theme().mode == "system":
        theme().apply(made, "system")


def main(argv: list[str] | None = None) -> int:
    """`python -m tisserand.ui [FLOW or WORKSPACE]`; gives the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    texts.add_catalogues(shipped("resources") / "locale")
    # The window waits less for its turn beside threads that compute.
    sys.setswitchinterval(0.001)
    made = application(["tisserand", *arguments])
    settings = QSettings()
    choose_language(settings)
    translate_qt(made)
    mode = str(settings.value("theme", "system"))
    theme().apply(made, next((known for known in MODES if known == mode), "system"))
    made.styleHints().colorSchemeChanged.connect(lambda _scheme: _follow(made))
    windows: list[Window] = []
    """Kept here, or Python would take the window away."""

    def stand(window: Window) -> None:
        windows[:] = [window]
        window.desk.supervising.look_out()
        window.language_changed.connect(lambda: stand(in_another_language(window)))

    drafts = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppLocalDataLocation)) / "drafts"
    stand(Window(settings, drafts))
    windows[0].show()
    asked = next((Path(text) for text in arguments if not text.startswith("-")), None)
    QTimer.singleShot(0, windows[0], lambda: furnish_later(windows[0], asked))
    return made.exec()
