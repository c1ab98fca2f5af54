"""The entry point `tisserand`: finds the command, and turns every failure into a sentence and an exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tisserand import __version__, texts
from tisserand.cli.words import Group, Option, speak_our_language
from tisserand.files import shipped
from tisserand.texts import N_, msg

if TYPE_CHECKING:
    from tisserand.model.problem import Problem

DONE, FAILED, WRONG, CANCELLED = 0, 1, 2, 130

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("tisserand.cli.run:run", N_("Run a flow and follow it to its end.")),
    "resume": ("tisserand.cli.run:resume", N_("Go on with a run that did not end well.")),
    "check": ("tisserand.cli.check:check", N_("Say everything that is wrong with flows.")),
    "explain": ("tisserand.cli.check:explain", N_("Show how a flow will be run.")),
    "fmt": ("tisserand.cli.fmt:fmt", N_("Write flow files in the one fixed form.")),
    "new": ("tisserand.cli.new:new", N_("Make a workspace, or a flow in one.")),
    "nodes": ("tisserand.cli.reference:nodes", N_("List the node types, or show all of one.")),
    "schema": ("tisserand.cli.reference:schema", N_("Print the JSON Schema of flow files or of a node.")),
    "runs": ("tisserand.cli.data:runs", N_("List the runs, the latest first.")),
    "logs": ("tisserand.cli.logs:logs", N_("Show what happened in a run, and what its process wrote.")),
    "data": ("tisserand.cli.data:data", N_("Show the rows at a node's port in a run.")),
    "ps": ("tisserand.cli.queue:ps", N_("List the runs that are under way, queued, paused or waiting.")),
    "cancel": ("tisserand.cli.queue:cancel", N_("Cancel runs.")),
    "pause": ("tisserand.cli.queue:pause", N_("Hold a run, a flow, or everything.")),
    "unpause": ("tisserand.cli.queue:unpause", N_("Let what was paused go on.")),
    "watch": ("tisserand.cli.watch:watch", N_("Switch flows on that start by themselves.")),
    "schedule": ("tisserand.cli.schedule:schedule", N_("Show when flows come due, and why one ran or did not.")),
    "inbox": ("tisserand.cli.inbox:inbox", N_("See, mend and send again the events that flows are started for.")),
    "approvals": ("tisserand.cli.approvals:approvals", N_("List what runs ask people to decide.")),
    "approve": ("tisserand.cli.approvals:approve", N_("Approve or reject what a run asks.")),
    "signal": ("tisserand.cli.approvals:signal", N_("Send a signal to the runs that wait for it.")),
    "find": ("tisserand.cli.find:find", N_("Find the runs and events that had a business key’s value.")),
    "erase": ("tisserand.cli.find:erase", N_("Erase a value from all that the executor keeps.")),
    "alerts": ("tisserand.cli.alerts:alerts", N_("List, acknowledge and silence alerts, and test where they are told.")),
    "audit": ("tisserand.cli.audit:audit", N_("List, export and verify who had the executor do what.")),
    "retention": ("tisserand.cli.retention:retention", N_("Let go of what is not to be kept any longer.")),
    "api": ("tisserand.cli.api:api", N_("Keep the catalogue of APIs: what is offered, to whom, under which terms.")),
    "gateway": ("tisserand.cli.gateway:gateway", N_("Push APIs to gateways, and see who called what.")),
    "connection": ("tisserand.cli.connection:connection", N_("Add, test, list and remove connections.")),
    "secret": ("tisserand.cli.connection:secret", N_("Set, list and remove secrets.")),
    "serve": ("tisserand.cli.serve:serve", N_("Serve the workspace to the designer and to other programs.")),
    "executor": ("tisserand.cli.executor:executor", N_("Stop, drain, restart and install the executor.")),
    "designer": ("tisserand.cli.serve:designer", N_("Open the window.")),
}


def _set_language(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        texts.set_language(value)


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"Tisserand {__version__}")
        ctx.exit()


root = Group(
    "tisserand",
    commands_at=COMMANDS,
    help=N_("Tisserand weaves data flows: run, check and look into them from the command line."),
    params=[
        Option(
            ["--lang"],
            type=click.Choice(texts.LANGUAGES),
            is_eager=True,
            expose_value=False,
            callback=_set_language,
            help=N_("The language of all texts; the environment decides otherwise."),
        ),
        Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help=N_("Show the version and exit."),
        ),
    ],
    epilog=N_("Exit codes: 0 done, 1 the run failed, 2 the flow or the call is wrong, 130 cancelled."),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(call(list(sys.argv[1:] if argv is None else argv)))


def call(argv: list[str]) -> int:
    """Run one command; gives the exit code. Nothing but a sentence reaches the person when it goes wrong."""
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language(None)
    speak_our_language()
    if os.environ.get("TISSERAND_DEBUG") == "1":
        return _code(root.main(argv, prog_name="tisserand", standalone_mode=False))
    as_json = "--json" in argv
    try:
        return _code(root.main(argv, prog_name="tisserand", standalone_mode=False))
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        if not as_json:
            error.show()
            return WRONG
        from tisserand.model.problem import Problem

        return _say([Problem("call.usage", msg("{sentence}", sentence=error.format_message()))], True, WRONG)
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return CANCELLED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:  # noqa: BLE001 - the last place: whatever happened becomes a sentence, the rest a file
        problems, code = _explained(error)
        return _say(problems, as_json, code)


def _code(result: object) -> int:
    return result if isinstance(result, int) else DONE


def _explained(error: Exception) -> tuple[list[Problem], int]:
    from tisserand.engine.launch import Refused
    from tisserand.model.problem import Place, Problem
    from tisserand.sdk.errors import NodeError
    from tisserand.store import StoreError

    if isinstance(error, Refused):
        return error.problems, WRONG
    if isinstance(error, NodeError):
        fix = texts.Message(error.fix.id, {**error.message.args, **error.fix.args}) if error.fix else None
        return [Problem("call.refused", error.message, fix, Place(line=error.line, field=error.field))], WRONG
    if isinstance(error, StoreError):  # the journal's too
        return [Problem("journal", error.message)], WRONG
    if isinstance(error, click.ClickException):
        return [Problem("call", msg("{sentence}", sentence=error.format_message()))], WRONG
    if isinstance(error, OSError) and error.filename:
        reason = error.strerror or str(error)
        return [Problem("system", msg("“{path}”: {reason}.", path=str(error.filename), reason=reason))], WRONG
    from tisserand.service.crash import report

    return [report(error)], FAILED


def _say(problems: list[Problem], as_json: bool, code: int) -> int:
    if as_json:
        click.echo(json.dumps({"problems": [problem.to_json() | {"text": problem.line()} for problem in problems]}))
    else:
        for problem in problems:
            click.echo(problem.line(), err=True)
    return code


if __name__ == "__main__":
    main()
