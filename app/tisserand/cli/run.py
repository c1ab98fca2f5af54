"""`tisserand run` and `tisserand resume`: start a run, follow it, and answer with its exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, env_option, json_option, option, workspace_option
from tisserand.model.problem import Problem
from tisserand.texts import N_, msg

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor, RunInfo

_CODES = {"done": 0, "waiting": 0, "failed": 1, "cancelled": 130, "interrupted": 1}


@click.command(cls=Command, help=N_("Run FLOW (an id, a file name or a path) and follow it to its end."))
@click.argument("flow", metavar="FLOW")
@option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help=N_("A parameter's value; repeatable."))
@env_option
@option("--memory", metavar="SIZE", help=N_("The most memory that the run may take, for example 1GB."))
@option("--threads", type=click.IntRange(1, 4096), help=N_("The most threads that the run may use."))
@option("--keep", type=click.Choice(["none", "cuts", "all"]), default="cuts", help=N_("Which edges keep their rows afterwards."))
@option("--until", metavar="NODE", help=N_("Run this node and what it needs, nothing else."))
@workspace_option
@json_option
def run(
    flow: str,
    parameters: tuple[str, ...],
    env: str | None,
    memory: str | None,
    threads: int | None,
    keep: str,
    until: str | None,
    workspace: str | None,
    as_json: bool,
) -> int:
    from tisserand.service.protocol import RunRequest

    place = session.workspace(workspace, flow)
    request = RunRequest(
        file=session.flow_file(place, flow),
        env=env,
        parameters=dict(_pair(text) for text in parameters),
        memory=_size(memory),
        threads=threads,
        keep=keep,  # type: ignore[arg-type]  # click's choice above
        until=until,
        by=session.user(),
    )
    with session.executor(place) as executor:
        return _to_the_end(executor, executor.start(request), 0, as_json)


@click.command(cls=Command, help=N_("Go on with RUN (“last” is the latest) from what it had completed."))
@click.argument("run", metavar="RUN")
@option(
    "--uncertain",
    type=click.Choice(["repeat", "skip"]),
    help=N_("What to do with a target of which nobody knows whether it was written."),
)
@option("--edited", is_flag=True, help=N_("Take the flow as its file has it now; what the edit does not change is kept."))
@workspace_option
@json_option
def resume(run: str, uncertain: Any, edited: bool, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace)
    with session.executor(place) as executor:
        run = session.run_id(executor, run)
        seen = max((event.seq or 0 for event in executor.events(run)), default=0)
        return _to_the_end(executor, executor.resume(run, uncertain, edited, by=session.user()), seen, as_json)


def _to_the_end(executor: Executor, run: str, after: int, as_json: bool) -> int:
    from tisserand.cli.progress import view

    stopping = threading.Event()
    wrong: list[Problem] = []
    with _cancelling(executor, run, stopping), view(run, quiet=as_json) as shown:
        for event in executor.events(run, after, follow=True):
            if event.kind == "problem":
                wrong.append(Problem.from_json(event.data["error"]))
            shown.event(event)
    found = executor.run(run)
    never_began = found.state == "failed" and found.error is not None and not found.started_nodes
    if as_json:
        document: dict[str, Any] = {"run": _run_json(found)}
        session.print_json(document | ({"problems": [session.problem_json(problem) for problem in wrong]} if wrong else {}))
    else:
        session.print_problems(wrong)
        shown.summary(found, told=bool(wrong))
        if found.state == "waiting":
            _tell_who_goes_on(executor, found)
    if never_began and _is_the_calls_fault(found, wrong):
        return 2
    return _CODES.get(found.state, 1)


def _tell_who_goes_on(executor: Executor, found: RunInfo) -> None:
    from tisserand.service.local import LocalExecutor

    if isinstance(executor, LocalExecutor):
        text = msg("No executor is running: “tisserand serve” goes on with it, or: tisserand resume {run}", run=found.id)
    else:
        text = msg("The executor goes on with it when that has come.")
    click.echo(text.text(), err=True)


def _is_the_calls_fault(found: RunInfo, wrong: list[Problem]) -> bool:
    """Whether a run that never began did so because the flow or the call is wrong, and not because something broke, or because
    a source is out of reach or has changed."""
    assert found.error is not None
    codes = [problem.code for problem in wrong] or [found.error.code]
    return not all(code.startswith(("worker.", "run.", "internal", "source.")) for code in codes)


def _run_json(found: RunInfo) -> dict[str, Any]:
    data = found.to_json()
    if found.error is not None:
        data["error"]["text"] = found.error.line()
    return data


@contextmanager
def _cancelling(executor: Executor, run: str, stopping: threading.Event) -> Iterator[None]:
    """Ctrl+C and SIGTERM cancel the run politely and let the command see it end; a second Ctrl+C leaves at once."""

    def ask(_number: int, _frame: object) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()
        click.echo(msg("Cancelling …").text(), err=True)
        # Not in the handler itself: it interrupts whatever holds the journal's lock right now.
        threading.Thread(target=executor.cancel, args=(run,), daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(msg("“{text}” is not NAME=VALUE.", text=text).text())
    return name.strip(), value


def _size(text: str | None) -> str | None:
    from tisserand.model import units

    if text is not None:
        try:
            units.size(text)
        except units.UnitError as error:
            raise click.UsageError(error.message.text()) from None
    return text
