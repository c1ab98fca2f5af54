"""`tisserand fmt`: flow files in the one fixed form, without ever losing a comment unasked."""

from __future__ import annotations

from pathlib import Path

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.model.problem import Place, Problem
from tisserand.texts import N_, msg


@click.command(
    cls=Command, help=N_("Write each FLOW (all flows of the workspace otherwise) in the one fixed form: order, quotes, indents.")
)
@click.argument("flows", nargs=-1, metavar="[FLOW]…")
@option("--check", is_flag=True, help=N_("Change nothing; exit code 1 tells that something would change."))
@option("--drop-comments", is_flag=True, help=N_("Write files with comments too; the comments are lost."))
@workspace_option
@json_option
def fmt(flows: tuple[str, ...], check: bool, drop_comments: bool, workspace: str | None, as_json: bool) -> int:
    from tisserand.files import write_text
    from tisserand.model.yamlfile import read_flow, write_flow
    from tisserand.model.yamltext import comments

    place = session.workspace(workspace, flows[0] if flows else None)
    paths = [place.find_flow(flow) for flow in flows] if flows else place.flow_files()
    changed: list[str] = []
    problems: list[Problem] = []
    for path in paths:
        name = _name(path, place.root)
        text = path.read_bytes().decode("utf-8", errors="replace")
        reading = read_flow(text, name)
        errors = [problem for problem in reading.problems if problem.severity == "error"]
        if errors or reading.flow is None:
            problems += errors
            continue
        written = write_flow(reading.flow)
        if written == text:
            continue
        told = [] if check or drop_comments else comments(text)
        if told:
            problems.append(_comment_problem(name, told[0][0]))
            continue
        changed.append(name)
        if not check:
            write_text(path, written)
    if as_json:
        session.print_json({"changed": changed, "problems": [session.problem_json(problem) for problem in problems]})
    else:
        session.print_problems(problems)
        for name in changed:
            click.echo((msg("{file} would change", file=name) if check else msg("{file} written", file=name)).text())
    if problems:
        return 2
    return 1 if check and changed else 0


def _comment_problem(name: str, line: int) -> Problem:
    message = msg("The comment would be lost.")
    return Problem("fmt.comment", message, msg("Turn it into a note, or give --drop-comments."), Place(file=name, line=line))


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
