"""Click in the reader's language: commands and options whose texts are looked up late, and click's own words."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tisserand import texts
from tisserand.texts import N_, translate

CLICK_WORDS = (
    N_("Usage:"),
    N_("[OPTIONS]"),
    N_("Options"),
    N_("Commands"),
    N_("Aborted!"),
    N_("Missing command."),
    N_("Missing argument"),
    N_("Missing option"),
    N_("Missing parameter"),
    N_("Missing {param_type}"),
    N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("Error: {message}"),
    N_("No such option {name!r}."),
    N_("No such command {name!r}."),
    N_("Did you mean {possibility}?"),
    N_("Choose from:\n\t{choices}"),
    N_("Try '{command} {option}' for help."),
    N_("Show this message and exit."),
    N_("Option {name!r} requires an argument."),
    N_("Option {name!r} does not take a value."),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
    N_("{name} {filename!r} does not exist."),
    N_("{name} {filename!r} is a file."),
    N_("{name} {filename!r} is a directory."),
    N_("default: {default}"),
    N_("required"),
    N_("file"),
    N_("directory"),
    N_("path"),
)
"""What click itself says; the singulars and plurals below are looked up by its own `ngettext` calls."""

CLICK_PLURALS = (
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
)


def speak_our_language() -> None:
    """Let click look its words up in our catalogues: it imports gettext's functions by name, one module at a time."""
    for name in ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types"):
        module = importlib.import_module(f"click.{name}")
        if hasattr(module, "_"):
            vars(module)["_"] = translate
        if hasattr(module, "ngettext"):
            vars(module)["ngettext"] = texts.ngettext


class Option(click.Option):
    """An option whose help is translated when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        written = self.help
        self.help = translate(written) if written else written
        try:
            return super().get_help_record(ctx)
        finally:
            self.help = written


class Command(click.Command):
    """A command whose help is translated when it is shown."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write(formatter, self.help)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            formatter.write_paragraph()
            formatter.write_text(translate(inspect.cleandoc(self.epilog)))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [translate(piece) for piece in super().collect_usage_pieces(ctx)]


class Group(Command, click.Group):
    """A group that knows its commands by name and imports them only when they are called; the help needs no import."""

    command_class = Command

    def __init__(self, *args: Any, commands_at: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("subcommand_metavar", N_("COMMAND …"))
        kwargs.setdefault("no_args_is_help", True)
        super().__init__(*args, **kwargs)
        self._at = commands_at or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._at, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self._at.get(cmd_name)
        if found is None:
            return super().get_command(ctx, cmd_name)
        module, _colon, name = found[0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, translate(short)) for name, (_at, short) in self._at.items()]
        rows += [(name, translate(command.help or "").split("\n")[0]) for name, command in self.commands.items()]
        with formatter.section(translate("Commands")):
            formatter.write_dl(rows)


def _write(formatter: click.HelpFormatter, text: str | None) -> None:
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(translate(inspect.cleandoc(text)))


F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, **attrs: Any) -> Callable[[F], F]:
    """`click.option` with our class."""
    return click.option(*names, cls=Option, **attrs)


json_option = option("--json", "as_json", is_flag=True, help=N_("Print one JSON document on standard output, and nothing else."))
workspace_option = option(
    "--workspace", metavar="DIR", help=N_("The workspace; otherwise the one that the current folder lies in.")
)
env_option = option("--env", metavar="NAME", help=N_("The environment, for example production."))
