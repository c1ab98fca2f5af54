"""Every key that does something in the window stands in the registry of actions, so that the list of shortcuts tells all of them."""

from __future__ import annotations

from collections import Counter

from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QMenu

from tisserand.ui.actions import ENTRIES
from tisserand.ui.window import Window

KNOWN: dict[str, str] = {}
"""Keys that are bound elsewhere, and why."""


def text(keys: QKeySequence) -> str:
    return keys.toString(QKeySequence.SequenceFormat.PortableText)


def test_every_key_of_the_window_is_in_the_registry(window: Window) -> None:
    declared = {entry.shortcut for entry in ENTRIES}
    bound = {text(shortcut.key()) for shortcut in window.findChildren(QShortcut)}
    bound |= {text(button.shortcut()) for button in window.findChildren(QAbstractButton)}
    for action in window.findChildren(QAction):
        if action is not window.actions_.entries.get(action.objectName()) and action.objectName() not in window.actions_.entries:
            bound |= {text(keys) for keys in action.shortcuts()}
    assert {keys for keys in bound if keys} - declared - KNOWN.keys() == set()


def test_the_known_ones_are_still_there(window: Window) -> None:
    """Whoever moves a key into the registry takes it off the list."""
    bound = {text(shortcut.key()) for shortcut in window.findChildren(QShortcut)}
    bound |= {text(button.shortcut()) for button in window.findChildren(QAbstractButton)}
    assert KNOWN.keys() <= bound


def test_every_visible_action_is_in_the_registry(window: Window) -> None:
    """Qt's own menus of text fields, and icons inside fields, have no words."""
    strangers = [
        action.text()
        for action in window.findChildren(QAction)
        if action.text()
        and action.isVisible()
        and action.objectName() not in window.actions_.entries
        # A menu is an action too; so are the button that clears a field, and Qt's own way to hide a toolbar (its menu is off).
        and not isinstance(action.menu(), QMenu)
        and not action.objectName().startswith("_q_")
        and action is not window.bar.toggleViewAction()
    ]
    assert strangers == []


def test_no_two_actions_share_a_key() -> None:
    """The table's own keys are heard in the table only, where those of the canvas are not."""
    counts = Counter((text(QKeySequence(entry.shortcut)), entry.grid) for entry in ENTRIES)
    elsewhere = {text(QKeySequence(entry.shortcut)) for entry in ENTRIES if not (entry.canvas or entry.grid)}
    assert not elsewhere & {keys for keys, in_table in counts if in_table}
    assert [keys for keys, count in counts.items() if count > 1] == [] and not any(keys == "" for keys, _table in counts)
