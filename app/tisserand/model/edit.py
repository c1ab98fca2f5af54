"""All edit commands: the only way any editor changes a flow."""

from tisserand.model.clipboard import Paste, copy_text
from tisserand.model.command import Command, EditError, Restore, Several, unique_id
from tisserand.model.edit_marks import (
    AddFrame,
    AddNote,
    RemoveFrame,
    RemoveNote,
    RemoveParameter,
    SetFlow,
    SetFrame,
    SetNote,
    SetParameter,
)
from tisserand.model.edit_nodes import AddNode, Connect, Disconnect, MoveNodes, RemoveNodes, RenameNode, SetConfig, SetNode

__all__ = [
    "AddFrame",
    "AddNode",
    "AddNote",
    "Command",
    "Connect",
    "Disconnect",
    "EditError",
    "MoveNodes",
    "Paste",
    "RemoveFrame",
    "RemoveNodes",
    "RemoveNote",
    "RemoveParameter",
    "RenameNode",
    "Restore",
    "SetConfig",
    "SetFlow",
    "SetFrame",
    "SetNode",
    "SetNote",
    "SetParameter",
    "Several",
    "copy_text",
    "unique_id",
]
