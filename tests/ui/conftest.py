"""Fixtures for the designer: a real window off screen, and no Qt warning that goes unnoticed."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QtMsgType, QTranslator, qInstallMessageHandler
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from tisserand.sdk.registry import registry
from tisserand.ui.app import application
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

# What the platform without a screen says of itself, not of us.
_EXPECTED = (
    "This plugin does not support propagateSizeHints",
    "This plugin does not support raise",
    "This plugin does not support grabbing the keyboard",
    "QObject::connect: No such signal QPlatformNativeInterface::systemTrayWindowChanged",
)


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return QApplication


@pytest.fixture(scope="session", autouse=True)
def look(qapp: QApplication) -> None:
    made = application(["test"])
    theme().apply(made, "light")


@pytest.fixture(autouse=True)
def no_warnings(qapp: QApplication) -> Iterator[list[str]]:
    """Any warning of Qt fails the test."""
    said: list[str] = []

    def note(kind: QtMsgType, _context: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and kind != QtMsgType.QtInfoMsg and not text.startswith(_EXPECTED):
            said.append(text)

    before = qInstallMessageHandler(note)
    yield said
    # Qt's own words are English again for the next one.
    for words in qapp.findChildren(QTranslator):
        qapp.removeTranslator(words)
        words.deleteLater()
    # Windows that a test closed itself go before the next one counts what there is.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qInstallMessageHandler(before)
    assert not said, said


def _address(widget: QWidget) -> int:
    """Which widget it is: its Python object may be another one each time."""
    return int(shiboken6.getCppPointer(widget)[0])


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[Window]:
    """A window on an empty flow, with all node types; nothing may be left of it afterwards."""
    before = {_address(widget) for widget in qapp.allWidgets()}
    made = Window()
    made.kinds.catalog = registry()
    made.palette_panel.fill()
    made.document.new()
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    # On a real screen (Xvfb) keys reach a window only once it is the active one.
    QTest.qWaitForWindowActive(made, 2000)
    yield made
    made.desk.sheets.abandon()
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    # Qt keeps the label of its tooltips; everything else was ours.
    left = [widget for widget in qapp.allWidgets() if _address(widget) not in before and widget.objectName() != "qtooltip_label"]
    assert not shiboken6.isValid(made) and not left, left


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A small workspace with one flow file."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("screenshots_demo", Path(__file__).parent / "screenshots.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make: Callable[[Path], Path] = module.workspace
    return make(tmp_path / "demo")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace with a small catalogue of APIs."""
    from tests.ui import made_apis

    root: Path = made_apis.workspace(tmp_path / "shop")
    return root
