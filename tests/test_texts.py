"""Every text that a person reads is in the catalogue, and every text of the catalogue is in good French."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from tisserand import texts
from tisserand.sdk.problems import config_problems
from tisserand.sdk.registry import registry
from tisserand.texts import msg

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parent.parent
NBSP = "\u00a0"

THE_SAME = {
    "Action", "Code", "Compression", "Condition", "Conversions", "Date", "Dates", "Description", "Document", "Format", "Menu",
    "Message", "Mode", "NULL", "Notes", "Pagination", "Port", "Python", "SQL", "Secret", "Signal", "Table", "Tables", "Type", "Types", "Union",
    "[OPTIONS]", "cp1252", "date", "document", "gzip", "lz4", "page", "pages", "s", "snappy", "structure", "table", "type", "utf-16",
    "utf-8", "utf-8-sig", "version", "zstd",
}  # fmt: skip
"""Words that are French as well as English, and names that belong to no language."""

SHOWING = {
    "QAction", "QCheckBox", "QGroupBox", "QLabel", "QListWidgetItem", "QMenu", "QPushButton", "QRadioButton", "QTableWidgetItem",
    "QToolBar", "QTreeWidgetItem", "addAction", "addButton", "addItem", "addItems", "addMenu", "addTab", "drawText", "say",
    "setAccessibleDescription", "setAccessibleName", "setHeaderLabels", "setHorizontalHeaderLabels", "setIconText",
    "setInformativeText", "setPlaceholderText", "setPrefix", "setStatusTip", "setSuffix", "setTabText", "setText", "setTitle",
    "setToolTip", "setWhatsThis", "setWindowTitle", "showMessage", "showText",
}  # fmt: skip
"""Calls whose arguments appear on the screen."""

SPEAKING = {"echo", "secho", "prompt", "confirm", "style", "UsageError", "BadParameter", "ClickException", "say"}
TOLD = {"help", "short_help", "epilog", "prompt"}
PLAIN = {"Tisserand", "null"}


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gathered_texts", ROOT / "packaging" / "texts.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


gathered = _load()


@pytest.fixture(scope="module")
def found():
    return gathered.gather()


@pytest.fixture(scope="module")
def french():
    return [message for message in gathered.read("fr") if message.id]


def _both(message) -> Iterator[tuple[str, str]]:
    """(English, French) where there is French, and each plural form beside the English it stands for."""
    ids, strings = ([message.id], [message.string]) if isinstance(message.id, str) else (message.id, message.string)
    yield from ((id, text) for id, text in zip(ids, strings, strict=True) if text)


# --- the catalogue


def test_the_catalogue_holds_every_text_translated_and_compiled(found):
    said = gathered.problems(found)
    assert not said, "\n".join(said)


def test_no_translation_waits_for_a_second_look(french):
    assert [message.id for message in french if message.fuzzy] == []


def test_a_translation_differs_from_the_english_or_is_on_the_list(french):
    same = {
        english
        for message in french
        for english, text in _both(message)
        if english == text and re.search(r"[^\W\d_]", re.sub(r"\{[^}]*\}", "", english))
    }
    assert same - THE_SAME == set()


def test_a_translation_has_the_places_of_the_english(french):
    wrong = [
        (english, text)
        for message in french
        for english, text in _both(message)
        if gathered.places(english) != gathered.places(text)
    ]
    assert wrong == []


def test_a_translation_is_a_template_where_the_english_is_one(french):
    class Given(dict[str, str]):
        def __missing__(self, name: str) -> str:
            return "x"

    for message in french:
        for english, text in _both(message):
            try:
                english.format_map(Given())
            except (ValueError, IndexError, AttributeError):
                continue
            text.format_map(Given())


def test_translations_follow_french_typography(french):
    wrong = []
    for message in french:
        for _english, text in _both(message):
            words = re.sub(r"`[^`]*`", "`", text)
            if re.search(r" [:;!?»](\W|$)|« |[^\W\d_]'[^\W\d_]|“|”", words):
                wrong.append(text)
    assert wrong == [], "no-break spaces inside « » and before : ; ! ?, and ’ for an apostrophe"


def test_what_stands_in_backquotes_stays_where_it_is_a_value(french):
    """`keep`, `%d/%m/%Y`: what a person types into a flow is the same in every language."""
    values = {"keep", "drop", "auto", "inner", "semi", "anti", "zstd", "utf-8", "$name", "%d/%m/%Y", "decimal(12, 2)", "count()"}
    for message in french:
        for english, text in _both(message):
            asked = values.intersection(re.findall(r"`([^`]*)`", english))
            assert asked <= set(re.findall(r"`([^`]*)`", text)), text


def test_plurals_are_plural(french):
    """French counts zero as one."""
    plural = [message for message in french if not isinstance(message.id, str)]
    assert plural
    with gathered.po_path("fr").with_suffix(".mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    for message in plural:
        one, many = message.id
        assert [compiled.ngettext(one, many, count) for count in (0, 1, 2)] == [message.string[0]] * 2 + [message.string[1]]
    assert compiled.ngettext("{count} row", "{count} rows", 0) == "{count} ligne"


def test_texts_of_nodes_and_their_forms_are_gathered(found):
    assert {"Read CSV", "Rejects", "Delimiter", "The character between two values.", "lines"} <= set(found)


BAD = (None, "", 0, -1, 10**30, 1.5, True, "x", [], [1], ["a", "b"], {}, {"a": 1}, {"a": ["b"]}, [[1]], [{"a": 1}], math.nan)


def test_whatever_is_wrong_with_settings_is_said_in_french(french):
    """Problems that pydantic finds come with its own English words, unless there is a sentence of ours for their kind."""
    known = {english for message in french for english, _text in _both(message)}
    models = [node.node.Config for node in registry()] + list(registry().connection_types().values())
    told = 0
    for model in models:
        for name in model.model_fields:
            for value in BAD:
                try:
                    model.model_validate({name: value, "no such setting": 1})
                except ValidationError as error:
                    for problem in config_problems(error, model):
                        told += 1
                        assert problem.message.id in known, (model, name, value)
                        assert problem.fix is None or problem.fix.id in known
    assert told > 1000


# --- the sources


def _raw(tree: ast.AST) -> Iterator[ast.Constant]:
    """Literal words that go through no function that takes texts."""
    if isinstance(tree, ast.Call) and gathered.called(tree) in gathered.TAKERS | {"ngettext", "msg"}:
        return
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        if re.search(r"[^\W\d_]{2}", tree.value) and tree.value.strip(" —·") not in PLAIN:
            yield tree
        return
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
        # The keys of `mapping.get("…")` and the like are not shown; what it is called on may be.
        yield from _raw(tree.func.value)
        return
    if isinstance(tree, ast.Compare):
        return
    for child in ast.iter_child_nodes(tree):
        yield from _raw(child)


def raw_in(tree: ast.Module, showing: set[str], told: set[str]) -> list[tuple[int, str]]:
    """(line, words) of what is shown without being looked up."""
    wrong = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        shown = [*call.args] if gathered.called(call) in showing else []
        shown += [keyword.value for keyword in call.keywords if keyword.arg in told]
        wrong += [(literal.lineno, literal.value) for tree_ in shown for literal in _raw(tree_)]
    return wrong


def test_errors_of_ones_own_take_texts_too():
    tree = ast.parse(
        'class Own(NodeError): ...\nclass Finer(errors.Own): ...\nFiner("A {b}.", fix="Do c." if d else "Do e.", b=1)'
    )
    assert list(gathered.texts_in(tree, gathered.takers_in([tree]))) == ["A {b}.", "Do c.", "Do e."]


def test_the_scan_sees_what_it_shall_see():
    tree = ast.parse('QLabel("Words")\nbox.setText(f"{n} words")\nQLabel(_("Words"))\nlabel.setText(names.get("key"))')
    assert raw_in(tree, SHOWING, set()) == [(1, "Words"), (2, " words")]
    assert raw_in(ast.parse('option("--x", help="Words")'), SPEAKING, TOLD) == [(1, "Words")]


def test_the_designer_shows_no_literal_words():
    wrong = [(place, *found) for place, tree in gathered.modules("app/tisserand/ui") for found in raw_in(tree, SHOWING, set())]
    assert wrong == []


def test_the_command_line_says_no_literal_words():
    wrong = [(place, *found) for place, tree in gathered.modules("app/tisserand/cli") for found in raw_in(tree, SPEAKING, TOLD)]
    assert wrong == []


def test_no_text_is_put_together_before_it_is_looked_up():
    """`msg(f"…{name}…")` can never be found in a catalogue: the names belong into the arguments."""
    wrong = []
    modules = gathered.modules()
    takers = gathered.takers_in(tree for _place, tree in modules)
    for place, tree in modules:
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and gathered.called(call) in takers and call.args:
                asked = [call.args[0], *(keyword.value for keyword in call.keywords if keyword.arg == "fix")]
                wrong += [
                    (place, part.lineno)
                    for text in asked
                    for part in ast.walk(text)
                    if isinstance(part, ast.JoinedStr) or (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Mod))
                ]
    assert wrong == []


# --- in use


@pytest.fixture
def catalogues():
    texts.add_catalogues(ROOT / "resources" / "locale")
    yield
    texts.set_language("en")


def test_a_message_within_a_message_keeps_the_language_that_was_asked_for(catalogues):
    texts.set_language("fr")
    message = msg("Row {row}: {error}", row=3, error=msg("There is no node “{node}”.", node="x"))
    assert message.text() == f"Ligne 3{NBSP}: Il n’y a pas de nœud «{NBSP}x{NBSP}»."
    assert message.text("en") == "Row 3: There is no node “x”."
    assert texts.Message.from_json(message.to_json()).text("en") == "Row 3: There is no node “x”."


def _tisserand(folder: Path, *arguments: str, language: str = "fr") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TISSERAND_LANG": language, "COLUMNS": "100"}
    command = [sys.executable, "-m", "tisserand.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_speaks_french(tmp_path):
    done = _tisserand(tmp_path, "--help")
    assert f"Usage{NBSP}:" in done.stdout and f"Commandes{NBSP}:" in done.stdout
    assert "Exécuter un flux et le suivre jusqu’à la fin." in done.stdout
    assert not re.search(r"\b(Show|Run|List|Options:|the|Usage:)\b", done.stdout), done.stdout
    refused = _tisserand(tmp_path, "nosuch")
    assert refused.returncode == 2 and "Il n’y a pas de commande 'nosuch'." in refused.stderr


def test_the_nodes_are_listed_in_french(tmp_path):
    done = _tisserand(tmp_path, "nodes")
    assert "Filtrer des lignes" in done.stdout and "Filter rows" not in done.stdout
    page = _tisserand(tmp_path, "nodes", "file.read_csv").stdout
    assert page.startswith("Lire du CSV") and "Le caractère entre deux valeurs" in page and "Rejets" in page
    assert not re.search(r"\b(the|The|which|Settings)\b", page), page


def test_a_broken_flow_is_refused_in_french_and_in_english(tmp_path):
    (tmp_path / "tisserand.yaml").touch()
    (tmp_path / "flows").mkdir()
    broken = tmp_path / "flows" / "broken.yaml"
    broken.write_text(
        "tisserand: 1\nid: broken\nnodes:\n"
        "  a: {kind: table.filtre}\n"
        "  b: {kind: table.filter, inputs: {table: nowhere}, config: {where: 'amount >', colour: '{{ nowhere }}'}}\n"
    )
    french = _tisserand(tmp_path, "check", "flows/broken.yaml")
    assert french.returncode == 2
    said = french.stdout + french.stderr
    assert f"Il n’y a pas de type de nœud «{NBSP}table.filtre{NBSP}»." in said
    assert f"Vouliez-vous dire «{NBSP}table.filter{NBSP}»{NBSP}?" in said
    assert f"«{NBSP}colour{NBSP}» n’est pas un réglage de ce nœud." in said
    assert "There is no" not in said and "“" not in said
    english = _tisserand(tmp_path, "check", "flows/broken.yaml", language="en")
    assert "There is no node kind “table.filtre”." in english.stdout + english.stderr


def test_qt_says_its_own_words_in_french_too(catalogues, qapp):
    from PySide6.QtWidgets import QDialogButtonBox

    from tisserand.ui.app import translate_qt

    def cancel() -> str:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        return buttons.buttons()[0].text()

    texts.set_language("fr")
    translate_qt(qapp)
    assert cancel() == "Annuler"
    texts.set_language("en")
    translate_qt(qapp)
    assert cancel() == "Cancel"


def test_the_window_remembers_the_language_that_was_chosen(monkeypatch, tmp_path, qapp):
    from PySide6.QtCore import QSettings

    from tisserand.ui.app import choose_language

    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    monkeypatch.delenv("TISSERAND_LANG")
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    assert choose_language(settings) == "en"
    settings.setValue("language", "fr")
    assert choose_language(settings) == "fr"
    monkeypatch.setenv("TISSERAND_LANG", "en")
    assert choose_language(settings) == "en"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "TISSERAND_LANG": "fr"}, "fr"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_environment_chooses_the_language(monkeypatch, environment, expected):
    for name in ("TISSERAND_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert texts.set_language(None) == expected
    texts.set_language("en")


def test_numbers_are_written_as_the_language_does():
    try:
        assert [texts.number(1234), texts.number(0.25, 1), texts.number(1234567.891, 2)] == ["1,234", "0.2", "1,234,567.89"]
        texts.set_language("fr")
        assert [texts.number(1234), texts.number(12.5, 1)] == ["1\u202f234", "12,5"]
    finally:
        texts.set_language("en")
