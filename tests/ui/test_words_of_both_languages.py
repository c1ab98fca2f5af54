"""What a person types is found in French and in English, with or without accents, whichever of the two the window speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLineEdit, QTableWidget, QTreeWidgetItem

from tisserand import texts
from tisserand.files import shipped
from tisserand.ui.chooser import Chooser
from tisserand.ui.panels.palette import KIND, Palette
from tisserand.ui.theme import font
from tisserand.ui.window import Window

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(params=["en", "fr"])
def speaking(request: pytest.FixtureRequest) -> Iterator[str]:
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language(request.param)
    yield request.param
    texts.set_language("en")


def keys(found: Chooser) -> list[str]:
    return [found.list.item(row).data(Qt.ItemDataRole.UserRole).key for row in range(found.list.count())]


def sheet(window: Window) -> Chooser:
    return next(each for each in window.findChildren(Chooser) if each.isVisible())


def test_actions(speaking: str, window: Window) -> None:
    QTest.keyClick(window, Qt.Key.Key_K, CTRL)
    found = sheet(window)
    for words, wanted in (
        ("annuler", "undo"), ("enregistrer", "save"), ("coller", "paste"), ("executer", "run"), ("presse-papiers", "copy"),
        ("undo", "undo"), ("save", "save"), ("paste", "paste"), ("clipboard", "copy"),
    ):  # fmt: skip
        found.search.clear()
        QTest.keyClicks(found.search, words)
        assert wanted in keys(found), words
    found.leave()


def test_nodes_added_by_typing(speaking: str, window: Window) -> None:
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Slash)
    found = sheet(window)
    for words, wanted in (
        ("trier", "table.sort"), ("lire du csv", "file.read_csv"), ("sort", "table.sort"), ("read csv", "file.read_csv"),
        ("ecrire classeur", "file.write_excel"), ("bring in", "file.read_csv"), ("apporter", "file.read_csv"),
    ):  # fmt: skip
        found.search.clear()
        QTest.keyClicks(found.search, words)
        assert wanted in keys(found), words
    found.leave()


def leaves(palette: Palette) -> list[QTreeWidgetItem]:
    heads = [palette.tree.topLevelItem(index) for index in range(palette.tree.topLevelItemCount())]
    return [head.child(row) for head in heads if head is not None for row in range(head.childCount())]  # type: ignore[misc]


def test_nodes_of_the_palette(speaking: str, window: Window) -> None:
    palette = window.palette_panel
    for words, wanted in (
        ("trier", "table.sort"),
        ("sort", "table.sort"),
        ("ecrire base donnees", "sql.write"),
        ("send out", "file.write_csv"),
    ):
        palette.search.clear()
        QTest.keyClicks(palette.search, words)
        assert wanted in [item.data(0, KIND) for item in leaves(palette) if not item.isHidden()], words


def test_the_page_of_shortcuts(speaking: str, window: Window) -> None:
    window.actions_["shortcuts"].trigger()
    dialog = window.findChild(QDialog, "shortcuts")
    assert isinstance(dialog, QDialog)
    table, search = dialog.findChild(QTableWidget), dialog.findChild(QLineEdit)
    assert table is not None and search is not None
    for words in ("annuler", "undo", "retablir"):
        search.setText(words)
        assert [row for row in range(table.rowCount()) if not table.isRowHidden(row)], words
    dialog.close()


def test_a_title_stands_whole_in_the_palette_and_its_tip_tells_more(speaking: str, window: Window) -> None:
    palette = window.palette_panel
    delegate = palette.tree.itemDelegate()
    room, metrics = delegate._room(), QFontMetrics(font())
    taller = set()
    for item in leaves(palette):
        title = item.text(0)
        lines = delegate.lines(title, room)
        # Nothing is cut in the panel as wide as it comes, and every line has room.
        assert " ".join(lines) == title and all(metrics.horizontalAdvance(line) <= room for line in lines)
        height = palette.tree.visualItemRect(item).height()
        assert height == (44 if len(lines) == 2 else 34)
        taller |= {title} if height > 34 else set()
        kind = window.kinds.get(item.data(0, KIND))
        tip = item.toolTip(0)
        assert escape(texts.translate(kind.title)) in tip and escape(texts.translate(kind.help)) in tip
    assert speaking == "en" or "Lire dans une base de données" in taller
    # Narrower, more titles take a second line; one word that is too long is cut at its end.
    window._upper.setSizes([170, 830, 280])
    window.repaint()
    item = next(each for each in leaves(palette) if len(delegate.lines(each.text(0), delegate._room())) == 2)
    palette.tree.scrollToItem(item)
    assert palette.tree.visualItemRect(item).height() == 44
    assert delegate.lines("Donaudampfschifffahrtsgesellschaft", 90)[0].endswith("…")


def test_the_focus_shows_in_the_palette(window: Window) -> None:
    tree = window.palette_panel.tree
    item = leaves(window.palette_panel)[0]
    tree.setCurrentItem(item)
    window.canvas.setFocus()
    without = tree.viewport().grab(tree.visualItemRect(item)).toImage()
    tree.setFocus()
    assert tree.viewport().grab(tree.visualItemRect(item)).toImage() != without


def test_sheets_open_at_once(speaking: str, window: Window) -> None:
    """50 ms for the first time, with all catalogues to be asked; time of the processor, for others use it too."""
    for ask in (window.desk.quick.commands, window.desk.quick.add_here):
        spent = []
        for _round in range(3):  # the best of three: other threads of this process and garbage of other tests count too
            texts.in_all_languages.cache_clear()
            start = time.process_time()
            ask()
            spent.append(time.process_time() - start)
            sheet(window).leave()
        assert min(spent) < 0.05, ask


def test_a_text_in_all_languages(speaking: str) -> None:
    assert texts.in_all_languages("Undo").split() == ["Undo", "Annuler"]
    assert texts.in_all_languages("no such text") == "no such text"
