"""A document as trees: its operations with what they take and answer, and its schemas with their properties; descriptions are edited."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from tisserand.apis.openapi.operations import METHODS
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.theme import font

PLACES = {"query": N_("Query"), "path": N_("Path"), "header": N_("Header"), "cookie": N_("Cookie")}
PATH = Qt.ItemDataRole.UserRole + 1
NAME, WHERE, TYPE, NEEDED, TEXT = range(5)
DEEPEST = 8

Path = tuple[str | int, ...]
"""Where something stands in the document."""


class DocTree(QTreeWidget):
    """Lines of a document. The last column can be written in; `edited` says that it was."""

    edited = Signal()

    def __init__(self, name: str, first: str) -> None:
        super().__init__()
        self.setObjectName("outline")
        self.setAccessibleName(name)
        self.setHeaderLabels([first, _("Found in"), _("Type"), _("Must be given"), _("Description")])
        self.setFont(font(12))
        self.header().setFont(font(12))
        self.header().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemActivated.connect(self._begin)
        self.itemChanged.connect(self._changed)
        self.edits: dict[Path, str] = {}
        """Where it stands → what was written there."""
        self.fixed = False
        """Whether nothing can be written."""

    def show_lines(self, lines: Sequence[tuple[int, Path, tuple[str, ...]]]) -> None:
        """Lines as (depth, where its description stands, cells)."""
        self.edits = {}
        self.blockSignals(True)
        self.clear()
        parents: list[QTreeWidgetItem] = []
        for depth, path, cells in lines:
            item = QTreeWidgetItem(list(cells))
            item.setData(0, PATH, path)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(TEXT, cells[TEXT])
            del parents[depth:]
            if parents:
                parents[-1].addChild(item)
            else:
                self.addTopLevelItem(item)
            parents.append(item)
        # Few operations are shown with all they take; of many, the list comes first.
        if self.topLevelItemCount() <= 12:
            self.expandToDepth(0)
        self.blockSignals(False)
        head = self.header()
        head.setStretchLastSection(True)
        for column, width in ((NAME, 220), (WHERE, 110), (TYPE, 130), (NEEDED, 160)):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            head.resizeSection(column, width)
        first = self.topLevelItem(0)
        if first is not None:
            self.setCurrentItem(first)

    def write(self, edits: Mapping[Path, str]) -> None:
        """Write again what was written before."""
        waiting = [self.topLevelItem(at) for at in range(self.topLevelItemCount())]
        while waiting:
            item = waiting.pop()
            if item is None:
                continue
            waiting.extend(item.child(at) for at in range(item.childCount()))
            path = item.data(0, PATH)
            if path in edits:
                item.setText(TEXT, edits[path])

    def _begin(self, item: QTreeWidgetItem, _column: int) -> None:
        if not self.fixed:
            self.setCurrentItem(item, TEXT)
            self.editItem(item, TEXT)

    def _changed(self, item: QTreeWidgetItem, column: int) -> None:
        if column == TEXT:
            self.edits[item.data(0, PATH)] = item.text(TEXT).strip()
            self.edited.emit()


def with_edits(document: Mapping[str, Any], edits: Mapping[Path, str]) -> dict[str, Any]:
    """The document with what was written; an emptied description goes."""
    made: dict[str, Any] = copy.deepcopy(dict(document))
    for path, text in edits.items():
        place: Any = made
        for step in path[:-1]:
            place = place[step]
        if text:
            place[path[-1]] = text
        else:
            place.pop(path[-1], None)
    return made


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and content of each."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for method in METHODS:
            if isinstance(item, Mapping) and isinstance(item.get(method), Mapping):
                yield str(path), method, item[method]


def operation_lines(document: Mapping[str, Any]) -> list[tuple[int, Path, tuple[str, ...]]]:
    """Each operation with its parameters, its body and its answers."""
    lines: list[tuple[int, Path, tuple[str, ...]]] = []
    for path, method, told in operations(document):
        at: Path = ("paths", path, method)
        lines.append((0, (*at, "summary"), (f"{method.upper()} {path}", "", "", "", _text(told, "summary"))))
        for index, parameter in enumerate(told.get("parameters") or ()):
            if isinstance(parameter, Mapping) and "name" in parameter:
                where = str(parameter.get("in", ""))
                cells = (
                    str(parameter["name"]), _(PLACES[where]) if where in PLACES else where, type_of(parameter.get("schema")),
                    _("Yes") if parameter.get("required") else "", _text(parameter),
                )  # fmt: skip
                lines.append((1, (*at, "parameters", index, "description"), cells))
        body = told.get("requestBody")
        if isinstance(body, Mapping):
            needed = _("Yes") if body.get("required") else ""
            lines.append((1, (*at, "requestBody", "description"), (_("Body"), _("Body"), _content(body), needed, _text(body))))
        answers = told.get("responses")
        for status, answer in answers.items() if isinstance(answers, Mapping) else ():
            if isinstance(answer, Mapping):
                name = _("Answer {status}").format(status=status)
                lines.append((1, (*at, "responses", status, "description"), (name, "", _content(answer), "", _text(answer))))
    return lines


def schema_lines(document: Mapping[str, Any]) -> list[tuple[int, Path, tuple[str, ...]]]:
    """Each schema with its properties; a property of its own kind of object with those below it."""
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    lines: list[tuple[int, Path, tuple[str, ...]]] = []

    def walk(depth: int, at: Path, name: str, schema: Any, needed: bool) -> None:
        told = schema if isinstance(schema, Mapping) else {}
        lines.append((depth, (*at, "description"), (name, "", type_of(schema), _("Yes") if needed else "", _text(told))))
        inner = told
        while isinstance(inner.get("items"), Mapping) and depth < DEEPEST:
            inner, at = inner["items"], (*at, "items")
        properties = inner.get("properties")
        required = inner.get("required") or ()
        for key, value in properties.items() if isinstance(properties, Mapping) and depth < DEEPEST else ():
            walk(depth + 1, (*at, "properties", key), str(key), value, key in required)

    for name, schema in schemas.items() if isinstance(schemas, Mapping) else ():
        walk(0, ("components", "schemas", name), str(name), schema, False)
    return lines


def type_of(schema: Any) -> str:
    """A schema in a word: `integer`, `Order`, `[Order]`, `string (date)`."""
    if not isinstance(schema, Mapping):
        return ""
    reference = schema.get("$ref")
    if reference:
        return str(reference).rpartition("/")[2]
    kind = schema.get("type")
    if kind == "array":
        return f"[{type_of(schema.get('items'))}]"
    for several in ("oneOf", "anyOf", "allOf"):
        if isinstance(schema.get(several), list):
            return (" & " if several == "allOf" else " | ").join(filter(None, map(type_of, schema[several])))
    word = " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "")
    return f"{word} ({schema['format']})" if schema.get("format") else word


def _content(told: Mapping[str, Any]) -> str:
    content = told.get("content")
    first = next(iter(content.values()), None) if isinstance(content, Mapping) else None
    return type_of(first.get("schema")) if isinstance(first, Mapping) else ""


def _text(told: Mapping[str, Any], *names: str) -> str:
    found = next((str(told[name]) for name in (*names, "description") if told.get(name)), "")
    return " ".join(found.split())
