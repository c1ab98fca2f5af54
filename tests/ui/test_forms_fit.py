"""No form is wider than its panel, in either language and with every setting open: what is cut off cannot be read or clicked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from tisserand import texts
from tisserand.files import shipped
from tisserand.model.flow import Flow, Node
from tisserand.sdk.form import FormField, form_of, starting_value
from tisserand.sdk.registry import registry
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

PANEL = 280


@pytest.fixture(params=["en", "fr"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language(request.param)
    yield request.param
    texts.set_language("en")


def filled(fields: tuple[FormField, ...]) -> dict[str, Any]:
    """A config with an entry in every list and mapping."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.widget == "list" and field.item is not None:
            found[field.name] = [starting_value(field.item)]
        elif field.widget == "map" and field.item is not None:
            found[field.name] = {"name": starting_value(field.item)}
        elif field.widget == "choice" and field.choices:
            found[field.name] = max(field.choices, key=lambda choice: len(dict(field.words).get(str(choice), str(choice))))
    return found


def test_every_form_fits(qapp: QApplication, language: str) -> None:
    window = Window()
    window.kinds.catalog = registry()
    window.palette_panel.fill()
    window.resize(1280, 800)
    window.show()
    wide: dict[str, int] = {}
    for found in registry():
        config = filled(form_of(found.node.Config))
        window.document.show(Flow("t", nodes={"n": Node("n", found.kind, config=config)}, layout={"n": (0, 0)}))
        window.scene.select(["n"])
        inspector = window.inspector
        for button in (inspector._more_button, getattr(inspector.how, "head", None)):
            if button is not None:
                button.setChecked(True)
        QApplication.processEvents()
        page = inspector.area.widget()
        room = inspector.area.viewport().width()
        assert room <= PANEL
        if page.width() > room:
            wide[found.kind] = page.width() - room
    # The flow's own form.
    window.scene.select([])
    QApplication.processEvents()
    if inspector.area.widget().width() > inspector.area.viewport().width():
        wide["the flow"] = inspector.area.widget().width()
    window.desk.sheets.abandon()
    window.retire()
    assert wide == {}


def test_themes_keep_them_so(window: Window) -> None:
    """A new style sheet polishes every widget anew."""
    window.document.show(
        Flow("t", nodes={"n": Node("n", "table.join", config={"on": ["a"], "how": "semi"})}, layout={"n": (0, 0)})
    )
    window.scene.select(["n"])
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    for mode in ("dark", "light"):
        theme().apply(application, mode)  # type: ignore[arg-type]
        QApplication.processEvents()
        assert window.inspector.area.widget().width() <= window.inspector.area.viewport().width()
    assert window.inspector.area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff


def test_other_colours_leave_the_form_as_it_was_opened(window: Window) -> None:
    window.document.show(Flow("t", nodes={"n": Node("n", "file.read_csv", config={"path": "a.csv"})}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    window.activateWindow()
    inspector = window.inspector
    assert inspector._more_button is not None
    inspector._more_button.click()
    inspector.focus_field("config.null_values" if "null_values" in inspector._fields else "config.path")
    name = next(name for name, (editor, *_rest) in inspector._fields.items() if editor.isAncestorOf(QApplication.focusWidget()))
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme().apply(application, "dark")
    assert inspector._more_button is not None and inspector._more_button.isChecked()
    assert inspector._fields[name][0].isAncestorOf(QApplication.focusWidget())
    theme().apply(application, "light")
